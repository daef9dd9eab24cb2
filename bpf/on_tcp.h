/* SPDX-License-Identifier: GPL-2.0 */
/* Programs of sockets and TCP: tracepoints and, on older kernels, ends of functions. */
#ifndef EDGETAP_ON_TCP_H
#define EDGETAP_ON_TCP_H

#include <bpf/bpf_endian.h>
#include <bpf/bpf_tracing.h>

#include "states.h"
#include "transfers.h"

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
		bpf_tail_call(ctx, &(tail), TAIL_FRAMES);                                          \
		frames_missing(sk);                                                                \
	} while (0)

/* Where has_queues (skb.h). Nothing else knows of reads that no system call makes. */
SEC("tp_btf/tcp_rcv_space_adjust") /* 4.16; the cast: 6.2 */
int BPF_PROG(tcp_rcv_space_adjust, struct sock *sk)
{
	if (handle_taken(sk))
		GO_ON(ctx, socket_read_tail, sk);
	return 0;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(frames_taken, struct sock *sk)
{
	return handle_frames_read(sk);
}

SEC("tp_btf/sock_recv_length") /* 6.3 */
int BPF_PROG(sock_recv_length, struct sock *sk, int ret, int flags)
{
	if (handle_read(sk, ret, flags))
		GO_ON(ctx, socket_read_tail, sk);
	return 0;
}

SEC("tp_btf/sock_recv_length")
int BPF_PROG(frames_read, struct sock *sk, int ret, int flags)
{
	return handle_frames_read(sk);
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
int BPF_PROG(frames_tcp_recvmsg, struct sock *sk, struct msghdr *msg, size_t len, int flags,
	     int *addr_len, int ret)
{
	return handle_frames_read(sk);
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
int BPF_PROG(frames_tcp_recvmsg_nonblock, struct sock *sk, struct msghdr *msg, size_t len,
	     int nonblock, int flags, int *addr_len, int ret)
{
	return handle_frames_read(sk);
}

SEC("tp_btf/sock_send_length") /* 6.3 */
int BPF_PROG(sock_send_length, struct sock *sk, int ret, int flags)
{
	if (handle_write(sk, ret))
		GO_ON(ctx, socket_write_tail, sk);
	return 0;
}

SEC("tp_btf/sock_send_length")
int BPF_PROG(frames_written, struct sock *sk, int ret, int flags)
{
	return handle_frames_written(sk);
}

SEC("fexit/tcp_sendmsg")
int BPF_PROG(tcp_sendmsg, struct sock *sk, struct msghdr *msg, size_t size, int ret)
{
	if (handle_write(sk, ret))
		GO_ON(ctx, socket_write_tail, sk);
	return 0;
}

SEC("fexit/tcp_sendmsg")
int BPF_PROG(frames_tcp_sendmsg, struct sock *sk, struct msghdr *msg, size_t size, int ret)
{
	return handle_frames_written(sk);
}

SEC("fexit/tcp_sendpage") /* until 6.5, where sendfile became sendmsg */
int BPF_PROG(tcp_sendpage, struct sock *sk, struct page *page, int offset, size_t size, int flags,
	     int ret)
{
	if (handle_write(sk, ret))
		handle_pages_written(sk);
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

#endif
