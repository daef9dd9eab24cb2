/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which container or unit a cgroup is, or is in. The path's own marks (see
 * cgroup_path.h) are checked against two things that nobody can forge who only
 * may make cgroups: what the host's runtimes have written down, and whose the
 * directories are.
 *
 *   A container that a runtime of the host has written down with this very path
 *   is that container, wherever it is: also in a unit, or in another container.
 *   Else it is the outermost mark. If a user could have made it, it is his.
 *   A container that the host's runtime has elsewhere is not this one.
 */
#ifndef EDGETAP_IDENTITY_INSTANCE_CGROUP_H
#define EDGETAP_IDENTITY_INSTANCE_CGROUP_H

#include "identity/cgroup_hierarchy.h"
#include "identity/cgroup_path.h"
#include "identity/runtime_index.h"

/*
 * LOOK_NOW: by what the runtimes have written down now, and whose it is. LOOK_BEFORE, for who asks
 * about many: kind and root_len only, by what they had at the last look.
 */
enum instance_cgroup_look { LOOK_NOW, LOOK_BEFORE };

/*
 * Returns 0, or -ENOENT if the cgroup has gone meanwhile: then nothing is known
 * of it. ret_class->root_len is of the path.
 */
int instance_cgroup__find(struct runtime_index *index, const struct cgroup_hierarchy *hierarchy,
			  const char *path, enum instance_cgroup_look look,
			  struct cgroup_path *ret_class);

#endif
