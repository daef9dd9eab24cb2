/* SPDX-License-Identifier: Apache-2.0 */
/* What building the model (model.c) leaves for cutting it (grouping.c). */
#ifndef EDGETAP_METRICS_MODEL_INTERNAL_H
#define EDGETAP_METRICS_MODEL_INTERNAL_H

#include "metrics/model.h"
#include "metrics/rpc_path.h"

#define NO_SOURCE UINT32_MAX

struct model_source {
	struct model_labels labels; /* UTF-8 */
	const __u64 *count;
	bool live;	    /* a slot, not an entry of the roll-up */
	bool app_only;	    /* has no labels but app and namespace */
	uint64_t in_flight; /* this and the next: 0 unless live */
	uint64_t upgraded;
	uint64_t rest[SERIES_KINDS][SERIES_COUNTS]; /* of kinds with totals */
};

/* Largest rest that a life of a slot has shown. */
struct model_rest {
	uint64_t born_ns;
	uint64_t value[SERIES_KINDS][SERIES_COUNTS];
};

/* Text of a gRPC method's path, kept as long as its entry's key is the same. */
struct model_rpc_text {
	struct rpc_key key;
	char text[RPC_PATH_TEXT_BYTES];
};

struct grouping_storage {
	bool valid;
	struct model_grouping grouping;
	uint32_t *member;    /* sources in the order of their entities */
	uint32_t *entity_of; /* by source; NO_SOURCE: not in this grouping */
	uint32_t member_capacity, entity_of_capacity, entity_capacity;
	uint32_t responses_capacity, rows_capacity, rpcs_capacity, series_capacity;
};

struct model {
	struct model_source *source;
	struct model_responses *responses;
	struct model_rows *rows;
	struct model_rpc *rpcs;
	struct model_series *series;
	uint32_t sources, response_items, row_items, rpc_items, series_items;
	uint32_t source_capacity, responses_capacity, rows_capacity, rpcs_capacity, series_capacity;

	uint32_t *source_of;	 /* by slot */
	uint64_t *finished;	 /* by slot: requests whose end was counted */
	struct model_rest *rest; /* by slot */
	uint32_t source_of_capacity, finished_capacity, rest_capacity;

	struct model_rpc_text **rpc_text; /* by index; NULL: not asked yet */
	uint32_t rpc_text_capacity;

	char *text; /* repaired labels */
	uint32_t text_capacity;
	uint32_t instances;

	struct grouping_storage groupings[MODEL_GROUPINGS];
	unsigned int next_grouping;
};

/*
 * Makes *array (a pointer to the array's pointer) hold at least count
 * elements, new bytes zero. Returns 0 or -ENOMEM.
 */
int model__grow(void *array, uint32_t *capacity, uint64_t count, size_t size);

/*
 * Read what has names: gRPC methods (before the rows, which take their names
 * from them) and series. Room must have been made for all. The
 * first returns 0 or -ENOMEM.
 */
int model__read_rpcs(struct model *model, const struct snapshot *snapshot);
void model__read_series(struct model *model, const struct snapshot *snapshot);

/* Makes series of the rest of each source, once all have been read. */
void model__add_rest(struct model *model);

/* The same of an entry of the roll-up, which is this source. */
void model__read_rollup_rpcs(struct model *model, const struct rollup_entry *entry,
			     uint32_t source);
void model__read_rollup_series(struct model *model, const struct rollup_entry *entry,
			       uint32_t source);

/* The method that a group of rows belongs to; NULL if it is of no gRPC method. */
const char *model__method_of(const struct model *model, const struct snapshot *snapshot,
			     const struct row_group_key *group);

/* Which source a slot is; NO_SOURCE if it is none. */
static inline uint32_t model__source_of(const struct model *model, const struct snapshot *snapshot,
					uint32_t slot)
{
	return slot < snapshot->slot_count ? model->source_of[slot] : NO_SOURCE;
}

/* Frees what the storage holds, not the storage itself. */
void grouping_storage__free(struct grouping_storage *storage);

#endif
