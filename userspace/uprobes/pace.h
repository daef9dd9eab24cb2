/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may be looked at in haste: whose processes have not had more than their part of it lately,
 * nor all together theirs. What is spent is forgotten again with time. Pure, of fixed size; the
 * caller has the clock.
 */
#ifndef EDGETAP_UPROBES_PACE_H
#define EDGETAP_UPROBES_PACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Time that others have waited for an owner: at once, and then one part in so many. */
#define PACE_OWNER_NS 200000000ULL
#define PACE_OWNER_PART 20

/* Time on a CPU, of all owners. */
#define PACE_ALL_NS 1000000000ULL
#define PACE_ALL_PART 4

/* Owners who have spent something; who has spent least is forgotten for another. */
#define PACE_OWNERS 64

/* What was spent and is not yet forgotten, as of a time. */
struct pace_debt {
	uint64_t ns;
	uint64_t at_ns;
};

/* {} is one to begin with. */
struct pace {
	struct pace_debt all;
	struct pace_owner {
		uint64_t owner;
		struct pace_debt debt;
	} owner[PACE_OWNERS];
};

/* Whether a process of this owner may be looked at in haste now. */
bool pace__may(const struct pace *pace, uint64_t owner, uint64_t now_ns);

/* A look took this long, and this long on a CPU; now_ns: when it ended. */
void pace__spend(struct pace *pace, uint64_t owner, uint64_t took_ns, uint64_t cpu_ns,
		 uint64_t now_ns);

#endif
