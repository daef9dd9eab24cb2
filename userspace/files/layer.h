/* SPDX-License-Identifier: Apache-2.0 */
/* Files of overlayfs: the handle of the file below that has the content (fs/overlayfs/overlayfs.h).
 */
#ifndef EDGETAP_FILES_LAYER_H
#define EDGETAP_FILES_LAYER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LAYER_HANDLE_BYTES 128 /* MAX_HANDLE_SZ */

struct layer_handle {
	int type;
	size_t length;
	uint8_t byte[LAYER_HANDLE_BYTES];
};

/* No layer is asked for it. False where there is none: before 6.5, or another file system. */
bool layer__handle(struct layer_handle *ret_handle, int fd);

/*
 * Whether the file below is on a file system that is no server's. What its handle says is the
 * kernel's word: FUSE, 9p and NFS give their file systems no UUID, and their handles another
 * type than ext4 does, whose images may have none either. Pure.
 */
bool layer__is_local(const struct layer_handle *handle);

#endif
