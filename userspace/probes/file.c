// SPDX-License-Identifier: Apache-2.0
#include "probes/file.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

/* Since 6.5: a handle to tell files apart, which cannot be opened and need not. */
#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID AT_REMOVEDIR
#endif

#define HANDLE_BYTES 128 /* MAX_HANDLE_SZ */
#define NS_PER_S 1000000000LL

/* FNV-1a of 64 bits, begun from a seed. */
static uint64_t hash(uint64_t seed, const uint8_t *bytes, size_t length)
{
	uint64_t value = 0xcbf29ce484222325ULL ^ seed;

	for (size_t i = 0; i < length; i++)
		value = (value ^ bytes[i]) * 0x100000001b3ULL;
	return value;
}

/*
 * The handle that overlayfs gives is that of the lower (or upper) file with its
 * filesystem's UUID (fs/overlayfs/copy_up.c), the same in every mount. A file that
 * was copied up keeps the handle of the one it was copied from, but not its time.
 */
static bool take_overlay_id(int fd, struct file_state *state)
{
	struct {
		struct file_handle head;
		uint8_t bytes[HANDLE_BYTES];
	} handle = { .head.handle_bytes = HANDLE_BYTES };
	const uint64_t time = (uint64_t)state->changed_ns;
	int mount;

	if (name_to_handle_at(fd, "", &handle.head, &mount, AT_EMPTY_PATH | AT_HANDLE_FID) ||
	    handle.head.handle_bytes > HANDLE_BYTES)
		return false;
	state->id.dev = hash(time, handle.head.f_handle, handle.head.handle_bytes);
	state->id.inode = hash(~time, handle.head.f_handle, handle.head.handle_bytes);
	return true;
}

int file__state(int fd, const struct mapping *mapping, struct file_state *ret_state)
{
	struct statfs filesystem;
	struct stat stat;
	struct file_state state;

	if (fstat(fd, &stat))
		return -errno;
	if (!S_ISREG(stat.st_mode))
		return -EINVAL;
	state = (struct file_state){
		.id = { stat.st_dev, stat.st_ino },
		.bytes = (uint64_t)stat.st_size,
		.changed_ns = stat.st_ctim.tv_sec * NS_PER_S + stat.st_ctim.tv_nsec,
		.seen = { stat.st_dev, stat.st_ino },
	};
	/* kernels without such handles show the lower file in /proc/PID/maps */
	if (fstatfs(fd, &filesystem) == 0 && filesystem.f_type == OVERLAYFS_SUPER_MAGIC &&
	    !take_overlay_id(fd, &state) && mapping)
		state.id =
			(struct file_id){ makedev(mapping->major, mapping->minor), mapping->inode };
	*ret_state = state;
	return 0;
}

/* O_NONBLOCK: somebody may have put a pipe there. */
static int open_regular(const char *path, struct stat *ret_stat)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int err;

	if (fd < 0)
		return -errno;
	if (fstat(fd, ret_stat))
		err = -errno;
	else if (!S_ISREG(ret_stat->st_mode))
		err = -EINVAL;
	else
		return fd;
	close(fd);
	return err;
}

/* The file that the process finds under the path now; -ESTALE if it is surely another one. */
static int open_by_path(pid_t pid, const struct mapping *mapping, bool *ret_is_same)
{
	char path[PATH_MAX + 64];
	struct stat stat;
	int fd;

	if (mapping->is_deleted || snprintf(path, sizeof(path), "/proc/%d/root%s", (int)pid,
					    mapping->path) >= (int)sizeof(path))
		return -ESTALE;
	fd = open_regular(path, &stat);
	if (fd < 0)
		return fd == -ENOENT || fd == -ENOTDIR || fd == -EINVAL ? -ESTALE : fd;
	if (stat.st_ino != mapping->inode) {
		close(fd);
		return -ESTALE;
	}
	/* some filesystems have one device for stat and another for maps */
	*ret_is_same = stat.st_dev == makedev(mapping->major, mapping->minor);
	return fd;
}

static int open_by_range(pid_t pid, const struct mapping *mapping)
{
	char path[96];
	struct stat stat;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)pid,
		 (unsigned long long)mapping->start, (unsigned long long)mapping->end);
	return open_regular(path, &stat);
}

int file__open(pid_t pid, const struct mapping *mapping, struct file_state *ret_state)
{
	bool is_same = false;
	int fd = open_by_path(pid, mapping, &is_same), exact, err;

	if (!is_same) {
		exact = open_by_range(pid, mapping);
		if (exact >= 0) {
			if (fd >= 0)
				close(fd);
			fd = exact;
		}
	}
	if (fd < 0)
		return fd;
	err = file__state(fd, mapping, ret_state);
	if (err) {
		close(fd);
		return err;
	}
	return fd;
}

int file__program(pid_t pid, struct file_state *ret_state)
{
	char path[64];
	struct stat stat;
	int fd, err;

	snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
	fd = open_regular(path, &stat);
	if (fd < 0)
		return fd;
	err = file__state(fd, NULL, ret_state);
	close(fd);
	return err;
}
