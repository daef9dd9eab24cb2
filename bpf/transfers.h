/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What arrives, is read and is written: one handler per fact, whichever hook tells
 * it (on_tcp.h). What a handler may assume of its context stands above it.
 */
#ifndef EDGETAP_TRANSFERS_H
#define EDGETAP_TRANSFERS_H

#include "conn/client.h"
#include "http/teardown.h"
#include "tls/bind.h"

/*
 * Bytes that are taken by splice are seen at the end only, modulo 2^32: once in
 * a gibibyte they are counted as they arrive.
 */
static __always_inline bool crosses_gibibyte(__u32 sequence)
{
	return (sequence & ((1U << 30) - 1)) < 1U << 20;
}

/* The same for protocols that may have many segments under way. */
static __always_inline void frames_arrival(struct server_state *s, __u32 end, __u32 read_up_to,
					   __u64 now_ns)
{
	struct plain *plain;
	struct http2 *h;

	if (s->protocol == PROTOCOL_HTTP2) {
		h = http2_of(s->connection);
		if (h)
			arrivals_add(&h->arrivals, s, end, read_up_to, now_ns);
	} else if (cfg_libraries) {
		plain = plain_of(s->tls.handshake.hello);
		if (plain)
			arrivals_add(&plain->arrivals, s, end, read_up_to, now_ns);
	}
}

/*
 * Bytes up to `end` have been queued on a connection, or a connection on a
 * listener. Under the socket's lock.
 */
static __always_inline int handle_arrival(const struct sock *sk, const struct tcp_sock *tp,
					  __u32 end, __u64 now_ns)
{
	struct instance_slot *slot;
	struct server_state *s;
	struct client_state *c;

	s = bpf_sk_storage_get(&server_by_socket, (void *)sk, 0, 0);
	if (crosses_gibibyte(end)) {
		c = s ? NULL : bpf_sk_storage_get(&client_by_socket, (void *)sk, 0, 0);
		slot = s && s->role == ROLE_SERVER && (s->tcp & TCP_LIVE) ? server_slot(s) : NULL;
		if (slot)
			bytes_in(slot, s, end);
		if (c)
			client_bytes(c, tp, end, 1);
	}
	if (!s)
		return 0;
	if (s->role == ROLE_LISTENER)
		listener_ready(sk, s);
	else if (s->protocol == PROTOCOL_HTTP1 || s->protocol == PROTOCOL_TLS_HANDSHAKE ||
		 tls_may_begin(s))
		arrival_add(s, end, tp->copied_seq, now_ns);
	else if (s->protocol == PROTOCOL_HTTP2 || s->protocol == PROTOCOL_TLS_DATA)
		frames_arrival(s, end, tp->copied_seq, now_ns);
	return 0;
}

/*
 * What is known of a socket that was there before the agent, or slipped in beside it; null if
 * there is no memory for it.
 */
static __always_inline struct server_state *adopt(struct sock *sk, struct tcp_sock *tp,
						  __u32 unread_from, struct owner owner)
{
	__u8 state = sk->__sk_common.skc_state;
	struct server_state *s;
	struct charge charge;

	if (!socket_admitted(owner, MEMORY_SERVER, &charge))
		return NULL;
	s = bpf_sk_storage_get(&server_by_socket, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s) {
		socket_left(charge, MEMORY_SERVER);
		return NULL;
	}
	s->charge = charge;
	s->role = ROLE_UNKNOWN;
	s->tcp = TCP_LIVE;
	if (state != TCP_ESTABLISHED && state != TCP_CLOSE_WAIT)
		s->tcp |= TCP_SENT_FIN;
	s->slot = owner.slot;
	s->generation = owner.generation;
	s->accepted = 1;
	s->connect_counted = CONNECT_OLDER;
	s->desync = DESYNC_OLDER;
	s->request.phase = HTTP_RESYNC;
	s->response.phase = HTTP_RESYNC;
	s->response.flags = HTTP_F_RESPONSE;
	s->read_next = unread_from;
	s->written = tp->write_seq;
	s->arrival_seen = tp->rcv_nxt - (got_fin(sk) ? 1 : 0);
	s->arrival_skip = s->arrival_seen;
	s->in_counted = unread_from;
	s->out_counted = (__u32)tp->bytes_acked;
	return s;
}

