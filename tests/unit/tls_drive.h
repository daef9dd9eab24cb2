/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The TLS follower of the BPF programs, driven as they drive it, over what a
 * server read and wrote, cut into any pieces. For the unit tests and the fuzz
 * target.
 */
#ifndef EDGETAP_TESTS_TLS_DRIVE_H
#define EDGETAP_TESTS_TLS_DRIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/tls.h"

struct drive {
	struct tls_state state;
	struct cursor cursor;
	int result;
	bool foreign;  /* TLS_NOT was said of the client's bytes */
	bool skips;    /* passes over what need not be shown */
	uint8_t stale; /* what the window holds behind its bytes */
	uint8_t hello[1 << 17];
	size_t hello_bytes;
};

static inline void drive_begin(struct drive *d, bool skips, uint8_t stale)
{
	memset(&d->state, 0, sizeof(d->state));
	d->result = TLS_MORE;
	d->foreign = false;
	d->skips = skips;
	d->stale = stale;
	d->hello_bytes = 0;
}

static inline void drive_hello(struct drive *d)
{
	const struct tls_state *t = &d->state;

	if (!t->hello_piece || t->hello_piece > d->cursor.pos ||
	    t->hello_bytes - t->hello_piece != d->hello_bytes)
		abort();
	if (t->hello_bytes <= sizeof(d->hello))
		memcpy(d->hello + d->hello_bytes, d->cursor.byte + d->cursor.pos - t->hello_piece,
		       t->hello_piece);
	d->hello_bytes = t->hello_bytes;
}

/* One read (from_server false) or write, or a part of it. */
static inline void drive_piece(struct drive *d, bool from_server, const uint8_t *data, size_t n,
			       uint64_t now_ns)
{
	while (n && d->result == TLS_MORE && !(d->foreign && !from_server)) {
		size_t used = d->skips ? tls_skip_bytes(&d->state, from_server) : 0;
		int result;

		if (used) {
			used = used < n ? used : n;
			result = tls_skip(&d->state, from_server, (uint32_t)used, now_ns);
		} else {
			size_t shown = n < CURSOR_BYTES ? n : CURSOR_BYTES;

			memset(d->cursor.byte, d->stale, sizeof(d->cursor.byte));
			memcpy(d->cursor.byte, data, shown);
			d->cursor.pos = 0;
			d->cursor.bytes = (uint32_t)shown;
			result = tls_scan(&d->state, &d->cursor, from_server, now_ns);
			used = d->cursor.pos;
			if (!used || used > shown)
				abort(); /* no progress, or beyond what was given */
		}
		data += used;
		n -= used;
		if (result == TLS_HELLO)
			drive_hello(d);
		else if (result == TLS_NOT && !from_server)
			d->foreign = true;
		else
			d->result = result;
	}
}

static inline void drive_end(struct drive *d, int by, int outcome)
{
	if (d->result == TLS_MORE)
		d->result = tls_end(&d->state, by, outcome);
}

/* True if both say the same of a connection. */
static inline bool drive_same(const struct drive *a, const struct drive *b)
{
	const struct tls_state *s = &a->state, *t = &b->state;

	if (a->result != b->result || a->foreign != b->foreign || s->version != t->version ||
	    s->phase != t->phase || s->flags != t->flags || a->hello_bytes != b->hello_bytes)
		return false;
	if (a->hello_bytes <= sizeof(a->hello) && memcmp(a->hello, b->hello, a->hello_bytes))
		return false;
	if (a->result == TLS_DONE)
		return s->done_ns == t->done_ns;
	if (a->result == TLS_FAILED)
		return s->outcome == t->outcome && s->by == t->by && s->alert == t->alert;
	return true;
}

static inline void drive_print(const char *name, const struct drive *d)
{
	const struct tls_state *t = &d->state;

	fprintf(stderr,
		"%s: result %d%s version %04x suite %04x phase %d flags %x outcome %d by %d alert %d "
		"done %llu hello %zu\n",
		name, d->result, d->foreign ? " (client foreign)" : "", t->version, t->suite,
		t->phase, t->flags, t->outcome, t->by, t->alert, (unsigned long long)t->done_ns,
		d->hello_bytes);
}

#endif
