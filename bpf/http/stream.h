/* SPDX-License-Identifier: GPL-2.0 */
/*
 * HTTP/2: every stream is a request. What the frames say is told by http2.h;
 * here it is counted.
 *
 * A request begins when the reader has its HEADERS frame and ends when the
 * writer has handed over the frame with END_STREAM. Reader and writer may run
 * at once; they meet in the table of streams, in two atomic counters, which say
 * what was open should the connection end, and in a ring of the streams that the
 * client has reset while a write was not over.
 */
#ifndef EDGETAP_HTTP_STREAM_H
#define EDGETAP_HTTP_STREAM_H

#include "response.h"
#include "rpc.h"

#define STREAM_STEPS 8192	/* pieces of one read or write that are followed */
#define STREAMS_AT_TEARDOWN 128 /* looked for when a connection ends */

static __always_inline struct h2_parser *http2_direction(struct http2 *h, bool from_server)
{
	return from_server ? &h->response : &h->request;
}

static __always_inline void stream_lost(struct server_state *s)
{
	struct instance_slot *slot = server_slot(s);

	if (slot)
		count_add(slot, COUNT_HTTP_LOST, 1);
}

/* A request's header block is complete, or, by the server, the promise of one. */
VERIFIED_ALONE int stream_begin(struct server_state *s, struct http2 *h, struct io *io,
				int from_server)
{
	struct stream stream = { .grpc_status = H2_GRPC_STATUS_NONE };
	struct instance_slot *slot;
	struct stream_key key = {};
	struct h2_parser *p;

	if (!s || !h || !io)
		return 0;
	slot = server_slot(s);
	if (slot)
		count_add(slot, COUNT_HTTP_STARTED, 1);
	p = http2_direction(h, from_server);
	key.connection = s->connection;
	key.stream = p->stream;
	stream.read_ns = io->now_ns;
	stream.arrived_ns = h->block_ns < io->now_ns ? h->block_ns : io->now_ns;
	if (from_server) {
		key.stream = p->promised;
		stream.arrived_ns = io->now_ns;
	}
	if (!stream.arrived_ns)
		count_loss(LOSS_ARRIVAL_UNKNOWN);
	stream.method = p->block.method < METHOD_N ? p->block.method : METHOD_OTHER;
	if (p->block.method >= METHOD_N)
		count_loss(LOSS_HPACK);
	if (stream.method == METHOD_CONNECT)
		stream.flags |= STREAM_CONNECT;
	if (p->block.grpc == H2_GRPC_UNKNOWN)
		count_loss(LOSS_HPACK); /* it may have been a call */
	if (p->block.grpc == H2_GRPC_YES) {
		stream.flags |= STREAM_RPC;
		stream.rpc = rpc_of(s, p);
	}
	if (bpf_map_update_elem(&stream_by_id, &key, &stream, BPF_NOEXIST)) {
		count_loss(LOSS_STREAMS_FULL);
		stream_lost(s);
		return 0;
	}
	__sync_fetch_and_add(&h->waiting, 1);
	return 0;
}

/*
 * Takes a stream out of what is open. False if another has just done so: reader
 * and writer may both find that it is over. The entry is gone then, so callers
 * have a copy.
 */
static __always_inline bool stream_close(struct http2 *h, const struct stream_key *key, __u8 flags)
{
	if (bpf_map_delete_elem(&stream_by_id, key))
		return false;
	__sync_fetch_and_add(flags & STREAM_ANSWERED ? &h->answering : &h->waiting, -1);
	return true;
}

static __always_inline void stream_done(struct server_state *s, struct http2 *h, __u64 now_ns,
					const struct stream_key *key, const struct stream *entry)
{
	struct stream stream = *entry;
	struct exchange x = {
		.status = stream.status,
		.method = stream.method,
		.arrived_ns = stream.arrived_ns,
		.read_ns = stream.read_ns,
		.first_ns = stream.first_ns,
		.end_ns = now_ns,
	};

	if (!stream_close(h, key, stream.flags))
		return;
	exchange_count(s, &x, stream.read_ns && !(stream.flags & STREAM_CONNECT));
	if (stream.flags & STREAM_RPC)
		rpc_count(s, &stream, now_ns);
}

