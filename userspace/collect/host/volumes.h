/* SPDX-License-Identifier: Apache-2.0 */
/* Which of a container's mounts are shown, and which of these are volumes. */
#ifndef EDGETAP_COLLECT_HOST_VOLUMES_H
#define EDGETAP_COLLECT_HOST_VOLUMES_H

#include "collect/host/devices.h"
#include "collect/host/instances.h"
#include "collect/host/mounts.h"

/*
 * Of the mounts that a container sees: its "/", and at most INSTANCE_MOUNTS_MAX - 1
 * directories that were mounted into it, not what comes along with the host's whole
 * tree. root_fd is the container's root directory. The names of volumes are
 * looked for among the host's mounts. Returns 0 or -ENOMEM.
 */
int volumes__choose(const struct mount_list *mounts, const struct mount_list *host_mounts,
		    struct devices *devices, int root_fd, struct instance_mount **ret_mounts,
		    size_t *ret_count);
void volumes__free(struct instance_mount *mounts, size_t count);

/*
 * The id of the volume that a container's mount is: a name given by Docker, Podman
 * or kubelet, else its device, if that is mounted as a whole and is none of the
 * system's own. ret_is_whole: whether the volume is a file system of its own. False:
 * it is no volume. Pure but for devices.
 */
bool volumes__id(const struct mount *mount, const struct mount_list *host_mounts,
		 struct devices *devices, char *ret_id, size_t size, bool *ret_is_whole);

/* The host's mount of the whole file system that `mount` shows a part of; NULL: none. */
const struct mount *volumes__whole(const struct mount_list *host_mounts, unsigned int major,
				   unsigned int minor);

#endif
