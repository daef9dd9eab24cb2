/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the application reads from a server socket: where each request starts,
 * when it arrived, when it was read, and that it waits for a response.
 */
#ifndef EDGETAP_REQUEST_H
#define EDGETAP_REQUEST_H

#include "conn.h"
#include "framed.h"
#include "payload.h"

#define STEPS 64  /* pieces of one read or write that are followed */
#define TRIALS 16 /* reads in which a connection of unknown state may start to speak HTTP */
#define REQUEST_OPEN 1
#define REQUEST_OPEN_BEYOND 2 /* its batch could not be remembered */

/* The position in the request stream is lost; the reason has been counted. */
static __always_inline void request_lost(struct server_state *s)
{
	s->rx.phase = HTTP_RESYNC;
	s->rx.body_left = 0;
	s->rx.carry_bytes = 0;
	s->rx.line_kind = HTTP_LINE_WHOLE;
	s->rx_desync = DESYNC_LOST;
	s->request_open = 0;
	s->early_answer = 0;
}

static __always_inline struct batch *batch_at(struct server_state *s, __u32 i)
{
	return &s->batch[at_most(i, BATCHES - 1)];
}

/* The first byte of a request has been read. */
static __always_inline void request_begin(struct server_state *s, struct work *k)
{
	__u64 arrived = arrival_of(s, k->sequence);
	__u32 last = s->batch_last, next = last + 1 < BATCHES ? last + 1 : 0;
	bool waiting = s->request_head != s->request_tail;
	struct batch *batch;

	if (arrived > k->now_ns)
		arrived = k->now_ns;
	s->request_open = REQUEST_OPEN;
	if (waiting && last < BATCHES && s->batch[last].read_ns == k->now_ns &&
	    s->batch[last].arrived_ns == arrived)
		return;
	/* those without a batch are the last that wait, so that the oldest tells which one is free */
	if (waiting &&
	    (REQUEST_BATCH(s->request[(__u8)(s->request_head - 1) % REQUESTS]) == BATCH_NONE ||
	     REQUEST_BATCH(s->request[s->request_tail % REQUESTS]) == next)) {
		s->request_open = REQUEST_OPEN_BEYOND;
		return;
	}
	batch = batch_at(s, next);
	batch->arrived_ns = arrived;
	batch->read_ns = k->now_ns;
	s->batch_last = next;
}

/* A request's header section is complete. */
static __always_inline void request_head(struct server_state *s)
{
	struct http_parser *p = &s->rx;
	struct instance_slot *slot;
	__u8 waiting = s->request_head - s->request_tail, batch = s->batch_last;

	if (p->flags & HTTP_F_CHUNKED)
		p->phase = HTTP_CHUNK_SIZE;
	else if (p->flags & HTTP_F_CODING)
		p->phase = HTTP_BODY_CLOSE; /* RFC 9112, 6.3: its end cannot be told; servers refuse
					       it */
	else if ((p->flags & HTTP_F_LENGTH) && p->body_left)
		p->phase = HTTP_BODY_LENGTH;
	else
		p->phase = HTTP_START;
	s->role = ROLE_SERVER;
	if (s->early_answer) {
		s->early_answer = 0;
		s->request_open = 0;
		return;
	}
	if (s->request_open == REQUEST_OPEN_BEYOND)
		batch = BATCH_NONE;
	else if (!batch_at(s, batch)->arrived_ns)
		lose(LOSS_ARRIVAL_UNKNOWN);
	slot = server_slot(s);
	if (slot)
		count_add(slot, COUNT_HTTP_STARTED, 1);
	if (batch == BATCH_NONE || waiting >= REQUESTS || s->overflow_head != s->overflow_tail)
		lose(LOSS_PIPELINE_FULL);
	if (waiting >= REQUESTS || s->overflow_head != s->overflow_tail) {
		if ((__u8)(s->overflow_head - s->overflow_tail) < 255) {
			s->overflow_head++;
		} else {
			if (slot)
				count_add(slot, COUNT_HTTP_LOST, 1);
			s->rx_desync = DESYNC_LOST; /* nor is its response one of the others' */
		}
	} else {
		s->request[s->request_head % REQUESTS] = (p->token & 15) | batch << 4;
		s->request_head++;
	}
	s->request_open = 0;
}