/* A stream will not be answered completely; `by` is enum abort_by. */
VERIFIED_ALONE int stream_abort(struct server_state *s, struct http2 *h, __u32 id, int by)
{
	struct stream_key key = {};
	struct instance_slot *slot;
	struct stream *stream;
	__u64 arrived, queued;
	__u8 flags;

	if (!s || !h)
		return 0;
	key.connection = s->connection;
	key.stream = id;
	stream = bpf_map_lookup_elem(&stream_by_id, &key);
	if (!stream)
		return 0; /* over already, or never begun */
	arrived = stream->arrived_ns;
	queued = time_between(arrived, stream->read_ns);
	flags = stream->flags;
	if (!stream_close(h, &key, flags))
		return 0;
	slot = server_slot(s);
	if (slot)
		abort_count(slot, by == ABORT_BY_SERVER ? ABORT_BY_SERVER : ABORT_BY_CLIENT,
			    flags & STREAM_ANSWERED ? ABORT_IN_RESPONSE : ABORT_IN_WAIT);
	if (arrived)
		connection_row_add(slot_current(s->slot, s->generation), ROW_ABORTED_QUEUE, queued);
	return 0;
}

/* What the server had written when the bytes of io were read is not followed yet. */
static __always_inline bool write_not_over(const struct http2 *h, const struct io *io)
{
	__u32 followed = *(const volatile __u32 *)&h->followed;

	/* 0: no write has been followed yet */
	return followed ? sequence_after(io->sent, followed) > 0 : io->sent != 0;
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

	if (!s || !h || !io)
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

	if (!s || !h || h->lost)
		return 0;
	head = __sync_fetch_and_add(&h->reset_head, 0); /* a full barrier: the slots are as new */
	for (int i = 0; i < RESETS && h->reset_tail != head; i++) {
		stream_abort(s, h, h->reset[h->reset_tail % RESETS], ABORT_BY_CLIENT);
		h->reset_tail++;
	}
	return 0;
}

/* A write is over, and followed; the socket had taken everything up to `sent`. */
static __always_inline void write_over(struct server_state *s, struct http2 *h, __u32 sent)
{
	__sync_lock_test_and_set(&h->followed, sent); /* a full barrier */
	if (h->reset_tail != *(volatile __u32 *)&h->reset_head)
		resets_decide(s, h);
}

/* What the server's header block, or (content) the end of its content, says of the stream. */
VERIFIED_ALONE int stream_answer(struct server_state *s, struct http2 *h, __u64 now_ns, int content)
{
	struct stream_key key = {};
	struct stream *stream;
	struct h2_parser *p;
	__u16 status;

	if (!s || !h)
		return 0;
	p = &h->response;
	key.connection = s->connection;
	key.stream = p->stream;
	status = content ? 0 : p->block.status;
	if (status >= 100 && status < 200 && !p->end_stream)
		return 0;
	stream = bpf_map_lookup_elem(&stream_by_id, &key);
	if (!stream) {
		if (status && !content)
			count_loss(h->older ? LOSS_STARTED_BEFORE : LOSS_STREAM_UNKNOWN);
		return 0;
	}
	if (!content && !(stream->flags & STREAM_ANSWERED)) {
		if (!status || status == H2_STATUS_UNKNOWN) {
			count_loss(LOSS_HPACK);
			status = STATUS_OTHER;
		}
		stream->status = status;
		stream->first_ns = now_ns;
		stream->flags |= STREAM_ANSWERED;
		__sync_fetch_and_add(&h->waiting, -1);
		__sync_fetch_and_add(&h->answering, 1);
	}
	if (!content && p->block.grpc_status != H2_GRPC_STATUS_NONE)
		stream->grpc_status = p->block.grpc_status;
	if (p->end_stream && (stream->flags & STREAM_ANSWERED))
		stream_done(s, h, now_ns, &key, stream);
	return 0;
}

/* A counter that reader and writer move; each may be ahead of the other for a moment. */
static __always_inline __u64 streams_open(__u32 count)
{
	return (__s32)count > 0 ? count : 0;
}

/* Neither side's position is known any more; nothing guesses. */
static __always_inline void http2_lost(struct server_state *s, struct http2 *h)
{
	struct instance_slot *slot = server_slot(s);

	if (h->lost)
		return;
	h->lost = 1;
	if (slot)
		count_add(slot, COUNT_HTTP_LOST,
			  streams_open(h->waiting) + streams_open(h->answering));
	h->waiting = 0;
	h->answering = 0;
}

/* Whatever the connection spoke, its HTTP/2 is followed no further. */
static __always_inline void http2_forget(struct server_state *s)
{
	__u32 connection = s->connection;
	struct http2 *h = s->protocol == PROTOCOL_HTTP2 ? http2_of(connection) : NULL;

	if (!h)
		return;
	http2_lost(s, h);
	http2_delete(connection);
}

