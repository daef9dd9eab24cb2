/* SPDX-License-Identifier: GPL-2.0 */
/*
 * TLS as its socket sees it: how handshakes go. What the records say is told by
 * tls.h; here it is counted, and the ClientHello sent to the agent, which reads
 * the server's name in it.
 */
#ifndef EDGETAP_TLS_HANDSHAKE_H
#define EDGETAP_TLS_HANDSHAKE_H

#include "../http/request.h"
#include "../http/response.h"

#define TLS_HANDSHAKE_STEPS 4096 /* pieces of one read or write of a handshake */

/* The result of a handshake is known; what follows is ciphertext. */
static __always_inline void tls_handshake_end(struct server_state *s, int result)
{
	struct tls_state *t = &s->tls.handshake;
	__u32 slot, index, version = (__u32)t->version - 0x0301;
	struct row_group *group;
	__u64 time;

	/* one that is older may have been met in the midst of its handshake */
	if (s->connect_counted == CONNECT_OLDER && result != TLS_DONE && result != TLS_FAILED)
		s->tls.counted = 1;
	else if (result == TLS_NOT)
		forget_plain(s);
	s->protocol = result == TLS_NOT && !s->tls.counted ? PROTOCOL_OTHER : PROTOCOL_TLS_DATA;
	if (t->flags & TLS_F_REQUEST)
		s->tls.taken = TLS_HEADER + TLS_NO_REQUEST + 1;
	if (s->tls.counted)
		return;
	s->tls.counted = 1;
	if (result == TLS_LOST)
		count_loss(LOSS_TLS_HANDSHAKE);
	if (result != TLS_DONE && result != TLS_FAILED)
		return;
	emit_tls_end(s, t);
	if (result != TLS_DONE)
		return;
	slot = slot_current(s->slot, s->generation);
	index = group_index(slot, STATUS_TLS);
	group = bpf_map_lookup_elem(&group_by_index, &index);
	time = time_between(t->start_ns, t->done_ns);
	if (group && index != OTHER_INDEX && version < GROUP_ROWS)
		row_add(&group->row[at_most(version, GROUP_ROWS - 1)], grid_cell(time), time);
}

/* The connection ends: a handshake that is not over has failed. */
static __always_inline void tls_handshake_teardown(struct server_state *s, bool client_left,
						   __u32 outcome)
{
	if (s->protocol == PROTOCOL_TLS_HANDSHAKE)
		tls_handshake_end(s, tls_end(&s->tls.handshake,
					     client_left ? TLS_BY_CLIENT : TLS_BY_SERVER, outcome));
}

/* Sends the agent the piece of a ClientHello that ends at `end` of the window. */
static __always_inline void emit_hello(struct server_state *s, struct io *io, __u32 end)
{
	const struct tls_state *t = &s->tls.handshake;
	__u64 bytes = at_most(t->hello_piece, CURSOR_BYTES);
	__u32 zero = 0, from = end - (__u32)bytes;
	struct event_tls_hello *event;

	event = bpf_map_lookup_elem(&hello_by_cpu, &zero);
	if (!event || !bytes)
		return;
	event->kind = EVENT_TLS_HELLO;
	event->slot = slot_current(s->slot, s->generation);
	event->generation = s->generation;
	event->hello = t->hello;
	event->offset = t->hello_bytes - (__u32)bytes;
	event->bytes = (__u32)bytes;
	if (bpf_probe_read_kernel(event->byte, bytes, &io->cursor.byte[from & CURSOR_MASK]))
		return;
	if (bpf_ringbuf_output(&events, event, sizeof(*event) - EVENT_HELLO_BYTES + bytes, 0))
		count_loss(LOSS_EVENTS_FULL);
}

/* One step of what was read or written; non-zero if there is none further. */
VERIFIED_ALONE int tls_handshake_one(struct server_state *s, struct io *io, int from_server)
{
	struct cursor *cur;
	struct tls_state *t;
	int result;

	if (!s || !io)
		return 1;
	cur = &io->cursor;
	t = &s->tls.handshake;
	if (cur->pos < cur->bytes) {
		result = tls_scan(t, cur, from_server, io->now_ns);
	} else {
		__u32 n;

		if (!io->left)
			return 1;
		n = tls_skip_bytes(t, from_server);
		if (!n) {
			n = payload_show(io, NULL, CURSOR_BYTES);
			if (!n) {
				tls_handshake_end(s, TLS_LOST);
				return 1;
			}
			payload_skip(io, n);
			return 0;
		}
		if (n > io->left)
			n = io->left;
		payload_skip(io, n);
		result = tls_skip(t, from_server, n, io->now_ns);
	}
	if (result == TLS_HELLO)
		emit_hello(s, io, cur->pos);
	if (result == TLS_MORE || result == TLS_HELLO)
		return 0;
	if (result == TLS_NOT && !from_server)
		return 1; /* the server may say so */
	tls_handshake_end(s, result);
	return 1;
}

struct tls_handshake_walk {
	struct server_state *s;
	struct io *io;
	__u64 from_server;
};

static long tls_handshake_step(__u32 i, struct tls_handshake_walk *walk)
{
	return zero_or_one(tls_handshake_one(walk->s, walk->io, (int)walk->from_server));
}

/* Follows the bytes of io, which belong to a handshake. */
static __always_inline void tls_handshake_follow(struct server_state *s, struct io *io,
						 bool from_server)
{
	struct tls_handshake_walk walk = { .s = s, .io = io, .from_server = from_server };

	io->cursor.pos = 0;
	io->cursor.bytes = 0;
	bpf_loop(TLS_HANDSHAKE_STEPS, tls_handshake_step, &walk, 0);
	/* of what is no TLS the rest need not be followed */
	if (s->protocol == PROTOCOL_TLS_HANDSHAKE && io->left &&
	    s->tls.handshake.phase != TLS_PHASE_FOREIGN)
		tls_handshake_end(s, TLS_LOST);
}

#endif
