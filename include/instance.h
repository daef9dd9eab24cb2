/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * An instance as the kernel keys it, and its counters. Everything that has a
 * slot index also has the slot's generation: a slot is given to another
 * instance only after its generation has changed, so a stale index is seen.
 */
#ifndef EDGETAP_INSTANCE_H
#define EDGETAP_INSTANCE_H

#include "types.h"

/*
 * exe_* are zero for a cgroup that is an instance by itself (a container, a
 * unit). In a shared cgroup (the root, a login session) they name the
 * executable's inode, so that the processes of one executable are one instance.
 */
struct instance_key {
	__u64 cgroup_id; /* inode of the cgroup's directory in the chosen hierarchy */
	__u64 exe_inode;
	__u32 exe_dev;	      /* kernel encoding: major << 20 | minor */
	__u32 exe_generation; /* tells a file from a deleted one that had the inode before */
};

/* Who ended a request without a complete final response, and how far it had come. */
enum abort_by { ABORT_BY_CLIENT, ABORT_BY_SERVER, ABORT_BY_N };
enum abort_phase {
	ABORT_IN_REQUEST,  /* its header was not complete */
	ABORT_IN_WAIT,	   /* no byte of the final response had been written */
	ABORT_IN_RESPONSE, /* the final response was begun, not completed */
	ABORT_PHASE_N
};

enum instance_count {
	COUNT_HTTP_STARTED, /* request header read completely */
	COUNT_HTTP_ABORTED, /* [by][phase] */
	COUNT_HTTP_ABORTED_END = COUNT_HTTP_ABORTED + ABORT_BY_N * ABORT_PHASE_N,
	COUNT_HTTP_LOST =
		COUNT_HTTP_ABORTED_END, /* started, but how it ended could not be followed */
	COUNT_HTTP_ELSEWHERE, /* ended by a response that is counted under status `__other__` */
	COUNT_EDGE_CONNECTS,
	COUNT_EDGE_DISCONNECTS,
	COUNT_APP_CONNECTS,
	COUNT_APP_DISCONNECTS,
	COUNT_BYTES_IN,		 /* server role: TCP payload received */
	COUNT_BYTES_OUT,	 /* server role: TCP payload acknowledged by the peer */
	COUNT_RESETS_IN,	 /* server role: RST received */
	COUNT_RESETS_OUT,	 /* server role: RST sent */
	COUNT_RETRANSMITS,	 /* server role: segments sent again */
	COUNT_LISTEN_OVERFLOWS,	 /* connections dropped by a full listen queue */
	COUNT_OUTBOUND_CONNECTS, /* client role: established */
	COUNT_OUTBOUND_REFUSED,	 /* client role: RST in answer to SYN */
	COUNT_OUTBOUND_FAILED,	 /* client role: any other end before established */
	COUNT_OUTBOUND_DISCONNECTS,
	COUNT_OUTBOUND_BYTES_IN,
	COUNT_OUTBOUND_BYTES_OUT,
	COUNT_OUTBOUND_RETRANSMITS,
	COUNT_FIRST_BYTE_UNSEEN,  /* responses whose first byte's time was not visible */
	COUNT_TLS_UNNAMED_ERRORS, /* failed handshakes that no event could tell of */
	COUNT_UPGRADES,		  /* connections that became something else than HTTP */
	COUNT_UPGRADES_ENDED,
	COUNT_UPGRADED_BYTES_IN, /* what they carried since: plain text, where it can be seen */
	COUNT_UPGRADED_BYTES_OUT,
	COUNT_WEBSOCKET_MESSAGES_IN, /* data messages, RFC 6455 */
	COUNT_WEBSOCKET_MESSAGES_OUT,
	COUNT_OOM_KILLS,    /* processes killed by the kernel for want of memory */
	COUNT_RUN_DELAY_NS, /* time that threads were ready to run, and waited for a CPU */
	COUNT_CONNECTIONS_UNOBSERVED, /* not followed, or not inside: no memory left for it */
	COUNT_ENTRIES_REFUSED,	      /* of the shared tables: its owner has its share */
	GAUGE_LISTEN_BACKLOG,	      /* what the last new connection met, itself included */
	GAUGE_LISTEN_BACKLOG_LIMIT,
	GAUGE_RPC_METHODS,  /* rpc entries that the instance has */
	GAUGE_MEMORY_BYTES, /* of what is remembered of its connections and threads */
	INSTANCE_COUNTS
};

struct instance_slot {
	struct instance_key key;
	__u32 generation; /* changes whenever the slot changes hands */
	__u32 in_use;
	__u32 account; /* index of whose entries are counted together, itself among them */
	__u32 pad;
	__u64 born_ns; /* CLOCK_MONOTONIC */
	__u64 count[INSTANCE_COUNTS];
};

enum http_method {
	METHOD_OTHER, /* unknown or unreadable: `__other__` */
	METHOD_GET,
	METHOD_HEAD,
	METHOD_POST,
	METHOD_PUT,
	METHOD_DELETE,
	METHOD_CONNECT,
	METHOD_OPTIONS,
	METHOD_TRACE,
	METHOD_PATCH,
	METHOD_N
};

struct status_key {
	__u32 slot;
	__u16 status; /* exact code, or STATUS_OTHER */
	__u16 pad;
};

/* Final responses of one instance and status, and where their times go. */
struct status_entry {
	struct status_key key; /* valid while in_use */
	__u32 in_use;
	__u32 group; /* index of the row group */
	__u64 responses[METHOD_N];
};

/*
 * A method of a gRPC service, as its path stands on the wire: plain, or coded by
 * HPACK's Huffman code (RFC 7541, 5.2). One path may have an entry for either.
 */
#define RPC_PATH_BYTES 88

struct rpc_key {
	__u32 slot;
	__u8 bytes;   /* of path; the rest is zero. 0: not known */
	__u8 huffman; /* 1: path is coded */
	__u16 pad;
	__u8 path[RPC_PATH_BYTES];
};

/* grpc-status 0..16, and calls whose response ended without one that could be read. */
#define RPC_CODES 18
#define RPC_CODE_UNKNOWN 17

struct rpc_entry {
	struct rpc_key key; /* valid while in_use */
	__u32 in_use;
	__u32 group; /* index of the row group */
	__u64 responses[RPC_CODES];
};

/* An HTTP/2 stream. Its connection's number is the key of http2_by_connection. */
struct stream_key {
	__u32 connection;
	__u32 stream;
};

_Static_assert(sizeof(struct instance_key) == 24, "hash key");
_Static_assert(sizeof(struct instance_slot) == 48 + 8 * INSTANCE_COUNTS, "no padding");
_Static_assert(sizeof(struct status_key) == 8, "hash key");
_Static_assert(sizeof(struct status_entry) == 16 + 8 * METHOD_N, "no padding");
_Static_assert(sizeof(struct rpc_key) == 96, "hash key");
_Static_assert(sizeof(struct rpc_entry) == 104 + 8 * RPC_CODES, "no padding");
_Static_assert(INSTANCE_COUNTS <= 64, "a set of counts is a word");
_Static_assert(METHOD_N <= 16, "a method is packed into four bits");

#endif
