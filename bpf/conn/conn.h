/* SPDX-License-Identifier: GPL-2.0 */
/* Connections: who has them, what they carried, how they ended. */
#ifndef EDGETAP_CONN_CONN_H
#define EDGETAP_CONN_CONN_H

#include "arrival.h"
#include "memory.h"
#include "owner.h"

static __always_inline bool is_tcp(const struct sock *sk)
{
	__u16 family = sk->__sk_common.skc_family;

	return sk->sk_protocol == PROTOCOL_TCP && (family == AF_INET || family == AF_INET6);
}

/* The instance that the socket's facts go to, as known now. */
static __always_inline struct instance_slot *server_slot(const struct server_state *s)
{
	return slot_checked(s->slot, s->generation);
}

/*
 * Payload is followed in sequence numbers (in) and in bytes_acked (out), both
 * modulo 2^32, and added to the instance piece by piece. What the reader has
 * taken is its own knowledge; what has been received may be looked at under the
 * socket's lock only, because a FIN moves rcv_nxt before SOCK_DONE tells of it.
 */
static __always_inline __u32 read_end(const struct sock *sk, const struct tcp_sock *tp)
{
	__u32 copied = tp->copied_seq;

	/* the reader took the FIN too: then nothing follows it */
	return copied - (got_fin(sk) && copied == tp->rcv_nxt ? 1 : 0);
}

/* Under the socket's lock. */
static __always_inline __u32 received_end(const struct sock *sk, const struct tcp_sock *tp)
{
	return tp->rcv_nxt - (got_fin(sk) ? 1 : 0);
}

/* Payload acknowledged in all, at the end: a FIN that was sent and acknowledged is none. */
static __always_inline __u32 acked_end(const struct tcp_sock *tp, __u8 tcp)
{
	return (__u32)tp->bytes_acked -
	       ((tcp & TCP_SENT_FIN) && tp->snd_una == tp->write_seq ? 1 : 0);
}

/* How far `now` is beyond what has been counted, which it becomes. Readers and writers may meet
 * here. */
static __always_inline __u32 claim(__u32 *counted, __u32 now)
{
	for (int i = 0; i < 2; i++) {
		__u32 before = *(volatile __u32 *)counted;
		__s32 more = (__s32)(now - before);

		if (more <= 0)
			return 0;
		if (__sync_val_compare_and_swap(counted, before, now) == before)
			return more;
	}
	return 0;
}

static __always_inline void bytes_in(struct instance_slot *slot, struct server_state *s, __u32 end)
{
	__u32 more = claim(&s->in_counted, end);

	if (more)
		count_add(slot, COUNT_BYTES_IN, more);
}

/* Not once a FIN has been sent, which may be acknowledged at any time: acked_end() counts the rest.
 */
static __always_inline void bytes_out(struct instance_slot *slot, struct server_state *s,
				      const struct tcp_sock *tp)
{
	__u32 acked = (__u32)tp->bytes_acked, more;

	barrier();
	if (*(volatile __u8 *)&s->tcp & TCP_SENT_FIN)
		return;
	more = claim(&s->out_counted, acked);
	if (more)
		count_add(slot, COUNT_BYTES_OUT, more);
}

/* The application has the connection. */
static __always_inline void count_accepted(struct server_state *s, struct instance_slot *slot)
{
	if (s->accepted)
		return;
	s->accepted = 1;
	count_add(slot, COUNT_APP_CONNECTS, 1);
	if (!s->connect_counted) {
		s->connect_counted = CONNECT_COUNTED;
		count_add(slot, COUNT_EDGE_CONNECTS, 1);
	}
}

/* First sight of a connection in its application's hands. Task context. */
static __noinline void server_accepted(struct server_state *s)
{
	__u64 owner = owner_of_current();
	struct listener_owner *listener;
	struct instance_slot *slot;

	s->slot = (__u32)owner;
	s->generation = owner >> 32;
	s->status_cached = 0;
	listener = s->listener ? bpf_map_lookup_elem(&owner_by_listener, &s->listener) : NULL;
	if (listener) {
		listener->slot = s->slot;
		listener->generation = s->generation;
		listener->confirmed = 1;
	}
	slot = server_slot(s);
	if (!slot || s->accepted)
		return;
	count_accepted(s, slot);
	s->first_byte_ns = 0; /* until now: when the connection was made */
}

