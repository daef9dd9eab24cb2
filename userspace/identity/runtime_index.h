/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where the host's runtimes have written down that their containers are: what
 * OCI runtimes keep in their state directories. It finds those whose cgroup path
 * does not give them away, because whoever started them chose it, and vouches
 * for those that are where anybody could have made a cgroup of that name.
 */
#ifndef EDGETAP_IDENTITY_RUNTIME_INDEX_H
#define EDGETAP_IDENTITY_RUNTIME_INDEX_H

#include "identity/cgroup_mounts.h"

struct config;
struct runtime_index;

/* One that is listed: not those of a daemon whose id is 64 digits, which any path shows. */
struct runtime_container {
	const char *path; /* of its cgroup, below the hierarchy's mount */
	const char *id;
	const char *runtime; /* static */
};

/*
 * host_root is "" or the root directory of the host's mount namespace. config
 * and mounts must outlive the index. Returns 0 or -ENOMEM.
 */
int runtime_index__new(struct runtime_index **ret_index, const struct config *config,
		       const char *host_root, const struct cgroup_mounts *mounts);
void runtime_index__free(struct runtime_index *index);

/*
 * The container that the cgroup at `path` is, or is in; NULL if no runtime
 * knows of one. Looks again at the state directories only when they changed.
 * The result is valid until the next call.
 */
const struct runtime_container *runtime_index__find(struct runtime_index *index, const char *path);

/*
 * The two halves of it, for who asks about many: a look at the state directories,
 * and what was known when they were last looked at.
 */
void runtime_index__look(struct runtime_index *index);
const struct runtime_container *runtime_index__known(const struct runtime_index *index,
						     const char *path);

/*
 * The path of the cgroup that a runtime has written down for a container, listed
 * or not, as it is now. Returns 0 or -ENOENT.
 */
int runtime_index__place(const struct runtime_index *index, const char *id, char *path,
			 size_t size);

#endif
