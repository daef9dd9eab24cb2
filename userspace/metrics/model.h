/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metric model: what the kernel and the roll-up have counted, told by
 * labels instead of slots. A *source* is one slot or one entry of the roll-up.
 * A *grouping* puts sources into *entities* by some of their labels: by all of
 * them it is instances, by app and namespace it is apps. What a source counts
 * is summed into its entity, so every grouping has the same totals.
 */
#ifndef EDGETAP_METRICS_MODEL_H
#define EDGETAP_METRICS_MODEL_H

#include <stdbool.h>
#include <stdint.h>

#include "metrics/rollup.h"
#include "snapshot/snapshot.h"

/* Roles in which an entity has been seen; upgrader: connections of its became no longer HTTP. */
enum model_role { ROLE_SERVER = 1, ROLE_CLIENT = 2, ROLE_UPGRADER = 4 };

/* Final responses with one status; owner is an index of sources or, in a grouping, of entities. */
struct model_responses {
	uint32_t owner;
	uint16_t status; /* exact code or STATUS_OTHER */
	const __u64 *by_method;
};

/*
 * The histogram rows of one group. Those of gRPC methods all have the status
 * STATUS_RPC(0) and are told apart by method.
 */
struct model_rows {
	uint32_t owner;
	uint16_t status;    /* as in struct row_group_key */
	const char *method; /* NULL unless of a gRPC method */
	const struct row *row;
};

/* Responses of one gRPC method, by grpc-status. Two with the same text are one method. */
struct model_rpc {
	uint32_t owner;
	const char *method; /* path, or `__other__` */
	const __u64 *by_code;
};

/* Counts by names, which in a grouping are another's nowhere in the entity. */
struct model_series {
	uint32_t owner;
	enum series_kind kind;
	const char *name[SERIES_NAMES]; /* see snapshot_series; texts are UTF-8, "": absent */
	uint64_t count[SERIES_COUNTS];
};

struct model_entity {
	const struct model_labels
		*labels; /* those in the grouping's mask are common to its sources */
	unsigned int roles;
	uint64_t count[INSTANCE_COUNTS]; /* counters summed, gauges the largest */
	uint64_t in_flight;		 /* requests, of living instances */
	uint64_t upgraded;		 /* connections that are no longer HTTP, likewise */

	/* Ranges of the grouping's arrays. */
	uint32_t first_responses, end_responses;
	uint32_t first_rows, end_rows;
	uint32_t first_rpc, end_rpc;
	uint32_t first_series, end_series;
};

/* Arrays are ordered by entity, then status and method, or kind and names. */
struct model_grouping {
	unsigned int mask; /* bits of enum model_label */
	struct model_entity *entity;
	uint32_t entity_count;
	struct model_responses *responses;
	struct model_rows *rows;
	struct model_rpc *rpcs;
	struct model_series *series;
};

struct model;

/* Returns 0 or -ENOMEM. */
int model__new(struct model **ret_model);
void model__free(struct model *model);

/*
 * Reads a snapshot. rollup may be NULL. Everything pointed to must stay until
 * the model is built again or no longer asked. Memory is kept from one time to
 * the next and bounded by the snapshot's sizes. Returns 0 or -ENOMEM.
 */
int model__build(struct model *model, const struct snapshot *snapshot,
		 const struct model_identities *identities, const struct rollup *rollup);

/* How many groupings can be in use at the same time. */
#define MODEL_GROUPINGS 4

/*
 * The grouping by the labels in mask, made at the first call. Retired instances are
 * part of it unless it tells apart what the roll-up does not. It is the
 * model's own, valid until the next build or until MODEL_GROUPINGS others were
 * asked for. Returns 0 or -ENOMEM.
 */
int model__group_by(struct model *model, unsigned int mask,
		    const struct model_grouping **ret_grouping);

/* Instances that are observed now, without `__other__` and those that a rule drops. */
uint32_t model__instances(const struct model *model);

#endif
