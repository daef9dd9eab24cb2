// SPDX-License-Identifier: Apache-2.0
#include "collect/endpoints/targets.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "identity/rules.h"

/*
 * Names of processes are what an app's parts are called: a container of a pod, the file that
 * runs, or the app itself, where each part is one.
 */
static bool has_process(const struct config_metrics *metrics, const struct identity *identity,
			const char *exe)
{
	const char *slash = strrchr(exe, '/');
	const char *const names[] = { identity->container, slash ? slash + 1 : exe, identity->app };

	if (!metrics->process_count)
		return true;
	for (size_t i = 0; i < metrics->process_count; i++)
		for (size_t k = 0; k < sizeof(names) / sizeof(names[0]); k++)
			if (names[k][0] && fnmatch(metrics->processes[i], names[k], 0) == 0)
				return true;
	return false;
}

static int add(struct targets *targets, size_t first, const struct custom_target *target)
{
	for (size_t i = first; i < targets->count; i++)
		if (targets->target[i].port == target->port &&
		    strcmp(targets->target[i].path, target->path) == 0)
			return 0;
	if (targets->count == targets->room) {
		size_t room = targets->room ? 2 * targets->room : 16;
		struct custom_target *fresh = reallocarray(targets->target, room, sizeof(*fresh));

		if (!fresh)
			return -ENOMEM;
		targets->target = fresh;
		targets->room = room;
	}
	targets->target[targets->count++] = *target;
	return 0;
}

int targets__add(struct targets *targets, const struct identity_instance *instance, pid_t pid,
		 const char *exe, const struct config_metrics *metrics, size_t count)
{
	const struct identity *identity = instance->identity;
	const struct rules_subject subject = {
		.app = identity->app,
		.instance = identity->instance,
		.cgroup = instance->cgroup,
		.exe = exe,
	};
	struct custom_target target = {
		.slot = instance->slot,
		.generation = instance->generation,
		.pid = pid,
		.cgroup = instance->cgroup,
		.by_executable = identity->kind == INSTANCE_EXECUTABLE,
		.labels = model_labels__of(identity),
	};
	size_t first = targets->count;
	int err = 0;

	for (size_t i = 0; i < count && !err; i++) {
		if (!rules__fit(&metrics[i].match, &subject) ||
		    !has_process(&metrics[i], identity, exe))
			continue;
		target.port = metrics[i].port;
		target.path = metrics[i].path;
		err = add(targets, first, &target);
	}
	if (!err && identity->metrics_port) {
		target.port = identity->metrics_port;
		target.path = identity->metrics_path;
		err = add(targets, first, &target);
	}
	return err;
}