/* The slot of a server socket in task context, looked up again if it has changed hands. */
static __always_inline struct instance_slot *server_slot_in_task(struct server_state *s)
{
	struct instance_slot *slot;

	if (!s->accepted)
		server_accepted(s);
	slot = slot_get(s->slot);
	if (slot && slot->generation != s->generation) {
		server_accepted(s);
		slot = slot_get(s->slot);
	}
	return slot;
}

/* False if there is no memory for one more socket of the instance. */
static __always_inline bool socket_admitted(struct owner owner, __u32 bytes,
					    struct charge *ret_charge)
{
	__u64 taken = memory_take(owner.slot, owner.generation, bytes);

	if (taken == MEMORY_REFUSED)
		return false;
	*ret_charge = charge_of(taken);
	__sync_fetch_and_add(&live_sockets, 1);
	return true;
}

static __always_inline void socket_left(struct charge charge, __u32 bytes)
{
	__sync_fetch_and_add(&live_sockets, -1);
	memory_give(charge.slot, charge.generation, bytes);
}

/* A connection's plain text, or its HTTP/2, by its number; null if it has none. */
static __always_inline struct plain *plain_of(__u32 connection)
{
	return bpf_map_lookup_elem(&plain_by_connection, &connection);
}

static __always_inline struct http2 *http2_of(__u32 connection)
{
	return bpf_map_lookup_elem(&http2_by_connection, &connection);
}

/* The places of a connection's streams. */
static __always_inline void streams_delete(__u32 connection)
{
	struct streams *streams = bpf_map_lookup_elem(&streams_by_connection, &connection);
	struct charge charge;

	if (!streams)
		return;
	charge = streams->charge;
	if (!bpf_map_delete_elem(&streams_by_connection, &connection))
		memory_give(charge.slot, charge.generation, MEMORY_STREAMS);
}

/* Forgets a connection's HTTP/2. */
static __always_inline void http2_delete(__u32 connection)
{
	struct http2 *h = http2_of(connection);
	struct charge charge;

	if (!h)
		return;
	charge = h->charge;
	/* for one of those who come here at once */
	if (!bpf_map_delete_elem(&http2_by_connection, &connection))
		memory_give(charge.slot, charge.generation, MEMORY_HTTP2);
	streams_delete(connection); /* behind it, see streams_make() */
}

/* Forgets a connection's plain text. */
static __always_inline void forget_plain_of(struct plain *plain)
{
	struct object_key key = { .object = plain->object, .tgid = plain->tgid };
	__u32 connection = plain->connection, http2 = plain->s.connection, *bound;
	struct charge charge = plain->charge;

	bound = bpf_map_lookup_elem(&connection_by_object, &key);
	if (bound && *bound == connection)
		bpf_map_delete_elem(&connection_by_object, &key);
	if (http2)
		http2_delete(http2);
	if (!bpf_map_delete_elem(&plain_by_connection, &connection))
		memory_give(charge.slot, charge.generation, MEMORY_PLAIN);
}

/* The same by the socket, unless a call that has yet to return does it. */
static __always_inline void forget_plain(const struct server_state *s)
{
	struct plain *plain = plain_of(s->tls.handshake.hello);

	if (plain && !plain->over)
		forget_plain_of(plain);
}

/* What is remembered of a connection elsewhere than at its socket. */
static __always_inline void forget_connection(const struct server_state *s)
{
	__u32 connection = s->connection;

	if (connection)
		http2_delete(connection);
	else if (s->protocol == PROTOCOL_TLS_HANDSHAKE || s->protocol == PROTOCOL_TLS_DATA)
		forget_plain(s);
}

/*
 * The socket begins a new life (connect() or listen() after an earlier one), or
 * its memory is about to go: nothing of the old one may stay.
 */
static __always_inline void forget_socket(struct sock *sk)
{
	struct server_state *s = bpf_sk_storage_get(&server_by_socket, sk, 0, 0);
	struct client_state *c;

	if (s) {
		if (s->role == ROLE_LISTENER) {
			bpf_map_delete_elem(&owner_by_listener, &s->listener);
			memory_give(s->charge.slot, s->charge.generation, MEMORY_SERVER);
		} else if (s->tcp & TCP_LIVE) {
			socket_left(s->charge, MEMORY_SERVER);
		}
		forget_connection(s);
		bpf_sk_storage_delete(&server_by_socket, sk);
	}
	c = bpf_sk_storage_get(&client_by_socket, sk, 0, 0);
	if (c) {
		if (c->tcp & TCP_LIVE)
			socket_left(c->charge, MEMORY_CLIENT);
		bpf_sk_storage_delete(&client_by_socket, sk);
	}
}

