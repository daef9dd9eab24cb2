/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How much memory the agent may have: its memory cgroup also pays for what the kernel remembers
 * of the connections of others.
 */
#ifndef EDGETAP_AGENT_MEMORY_LIMIT_H
#define EDGETAP_AGENT_MEMORY_LIMIT_H

#include <stdint.h>

struct config;

/*
 * The least limit of the cgroup that this process is in and of those around it, in bytes, as
 * far as they can be seen; UINT64_MAX: none is known. From a mountinfo and the tree below its
 * mount points.
 */
uint64_t memory_limit__of(const char *mountinfo, const char *cgroups);

/* What connections may take of a limit, or, where that is UINT64_MAX, of the machine. Bytes. */
uint64_t memory_limit__share(uint64_t limit_bytes, uint64_t machine_bytes);

/* The same of what instances expose, for all of them together (custom_metrics). */
uint64_t memory_limit__custom(uint64_t limit_bytes);

/* Settles how much memory these may take, where the configuration leaves that open. */
void memory_limit__settle(struct config *config);

/* The cgroup's limit, bytes; UINT64_MAX: there is none, or it is not known. */
uint64_t memory_limit__own(void);

/* What the agent needs for itself beside what the kernel remembers for it. */
#define MEMORY_LIMIT_REST_BYTES (48ULL * 1024 * 1024)

#endif
