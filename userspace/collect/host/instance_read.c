// SPDX-License-Identifier: Apache-2.0
#include "collect/host/instance_read.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "collect/host/cgroup_files.h"
#include "collect/host/filesystem.h"
#include "collect/host/proc_files.h"
#include "collect/host/scan.h"
#include "collect/host/volumes.h"

/* What was read of one instance, before anything of it is believed. */
struct facts {
	ssize_t file[CGROUP_FILES]; /* places in the buffers */
	ssize_t net_dev;
};

static const enum reading_group group_of[CGROUP_FILES] = {
	[FILE_MEMORY_USAGE] = READINGS_OF_MEMORY,
	[FILE_MEMORY_STAT] = READINGS_OF_MEMORY,
	[FILE_MEMORY_LIMIT] = READINGS_OF_MEMORY,
	[FILE_SWAP_USAGE] = READINGS_OF_MEMORY,
	[FILE_SWAP_LIMIT] = READINGS_OF_MEMORY,
	[FILE_CPU_TIME] = READINGS_OF_CPU,
	[FILE_CPU_THROTTLING] = READINGS_OF_CPU,
	[FILE_PIDS] = READINGS_OF_INSTANCES, /* whether there is anybody */
	[FILE_IO] = READINGS_OF_DISKS,
	[FILE_IO_OPERATIONS] = READINGS_OF_DISKS,
	[FILE_PRESSURE_CPU] = READINGS_OF_PRESSURE,
	[FILE_PRESSURE_MEMORY] = READINGS_OF_PRESSURE,
	[FILE_PRESSURE_IO] = READINGS_OF_PRESSURE,
};

static ssize_t read_file(struct instance_reader *reader, struct instance *instance,
			 enum cgroup_file file)
{
	bool is_kept;
	ssize_t place;
	int fd;

	if (!readings__wants(reader->readings, group_of[file]))
		return -ENOENT;
	fd = instance__file(reader->instances, instance, file, &is_kept);
	if (fd < 0)
		return fd;
	place = file_buffers__read(reader->buffers, fd, true);
	if (!is_kept)
		close(fd);
	return place;
}

uint64_t net_dev__network(int net_dev)
{
	struct stat st;

	return net_dev >= 0 && fstat(net_dev, &st) == 0 ? st.st_ino : 0;
}

/* Only what is not the host's: a network of its own, which a pod's containers share. */
static ssize_t read_net_dev(const struct instance_reader *reader, int net_dev)
{
	uint64_t network = net_dev__network(net_dev);

	if (!network || !reader->host_network || network == reader->host_network)
		return -ENOENT;
	return file_buffers__read(reader->buffers, net_dev, false);
}

/* The cgroup that was read is still this one: ids are never used again. */
static bool is_still_there(const struct instances *instances, const struct instance *instance)
{
	struct stat st;

	return fstatat(instances->controllers->main_fd, controllers__relative(instance->path), &st,
		       0) == 0 &&
	       st.st_ino == instance->id;
}

static bool read_facts(struct instance_reader *reader, struct instance *instance,
		       struct facts *ret_facts)
{
	bool wants_network = readings__wants(reader->readings, READINGS_OF_NETWORK);
	const char *pids;
	uint64_t count;
	int net_dev = -1;

	if (!instance__has_process(reader->instances, instance, wants_network ? &net_dev : NULL))
		return false;
	file_buffers__clear(reader->buffers);
	ret_facts->net_dev = read_net_dev(reader, net_dev);
	if (net_dev >= 0)
		close(net_dev);
	for (int f = 0; f < CGROUP_FILES; f++) {
		ret_facts->file[f] = read_file(reader, instance, (enum cgroup_file)f);
		/* its directory has gone */
		if (ret_facts->file[f] == -ENODEV)
			return false;
	}
	pids = file_buffers__at(reader->buffers, ret_facts->file[FILE_PIDS]);
	if (pids && scan__number(&pids, &count) && !count)
		return false;
	return is_still_there(reader->instances, instance);
}

