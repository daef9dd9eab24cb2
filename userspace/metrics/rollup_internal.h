/* SPDX-License-Identifier: Apache-2.0 */
/* The roll-up's entries by label (rollup.c), and what is added to one of them (rollup_add.c). */
#ifndef EDGETAP_METRICS_ROLLUP_INTERNAL_H
#define EDGETAP_METRICS_ROLLUP_INTERNAL_H

#include "metrics/rollup.h"

struct retired {
	bool done;
	uint64_t born_ns; /* which life of the slot */
};

struct rollup {
	uint32_t max_each; /* entries by app, and entries of all labels */
	uint32_t count;
	uint32_t whole_count;
	uint32_t rpc_count;	     /* of all entries, without their `__other__` */
	struct rollup_entry **entry; /* room for both kinds and `__other__` */
	struct retired *retired;     /* by slot */
	uint32_t slot_count;
};

/* Labels outside mask (bits of enum model_label) are empty in the entry. NULL without memory. */
struct rollup_entry *rollup_entry__new(const struct model_labels *labels, unsigned int mask);

/* Frees an entry that the roll-up does not list any more. NULL is allowed. */
void rollup_entry__free(struct rollup *rollup, struct rollup_entry *entry);

/*
 * Makes the places of `__other__` that everything falls back to, so that adding
 * cannot fail for want of memory later. Returns 0 or -ENOMEM.
 */
int rollup_entry__prepare_other(struct rollup *rollup);

/* Adds what a slot has counted. */
void rollup_entry__add_slot(struct rollup *rollup, struct rollup_entry *entry,
			    const struct snapshot *snapshot, uint32_t slot);

/* Adds what another entry holds, which is freed. */
void rollup_entry__absorb(struct rollup *rollup, struct rollup_entry *entry,
			  struct rollup_entry *from);

#endif