/* What one frame, or header block, says. False if the connection cannot be followed further. */
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
	case H2_BLOCK:
		if (from_server && !h->response.promised) {
			stream_answer(s, h, io->now_ns, 0);
		} else if (from_server) {
			stream_begin(s, h, io, 1);
		} else if (h->request.stream > h->last_stream) {
			h->last_stream = h->request.stream;
			stream_begin(s, h, io, 0);
		}
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
		http2_lost(s, h);
		return false;
	}
	return true;
}

/* One step of what was read or written; non-zero if there is none further. */
VERIFIED_ALONE int http2_one(struct server_state *s, struct http2 *h, struct io *io,
			     int from_server)
{
	struct cursor *cur;
	struct h2_parser *p;
	int result;
	__u32 n;

	if (!s || !h || !io)
		return 1;
	p = http2_direction(h, from_server);
	cur = &io->cursor;
	result = h2_scan(p, cur);
	if (result == H2_MORE) {
		if (!io->left)
			return 1;
		if (!h2_wants_bytes(p)) {
			n = p->frame_left < io->left ? p->frame_left : io->left;
			payload_skip(io, n);
			result = h2_pass(p, n);
		} else {
			n = payload_show(io, NULL, CURSOR_BYTES);
			if (!n) {
				http2_lost(s, h);
				return 1;
			}
			payload_skip(io, n);
			if (from_server && !h->response_synced) {
				if (!h2_plausible(cur, 1)) {
					cur->pos = cur->bytes;
					io->left = 0;
					return 1;
				}
				h->response_synced = 1;
			}
		}
	}
	return !http2_result(s, h, io, from_server, result);
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

/* Follows the bytes of io. */
static __always_inline void http2_follow(struct server_state *s, struct io *io, bool from_server)
{
	struct http2_walk walk = { .s = s, .io = io, .from_server = from_server };

	walk.h = http2_of(s->connection);
	if (!walk.h || walk.h->lost)
		return;
	if (!from_server)
		http2_begin_reading(s, walk.h, false);
	io->cursor.pos = 0;
	io->cursor.bytes = 0;
	if (from_server)
		s->last_write_ns = io->now_ns;
	bpf_loop(STREAM_STEPS, http2_step, &walk, 0);
	if (!walk.h->lost && (io->left || io->cursor.pos < io->cursor.bytes)) {
		count_loss(LOSS_BUDGET);
		http2_lost(s, walk.h);
	}
	if (from_server)
		write_over(s, walk.h, io->sent);
}

/*
 * A connection ends: takes one stream out of what is open, if it is. Alone, because
 * the verifier walks it for each stream that is looked for.
 */
VERIFIED_ALONE int stream_teardown(struct server_state *s, struct http2 *h, __u32 id)
{
	struct stream_key key = {};
	struct stream *stream;

	if (!s || !h)
		return 0;
	key.connection = s->connection;
	key.stream = id;
	stream = bpf_map_lookup_elem(&stream_by_id, &key);
	if (!stream)
		return 0;
	if (stream->arrived_ns && !h->lost)
		connection_row_add(slot_current(s->slot, s->generation), ROW_ABORTED_QUEUE,
				   time_between(stream->arrived_ns, stream->read_ns));
	stream_close(h, &key, stream->flags);
	return 0;
}

/* Nothing more will be written; `by` is enum abort_by. */
VERIFIED_ALONE int http2_teardown(struct server_state *s, __u32 by)
{
	struct instance_slot *slot;
	__u32 id, stream;
	struct http2 *h;

	if (!s || by >= ABORT_BY_N)
		return 0;
	id = s->connection;
	h = http2_of(id);
	if (!h)
		return 0;
	resets_decide(s, h);
	slot = server_slot(s);
	if (slot && !h->lost) {
		count_add(slot, COUNT_HTTP_ABORTED + by * ABORT_PHASE_N + ABORT_IN_WAIT,
			  streams_open(h->waiting));
		count_add(slot, COUNT_HTTP_ABORTED + by * ABORT_PHASE_N + ABORT_IN_RESPONSE,
			  streams_open(h->answering));
		if ((h->request.flags & H2_F_BLOCK) && h->request.stream > h->last_stream)
			count_add(slot, COUNT_HTTP_ABORTED + by * ABORT_PHASE_N + ABORT_IN_REQUEST,
				  1);
	}
	stream = h->last_stream;
	for (int i = 0; i < STREAMS_AT_TEARDOWN && (h->waiting | h->answering); i++) {
		stream_teardown(s, h, stream);
		if (stream < 2)
			break;
		stream -= 2;
	}
	http2_delete(id);
	return 0;
}

#endif
