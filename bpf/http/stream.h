/* SPDX-License-Identifier: GPL-2.0 */
/*
 * HTTP/2: every stream is a request. What the frames say is told by proto/http2.h,
 * which of them belong together by http2.h; here a stream is counted.
 *
 * A request begins when the reader has its HEADERS frame and ends when the
 * writer has handed over the frame with END_STREAM. Reader and writer may run
 * at once; they meet in the table of streams, and in two atomic counters, which
 * say what was open should the connection end.
 */
#ifndef EDGETAP_HTTP_STREAM_H
#define EDGETAP_HTTP_STREAM_H

#include "protocol.h"
#include "response.h"
#include "rpc.h"

static __always_inline struct h2_parser *http2_direction(struct http2 *h, bool from_server)
{
	return from_server ? &h->response : &h->request;
}

static __always_inline void stream_lost(const struct server_state *s)
{
	struct instance_slot *slot = server_slot(s);

	if (slot)
		count_add(slot, COUNT_HTTP_LOST, 1);
}

/* A counter that reader and writer move; each may be ahead of the other for a moment. */
static __always_inline __u32 streams_open(__u32 count)
{
	return (__s32)count > 0 ? count : 0;
}

/* Open when what the server wrote was lost sight of: counted as lost then. */
static __always_inline bool stream_lost_before(const struct http2 *h, __u32 id)
{
	return id <= (id & 1 ? h->lost_stream : h->lost_promised);
}

/* Opened by a request that was not seen, as far as can be told. */
static __always_inline bool stream_unseen(const struct http2 *h, __u32 id)
{
	return (id & 1) && id > h->unseen_from && id < h->unseen_to;
}

/*
 * Where a stream is, if it is in the connection's own memory: one in its entry, more in places
 * that their numbers give, by which the caller tells whether it is. What finds its place taken
 * is in stream_by_id.
 */
static __always_inline struct stream *stream_place(const struct server_state *s, struct http2 *h,
						   __u32 id)
{
	__u32 connection = s->connection;
	struct streams *streams;

	if (*(volatile __u32 *)&h->first.id == id)
		return &h->first;
	if (h->streams != STREAMS_MADE)
		return NULL;
	streams = bpf_map_lookup_elem(&streams_by_connection, &connection);
	return streams ? &streams->place[at_most((id >> 1) % STREAM_PLACES, STREAM_PLACES - 1)]
		       : NULL;
}

/* A stream that is open; null if it is not, or no longer followed. */
static __always_inline struct stream *stream_find(const struct server_state *s, struct http2 *h,
						  const struct stream_key *key)
{
	struct stream *place;

	if (stream_lost_before(h, key->stream))
		return NULL;
	place = stream_place(s, h, key->stream);
	if (place && *(volatile __u32 *)&place->id == key->stream)
		return place;
	return h->beyond ? bpf_map_lookup_elem(&stream_by_id, key) : NULL;
}

/*
 * Takes a stream out of where it was found (or null). False if another has just done so. Those
 * in the table have no number in them.
 */
static __always_inline bool stream_remove(struct http2 *h, const struct stream_key *key,
					  struct stream *found)
{
	if (found && found->id == key->stream &&
	    __sync_val_compare_and_swap(&found->id, key->stream, 0) == key->stream)
		return true;
	if (!h->beyond || bpf_map_delete_elem(&stream_by_id, key))
		return false;
	__sync_fetch_and_add(&h->beyond, -1);
	return true;
}

/* Takes a free place. */
static __always_inline bool stream_put(struct stream *place, const struct stream *stream, __u32 id)
{
	if (__sync_val_compare_and_swap(&place->id, 0, STREAM_TAKEN))
		return false;
	place->arrived_ns = stream->arrived_ns;
	place->read_ns = stream->read_ns;
	place->first_ns = stream->first_ns;
	place->status = stream->status;
	place->method = stream->method;
	place->flags = stream->flags;
	place->rpc = stream->rpc;
	place->grpc_status = stream->grpc_status;
	place->reset = 0;
	__sync_lock_test_and_set(&place->id, id);
	return true;
}

/* Places for the streams of a connection that has several open. */
VERIFIED_ALONE int streams_make(struct server_state *s, struct http2 *h)
{
	struct blank *zero = blank();
	struct streams *streams;
	__u32 connection;
	__u64 taken;

	if (!s || !h || !zero ||
	    __sync_val_compare_and_swap(&h->streams, STREAMS_NONE, STREAMS_REFUSED))
		return 0;
	taken = memory_take(s->slot, s->generation, MEMORY_STREAMS);
	if (taken == MEMORY_REFUSED)
		return 0;
	connection = s->connection;
	if (!bpf_map_update_elem(&streams_by_connection, &connection, &zero->streams,
				 BPF_NOEXIST)) {
		streams = bpf_map_lookup_elem(&streams_by_connection, &connection);
		if (streams) {
			streams->charge = charge_of(taken);
			__sync_lock_test_and_set(&h->streams, STREAMS_MADE);
			/* the connection's end may have come in between, and found none */
			if (!http2_of(connection))
				streams_delete(connection);
			return 0;
		}
	}
	memory_give((__u32)taken, taken >> 32, MEMORY_STREAMS);
	return 0;
}