static const char *device_name(void *ctx, unsigned int major, unsigned int minor)
{
	const struct device *device = devices__find(ctx, major, minor);

	return device && devices__is_disk(device->name) ? device->name : NULL;
}

static void add_facts(struct instance_reader *reader, const struct instance *instance,
		      const struct facts *facts, int64_t owner)
{
	const struct controllers *controllers = reader->instances->controllers;
	struct devices *devices = reader->instances->devices;
	struct readings *readings = reader->readings;
	const char *text[CGROUP_FILES],
		*net_dev = file_buffers__at(reader->buffers, facts->net_dev);

	for (int f = 0; f < CGROUP_FILES; f++)
		text[f] = file_buffers__at(reader->buffers, facts->file[f]);
	cgroup_files__memory(
		&(struct cgroup_memory_texts){
			.v2 = controllers->at[CONTROLLER_MEMORY].v2,
			.usage = text[FILE_MEMORY_USAGE],
			.stat = text[FILE_MEMORY_STAT],
			.limit = text[FILE_MEMORY_LIMIT],
			.swap_usage = text[FILE_SWAP_USAGE],
			.swap_limit = text[FILE_SWAP_LIMIT],
			.limit_above = instance->limit_above,
			.machine_bytes = reader->machine_bytes,
			.machine_swap_bytes = reader->machine_swap_bytes,
		},
		readings, owner);
	if (controllers->at[CONTROLLER_CPUACCT].v2)
		cgroup_files__cpu_v2(text[FILE_CPU_TIME], readings, owner);
	else
		cgroup_files__cpuacct(text[FILE_CPU_TIME], readings, owner);
	cgroup_files__cpu_v1(text[FILE_CPU_THROTTLING], readings, owner);
	cgroup_files__pids(text[FILE_PIDS], readings, owner);
	if (controllers->at[CONTROLLER_IO].v2)
		cgroup_files__io_v2(text[FILE_IO], device_name, devices, readings, owner);
	else
		cgroup_files__io_v1(text[FILE_IO], text[FILE_IO_OPERATIONS], device_name, devices,
				    readings, owner);
	if (text[FILE_PRESSURE_CPU])
		proc_files__pressure(text[FILE_PRESSURE_CPU], "cpu", readings, owner);
	if (text[FILE_PRESSURE_MEMORY])
		proc_files__pressure(text[FILE_PRESSURE_MEMORY], "memory", readings, owner);
	if (text[FILE_PRESSURE_IO])
		proc_files__pressure(text[FILE_PRESSURE_IO], "io", readings, owner);
	if (net_dev)
		proc_files__net_dev(net_dev, readings, owner);
}

static void add_filesystem(struct readings *readings, int64_t owner, const char *point,
			   const struct filesystem *fs)
{
	readings__add(readings, owner, READING_FILESYSTEM_BLOCKS, fs->blocks, point, NULL, NULL);
	readings__add(readings, owner, READING_FILESYSTEM_BLOCK_SIZE, fs->block_bytes, point, NULL,
		      NULL);
	readings__add(readings, owner, READING_FILESYSTEM_BLOCKS_FREE, fs->blocks_free, point, NULL,
		      NULL);
	readings__add(readings, owner, READING_FILESYSTEM_BLOCKS_AVAIL, fs->blocks_avail, point,
		      NULL, NULL);
}

/*
 * A part of a larger file system has no size of its own, unless a project's quota
 * gives it one: then statvfs(2) says another size than for the whole (ext4, XFS).
 */
static bool has_own_size(const struct instance_reader *reader, const struct instance_mount *mount,
			 const struct filesystem *fs)
{
	const struct mount *whole;
	struct filesystem all;

	if (mount->is_whole)
		return true;
	if (!mount->has_quota)
		return false;
	whole = volumes__whole(reader->instances->host_mounts, mount->major, mount->minor);
	return whole &&
	       filesystem__read(reader->host_root_fd, whole->point, whole->id, &all) == 0 &&
	       all.blocks != fs->blocks;
}

