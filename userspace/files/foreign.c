// SPDX-License-Identifier: Apache-2.0
#include "files/foreign.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "files/fs_type.h"

/* Since 5.8 and 6.8; the distribution's headers may be older than its kernel. */
#ifndef STATX_MNT_ID
#define STATX_MNT_ID 0x1000U
#endif
#ifndef STATX_MNT_ID_UNIQUE
#define STATX_MNT_ID_UNIQUE 0x4000U
#endif

/* Since 5.12. */
#ifndef RESOLVE_CACHED
#define RESOLVE_CACHED 0x20
#endif

/* A rename anywhere makes a look into the cache fail now and then. */
#define ATTEMPTS 8

static int look(int fd, const char *path, unsigned int mount, struct foreign_facts *ret_facts)
{
	struct statx stx;

	/* not even FUSE and NFS are asked, whose attributes are as old as they may be */
	if (statx(fd, path, AT_EMPTY_PATH | AT_NO_AUTOMOUNT | AT_STATX_DONT_SYNC,
		  STATX_TYPE | STATX_INO | mount, &stx) < 0)
		return -errno;
	*ret_facts = (struct foreign_facts){
		.dev = makedev(stx.stx_dev_major, stx.stx_dev_minor),
		.inode = stx.stx_ino,
		.mode = stx.stx_mode,
		.mount = stx.stx_mask & mount ? stx.stx_mnt_id : 0,
		.is_unique = stx.stx_mask & mount & STATX_MNT_ID_UNIQUE,
	};
	return 0;
}

int foreign__look(int fd, const char *path, struct foreign_facts *ret_facts)
{
	return look(fd, path, STATX_MNT_ID | STATX_MNT_ID_UNIQUE, ret_facts);
}

int foreign__look_mount(int fd, struct foreign_facts *ret_facts)
{
	return look(fd, "", STATX_MNT_ID, ret_facts);
}

int foreign__mapped(pid_t pid, uint64_t start, uint64_t end)
{
	char path[96];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/map_files/%llx-%llx", (int)pid,
		 (unsigned long long)start, (unsigned long long)end);
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd;
}

int foreign__root(pid_t pid)
{
	char path[32];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/root", (int)pid);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	return fd;
}

int foreign__below(int root, const char *path, int flags)
{
	struct open_how how = {
		.flags = (uint64_t)(O_PATH | O_CLOEXEC | flags),
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS |
			   RESOLVE_CACHED,
	};
	long fd = -EAGAIN;

	for (int i = 0; i < ATTEMPTS && fd == -EAGAIN; i++) {
		fd = syscall(SYS_openat2, root, path, &how, sizeof(how));
		if (fd < 0)
			fd = -errno;
	}
	return (int)fd;
}

int foreign__check(struct filesystems *filesystems, pid_t pid, int fd, unsigned int major,
		   unsigned int minor)
{
	struct foreign_facts facts;
	int err = foreign__look(fd, "", &facts);

	if (err)
		return err;
	if (!S_ISREG(facts.mode))
		return -EINVAL;
	return filesystems__uses(filesystems, pid, fd, &facts, major, minor) & FS_READ ? 0
										       : -EREMOTE;
}

int foreign__open(int fd)
{
	char path[32];
	int opened;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	opened = open(path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (opened < 0)
		return -errno;
	return opened;
}
