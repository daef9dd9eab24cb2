/* SPDX-License-Identifier: GPL-2.0 */
/* Programs that the agent runs: over threads, and over the files that they have open. */
#ifndef EDGETAP_ITERATORS_H
#define EDGETAP_ITERATORS_H

#include <bpf/bpf_tracing.h>

#include "processes.h"
#include "transfers.h"
#include "unix.h"

SEC("iter/task")
int run_delays(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;

	if (task)
		handle_delay(task);
	return 0;
}

SEC("iter/task_file")
int unix_listeners(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;

	if (task && file)
		handle_unix_file(ctx->meta->seq, task, file);
	return 0;
}

__u32 adopt_listeners;
__u64 adopted;

SEC("iter/task_file")
int adopt_sockets(struct bpf_iter__task_file *ctx)
{
	struct task_struct *task = ctx->task;
	struct file *file = ctx->file;
	struct listening_port port = {};
	struct server_state *s;
	struct owner owner;
	struct tcp_sock *tp;
	struct socket *socket;
	struct sock *sk;
	__u32 *listener, id;
	__u64 cgroup_id;
	__u8 state;

	if (!task || !file)
		return 0;
	socket = bpf_sock_from_file(file);
	if (!socket)
		return 0;
	sk = socket->sk;
	if (!sk)
		return 0;
	if (!is_tcp(sk)) {
		/* the TCP socket inside, whose children we would follow, cannot be reached from
		 * here */
		if (adopt_listeners && sk->sk_protocol == PROTOCOL_MPTCP &&
		    sk->__sk_common.skc_state == TCP_LISTEN)
			count_loss(LOSS_MPTCP);
		return 0;
	}
	state = sk->__sk_common.skc_state;
	if (adopt_listeners != (state == TCP_LISTEN))
		return 0;
	if (bpf_sk_storage_get(&server_by_socket, sk, 0, 0) ||
	    bpf_sk_storage_get(&client_by_socket, sk, 0, 0))
		return 0;
	if (state == TCP_CLOSE || state == TCP_TIME_WAIT || state == TCP_NEW_SYN_RECV)
		return 0;
	cgroup_id = cgroup_id_of(task);
	owner = owner_of_task(task, cgroup_id);
	port.netns = BPF_CORE_READ(sk, __sk_common.skc_net.net, ns.inum);
	port.port = sk->__sk_common.skc_num;
	if (state == TCP_LISTEN) {
		id = listener_begin(sk, owner);
		bpf_map_update_elem(&listener_by_port, &port, &id, BPF_ANY);
		emit_process(EVENT_LISTENING, task, owner.slot, owner.generation);
		adopted++;
		return 0;
	}
	tp = tcp_of(sk);
	if (!tp)
		return 0;
	s = adopt(sk, tp, tp->copied_seq, owner);
	if (!s) {
		connection_unobserved(owner.slot, owner.generation, LOSS_SOCKETS_FULL);
		return 0;
	}
	adopted++;
	listener = bpf_map_lookup_elem(&listener_by_port, &port);
	if (listener) {
		s->role = ROLE_SERVER;
		s->listener = *listener;
	}
	return 0;
}

#endif
