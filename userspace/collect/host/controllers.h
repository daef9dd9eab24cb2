/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which hierarchy has which controller: on a hybrid host some are cgroup v1, and
 * pressure is always v2. And the files that are read of each cgroup.
 */
#ifndef EDGETAP_COLLECT_HOST_CONTROLLERS_H
#define EDGETAP_COLLECT_HOST_CONTROLLERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

struct cgroup_mounts;

enum controller {
	CONTROLLER_MEMORY,
	CONTROLLER_CPUACCT, /* time: of v2 cpu.stat, which every cgroup has */
	CONTROLLER_CPU,	    /* v1: throttling */
	CONTROLLER_PIDS,
	CONTROLLER_IO,
	CONTROLLER_PRESSURE, /* v2 alone */
	CONTROLLERS
};

enum cgroup_file {
	FILE_MEMORY_USAGE,
	FILE_MEMORY_STAT,
	FILE_MEMORY_LIMIT, /* v2; in v1 memory.stat says it */
	FILE_SWAP_USAGE,   /* v2, as the next */
	FILE_SWAP_LIMIT,
	FILE_CPU_TIME,
	FILE_CPU_THROTTLING, /* v1; in v2 it is the same file */
	FILE_PIDS,
	FILE_IO,	    /* v1: bytes */
	FILE_IO_OPERATIONS, /* v1 */
	FILE_PRESSURE_CPU,
	FILE_PRESSURE_MEMORY,
	FILE_PRESSURE_IO,
	CGROUP_FILES
};

struct controllers {
	struct {
		int root_fd; /* -1: nowhere */
		bool v2;
		const char *name; /* in /proc/PID/cgroup; NULL: v2 */
	} at[CONTROLLERS];
	/* the hierarchy that tells containers and units apart */
	int main_fd;
	const char *main_name; /* as above */
};

/*
 * Opens the roots of the hierarchies, each found below host_root; one that is not
 * there is left out. main_name is as above, and stays the caller's.
 */
void controllers__open(struct controllers *ret_controllers, const struct cgroup_mounts *mounts,
		       const char *host_root, const char *main_name);
void controllers__close(struct controllers *controllers);

/* The controller of a file. */
enum controller controllers__of(enum cgroup_file file);

/* The file's name; NULL where its controller's version has none, or is nowhere. */
const char *controllers__file(const struct controllers *controllers, enum cgroup_file file);

/*
 * A process in the cgroup itself or below, and if there is another not one in what is
 * called as a container; 0 if there is none. root_fd is of the hierarchy that path is in.
 */
pid_t controllers__process(int root_fd, const char *path);

/* The path from a hierarchy's root, for openat(2) and its like: without a slash at the start. */
const char *controllers__relative(const char *path);

#endif
