/* SPDX-License-Identifier: Apache-2.0 */
/* The size of a file system at a mount point below some root directory. */
#ifndef EDGETAP_COLLECT_HOST_FILESYSTEM_H
#define EDGETAP_COLLECT_HOST_FILESYSTEM_H

#include <stdint.h>

struct filesystem {
	uint64_t blocks; /* of block_bytes, as are the next two */
	uint64_t blocks_free;
	uint64_t blocks_avail; /* to who is not root */
	uint64_t block_bytes;
};

/*
 * Asks the file system of the mount with this id (proc(5), mountinfo) at `point`,
 * which is taken from root_fd and never leaves it: whoever may change what is
 * below that directory cannot make another file system be asked. Needs openat2
 * with RESOLVE_CACHED (5.12). Returns 0; -ENOTDIR for what is mounted on a file; -ESTALE if another
 * mount is there; or another negative errno.
 */
int filesystem__read(int root_fd, const char *point, uint64_t mount_id,
		     struct filesystem *ret_filesystem);

#endif
