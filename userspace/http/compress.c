// SPDX-License-Identifier: Apache-2.0
#include "http/compress.h"

#include <errno.h>
#include <stdlib.h>
#include <zlib.h>

#include "http/clock.h"

/* Input between two looks at the clock: a few milliseconds of work. */
#define SLICE_BYTES (512 * 1024)

#define LEVEL 1
#define WINDOW_BITS (15 + 16) /* 16: a gzip header instead of zlib's */
#define MEM_LEVEL 8

static int deflate_all(z_stream *z, const char *body, size_t size, char *out, size_t room,
		       uint64_t deadline_ns)
{
	size_t done = 0, take;
	int err;

	z->next_out = (Bytef *)out;
	do {
		if (clock__now_ns() >= deadline_ns)
			return -ETIME;
		take = size - done < SLICE_BYTES ? size - done : SLICE_BYTES;
		z->next_in = (Bytef *)(body + done);
		z->avail_in = take;
		done += take;
		/* avail_out is 32 bits wide, the buffer need not be. */
		z->avail_out = room - z->total_out < 1U << 30 ? room - z->total_out : 1U << 30;
		err = deflate(z, done == size ? Z_FINISH : Z_NO_FLUSH);
		if (err != Z_OK && err != Z_STREAM_END)
			return -EINVAL;
	} while (done < size);
	return err == Z_STREAM_END ? 0 : -ENOMEM;
}

int http_compress__gzip(char **ret_gzip, size_t *ret_size, const char *body, size_t size,
			uint64_t deadline_ns)
{
	z_stream z = {};
	char *out, *fit;
	size_t room;
	int err;

	if (!size)
		return -EINVAL;
	if (deflateInit2(&z, LEVEL, Z_DEFLATED, WINDOW_BITS, MEM_LEVEL, Z_DEFAULT_STRATEGY) != Z_OK)
		return -ENOMEM;
	/*
	 * The bound is about the size of the input, but pages that are never
	 * written are never there, and realloc gives the rest of the range back.
	 */
	room = deflateBound(&z, size);
	out = malloc(room);
	if (!out) {
		deflateEnd(&z);
		return -ENOMEM;
	}
	err = deflate_all(&z, body, size, out, room, deadline_ns);
	room = z.total_out;
	deflateEnd(&z);
	if (err) {
		free(out);
		return err;
	}
	fit = realloc(out, room);
	*ret_gzip = fit ? fit : out;
	*ret_size = room;
	return 0;
}
