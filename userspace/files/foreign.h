/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The one way to a file that belongs to a process, which may be hostile: what is at its path is
 * its choice (a link to a device, a pipe), and so is who answers for it (FUSE, NFS). Three steps:
 *
 *   1. a descriptor by O_PATH, which opens nothing: no driver's open(), no wait for a pipe, and
 *	no server is asked. By the mapping itself (map_files), or by a path that is resolved
 *	below the process's root, without links, and from the kernel's cache alone;
 *   2. foreign__check: whether it is a regular file of a file system that cannot hang, without
 *	asking who serves it;
 *   3. foreign__open, only then: the file behind that very descriptor.
 *
 * The one wait that is left is for the process's memory map, by map_files as by
 * /proc/PID/maps; see patience.h. A path of /proc/PID that is a magic link (exe, root, cwd) is
 * safe for steps 1 and 2: the kernel has the file at hand.
 */
#ifndef EDGETAP_FILES_FOREIGN_H
#define EDGETAP_FILES_FOREIGN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "files/filesystems.h"

struct foreign_facts {
	dev_t dev;
	uint64_t inode;
	mode_t mode;
	uint64_t mount; /* its number; 0: not known */
	bool is_unique; /* that number is never used again (6.8) */
};

/*
 * Facts as the kernel remembers them, about a path from a directory (AT_FDCWD), links followed, or
 * about the descriptor itself with path "". 0 or a negative errno.
 */
int foreign__look(int fd, const char *path, struct foreign_facts *ret_facts);

/* The same of a descriptor, with the number of the mount that mountinfo (proc(5)) has. */
int foreign__look_mount(int fd, struct foreign_facts *ret_facts);

/*
 * The file that a process has mapped from start to end, by O_PATH. Returns a descriptor or a
 * negative errno: -EPERM without CAP_CHECKPOINT_RESTORE (5.9) or CAP_SYS_ADMIN. May wait for the
 * memory map, until SIGKILL at worst.
 */
int foreign__mapped(pid_t pid, uint64_t start, uint64_t end);

/* The root directory of a process, by O_PATH. A descriptor or a negative errno. */
int foreign__root(pid_t pid);

/*
 * What a path below a directory leads to, by O_PATH with these flags more. No link is followed,
 * nor are ".." and "/" a way out. -EAGAIN for what the kernel would have to look for: what is in
 * use (mapped, mounted on) it has at hand. Needs openat2 with RESOLVE_CACHED (5.12).
 */
int foreign__below(int root, const char *path, int flags);

/*
 * Whether what a descriptor by O_PATH is of may be opened and read: 0; -EINVAL if it is not a
 * regular file; -EREMOTE if its file system may hang; or another negative errno. major and minor
 * as for filesystems__uses.
 */
int foreign__check(struct filesystems *filesystems, pid_t pid, int fd, unsigned int major,
		   unsigned int minor);

/* Opens for reading what such a descriptor is of, which was checked. One or a negative errno. */
int foreign__open(int fd);

#endif
