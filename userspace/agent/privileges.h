/* SPDX-License-Identifier: Apache-2.0 */
/* What this process has of the capabilities that edgetap wants, and giving up the others. */
#ifndef EDGETAP_AGENT_PRIVILEGES_H
#define EDGETAP_AGENT_PRIVILEGES_H

#include <stdbool.h>

#include "broker/capability.h"

struct config;

enum privilege_state {
	PRIVILEGE_MISSING,
	PRIVILEGE_STOOD_FOR, /* the agent keeps CAP_SYS_ADMIN, which stands for it */
	PRIVILEGE_HELD,
};

struct privilege {
	const struct capability *capability;
	bool is_needed; /* for one of the uses */
	enum privilege_state state;
};

/*
 * What edgetap does under a configuration: bits of enum capability_use. by_event: whether this
 * kernel attaches uprobes by events.
 */
unsigned int privileges__uses(const struct config *config, bool by_event);

/*
 * Every capability of the table, and what there will be of it once privileges__drop() has been
 * called for these uses: CAP_SYS_ADMIN stands for others only as long as it is not given up. 0 or
 * a negative errno.
 */
int privileges__read(unsigned int uses, struct privilege ret_privileges[CAPABILITY_COUNT]);

/* The name of one that is missing and without which nothing can be loaded; NULL: none is. */
const char *privileges__obstacle(void);

/*
 * Gives up every capability but those that the agent keeps for one of the uses, for this thread and
 * every one that it starts later: effective, permitted, inheritable, ambient and
 * bounding sets, and no execve may ever gain any (no_new_privs). The user id
 * stays. CAP_SYS_ADMIN is kept where a required one is missing, for which it stands. 0 or a
 * negative errno; after an error less may have been given up.
 */
int privileges__drop(unsigned int uses);

#endif
