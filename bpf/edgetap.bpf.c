// SPDX-License-Identifier: GPL-2.0
/*
 * The programs: one thin wrapper per hook over one handler per fact. Where two
 * wrappers give the same fact, the loader attaches one of them; which one is
 * found out by trying (see userspace/loader/hooks.c).
 */
#include "types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "handlers.h"

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/inet_sock_set_state")
int BPF_PROG(inet_sock_set_state, const struct sock *sk, int old_state, int new_state)
{
	return handle_state(sk, old_state, new_state);
}

SEC("tp_btf/sk_data_ready") /* 6.3 */
int BPF_PROG(sk_data_ready, const struct sock *sk)
{
	struct tcp_sock *tp;

	if (!is_tcp(sk))
		return 0;
	tp = tcp_of(sk);
	return tp ? handle_arrival(sk, tp, received_end(sk, tp), tcp_time(tp)) : 0;
}

/*
 * The segment is about to be queued, if it is in order; what waited behind a gap
 * is not seen when the gap closes. The first thing that tcp_rcv_established()
 * does, before it looks at the clock for this socket.
 */
SEC("tp_btf/tcp_probe") /* 4.16; before sk_data_ready */
int BPF_PROG(tcp_probe, struct sock *sk, const struct sk_buff *skb)
{
	struct tcphdr header;
	struct tcp_sock *tp;
	__u32 bytes, sequence;

	if (!is_tcp(sk))
		return 0;
	tp = tcp_of(sk);
	if (!tp || bpf_probe_read_kernel(&header, sizeof(header), skb->data))
		return 0;
	bytes = skb->len - header.doff * 4;
	sequence = bpf_ntohl(header.seq);
	if (!bytes || sequence_after(sequence, tp->rcv_nxt) > 0)
		return 0;
	return handle_arrival(sk, tp, sequence + bytes, bpf_ktime_get_ns());
}

SEC("tp_btf/sock_recv_length") /* 6.3 */
int BPF_PROG(sock_recv_length, struct sock *sk, int ret, int flags)
{
	return handle_read(sk, ret, flags);
}

SEC("fexit/tcp_recvmsg") /* 5.19: five arguments */
int BPF_PROG(tcp_recvmsg, struct sock *sk, struct msghdr *msg, size_t len, int flags, int *addr_len,
	     int ret)
{
	return handle_read(sk, ret, flags);
}

SEC("fexit/tcp_recvmsg") /* before 5.19: six */
int BPF_PROG(tcp_recvmsg_nonblock, struct sock *sk, struct msghdr *msg, size_t len, int nonblock,
	     int flags, int *addr_len, int ret)
{
	return handle_read(sk, ret, flags);
}

SEC("tp_btf/sock_send_length") /* 6.3 */
int BPF_PROG(sock_send_length, struct sock *sk, int ret, int flags)
{
	return handle_write(sk, ret);
}

SEC("fexit/tcp_sendmsg")
int BPF_PROG(tcp_sendmsg, struct sock *sk, struct msghdr *msg, size_t size, int ret)
{
	return handle_write(sk, ret);
}

SEC("fexit/tcp_sendpage") /* until 6.5, where sendfile became sendmsg */
int BPF_PROG(tcp_sendpage, struct sock *sk, struct page *page, int offset, size_t size, int flags,
	     int ret)
{
	return handle_write(sk, ret);
}

SEC("tp_btf/tcp_sendmsg_locked") /* 6.16 */
int BPF_PROG(tcp_sendmsg_locked, const struct sock *sk, const struct msghdr *msg)
{
	return handle_write_begin(sk, msg->msg_iter.count);
}

SEC("fexit/inet_csk_accept") /* 6.10: two arguments */
int BPF_PROG(inet_csk_accept, struct sock *listener, void *arg, struct sock *sk)
{
	if (sk)
		server_accept_seen(sk);
	return 0;
}

SEC("fexit/inet_csk_accept") /* before 6.10: four */
int BPF_PROG(inet_csk_accept_flags, struct sock *listener, int flags, int *err, bool kern,
	     struct sock *sk)
{
	if (sk)
		server_accept_seen(sk);
	return 0;
}

SEC("tp_btf/tcp_retransmit_skb")
int BPF_PROG(tcp_retransmit_skb, const struct sock *sk)
{
	handle_retransmit(sk);
	return 0;
}

SEC("tp_btf/tcp_send_reset")
int BPF_PROG(tcp_send_reset, const struct sock *sk)
{
	handle_reset(sk, false);
	return 0;
}

SEC("tp_btf/tcp_receive_reset")
int BPF_PROG(tcp_receive_reset, struct sock *sk)
{
	handle_reset(sk, true);
	return 0;
}

SEC("tp_btf/tcp_destroy_sock")
int BPF_PROG(tcp_destroy_sock, struct sock *sk)
{
	return handle_destroy(sk);
}

SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task)
{
	if (BPF_CORE_READ(task, signal, live.counter))
		return 0;
	return handle_process_end(task);
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task)
{
	return handle_process_end(task);
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_rmdir, struct cgroup *cgroup)
{
	struct instance_key key = { .cgroup_id = BPF_CORE_READ(cgroup, kn, id) };

	if (bpf_map_lookup_elem(&slot_by_instance, &key))
		emit_end(EVENT_CGROUP_REMOVED, 0, key.cgroup_id);
	return 0;
}

/* ---- sockets older than the agent: once for listeners, then for connections ---- */

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
			lose(LOSS_MPTCP);
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
		s = bpf_sk_storage_get(&server_by_socket, sk, 0, BPF_SK_STORAGE_GET_F_CREATE);
		if (!s) {
			lose(LOSS_SOCKETS_FULL);
			return 0;
		}
		s->role = ROLE_LISTENER;
		s->slot = owner.slot;
		s->generation = owner.generation;
		s->listener = id = listener_new(sk, owner);
		bpf_map_update_elem(&listener_by_port, &port, &id, BPF_ANY);
		adopted++;
		return 0;
	}
	tp = tcp_of(sk);
	if (!tp)
		return 0;
	s = adopt(sk, tp, tp->copied_seq, owner);
	if (!s)
		return 0;
	adopted++;
	listener = bpf_map_lookup_elem(&listener_by_port, &port);
	if (listener) {
		s->role = ROLE_SERVER;
		s->listener = *listener;
	}
	return 0;
}
