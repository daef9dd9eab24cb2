// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "identity/hierarchy_choice.h"
#include "identity/instance_cgroup.h"

/* Controllers that runtimes and systemd always use, the likeliest first. */
static const char *const usual[] = { "memory", "pids", "cpu", "freezer", "devices" };

#define USUAL_COUNT (sizeof(usual) / sizeof(usual[0]))

/* What lives in one v1 hierarchy. */
struct census {
	struct runtime_index *index;
	struct cgroup_hierarchy *v1;
	struct cgroup_hierarchy *v2; /* or NULL */
	size_t recognised;
	size_t missing; /* of these, not in v2 */
};

static int count_cgroup(void *ctx, const char *path, uint64_t id)
{
	struct census *census = ctx;
	struct cgroup_path class;
	uid_t user;

	/* sub-cgroups may well differ between hierarchies; empty ones were left behind */
	if (instance_cgroup__find(census->index, census->v1, path, LOOK_BEFORE, &class) < 0 ||
	    class.kind == CGROUP_SHARED || class.root_len != strlen(path) ||
	    cgroup_hierarchy__state(census->v1, path, id, true) != CGROUP_POPULATED)
		return 0;
	/* what users make does not decide */
	if (class.is_users || cgroup_hierarchy__maker(census->v1, path, class.root_len, &user))
		return 0;
	census->recognised++;
	if (census->v2 && !cgroup_hierarchy__id(census->v2, path))
		census->missing++;
	return 0;
}

static int open_hierarchy(struct hierarchy_choice *choice, const char *host_root,
			  const struct cgroup_mounts *mounts, const char *controller)
{
	const struct cgroup_mount *mount = cgroup_mounts__find(mounts, controller);
	const char *label = controller ? controller : "v2";
	int err = mount ? cgroup_hierarchy__open(&choice->hierarchy, host_root, mount->point,
						 controller)
			: -ENOENT;

	choice->controller = controller;
	if (!mount)
		snprintf(choice->reason, sizeof(choice->reason),
			 "no cgroup hierarchy %s is mounted", label);
	else if (err)
		snprintf(choice->reason, sizeof(choice->reason),
			 "the cgroup hierarchy %s at %.128s%.64s cannot be opened: %s", label,
			 host_root, mount->point, strerror(-err));
	return err;
}

/* The v1 controller with the most containers and units; false if none is mounted. */
static bool take_census(struct census *ret_best, const char **ret_controller, const char *host_root,
			const struct cgroup_mounts *mounts, struct runtime_index *index,
			struct cgroup_hierarchy *v2)
{
	bool any = false;

	runtime_index__look(index);
	for (size_t i = 0; i < USUAL_COUNT; i++) {
		struct census census = { .index = index, .v2 = v2 };
		const struct cgroup_mount *mount = cgroup_mounts__find(mounts, usual[i]);

		if (!mount ||
		    cgroup_hierarchy__open(&census.v1, host_root, mount->point, usual[i]) < 0)
			continue;
		cgroup_hierarchy__walk(census.v1, count_cgroup, &census);
		cgroup_hierarchy__close(census.v1);
		census.v1 = NULL;
		if (!any || census.recognised > ret_best->recognised) {
			*ret_best = census;
			*ret_controller = usual[i];
		}
		any = true;
	}
	return any;
}

static int choose(struct hierarchy_choice *choice, const char *host_root,
		  const struct cgroup_mounts *mounts, struct runtime_index *index)
{
	struct cgroup_hierarchy *v2 = NULL;
	struct census census = { 0 };
	const char *controller = NULL;
	int err = open_hierarchy(choice, host_root, mounts, NULL);
	bool hybrid = !err;

	if (!err)
		v2 = choice->hierarchy;
	if (!take_census(&census, &controller, host_root, mounts, index, v2)) {
		if (!v2)
			return err;
		snprintf(choice->reason, sizeof(choice->reason), "no v1 controller is mounted");
		return 0;
	}
	if (hybrid && !census.missing) {
		choice->other = controller;
		snprintf(choice->reason, sizeof(choice->reason),
			 "each of the %zu containers and units in v1 (%s) is in v2 too",
			 census.recognised, controller);
		return 0;
	}
	cgroup_hierarchy__close(v2);
	choice->hierarchy = NULL;
	err = open_hierarchy(choice, host_root, mounts, controller);
	if (err)
		return err;
	if (hybrid)
		snprintf(choice->reason, sizeof(choice->reason),
			 "%zu of %zu containers and units in v1 (%s) are not in v2", census.missing,
			 census.recognised, controller);
	else
		snprintf(choice->reason, sizeof(choice->reason),
			 "v2 is not mounted, and %s has %zu containers and units", controller,
			 census.recognised);
	return 0;
}

int hierarchy_choice__make(struct hierarchy_choice *ret_choice, const char *wanted,
			   const char *host_root, const struct cgroup_mounts *mounts,
			   struct runtime_index *index)
{
	const char *controller;
	int err;

	memset(ret_choice, 0, sizeof(*ret_choice));
	if (!mounts->count) {
		snprintf(ret_choice->reason, sizeof(ret_choice->reason),
			 "no cgroup hierarchy is mounted");
		return -ENOENT;
	}
	if (!wanted || !*wanted || strcmp(wanted, "auto") == 0)
		return choose(ret_choice, host_root, mounts, index);
	controller = cgroup_mounts__controller(wanted);
	if (!controller && strcmp(wanted, "v2") != 0) {
		snprintf(ret_choice->reason, sizeof(ret_choice->reason),
			 "\"%.64s\" is neither auto, v2 nor a cgroup v1 controller", wanted);
		return -EINVAL;
	}
	err = open_hierarchy(ret_choice, host_root, mounts, controller);
	if (!err)
		snprintf(ret_choice->reason, sizeof(ret_choice->reason),
			 "the configuration says so");
	return err;
}
