// SPDX-License-Identifier: Apache-2.0
#include "collect/host/volumes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/host/filesystem.h"

static bool is_same_device(const struct mount *a, const struct mount *b)
{
	return a->major == b->major && a->minor == b->minor;
}

const struct mount *volumes__whole(const struct mount_list *host_mounts, unsigned int major,
				   unsigned int minor)
{
	for (size_t i = 0; i < host_mounts->count; i++) {
		const struct mount *mount = &host_mounts->mount[i];

		if (mount->major == major && mount->minor == minor && strcmp(mount->root, "/") == 0)
			return mount;
	}
	return NULL;
}

/* What the host itself, or its runtimes, could not be without. */
static bool is_the_systems(const struct mount *mount, const struct mount_list *host_mounts)
{
	static const char *const points[] = {
		"/",
		"/boot",
		"/boot/efi",
		"/efi",
		"/usr",
		"/var",
		"/var/lib",
		"/var/log",
		"/var/lib/docker",
		"/home",
		"/root",
		"/opt",
		"/var/lib/containers",
		"/var/lib/containerd",
		"/tmp",
		"/var/tmp",
		"/var/lib/kubelet",
	};

	for (size_t i = 0; i < host_mounts->count; i++)
		for (size_t k = 0; k < sizeof(points) / sizeof(points[0]); k++)
			if (is_same_device(&host_mounts->mount[i], mount) &&
			    strcmp(host_mounts->mount[i].point, points[k]) == 0)
				return true;
	return false;
}

bool volumes__id(const struct mount *mount, const struct mount_list *host_mounts,
		 struct devices *devices, char *ret_id, size_t size, bool *ret_is_whole)
{
	const struct mount *best = NULL;
	char name[MOUNT_TEXT_BYTES];

	/* a part of a file system that the runtime has set aside */
	if (mounts__volume_name(mount->root, ret_id, size)) {
		*ret_is_whole = false;
		return true;
	}
	/* or one that it has mounted itself, a part of which may be the container's */
	for (size_t i = 0; i < host_mounts->count; i++) {
		const struct mount *host = &host_mounts->mount[i];

		if (is_same_device(host, mount) && mounts__is_below(mount->root, host->root) &&
		    (!best || strlen(host->root) > strlen(best->root)) &&
		    mounts__volume_name(host->point, name, sizeof(name)) && strlen(name) < size) {
			best = host;
			strcpy(ret_id, name);
		}
	}
	if (best) {
		*ret_is_whole = strcmp(best->root, "/") == 0;
		return true;
	}
	if (strcmp(mount->root, "/") != 0 || strlen(mount->source) >= size ||
	    strncmp(mount->source, "/dev/", strlen("/dev/")) != 0 ||
	    is_the_systems(mount, host_mounts) ||
	    !devices__find(devices, mount->major, mount->minor))
		return false;
	strcpy(ret_id, mount->source);
	*ret_is_whole = true;
	return true;
}

/* Shown to the container together with the host's whole tree, or a runtime's own. */
static bool comes_along(const struct mount *mount, const struct mount_list *mounts,
			const struct mount_list *host_mounts)
{
	char name[MOUNT_TEXT_BYTES];

	if (mounts__volume_name(mount->point, name, sizeof(name)) ||
	    strstr(mount->point, "/plugins/kubernetes.io/"))
		return true;
	for (size_t i = 0; i < mounts->count; i++) {
		const struct mount *other = &mounts->mount[i];

		if (strcmp(other->point, "/") != 0 && strcmp(other->root, "/") == 0 &&
		    mounts__is_below(mount->point, other->point) &&
		    is_the_systems(other, host_mounts))
			return true;
	}
	return false;
}

static int keep(struct instance_mount *kept, const struct mount *mount,
		const struct mount_list *host_mounts, struct devices *devices)
{
	const struct device *device = devices__find(devices, mount->major, mount->minor);
	char id[MOUNT_TEXT_BYTES];
	bool is_whole = false;

	*kept = (struct instance_mount){
		.id = mount->id,
		.major = mount->major,
		.minor = mount->minor,
		.has_quota = mount->has_quota,
		.is_mapped = device && device->is_mapped,
		.point = strdup(mount->point),
	};
	if (strcmp(mount->point, "/") != 0 &&
	    volumes__id(mount, host_mounts, devices, id, sizeof(id), &is_whole)) {
		kept->is_whole = is_whole;
		kept->volume = strdup(id);
		if (!kept->volume)
			return -ENOMEM;
	}
	return kept->point ? 0 : -ENOMEM;
}

int volumes__choose(const struct mount_list *mounts, const struct mount_list *host_mounts,
		    struct devices *devices, int root_fd, struct instance_mount **ret_mounts,
		    size_t *ret_count)
{
	struct instance_mount *chosen = calloc(INSTANCE_MOUNTS_MAX, sizeof(*chosen)), *fitting;
	size_t count = 0;

	if (!chosen)
		return -ENOMEM;
	for (size_t i = 0; i < mounts->count && count < INSTANCE_MOUNTS_MAX; i++) {
		const struct mount *mount = &mounts->mount[i];
		struct filesystem fs;

		/* a file, or hidden by another mount, or comes along with something else */
		if (comes_along(mount, mounts, host_mounts) ||
		    filesystem__read(root_fd, mount->point, mount->id, &fs) < 0)
			continue;
		if (keep(&chosen[count++], mount, host_mounts, devices)) {
			volumes__free(chosen, count);
			return -ENOMEM;
		}
	}
	fitting = reallocarray(chosen, count + 1, sizeof(*chosen));
	*ret_mounts = fitting ? fitting : chosen;
	*ret_count = count;
	return 0;
}

void volumes__free(struct instance_mount *mounts, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(mounts[i].point);
		free(mounts[i].volume);
	}
	free(mounts);
}
