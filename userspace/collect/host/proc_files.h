/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files of /proc that tell of a machine or a network namespace (proc(5),
 * Documentation/admin-guide/iostats.rst), as readings of one owner. Pure: texts
 * in, readings out. What a text does not say, or says in no known form, is left
 * out. None fails: readings__lost tells what found no room.
 */
#ifndef EDGETAP_COLLECT_HOST_PROC_FILES_H
#define EDGETAP_COLLECT_HOST_PROC_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics/readings.h"

#define DEVICE_NAME_BYTES 64

/* /proc/meminfo */
void proc_files__meminfo(const char *text, struct readings *readings, int64_t owner);
/* One field of it in bytes; 0 if it is not there. */
uint64_t proc_files__meminfo_bytes(const char *text, const char *field);

/* /proc/loadavg */
void proc_files__loadavg(const char *text, struct readings *readings, int64_t owner);

/* What each CPU has shown before: its idle and iowait times go back a little at times. */
#define PROC_CPU_MODES 10
struct proc_cpu_floor {
	uint64_t (*ticks)[PROC_CPU_MODES]; /* by CPU number; free() */
	size_t count;
};

/*
 * The lines "cpuN" of /proc/stat. ticks_per_second is USER_HZ. A time that has
 * gone back by less than three seconds stays as it was; more is a CPU that was
 * away. Without memory for the floor there is none.
 */
void proc_files__stat(const char *text, uint64_t ticks_per_second, struct proc_cpu_floor *floor,
		      struct readings *readings, int64_t owner);

/* /proc/diskstats: the devices for which `wanted` returns true. */
void proc_files__diskstats(const char *text,
			   bool (*wanted)(void *ctx, unsigned int major, unsigned int minor,
					  const char *name),
			   void *ctx, struct readings *readings, int64_t owner);

/* /proc/PID/net/dev */
void proc_files__net_dev(const char *text, struct readings *readings, int64_t owner);

/* /proc/sys/fs/file-nr */
void proc_files__file_nr(const char *text, struct readings *readings, int64_t owner);

/* /proc/pressure/RESOURCE, or a cgroup's RESOURCE.pressure */
void proc_files__pressure(const char *text, const char *resource, struct readings *readings,
			  int64_t owner);

#endif
