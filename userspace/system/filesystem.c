// SPDX-License-Identifier: Apache-2.0
#include "system/filesystem.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Since 5.8; the distribution's headers may be older than its kernel. */
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif

/*
 * A mount point is written without symbolic links, so one on the way there was put
 * there meanwhile. Nothing is opened but a path, and no server is asked for it.
 */
static int open_point(int root_fd, const char *point)
{
	struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, root_fd, point, &how, sizeof(how));

	return fd < 0 ? -errno : (int)fd;
}

int filesystem__read(int root_fd, const char *point, uint64_t mount_id,
		     struct filesystem *ret_filesystem)
{
	struct statvfs fs;
	struct statx stx;
	int fd = open_point(root_fd, point);
	int err = 0;

	if (fd < 0)
		return fd;
	if (statx(fd, "", AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC, STATX_MNT_ID,
		  &stx) < 0)
		err = -errno;
	else if (!(stx.stx_mask & STATX_MNT_ID) || stx.stx_mnt_id != mount_id)
		err = -ESTALE;
	else if (fstatvfs(fd, &fs) < 0)
		err = -errno;
	close(fd);
	if (err)
		return err;
	*ret_filesystem = (struct filesystem){
		.blocks = fs.f_blocks,
		.blocks_free = fs.f_bfree,
		.blocks_avail = fs.f_bavail,
		.block_bytes = fs.f_frsize,
	};
	return 0;
}
