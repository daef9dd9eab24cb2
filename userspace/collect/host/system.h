/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel's files say about this machine, its containers and units, and
 * their volumes: memory, CPU, disks, network, file systems, pressure.
 */
#ifndef EDGETAP_COLLECT_HOST_SYSTEM_H
#define EDGETAP_COLLECT_HOST_SYSTEM_H

#include <stdint.h>

#include "identity/identity.h"
#include "metrics/readings.h"

struct system;

struct system_options {
	struct identity_table *identity; /* must outlive it */
	uint32_t max_instances;		 /* containers and units; what is beyond is left out */
	/*
	 * Asks about a thin volume as dm_thin__status does (thin.h), with the rights that this
	 * needs; NULL: volumes are as full as the file system in them says.
	 */
	int (*thin)(void *ctx, const char *device, uint64_t *ret_size_bytes,
		    uint64_t *ret_used_bytes);
	void *thin_ctx;
};

/* Returns 0 or a negative errno. */
int system__new(struct system **ret_system, const struct system_options *options);
void system__free(struct system *system);

/*
 * Looks what is new and what has gone, when it is due; takes at most about 20 ms, and
 * more only while a container's runtime is slow to answer. now_ns is CLOCK_MONOTONIC.
 */
void system__look(struct system *system, uint64_t now_ns);

/* There is something new: to be found soon. */
void system__hint(struct system *system, uint64_t now_ns);

/* When system__look has something to do next. */
uint64_t system__next_ns(const struct system *system);

/* Adds what is so now. host is the machine's label. */
void system__read(struct system *system, const char *host, struct readings *readings);

/* The labels of the container or unit whose own cgroup this is; NULL: there is none, or not yet. */
const struct identity *system__identity(const struct system *system, uint64_t cgroup_id);

/* The rules on labels have changed. */
void system__forget_labels(struct system *system);

#endif
