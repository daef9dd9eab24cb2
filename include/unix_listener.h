/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/* A process that holds a listening UNIX stream socket, as an iterator tells the agent. */
#ifndef EDGETAP_UNIX_LISTENER_H
#define EDGETAP_UNIX_LISTENER_H

#include "event.h"
#include "instance.h"

struct unix_listener {
	__u64 inode; /* of the socket: the same in every process that has it */
	struct instance_key key;
	__u32 tgid; /* in the initial PID namespace */
	__u32 pad;
	char comm[EVENT_COMM_BYTES]; /* NUL-terminated */
};

_Static_assert(sizeof(struct unix_listener) == 40 + EVENT_COMM_BYTES, "no padding");

#endif
