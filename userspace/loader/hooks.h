/* SPDX-License-Identifier: Apache-2.0 */
/* Which program gives which fact, and what this kernel has of it. */
#ifndef EDGETAP_LOADER_HOOKS_H
#define EDGETAP_LOADER_HOOKS_H

#include <stdbool.h>
#include <stddef.h>

#include "loader/loader.h"

struct bpf_program;
struct btf;

/* clang-format off */
/* What is observed: identifier, name, whether nothing works without it, what is missing then. */
#define HOOK_FACTS(X)                                                                              \
	X(CONNECTIONS, "connections", true, NULL)                                                  \
	X(ENDS, "end of connections", true, NULL)                                                  \
	X(READS, "reads", true, NULL)                                                              \
	X(WRITES, "writes", true, NULL)                                                            \
	X(FILE_WRITES, "writes of files", false, "sendfile() is seen as a write")                  \
	X(FRAMES_READ, "frames read", false,                                                       \
	  "TLS handshakes, HTTP/2 and WebSocket are not followed")                                 \
	X(FRAMES_WRITTEN, "frames written", false,                                                 \
	  "TLS handshakes, HTTP/2 and WebSocket are not followed")                                 \
	X(ARRIVAL, "arrival", false,                                                               \
	  "no queue time, and the edge clock starts when a request is read")                       \
	X(FIRST_BYTE, "first byte of large writes", false,                                         \
	  "time to first byte is left out for large blocking writes")                              \
	X(ACCEPT, "accept", false, "no time from handshake to accept")                             \
	X(RETRANSMITS, "retransmits", false, "no retransmits")                                     \
	X(RESETS_SENT, "resets sent", false, "no resets sent")                                     \
	X(RESETS_RECEIVED, "resets received", false, "no resets received")                         \
	X(PROCESS_ENDS, "end of processes", false, "a process's end is noticed a minute late")     \
	X(EXECUTABLES, "change of executable", false, "a process's end is noticed a minute late")  \
	X(CONTAINER_ENDS, "end of containers", false,                                              \
	  "a container's end is noticed at the next sweep")                                        \
	X(DELAYS, "waiting for a CPU", false, "how long threads wait for a CPU is not known")      \
	X(LAST_DELAYS, "waiting of ended threads", false,                                          \
	  "what a thread waits while it ends is not counted")                                      \
	X(OLDER_SOCKETS, "older sockets", false,                                                   \
	  "sockets opened before the agent are met at their next read")                            \
	X(UNIX_LISTENERS, "listeners of UNIX sockets", false,                                      \
	  "how many UNIX sockets an app listens on is not known")                                  \
	X(PLAIN_TEXT, "plain text of TLS", false, "plain text inside TLS is not seen")             \
	X(PLAIN_FRAMES, "frames of plain text", false,                                             \
	  "HTTP/2 and WebSocket inside TLS are not followed")

/*
 * Programs that give the same fact stand together, the better one first. Of those that the
 * kernel has, the first is used. The fact, the program's name in the object, how it is run,
 * the tracepoint or function (HOOK_FEXIT: and its number of arguments), and the program
 * without which this one is of no use (NONE: it always is).
 */
