/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP/2 parser of the BPF programs, driven as they drive it, over a byte
 * stream cut into any pieces. For the unit tests and the fuzz target.
 */
#ifndef EDGETAP_TESTS_HTTP2_DRIVE_H
#define EDGETAP_TESTS_HTTP2_DRIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/http2.h"

#define H2D_EVENTS 4096
#define H2D_PATHS 512

struct h2d_event {
	int result;
	size_t offset; /* of the byte behind */
	uint32_t stream, promised, error_code, last_stream, length;
	bool end_stream;
	struct h2_block block; /* of H2_BLOCK */
	uint16_t path;	       /* 1 + index of its path, if it is known */
};

/* Paths as on the wire, each once: what the caller's table is. */
struct h2d_path {
	uint8_t bytes, huffman;
	uint8_t text[RPC_PATH_BYTES];
};

struct h2d {
	struct h2_parser parser;
	struct cursor cursor;
	struct h2d_event event[H2D_EVENTS];
	size_t events;
	struct h2d_path path[H2D_PATHS];
	size_t paths;
	size_t offset;
	uint32_t most;	   /* bytes of a window */
	bool pass;	   /* payload is passed over, not shown */
	bool all_requests; /* every path is remembered, not only those of gRPC */
	uint8_t stale;	   /* what the window holds behind its bytes */
	bool bad;
};

static inline void h2d_begin(struct h2d *d, bool response, bool older, uint8_t stale)
{
	h2_begin(&d->parser, response, older);
	d->events = 0;
	d->paths = 0;
	d->offset = 0;
	d->most = CURSOR_BYTES;
	d->pass = stale & 1;
	d->all_requests = false;
	d->stale = stale;
	d->bad = false;
}

static inline uint16_t h2d_intern(struct h2d *d)
{
	struct h2d_path path = { .bytes = d->parser.block.path_bytes,
				 .huffman = d->parser.block.path_huffman };

	memcpy(path.text, h2_path_text(&d->parser), RPC_PATH_BYTES);
	for (size_t i = path.bytes; i < RPC_PATH_BYTES; i++)
		if (path.text[i])
			abort();
	if (!path.bytes || path.bytes > RPC_PATH_BYTES)
		abort();
	for (size_t i = 0; i < d->paths; i++)
		if (!memcmp(&d->path[i], &path, sizeof(path)))
			return (uint16_t)(i + 1);
	if (d->paths == H2D_PATHS)
		return 0;
	d->path[d->paths++] = path;
	return (uint16_t)d->paths;
}

static inline void h2d_report(struct h2d *d, int result)
{
	struct h2_parser *p = &d->parser;
	struct h2d_event e;

	memset(&e, 0, sizeof(e)); /* compared as bytes */
	e.result = result;
	e.offset = d->offset;
	e.stream = p->stream;
	switch (result) {
	case H2_BAD:
		d->bad = true;
		e.stream = 0;
		break;
	case H2_BLOCK_UNREAD:
	case H2_BLOCK:
		e.block = p->block;
		e.end_stream = p->end_stream;
		e.promised = p->promised;
		if (p->block.path == H2_PATH_KNOWN)
			e.path = p->block.path_value;
		if (p->block.path == H2_PATH_TEXT &&
		    (d->all_requests || p->block.grpc == H2_GRPC_YES)) {
			e.path = h2d_intern(d);
			if (e.path)
				hpack_remember_path(p, e.path);
		}
		break;
	case H2_DATA:
		e.length = p->length;
		/* fallthrough */
	case H2_FRAME:
		e.end_stream = p->end_stream;
		break;
	case H2_RESET:
		e.error_code = p->error_code;
		break;
	case H2_GOAWAY:
		e.error_code = p->error_code;
		e.last_stream = p->last_stream;
		break;
	default:
		abort();
	}
	if (d->events < H2D_EVENTS)
		d->event[d->events++] = e;
}

/* The next n bytes of the stream, in windows. */
static inline void h2d_piece(struct h2d *d, const uint8_t *data, size_t n)
{
	struct h2_parser *p = &d->parser;
	struct cursor *cur = &d->cursor;

	while (n && !d->bad) {
		uint32_t some = (uint32_t)(n < d->most ? n : d->most), idle = 0;
		int result;

		if (d->pass && !h2_wants_bytes(p)) {
			if (!p->frame_left)
				abort(); /* its end should have been reported */
			some = (uint32_t)(n < p->frame_left ? n : p->frame_left);
			d->offset += some;
			data += some;
			n -= some;
			result = h2_pass(p, some);
			if (result != H2_MORE)
				h2d_report(d, result);
			continue;
		}
		memset(cur->byte, d->stale, sizeof(cur->byte));
		memcpy(cur->byte, data, some);
		cur->pos = 0;
		cur->bytes = some;
		do {
			uint32_t from = cur->pos;

			result = h2_scan(p, cur);
			if (cur->pos < from || cur->pos > cur->bytes)
				abort();
			idle = cur->pos == from ? idle + 1 : 0;
			if (idle > 4)
				abort(); /* no progress: the caller would not end */
			d->offset += cur->pos - from;
			if (result != H2_MORE && result != H2_AGAIN)
				h2d_report(d, result);
		} while (result != H2_MORE && result != H2_BAD);
		if (result == H2_MORE && cur->pos != cur->bytes)
			abort();
		data += some;
		n -= some;
	}
}

static inline bool h2d_same(const struct h2d *a, const struct h2d *b)
{
	if (a->events != b->events || a->bad != b->bad)
		return false;
	for (size_t i = 0; i < a->events; i++)
		if (memcmp(&a->event[i], &b->event[i], sizeof(a->event[i])))
			return false;
	return a->paths == b->paths && !memcmp(a->path, b->path, a->paths * sizeof(a->path[0]));
}

static inline void h2d_print(const char *name, const struct h2d *d)
{
	fprintf(stderr, "%s: %zu events%s\n", name, d->events, d->bad ? ", bad" : "");
	for (size_t i = 0; i < d->events; i++) {
		const struct h2d_event *e = &d->event[i];

		fprintf(stderr,
			"  %d at %zu: stream %u%s promised %u error %u last %u length %u; status %u "
			"method %u path %u/%u/%u grpc %u grpc-status %u\n",
			e->result, e->offset, e->stream, e->end_stream ? " end" : "", e->promised,
			e->error_code, e->last_stream, e->length, e->block.status, e->block.method,
			e->block.path, e->block.path_bytes, e->path, e->block.grpc,
			e->block.grpc_status);
	}
}

#endif
