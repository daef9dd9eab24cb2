/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of a cgroup (Documentation/admin-guide/cgroup-v2.rst and cgroup-v1/)
 * as readings of one owner, under the names that a machine of the cgroup's size
 * would show them. Pure: texts in, readings out; a text that is NULL, or in no
 * known form, gives none.
 */
#ifndef EDGETAP_COLLECT_HOST_CGROUP_FILES_H
#define EDGETAP_COLLECT_HOST_CGROUP_FILES_H

#include <stdbool.h>
#include <stdint.h>

#include "metrics/readings.h"

/* CPUs beyond which an instance's are shown as one, like those of cgroup v2. */
#define CGROUP_CPUS_MAX 64
/* the label `cpu` of what is not told by CPU */
#define CGROUP_CPU_ALL "all"

struct cgroup_memory_texts {
	bool v2;
	const char *usage;	/* memory.current, memory.usage_in_bytes */
	const char *stat;	/* memory.stat */
	const char *limit;	/* v2: memory.max */
	const char *swap_usage; /* v2: memory.swap.current */
	const char *swap_limit; /* v2: memory.swap.max */
	uint64_t limit_above;	/* the least limit of the cgroups around it; UINT64_MAX: none */
	uint64_t machine_bytes; /* and what there is at all */
	uint64_t machine_swap_bytes;
};

/*
 * Memory: total is the least limit above it or the machine's, free what of that is
 * not charged, available also what could be reclaimed at once. Without usage there
 * is none.
 */
void cgroup_files__memory(const struct cgroup_memory_texts *texts, struct readings *readings,
			  int64_t owner);

/* A limit: UINT64_MAX for "max", and for what is not a number. */
uint64_t cgroup_files__limit(const char *text);

/* cpu.stat of v2: time by mode, and throttling where the controller is on. */
void cgroup_files__cpu_v2(const char *stat, struct readings *readings, int64_t owner);
/* cpuacct.usage_all of v1: time by CPU and mode. */
void cgroup_files__cpuacct(const char *usage_all, struct readings *readings, int64_t owner);
/* cpu.stat of v1: throttling. */
void cgroup_files__cpu_v1(const char *stat, struct readings *readings, int64_t owner);

/* pids.current */
void cgroup_files__pids(const char *text, struct readings *readings, int64_t owner);

/* A block device's name, or NULL: it is not shown. Valid until the next call. */
typedef const char *cgroup_device_name(void *ctx, unsigned int major, unsigned int minor);

/* io.stat of v2. */
void cgroup_files__io_v2(const char *stat, cgroup_device_name *name, void *ctx,
			 struct readings *readings, int64_t owner);
/* blkio.throttle.io_service_bytes and io_serviced of v1. */
void cgroup_files__io_v1(const char *bytes, const char *operations, cgroup_device_name *name,
			 void *ctx, struct readings *readings, int64_t owner);

#endif
