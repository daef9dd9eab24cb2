/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whose plain text is it, where the application reads the socket itself and hands the
 * bytes to the library (memory BIOs: Node.js, asyncio)? That of the object with which the
 * thread calls the library next. Of a ClientHello that is believed at once. Later, on a
 * connection that is older than the probes, only what has happened twice and never with another
 * object, with no other connection read in between, and with fewer plain bytes than were read.
 * An object that has a living connection is nobody else's.
 */
#ifndef EDGETAP_TLS_CANDIDATE_H
#define EDGETAP_TLS_CANDIDATE_H

#include "../conn/conn.h"

#define CANDIDATE_NS 100000000 /* for so long a thread may do something else in between */
#define CANDIDATES_MANY (~0U)  /* several were read: which one the next call is for is open */
#define TLS_RECORD_EXTRA 17    /* bytes of a record that are not its plain text, at least */

static __always_inline __u32 *candidate_of(__u32 thread)
{
	return &candidates[thread & (CANDIDATES - 1)];
}

static __always_inline bool candidate_is(const struct plain *plain, __u32 thread, __u64 now_ns)
{
	return plain && !plain->object && !plain->s.torn_down && plain->reader == thread &&
	       now_ns - plain->candidate_ns <= CANDIDATE_NS;
}

/* The current thread has read `bytes` of a connection outside of any call. */
VERIFIED_ALONE int candidate_set(__u32 connection, __u32 bytes, __u32 hello)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid(), *at = candidate_of(thread), before = *at;
	struct plain *plain = plain_of(connection);
	__u64 now_ns = bpf_ktime_get_ns();

	if (!plain || plain->contradicted)
		return 0;
	plain->reader = thread;
	plain->candidate_ns = now_ns;
	plain->candidate_bytes = bytes + (before == connection ? plain->candidate_bytes : 0);
	plain->candidate_hello = !!hello;
	if (before == CANDIDATES_MANY)
		return 0;
	if (before && before != connection && candidate_is(plain_of(before), thread, now_ns))
		*at = CANDIDATES_MANY;
	else
		*at = connection;
	return 0;
}

/*
 * The thread has answered what it read outside of any call, and no call came in between: the
 * library is not one that is seen, or its call began before it was.
 */
static __always_inline void candidate_forget(__u32 connection)
{
	__u32 *at = candidate_of((__u32)bpf_get_current_pid_tgid());

	if (*at == connection)
		*at = 0;
}

/* The plain text of an object, or null if it is no observed server connection's. */
static __always_inline struct plain *plain_of_object(__u64 object)
{
	struct object_key key = { .object = object, .tgid = bpf_get_current_pid_tgid() >> 32 };
	__u32 *connection = bpf_map_lookup_elem(&connection_by_object, &key);

	return connection ? plain_of(*connection) : NULL;
}

/*
 * The connection that the current thread has read just before this call, if the call's
 * object is now known to be its own; else null. A pairing that is not believed yet is noted.
 */
static __always_inline struct plain *candidate_take(struct library_call *call, bool reads)
{
	__u32 thread = (__u32)bpf_get_current_pid_tgid(), *at = candidate_of(thread),
	      connection = *at;
	struct plain *wanted, *bound;

	if (connection == CANDIDATES_MANY)
		*at = 0;
	wanted = connection == CANDIDATES_MANY ? NULL : plain_of(connection);
	if (!wanted || wanted->reader != thread)
		return NULL;
	if (!candidate_is(wanted, thread, bpf_ktime_get_ns())) {
		*at = 0;
		return NULL;
	}
	bound = plain_of_object(call->object);
	if ((bound && !bound->s.torn_down) || !(reads || wanted->candidate_hello))
		return NULL; /* another's, and this thread's next call may be the one */
	*at = 0;
	if (wanted->candidate_hello)
		return wanted;
	call->paired = connection;
	if (wanted->likely == call->object)
		return wanted;
	wanted->contradicted = wanted->likely != 0;
	wanted->likely = call->object;
	return NULL;
}

/*
 * A call that was paired with a connection has given `bytes` plain bytes. False if they
 * are not of what was read of it just before, as far as can be told.
 */
VERIFIED_ALONE int candidate_plausible(__u32 connection, __u32 bytes)
{
	struct plain *plain = plain_of(connection);

	if (!plain || !bytes || bytes + TLS_RECORD_EXTRA <= plain->candidate_bytes)
		return 1;
	plain->likely = 0;
	return 0;
}

#endif
