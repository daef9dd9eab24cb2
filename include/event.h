/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* Rare events from the kernel to the agent, through the ring buffer. */
#ifndef EDGETAP_EVENT_H
#define EDGETAP_EVENT_H

#include "instance.h"

#define EVENT_COMM_BYTES 16

enum event_kind {
	EVENT_INSTANCE_BORN,	 /* a slot was taken: all fields */
	EVENT_CGROUP_REMOVED,	 /* key.cgroup_id */
	EVENT_EXECUTABLE_EXITED, /* a process of an instance keyed by executable ended: slot, key */
};

struct event {
	__u32 kind;
	__u32 slot;
	__u32 generation;
	__u32 tgid; /* a process of the instance, in the initial PID namespace */
	struct instance_key key;
	char comm[EVENT_COMM_BYTES]; /* NUL-terminated */
};

_Static_assert(sizeof(struct event) == 56, "no padding");

#endif
