/* SPDX-License-Identifier: GPL-2.0 */
/* Connections: who has them, what they carried, how they ended. */
#ifndef EDGETAP_CONN_H
#define EDGETAP_CONN_H

#include "arrival.h"
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

/* TCP payload received so far, modulo 2^32: bytes_received counts a FIN. */
static __always_inline __u32 payload_in(const struct sock *sk, const struct tcp_sock *tp)
{
	return (__u32)tp->bytes_received - (got_fin(sk) ? 1 : 0);
}

/* Adds what has come and gone since the last time. Not once a FIN has been sent: see bytes_end. */
static __always_inline void bytes_flush(struct instance_slot *slot, struct server_state *s,
					const struct sock *sk, const struct tcp_sock *tp)
{
	__u32 in = payload_in(sk, tp), out = (__u32)tp->bytes_acked;
	__u32 more_in = in - s->in_flushed, more_out = out - s->out_flushed;

	if (more_in) {
		s->in_flushed = in;
		count_add(slot, COUNT_BYTES_IN, more_in);
	}
	if (more_out && !(s->tcp & TCP_SENT_FIN)) {
		s->out_flushed = out;
		count_add(slot, COUNT_BYTES_OUT, more_out);
	}
}

/* Payload acknowledged in all, modulo 2^32, at the end: a FIN that was sent and acknowledged is no payload. */
static __always_inline __u32 payload_out_end(const struct tcp_sock *tp, __u8 tcp)
{
	return (__u32)tp->bytes_acked - ((tcp & TCP_SENT_FIN) && tp->snd_una == tp->write_seq ? 1 : 0);
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
	if (slot && !s->accepted) {
		count_add(slot, COUNT_APP_CONNECTS, 1);
		if (!s->connect_counted)
			count_add(slot, COUNT_EDGE_CONNECTS, 1);
	}
	if (!s->connect_counted)
		s->connect_counted = CONNECT_COUNTED;
	s->accepted = 1;
	s->first_byte_ns = 0;
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

/* False, and counted, if there may be no more sockets. */
static __always_inline bool socket_admitted(void)
{
	if (__sync_fetch_and_add(&live_sockets, 1) < cfg_max_sockets)
		return true;
	__sync_fetch_and_add(&live_sockets, -1);
	lose(LOSS_SOCKETS_FULL);
	return false;
}

static __always_inline __u32 listener_new(struct owner owner)
{
	struct listener_owner value = {.slot = owner.slot, .generation = owner.generation};
	__u32 id = __sync_fetch_and_add(&last_listener, 1) + 1;

	if (bpf_map_update_elem(&owner_by_listener, &id, &value, BPF_ANY)) {
		lose(LOSS_LISTENERS_FULL);
		return 0;
	}
	return id;
}

/* listen(): task context. */
static __always_inline void listener_add(struct sock *sk)
{
	struct server_state *s;
	__u64 current;
	struct owner owner;

	s = bpf_sk_storage_get(&server_by_socket, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!s) {
		lose(LOSS_SOCKETS_FULL);
		return;
	}
	current = owner_of_current();
	owner.slot = (__u32)current;
	owner.generation = current >> 32;
	s->role = ROLE_LISTENER;
	s->slot = owner.slot;
	s->generation = owner.generation;
	s->listener = listener_new(owner);
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
	if (owner && drops != owner->drops) {
		count_add(slot, COUNT_LISTEN_OVERFLOWS, drops - owner->drops);
		owner->drops = drops;
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
	s->tx.flags = HTTP_F_RESPONSE;
}

static __always_inline void child_established(const struct sock *sk)
{
	struct server_state *s = bpf_sk_storage_get(&server_by_socket, (void *)sk, 0, 0);
	struct listener_owner *owner;
	struct instance_slot *slot;
	struct tcp_sock *tp;

	if (!s || s->role != ROLE_SERVER)
		return;
	tp = tcp_of(sk);
	if (!tp)
		return;
	if (!socket_admitted()) {
		bpf_sk_storage_delete(&server_by_socket, (void *)sk);
		return;
	}
	s->tcp |= TCP_LIVE;
	s->rx_next = tp->copied_seq;
	s->arrival_seen = tp->copied_seq;
	s->arrival_skip = tp->copied_seq;
	if (has_accept)
		s->first_byte_ns = bpf_ktime_get_ns();
	arrival_add(s, tp->rcv_nxt, tp, tcp_time(tp)); /* Fast Open */
	owner = s->listener ? bpf_map_lookup_elem(&owner_by_listener, &s->listener) : NULL;
	if (owner && !owner->confirmed)
		return; /* who serves it is not known before the first read */
	if (owner) {
		s->slot = owner->slot;
		s->generation = owner->generation;
	}
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
	connection_row_add(slot_current(s->slot, s->generation), ROW_APP_CONNECT, bpf_ktime_get_ns() - s->first_byte_ns);
	s->first_byte_ns = 0;
}

/* The connection is over as far as TCP is concerned; HTTP may still be read from its queue. */
static __always_inline void server_closed(const struct sock *sk, struct server_state *s, int old_state)
{
	struct instance_slot *slot;
	struct tcp_sock *tp;
	__u32 in, out, rtt_us;

	if ((s->tcp & TCP_ENDED) || !(s->tcp & TCP_LIVE) || s->role != ROLE_SERVER)
		return;
	s->tcp |= TCP_ENDED;
	tp = tcp_of(sk);
	slot = server_slot(s);
	if (!slot || !tp)
		return;
	if (!s->connect_counted) {
		s->connect_counted = CONNECT_COUNTED;
		count_add(slot, COUNT_EDGE_CONNECTS, 1);
	}
	if (!s->accepted && sk->sk_socket) {
		s->accepted = 1;
		count_add(slot, COUNT_APP_CONNECTS, 1);
	}
	/* close() with unread data goes to CLOSE at once, without a FIN */
	if (old_state == TCP_ESTABLISHED && !(s->tcp & TCP_GOT_RESET) && !sk->sk_err)
		s->tcp |= TCP_APP_FIRST;
	if (s->connect_counted == CONNECT_COUNTED) {
		count_add(slot, COUNT_EDGE_DISCONNECTS, 1);
		if (s->tcp & TCP_APP_FIRST)
			count_add(slot, COUNT_APP_DISCONNECTS, 1);
	}
	in = payload_in(sk, tp);
	out = payload_out_end(tp, s->tcp);
	count_add(slot, COUNT_BYTES_IN, in - s->in_flushed);
	count_add(slot, COUNT_BYTES_OUT, out - s->out_flushed);
	s->in_flushed = in;
	s->out_flushed = out;
	rtt_us = tp->srtt_us >> 3;
	if (rtt_us)
		connection_row_add(slot_current(s->slot, s->generation), ROW_RTT, (__u64)rtt_us * 1000);
}

/* ---- client role ---- */

static __always_inline void client_flush(const struct sock *sk, struct client_state *c, __u32 least)
{
	struct tcp_sock *tp = tcp_of(sk);
	struct instance_slot *slot;
	__u32 in, out;

	if (!tp || !c->established)
		return;
	in = payload_in(sk, tp) - c->in_flushed;
	out = (c->tcp & TCP_ENDED ? payload_out_end(tp, c->tcp) : (__u32)tp->bytes_acked) -
	      c->out_flushed;
	if (!(c->tcp & TCP_ENDED) && (c->tcp & TCP_SENT_FIN))
		out = 0;
	if (in + out < least)
		return;
	slot = slot_checked(c->slot, c->generation);
	if (!slot)
		return;
	c->in_flushed += in;
	c->out_flushed += out;
	count_add(slot, COUNT_OUTBOUND_BYTES_IN, in);
	count_add(slot, COUNT_OUTBOUND_BYTES_OUT, out);
}

/* connect(): task context. */
static __always_inline void client_add(struct sock *sk)
{
	struct client_state *c;
	__u64 owner;

	if (!socket_admitted())
		return;
	c = bpf_sk_storage_get(&client_by_socket, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
	if (!c) {
		__sync_fetch_and_add(&live_sockets, -1);
		lose(LOSS_SOCKETS_FULL);
		return;
	}
	if (c->tcp & TCP_LIVE) /* the same socket again, after a failed attempt */
		__sync_fetch_and_add(&live_sockets, -1);
	__builtin_memset(c, 0, sizeof(*c));
	owner = owner_of_current();
	c->slot = (__u32)owner;
	c->generation = owner >> 32;
	c->start_ns = bpf_ktime_get_ns();
	c->tcp = TCP_LIVE;
	c->out_flushed = 1; /* bytes_acked counts the SYN */
}

static __always_inline struct destination_counts *destination_of(const struct sock *sk,
								 const struct client_state *c)
{
	struct destination_key key = {.slot = c->slot, .slot_generation = c->generation};
	struct destination_counts none = {}, *counts;

	key.port_be16 = sk->__sk_common.skc_dport;
	if (sk->__sk_common.skc_family == AF_INET6) {
		BPF_CORE_READ_INTO(&key.addr, sk, __sk_common.skc_v6_daddr);
	} else {
		__u32 address = sk->__sk_common.skc_daddr;

		key.addr[10] = 0xff;
		key.addr[11] = 0xff;
		__builtin_memcpy(&key.addr[12], &address, 4);
	}
	counts = bpf_map_lookup_elem(&counts_by_destination, &key);
	if (counts)
		return counts;
	if (bpf_map_update_elem(&counts_by_destination, &key, &none, BPF_NOEXIST) == -E2BIG) {
		lose(LOSS_DESTINATIONS_FULL);
		return NULL;
	}
	return bpf_map_lookup_elem(&counts_by_destination, &key);
}

static __always_inline void client_established(const struct sock *sk)
{
	struct client_state *c = bpf_sk_storage_get(&client_by_socket, (void *)sk, 0, 0);
	struct destination_counts *to;
	struct instance_slot *slot;

	if (!c || c->established)
		return;
	c->established = 1;
	slot = slot_checked(c->slot, c->generation);
	if (!slot)
		return;
	count_add(slot, COUNT_OUTBOUND_CONNECTS, 1);
	connection_row_add(slot_current(c->slot, c->generation), ROW_OUTBOUND_CONNECT,
			   bpf_ktime_get_ns() - c->start_ns);
	to = destination_of(sk, c);
	if (to)
		__sync_fetch_and_add(&to->connects, 1);
}

static __always_inline void client_closed(const struct sock *sk, struct client_state *c)
{
	struct instance_slot *slot;
	struct destination_counts *to;

	if (c->tcp & TCP_ENDED)
		return;
	c->tcp |= TCP_ENDED;
	slot = slot_checked(c->slot, c->generation);
	if (!slot)
		return;
	if (c->established) {
		if (c->start_ns)
			count_add(slot, COUNT_OUTBOUND_DISCONNECTS, 1);
		client_flush(sk, c, 1);
		return;
	}
	to = destination_of(sk, c);
	if (sk->sk_err == ECONNREFUSED) {
		count_add(slot, COUNT_OUTBOUND_REFUSED, 1);
		if (to)
			__sync_fetch_and_add(&to->refused, 1);
	} else {
		count_add(slot, COUNT_OUTBOUND_FAILED, 1);
		if (to)
			__sync_fetch_and_add(&to->failed, 1);
	}
}

#endif
