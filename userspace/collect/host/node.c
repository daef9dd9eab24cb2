// SPDX-License-Identifier: Apache-2.0
#include "collect/host/node.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "collect/host/filesystem.h"

#define HOST_MOUNTS_MAX 4096

static const struct {
	const char *path;
	enum reading_group group;
} files[NODE_FILES] = {
	[NODE_MEMINFO] = { "/proc/meminfo", READINGS_OF_MEMORY },
	[NODE_LOADAVG] = { "/proc/loadavg", READINGS_AT_HAND },
	[NODE_STAT] = { "/proc/stat", READINGS_OF_CPU },
	[NODE_DISKSTATS] = { "/proc/diskstats", READINGS_OF_DISKS },
	[NODE_NET_DEV] = { "/proc/1/net/dev", READINGS_OF_NETWORK },
	[NODE_FILE_NR] = { "/proc/sys/fs/file-nr", READINGS_AT_HAND },
	[NODE_PRESSURE_CPU] = { "/proc/pressure/cpu", READINGS_OF_PRESSURE },
	[NODE_PRESSURE_MEMORY] = { "/proc/pressure/memory", READINGS_OF_PRESSURE },
	[NODE_PRESSURE_IO] = { "/proc/pressure/io", READINGS_OF_PRESSURE },
};

int node__open(struct node *ret_node, const char *host_root)
{
	struct node node = { .ticks_per_second = (uint64_t)sysconf(_SC_CLK_TCK) };
	char root[PATH_MAX];

	snprintf(root, sizeof(root), "%s/", host_root);
	node.root_fd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (node.root_fd < 0)
		return -errno;
	node.mountinfo_fd = open(*host_root ? "/proc/1/mountinfo" : "/proc/self/mountinfo",
				 O_RDONLY | O_CLOEXEC);
	for (int f = 0; f < NODE_FILES; f++)
		node.fd[f] = open(files[f].path, O_RDONLY | O_CLOEXEC);
	*ret_node = node;
	return 0;
}

void node__close(struct node *node)
{
	for (int f = 0; f < NODE_FILES; f++)
		if (node->fd[f] >= 0)
			close(node->fd[f]);
	if (node->mountinfo_fd >= 0)
		close(node->mountinfo_fd);
	close(node->root_fd);
	mount_list__free(&node->mounts);
	devices__free(&node->devices);
	free(node->floor.ticks);
}

void node__look(struct node *node, struct file_buffers *buffers)
{
	struct pollfd changed = { .fd = node->mountinfo_fd, .events = POLLPRI };
	struct mount_list fresh;
	ssize_t place;

	devices__forget(&node->devices);
	if (node->mountinfo_fd < 0)
		return;
	/* proc(5): an error condition tells of mounts and unmounts since the last time */
	if (node->mounts_known && poll(&changed, 1, 0) == 0)
		return;
	file_buffers__clear(buffers);
	place = file_buffers__read(buffers, node->mountinfo_fd, false);
	if (place < 0 ||
	    mount_list__read(&fresh, file_buffers__at(buffers, place), HOST_MOUNTS_MAX) < 0)
		return;
	mount_list__choose(&fresh);
	mount_list__free(&node->mounts);
	node->mounts = fresh;
	node->mounts_known = true;
}

/* A disk as a whole, or a part of one that something is mounted from. */
static bool is_wanted(void *ctx, unsigned int major, unsigned int minor, const char *name)
{
	struct node *node = ctx;
	const struct device *device;

	if (!devices__is_disk(name))
		return false;
	device = devices__find(&node->devices, major, minor);
	if (!device || !device->is_partition)
		return true;
	for (size_t i = 0; i < node->mounts.count; i++) {
		const struct mount *mount = &node->mounts.mount[i];
		const char *slash = strrchr(mount->source, '/');

		/* btrfs has a device number of its own, which is no device's */
		if ((mount->major == major && mount->minor == minor) ||
		    (!mount->major && slash && strcmp(slash + 1, name) == 0))
			return true;
	}
	return false;
}

static void read_filesystems(const struct node *node, struct readings *readings, int64_t owner)
{
	for (size_t i = 0; i < node->mounts.count; i++) {
		const struct mount *mount = &node->mounts.mount[i];
		struct filesystem fs;

		if (!mount->is_chosen ||
		    filesystem__read(node->root_fd, mount->point, mount->id, &fs) < 0)
			continue;
		readings__add(readings, owner, READING_FILESYSTEM_BLOCKS, fs.blocks, mount->point,
			      NULL, NULL);
		readings__add(readings, owner, READING_FILESYSTEM_BLOCK_SIZE, fs.block_bytes,
			      mount->point, NULL, NULL);
		readings__add(readings, owner, READING_FILESYSTEM_BLOCKS_FREE, fs.blocks_free,
			      mount->point, NULL, NULL);
		readings__add(readings, owner, READING_FILESYSTEM_BLOCKS_AVAIL, fs.blocks_avail,
			      mount->point, NULL, NULL);
	}
}

static void add_file(struct node *node, enum node_file file, const char *text,
		     struct readings *readings, int64_t owner)
{
	switch (file) {
	case NODE_MEMINFO:
		node->memory_bytes = proc_files__meminfo_bytes(text, "MemTotal");
		node->swap_bytes = proc_files__meminfo_bytes(text, "SwapTotal");
		proc_files__meminfo(text, readings, owner);
		break;
	case NODE_LOADAVG:
		proc_files__loadavg(text, readings, owner);
		break;
	case NODE_STAT:
		proc_files__stat(text, node->ticks_per_second, &node->floor, readings, owner);
		break;
	case NODE_DISKSTATS:
		proc_files__diskstats(text, is_wanted, node, readings, owner);
		break;
	case NODE_NET_DEV:
		proc_files__net_dev(text, readings, owner);
		break;
	case NODE_FILE_NR:
		proc_files__file_nr(text, readings, owner);
		break;
	case NODE_PRESSURE_CPU:
	case NODE_PRESSURE_MEMORY:
	case NODE_PRESSURE_IO:
		proc_files__pressure(text, strrchr(files[file].path, '/') + 1, readings, owner);
		break;
	case NODE_FILES:
		break;
	}
}

void node__read(struct node *node, struct file_buffers *buffers, const char *host,
		struct readings *readings)
{
	const struct model_labels labels = { {
		[MODEL_APP] = NODE_APP,
		[MODEL_NAMESPACE] = "",
		[MODEL_INSTANCE] = host ? host : "",
		[MODEL_POD] = "",
		[MODEL_CONTAINER] = "",
	} };
	int64_t owner = readings__owner(readings, &labels);

	for (int f = 0; f < NODE_FILES; f++) {
		ssize_t place;

		if (node->fd[f] < 0 || !readings__wants(readings, files[f].group))
			continue;
		file_buffers__clear(buffers);
		place = file_buffers__read(buffers, node->fd[f], false);
		if (place >= 0)
			add_file(node, (enum node_file)f, file_buffers__at(buffers, place),
				 readings, owner);
	}
	if (readings__wants(readings, READINGS_OF_FILESYSTEMS))
		read_filesystems(node, readings, owner);
}
