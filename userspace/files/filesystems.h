/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which file system a descriptor is on, found out without asking it: statfs(2) asks the server
 * of a network or FUSE file system, and hangs with it. The number of a mount is the whole
 * machine's, so the mount is looked up in the mountinfo (proc(5)) of the process it was met
 * with, of init and of the agent.
 */
#ifndef EDGETAP_FILES_FILESYSTEMS_H
#define EDGETAP_FILES_FILESYSTEMS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* One line of a mountinfo. */
struct filesystem_line {
	uint64_t mount;
	unsigned int major, minor;
	unsigned int uses; /* FS_* */
};

struct filesystems;
struct foreign_facts;

/* Parses it; false if it is none. Pure. */
bool filesystem_line__parse(struct filesystem_line *ret_line, const char *line);

/* 0 or -ENOMEM. NULL may be freed. */
int filesystems__new(struct filesystems **ret_filesystems);
void filesystems__free(struct filesystems *filesystems);

/*
 * To be called whenever descriptors that were asked about may have been closed: a mount that nobody
 * holds can go, and another have its number.
 */
void filesystems__forget(struct filesystems *filesystems);

/*
 * What may be done (bits FS_*) with the file system of an open file (O_PATH will do), of which
 * these are the facts, that belongs to a process; of layers, if the one that has the file may be
 * read. 0: nothing, or not known. major, minor: the device that /proc/PID/maps shows for it; 0, 0
 * where there is none.
 */
unsigned int filesystems__uses(struct filesystems *filesystems, pid_t pid, int fd,
			       const struct foreign_facts *facts, unsigned int major,
			       unsigned int minor);

#endif
