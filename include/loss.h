/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Everything the agent can lose, by reason. One line each: identifier, the
 * value of the `reason` label, what one unit is. Exported as edgetap_losses_total.
 */
#ifndef EDGETAP_LOSS_H
#define EDGETAP_LOSS_H

#include "pools.h"

/* clang-format off */
#define LOSSES(X)                                                                                  \
	X(INSTANCES_FULL, "instances_full", "look-ups answered with __other__: no free slot")       \
	X(STATUSES_FULL, "statuses_full", "look-ups answered with __other__: no free status entry") \
	X(ROWS_FULL, "rows_full", "look-ups answered with __other__: no free histogram rows")       \
	X(SOCKETS_FULL, "sockets_full", "connections not observed: no memory left")                \
	X(LISTENERS_FULL, "listeners_full", "listening sockets not followed to their server")       \
	X(DESTINATIONS_FULL, "destinations_full", "connects counted under destination __other__")   \
	X(EVENTS_FULL, "events_full", "events that found the ring buffer full")                     \
	X(EXITS_FULL, "exits_full", "ends of main processes not counted by their exit code")        \
	X(MPTCP, "mptcp", "multipath connections, and multipath listeners older than the agent")                        \
	X(ARRIVAL_UNKNOWN, "arrival_unknown", "requests whose arrival was not seen; read time used") \
	X(PIPELINE_FULL, "pipeline_full", "requests beyond the depth that is remembered")           \
	X(STARTED_BEFORE, "started_before", "responses whose request was read before observation")  \
	X(GAP, "gap", "reads that skipped bytes taken by splice, zero-copy or MSG_TRUNC")           \
	X(IO_URING, "io_uring", "reads and writes whose memory belongs to io_uring")                \
	X(COMPAT, "compat", "reads and writes by a 32-bit task")                                    \
	X(KERNEL_SOCKET, "kernel_socket", "reads and writes by a kernel thread")                    \
	X(SYSCALL, "syscall", "reads and writes through a call whose buffers are not known")        \
	X(FAULT, "fault", "reads and writes whose memory could not be read")                        \
	X(IOVEC, "iovec", "reads and writes with more segments than are followed")                  \
	X(BUDGET, "budget", "reads and writes with more messages or chunks than are followed")      \
	X(HEADER_INVALID, "header_invalid", "messages whose framing could not be understood")       \
	X(RESYNC, "resync", "reads passed over while looking for the start of a message")          \
	X(CONNECTIONS_FULL, "connections_full",                                                    \
	  "connections whose plain text or HTTP/2 streams could not be followed: no memory left") \
	X(STREAMS_FULL, "streams_full", "HTTP/2 streams that could not be followed: limit")        \
	X(STREAM_UNKNOWN, "stream_unknown", "HTTP/2 responses whose request was not seen")         \
	X(HPACK, "hpack", "HTTP/2 header fields that refer to what was not seen or remembered")    \
	X(RPCS_FULL, "rpcs_full", "gRPC calls counted under method __other__")                     \
	X(TLS_HANDSHAKE, "tls_handshake", "TLS handshakes whose end could not be followed")        \
	X(TLS_UNSEEN, "tls_unseen", "TLS connections whose plain text was not seen")               \
	X(TLS_CALL, "tls_call", "calls of a TLS library with followed connections that were not seen") \
	TABLE_LOSSES(X)
/* clang-format on */

enum loss_reason {
#define LOSS_ENUM(id, label, text) LOSS_##id,
	LOSSES(LOSS_ENUM)
#undef LOSS_ENUM
		LOSS_N
};

#endif
