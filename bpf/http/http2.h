/* SPDX-License-Identifier: GPL-2.0 */
/*
 * HTTP/2 connections: which frames of what is read and written say something of
 * a stream, and what becomes of the streams when some could not be seen.
 *
 * What the client sends and what the server sends are lost sight of, and found
 * again, each by itself. In what the server sent unseen may be the end of any
 * stream that is open, so all of those are counted as lost; with what the client
 * sent unseen go the requests in it, which begin when they are answered.
 */
#ifndef EDGETAP_HTTP_HTTP2_H
#define EDGETAP_HTTP_HTTP2_H

#include "stream.h"

#define FRAME_STEPS 8192  /* pieces of one read or write that are followed */
#define STREAM_STEPS 1024 /* numbers of streams that are looked through in one go */
#define RESET_STEPS 8192  /* numbers between the streams that a read may reset */
#define UNSEEN_MOST 1024  /* requests that one loss can have hidden */

/* ---- streams, by their numbers ---- */

struct stream_walk {
	struct server_state *s;
	struct http2 *h;
	__u32 stream;
	__u32 left; /* how many are to be found, or the number to end at */
};

/* To the one before; non-zero if there is none, or no more to be found. */
static __always_inline long stream_before(struct stream_walk *walk, bool found)
{
	walk->left -= found;
	if (!walk->left || walk->stream < 2)
		return 1;
	walk->stream -= 2;
	return 0;
}

static long stream_lost_next(__u32 i, struct stream_walk *walk)
{
	struct stream_key key = { .connection = walk->s->connection, .stream = walk->stream };

	return stream_before(walk, stream_remove(walk->h, &key,
						 stream_place(walk->s, walk->h, walk->stream)));
}

static long stream_aborted_next(__u32 i, struct stream_walk *walk)
{
	return stream_before(walk, stream_aborted(walk->s, walk->h, walk->stream));
}

/* The highest number of a stream that may be open. */
static __always_inline __u32 stream_latest(const struct http2 *h)
{
	return h->last_stream > h->last_unseen ? h->last_stream : h->last_unseen;
}

/* What the server writes was not seen: what is open may have ended in it. */
VERIFIED_ALONE int streams_lost(struct server_state *s, struct http2 *h)
{
	struct stream_walk walk = { .s = s, .h = h };
	struct instance_slot *slot;

	if (!s || !h)
		return 0;
	walk.stream = stream_latest(h);
	h->lost_stream = walk.stream;
	h->lost_promised = h->last_promised;
	walk.left = streams_open(__sync_lock_test_and_set(&h->waiting, 0));
	walk.left += streams_open(__sync_lock_test_and_set(&h->answering, 0));
	slot = server_slot(s);
	if (!slot || !walk.left)
		return 0;
	count_add(slot, COUNT_HTTP_LOST, walk.left);
	/* out of the table, as far as they are among the latest; the agent sweeps */
	bpf_loop(STREAM_STEPS, stream_lost_next, &walk, 0);
	return 0;
}

/* Of the requests that were not seen, those that were not answered are counted as lost. */
static __always_inline void unseen_over(struct server_state *s, struct http2 *h)
{
	struct instance_slot *slot = server_slot(s);
	__u32 left = h->unseen_to ? streams_open(h->unseen) : 0;

	if (slot && left && h->unseen_to != UNSEEN_STILL) {
		count_add(slot, COUNT_HTTP_STARTED, left);
		count_add(slot, COUNT_HTTP_LOST, left);
	}
	h->unseen = 0;
	h->unseen_to = 0;
}

/* Requests are not seen from here on, until the next one that is: unseen_until(). */
VERIFIED_ALONE int requests_unseen(struct server_state *s, struct http2 *h)
{
	if (!s || !h || h->unseen_to == UNSEEN_STILL)
		return 0;
	unseen_over(s, h);
	h->unseen_from = h->last_stream;
	/* of what came before the agent nothing is known, nor how much it was */
	if (!h->older || h->last_stream)
		h->unseen_to = UNSEEN_STILL;
	return 0;
}

/* A request is seen again. Clients number them one after the other. */
static __always_inline void unseen_until(struct http2 *h, __u32 stream)
{
	__u32 hidden = (stream - 1) / 2 - (h->unseen_from + 1) / 2;

	h->unseen_to = stream;
	__sync_fetch_and_add(&h->unseen, hidden < UNSEEN_MOST ? hidden : UNSEEN_MOST);
}

/* The position in one direction is lost; the reason has been counted. */
static __always_inline void direction_lost(struct server_state *s, struct http2 *h, struct io *io,
					   bool from_server)
{
	h2_lose(http2_direction(h, from_server));
	if (from_server)
		streams_lost(s, h);
	else
		requests_unseen(s, h);
	io->left = 0;
	io->cursor.pos = io->cursor.bytes;
}

