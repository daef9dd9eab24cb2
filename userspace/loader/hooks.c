// SPDX-License-Identifier: Apache-2.0
#include "loader/hooks.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loader/probes.h"

#define PROBES "uprobe" /* no hook of the kernel, but places in files */

const struct hook hooks[] = {
	{ "connections", "inet_sock_set_state", "inet_sock_set_state", 0, NULL, true, NULL },
	{ "end of connections", "tcp_destroy_sock", "tcp_destroy_sock", 0, NULL, true, NULL },
	{ "reads", "sock_recv_length", "sock_recv_length", 0, NULL, true, NULL },
	{ "reads", "tcp_recvmsg", "tcp_recvmsg", 5, NULL, true, NULL },
	{ "reads", "tcp_recvmsg_nonblock", "tcp_recvmsg", 6, NULL, true, NULL },
	{ "writes", "sock_send_length", "sock_send_length", 0, NULL, true, NULL },
	{ "writes", "tcp_sendmsg", "tcp_sendmsg", 3, NULL, true, NULL },
	{ "writes of files", "tcp_sendpage", "tcp_sendpage", 5, "tcp_sendmsg", false,
	  "sendfile() is seen as a write" },
	{ "frames read", "framed_read", "sock_recv_length", 0, "sock_recv_length", false, NULL },
	{ "frames read", "framed_tcp_recvmsg", "tcp_recvmsg", 5, "tcp_recvmsg", false, NULL },
	{ "frames read", "framed_tcp_recvmsg_nonblock", "tcp_recvmsg", 6, "tcp_recvmsg_nonblock",
	  false, "TLS handshakes, HTTP/2 and WebSocket are not followed" },
	{ "frames written", "framed_write", "sock_send_length", 0, "sock_send_length", false,
	  NULL },
	{ "frames written", "framed_tcp_sendmsg", "tcp_sendmsg", 3, "tcp_sendmsg", false,
	  "TLS handshakes, HTTP/2 and WebSocket are not followed" },
	{ "arrival", "sk_data_ready", "sk_data_ready", 0, NULL, false, NULL },
	{ "arrival", "tcp_probe", "tcp_probe", 0, NULL, false,
	  "no queue time, and the edge clock starts when a request is read" },
	{ "first byte of large writes", "tcp_sendmsg_locked", "tcp_sendmsg_locked", 0, NULL, false,
	  "time to first byte is left out for large blocking writes" },
	{ "accept", "inet_csk_accept", "inet_csk_accept", 2, NULL, false, NULL },
	{ "accept", "inet_csk_accept_flags", "inet_csk_accept", 4, NULL, false,
	  "no time from handshake to accept" },
	{ "retransmits", "tcp_retransmit_skb", "tcp_retransmit_skb", 0, NULL, false,
	  "no retransmits" },
	{ "resets sent", "tcp_send_reset", "tcp_send_reset", 0, NULL, false, "no resets sent" },
	{ "resets received", "tcp_receive_reset", "tcp_receive_reset", 0, NULL, false,
	  "no resets received" },
	{ "end of processes", "sched_process_exit", "sched_process_exit", 0, NULL, false,
	  "a process's end is noticed a minute late" },
	{ "change of executable", "sched_process_exec", "sched_process_exec", 0, NULL, false,
	  "a process's end is noticed a minute late" },
	{ "end of containers", "cgroup_rmdir", "cgroup_rmdir", 0, NULL, false,
	  "a container's end is noticed at the next sweep" },
	{ "waiting for a CPU", "run_delays", "task", 0, NULL, false,
	  "how long threads wait for a CPU is not known" },
	{ "waiting of ended threads", "sched_process_free", "sched_process_free", 0, "run_delays",
	  false, "what a thread waits while it ends is not counted" },
	{ "older sockets", "adopt_sockets", "task_file", 0, NULL, false,
	  "sockets opened before the agent are met at their next read" },
	{ "listeners of UNIX sockets", "unix_listeners", "task_file", 0, NULL, false,
	  "how many UNIX sockets an app listens on is not known" },
	{ "plain text of TLS", "plain_text_read", PROBES, 0, NULL, false,
	  "plain text inside TLS is not seen" },
	{ "frames of plain text", "plain_framed_read", PROBES, 0, "plain_text_read", false,
	  "HTTP/2 and WebSocket inside TLS are not followed" },
};
const size_t hook_count = sizeof(hooks) / sizeof(hooks[0]);

bool hook__is_iterator(const struct hook *hook)
{
	return !strcmp(hook->program, "adopt_sockets") || !strcmp(hook->program, "run_delays") ||
	       !strcmp(hook->program, "unix_listeners");
}

