/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections that turn out to speak something else than HTTP/1.x: TLS, HTTP/2,
 * or what an upgrade led to. Here they begin; what follows them stands in
 * secure.h, stream.h and upgrade.h.
 */
#ifndef EDGETAP_HTTP_PROTOCOL_H
#define EDGETAP_HTTP_PROTOCOL_H

#include "../conn/arrival.h"
#include "../conn/conn.h"

/* Protocols whose bytes are followed by the program behind the tail call. */
static __always_inline bool has_frames(const struct server_state *s)
{
	return s->protocol == PROTOCOL_HTTP2 || s->protocol == PROTOCOL_TLS_HANDSHAKE ||
	       s->protocol == PROTOCOL_WEBSOCKET;
}

/* A number for a connection; 0 is none. */
static __always_inline __u32 connection_number(void)
{
	__u32 id = __sync_fetch_and_add(&last_connection, 1) + 1;

	return id ? id : __sync_fetch_and_add(&last_connection, 1) + 1;
}

static __always_inline struct blank *blank(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&blanks, &zero);
}

/*
 * Whether the bytes begin a TLS connection, or, on one that is older than the
 * agent, any record of it. Of a read of a single byte only that can be asked.
 */
static __always_inline bool tls_starts(const struct cursor *cur, bool older)
{
	__u8 type = cursor_byte(cur, 0);

	if (older)
		return type >= 20 && type <= 23 && cur->bytes >= 3 && cursor_byte(cur, 1) == 3 &&
		       cursor_byte(cur, 2) <= 4;
	return type == 22 && (cur->bytes < 2 || cursor_byte(cur, 1) == 3);
}

#define TRIALS 16	  /* reads in which it may turn out what a connection speaks */
#define TRIAL_BYTES 16384 /* and bytes, for TLS that begins late */

/* Whether TLS may yet begin on a connection that is not known to speak anything (STARTTLS). */
static __always_inline bool tls_may_begin(const struct server_state *s)
{
	return s->protocol == PROTOCOL_OTHER && s->unclear < TRIALS && s->role == ROLE_SERVER &&
	       s->desync != DESYNC_OLDER;
}

/* Whether the bytes begin with a ClientHello, or as much of it as there is; not the first byte
 * alone, by which few protocols would be told from it. */
static __always_inline bool tls_hello_starts(const struct cursor *cur)
{
	return cur->bytes >= 2 && tls_starts(cur, false) &&
	       (cur->bytes < 3 || cursor_byte(cur, 2) <= 4) &&
	       (cur->bytes < 6 || cursor_byte(cur, 5) == 1);
}

/* Tells the agent how a handshake ended. */
static __always_inline void emit_tls_end(const struct server_state *s, const struct tls_state *t)
{
	struct event_tls_end *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		struct instance_slot *slot = server_slot(s);

		count_loss(LOSS_EVENTS_FULL);
		if (slot && t->result == TLS_FAILED)
			count_add(slot, COUNT_TLS_UNNAMED_ERRORS, 1);
		return;
	}
	event->kind = EVENT_TLS_END;
	event->slot = slot_current(s->slot, s->generation);
	event->generation = s->generation;
	event->hello = t->hello;
	event->version = t->version;
	event->outcome = t->result == TLS_FAILED ? t->outcome : TLS_OUTCOME_DONE;
	event->by = t->by;
	event->alert = t->result == TLS_FAILED ? t->alert : TLS_ALERT_NONE;
	event->pad[0] = event->pad[1] = event->pad[2] = 0;
	bpf_ringbuf_submit(event, 0);
}

/* A server answers what is no TLS with a TLS alert (RFC 8446, 6). */
static __always_inline bool tls_complaint(const struct server_state *s, const struct cursor *cur)
{
	struct tls_state t = { .result = TLS_FAILED,
			       .outcome = TLS_OUTCOME_ALERT,
			       .by = TLS_BY_SERVER };

	if (cur->bytes < 7 || cursor_byte(cur, 0) != TLS_RECORD_ALERT || cursor_byte(cur, 1) != 3 ||
	    cursor_byte(cur, 3) || cursor_byte(cur, 4) != 2)
		return false;
	t.alert = cursor_byte(cur, 6);
	emit_tls_end(s, &t);
	return true;
}

