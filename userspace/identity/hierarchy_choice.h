/* SPDX-License-Identifier: Apache-2.0 */
/* Which of the mounted hierarchies tells containers and units apart. */
#ifndef EDGETAP_IDENTITY_HIERARCHY_CHOICE_H
#define EDGETAP_IDENTITY_HIERARCHY_CHOICE_H

#include "identity/cgroup_hierarchy.h"
#include "identity/cgroup_mounts.h"
#include "identity/runtime_index.h"

struct hierarchy_choice {
	const char *controller; /* NULL: cgroup v2; static */
	const char
		*other; /* v1 controller of a hybrid host where v2 was chosen by itself; or NULL */
	struct cgroup_hierarchy *hierarchy; /* for the caller to close */
	char reason[256];		    /* also on failure: what is wrong */
};

/*
 * wanted is "auto" (also NULL), "v2" or a v1 controller. On a hybrid host
 * "auto" takes v2, unless something recognised lives in v1 alone. Returns 0,
 * -ENOENT if there is no such hierarchy, or another negative errno.
 */
int hierarchy_choice__make(struct hierarchy_choice *ret_choice, const char *wanted,
			   const char *host_root, const struct cgroup_mounts *mounts,
			   struct runtime_index *index);

#endif
