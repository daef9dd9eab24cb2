/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The BPF programs, compiled natively, and a small model of the kernel around
 * them: connections to one listening socket, of which a test decides what
 * arrives, what the server reads and writes, and when. All memory is one
 * world's; world__begin() makes a new one.
 */
#ifndef EDGETAP_TESTS_EXCHANGE_H
#define EDGETAP_TESTS_EXCHANGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grid.h"
#include "instance.h"
#include "loss.h"
#include "row.h"

/* How the server reads or writes: the system call that the programs find in the registers. */
enum call {
	CALL_PLAIN,   /* read, write */
	CALL_SOCKET,  /* recvfrom, sendto */
	CALL_VECTOR,  /* readv, writev: three segments */
	CALL_MESSAGE, /* recvmsg, sendmsg: two segments */
	CALL_N,
	CALL_FILE = CALL_N, /* splice, sendfile */
	CALL_RING,	    /* a completion of io_uring inside io_uring_enter */
	CALL_FAULT,	    /* memory that cannot be read */
	CALL_PIECES,	    /* readv, writev: a segment for every few bytes */
};

struct connection;

/* An empty world at an arbitrary time, with a server that listens. Ends the one before. */
void world__begin(void);

/* From now on, in all worlds, bytes are read in sockets' queues, or by system calls' registers. */
void world__queues(bool read);
bool world__reads_queues(void);

/* Time passes: ns. */
void world__sleep(uint64_t ns);

/* Nanoseconds since world__begin(). */
uint64_t world__elapsed(void);

/* Sum of a counter over all slots and all that were retired. */
uint64_t world__count(enum instance_count what);

/* Sum of the aborted requests of a phase, by whom. */
uint64_t world__aborted(enum abort_by by, enum abort_phase phase);

/* Final responses with this status and method; 0 and METHOD_N stand for any. */
uint64_t world__responses(unsigned int status, enum http_method method);

/* Events sent to the agent so far, such as those of TLS handshakes. */
uint64_t world__events(void);

/* What was lost for this reason; LOSS_N: for any. */
uint64_t world__lost(enum loss_reason reason);

/* Number of values in an HTTP row of all groups, and their sum (ns). */
uint64_t world__row(enum http_row row, uint64_t *ret_sum_ns);

/* The agent takes the server's slot away and gives it a new generation; its counts are kept here. */
void world__retire(void);

/* Memory for connections until the next world: bytes, or that of so many, the listener one of them.
 */
void world__limit(uint64_t bytes);
void world__limit_connections(unsigned int connections);

/* An instance takes memory, or gives some back. False if that is refused. */
bool world__take(uint32_t slot, uint32_t bytes);
void world__give(uint32_t slot, uint32_t bytes);

/* Requests in flight: started, not finished in any way. Never negative, or something was counted
 * twice. */
int64_t world__in_flight(void);

/* What another CPU does in the midst of the program that next begins to follow HTTP/2; and
 * whether that has come. */
void world__meanwhile(void (*what)(void));
bool world__met(void);

/* Null, or what is wrong in a world whose connections have all been destroyed. */
const char *world__inconsistency(void);

/*
 * A connection that has been established just now; its sequence numbers start
 * at `sequence`. Older: established and accepted before the agent came, seen
 * first when it is read or written. Freed by connection__destroy().
 */
struct connection *connection__open(uint32_t sequence);
struct connection *connection__older(uint32_t sequence);

/* Bytes, a FIN, or a reset of the client reach the socket. */
void connection__arrive(struct connection *c, const void *data, size_t n);
void connection__fin(struct connection *c);
void connection__reset(struct connection *c);

/* The server reads at most n bytes, also after its end. Returns how many. Then the flags that
 * recv() was given. */
size_t connection__read(struct connection *c, size_t n, enum call call);
size_t connection__read_flags(struct connection *c, size_t n, enum call call, int flags);

/* At most n bytes leave through splice, which fires no event. */
size_t connection__splice(struct connection *c, size_t n);

/* The kernel takes all n bytes of a write; of none, or a failed one (ret is what it returned). */
void connection__write(struct connection *c, const void *data, size_t n, enum call call);
void connection__write_fails(struct connection *c, int ret);

/* The kernel takes n bytes of a write, which is over when connection__write() is called for them. */
void connection__taken(struct connection *c, size_t n);

/* The first segment of a write of n bytes is about to be taken. */
void connection__write_begins(struct connection *c, size_t n);

/* The server's end blocks in large writes (as all do that are not told otherwise here). */
void connection__nonblocking(struct connection *c);

/* shutdown(SHUT_WR), close() by the server; with bytes unread, close() resets. */
void connection__shutdown(struct connection *c);
void connection__close(struct connection *c);

/* The last reference goes, after a close if there was none. */
void connection__destroy(struct connection *c);

/*
 * TLS libraries are watched, until the next world. The server's thread calls one with an object:
 * what reads gives n plain bytes (-1: none yet), what writes takes n; and the thread's end.
 */
void world__tls(void);
void world__tls_read(uint64_t object, const void *data, int n);
void world__tls_write(uint64_t object, const void *data, int n);
void world__tls_over(void);

/* Bytes that have arrived and were not read. */
size_t connection__unread(const struct connection *c);

/* True when the server can write: not closed, not reset, no FIN sent. */
bool connection__writable(const struct connection *c);

#endif
