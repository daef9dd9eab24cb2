// SPDX-License-Identifier: Apache-2.0
/* Any text as a cgroup path: what is found is part of it, and nothing below changes it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/reserved.h"
#include "identity/cgroup_path.h"
#include "identity/names.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_names(const struct cgroup_path *class)
{
	char label[LABEL_BYTES];

	cgroup_path__instance(class, label);
	if (class->kind != CGROUP_SHARED && !label[0])
		abort();
	if (reserved__is(label, strlen(label)) && label[0] != RESERVED_MARK)
		abort();
	/* nobody else has what a user made */
	if (class->is_users && (class->kind == CGROUP_SHARED || !strchr(label, '@')))
		abort();
	names__unit_app(label, class->unit);
	if (class->kind == CGROUP_UNIT && !label[0])
		abort();
	names__pod_owner(label, class->id, class->pod_uid);
	names__pod_owner(label, class->unit, NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct cgroup_path class, root;
	char *path = malloc(size + 1);

	if (!path)
		return 0;
	memcpy(path, data, size);
	path[size] = '\0';
	cgroup_path__classify(path, &class);
	if ((class.kind == CGROUP_CONTAINER) != !!class.id[0] ||
	    (class.kind == CGROUP_UNIT) != !!class.unit[0] ||
	    (class.kind == CGROUP_SHARED) != (class.root_len == 0) || class.root_len > strlen(path))
		abort();
	check_names(&class);
	/* the container's own cgroup, without what is below, is the same in all that is known */
	if (class.root_len) {
		path[class.root_len] = '\0';
		cgroup_path__classify(path, &root);
		if (memcmp(&root, &class, sizeof(root)) != 0)
			abort();
	}
	free(path);
	return 0;
}