static __always_inline __u32 listener_new(const struct sock *sk, struct owner owner)
{
	struct listener_owner value = {
		.slot = owner.slot,
		.generation = owner.generation,
		.drops = sk->sk_drops.counter, /* of before observation */
	};
	__u32 id = __sync_fetch_and_add(&last_listener, 1) + 1;

	if (bpf_map_update_elem(&owner_by_listener, &id, &value, BPF_ANY)) {
		count_loss(LOSS_LISTENERS_FULL);
		return 0;
	}
	return id;
}

/* The socket listens, and is to be followed. Its number, or 0 if that is refused, and counted. */
static __always_inline __u32 listener_begin(struct sock *sk, struct owner owner)
{
	__u64 taken = memory_take(owner.slot, owner.generation, MEMORY_SERVER);
	struct server_state *s = NULL;

	if (taken != MEMORY_REFUSED) {
		s = bpf_sk_storage_get(&server_by_socket, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (!s)
			memory_give((__u32)taken, taken >> 32, MEMORY_SERVER);
	}
	if (!s) {
		count_loss(LOSS_LISTENERS_FULL);
		return 0;
	}
	s->charge = charge_of(taken);
	s->role = ROLE_LISTENER;
	s->slot = owner.slot;
	s->generation = owner.generation;
	s->listener = listener_new(sk, owner);
	return s->listener;
}

/* listen(): task context. */
static __always_inline void listener_add(struct sock *sk)
{
	__u64 current;
	struct owner owner;

	forget_socket(sk);
	current = owner_of_current();
	owner.slot = (__u32)current;
	owner.generation = current >> 32;
	listener_begin(sk, owner);
	emit_process(EVENT_LISTENING, bpf_get_current_task_btf(), owner.slot, owner.generation);
}

/* A new connection waits at a listener; the backlog counts it. */
static __always_inline void listener_ready(const struct sock *sk, struct server_state *s)
{
	struct listener_owner *owner = bpf_map_lookup_elem(&owner_by_listener, &s->listener);
	struct instance_slot *slot;
	__u32 drops = sk->sk_drops.counter;

	slot = owner ? slot_checked(owner->slot, owner->generation) : server_slot(s);
	if (!slot)
		return;
	slot->count[GAUGE_LISTEN_BACKLOG] = sk->sk_ack_backlog;
	slot->count[GAUGE_LISTEN_BACKLOG_LIMIT] = (__u64)sk->sk_max_ack_backlog + 1;
	if (owner) {
		/* children of one listener are made on many CPUs at once */
		__u32 more = claim(&owner->drops, drops);

		if (more)
			count_add(slot, COUNT_LISTEN_OVERFLOWS, more);
	}
}

/* A listener's child has been made; its storage is a copy of the listener's. */
static __always_inline void child_init(const struct sock *sk)
{
	struct server_state *s = bpf_sk_storage_get(&server_by_socket, (void *)sk, 0, 0);
	__u32 slot, generation, listener;

	if (!s)
		return;
	slot = s->slot;
	generation = s->generation;
	listener = s->listener;
	__builtin_memset(s, 0, sizeof(*s));
	s->slot = slot;
	s->generation = generation;
	s->listener = listener;
	s->role = ROLE_SERVER;
	s->request.flags = HTTP_F_FIRST;
	s->response.flags = HTTP_F_RESPONSE;
	if (has_accept)
		s->first_byte_ns = bpf_ktime_get_ns();
}

/*
 * From here on the connection is followed; its stream starts at `start`. False
 * if there may be no more. Called when it is established, and, should that have
 * been missed or come later than the first read (Fast Open), by the reader.
 */
static __always_inline bool server_begin(const struct sock *sk, struct server_state *s,
					 const struct tcp_sock *tp, __u32 start)
{
	struct owner owner = { .slot = s->slot, .generation = s->generation };

	if (!socket_admitted(owner, MEMORY_SERVER, &s->charge)) {
		connection_unobserved(owner.slot, owner.generation, LOSS_SOCKETS_FULL);
		bpf_sk_storage_delete(&server_by_socket, (void *)sk);
		return false;
	}
	s->tcp |= TCP_LIVE;
	s->begin = start;
	s->read_next = start;
	s->written = tp->write_seq;
	s->in_counted = start;
	s->arrival_seen = start;
	s->arrival_skip = start;
	return true;
}

static __always_inline void child_established(const struct sock *sk)
{
	struct server_state *s = bpf_sk_storage_get(&server_by_socket, (void *)sk, 0, 0);
	struct listener_owner *owner;
	struct instance_slot *slot;
	struct tcp_sock *tp;

	if (!s || s->role != ROLE_SERVER || (s->tcp & TCP_LIVE))
		return;
	tp = tcp_of(sk);
	owner = s->listener ? bpf_map_lookup_elem(&owner_by_listener, &s->listener) : NULL;
	if (owner && owner->confirmed) {
		s->slot = owner->slot;
		s->generation = owner->generation;
	}
	if (!tp || !server_begin(sk, s, tp, tp->copied_seq))
		return;
	arrival_add(s, tp->rcv_nxt, tp->copied_seq, tcp_time(tp)); /* Fast Open */
	if (owner && !owner->confirmed)
		return; /* who serves it is not known before the first read */
	slot = server_slot(s);
	if (slot) {
		count_add(slot, COUNT_EDGE_CONNECTS, 1);
		s->connect_counted = CONNECT_COUNTED;
	}
}

/* accept() returned the socket, where that can be seen. Task context. */
static __always_inline void server_accept_seen(const struct sock *sk)
{
	struct server_state *s = bpf_sk_storage_get(&server_by_socket, (void *)sk, 0, 0);

	if (!s || s->role != ROLE_SERVER || s->accepted || !s->first_byte_ns)
		return;
	connection_row_add(slot_current(s->slot, s->generation), ROW_APP_CONNECT,
			   bpf_ktime_get_ns() - s->first_byte_ns);
	s->first_byte_ns = 0;
}

/* A FIN is about to be sent, or the connection is over: has the application had it? */
static __always_inline void server_leaving(const struct sock *sk, struct server_state *s,
					   bool app_first)
{
	struct instance_slot *slot = server_slot(s);

	if (slot && sk->sk_socket)
		count_accepted(s, slot);
	if (app_first && s->accepted)
		s->tcp |= TCP_APP_FIRST;
}

/* The connection is over as far as TCP is concerned; HTTP may still be read from its queue. */
static __always_inline void server_closed(const struct sock *sk, struct server_state *s,
					  int old_state)
{
	struct instance_slot *slot;
	struct tcp_sock *tp;
	__u32 more, rtt_us;

	if ((s->tcp & TCP_ENDED) || !(s->tcp & TCP_LIVE) || s->role != ROLE_SERVER)
		return;
	s->tcp |= TCP_ENDED;
	if (sk->sk_err)
		s->tcp |= TCP_PEER_GONE; /* a reader clears sk_err before the socket is destroyed */
	/* close() with unread data goes to CLOSE at once, without a FIN */
	server_leaving(sk, s,
		       old_state == TCP_ESTABLISHED && !(s->tcp & TCP_GOT_RESET) && !sk->sk_err);
	tp = tcp_of(sk);
	slot = server_slot(s);
	if (!slot || !tp)
		return;
	if (!s->connect_counted) {
		s->connect_counted = CONNECT_COUNTED;
		count_add(slot, COUNT_EDGE_CONNECTS, 1);
	}
	if (s->connect_counted == CONNECT_COUNTED) {
		count_add(slot, COUNT_EDGE_DISCONNECTS, 1);
		if (s->tcp & TCP_APP_FIRST)
			count_add(slot, COUNT_APP_DISCONNECTS, 1);
	}
	bytes_in(slot, s, received_end(sk, tp));
	more = claim(&s->out_counted, acked_end(tp, s->tcp));
	if (more)
		count_add(slot, COUNT_BYTES_OUT, more);
	rtt_us = tp->srtt_us >> 3;
	if (rtt_us)
		connection_row_add(slot_current(s->slot, s->generation), ROW_RTT,
				   (__u64)rtt_us * 1000);
}

#endif