/* Bytes that went by unseen: of a body that is fine, elsewhere the position is lost. */
static __always_inline bool request_unseen(struct server_state *s, __u32 bytes)
{
	struct http_parser *p = &s->rx;

	if ((p->phase == HTTP_BODY_LENGTH && bytes <= p->body_left) ||
	    (p->phase == HTTP_CHUNK_DATA && bytes < p->body_left)) {
		p->body_left -= bytes;
		if (!p->body_left)
			p->phase = HTTP_START;
		return true;
	}
	if (p->phase == HTTP_BODY_CLOSE || p->phase == HTTP_RESYNC)
		return true;
	lose(LOSS_GAP);
	request_lost(s);
	return false;
}

/*
 * Not HTTP/1.x: is it one of the protocols that are followed in another way?
 * Then its bytes are left to that. Only what a connection begins with may tell,
 * or what comes first on one that is older than the agent.
 */
static __always_inline bool request_other_protocol(struct server_state *s, struct work *k,
						   __u32 consumed, bool trial)
{
	const struct http_window *w = &k->window;
	bool first = k->left + consumed == k->bytes;

	if (k->plain || !first || (trial && s->rx_desync != DESYNC_OLDER) || s->status_cached ||
	    s->request_head)
		return false;
	if (!tls_starts(w, trial))
		return false;
	payload_back(k, consumed);
	tls_begin(s, k, trial);
	return true;
}

/*
 * Follows one piece of what was read. Returns non-zero when nothing more of
 * this read is to be followed.
 */
static __always_inline int request_piece(struct server_state *s, struct work *k)
{
	struct http_parser *p;
	bool trial = false;
	__u64 trials = 0;
	__u32 carry;
	int result;

	p = &s->rx;
	switch (p->phase) {
	case HTTP_BODY_CLOSE:
		return 1;
	case HTTP_BODY_LENGTH:
	case HTTP_CHUNK_DATA: {
		__u64 n = k->left < p->body_left ? k->left : p->body_left;

		p->body_left -= n;
		payload_skip(k, n);
		if (!p->body_left)
			p->phase = p->phase == HTTP_BODY_LENGTH ? HTTP_START : HTTP_CHUNK_SIZE;
		return 0;
	}
	case HTTP_RESYNC:
		/* only a whole read can start a message, and none starts while one is answered */
		if (k->left != k->bytes)
			return 1;
		if (s->tx_open != TX_NONE) {
			if (s->rx_desync == DESYNC_LOST)
				lose(LOSS_RESYNC);
			return 1;
		}
		trial = true;
		break;
	}
	if (k->source == PAYLOAD_UNKNOWN)
		return 1;
	if (!payload_window(k, p, p->phase == HTTP_CHUNK_SIZE ? 128 : HTTP_WINDOW)) {
		request_lost(s);
		return 1;
	}
	carry = p->carry_bytes;
	if (trial) {
		trials = p->body_left + 1;
		p->phase = HTTP_START;
		p->flags = 0;
	}
	if (http_at_start(p))
		request_begin(s, k);
	result = http_scan(p, &k->window);
	payload_skip(k, k->window.pos - carry);
	if (result == HTTP_MORE || result == HTTP_DONE) {
		if (http_at_start(p))
			s->request_open = 0; /* an empty line between requests */
		return 0;
	}
	if (result == HTTP_HEAD) {
		request_head(s);
		return 0;
	}
	if (result == HTTP_PREFACE) {
		http2_begin(s, NULL, false);
		http2_begin_reading(s, http2_of(s->connection), true);
		return 1;
	}
	if (result == HTTP_NOT && request_other_protocol(s, k, k->window.pos - carry, trial))
		return 1;
	if (trial) {
		if (result == HTTP_NOT && s->role == ROLE_SERVER && s->rx_desync == DESYNC_OLDER &&
		    carry == 0) {
			__u32 seen = k->window.pos;

			k->window.pos = 0;
			if (h2_plausible(&k->window, false)) {
				payload_back(k, seen);
				http2_begin(s, NULL, true);
				return 1;
			}
		}
		p->phase = HTTP_RESYNC;
		p->body_left = trials;
		p->line_kind = HTTP_LINE_WHOLE;
		s->request_open = 0;
		if (s->rx_desync == DESYNC_LOST)
			lose(LOSS_RESYNC);
		else if (trials >= TRIALS)
			s->protocol = PROTOCOL_OTHER;
		return 1;
	}
	if (result == HTTP_BAD) {
		lose(LOSS_HEADER_INVALID);
		request_lost(s);
		return 1;
	}
	/* no HTTP request: what the server says to it will tell more */
	p->phase = HTTP_BODY_CLOSE;
	p->token = METHOD_OTHER;
	return 1;
}

