/* SPDX-License-Identifier: Apache-2.0 */
/* Which cgroup hierarchies are mounted, from a mountinfo text. Pure. */
#ifndef EDGETAP_IDENTITY_CGROUP_MOUNTS_H
#define EDGETAP_IDENTITY_CGROUP_MOUNTS_H

#include <stdbool.h>
#include <stddef.h>

#define CGROUP_MOUNTS_MAX 32
#define CGROUP_MOUNT_BYTES 1024
#define CGROUP_CONTROLLERS_BYTES 128

struct cgroup_mount {
	bool v2;
	bool whole; /* the mount seems to show the hierarchy's root */
	char controllers[CGROUP_CONTROLLERS_BYTES]; /* v1: comma-separated, or "name=..." */
	char point[CGROUP_MOUNT_BYTES];		    /* where, as the mountinfo's owner sees it */
};

struct cgroup_mounts {
	size_t count;
	struct cgroup_mount mount[CGROUP_MOUNTS_MAX];
};

/*
 * Reads a NUL-terminated /proc/PID/mountinfo (proc(5)). Each hierarchy is
 * listed once, by a mount that shows all of it where there is one. Lines that
 * make no sense are passed over.
 */
void cgroup_mounts__parse(const char *text, struct cgroup_mounts *ret_mounts);

/* cgroup v2 for a NULL controller, else the v1 hierarchy that has it; or NULL. */
const struct cgroup_mount *cgroup_mounts__find(const struct cgroup_mounts *mounts,
					       const char *controller);

/* The name in static storage of a v1 controller that exists in the kernel; or NULL. */
const char *cgroup_mounts__controller(const char *name);

#endif
