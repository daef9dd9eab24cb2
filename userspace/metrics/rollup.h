/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What retired instances have counted, so that no sum falls when one dies.
 *
 * A retired slot's counts go to the entry of its app and namespace. But while
 * another slot with the very same labels lives (a restarted unit, a replaced
 * executable), its series go on, and must not fall either: then they go to an
 * entry of all its labels, and to the app only when the last such slot goes.
 *
 * The number of entries is bounded; beyond it, `__other__` takes the counts.
 * Gauges are facts of the living and are not kept.
 */
#ifndef EDGETAP_METRICS_ROLLUP_H
#define EDGETAP_METRICS_ROLLUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/labels.h"
#include "defaults.h"
#include "snapshot/snapshot.h"

#define VALUE_OTHER "__other__"	    /* beyond a limit */
#define VALUE_UNKNOWN "__unknown__" /* counted by the kernel, never announced */

/* Labels that tell instances apart, in the order in which they are compared. */
enum model_label {
	MODEL_APP,
	MODEL_NAMESPACE,
	MODEL_INSTANCE,
	MODEL_POD,
	MODEL_CONTAINER,
	MODEL_LABELS
};

#define MODEL_ALL_LABELS ((1U << MODEL_LABELS) - 1)
#define MODEL_APP_LABELS (1U << MODEL_APP | 1U << MODEL_NAMESPACE)

struct model_labels {
	const char *value[MODEL_LABELS]; /* "": absent */
};

/* Those of an identity, whose strings they are. */
struct model_labels model_labels__of(const struct identity *identity);

/*
 * The name under which a scraper in Kubernetes gives its targets this label, that of the
 * agent's own pod; NULL if it gives none. With honor_labels it leaves out those that a
 * series has, be it without a value, which then is no label (as Pushgateway does).
 */
const char *model_label__of_targets(enum model_label label);

/* Of the living, not summed; they are the last of the counts. */
static inline bool count_is_gauge(int count)
{
	return count >= GAUGE_LISTEN_BACKLOG;
}

struct identity_table;

/* Where labels come from: identity_table__get and its table, or a test's own. */
struct model_identities {
	const struct identity *(*get)(const struct identity_table *table, uint32_t slot);
	const struct identity_table *table;
	bool (*has_pods)(const struct identity_table *table); /* NULL: there are none */
};

/*
 * Bounds of one entry; what goes beyond is counted as STATUS_OTHER, under
 * `__other__` instead of its name, or as not listed.
 */
#define ROLLUP_MAX_STATUSES 64
#define ROLLUP_MAX_GROUPS 18
#define ROLLUP_MAX_RPCS_OF_ENTRY DEFAULT_MAX_RPCS_OF_INSTANCE
#define ROLLUP_MAX_LISTED 64  /* series of a kind with totals (series__totals) */
#define ROLLUP_MAX_SERIES 128 /* series of any other kind */

/* gRPC methods of all entries, 8 KB each, one `__other__` for each entry apart. */
#define ROLLUP_MAX_RPCS DEFAULT_MAX_RPCS

struct rollup_status {
	uint16_t status;
	__u64 responses[METHOD_N];
};

struct rollup_group {
	uint16_t status;
	struct row row[GROUP_ROWS];
};

#define RPC_ROWS (ROW_RPC_QUEUE + 1)

struct rollup_rpc {
	char *method; /* as rpc_path__text gives it */
	__u64 responses[RPC_CODES];
	struct row row[RPC_ROWS];
};

struct rollup_series {
	enum series_kind kind;
	char *name[SERIES_NAMES]; /* see snapshot_series */
	uint64_t count[SERIES_COUNTS];
};

struct rollup_entry {
	struct model_labels labels; /* as they were given, not checked for UTF-8 */
	bool whole;    /* all labels, for a slot whose like still lives; else app and namespace */
	uint32_t user; /* account of the user whose executable it was made for; 0: none */
	__u64 count[INSTANCE_COUNTS];
	struct rollup_status *statuses;
	uint32_t status_count;
	struct rollup_group **groups;
	uint32_t group_count;
	struct rollup_rpc **rpcs;
	uint32_t rpc_count;
	struct rollup_series *series;
	uint32_t series_count;
};

struct rollup;

/* At most max_apps entries of either kind. Returns 0 or -ENOMEM. */
int rollup__new(struct rollup **ret_rollup, uint32_t max_apps, uint32_t slot_count);
void rollup__free(struct rollup *rollup);

/*
 * Adds the final counts of a slot that the kernel has forgotten but not given
 * away (between loader__slot_detach and loader__slot_reuse), while its
 * identity is still there. From now on the model passes over the slot until
 * it is born anew, so that a scrape counts it once whenever it comes. Adding
 * the same life of a slot again does nothing, nor does a slot that a rule
 * drops. Never fails: without memory the counts go to `__other__`.
 */
void rollup__retire(struct rollup *rollup, const struct snapshot *snapshot, uint32_t slot,
		    const struct model_identities *identities);

/* Whether the counts of the slot, in its present life, are in the roll-up already. */
bool rollup__has_retired(const struct rollup *rollup, const struct snapshot *snapshot,
			 uint32_t slot);

/* Entries, the first of which is `__other__`. The pointers are valid until the next retire. */
uint32_t rollup__count(const struct rollup *rollup);
const struct rollup_entry *rollup__entry(const struct rollup *rollup, uint32_t index);

/*
 * Whether what was counted for a slot of this generation is that of the slot's
 * present owner. Detaching a slot changes its generation while its counts are
 * still to be read, so the one before counts too: giving the slot back deletes
 * them.
 */
static inline bool slot__is_current(const struct snapshot *snapshot, uint32_t slot,
				    uint32_t generation)
{
	return slot < snapshot->slot_count && snapshot->slots[slot].generation - generation <= 1;
}

/*
 * The labels of a slot in use: its identity's; `__other__` for the slot of
 * that name; `__unknown__` for one that has none. False if a rule drops it.
 * The strings are the identity's own, not checked for UTF-8.
 */
bool model_labels__of_slot(struct model_labels *ret_labels, uint32_t slot,
			   const struct model_identities *identities);

/* Order by the labels in mask (bits of enum model_label). */
int model_labels__compare(const struct model_labels *a, const struct model_labels *b,
			  unsigned int mask);

#endif
