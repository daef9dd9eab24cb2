// SPDX-License-Identifier: Apache-2.0
#include "collect/host/filesystem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "files/foreign.h"

int filesystem__read(int root_fd, const char *point, uint64_t mount_id,
		     struct filesystem *ret_filesystem)
{
	/*
	 * A mount point is written without symbolic links, so one on the way there was put
	 * there meanwhile; and it is in use, so that no directory has to be asked for it.
	 */
	int fd = foreign__below(root_fd, point, O_DIRECTORY), err;
	struct foreign_facts facts;
	struct statvfs fs;

	if (fd < 0)
		return fd;
	err = foreign__look_mount(fd, &facts);
	if (!err && facts.mount != mount_id)
		err = -ESTALE;
	if (!err && fstatvfs(fd, &fs) < 0)
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
