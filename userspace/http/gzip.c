// SPDX-License-Identifier: Apache-2.0
#include "http/gzip.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/clock.h"
#include "http/turns.h"

/* Large enough that malloc maps it, and gives it back whole when it is freed. */
#define BLOCK_BYTES (64 * 1024)

/* Input between two looks at the clock: a few milliseconds of work. */
#define SLICE_BYTES (512 * 1024)

/*
 * A page is 100 to 200 bytes a line, most of them the line's before: of all settings these take
 * the least time for it. More memory for hashes is more to be moved with the window, and finds
 * nothing more.
 */
#define LEVEL 1
#define WINDOW_BITS 15
#define WITH_GZIP_HEADER 16
#define MEM_LEVEL 6

/* What zlib writes of one: no name, no comment (RFC 1952, 2.3). */
#define GZIP_HEADER_BYTES 10

struct block {
	struct block *next;
	_Atomic uint32_t readers;
	size_t length;
	Bytef bytes[];
};

#define BLOCK_ROOM (BLOCK_BYTES - sizeof(struct block))

struct gzip {
	_Atomic uint64_t *held;
	_Atomic uint64_t *own; /* NULL: nobody's */
	uint64_t limit;
	uint64_t deadline_ns;
	int error;
	enum gzip_use use;
	uint64_t plain_bytes, gzip_bytes;
	struct block *head, *last;
	size_t offset; /* in head: what has been read of it */
	z_stream deflate, inflate;
	bool is_deflating, is_inflating;
};

int gzip__new(struct gzip **ret_packed, _Atomic uint64_t *held, uint64_t limit,
	      uint64_t deadline_ns, enum gzip_use use)
{
	int window_bits = use == GZIP_FOR_MEMORY ? -WINDOW_BITS : WINDOW_BITS + WITH_GZIP_HEADER;
	struct gzip *packed = calloc(1, sizeof(*packed));

	if (!packed)
		return -ENOMEM;
	packed->held = held;
	packed->limit = limit;
	packed->deadline_ns = deadline_ns;
	packed->use = use;
	if (deflateInit2(&packed->deflate, LEVEL, Z_DEFLATED, window_bits, MEM_LEVEL,
			 Z_DEFAULT_STRATEGY) != Z_OK) {
		free(packed);
		return -ENOMEM;
	}
	packed->is_deflating = true;
	*ret_packed = packed;
	return 0;
}

void gzip__set_owner(struct gzip *packed, _Atomic uint64_t *own)
{
	packed->own = own;
}

/* The memory is counted before it is taken. 0 or -ENOBUFS. */
static int charge(struct gzip *packed)
{
	uint64_t held = atomic_fetch_add(packed->held, BLOCK_BYTES), own = 0;

	if (packed->own)
		own = atomic_fetch_add(packed->own, BLOCK_BYTES);
	return share__has_room(held, own, BLOCK_BYTES, packed->limit) ? 0 : -ENOBUFS;
}

static void discharge(struct gzip *packed, bool is_last)
{
	if (packed->own)
		atomic_fetch_sub(packed->own, BLOCK_BYTES);
	if (is_last)
		atomic_fetch_sub(packed->held, BLOCK_BYTES);
}

int gzip__share(struct gzip **ret_packed, const struct gzip *packed, _Atomic uint64_t *own)
{
	struct gzip *other = calloc(1, sizeof(*other));

	if (!other)
		return -ENOMEM;
	other->held = packed->held;
	other->own = own;
	other->use = packed->use;
	other->plain_bytes = packed->plain_bytes;
	other->gzip_bytes = packed->gzip_bytes;
	other->head = packed->head;
	for (struct block *block = packed->head; block; block = block->next) {
		atomic_fetch_add(&block->readers, 1);
		if (own)
			atomic_fetch_add(own, BLOCK_BYTES);
	}
	*ret_packed = other;
	return 0;
}

/* Is done with the first block. */
static void drop_block(struct gzip *packed)
{
	struct block *block = packed->head;

	packed->head = block->next;
	packed->offset = 0;
	if (atomic_fetch_sub(&block->readers, 1) == 1) {
		free(block);
		discharge(packed, true);
	} else {
		discharge(packed, false);
	}
}

static void end_deflate(struct gzip *packed)
{
	if (packed->is_deflating)
		deflateEnd(&packed->deflate);
	packed->is_deflating = false;
}

void gzip__free(struct gzip *packed)
{
	if (!packed)
		return;
	end_deflate(packed);
	if (packed->is_inflating)
		inflateEnd(&packed->inflate);
	while (packed->head)
		drop_block(packed);
	free(packed);
}

