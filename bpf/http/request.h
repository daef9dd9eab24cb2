/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the application reads from a server socket: where each request starts,
 * when it arrived, when it was read, and that it waits for a response.
 */
#ifndef EDGETAP_HTTP_REQUEST_H
#define EDGETAP_HTTP_REQUEST_H

#include "../conn/conn.h"
#include "../conn/payload.h"
#include "../proto/http1_glance.h"
#include "protocol.h"

#define STEPS 64  /* pieces of one read or write that are followed */
#define TRIALS 16 /* reads in which a connection of unknown state may start to speak HTTP */
#define REQUEST_OPEN 1
#define REQUEST_OPEN_BEYOND 2 /* its batch could not be remembered */

/* The position in the request stream is lost; the reason has been counted. */
static __always_inline void request_lost(struct server_state *s)
{
	s->request.phase = HTTP_RESYNC;
	s->request.body_left = 0;
	s->request.carry_bytes = 0;
	s->request.line_kind = HTTP_LINE_WHOLE;
	s->desync = DESYNC_LOST;
	s->request_open = 0;
	s->early_answer = 0;
}

static __always_inline struct batch *batch_at(struct server_state *s, __u32 i)
{
	return &s->batch[at_most(i, BATCHES - 1)];
}

/* The first byte of a request has been read. */
static __always_inline void request_begin(struct server_state *s, struct io *io)
{
	__u64 arrived = arrival_of(s, io->sequence);
	__u32 last = s->batch_last, next = last + 1 < BATCHES ? last + 1 : 0;
	bool waiting = s->pending_head != s->pending_tail;
	struct batch *batch;

	if (arrived > io->now_ns)
		arrived = io->now_ns;
	s->request_open = REQUEST_OPEN;
	if (waiting && last < BATCHES && s->batch[last].read_ns == io->now_ns &&
	    s->batch[last].arrived_ns == arrived)
		return;
	/* those without a batch are the last that wait, so that the oldest tells which one is free */
	if (waiting &&
	    (PENDING_BATCH(s->pending[(__u8)(s->pending_head - 1) % PENDING]) == BATCH_NONE ||
	     PENDING_BATCH(s->pending[s->pending_tail % PENDING]) == next)) {
		s->request_open = REQUEST_OPEN_BEYOND;
		return;
	}
	batch = batch_at(s, next);
	batch->arrived_ns = arrived;
	batch->read_ns = io->now_ns;
	s->batch_last = next;
}

/* A request's header section is complete. */
static __always_inline void request_head(struct server_state *s)
{
	struct http_parser *p = &s->request;
	struct instance_slot *slot;
	__u8 waiting = s->pending_head - s->pending_tail, batch = s->batch_last;

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
		count_loss(LOSS_ARRIVAL_UNKNOWN);
	slot = server_slot(s);
	if (slot)
		count_add(slot, COUNT_HTTP_STARTED, 1);
	if (batch == BATCH_NONE || waiting >= PENDING || s->overflow_head != s->overflow_tail)
		count_loss(LOSS_PIPELINE_FULL);
	if (waiting >= PENDING || s->overflow_head != s->overflow_tail) {
		if ((__u8)(s->overflow_head - s->overflow_tail) < 255) {
			s->overflow_head++;
		} else {
			if (slot)
				count_add(slot, COUNT_HTTP_LOST, 1);
			s->desync = DESYNC_LOST; /* nor is its response one of the others' */
		}
	} else {
		s->pending[s->pending_head % PENDING] = (p->token & 15) | batch << 4;
		s->pending_head++;
	}
	s->request_open = 0;
}

/* Bytes that went by unseen: of a body that is fine, elsewhere the position is lost. */
static __always_inline bool request_unseen(struct server_state *s, __u32 bytes)
{
	struct http_parser *p = &s->request;

	if ((p->phase == HTTP_BODY_LENGTH && bytes <= p->body_left) ||
	    (p->phase == HTTP_CHUNK_DATA && bytes < p->body_left)) {
		p->body_left -= bytes;
		if (!p->body_left)
			p->phase = HTTP_START;
		return true;
	}
	if (p->phase == HTTP_BODY_CLOSE || p->phase == HTTP_RESYNC)
		return true;
	count_loss(LOSS_GAP);
	request_lost(s);
	return false;
}

/*
 * Not HTTP/1.x: is it one of the protocols that are followed in another way?
 * Then its bytes are left to that. Only what a connection begins with may tell,
 * or what comes first on one that is older than the agent.
 */
static __always_inline bool request_other_protocol(struct server_state *s, struct io *io,
						   __u32 consumed, bool trial)
{
	const struct cursor *cur = &io->cursor;
	bool first = io->left + consumed == io->bytes;

	if (io->plain || !first || (trial && s->desync != DESYNC_OLDER) || s->status_cached ||
	    s->pending_head)
		return false;
	if (!tls_starts(cur, trial))
		return false;
	payload_back(io, consumed);
	tls_begin(s, io, trial);
	return true;
}

/*
 * Follows one piece of what was read. Returns non-zero when nothing more of
 * this read is to be followed.
 */
