/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every map. Arrays that the agent reads are mapped into it (BPF_F_MMAPABLE);
 * what is in use in them is found through the hash beside it. A pool's free
 * indices wait in a queue: first in, first out, so that an index rests as long
 * as possible before it is used again. Sizes are set by the loader.
 */
#ifndef EDGETAP_MAPS_H
#define EDGETAP_MAPS_H

#include <bpf/bpf_helpers.h>

#include "abi.h"
#include "conn/skb.h"
#include "conn/state.h"
#include "defaults.h"
#include "event.h"
#include "loss.h"
#include "pools.h"
#include "row.h"

/* Nothing reads it here: see abi.h. */
const volatile struct abi cfg_abi = { .version = ABI_VERSION };

/* Configuration, constant once loaded. */
const volatile struct grid cfg_grid;
const volatile __s32 cfg_cgroup_subsys = -1;		/* v1 controller's index; -1: cgroup v2 */
const volatile __u64 cfg_memory = DEFAULT_MEMORY_BYTES; /* of what memory.h accounts */
const volatile __u8 cfg_status_by_code;
#define POOL_SIZE(id, one, many, key, entry, size) (size),
#define COUNT_SIZE(id, map, key, value, size, ...) (size),
const volatile __u32 cfg_pool_size[POOL_N] = { DEFAULT_MAX_INSTANCES,
					       POOLS(POOL_SIZE) KEYED_COUNTS(COUNT_SIZE) };
#undef POOL_SIZE
#undef COUNT_SIZE
const volatile __u32 cfg_user_accounts = DEFAULT_MAX_INSTANCES + 1; /* index of the first */
const volatile __u8 has_accept;					    /* accept() can be seen */
const volatile __u64 cfg_page_base; /* a page's address is (page << shift) + base, see skb.h */
const volatile __u32 cfg_page_shift;
const volatile __u8 has_queues;	   /* bytes can be read in sockets' queues (skb.h) */
const volatile __u8 has_run_delay; /* threads' waiting for a CPU can be read */
const volatile __u8 cfg_libraries; /* programs are attached to TLS libraries */

/* Server sockets and listeners. Added at listen(), cloned to children, by adoption,
 * or at the first read of an unknown socket; dies with the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC | BPF_F_CLONE);
	__type(key, int);
	__type(value, struct server_state);
} server_by_socket SEC(".maps");

/* Client sockets. Added at connect() or by adoption; dies with the socket. */
struct {
	__uint(type, BPF_MAP_TYPE_SK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct client_state);
} client_by_socket SEC(".maps");

/* Instance to slot. Added by the kernel at first use, deleted by the agent when
 * the instance is retired. Full, or no free slot: slot 0 and a loss. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DEFAULT_MAX_INSTANCES);
	__type(key, struct instance_key);
	__type(value, __u32);
} slot_by_instance SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DEFAULT_MAX_INSTANCES);
	__type(key, __u32);
	__type(value, struct instance_slot);
} instance_by_slot SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_QUEUE);
	__uint(max_entries, DEFAULT_MAX_INSTANCES);
	__type(value, __u32);
} free_slots SEC(".maps");

/* What each owner has of the tables (share.h). The kernel adds, the agent takes off. */
struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(map_flags, BPF_F_MMAPABLE);
	__uint(max_entries, DEFAULT_MAX_INSTANCES + 1 + USER_ACCOUNTS);
	__type(key, __u32);
	__type(value, struct account);
} account_by_index SEC(".maps");

/*
 * Pools (pools.h): key to index, index to entry, free indices. Added by the kernel at first use
 * (count.h, rpc.h), deleted by the agent with the instance. Full, or the owner has its share: the
 * instance's `__other__`, and a loss.
 */
#define POOL_MAPS(id, one, many, key_type, entry_type, size)                                       \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_HASH);                                                   \
		__uint(max_entries, size);                                                         \
		__type(key, key_type);                                                             \
		__type(value, __u32);                                                              \
	} index_by_##one SEC(".maps");                                                             \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_ARRAY);                                                  \
		__uint(map_flags, BPF_F_MMAPABLE);                                                 \
		__uint(max_entries, size);                                                         \
		__type(key, __u32);                                                                \
		__type(value, entry_type);                                                         \
	} one##_by_index SEC(".maps");                                                             \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_QUEUE);                                                  \
		__uint(max_entries, size);                                                         \
		__type(value, __u32);                                                              \
	} free_##many SEC(".maps");
POOLS(POOL_MAPS)
#undef POOL_MAPS

/* Counts by key (pools.h). Added by the kernel (MAP_at), deleted by the agent with the
 * instance. Full, or the owner has its share: a loss. */
