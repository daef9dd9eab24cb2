/* SPDX-License-Identifier: GPL-2.0 */
/* What becomes of a connection in TCP: its states, resets, retransmits, its end. */
#ifndef EDGETAP_STATES_H
#define EDGETAP_STATES_H

#include "conn/client.h"
#include "http/teardown.h"

static __always_inline bool client_left(const struct sock *sk, const struct server_state *s)
{
	return got_fin(sk) || (s->tcp & (TCP_GOT_RESET | TCP_PEER_GONE)) || sk->sk_err;
}

static __always_inline void server_teardown(const struct sock *sk, struct server_state *s,
					    bool gone)
{
	bool left = client_left(sk, s), reset = s->tcp & TCP_GOT_RESET;

	if (s->role != ROLE_SERVER)
		return;
	if (s->protocol == PROTOCOL_TLS_HANDSHAKE || s->protocol == PROTOCOL_TLS_DATA) {
		tls_handshake_teardown(s, left,
				       reset			? TLS_OUTCOME_RESET
				       : s->tcp & TCP_PEER_GONE ? TLS_OUTCOME_TIMEOUT
								: TLS_OUTCOME_CLOSED);
		plain_teardown(s, left, reset, gone);
	} else {
		http_teardown(s, left, reset);
	}
}

static __always_inline int handle_state(const struct sock *sk, int old_state, int new_state)
{
	struct server_state *s;
	struct client_state *c;

	if (!is_tcp(sk)) {
		if (sk->sk_protocol == PROTOCOL_MPTCP && new_state == TCP_ESTABLISHED)
			count_loss(LOSS_MPTCP);
		return 0;
	}
	switch (new_state) {
	case TCP_LISTEN:
		listener_add((void *)sk);
		return 0;
	case TCP_SYN_SENT:
		client_add((void *)sk);
		return 0;
	case TCP_SYN_RECV:
		if (old_state == TCP_LISTEN)
			child_init(sk);
		return 0;
	case TCP_ESTABLISHED:
		child_established(sk);
		client_established(sk);
		return 0;
	case TCP_FIN_WAIT1:
	case TCP_LAST_ACK:
	case TCP_CLOSE:
		break;
	default:
		return 0;
	}
	s = bpf_sk_storage_get(&server_by_socket, (void *)sk, 0, 0);
	if (s && s->role == ROLE_LISTENER) {
		if (new_state == TCP_CLOSE)
			bpf_map_delete_elem(&owner_by_listener, &s->listener);
		return 0;
	}
	if (s) {
		if (new_state == TCP_CLOSE) {
			server_closed(sk, s, old_state);
			return 0;
		}
		s->tcp |= TCP_SENT_FIN;
		server_leaving(sk, s, new_state == TCP_FIN_WAIT1 && !got_fin(sk));
		server_teardown(sk, s, false);
		return 0;
	}
	c = bpf_sk_storage_get(&client_by_socket, (void *)sk, 0, 0);
	if (!c)
		return 0;
	if (new_state == TCP_CLOSE)
		client_closed(sk, c);
	else
		c->tcp |= TCP_SENT_FIN;
	return 0;
}

/* The socket's memory is about to go. */
static __always_inline int handle_destroy(struct sock *sk)
{
	struct server_state *s = bpf_sk_storage_get(&server_by_socket, sk, 0, 0);

	if (s && s->role != ROLE_LISTENER) {
		server_closed(sk, s, TCP_CLOSE);
		server_teardown(sk, s, true);
	}
	forget_socket(sk);
	return 0;
}

static __always_inline void handle_reset(const struct sock *sk, bool received)
{
	struct server_state *s;
	struct instance_slot *slot;

	if (!sk || !is_tcp(sk))
		return;
	s = bpf_sk_storage_get(&server_by_socket, (void *)sk, 0, 0);
	if (!s || s->role != ROLE_SERVER)
		return;
	if (received)
		s->tcp |= TCP_GOT_RESET;
	slot = server_slot(s);
	if (slot)
		count_add(slot, received ? COUNT_RESETS_IN : COUNT_RESETS_OUT, 1);
}

static __always_inline void handle_retransmit(const struct sock *sk)
{
	struct server_state *s = bpf_sk_storage_get(&server_by_socket, (void *)sk, 0, 0);
	struct client_state *c;
	struct instance_slot *slot;

	if (s) {
		slot = server_slot(s);
		if (slot)
			count_add(slot, COUNT_RETRANSMITS, 1);
		return;
	}
	c = bpf_sk_storage_get(&client_by_socket, (void *)sk, 0, 0);
	if (!c)
		return;
	slot = slot_checked(c->slot, c->generation);
	if (slot)
		count_add(slot, COUNT_OUTBOUND_RETRANSMITS, 1);
}

#endif
