// SPDX-License-Identifier: GPL-2.0
/* Empty programs on the hooks of the request path: what running any program there costs. Bench
 * only. */
#include "vmlinux.h"

#include <bpf/bpf_helpers.h>

char LICENSE[] SEC("license") = "GPL";

SEC("tp_btf/sk_data_ready")
int empty_data_ready(void *ctx)
{
	return 0;
}

SEC("tp_btf/sock_recv_length")
int empty_recv_length(void *ctx)
{
	return 0;
}

SEC("tp_btf/sock_send_length")
int empty_send_length(void *ctx)
{
	return 0;
}

SEC("tp_btf/tcp_sendmsg_locked")
int empty_sendmsg_locked(void *ctx)
{
	return 0;
}
