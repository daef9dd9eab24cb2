// SPDX-License-Identifier: Apache-2.0
#include "files/layer.h"

#include <fcntl.h>
#include <string.h>

/* Since 6.5: a handle to tell files apart, which cannot be opened and need not. */
#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID AT_REMOVEDIR
#endif

#define OVERLAY_TYPE 0xf8 /* OVL_FILEID_V1 */
#define PAD_BYTES 3	  /* before the handle proper, struct ovl_fb */
#define HEAD_BYTES 21	  /* version, magic, length, flags, type, UUID */
#define MAGIC 0xfb
#define INO32_GEN 1 /* FILEID_INO32_GEN: ext4, tmpfs */

bool layer__handle(struct layer_handle *ret_handle, int fd)
{
	struct {
		struct file_handle head;
		uint8_t bytes[LAYER_HANDLE_BYTES];
	} handle = { .head.handle_bytes = LAYER_HANDLE_BYTES };
	int mount;

	if (name_to_handle_at(fd, "", &handle.head, &mount, AT_EMPTY_PATH | AT_HANDLE_FID) ||
	    handle.head.handle_bytes > LAYER_HANDLE_BYTES)
		return false;
	ret_handle->type = handle.head.handle_type;
	ret_handle->length = handle.head.handle_bytes;
	memcpy(ret_handle->byte, handle.head.f_handle, handle.head.handle_bytes);
	return true;
}

bool layer__is_local(const struct layer_handle *handle)
{
	static const uint8_t no_uuid[16];
	const uint8_t *head = handle->byte + PAD_BYTES;

	/* an overlay of overlays gives another type, and is not seen through */
	if (handle->type != OVERLAY_TYPE || handle->length < PAD_BYTES + HEAD_BYTES ||
	    head[0] != 0 || head[1] != MAGIC || head[4] == OVERLAY_TYPE || head[4] == MAGIC)
		return false;
	return head[4] == INO32_GEN || memcmp(head + 5, no_uuid, sizeof(no_uuid)) != 0;
}