/* Nothing about the socket spoke for a server: from now on it is a client. */
static __always_inline void to_client(struct sock *sk, struct server_state *s)
{
	struct owner owner = { .slot = s->slot, .generation = s->generation };
	struct client_state *c;
	struct charge charge;

	/* as a client it takes less: what it had is given back behind it */
	if (!socket_admitted(owner, MEMORY_CLIENT, &charge))
		return;
	c = bpf_sk_storage_get(&client_by_socket, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!c) {
		socket_left(charge, MEMORY_CLIENT);
		return;
	}
	c->charge = charge;
	c->slot = s->slot;
	c->generation = s->generation;
	c->established = 1;
	c->tcp = s->tcp;
	c->in_counted = s->in_counted;
	c->out_counted = s->out_counted;
	socket_left(s->charge, MEMORY_SERVER);
	bpf_sk_storage_delete(&server_by_socket, sk);
}

#define CLIENT_BYTES_WRITTEN                                                                       \
	65536 /* of a client, that a write alone adds: reads add what there is */

/*
 * A socket that carries no state yet, in a read or write: null if it is a known client's, to which
 * at least `least` bytes are added; or one that there was no memory for when it began, which is
 * counted, and is none yet. The last `just_read` bytes are to be followed.
 */
static __always_inline struct server_state *unknown_socket(struct sock *sk, struct tcp_sock *tp,
							   __u32 just_read, __u32 least)
{
	struct client_state *c = bpf_sk_storage_get(&client_by_socket, sk, 0, 0);
	struct owner owner;
	__u64 current;

	if (c) {
		client_bytes(c, tp, read_end(sk, tp), least);
		return NULL;
	}
	if (!BPF_CORE_READ(sk, sk_socket, file))
		return NULL; /* the kernel's own */
	current = owner_of_current();
	owner.slot = (__u32)current;
	owner.generation = current >> 32;
	return adopt(sk, tp, read_end(sk, tp) - just_read, owner);
}

/*
 * A read of a server socket, for which read_begin() has prepared; before it `gap` bytes went by
 * unseen. Returns true if the program behind the tail call is to go on.
 */
static __always_inline bool server_read(struct sock *sk, struct server_state *s,
					struct tcp_sock *tp, struct io *io, __s32 gap, int flags)
{
	if (s->protocol == PROTOCOL_TUNNEL || s->protocol == PROTOCOL_WEBSOCKET)
		upgraded_bytes(s, io->bytes + (gap > 0 ? gap : 0), true);
	if (s->protocol == PROTOCOL_TUNNEL ||
	    (s->protocol == PROTOCOL_OTHER && !tls_may_begin(s))) {
		s->read_next = io->end;
		return false;
	}
	if (s->protocol == PROTOCOL_OTHER && !tls_begins_late(s, io)) {
		read_finish(s, io);
		return false;
	}
	if (s->protocol == PROTOCOL_HTTP1) {
		request_read(sk, s, io, gap, flags);
		if (s->protocol != PROTOCOL_TLS_DATA)
			return io->left && has_frames(s);
	}
	if (s->protocol == PROTOCOL_TLS_DATA) {
		tls_data_read(s, tp, io);
		if (s->tls.taken < 0x8000)
			s->tls.taken += io->bytes < 0x7fff ? (__u16)io->bytes : 0x7fff;
		read_finish(s, io);
		return false;
	}
	/* HTTP/2 passes over what it can: http2_gap() */
	if ((gap > 0 && s->protocol != PROTOCOL_HTTP2) || (flags & MSG_TRUNC)) {
		count_loss(LOSS_GAP);
		io->source = PAYLOAD_NONE;
	}
	return true;
}

/* A server that knows nothing of TLS answers a ClientHello as any garbage, in HTTP. */
static __always_inline void tls_unknown_to_server(const struct sock *sk, struct server_state *s,
						  struct io *io)
{
	const struct tls_state *t = &s->tls.handshake;

	if (t->phase > TLS_PHASE_FOREIGN || t->server.have)
		return;
	payload_locate(io, true);
	if (!payload_show(io, NULL, 8) || (cursor_load(&io->cursor, 0) & 0xffffffffffffffULL) !=
						  CHARS('H', 'T', 'T', 'P', '/', '1', '.', 0))
		return;
	candidate_forget(s->tls.handshake.hello);
	forget_plain(s);
	__builtin_memset(&s->tls, 0, sizeof(s->tls));
	s->request.phase = HTTP_RESYNC;
	s->response.flags = HTTP_F_RESPONSE;
	s->protocol = PROTOCOL_HTTP1;
}

/* The same for a write. */
static __always_inline bool server_write(struct sock *sk, struct server_state *s,
					 struct tcp_sock *tp, __u32 ret, __u32 end)
{
	struct io *io = io_of(IO_WRITE);

