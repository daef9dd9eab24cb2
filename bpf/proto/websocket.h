/* SPDX-License-Identifier: GPL-2.0 */
/* Headers of WebSocket frames (RFC 6455, 5.2), a byte at a time. Pure, as http1.h is. */
#ifndef EDGETAP_PROTO_WEBSOCKET_H
#define EDGETAP_PROTO_WEBSOCKET_H

#include "cursor.h"

/* One direction of a WebSocket connection (RFC 6455, 5.2). */
struct websocket_direction {
	__u64 left;   /* of the frame's payload */
	__u64 length; /* of it, as far as it was read */
	__u8 have;    /* bytes of the header seen */
	__u8 need;    /* bytes that it has; 0: not known yet */
	__u8 opcode;  /* first byte of the header; 0xff: lost */
	__u8 pad;
	__u32 messages; /* that ended in the read or write at hand */
};

/* Bytes of a frame's header, of which `have` are known; 0: too few to tell. */
static __always_inline __u8 websocket_need(const struct websocket_direction *way)
{
	__u8 length = way->length & 127;

	return (__u8)(2 +
		      (length == 126   ? 2
		       : length == 127 ? 8
				       : 0) +
		      (way->length & 128 ? 4 : 0));
}

/* One byte of a header. True if the header is complete. */
static __always_inline bool websocket_header(struct websocket_direction *way, __u8 byte)
{
	__u8 have = way->have++;

	if (have == 0) {
		way->opcode = byte;
		return false;
	}
	if (have == 1) {
		way->length = byte;
		way->need = websocket_need(way);
		way->left = (byte & 127) < 126 ? byte & 127 : 0;
	} else if (have < 2 + ((way->length & 127) == 126   ? 2
			       : (way->length & 127) == 127 ? 8
							    : 0)) {
		way->left = way->left << 8 | byte;
	}
	return way->have == way->need;
}

#endif