#define HOOK_ROWS(X)                                                                               \
	X(CONNECTIONS, inet_sock_set_state, TRACEPOINT, "inet_sock_set_state", 0, NONE)            \
	X(ENDS, tcp_destroy_sock, TRACEPOINT, "tcp_destroy_sock", 0, NONE)                         \
	X(READS, tcp_rcv_space_adjust, TRACEPOINT, "tcp_rcv_space_adjust", 0, NONE)                \
	X(READS, sock_recv_length, TRACEPOINT, "sock_recv_length", 0, NONE)                        \
	X(READS, tcp_recvmsg, FEXIT, "tcp_recvmsg", 5, NONE)                                       \
	X(READS, tcp_recvmsg_nonblock, FEXIT, "tcp_recvmsg", 6, NONE)                              \
	X(WRITES, sock_send_length, TRACEPOINT, "sock_send_length", 0, NONE)                       \
	X(WRITES, tcp_sendmsg, FEXIT, "tcp_sendmsg", 3, NONE)                                      \
	X(FILE_WRITES, tcp_sendpage, FEXIT, "tcp_sendpage", 5, tcp_sendmsg)                        \
	X(FRAMES_READ, frames_taken, TRACEPOINT, "tcp_rcv_space_adjust", 0, tcp_rcv_space_adjust)  \
	X(FRAMES_READ, frames_read, TRACEPOINT, "sock_recv_length", 0, sock_recv_length)           \
	X(FRAMES_READ, frames_tcp_recvmsg, FEXIT, "tcp_recvmsg", 5, tcp_recvmsg)                   \
	X(FRAMES_READ, frames_tcp_recvmsg_nonblock, FEXIT, "tcp_recvmsg", 6, tcp_recvmsg_nonblock) \
	X(FRAMES_WRITTEN, frames_written, TRACEPOINT, "sock_send_length", 0, sock_send_length)       \
	X(FRAMES_WRITTEN, frames_tcp_sendmsg, FEXIT, "tcp_sendmsg", 3, tcp_sendmsg)                \
	X(ARRIVAL, sk_data_ready, TRACEPOINT, "sk_data_ready", 0, NONE)                            \
	X(ARRIVAL, tcp_probe, TRACEPOINT, "tcp_probe", 0, NONE)                                    \
	X(FIRST_BYTE, tcp_sendmsg_locked, TRACEPOINT, "tcp_sendmsg_locked", 0, NONE)               \
	X(ACCEPT, inet_csk_accept, FEXIT, "inet_csk_accept", 2, NONE)                              \
	X(ACCEPT, inet_csk_accept_flags, FEXIT, "inet_csk_accept", 4, NONE)                        \
	X(RETRANSMITS, tcp_retransmit_skb, TRACEPOINT, "tcp_retransmit_skb", 0, NONE)              \
	X(RESETS_SENT, tcp_send_reset, TRACEPOINT, "tcp_send_reset", 0, NONE)                      \
	X(RESETS_RECEIVED, tcp_receive_reset, TRACEPOINT, "tcp_receive_reset", 0, NONE)            \
	X(PROCESS_ENDS, sched_process_exit, TRACEPOINT, "sched_process_exit", 0, NONE)             \
	X(EXECUTABLES, sched_process_exec, TRACEPOINT, "sched_process_exec", 0, NONE)              \
	X(CONTAINER_ENDS, cgroup_rmdir, TRACEPOINT, "cgroup_rmdir", 0, NONE)                       \
	X(DELAYS, run_delays, ITERATOR, "task", 0, NONE)                                           \
	X(LAST_DELAYS, sched_process_free, TRACEPOINT, "sched_process_free", 0, run_delays)        \
	X(OLDER_SOCKETS, adopt_sockets, ITERATOR, "task_file", 0, NONE)                            \
	X(UNIX_LISTENERS, unix_listeners, ITERATOR, "task_file", 0, NONE)                          \
	X(PLAIN_TEXT, plain_text_read, PROBE, "uprobe", 0, NONE)                                   \
	X(PLAIN_FRAMES, plain_frames_read, PROBE, "uprobe", 0, plain_text_read)
/* clang-format on */

enum hook_fact {
#define FACT_ENUM(id, ...) HOOK_FACT_##id,
	HOOK_FACTS(FACT_ENUM)
#undef FACT_ENUM
		HOOK_FACT_N
};

/* Named by their programs: HOOK_sock_recv_length. */
enum hook_id {
#define HOOK_ENUM(fact, program, ...) HOOK_##program,
	HOOK_ROWS(HOOK_ENUM)
#undef HOOK_ENUM
		HOOK_N,
	HOOK_NONE = HOOK_N
};

enum hook_kind {
	HOOK_TRACEPOINT,
	HOOK_FEXIT,    /* behind a function */
	HOOK_ITERATOR, /* run by the loader when it wants to */
	HOOK_PROBE,    /* programs that loader__probe() attaches to places in files */
};

struct hook {
	enum hook_fact fact;
	enum hook_kind kind;
	const char *target;
	int arguments;
	enum hook_id beside; /* used only together with this one */
};

extern const struct hook hooks[HOOK_N];

/* Some of them. */
struct hook_set {
	bool has[HOOK_N];
};

/* Whether nothing works without the hook's fact. */
bool hook__is_required(enum hook_id hook);

/* Whether the program is one of those that the hook, a HOOK_PROBE, stands for. */
bool hook__has_probe(enum hook_id hook, const struct bpf_program *program);

/* What the choice depends on beside the kernel's BTF. */
struct hook_conditions {
	struct hook_set refused; /* programs that the kernel has been seen to refuse */
	bool probes;		 /* those of uprobes are wanted */
	const char *no_queues;	 /* why the bytes of queues cannot be read there; NULL: they can */
};

/*
 * Chooses by BTF and the conditions. Fills one line per hook. Returns 0, or -EOPNOTSUPP and the
 * name of the fact that has no program.
 */
int hooks__choose(struct loader_hook ret_lines[HOOK_N], const struct btf *btf,
		  const struct hook_conditions *conditions, const char **ret_missing);

#endif
