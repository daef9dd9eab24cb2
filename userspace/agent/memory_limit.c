// SPDX-License-Identifier: Apache-2.0
#include "agent/memory_limit.h"

#include <inttypes.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "defaults.h"
#include "files/whole_file.h"
#include "identity/cgroup_mounts.h"
#include "identity/process.h"

#define FILE_BYTES (1U << 20)
#define NUMBER_BYTES 64

/* Of a limit; the other three are for the maps, the agent's own memory, and pages in between. */
#define SHARE_OF_LIMIT 4
#define SHARE_OF_MACHINE 32
#define LEAST_BYTES (4ULL * 1024 * 1024)
#define CUSTOM_SHARE_OF_LIMIT 8
#define CUSTOM_MOST_BYTES (64ULL * 1024 * 1024)

/* cgroup v1 writes no limit as the largest multiple of a page. */
#define V1_UNLIMITED (INT64_MAX - 65536)

/* "max", and what cannot be read, is no limit. */
static uint64_t read_limit(const struct cgroup_mount *mount, const char *cgroup)
{
	char path[CGROUP_MOUNT_BYTES + PATH_MAX + 32], *text, *end;
	unsigned long long limit;
	size_t length;

	snprintf(path, sizeof(path), "%s%s/%s", mount->point, cgroup,
		 mount->v2 ? "memory.max" : "memory.limit_in_bytes");
	if (whole_file__read_proc(path, NUMBER_BYTES, &text, &length) < 0)
		return UINT64_MAX;
	limit = strtoull(text, &end, 10);
	if (end == text || limit >= V1_UNLIMITED)
		limit = UINT64_MAX;
	free(text);
	return limit;
}

uint64_t memory_limit__of(const char *mountinfo, const char *cgroups)
{
	char path[PATH_MAX];
	const struct cgroup_mount *mount;
	struct cgroup_mounts *mounts = malloc(sizeof(*mounts));
	uint64_t least = UINT64_MAX;
	const char *controller = "memory";

	if (!mounts)
		return least;
	cgroup_mounts__parse(mountinfo, mounts);
	mount = cgroup_mounts__find(mounts, controller);
	if (!mount) {
		controller = NULL;
		mount = cgroup_mounts__find(mounts, controller);
	}
	if (mount && process__parse_cgroup(cgroups, controller, path, sizeof(path)) == 0) {
		/* a mount that shows a part of the hierarchy shows our own at its root */
		for (char *slash = path + strlen(path); slash; slash = strrchr(path, '/')) {
			uint64_t limit;

			*slash = '\0';
			limit = read_limit(mount, path);
			least = limit < least ? limit : least;
		}
	}
	free(mounts);
	return least;
}

uint64_t memory_limit__share(uint64_t limit_bytes, uint64_t machine_bytes)
{
	uint64_t share = limit_bytes / SHARE_OF_LIMIT;

	if (limit_bytes == UINT64_MAX || share > machine_bytes / SHARE_OF_MACHINE) {
		share = machine_bytes / SHARE_OF_MACHINE;
		if (share > DEFAULT_MEMORY_BYTES)
			share = DEFAULT_MEMORY_BYTES;
	}
	return share > LEAST_BYTES ? share : LEAST_BYTES;
}

uint64_t memory_limit__custom(uint64_t limit_bytes)
{
	uint64_t share = limit_bytes / CUSTOM_SHARE_OF_LIMIT;

	if (share > CUSTOM_MOST_BYTES)
		return CUSTOM_MOST_BYTES;
	return share > LEAST_BYTES ? share : LEAST_BYTES;
}

uint64_t memory_limit__own(void)
{
	char *mountinfo = NULL, *cgroups = NULL;
	uint64_t limit = UINT64_MAX;
	size_t length;

	if (whole_file__read_proc("/proc/self/mountinfo", FILE_BYTES, &mountinfo, &length) == 0 &&
	    whole_file__read_proc("/proc/self/cgroup", FILE_BYTES, &cgroups, &length) == 0)
		limit = memory_limit__of(mountinfo, cgroups);
	free(mountinfo);
	free(cgroups);
	return limit;
}

static uint64_t machine_memory(void)
{
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

void memory_limit__settle(struct config *config)
{
	uint64_t limit = memory_limit__own();

	config->connection_memory_bytes = config->connection_memory;
	if (!config->connection_memory_bytes)
		config->connection_memory_bytes = memory_limit__share(limit, machine_memory());
	config->custom_memory_bytes = memory_limit__custom(limit);
}