	if (!io)
		return false;
	if (s->protocol == PROTOCOL_TUNNEL || s->protocol == PROTOCOL_WEBSOCKET)
		upgraded_bytes(s, ret, false);
	if (s->protocol == PROTOCOL_TLS_DATA || s->protocol == PROTOCOL_TLS_HANDSHAKE)
		tls_data_written(s, end);
	if (s->protocol != PROTOCOL_HTTP1 && !has_frames(s))
		return false;
	write_begin(sk, s, io, ret, end);
	if (s->protocol == PROTOCOL_TLS_HANDSHAKE)
		tls_unknown_to_server(sk, s, io);
	if (s->protocol != PROTOCOL_HTTP1)
		return true;
	response_write(sk, s, tp, io);
	upgraded_behind(s, io);
	return io->left && has_frames(s);
}

/* Bytes up to `end` have been read, and followed. False if they are no server's. */
static __always_inline bool server_has_read(struct sock *sk, struct server_state *s,
					    struct tcp_sock *tp, struct instance_slot *slot,
					    __u32 end)
{
	if (s->role == ROLE_UNKNOWN) {
		if (s->protocol != PROTOCOL_HTTP1)
			to_client(sk, s);
		return false;
	}
	bytes_in(slot, s, end);
	bytes_out(slot, s, tp);
	return true;
}

/*
 * The application has read `ret` bytes (or failed). Task context. Returns true
 * if the program behind the tail call is to go on; if there is none, frames_missing().
 */
static __always_inline bool handle_read(struct sock *sk, int ret, int flags)
{
	struct instance_slot *slot;
	struct server_state *s;
	struct tcp_sock *tp;
	bool more = false;
	struct io *io;
	__u32 end;

	if (ret <= 0 || (flags & (MSG_PEEK | MSG_OOB | MSG_ERRQUEUE)) || !is_tcp(sk))
		return false; /* nothing of the stream was taken */
	tp = tcp_of(sk);
	if (!tp)
		return false;
	s = bpf_sk_storage_get(&server_by_socket, sk, 0, 0);
	if (!s) {
		s = unknown_socket(sk, tp, ret, 1);
		if (!s)
			return false;
	}
	if (!(s->tcp & TCP_LIVE) && !server_begin(sk, s, tp, read_end(sk, tp) - ret))
		return false;
	slot = server_slot_in_task(s);
	io = io_of(IO_READ);
	if (!slot || !io)
		return false;
	end = read_end(sk, tp);
	if (!s->torn_down) {
		__s32 gap = sequence_after(end, s->read_next + ret);

		read_begin(sk, io, end, ret, tcp_time(tp));
		more = server_read(sk, s, tp, io, gap, flags);
	}
	return server_has_read(sk, s, tp, slot, end) && more;
}

/*
 * Bytes have been copied to who reads, and lie still in the first buffer of the queue. Under the
 * socket's lock, before TCP looks at the clock. Also for a look that takes nothing (MSG_PEEK), and
 * when splice has taken the buffers away. Returns as handle_read().
 */
static __always_inline bool handle_taken(struct sock *sk)
{
	struct tcp_sock *tp = tcp_of(sk);
	struct instance_slot *slot;
	struct server_state *s;
	struct sk_buff *skb;
	struct queued part;
	bool more = false;
	struct io *io;

	if (!tp)
		return false;
	s = bpf_sk_storage_get(&server_by_socket, sk, 0, 0);
	if (!s) {
		unknown_socket(sk, tp, 0, 1);
		return false;
	}
	skb = skb_cast(sk->sk_receive_queue.next);
	if (!(s->tcp & TCP_LIVE) && !server_begin(sk, s, tp, skb_sequence(skb)))
		return false;
	part = queued_part(sk, skb, s->read_next, tp->copied_seq);
	if (!part.bytes && part.gap <= 0)
		return false;
	slot = server_slot_in_task(s);
	io = io_of(IO_READ);
	if (!slot || !io)
		return false;
	if (!s->torn_down) {
		read_begin(sk, io, part.end, part.bytes, bpf_ktime_get_ns());
		io->offset = part.offset;
		if (!part.bytes)
			io->source = PAYLOAD_NONE;
		more = server_read(sk, s, tp, io, part.gap, 0);
	}
	return server_has_read(sk, s, tp, slot, part.end) && more;
}