/* CONFIG_SCHED_INFO; a kernel without it has the type with nothing in it. */
static bool has_run_delay(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "sched_info", BTF_KIND_STRUCT);
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;

	for (int i = 0; type && i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(type)[i].name_off), "run_delay"))
			return true;
	return false;
}

bool hook__is_probe(const struct hook *hook)
{
	return !strcmp(hook->target, PROBES);
}

bool hook__has_probe(const struct hook *hook, const struct bpf_program *program)
{
	static const char framed[] = "plain_framed_";
	size_t length = sizeof(framed) - 1;

	return probes__is_probe(program) &&
	       !strncmp(hook->program, framed, length) ==
		       !strncmp(bpf_program__name(program), framed, length);
}

const char *hook__tail(const struct hook *hook)
{
	if (strncmp(hook->program, "framed_", strlen("framed_")))
		return NULL;
	return !strcmp(hook->fact, "frames read") ? "socket_read_tail" : "socket_write_tail";
}

/* Whether the kernel's BTF has the hook as the program wants it. */
static bool hook__in_btf(const struct hook *hook, const struct btf *btf)
{
	const struct btf_type *type;
	char name[96];
	int id;

	if (hook__is_probe(hook))
		return true;
	if (!strcmp(hook->program, "run_delays") && !has_run_delay(btf))
		return false;
	if (hook__is_iterator(hook)) {
		snprintf(name, sizeof(name), "bpf_iter__%s", hook->target);
		return btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT) > 0;
	}
	if (!hook->arguments) {
		snprintf(name, sizeof(name), "btf_trace_%s", hook->target);
		return btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF) > 0;
	}
	id = btf__find_by_name_kind(btf, hook->target, BTF_KIND_FUNC);
	if (id <= 0)
		return false;
	type = btf__type_by_id(btf, btf__type_by_id(btf, id)->type);
	return type && btf_vlen(type) == hook->arguments;
}

static const char *hook_label(const struct hook *hook)
{
	static char labels[32][64];
	char *label = labels[hook - hooks];

	if (hook__is_probe(hook))
		snprintf(label, sizeof(labels[0]), "%s", hook->target);
	else if (hook->arguments)
		snprintf(label, sizeof(labels[0]), "fexit/%s of %d", hook->target, hook->arguments);
	else
		snprintf(label, sizeof(labels[0]), "%s/%s",
			 hook__is_iterator(hook) ? "iter" : "tp_btf", hook->target);
	return label;
}

int hooks__choose(struct loader_hook *ret_lines, const struct btf *btf, unsigned int refused,
		  bool probes, const char **ret_missing)
{
	const char *missing = NULL;

	for (size_t i = 0; i < hook_count; i++) {
		const struct hook *hook = &hooks[i];
		struct loader_hook *line = &ret_lines[i];
		bool taken = false, partner = !hook->instead;

		for (size_t j = 0; j < i; j++) {
			if (ret_lines[j].chosen && !strcmp(hooks[j].fact, hook->fact))
				taken = true;
			if (ret_lines[j].chosen && hook->instead &&
			    !strcmp(hooks[j].program, hook->instead))
				partner = true;
		}
		line->fact = hook->fact;
		line->hook = hook_label(hook);
		line->available = hook__in_btf(hook, btf) && !(refused & 1U << i);
		line->chosen = line->available && !taken && partner &&
			       (probes || !hook__is_probe(hook));
		if (line->chosen)
			line->reason = "";
		else if (refused & 1U << i)
			line->reason = "the kernel has it but refuses the program";
		else if (!line->available)
			line->reason = "this kernel does not have it in this form";
		else if (taken)
			line->reason = "a better hook gives the same fact";
		else
			line->reason = "not needed with the hooks chosen";
		if (!line->chosen && !taken && hook->without &&
		    (i + 1 == hook_count || strcmp(hooks[i + 1].fact, hook->fact)) && partner)
			line->reason = hook->without;
		if (!probes && hook__is_probe(hook))
			line->reason = "tls_uprobes is false";
	}
	for (size_t i = 0; i < hook_count && !missing; i++) {
		bool found = !hooks[i].required;

		for (size_t j = 0; j < hook_count; j++)
			if (ret_lines[j].chosen && !strcmp(hooks[j].fact, hooks[i].fact))
				found = true;
		if (!found)
			missing = hooks[i].fact;
	}
	if (!missing)
		return 0;
	*ret_missing = missing;
	return -EOPNOTSUPP;
}
