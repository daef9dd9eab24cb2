/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One mounted cgroup hierarchy: from a cgroup's id, which is the inode number
 * of its directory (kernfs node id, 64 bits), to its path, and whether
 * anything lives in it.
 */
#ifndef EDGETAP_IDENTITY_CGROUP_HIERARCHY_H
#define EDGETAP_IDENTITY_CGROUP_HIERARCHY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define CGROUP_PATH_BYTES 4096

struct cgroup_hierarchy;

enum cgroup_state {
	CGROUP_GONE,  /* no directory, or another cgroup has its path now */
	CGROUP_EMPTY, /* no process in it or below */
	CGROUP_POPULATED,
};

/*
 * Opens the hierarchy mounted at `point`, found below `prefix` ("" or the root
 * directory of another mount namespace). controller is NULL for cgroup v2 and
 * otherwise static. Returns 0 or a negative errno.
 */
int cgroup_hierarchy__open(struct cgroup_hierarchy **ret_hierarchy, const char *prefix,
			   const char *point, const char *controller);
void cgroup_hierarchy__close(struct cgroup_hierarchy *hierarchy);

/* Whether ids are turned into paths by file handle, else by walking (slower, and cached). */
bool cgroup_hierarchy__by_handle(const struct cgroup_hierarchy *hierarchy);

/*
 * The path of a cgroup below the mount, "/" being the root. pid is a process
 * that is likely to be in it, which is the cheapest way to know, or 0; what it
 * says is checked. Returns 0; -ENOENT if there is no such cgroup (any more).
 */
int cgroup_hierarchy__path(struct cgroup_hierarchy *hierarchy, uint64_t id, pid_t pid, char *path,
			   size_t size);

/* The id of the cgroup at a path; 0 if there is none. */
uint64_t cgroup_hierarchy__id(const struct cgroup_hierarchy *hierarchy, const char *path);

/*
 * Who can have made the cgroup that the first len bytes of a path name. Returns 0 if only root
 * can, which is the owner of the hierarchy's root; 1 and a user to whom a cgroup above was given;
 * or -ENOENT if one above has gone.
 */
int cgroup_hierarchy__maker(const struct cgroup_hierarchy *hierarchy, const char *path, size_t len,
			    uid_t *ret_user);

/*
 * Looks at a cgroup. Unless look_inside, one that exists is called populated
 * without a look at its processes, which costs less.
 */
enum cgroup_state cgroup_hierarchy__state(const struct cgroup_hierarchy *hierarchy,
					  const char *path, uint64_t id, bool look_inside);

/* A process in the cgroup itself, not below it; 0 if there is none. */
pid_t cgroup_hierarchy__process(const struct cgroup_hierarchy *hierarchy, const char *path);

/*
 * Calls visit for every cgroup, the root first. A directory that vanishes
 * meanwhile is left out. Returns 0, or the first error that ended the walk.
 */
int cgroup_hierarchy__walk(const struct cgroup_hierarchy *hierarchy,
			   int (*visit)(void *ctx, const char *path, uint64_t id), void *ctx);

#endif
