// SPDX-License-Identifier: Apache-2.0
#include "uprobes/file.h"

#include <errno.h>
#include <linux/magic.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "files/layer.h"

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
	const uint64_t time = (uint64_t)state->changed_ns;
	struct layer_handle handle;

	if (!layer__handle(&handle, fd))
		return false;
	state->id.dev = hash(time, handle.byte, handle.length);
	state->id.inode = hash(~time, handle.byte, handle.length);
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
