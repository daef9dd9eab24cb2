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
#include "library.h"
#include "life.h"
#include "unix.h"

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

/* What one program sees and leaves to the one behind the tail call. */
#define GO_ON(ctx, tail, sk)                                                                       \
	do {                                                                                       \
		bpf_tail_call(ctx, &(tail), TAIL_FRAMED);                                          \
		framed_missing(sk);                                                                \
	} while (0)

SEC("tp_btf/sock_recv_length") /* 6.3 */
int BPF_PROG(sock_recv_length, struct sock *sk, int ret, int flags)
{
	if (handle_read(sk, ret, flags))
		GO_ON(ctx, socket_read_tail, sk);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(framed_read, struct sock *sk, int ret, int flags)
{
	return handle_framed_read(sk);
}

SEC("fexit/tcp_recvmsg") /* 5.19: five arguments */
int BPF_PROG(tcp_recvmsg, struct sock *sk, struct msghdr *msg, size_t len, int flags, int *addr_len,
	     int ret)
{
	if (handle_read(sk, ret, flags))
		GO_ON(ctx, socket_read_tail, sk);
	return 0;
}

SEC("fexit/tcp_recvmsg")
int BPF_PROG(framed_tcp_recvmsg, struct sock *sk, struct msghdr *msg, size_t len, int flags,
	     int *addr_len, int ret)
{
	return handle_framed_read(sk);
}

SEC("fexit/tcp_recvmsg") /* before 5.19: six */
int BPF_PROG(tcp_recvmsg_nonblock, struct sock *sk, struct msghdr *msg, size_t len, int nonblock,
	     int flags, int *addr_len, int ret)
{
	if (handle_read(sk, ret, flags))
		GO_ON(ctx, socket_read_tail, sk);
	return 0;
}

SEC("fexit/tcp_recvmsg")
int BPF_PROG(framed_tcp_recvmsg_nonblock, struct sock *sk, struct msghdr *msg, size_t len,
	     int nonblock, int flags, int *addr_len, int ret)
{
	return handle_framed_read(sk);
}

SEC("tp_btf/sock_send_length") /* 6.3 */
int BPF_PROG(sock_send_length, struct sock *sk, int ret, int flags)
{
	if (handle_write(sk, ret))
		GO_ON(ctx, socket_write_tail, sk);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(framed_write, struct sock *sk, int ret, int flags)
{
	return handle_framed_write(sk);
}

SEC("fexit/tcp_sendmsg")
int BPF_PROG(tcp_sendmsg, struct sock *sk, struct msghdr *msg, size_t size, int ret)
{
	if (handle_write(sk, ret))
		GO_ON(ctx, socket_write_tail, sk);
	return 0;
}

SEC("fexit/tcp_sendmsg")
int BPF_PROG(framed_tcp_sendmsg, struct sock *sk, struct msghdr *msg, size_t size, int ret)
{
	return handle_framed_write(sk);
}

SEC("fexit/tcp_sendpage") /* until 6.5, where sendfile became sendmsg */
int BPF_PROG(tcp_sendpage, struct sock *sk, struct page *page, int offset, size_t size, int flags,
	     int ret)
{
	/* pages of files: of a protocol of frames nothing is known any more */
	if (handle_write(sk, ret))
		framed_missing(sk);
	return 0;
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
	struct owner owner;

	if (task->flags & PF_KTHREAD)
		return 0;
	if (cfg_libraries)
		thread_over(task);
	owner = owner_at_end(task);
	if (has_run_delay)
		handle_thread_end(task, owner);
	if (task->signal->live.counter)
		return 0;
	handle_last_end(task, owner);
	return handle_process_end(task);
}

SEC("tp_btf/sched_process_free")
int BPF_PROG(sched_process_free, struct task_struct *task)
{
	handle_thread_gone(task);
	return 0;
}

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

/* ---- calls of TLS libraries: attached to files by the agent ---- */

/* Without the program that would go on, the connection is lost sight of. */
static __always_inline void plain_missing(void)
{
	struct thread *thread = thread_of_current();
	struct plain *plain = thread ? plain_of(thread->connection) : NULL;

	if (!plain)
		return;
	lose(LOSS_CONNECTIONS_FULL);
	plain_lost(plain);
}

#define GO_ON_PLAIN(ctx, way)                                                                      \
	do {                                                                                       \
		bpf_tail_call(ctx, &library_tail, way);                                            \
		plain_missing();                                                                   \
	} while (0)

SEC("uprobe") /* behind those of calls that read, and for what the next one is told */
int plain_text_read(struct pt_regs *ctx)
{
	struct thread *thread = thread_of_current();
	struct plain *plain = thread ? plain_of(thread->connection) : NULL;

	if (plain && plain_read(plain, &thread->work))
		GO_ON_PLAIN(ctx, TAIL_FRAMED_READ);
	return 0;
}

SEC("uprobe")
int plain_text_write(struct pt_regs *ctx)
{
	struct thread *thread = thread_of_current();
	struct plain *plain = thread ? plain_of(thread->connection) : NULL;

	if (plain && plain_write(plain, &thread->work, thread->begun_ns))
		GO_ON_PLAIN(ctx, TAIL_FRAMED_WRITE);
	plain_written(plain);
	return 0;
}

SEC("uprobe")
int plain_framed_read(struct pt_regs *ctx)
{
	struct thread *thread = thread_of_current();
	struct plain *plain = thread ? plain_of(thread->connection) : NULL;

	if (!plain)
		return 0;
	thread->work.sent = plain->sent_at_read;
	framed_follow(&plain->s, &thread->work, false);
	read_finish(&plain->s, &thread->work);
	return 0;
}

SEC("uprobe")
int plain_framed_write(struct pt_regs *ctx)
{
	struct thread *thread = thread_of_current();
	struct plain *plain = thread ? plain_of(thread->connection) : NULL;

	if (plain) {
		thread->work.sent = plain->sent;
		framed_follow(&plain->s, &thread->work, true);
	}
	plain_written(plain);
	return 0;
}

/* SSL_read(ssl, buffer, length), SSL_write(), gnutls_record_recv(), gnutls_record_send() */
SEC("uprobe")
int BPF_KPROBE(tls_read_enter, __u64 object, __u64 buffer, __u64 length)
{
	return library_enter(object, buffer, (__u32)length, 0);
}

SEC("uprobe")
int BPF_KPROBE(tls_write_enter, __u64 object, __u64 buffer, __u64 length)
{
	return library_enter(object, buffer, (__u32)length, 0);
}

/* SSL_read_ex(ssl, buffer, length, &bytes), SSL_write_ex() */
SEC("uprobe")
int BPF_KPROBE(tls_read_ex_enter, __u64 object, __u64 buffer, __u64 length, __u64 bytes)
{
	return library_enter(object, buffer, length, bytes);
}

SEC("uprobe")
int BPF_KPROBE(tls_write_ex_enter, __u64 object, __u64 buffer, __u64 length, __u64 bytes)
{
	return library_enter(object, buffer, length, bytes);
}

SEC("uretprobe")
int BPF_KRETPROBE(tls_read_return, int returned)
{
	if (library_return(returned))
		GO_ON_PLAIN(ctx, TAIL_READ);
	return 0;
}

SEC("uretprobe")
int BPF_KRETPROBE(tls_write_return, int returned)
{
	if (library_return(returned))
		GO_ON_PLAIN(ctx, TAIL_WRITE);
	return 0;
}

/* SSL_do_handshake(ssl) and others in which the library reads or writes the socket. */
SEC("uprobe")
int BPF_KPROBE(tls_other_enter, __u64 object)
{
	return library_other_enter(object);
}

SEC("uretprobe")
int tls_other_return(struct pt_regs *ctx)
{
	return library_other_return();
}

/* crypto/tls.(*Conn).Read(buffer) and Write(buffer), and every return of them. */
SEC("uprobe")
int go_read_enter(struct pt_regs *ctx)
{
	return go_enter(GO_REGISTER_G(ctx), GO_REGISTER_1(ctx), GO_REGISTER_2(ctx),
			GO_REGISTER_3(ctx), false);
}

SEC("uprobe")
int go_write_enter(struct pt_regs *ctx)
{
	return go_enter(GO_REGISTER_G(ctx), GO_REGISTER_1(ctx), GO_REGISTER_2(ctx),
			GO_REGISTER_3(ctx), true);
}

SEC("uprobe")
int go_read_return(struct pt_regs *ctx)
{
	if (go_return(GO_REGISTER_G(ctx), GO_REGISTER_1(ctx)))
		GO_ON_PLAIN(ctx, TAIL_READ);
	return 0;
}

SEC("uprobe")
int go_write_return(struct pt_regs *ctx)
{
	if (go_return(GO_REGISTER_G(ctx), GO_REGISTER_1(ctx)))
		GO_ON_PLAIN(ctx, TAIL_WRITE);
	return 0;
}

/* crypto/tls.(*Conn).HandshakeContext() */
SEC("uprobe")
int go_handshake_enter(struct pt_regs *ctx)
{
	return go_other_enter(GO_REGISTER_G(ctx), GO_REGISTER_1(ctx));
}

SEC("uprobe")
int go_handshake_return(struct pt_regs *ctx)
{
	return go_other_return(GO_REGISTER_G(ctx));
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
