/* SPDX-License-Identifier: GPL-2.0 */
/* Connections that a process opens to others: the client role. */
#ifndef EDGETAP_CONN_CLIENT_H
#define EDGETAP_CONN_CLIENT_H

#include "conn.h"

/* Adds at least `least` bytes, received up to the sequence number `end`. */
static __always_inline void client_bytes(struct client_state *c, const struct tcp_sock *tp,
					 __u32 end, __u32 least)
{
	__u32 acked = (__u32)tp->bytes_acked, in, out;
	struct instance_slot *slot;

	barrier();
	if (*(volatile __u8 *)&c->tcp & TCP_ENDED)
		acked = acked_end(tp, c->tcp);
	else if (*(volatile __u8 *)&c->tcp & TCP_SENT_FIN)
		acked = c->out_counted;
	if (!c->established || (end - c->in_counted) + (acked - c->out_counted) < least)
		return;
	slot = slot_checked(c->slot, c->generation);
	if (!slot)
		return;
	in = claim(&c->in_counted, end);
	out = claim(&c->out_counted, acked);
	if (in)
		count_add(slot, COUNT_OUTBOUND_BYTES_IN, in);
	if (out)
		count_add(slot, COUNT_OUTBOUND_BYTES_OUT, out);
}

/* connect(): task context. */
static __always_inline void client_add(struct sock *sk)
{
	struct client_state *c = NULL;
	struct charge charge;
	struct owner owner;
	__u64 current;

	forget_socket(sk);
	current = owner_of_current();
	owner.slot = (__u32)current;
	owner.generation = current >> 32;
	if (socket_admitted(owner, MEMORY_CLIENT, &charge)) {
		c = bpf_sk_storage_get(&client_by_socket, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (!c)
			socket_left(charge, MEMORY_CLIENT);
	}
	if (!c) {
		connection_unobserved(owner.slot, owner.generation, LOSS_SOCKETS_FULL);
		return;
	}
	c->charge = charge;
	c->slot = owner.slot;
	c->generation = owner.generation;
	c->start_ns = bpf_ktime_get_ns();
	c->tcp = TCP_LIVE;
	c->out_counted = 1; /* bytes_acked counts the SYN */
}

static __always_inline struct destination_counts *destination_of(const struct sock *sk,
								 const struct client_state *c)
{
	struct destination_key key = { .slot = c->slot, .generation = c->generation };

	if (slot_current(c->slot, c->generation) != c->slot)
		return NULL; /* its instance is gone */
	key.port_be16 = sk->__sk_common.skc_dport;
	if (sk->__sk_common.skc_family == AF_INET6) {
		BPF_CORE_READ_INTO(&key.addr, sk, __sk_common.skc_v6_daddr);
	} else {
		__u32 address = sk->__sk_common.skc_daddr;

		key.addr[10] = 0xff;
		key.addr[11] = 0xff;
		__builtin_memcpy(&key.addr[12], &address, 4);
	}
	return counts_by_destination_at(&key);
}

static __always_inline void client_established(const struct sock *sk)
{
	struct client_state *c = bpf_sk_storage_get(&client_by_socket, (void *)sk, 0, 0);
	struct destination_counts *to;
	struct instance_slot *slot;
	struct tcp_sock *tp = tcp_of(sk);

	if (!c || !tp || c->established)
		return;
	c->in_counted = tp->copied_seq;
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
	struct tcp_sock *tp = tcp_of(sk);
	struct instance_slot *slot;
	struct destination_counts *to;

	if (!tp || (c->tcp & TCP_ENDED))
		return;
	c->tcp |= TCP_ENDED;
	slot = slot_checked(c->slot, c->generation);
	if (!slot)
		return;
	if (c->established) {
		if (c->start_ns)
			count_add(slot, COUNT_OUTBOUND_DISCONNECTS, 1);
		client_bytes(c, tp, received_end(sk, tp), 1);
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
