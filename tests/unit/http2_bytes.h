/* SPDX-License-Identifier: Apache-2.0 */
/* Frames of HTTP/2, as the simulated exchanges send them. */
#ifndef EDGETAP_TESTS_HTTP2_BYTES_H
#define EDGETAP_TESTS_HTTP2_BYTES_H

#include <check.h>
#include <string.h>

#include "exchange.h"

#define PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#define SETTINGS "\0\0\0\4\0\0\0\0\0"
#define SETTINGS_6 "\0\0\6\4\0\0\0\0\0\0\3\0\0\0\100"
#define PING "\0\0\10\6\0\0\0\0\0abcdefgh"

struct bytes {
	uint8_t at[4096];
	size_t n;
};

static inline void add(struct bytes *b, const void *data, size_t n)
{
	ck_assert_uint_le(b->n + n, sizeof(b->at));
	memcpy(b->at + b->n, data, n);
	b->n += n;
}

#define ADD(b, text) add(b, text, sizeof(text) - 1)

/* A frame of a stream below 256, with a payload of less than 256 bytes. */
static inline void add_frame(struct bytes *b, int type, int flags, int stream, const void *payload,
			     size_t n)
{
	uint8_t header[9] = { 0, 0, (uint8_t)n, (uint8_t)type,	(uint8_t)flags,
			      0, 0, 0,		(uint8_t)stream };

	add(b, header, sizeof(header));
	add(b, payload, n);
}

/* GET / of http, by the static table (RFC 7541, appendix A). */
static inline void add_request(struct bytes *b, int stream)
{
	add_frame(b, 1, 5, stream, "\202\204\206", 3);
}

/* Status 200, and with `end` nothing behind it. */
static inline void add_answer(struct bytes *b, int stream, bool end)
{
	add_frame(b, 1, end ? 5 : 4, stream, "\210", 1);
}

static inline void add_reset(struct bytes *b, int stream)
{
	add_frame(b, 3, 0, stream, "\0\0\0\10", 4);
}

#endif
