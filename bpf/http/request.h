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

#define STEPS 16384 /* pieces of one read or write that are followed; some milliseconds */
#define REQUEST_OPEN 1
#define REQUEST_OPEN_BEYOND 2 /* its batch could not be remembered */

/* What is being read cannot be followed: a request may start with the next read. */
static __always_inline void request_astray(struct server_state *s)
{
	s->request.phase = HTTP_RESYNC;
	s->request.body_left = 0;
	s->request.carry_bytes = 0;
	s->request.line_kind = HTTP_LINE_WHOLE;
}

/* The position in the request stream is lost; the reason has been counted. */
static __always_inline void request_lost(struct server_state *s)
{
	request_astray(s);
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

/*
 * HTTP has been spoken on the connection: a response was sent, or a request waits for one that is
 * certainly one. Then whatever else comes is a message, too.
 */
static __always_inline bool http_spoken(const struct server_state *s)
{
	__u8 last = s->pending[(__u8)(s->pending_head - 1) % PENDING];

	return s->status_cached ||
	       (s->pending_head != s->pending_tail && PENDING_METHOD(last) != METHOD_DOUBTFUL);
}

/*
 * The header section is complete of what nothing says to be HTTP, but that it has one: it is a
 * request if the server answers as to one. Many that nobody answers are none.
 */
static __always_inline void request_doubtful(struct server_state *s)
{
	__u8 batch = s->request_open == REQUEST_OPEN_BEYOND ? BATCH_NONE : s->batch_last;

	s->request_open = 0;
	if ((__u8)(s->pending_head - s->pending_tail) >= PENDING) {
		request_astray(s);
		return;
	}
	s->pending[s->pending_head % PENDING] = METHOD_DOUBTFUL | batch << 4;
	s->pending_head++;
}

/* A request's header section is complete. */
static __always_inline void request_head(struct server_state *s)
{
	struct http_parser *p = &s->request;
	struct instance_slot *slot;
	__u8 waiting = s->pending_head - s->pending_tail, batch = s->batch_last;

	if (p->flags & HTTP_F_CHUNKED) {
		p->phase = HTTP_CHUNK_SIZE;
	} else if (p->flags & HTTP_F_CODING) {
		/* RFC 9112, 6.3: its end cannot be told; servers refuse it */
		request_astray(s);
		s->desync = DESYNC_LOST;
	} else if ((p->flags & HTTP_F_LENGTH) && p->body_left) {
		p->phase = HTTP_BODY_LENGTH;
	} else {
		p->phase = HTTP_START;
	}
	s->role = ROLE_SERVER;
	if (s->early_answer) {
		s->early_answer = 0;
		s->request_open = 0;
		return;
	}
	if ((p->flags & HTTP_F_ODD) && !http_spoken(s)) {
		request_doubtful(s);
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
		s->overflow_head++;
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
 * Then its bytes are left to that. Only what a connection begins with may tell, what follows a
 * first exchange in the clear, or what comes first on one that is older than the agent.
 */
static __always_inline bool request_other_protocol(struct server_state *s, struct io *io,
						   __u32 consumed, bool trial)
{
	const struct cursor *cur = &io->cursor;
	bool whole = io->left + consumed == io->bytes, older = trial && s->desync == DESYNC_OLDER;

	if (io->plain || !(whole || (s->request.flags & HTTP_F_FIRST)) || http_spoken(s))
		return false;
	if (trial && !older) {
		if (s->unclear >= TRIALS || io->sequence - s->begin > TRIAL_BYTES ||
		    !tls_hello_starts(cur))
			return false;
	} else if (!tls_starts(cur, older)) {
		return false;
	}
	payload_back(io, consumed);
	tls_begin(s, io, older);
	return true;
}

/* What http_scan() has said that goes on, ends in a request, or turns to HTTP/2. */
static __always_inline int request_goes_on(struct server_state *s, int result)
{
	if (result == HTTP_PREFACE) {
		http2_begin(s, NULL, false);
		http2_begin_reading(s, http2_of(s->connection), true);
		return 1;
	}
	if (result == HTTP_HEAD)
		request_head(s);
	else if (http_at_start(&s->request))
		s->request_open = 0; /* an empty line between requests */
	return 0;
}

/* No request starts with this read, either. True if HTTP/2 goes on in it. */
static __always_inline bool request_none(struct server_state *s, struct io *io, int result,
					 __u64 trials)
{
	if (result == HTTP_NOT && s->role == ROLE_SERVER && s->desync == DESYNC_OLDER) {
		__u32 seen = io->cursor.pos;

		io->cursor.pos = 0;
		if (h2_plausible(&io->cursor, false, H2_STREAM_MOST)) {
			payload_back(io, seen);
			http2_begin(s, NULL, true);
			return true;
		}
	}
	request_astray(s);
	s->request.body_left = trials;
	if (s->desync == DESYNC_LOST)
		count_loss(LOSS_RESYNC);
	else if (trials >= TRIALS && s->desync == DESYNC_OLDER)
		s->protocol = PROTOCOL_OTHER;
	else if (trials >= TRIALS && !http_spoken(s))
		s->request.phase = HTTP_BODY_CLOSE;
	return false;
}

/* The position in what the client sends is not known: does a request start with this read? */
VERIFIED_ALONE int request_trial(struct server_state *s, struct io *io)
{
	struct http_parser *p;
	__u8 open, early, last;
	__u16 token;
	__u64 trials;
	int result;

	/* only a whole read can start a message, and none starts while one is answered */
	if (!s || !io || io->left != io->bytes)
		return 1;
	p = &s->request;
	if (s->answers != ANSWERS_NONE) {
		if (s->desync == DESYNC_LOST)
			count_loss(LOSS_RESYNC);
		return 1;
	}
	if (io->source == PAYLOAD_UNKNOWN)
		return 1;
	if (!payload_show(io, NULL, CURSOR_BYTES)) {
		request_lost(s);
		return 1;
	}
	open = s->request_open;
	early = s->early_answer;
	last = s->batch_last;
	token = p->token;
	trials = p->phase == HTTP_RESYNC ? p->body_left + 1 : 1;
	p->phase = HTTP_START;
	p->flags = HTTP_F_STRICT;
	p->carry_bytes = 0;
	p->line_kind = HTTP_LINE_WHOLE;
	s->early_answer = 0;
	request_begin(s, io);
	result = http_scan(p, &io->cursor);
	payload_skip(io, io->cursor.pos);
	if (result < HTTP_NOT)
		return request_goes_on(s, result);
	if (result == HTTP_NOT && request_other_protocol(s, io, io->cursor.pos, true))
		return 1;
	s->request_open = open;
	s->early_answer = early;
	s->batch_last = last;
	p->token = token;
	request_none(s, io, result, trials);
	return 1;
}

/*
 * Reads in the midst of what is no usual request. Once the server has answered it, the next one may
 * start with this read; and what nobody answers for long is something else than HTTP. Returns
 * whether it is read on.
 */
VERIFIED_ALONE int request_odd_reads(struct server_state *s, const struct io *io)
{
	if (!s || !io || io->left != io->bytes)
		return 1;
	if (!s->early_answer && (http_spoken(s) || ++s->unclear <= TRIALS))
		return 1;
	request_astray(s);
	if (!s->early_answer)
		s->request_open = 0;
	return 0;
}

/*
 * On a connection that speaks something else so far: does TLS begin with this read? Then it is
 * followed from here on, as if the connection had begun with it.
 */
VERIFIED_ALONE int tls_begins_late(struct server_state *s, struct io *io)
{
	if (!s || !io)
		return 0;
	s->unclear = io->sequence - s->begin > TRIAL_BYTES ? TRIALS : s->unclear + 1;
	payload_found(io, false);
	if (!payload_show(io, NULL, 8) || !tls_hello_starts(&io->cursor))
		return 0;
	tls_begin(s, io, false);
	return 1;
}

/* These bytes start no request, or cannot be followed as one. */
static __always_inline void request_refused(struct server_state *s, int result)
{
	struct http_parser *p = &s->request;

	/* what the server says to it will tell more, so it stays open; but none may have begun */
	if (result == HTTP_NOT) {
		p->token = METHOD_OTHER;
		if (p->flags & HTTP_F_STRICT)
			s->request_open = 0;
	} else if (!(p->flags & HTTP_F_ODD) || http_spoken(s)) {
		count_loss(LOSS_HEADER_INVALID);
		s->desync = DESYNC_LOST;
	}
	request_astray(s);
}

/* A header of the PROXY protocol is over, or is none. */
static __always_inline int request_prefixed(struct server_state *s, int result)
{
	if (result == PREFIX_DONE)
		s->request.phase = HTTP_START;
	if (result == PREFIX_BAD)
		request_refused(s, HTTP_NOT);
	return result == PREFIX_BAD;
}

/* Inside such a header. */
VERIFIED_ALONE int request_prefix(struct server_state *s, struct io *io)
{
	__u32 passes;
	int result;

	if (!s || !io)
		return 1;
	passes = prefix_passes(&s->prefix);
	if (passes) {
		if (passes > io->left)
			passes = io->left;
		payload_skip(io, passes);
		return request_prefixed(s, prefix_pass(&s->prefix, passes));
	}
	if (io->source == PAYLOAD_UNKNOWN)
		return 1;
	if (!payload_show(io, NULL, PREFIX_WINDOW)) {
		request_lost(s);
		return 1;
	}
	result = prefix_scan(&s->prefix, &io->cursor);
	payload_skip(io, io->cursor.pos);
	return request_prefixed(s, result);
}

/*
 * One may begin with the window, of which the parser has taken all but the first `carry` bytes from
 * io. Before the window there were as many of its bytes as the connection has had.
 */
VERIFIED_ALONE int request_prefix_begins(struct server_state *s, struct io *io, __u32 carry)
{
	struct cursor *cur;
	__u32 before;
	int result;

	if (!s || !io)
		return 1;
	cur = &io->cursor;
	payload_back(io, cur->pos - carry);
	before = io->sequence - carry - s->begin;
	s->request.flags &= (__u8)~HTTP_F_FIRST;
	if (before > 4 || s->prefix.version || io->plain) {
		payload_skip(io, cur->pos - carry);
		request_refused(s, HTTP_NOT);
		return 1;
	}
	prefix_begin(&s->prefix, (__u8)before, cursor_byte(cur, 0));
	cur->pos = 0;
	result = prefix_scan(&s->prefix, cur);
	payload_skip(io, cur->pos > carry ? cur->pos - carry : 0);
	if (result != PREFIX_BAD) {
		s->request_open = 0;
		s->request.phase = HTTP_PREFIX;
		s->request.flags |= HTTP_F_FIRST;
	} else {
		s->prefix.version = 0;
	}
	return request_prefixed(s, result);
}

/*
 * Follows one piece of what was read, its first or another. Returns non-zero when nothing more of
 * this read is to be followed.
 */
static __always_inline int request_step(struct server_state *s, struct io *io, bool first)
{
	struct http_parser *p;
	__u32 carry;
	int result;

	p = &s->request;
	switch (p->phase) {
	case HTTP_BODY_CLOSE:
		return first && s->early_answer ? request_trial(s, io) : 1; /* answered in HTTP */
	case HTTP_RESYNC:
		return first ? request_trial(s, io) : 1;
	case HTTP_PREFIX:
		return request_prefix(s, io);
	case HTTP_BODY_LENGTH:
	case HTTP_CHUNK_DATA: {
		__u64 n = io->left < p->body_left ? io->left : p->body_left;

		p->body_left -= n;
		payload_skip(io, n);
		if (!p->body_left)
			p->phase = p->phase == HTTP_BODY_LENGTH ? HTTP_START : HTTP_CHUNK_SIZE;
		return 0;
	}
	case HTTP_HEADER:
		if (first && (p->flags & (HTTP_F_ODD | HTTP_F_SIMPLE)) && !request_odd_reads(s, io))
			return request_trial(s, io);
		break;
	}
	if (io->source == PAYLOAD_UNKNOWN)
		return 1;
	if (!payload_show(io, p, p->phase == HTTP_CHUNK_SIZE ? 128 : CURSOR_BYTES)) {
		request_lost(s);
		return 1;
	}
	carry = p->carry_bytes;
	if (http_at_start(p))
		request_begin(s, io);
	result = HTTP_MORE;
	if (!carry && p->phase == HTTP_START && p->line_kind == HTTP_LINE_WHOLE)
		result = http_glance(p, &io->cursor);
	if (result == HTTP_MORE)
		result = http_scan(p, &io->cursor);
	payload_skip(io, io->cursor.pos - carry);
	if (result < HTTP_NOT)
		return request_goes_on(s, result);
	if (result == HTTP_PROXY)
		return request_prefix_begins(s, io, carry);
	if (result == HTTP_BAD || !request_other_protocol(s, io, io->cursor.pos - carry, false))
		request_refused(s, result);
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
		payload_found(io, false);
	return request_step(s, io, false);
}

/* And for the first where a call costs little. */
VERIFIED_ALONE int request_first_alone(struct server_state *s, struct io *io)
{
	return s && io ? request_step(s, io, true) : 1;
}

/* A read or write of HTTP/1.x that is followed piece by piece. */
struct walk {
	struct server_state *s;
	struct io *io;
};

static long request_piece(__u32 i, struct walk *walk)
{
	return zero_or_one(request_step_alone(walk->s, walk->io) || !walk->io->left);
}

/* Follows the pieces behind the first. */
static __always_inline void request_follow(struct server_state *s, struct io *io)
{
	struct walk walk = { .s = s, .io = io };

	if (STEPS_END(STEPS, request_piece, &walk))
		return;
	count_loss(LOSS_BUDGET);
	request_lost(s);
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
		if (!request_first_alone(s, io) && io->left)
			request_follow(s, io);
	}
	request_over(s, io);
}

#endif