static int add_block(struct gzip *packed)
{
	struct block *block;

	if (charge(packed)) {
		discharge(packed, true);
		return -ENOBUFS;
	}
	block = malloc(BLOCK_BYTES);
	if (!block) {
		discharge(packed, true);
		return -ENOMEM;
	}
	block->next = NULL;
	atomic_init(&block->readers, 1);
	block->length = 0;
	if (packed->head)
		packed->last->next = block;
	else
		packed->head = block;
	packed->last = block;
	return 0;
}

/* Runs deflate until it has taken its input and, if it is the end, given all its output. */
static int deflate_input(struct gzip *packed, int flush)
{
	z_stream *z = &packed->deflate;
	int result;

	do {
		struct block *block = packed->last;

		if (!packed->head || block->length == BLOCK_ROOM) {
			int err = add_block(packed);

			if (err)
				return err;
			block = packed->last;
		}
		z->next_out = block->bytes + block->length;
		z->avail_out = (uInt)(BLOCK_ROOM - block->length);
		result = deflate(z, flush);
		block->length = BLOCK_ROOM - z->avail_out;
		if (result == Z_STREAM_ERROR)
			return -EINVAL;
	} while (flush == Z_FINISH ? result != Z_STREAM_END : z->avail_in > 0);
	return 0;
}

int gzip__write(struct gzip *packed, const void *plain, size_t size)
{
	const char *from = plain;

	packed->plain_bytes += size;
	while (size && !packed->error) {
		size_t take = size < SLICE_BYTES ? size : SLICE_BYTES;

		if (clock__now_ns() >= packed->deadline_ns) {
			packed->error = -ETIME;
			break;
		}
		packed->deflate.next_in = (Bytef *)from;
		packed->deflate.avail_in = (uInt)take;
		packed->error = deflate_input(packed, Z_NO_FLUSH);
		from += take;
		size -= take;
	}
	return packed->error;
}

int gzip__finish(struct gzip *packed)
{
	if (!packed->error) {
		packed->deflate.next_in = NULL;
		packed->deflate.avail_in = 0;
		packed->error = deflate_input(packed, Z_FINISH);
	}
	packed->gzip_bytes = packed->deflate.total_out;
	end_deflate(packed);
	return packed->error;
}

int gzip__error(const struct gzip *packed)
{
	return packed->error;
}

uint64_t gzip__plain_bytes(const struct gzip *packed)
{
	return packed->plain_bytes;
}

uint64_t gzip__packed_bytes(const struct gzip *packed)
{
	return packed->gzip_bytes;
}

ssize_t gzip__read_packed(struct gzip *packed, char *out, size_t size)
{
	size_t done = 0;

	while (packed->head && done < size) {
		struct block *block = packed->head;
		size_t left = block->length - packed->offset;
		size_t take = left < size - done ? left : size - done;

		memcpy(out + done, block->bytes + packed->offset, take);
		done += take;
		packed->offset += take;
		if (packed->offset == block->length)
			drop_block(packed);
	}
	return (ssize_t)done;
}

/*
 * What lies between header and trailer: the sum in the trailer is for those who get all of it
 * over a network, and would take as long to compare as a third of the inflating.
 */
static int start_inflating(struct gzip *packed)
{
	if (inflateInit2(&packed->inflate, -WINDOW_BITS) != Z_OK)
		return -ENOMEM;
	packed->is_inflating = true;
	packed->offset = packed->use == GZIP_FOR_MEMORY ? 0 : GZIP_HEADER_BYTES;
	return 0;
}

ssize_t gzip__read_plain(struct gzip *packed, char *out, size_t size)
{
	z_stream *z = &packed->inflate;
	int err = packed->is_inflating ? 0 : start_inflating(packed);

	if (err)
		return err;
	z->next_out = (Bytef *)out;
	z->avail_out = size < UINT32_MAX ? (uInt)size : UINT32_MAX;
	size = z->avail_out;
	while (packed->head && z->avail_out) {
		struct block *block = packed->head;
		int result;

		z->next_in = block->bytes + packed->offset;
		z->avail_in = (uInt)(block->length - packed->offset);
		result = inflate(z, Z_NO_FLUSH);
		packed->offset = block->length - z->avail_in;
		/* Z_BUF_ERROR: it had given all output of this block before. */
		if (result != Z_OK && result != Z_STREAM_END &&
		    (result != Z_BUF_ERROR || packed->offset < block->length))
			return -EIO;
		/* The last of a block's output may still be in the window: ask for it first. */
		if (packed->offset == block->length && z->avail_out)
			drop_block(packed);
		while (result == Z_STREAM_END && packed->head)
			drop_block(packed);
	}
	return (ssize_t)(size - z->avail_out);
}
