/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Types of file systems, and what may be done with them without waiting for anybody. Those of
 * a server or a daemon (NFS, FUSE, autofs) may not answer for ever, and not even SIGKILL ends the
 * wait, so they are not here: a list of what is allowed needs no update for a new one. Pure.
 */
#ifndef EDGETAP_FILES_FS_TYPE_H
#define EDGETAP_FILES_FS_TYPE_H

#include <stddef.h>

enum {
	FS_READ = 1U << 0,    /* files may be opened and read */
	FS_SIZE = 1U << 1,    /* statvfs(2) may be asked, and says something */
	FS_LAYERED = 1U << 2, /* neither is known before its layers are */
};

/* Bits of these for a type as mountinfo writes it; 0 for one that may hang, or is not known. */
unsigned int fs_type__uses(const char *name, size_t length);

#endif