static __always_inline int request_step(struct server_state *s, struct io *io)
{
	struct http_parser *p;
	bool trial = false;
	__u64 trials = 0;
	__u32 carry;
	int result;

	p = &s->request;
	switch (p->phase) {
	case HTTP_BODY_CLOSE:
		return 1;
	case HTTP_BODY_LENGTH:
	case HTTP_CHUNK_DATA: {
		__u64 n = io->left < p->body_left ? io->left : p->body_left;

		p->body_left -= n;
		payload_skip(io, n);
		if (!p->body_left)
			p->phase = p->phase == HTTP_BODY_LENGTH ? HTTP_START : HTTP_CHUNK_SIZE;
		return 0;
	}
	case HTTP_RESYNC:
		/* only a whole read can start a message, and none starts while one is answered */
		if (io->left != io->bytes)
			return 1;
		if (s->answers != ANSWERS_NONE) {
			if (s->desync == DESYNC_LOST)
				count_loss(LOSS_RESYNC);
			return 1;
		}
		trial = true;
		break;
	}
	if (io->source == PAYLOAD_UNKNOWN)
		return 1;
	if (!payload_show(io, p, p->phase == HTTP_CHUNK_SIZE ? 128 : CURSOR_BYTES)) {
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
		request_begin(s, io);
	result = HTTP_MORE;
	if (!carry && p->phase == HTTP_START && p->line_kind == HTTP_LINE_WHOLE)
		result = http_glance(p, &io->cursor);
	if (result == HTTP_MORE)
		result = http_scan(p, &io->cursor);
	payload_skip(io, io->cursor.pos - carry);
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
	if (result == HTTP_NOT && request_other_protocol(s, io, io->cursor.pos - carry, trial))
		return 1;
	if (trial) {
		if (result == HTTP_NOT && s->role == ROLE_SERVER && s->desync == DESYNC_OLDER &&
		    carry == 0) {
			__u32 seen = io->cursor.pos;

			io->cursor.pos = 0;
			if (h2_plausible(&io->cursor, false, H2_STREAM_MOST)) {
				payload_back(io, seen);
				http2_begin(s, NULL, true);
				return 1;
			}
		}
		p->phase = HTTP_RESYNC;
		p->body_left = trials;
		p->line_kind = HTTP_LINE_WHOLE;
		s->request_open = 0;
		if (s->desync == DESYNC_LOST)
			count_loss(LOSS_RESYNC);
		else if (trials >= TRIALS)
			s->protocol = PROTOCOL_OTHER;
		return 1;
	}
	if (result == HTTP_BAD) {
		count_loss(LOSS_HEADER_INVALID);
		request_lost(s);
		return 1;
	}
	/* no HTTP request: what the server says to it will tell more */
	p->phase = HTTP_BODY_CLOSE;
	p->token = METHOD_OTHER;
	return 1;
}

/* Everything up to io->end has been looked at. */
static __always_inline void read_finish(struct server_state *s, const struct io *io)
{
	s->read_next = io->end;
	s->arrival_skip = io->end;
	arrival_read(s, io->end);
}

static __always_inline void request_finish(struct server_state *s, const struct io *io)
{
	read_finish(s, io);
	if (s->protocol == PROTOCOL_HTTP1 &&
	    (s->request.phase == HTTP_BODY_LENGTH || s->request.phase == HTTP_CHUNK_DATA))
		s->arrival_skip += s->request.body_left < 0x40000000 ? (__u32)s->request.body_left
								     : 0x40000000;
}

/* A read has been followed, but for what it leaves to the program that follows another protocol. */
static __always_inline void request_over(struct server_state *s, struct io *io)
{
	if ((io->left && has_frames(s)) || s->protocol == PROTOCOL_TLS_DATA)
		return;
	io->left = 0;
	request_finish(s, io);
}

/* Prepares to look at a read of `bytes` bytes, the last of which is before `end`. */
static __always_inline void read_begin(const struct sock *sk, struct io *io, __u32 end, __u32 bytes,
				       __u64 now_ns)
{
	io->now_ns = now_ns;
	io->bytes = bytes;
	io->left = bytes;
	io->sequence = end - bytes;
	io->end = end;
	io->source = PAYLOAD_UNKNOWN;
	io->socket = (__u64)sk;
	io->buffer = 0;
	io->at = 0;
	io->current = 0;
	io->segments = 0;
	io->plain = 0;
}

/* The same for any piece but a read's first, which is followed without a call. */
VERIFIED_ALONE int request_step_alone(struct server_state *s, struct io *io)
{
	if (!s || !io)
		return 1;
	if (io->source == PAYLOAD_UNKNOWN && http_wants_bytes(&s->request))
		payload_locate(io, false);
	return request_step(s, io);
}

/* Follows the pieces behind the first. */
VERIFIED_ALONE int request_follow(struct server_state *s, struct io *io)
{
	if (!s || !io)
		return 0;
	for (int i = 1; i < STEPS && io->left; i++) {
		if (request_step_alone(s, io))
			return 0;
	}
	if (io->left) {
		count_loss(LOSS_BUDGET);
		request_lost(s);
	}
	return 0;
}

/*
 * The application has read bytes, for which read_begin() has prepared. Task
 * context, behind the copy. What it leaves is another protocol's.
 */
static __always_inline void request_read(struct sock *sk, struct server_state *s, struct io *io,
					 __s32 gap, int flags)
{
	if (gap > 0)
		request_unseen(s, gap);
	if (flags & MSG_TRUNC) {
		request_unseen(s, io->left);
		io->left = 0;
	}
	if (io->left) {
		if (io->source == PAYLOAD_UNKNOWN && http_wants_bytes(&s->request))
			payload_locate(io, false);
		if (!request_step(s, io) && io->left)
			request_follow(s, io);
	}
	request_over(s, io);
}

#endif