/* False, and counted, if there is no room for one more. */
static __always_inline bool stream_add(struct server_state *s, struct http2 *h,
				       const struct stream_key *key, const struct stream *stream)
{
	struct stream *place;

	if (stream_put(&h->first, stream, key->stream))
		return true;
	if (h->streams == STREAMS_NONE)
		streams_make(s, h);
	place = stream_place(s, h, key->stream);
	if (place && stream_put(place, stream, key->stream))
		return true;
	__sync_fetch_and_add(&h->beyond, 1);
	if (!bpf_map_update_elem(&stream_by_id, key, stream, BPF_NOEXIST))
		return true;
	__sync_fetch_and_add(&h->beyond, -1);
	count_loss(LOSS_STREAMS_FULL);
	stream_lost(s);
	return false;
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
	if (stream_add(s, h, &key, &stream))
		__sync_fetch_and_add(&h->waiting, 1);
	return 0;
}

/*
 * Takes a stream out of what is open. False if another has just done so: reader
 * and writer may both find that it is over. The entry is gone then, so callers
 * have a copy.
 */
static __always_inline bool stream_close(struct http2 *h, const struct stream_key *key,
					 struct stream *found, __u8 flags)
{
	if (!stream_remove(h, key, found))
		return false;
	__sync_fetch_and_add(flags & STREAM_ANSWERED ? &h->answering : &h->waiting, -1);
	return true;
}

static __always_inline void stream_done(struct server_state *s, struct http2 *h, __u64 now_ns,
					const struct stream_key *key, struct stream *entry)
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

	if (!stream_close(h, key, entry, stream.flags))
		return;
	exchange_count(s, &x, stream.read_ns && !(stream.flags & STREAM_CONNECT));
	if (stream.flags & STREAM_RPC)
		rpc_count(s, &stream, now_ns);
}

#define ABORT_IF_RESET ABORT_BY_N /* by the client, if its reset came with the request */

/* A stream will not be answered completely; `by` is enum abort_by, or the above. */
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
	stream = stream_find(s, h, &key);
	if (!stream || (by == ABORT_IF_RESET && !stream->reset))
		return 0; /* over already, or never begun */
	arrived = stream->arrived_ns;
	queued = time_between(arrived, stream->read_ns);
	flags = stream->flags;
	if (!stream_close(h, &key, stream, flags))
		return 0;
	slot = server_slot(s);
	if (slot)
		abort_count(slot, by == ABORT_BY_SERVER ? ABORT_BY_SERVER : ABORT_BY_CLIENT,
			    flags & STREAM_ANSWERED ? ABORT_IN_RESPONSE : ABORT_IN_WAIT);
	if (arrived)
		connection_row_add(slot_current(s->slot, s->generation), ROW_ABORTED_QUEUE, queued);
	return 0;
}

/*
 * The server answers a request that was not seen: it begins with its answer, and has no
 * times. Alone, because of the stack.
 */
VERIFIED_ALONE int stream_answer_unseen(struct server_state *s, struct http2 *h, __u32 status)
{
	struct stream stream = { .grpc_status = H2_GRPC_STATUS_NONE, .flags = STREAM_ANSWERED };
	struct instance_slot *slot;
	struct stream_key key = {};

	if (!s || !h)
		return 0;
	slot = server_slot(s);
	if (slot)
		count_add(slot, COUNT_HTTP_STARTED, 1);
	__sync_fetch_and_add(&h->unseen, -1);
	stream.status = status == H2_STATUS_UNKNOWN ? STATUS_OTHER : status;
	key.connection = s->connection;
	key.stream = h->response.stream;
	if (key.stream > h->last_unseen)
		h->last_unseen = key.stream;
	if (stream_add(s, h, &key, &stream))
		__sync_fetch_and_add(&h->answering, 1);
	return 0;
}

/* No open stream has the server's final header block. */
static __always_inline void stream_answer_alone(struct server_state *s, struct http2 *h, __u32 id,
						__u16 status)
{
	if (stream_lost_before(h, id))
		return;
	if (stream_unseen(h, id))
		stream_answer_unseen(s, h, status);
	else
		count_loss(h->older ? LOSS_STARTED_BEFORE : LOSS_STREAM_UNKNOWN);
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
	stream = stream_find(s, h, &key);
	if (!stream && status && !content) {
		stream_answer_alone(s, h, key.stream, status);
		stream = stream_find(s, h, &key);
	}
	if (!stream)
		return 0;
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

/*
 * Its connection ends: takes a stream out of what is open, if it is, and is counted with
 * all that are. Alone, because it is done for each that may be open.
 */
VERIFIED_ALONE int stream_aborted(struct server_state *s, struct http2 *h, __u32 id)
{
	struct stream_key key = {};
	struct stream *stream;

	if (!s || !h)
		return 0;
	key.connection = s->connection;
	key.stream = id;
	stream = stream_find(s, h, &key);
	if (!stream)
		return 0;
	if (stream->arrived_ns)
		connection_row_add(slot_current(s->slot, s->generation), ROW_ABORTED_QUEUE,
				   time_between(stream->arrived_ns, stream->read_ns));
	return stream_remove(h, &key, stream);
}

#endif
