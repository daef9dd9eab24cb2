// SPDX-License-Identifier: Apache-2.0
/* Any text as a mountinfo, and as a /proc/PID/cgroup. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "identity/cgroup_mounts.h"
#include "identity/process.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct cgroup_mounts mounts;
	char *text = malloc(size + 1), path[256];

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	cgroup_mounts__parse(text, &mounts);
	if (mounts.count > CGROUP_MOUNTS_MAX)
		abort();
	for (size_t i = 0; i < mounts.count; i++) {
		const struct cgroup_mount *mount = &mounts.mount[i];

		if (!mount->point[0] || mount->v2 != !mount->controllers[0])
			abort();
	}
	cgroup_mounts__find(&mounts, NULL);
	cgroup_mounts__find(&mounts, "memory");
	if (process__parse_cgroup(text, NULL, path, sizeof(path)) == 0 &&
	    strlen(path) >= sizeof(path))
		abort();
	process__parse_cgroup(text, "memory", path, sizeof(path));
	process__option(text, size, "-n", "--name");
	free(text);
	return 0;
}
