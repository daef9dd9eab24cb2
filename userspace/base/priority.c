// SPDX-License-Identifier: Apache-2.0
#include "base/priority.h"

#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define NICE 10
#define SHORTEST_TURN_NS 100000 /* that the kernel takes (kernel/sched/syscalls.c) */
#define KEEP_POLICY 8		/* SCHED_FLAG_KEEP_POLICY: batch stays batch */

/* struct sched_attr in its first form (sched_setattr(2)); libc's headers have none. */
struct attributes {
	uint32_t size;
	uint32_t policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime_ns; /* of a turn; 0: as by default */
	uint64_t deadline_ns;
	uint64_t period_ns;
};

static void set(int nice, uint64_t turn_ns)
{
	struct attributes attributes = {
		.size = sizeof(attributes),
		.flags = KEEP_POLICY,
		.nice = nice,
		.runtime_ns = turn_ns,
	};

	syscall(SYS_sched_setattr, 0, &attributes, 0);
}

static int own_nice(void)
{
	return getpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid));
}

void priority__prompt(void)
{
	set(own_nice(), SHORTEST_TURN_NS);
}

void priority__background(void)
{
	int nice = own_nice();

	set(nice > NICE ? nice : NICE, 0);
}