/* Everything up to k->end has been looked at. */
static __always_inline void read_finish(struct server_state *s, const struct work *k)
{
	s->rx_next = k->end;
	s->arrival_skip = k->end;
	arrival_read(s, k->end);
}

static __always_inline void request_finish(struct server_state *s, const struct work *k)
{
	read_finish(s, k);
	if (s->protocol == PROTOCOL_HTTP1 &&
	    (s->rx.phase == HTTP_BODY_LENGTH || s->rx.phase == HTTP_CHUNK_DATA))
		s->arrival_skip += s->rx.body_left < 0x40000000 ? (__u32)s->rx.body_left
								: 0x40000000;
}

/* A read has been followed, but for what it leaves to the program that follows another protocol. */
static __always_inline void request_over(struct server_state *s, struct work *k)
{
	if ((k->left && is_framed(s)) || s->protocol == PROTOCOL_CIPHER)
		return;
	k->left = 0;
	request_finish(s, k);
}

/* Prepares to look at a read of `ret` bytes; the bytes before it that were not seen, if any. */
static __always_inline __s32 read_begin(const struct sock *sk, const struct server_state *s,
					const struct tcp_sock *tp, struct work *k, __u32 ret)
{
	__s32 gap = sequence_after(read_end(sk, tp), s->rx_next + ret);

	k->now_ns = tcp_time(tp);
	k->bytes = ret;
	k->left = ret;
	k->sequence = s->rx_next + gap;
	k->end = k->sequence + ret;
	k->source = PAYLOAD_UNKNOWN;
	k->socket = (__u64)sk;
	k->at = 0;
	k->current = 0;
	k->segments = 0;
	k->plain = 0;
	return gap;
}

/* The same for any piece but a read's first, which is followed without a call. */
VERIFIED_ALONE int request_step(struct server_state *s, struct work *k)
{
	if (!s || !k)
		return 1;
	if (k->source == PAYLOAD_UNKNOWN && http_wants_bytes(&s->rx))
		k->source = payload_find(k, false);
	return request_piece(s, k);
}

/* Follows the pieces behind the first. */
VERIFIED_ALONE int request_follow(struct server_state *s, struct work *k)
{
	if (!s || !k)
		return 0;
	for (int i = 1; i < STEPS && k->left; i++) {
		if (request_step(s, k))
			return 0;
	}
	if (k->left) {
		lose(LOSS_BUDGET);
		request_lost(s);
	}
	return 0;
}

/*
 * The application has read bytes, for which read_begin() has prepared. Task
 * context, behind the copy. What it leaves is another protocol's.
 */
static __always_inline void request_read(struct sock *sk, struct server_state *s, struct work *k,
					 __s32 gap, int flags)
{
	if (gap > 0)
		request_unseen(s, gap);
	if (flags & MSG_TRUNC) {
		request_unseen(s, k->left);
		k->left = 0;
	}
	if (k->left) {
		if (http_wants_bytes(&s->rx))
			k->source = payload_find(k, false);
		if (!request_piece(s, k) && k->left)
			request_follow(s, k);
	}
	request_over(s, k);
}

#endif