/* Whatever the connection spoke, its HTTP/2 is followed no further. */
static __always_inline void http2_forget(struct server_state *s)
{
	__u32 connection = s->connection;
	struct http2 *h = s->protocol == PROTOCOL_HTTP2 ? http2_of(connection) : NULL;

	if (!h)
		return;
	streams_lost(s, h);
	unseen_over(s, h);
	http2_delete(connection);
}

/* ---- streams that the client resets ---- */

/* What the server had written when the bytes of io were read is not followed yet. */
static __always_inline bool write_not_over(const struct http2 *h, const struct io *io)
{
	__u32 followed = *(const volatile __u32 *)&h->followed;

	/* 0: no write has been followed yet */
	return followed ? sequence_after(io->sent, followed) > 0 : io->sent != 0;
}

/*
 * One call may read many buffers, each of which is followed by itself (tcp_rcv_space_adjust): what
 * is read so soon after something may be of the same call. If it is not, it is decided later all
 * the same.
 */
#define SAME_CALL_NS 200000

/*
 * The request was read in the same call as its reset. Some servers answer it all the same
 * (nginx), and log that, others do not: the next read tells.
 */
static __always_inline bool reset_with_request(struct server_state *s, struct http2 *h,
					       const struct io *io)
{
	struct stream_key key = { .connection = s->connection, .stream = h->request.stream };
	struct stream *stream = stream_find(s, h, &key);

	if (!stream ||
	    time_between(stream->read_ns, io->now_ns) > (has_queues ? SAME_CALL_NS : 0) ||
	    (stream->flags & STREAM_ANSWERED))
		return false;
	stream->reset = 1;
	if (!h->reset_from)
		h->reset_from = key.stream;
	return true;
}

/*
 * The client's RST_STREAM. Clients send it behind a complete response, too, and
 * then it may be read before the write that carried the response is over, on
 * another CPU. So as long as a write is not over, it is decided at its end; what
 * comes beyond RESETS of them, at once.
 */
VERIFIED_ALONE int stream_reset(struct server_state *s, struct http2 *h, const struct io *io)
{
	__u32 head;

	if (!s || !h || !io || reset_with_request(s, h, io))
		return 0;
	head = h->reset_head;
	if (write_not_over(h, io) && head - *(volatile __u32 *)&h->reset_tail < RESETS) {
		h->reset[head % RESETS] = h->request.stream;
		/* a full barrier: behind the slot, and before the second look */
		__sync_val_compare_and_swap(&h->reset_head, head, head + 1);
		if (write_not_over(h, io))
			return 0;
	}
	return stream_abort(s, h, h->request.stream, ABORT_BY_CLIENT);
}

/* Of the streams that the client has reset meanwhile, those that have not ended are aborted. */
VERIFIED_ALONE int resets_decide(struct server_state *s, struct http2 *h)
{
	__u32 head;

	if (!s || !h)
		return 0;
	head = __sync_fetch_and_add(&h->reset_head, 0); /* a full barrier: the slots are as new */
	for (int i = 0; i < RESETS && h->reset_tail != head; i++) {
		stream_abort(s, h, h->reset[h->reset_tail % RESETS], ABORT_BY_CLIENT);
		h->reset_tail++;
	}
	return 0;
}

static long reset_decide_next(__u32 i, struct stream_walk *walk)
{
	stream_abort(walk->s, walk->h, walk->stream, ABORT_IF_RESET);
	if (walk->stream >= walk->left)
		return 1;
	walk->stream += 2;
	return 0;
}

/* Whether what was read with its reset may have been read in the call at hand. Alone: its stack. */
VERIFIED_ALONE int reset_is_new(struct server_state *s, struct http2 *h, __u64 now_ns)
{
	struct stream_key key = {};
	struct stream *first;

	if (!s || !h || !now_ns || !has_queues)
		return false;
	key.connection = s->connection;
	key.stream = h->reset_from;
	first = stream_find(s, h, &key);
	return first && time_between(first->read_ns, now_ns) <= SAME_CALL_NS;
}

/*
 * The server comes back to read: what it read with its reset before has had its chance. now_ns: of
 * the read; 0: there will be none.
 */
static __always_inline void resets_decide_read(struct server_state *s, struct http2 *h,
					       __u64 now_ns)
{
	struct stream_walk walk = { .s = s, .h = h, .stream = h->reset_from };

	if (!walk.stream || reset_is_new(s, h, now_ns))
		return;
	h->reset_from = 0;
	walk.left = h->last_stream;
	bpf_loop(RESET_STEPS, reset_decide_next, &walk, 0);
}

