/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Capabilities (capabilities(7)): what is needed to start, and the few that are
 * kept once everything is attached.
 */
#ifndef EDGETAP_CLI_PRIVILEGES_H
#define EDGETAP_CLI_PRIVILEGES_H

#include <stdbool.h>
#include <stdint.h>

struct capability {
	int number;
	const char *name;
	const char *use;
	bool required;	   /* without it serve cannot start */
	unsigned int kept; /* after attaching: 1 << enum privileges_use, for any of these */
	bool held;	   /* by this thread, effective */
};

#define CAPABILITY_COUNT 6

/* What edgetap still does after it has attached. */
enum privileges_use {
	USE_ALWAYS,
	USE_UPROBES,	   /* places uprobes in files of processes that come up later */
	USE_UPROBE_EVENTS, /* and does it by events, which newer kernels leave to CAP_SYS_ADMIN */
};

/*
 * What edgetap wants to have at start and what it has. CAP_SYS_ADMIN stands for
 * CAP_BPF and CAP_PERFMON, as in the kernel; nothing else needs it. 0 or a
 * negative errno.
 */
int privileges__read(struct capability ret_capabilities[CAPABILITY_COUNT]);

/*
 * Gives up every capability but those kept for one of the uses (bits 1 << enum
 * privileges_use, without USE_ALWAYS), for this thread and every
 * one that it starts later: effective, permitted, inheritable, ambient and
 * bounding sets, and no execve may ever gain any (no_new_privs). The user id
 * stays. 0 or a negative errno; after an error less may have been given up.
 */
int privileges__drop(unsigned int uses);

#endif
