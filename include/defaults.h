/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Sizes that the BPF programs and the agent agree on at compile time. Sizes
 * that a user may change (how many instances, rows, sockets) are set on the
 * maps by the loader before they are created; these are their defaults.
 */
#ifndef EDGETAP_DEFAULTS_H
#define EDGETAP_DEFAULTS_H

#define DEFAULT_MAX_INSTANCES 2048
#define USER_ACCOUNTS 1024 /* users are told apart modulo this */
#define DEFAULT_MAX_STATUSES 8192
#define DEFAULT_MAX_GROUPS 3072
#define DEFAULT_MEMORY_BYTES (256ULL * 1024 * 1024) /* of connections and threads */
#define DEFAULT_MAX_CONNECTIONS                                                                    \
	65536 /* TLS or HTTP/2; the loader takes what fits into the memory */
#define DEFAULT_MAX_DESTINATIONS 4096
#define DEFAULT_MAX_LISTENERS 4096
#define DEFAULT_MAX_EXITS 4096 /* instances and exit codes */
#define DEFAULT_MAX_STREAMS 16384
#define DEFAULT_MAX_RPCS 1024 /* gRPC methods */
#define DEFAULT_MAX_RPCS_OF_INSTANCE 100
#define DEFAULT_MAX_GO_CALLS 16384
#define DEFAULT_EVENT_RING_BYTES (1024 * 1024)

/* Index of the entry that stands for everything beyond a limit: `__other__`. */
#define OTHER_INDEX 0

#endif