#define COUNT_MAP(id, map, key_type, value_type, size, ...)                                        \
	struct {                                                                                   \
		__uint(type, BPF_MAP_TYPE_HASH);                                                   \
		__uint(map_flags, BPF_F_NO_PREALLOC);                                              \
		__uint(max_entries, size);                                                         \
		__type(key, key_type);                                                             \
		__type(value, value_type);                                                         \
	} map SEC(".maps");
KEYED_COUNTS(COUNT_MAP)
#undef COUNT_MAP

/* Listening socket (our own number for it) to the instance that serves it. Added at
 * listen() or by adoption, deleted when it closes. Full: its creator's slot, and a loss. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DEFAULT_MAX_LISTENERS);
	__type(key, __u32);
	__type(value, struct listener_owner);
} owner_by_listener SEC(".maps");

/* Cgroups that are neither container nor unit; the agent adds and deletes. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, 4096);
	__type(key, __u64);
	__type(value, __u8);
} shared_cgroups SEC(".maps");

/* Process to the slot of its executable. Added with the owner of a socket, deleted when
 * the process ends or executes another file. Full: the least recently used goes, and
 * the agent learns of that process's end from its own sweep. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 4096);
	__type(key, __u32);
	__type(value, __u32);
} slot_by_process SEC(".maps");

/* How much of a thread's waiting for a CPU has been counted, and for whom. Added when a
 * thread of an instance is first counted, dies with the thread. No memory: it is counted
 * at its end as a whole. */
struct owner {
	__u32 slot;
	__u32 generation;
};

struct counted_delay {
	struct charge charge;
	__u64 ns;
	struct owner owner;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct counted_delay);
} delay_by_task SEC(".maps");

/* Processes whose end has been counted, for the moment in which it could be twice. */
struct ended_process {
	__u64 start_ns;
	__u32 tgid;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 256);
	__type(key, struct ended_process);
	__type(value, __u8);
} ended_processes SEC(".maps");

/* Listening ports while older connections are adopted: network namespace and port. */
struct listening_port {
	__u32 netns;
	__u32 port;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DEFAULT_MAX_LISTENERS);
	__type(key, struct listening_port);
	__type(value, __u32);
} listener_by_port SEC(".maps");

/* Plain text of a TLS connection, by the connection's number. Added when a call of a TLS
 * library is bound to the connection, deleted with the socket. Full: a loss. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DEFAULT_MAX_CONNECTIONS);
	__type(key, __u32);
	__type(value, struct plain);
} plain_by_connection SEC(".maps");

/* A library's object (SSL *, gnutls_session_t, *tls.Conn) to its connection. As above. */
struct object_key {
	__u64 object;
	__u32 tgid;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DEFAULT_MAX_CONNECTIONS);
	__type(key, struct object_key);
	__type(value, __u32);
} connection_by_object SEC(".maps");

/* HTTP/2 connections, by number. Added at the preface, deleted with the socket. Full: a loss. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DEFAULT_MAX_CONNECTIONS);
	__type(key, __u32);
	__type(value, struct http2);
} http2_by_connection SEC(".maps");

/* Places for the streams of a connection that has several open at once, by its number. Added
 * with the second of them, deleted with the connection. Full, or no memory: stream_by_id. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__uint(max_entries, DEFAULT_MAX_CONNECTIONS);
	__type(key, __u32);
	__type(value, struct streams);
} streams_by_connection SEC(".maps");

/* Streams that wait for the end of their response, and whose connection has no place for them.
 * Added with the request, deleted with the end of the response or of the connection; what a
 * connection's end did not find, the agent deletes. Full: a loss. */
struct {
	__uint(type, BPF_MAP_TYPE_HASH);
	__uint(max_entries, DEFAULT_MAX_STREAMS);
	__type(key, struct stream_key);
	__type(value, struct stream);
} stream_by_id SEC(".maps");

/* Losses by reason, per CPU because some are frequent where they happen at all. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, LOSS_N);
	__type(key, __u32);
	__type(value, __u64);
} losses SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_RINGBUF);
	__uint(max_entries, DEFAULT_EVENT_RING_BYTES);
} events SEC(".maps");

/*
 * Working memory of one read or write. A program never runs twice at once on a
 * CPU, but behind fexit a reader may be preempted by a writer: one for each.
 */
enum { IO_READ, IO_WRITE, IO_N };