/* A write is over, and followed; the socket had taken everything up to `sent`. */
static __always_inline void write_over(struct server_state *s, struct http2 *h, __u32 sent)
{
	__sync_lock_test_and_set(&h->followed, sent); /* a full barrier */
	if (h->reset_tail != *(volatile __u32 *)&h->reset_head)
		resets_decide(s, h);
}

/* ---- what is read and written ---- */

/* A header block, which is that of a request unless the server sent it. */
static __always_inline void http2_block(struct server_state *s, struct http2 *h, struct io *io,
					int from_server)
{
	__u32 stream = h->request.stream;

	if (from_server && !h->response.promised) {
		stream_answer(s, h, io->now_ns, 0);
	} else if (from_server) {
		h->last_promised = h->response.promised;
		stream_begin(s, h, io, 1);
	} else if (stream > h->last_stream) {
		if (h->unseen_to == UNSEEN_STILL)
			unseen_until(h, stream);
		h->last_stream = stream;
		stream_begin(s, h, io, 0);
	}
}

/* What one frame, or header block, says. False if the position is lost. */
static __always_inline bool http2_result(struct server_state *s, struct http2 *h, struct io *io,
					 int from_server, int result)
{
	const struct cursor *cur = &io->cursor;
	__u32 begin;

	switch (result) {
	case H2_FRAME:
		if (from_server)
			return true;
		begin = io->sequence - (cur->bytes - cur->pos) - H2_HEADER_BYTES;
		h->block_ns = arrival_of(s, begin);
		if (!h->block_ns)
			h->block_ns = arrivals_of(&h->arrivals, begin);
		return true;
	case H2_BLOCK_UNREAD:
		count_loss(LOSS_HEADER_INVALID);
		if (!from_server) {
			requests_unseen(s, h);
			return true;
		}
		/* fallthrough */
	case H2_BLOCK:
		http2_block(s, h, io, from_server);
		return true;
	case H2_DATA:
		if (from_server && h->response.end_stream)
			stream_answer(s, h, io->now_ns, 1);
		return true;
	case H2_RESET:
		if (from_server)
			stream_abort(s, h, h->response.stream, ABORT_BY_SERVER);
		else
			stream_reset(s, h, io);
		return true;
	case H2_BAD:
		count_loss(LOSS_HEADER_INVALID);
		direction_lost(s, h, io, from_server);
		return false;
	}
	return true;
}

/* A frame has ended, which is to be reported yet. */
static __always_inline bool frame_over(const struct h2_parser *p)
{
	return !h2_wants_bytes(p) && !p->frame_left;
}

/* The next bytes of io, behind those of the window. False if there are none that can be seen. */
static __always_inline bool http2_more(struct server_state *s, struct http2 *h, struct io *io,
				       int from_server, int *ret_result)
{
	struct h2_parser *p = http2_direction(h, from_server);
	int result = H2_AGAIN;
	__u32 n;

	if (!io->left)
		return false;
	if (!h2_wants_bytes(p)) {
		n = p->frame_left < io->left ? p->frame_left : io->left;
		payload_skip(io, n);
		result = h2_pass(p, n);
	} else {
		n = payload_show(io, NULL, CURSOR_BYTES);
		if (n) {
			payload_skip(io, n);
			result = h2_scan(p, &io->cursor);
		} else if (!h2_unseen(p, io->left)) {
			direction_lost(s, h, io, from_server);
			return false;
		}
	}
	*ret_result = result;
	return true;
}

/* One step of what was read or written; non-zero if there is none further. */
VERIFIED_ALONE int http2_one(struct server_state *s, struct http2 *h, struct io *io,
			     int from_server)
{
	struct cursor *cur;
	struct h2_parser *p;
	int result;

	if (!s || !h || !io)
		return 1;
	p = http2_direction(h, from_server);
	cur = &io->cursor;
	if (cur->pos < cur->bytes || frame_over(p))
		result = h2_scan(p, cur);
	else if (!http2_more(s, h, io, from_server, &result))
		return 1;
	if (!http2_result(s, h, io, from_server, result))
		return 1;
	return cur->pos >= cur->bytes && !io->left && !frame_over(p);
}

struct http2_walk {
	struct server_state *s;
	struct http2 *h;
	struct io *io;
	__u64 from_server;
};

static long http2_step(__u32 i, struct http2_walk *walk)
{
	return zero_or_one(http2_one(walk->s, walk->h, walk->io, (int)walk->from_server));
}

/*
 * Some bytes went by before those of io, and cannot be seen. Alone, as it is rare.
 */