/* The kernel has taken `ret` bytes of a write (or none). Task context. Returns as handle_read(). */
static __always_inline bool handle_write(struct sock *sk, int ret)
{
	struct instance_slot *slot;
	struct server_state *s;
	struct tcp_sock *tp;
	bool more = false;
	__u32 end;

	if (!is_tcp(sk))
		return false;
	s = bpf_sk_storage_get(&server_by_socket, sk, 0, 0);
	if (ret <= 0) {
		if (s && s->protocol == PROTOCOL_HTTP1 && http_at_start(&s->response))
			s->first_byte_ns = 0; /* nothing of the large write was taken */
		if (s && s->protocol == PROTOCOL_TLS_HANDSHAKE)
			candidate_forget(s->tls.handshake.hello);
		return false;
	}
	tp = tcp_of(sk);
	if (!tp)
		return false;
	if (!s) {
		s = unknown_socket(sk, tp, 0, CLIENT_BYTES_WRITTEN);
		if (!s)
			return false;
	}
	if (!(s->tcp & TCP_LIVE) && !server_begin(sk, s, tp, read_end(sk, tp)))
		return false;
	slot = server_slot_in_task(s);
	if (!slot)
		return false;
	end = tp->write_seq;
	if (!s->torn_down)
		more = server_write(sk, s, tp, ret, end);
	s->written = end;
	if (s->role == ROLE_UNKNOWN)
		return false;
	if ((__u32)tp->bytes_acked - s->out_counted >= 65536)
		bytes_out(slot, s, tp);
	return more;
}

/* ---- behind the tail call ---- */

static __always_inline int handle_frames_read(struct sock *sk)
{
	struct server_state *s = bpf_sk_storage_get(&server_by_socket, sk, 0, 0);
	struct io *io = io_of(IO_READ);
	struct tcp_sock *tp = tcp_of(sk);

	if (!s || !io || !tp)
		return 0;
	io->sent = tp->write_seq;
	if (io->source == PAYLOAD_UNKNOWN)
		payload_locate(io, false);
	if (s->protocol == PROTOCOL_TLS_HANDSHAKE) {
		__u32 left = io->left;

		io->sequence = io->end - left;
		tls_data_read(s, tp, io);
		tls_handshake_follow(s, io, false);
		/* what came with the end of the handshake is told from what comes later */
		if (s->protocol == PROTOCOL_TLS_DATA)
			tls_handshake_over(s, io->left);
	} else {
		frames_follow(s, io, false);
	}
	read_finish(s, io);
	return 0;
}

static __always_inline int handle_frames_written(struct sock *sk)
{
	struct server_state *s = bpf_sk_storage_get(&server_by_socket, sk, 0, 0);
	struct io *io = io_of(IO_WRITE);
	struct tcp_sock *tp = tcp_of(sk);

	if (!s || !io || !tp)
		return 0;
	io->sent = tp->write_seq;
	if (io->source == PAYLOAD_UNKNOWN)
		payload_locate(io, true);
	if (s->protocol != PROTOCOL_TLS_HANDSHAKE) {
		frames_follow(s, io, true);
		return 0;
	}
	candidate_forget(s->tls.handshake.hello);
	/* the server complains because the client has left: it was not the server who ended it */
	if (got_fin(sk) && tp->copied_seq == tp->rcv_nxt)
		tls_handshake_teardown(s, true, TLS_OUTCOME_CLOSED);
	else
		tls_handshake_follow(s, io, true);
	return 0;
}

/* This kernel takes no program for the protocol that the connection speaks. */
static __always_inline int frames_missing(struct sock *sk)
{
	struct server_state *s = bpf_sk_storage_get(&server_by_socket, sk, 0, 0);

	if (!s || !has_frames(s))
		return 0;
	count_loss(LOSS_CONNECTIONS_FULL);
	http2_forget(s);
	forget_connection(s);
	s->protocol = s->protocol == PROTOCOL_WEBSOCKET ? PROTOCOL_TUNNEL : PROTOCOL_OTHER;
	return 0;
}

/*
 * Pages of a file were written, whose memory is not seen, behind a hook from which no program
 * goes on: HTTP/2 passes over them if they are content, of other protocols nothing is known any
 * more.
 */
static __always_inline int handle_pages_written(struct sock *sk)
{
	struct server_state *s = bpf_sk_storage_get(&server_by_socket, sk, 0, 0);
	__u32 way = IO_WRITE;
	struct io *io = bpf_map_lookup_elem(&io_by_cpu, &way);
	struct tcp_sock *tp = tcp_of(sk);

	if (!s || !io || !tp || s->protocol != PROTOCOL_HTTP2)
		return frames_missing(sk);
	io->sent = tp->write_seq;
	http2_pages(s, io);
	return 0;
}

/* A write of `bytes` bytes is about to take its next segment. Under the socket's lock. */
static __always_inline int handle_write_begin(const struct sock *sk, __u64 bytes)
{
	struct server_state *s;

	if (bytes <= SMALL_WRITE)
		return 0;
	s = bpf_sk_storage_get(&server_by_socket, (void *)sk, 0, 0);
	if (!s || s->protocol != PROTOCOL_HTTP1 || s->first_byte_ns || !s->accepted)
		return 0;
	if (http_at_start(&s->response) && s->pending_head != s->pending_tail)
		s->first_byte_ns = bpf_ktime_get_ns();
	return 0;
}

#endif