struct io {
	struct cursor cursor;
	struct segment segment[SEGMENTS];
	__u64 now_ns;
	__u64 at;     /* offset in segment[current] */
	__u64 vector; /* where the segments behind these are told of: struct iovec, fragments */
	__u64 more;   /* how many they are */
	__u64 buffer; /* PAYLOAD_QUEUE of a write: the buffer; 0: of a read */
	__u64 list;   /* PAYLOAD_QUEUE: the buffer behind them; 0: none */
	__u64 socket; /* address of the struct sock, to be compared and read of only */
	__u32 current;
	__u32 segments;
	__u32 left;	/* bytes of the call not followed yet */
	__u32 sequence; /* of the next byte */
	__u32 source;	/* where the bytes are: enum payload_source */
	__u32 can_block;
	__u32 bytes;	/* of the whole call */
	__u32 end;	/* sequence number behind them */
	__u32 read;	/* of a write: behind what was read before */
	__u32 plain;	/* the bytes are plain text inside TLS */
	__u32 sent;	/* HTTP/2: what the socket had taken (write_seq) when they were moved */
	__u32 offset;	/* of a read: where it began in the first buffer of the queue */
	__u32 in_order; /* of a write: it follows the one that was seen before */
	__u32 unseen;	/* of a write: nobody waits, and not all that was read has been seen */
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, IO_N);
	__type(key, __u32);
	__type(value, struct io);
} io_by_cpu SEC(".maps");

/* Zeroes that new entries begin as; too large for a program's stack. */
struct blank {
	struct plain plain;
	struct http2 http2;
	struct streams streams;
};

struct {
	__uint(type, BPF_MAP_TYPE_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct blank);
} blanks SEC(".maps");

/* A call of a TLS library that is under way. */
struct library_call {
	__u64 object; /* 0: none */
	__u64 buffer;
	__u64 length;
	__u64 result; /* where the number of bytes will be; 0: it is the return value */
	__u64 begun_ns;
	__u32 writes; /* Go's Write */
	__u32 paired; /* the connection that it was taken for the reader of, see candidate.h */
};

/* A thread that calls a TLS library. Added at its first call, dies with the thread. */
struct thread {
	struct charge charge;
	struct library_call call;
	__u64 known_object;   /* of the last call that was looked for, */
	__u32 known;	      /* its connection; 0: none, */
	__u32 known_bindings; /* when so many had been bound */
	__u64 begun_ns;	      /* of the call that moved them */
	__u32 connection;     /* whose plain bytes are in `io` */
	__u32 pad;
	struct io io;
};

struct {
	__uint(type, BPF_MAP_TYPE_TASK_STORAGE);
	__uint(map_flags, BPF_F_NO_PREALLOC);
	__type(key, int);
	__type(value, struct thread);
} thread_by_task SEC(".maps");

/* The same for Go, where a call may begin and end on different threads. Full: the least
 * recently used goes; its call's end is counted as a loss. */
struct goroutine {
	__u64 g;
	__u32 tgid;
	__u32 pad;
};

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, DEFAULT_MAX_GO_CALLS);
	__type(key, struct goroutine);
	__type(value, struct library_call);
} call_by_goroutine SEC(".maps");

/* Processes that the agent has been told of: their plain text is not seen. Full: the least
 * recently used goes, and is told of again. */
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u32);
	__type(value, __u8);
} unseen_processes SEC(".maps");

/* Programs that go on where one sees a protocol that is followed frame by frame; apart,
 * because the verifier's patience is for each program. The agent fills in what the kernel
 * takes. Those of sockets, and those of libraries. */
enum { TAIL_READ, TAIL_WRITE, TAIL_FRAMES_READ, TAIL_FRAMES_WRITTEN, TAILS };
#define TAIL_FRAMES 0 /* the one program of those of sockets */

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, TAILS);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} library_tail SEC(".maps");

struct {
	__uint(type, BPF_MAP_TYPE_PROG_ARRAY);
	__uint(max_entries, 1);
	__uint(key_size, sizeof(__u32));
	__uint(value_size, sizeof(__u32));
} socket_read_tail SEC(".maps"), socket_write_tail SEC(".maps");

/* Where a ClientHello's piece is put together for the agent. */
struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct event_tls_hello);
} hello_by_cpu SEC(".maps");

/* Live state and numbering, shared by all CPUs. */
__u64 live_sockets;
__u64 memory_used;	 /* bytes, as memory.h accounts them */
__u32 pool_used[POOL_N]; /* entries; the agent takes off what it gives back */
__u32 last_listener;
__u32 last_connection;

/* Bindings of objects to connections that were made or taken back. */
__u32 bindings;

#define CANDIDATES 1024

/* TLS connections whose ciphertext a thread has read outside of any call, by the thread's id. */
__u32 candidates[CANDIDATES];

#endif