VERIFIED_ALONE int http2_gap(struct server_state *s, struct http2 *h, struct io *io, __u32 bytes,
			     int from_server)
{
	struct h2_parser *p;

	if (!s || !h || !io)
		return 0;
	p = http2_direction(h, from_server);
	if (p->phase == H2_LOST)
		return 0;
	io->cursor.pos = io->cursor.bytes = 0;
	if (h2_unseen(p, bytes)) {
		http2_result(s, h, io, from_server, h2_pass(p, bytes));
		return 0;
	}
	count_loss(LOSS_GAP);
	h2_lose(p);
	return from_server ? streams_lost(s, h) : requests_unseen(s, h);
}

/* The highest number of a stream whose frames can come now. */
static __always_inline __u32 stream_most(const struct http2 *h, bool from_server)
{
	__u32 latest = stream_latest(h);

	if (h->older && !latest)
		return H2_STREAM_MOST;
	/* what is still to be read, or was not seen */
	if (!from_server || h->unseen_to == UNSEEN_STILL)
		return latest + 2 * UNSEEN_MOST;
	return latest > h->last_promised ? latest : h->last_promised;
}

/*
 * The position is lost: can it be found again at the first byte of this read or write? If not,
 * it is passed over.
 */
VERIFIED_ALONE int http2_resume(struct server_state *s, struct http2 *h, struct io *io,
				int from_server)
{
	__u32 n;

	if (!s || !h || !io)
		return 0;
	n = payload_show(io, NULL, CURSOR_BYTES);
	if (n && h2_plausible_again(&io->cursor, from_server, stream_most(h, from_server))) {
		payload_skip(io, n);
		h2_resume(http2_direction(h, from_server));
		return 0;
	}
	count_loss(LOSS_RESYNC);
	direction_lost(s, h, io, from_server);
	return 0;
}

/* Follows the bytes of io. */
static __always_inline void http2_follow(struct server_state *s, struct io *io, bool from_server)
{
	struct http2_walk walk = { .s = s, .io = io, .from_server = from_server };
	__s32 gap = sequence_after(io->sequence, s->read_next);

	walk.h = http2_of(s->connection);
	if (!walk.h)
		return;
	if (!from_server) {
		http2_begin_reading(s, walk.h, false);
		resets_decide_read(s, walk.h, io->now_ns);
		if (gap > 0 && io->left == io->bytes)
			http2_gap(s, walk.h, io, gap, false);
	}
	io->cursor.pos = 0;
	io->cursor.bytes = 0;
	if (from_server)
		s->last_write_ns = io->now_ns;
	if (http2_direction(walk.h, from_server)->phase == H2_LOST)
		http2_resume(s, walk.h, io, from_server);
	bpf_loop(FRAME_STEPS, http2_step, &walk, 0);
	if (io->left || io->cursor.pos < io->cursor.bytes) {
		count_loss(LOSS_BUDGET);
		direction_lost(s, walk.h, io, from_server);
	}
	if (from_server)
		write_over(s, walk.h, io->sent);
}

/* The bytes of io were written, and are not seen: pages of a file. */
static __always_inline void http2_pages(struct server_state *s, struct io *io)
{
	struct http2 *h = http2_of(s->connection);

	if (!h)
		return;
	s->last_write_ns = io->now_ns;
	http2_gap(s, h, io, io->left, true);
	write_over(s, h, io->sent);
}

/* Nothing more will be written; `by` is enum abort_by. */
VERIFIED_ALONE int http2_teardown(struct server_state *s, __u32 by)
{
	struct stream_walk walk = { .s = s };
	struct instance_slot *slot;
	__u32 waiting, answering;
	struct http2 *h;
	__u32 id;

	if (!s || by >= ABORT_BY_N)
		return 0;
	id = s->connection;
	h = http2_of(id);
	if (!h)
		return 0;
	resets_decide(s, h);
	resets_decide_read(s, h, 0);
	unseen_over(s, h);
	waiting = streams_open(h->waiting);
	answering = streams_open(h->answering);
	slot = server_slot(s);
	if (slot) {
		count_add(slot, COUNT_HTTP_ABORTED + by * ABORT_PHASE_N + ABORT_IN_WAIT, waiting);
		count_add(slot, COUNT_HTTP_ABORTED + by * ABORT_PHASE_N + ABORT_IN_RESPONSE,
			  answering);
		if ((h->request.flags & H2_F_BLOCK) && h->request.stream > h->last_stream)
			count_add(slot, COUNT_HTTP_ABORTED + by * ABORT_PHASE_N + ABORT_IN_REQUEST,
				  1);
	}
	walk.h = h;
	walk.stream = stream_latest(h);
	walk.left = waiting + answering;
	if (walk.left)
		bpf_loop(STREAM_STEPS, stream_aborted_next, &walk, 0);
	http2_delete(id);
	return 0;
}

#endif
