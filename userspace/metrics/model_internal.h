/* SPDX-License-Identifier: Apache-2.0 */
/* What building the model (model.c) leaves for cutting it (cut.c). */
#ifndef EDGETAP_METRICS_MODEL_INTERNAL_H
#define EDGETAP_METRICS_MODEL_INTERNAL_H

#include "metrics/model.h"

#define NO_SOURCE UINT32_MAX

struct model_source {
	struct model_labels labels; /* UTF-8 */
	const __u64 *count;
	bool live;	    /* a slot, not an entry of the roll-up */
	bool app_only;	    /* has no labels but app and namespace */
	uint64_t in_flight; /* 0 unless live */
	uint64_t rest[DESTINATION_FIELDS];
};

/* Largest rest that a life of a slot has shown. */
struct model_rest {
	uint64_t born_ns;
	uint64_t value[DESTINATION_FIELDS];
};

struct cut_storage {
	bool valid;
	struct model_cut cut;
	uint32_t *member;    /* sources in the order of their entities */
	uint32_t *entity_of; /* by source; NO_SOURCE: not in this cut */
	uint32_t member_capacity, entity_of_capacity, entity_capacity;
	uint32_t responses_capacity, rows_capacity, destinations_capacity;
};

struct model {
	struct model_source *source;
	struct model_responses *responses;
	struct model_rows *rows;
	struct model_destination *destinations;
	uint32_t sources, response_items, row_items, destination_items;
	uint32_t source_capacity, responses_capacity, rows_capacity, destinations_capacity;

	uint32_t *source_of;	 /* by slot */
	uint64_t *finished;	 /* by slot: requests whose end was counted */
	struct model_rest *rest; /* by slot */
	uint32_t source_of_capacity, finished_capacity, rest_capacity;

	char *text; /* repaired labels */
	uint32_t text_capacity;
	uint32_t instances;

	struct cut_storage cuts[MODEL_CUTS];
	unsigned int next_cut;
};

/*
 * Makes *array (a pointer to the array's pointer) hold at least count
 * elements, new bytes zero. Returns 0 or -ENOMEM.
 */
int model__grow(void *array, uint32_t *capacity, uint64_t count, size_t size);

/* Frees what the storage holds, not the storage itself. */
void cut_storage__free(struct cut_storage *storage);

#endif