static void add_volume(struct instance_reader *reader, const struct instance_mount *mount,
		       const struct filesystem *fs, const struct identity *identity)
{
	/* it outlives the container that has it now */
	const struct model_labels labels = { {
		[MODEL_APP] = identity->app,
		[MODEL_NAMESPACE] = identity->namespace_,
		[MODEL_INSTANCE] = "",
		[MODEL_POD] = "",
		[MODEL_CONTAINER] = "",
	} };
	uint64_t size = scan__scaled(fs->blocks, fs->block_bytes, 1);
	uint64_t used = scan__scaled(fs->blocks - fs->blocks_free, fs->block_bytes, 1);
	int64_t owner;

	if (mount->is_mapped && (mount->thin == THIN_NOT_ASKED || mount->thin == THIN_LOST))
		return;
	if (mount->thin == THIN) {
		size = mount->thin_size_bytes;
		used = mount->thin_used_bytes;
	} else if (fs->blocks_free > fs->blocks || !has_own_size(reader, mount, fs)) {
		return;
	}
	if (!size)
		return;
	owner = readings__owner(reader->readings, &labels);
	/* of an app's that several have mounted, views show the first */
	readings__add(reader->readings, owner, READING_VOLUME_SIZE, size, mount->volume, NULL,
		      NULL);
	/* percent with four decimals */
	readings__add(reader->readings, owner, READING_VOLUME_USED,
		      scan__scaled(used, 100 * 10000, size), mount->volume, NULL, NULL);
}

/* A volume may be shown of an app, where its containers' file systems are not. */
static bool wants_mount(const struct instance_reader *reader, const struct instance_mount *mount)
{
	unsigned int groups = READINGS_OF_FILESYSTEMS;

	return readings__wants(reader->readings,
			       mount->volume ? groups | READINGS_OF_VOLUMES : groups);
}

static bool wants_mounts(const struct instance_reader *reader, const struct instance *instance)
{
	for (size_t i = 0; i < instance->mount_count; i++)
		if (wants_mount(reader, &instance->mount[i]))
			return true;
	return false;
}

static bool wants_more_than_mounts(const struct instance_reader *reader)
{
	return readings__wants(reader->readings, READINGS_OF_INSTANCES & ~(READINGS_OF_FILESYSTEMS |
									   READINGS_OF_VOLUMES));
}

static void add_mounts(struct instance_reader *reader, const struct instance *instance,
		       const struct identity *identity, int64_t owner)
{
	int root_fd = -1;

	if (wants_mounts(reader, instance))
		root_fd = openat(instance->proc_fd, "root", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		return;
	for (size_t i = 0; i < instance->mount_count; i++) {
		const struct instance_mount *mount = &instance->mount[i];
		struct filesystem fs;

		if (!wants_mount(reader, mount) ||
		    filesystem__read(root_fd, mount->point, mount->id, &fs) < 0)
			continue;
		add_filesystem(reader->readings, owner, mount->point, &fs);
		if (mount->volume)
			add_volume(reader, mount, &fs, identity);
	}
	close(root_fd);
}

void instance__read(struct instance_reader *reader, struct instance *instance,
		    const struct identity *identity)
{
	const struct model_labels labels = model_labels__of(identity);
	struct facts facts;
	int64_t owner;

	if (!wants_more_than_mounts(reader) && !wants_mounts(reader, instance))
		return;
	if (!read_facts(reader, instance, &facts))
		return;
	owner = readings__owner(reader->readings, &labels);
	if (owner < 0 || (reader->owners[owner / 8] & 1U << owner % 8))
		return;
	reader->owners[owner / 8] |= (unsigned char)(1U << owner % 8);
	add_facts(reader, instance, &facts, owner);
	add_mounts(reader, instance, identity, owner);
}