/*
 * The bytes at io->sequence are TLS. `older`: on a connection of before the agent,
 * whose handshake may have been then, unless it begins only now.
 */
static __always_inline void tls_begin(struct server_state *s, const struct io *io, bool older)
{
	__u64 arrived = arrival_of(s, io->sequence);
	bool over = older && cursor_byte(&io->cursor, 0) != TLS_RECORD_HANDSHAKE;

	__builtin_memset(&s->tls, 0, sizeof(s->tls));
	s->tls.handshake.hello = connection_number();
	s->tls.handshake.start_ns = arrived && arrived < io->now_ns ? arrived : io->now_ns;
	s->tls.counted = over;
	s->request_open = 0;
	s->protocol = over ? PROTOCOL_TLS_DATA : PROTOCOL_TLS_HANDSHAKE;
}

/*
 * From here on the connection speaks HTTP/2. `first`, if not null, is its
 * stream 1, which began as a request of HTTP/1.1 that is counted as started.
 * Older: it is picked up in its midst.
 *
 * Reader and writer may find that out at once, the one by the preface, the other
 * by SETTINGS: whose number is stored first has begun it, for both. Each then
 * follows what is its own from where it is.
 */
static __always_inline void http2_begin(struct server_state *s, const struct stream *first,
					bool older)
{
	struct blank *zero = blank();
	struct http2 *h = NULL;
	__u32 id = connection_number();
	__u64 taken = MEMORY_REFUSED;

	s->request_open = 0;
	if (!*(volatile __u32 *)&s->connection)
		taken = memory_take(s->slot, s->generation, MEMORY_HTTP2);
	if (taken != MEMORY_REFUSED) {
		if (zero &&
		    !bpf_map_update_elem(&http2_by_connection, &id, &zero->http2, BPF_NOEXIST))
			h = http2_of(id);
		if (!h)
			memory_give((__u32)taken, taken >> 32, MEMORY_HTTP2);
	}
	if (h) {
		h->charge = charge_of(taken);
		if (first) {
			h->first = *first;
			h->first.id = 1;
			h->last_stream = 1;
			h->waiting = 1;
		}
		h->older = older;
		h2_begin(&h->request, false, older);
		h2_begin(&h->response, true, older);
		if (older)
			h2_lose(&h->response);
		if (__sync_val_compare_and_swap(&s->connection, 0, id)) {
			http2_delete(id);
			h = NULL;
		}
	}
	if (first && !(h && h->last_stream)) {
		struct instance_slot *slot = server_slot(s);

		if (slot)
			count_add(slot, COUNT_HTTP_LOST, 1);
	}
	if (*(volatile __u32 *)&s->connection) {
		s->protocol = PROTOCOL_HTTP2;
		return;
	}
	connection_unobserved(s->slot, s->generation, LOSS_CONNECTIONS_FULL);
	s->protocol = PROTOCOL_OTHER;
}

/*
 * What was read of the preface as HTTP/1.x: its first line, or less, which the
 * parser keeps. The reader's.
 */
static __always_inline void http2_begin_reading(const struct server_state *s, struct http2 *h,
						bool line)
{
	const __u64 *kept = (const __u64 *)s->request.carry;

	if (!h || h->request_begun)
		return;
	h->request_begun = 1;
	if (h->older)
		return;
	h->request.head[0] = line ? CHARS('P', 'R', 'I', ' ', '*', ' ', 'H', 'T') : kept[0];
	h->request.head[1] = line ? CHARS('T', 'P', '/', '2', '.', '0', '\r', '\n') : kept[1];
	h->request.have = line ? 16 : (__u8)at_most(s->request.carry_bytes, 15);
}

/* Its last HTTP response has been written; the protocol tells what it is now. */
static __always_inline void upgrade_begin(struct server_state *s, __u64 now_ns)
{
	struct instance_slot *slot = server_slot(s);

	__builtin_memset(&s->upgraded, 0, sizeof(s->upgraded));
	s->upgraded.since_ns = now_ns;
	if (slot)
		count_add(slot, COUNT_UPGRADES, 1);
}

#endif
