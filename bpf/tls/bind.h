/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Which object of which TLS library has the plain text of a connection. They are
 * bound by what happens on one thread: a read of the socket inside a call with
 * the object is that object's. Where the application reads the socket itself, see
 * candidate.h. Nothing of an object's memory is looked at.
 */
#ifndef EDGETAP_TLS_BIND_H
#define EDGETAP_TLS_BIND_H

#include "../http/request.h"
#include "candidate.h"

#define TOLD_READS 8	 /* reads of an unbound connection that the agent may be told of */
#define UNBOUND_READS 64 /* of so many */

#define UNSEEN_BYTES (TLS_HEADER + TLS_NO_REQUEST) /* less ciphertext is no request */
#define UNSEEN_TURNS 2	/* answers without any plain text: the first may be the handshake's */
#define UNSEEN_WRITES 8 /* or as many in one */

/* Plain text has gone by unseen: what comes next may be the middle of a message. */
static __always_inline void plain_older(struct plain *plain)
{
	plain->s.desync = DESYNC_OLDER;
	plain->s.request.phase = HTTP_RESYNC;
	plain->s.response.phase = HTTP_RESYNC;
}

/* State for the plain text of a connection, which nobody shows yet; null if there is no memory. */
static __always_inline struct plain *plain_new(__u32 connection, struct owner owner, bool older)
{
	__u64 taken = memory_take(owner.slot, owner.generation, MEMORY_PLAIN);
	struct blank *zero = blank();
	struct plain *plain = NULL;
	struct server_state *s;

	if (taken == MEMORY_REFUSED)
		return NULL;
	if (zero &&
	    !bpf_map_update_elem(&plain_by_connection, &connection, &zero->plain, BPF_NOEXIST))
		plain = plain_of(connection);
	if (!plain) {
		memory_give((__u32)taken, taken >> 32, MEMORY_PLAIN);
		return NULL;
	}
	plain->charge = charge_of(taken);
	plain->connection = connection;
	s = &plain->s;
	s->slot = owner.slot;
	s->generation = owner.generation;
	s->role = ROLE_SERVER;
	s->accepted = 1;
	s->connect_counted = CONNECT_OLDER;
	s->response.flags = HTTP_F_RESPONSE;
	if (older)
		plain_older(plain);
	return plain;
}

/*
 * The object, which a call was made with, has the plain text, and no other has. Programs
 * of handshakes are attached last: if one saw the call, no plain bytes went by unseen.
 * `missed`: some have.
 */
static __always_inline void bind_object(struct plain *plain, __u64 object, bool moves_bytes,
					__u32 tgid, bool missed)
{
	struct object_key key = { .object = object, .tgid = tgid };
	__u32 connection = plain->connection;

	if (bpf_map_update_elem(&connection_by_object, &key, &connection, BPF_ANY)) {
		count_loss(LOSS_CONNECTIONS_FULL);
		return;
	}
	__sync_fetch_and_add(&bindings, 1);
	if (!plain->object) {
		plain->whole = !moves_bytes && !missed;
		if (missed)
			plain_older(plain);
	}
	plain->object = object;
	plain->tgid = tgid;
}

/* It was another's. */
static __noinline void unbind_object(__u32 connection, __u64 object)
{
	struct plain *plain = plain_of(connection);
	struct object_key key = { .object = object };

	if (!plain || plain->object != object)
		return;
	key.tgid = plain->tgid;
	plain->object = 0;
	bpf_map_delete_elem(&connection_by_object, &key);
	__sync_fetch_and_add(&bindings, 1);
}

/* What is remembered of the current thread, from now on; null if there is no memory. */
static __noinline struct thread *thread_new(struct task_struct *task)
{
	struct owner owner = owner_known(task);
	__u64 taken = memory_take(owner.slot, owner.generation, MEMORY_THREAD);
	struct thread *thread;

	if (taken == MEMORY_REFUSED)
		return NULL;
	thread = bpf_task_storage_get(&thread_by_task, task, 0, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (thread)
		thread->charge = charge_of(taken);
	else
		memory_give((__u32)taken, taken >> 32, MEMORY_THREAD);
	return thread;
}

static __always_inline struct thread *thread_of(struct task_struct *task)
{
	struct thread *thread = bpf_task_storage_get(&thread_by_task, task, 0, 0);

	return thread ? thread : thread_new(task);
}

/* The thread ends, in its own context: it calls no library any more. */
static __always_inline void thread_over(struct task_struct *task)
{
	struct thread *thread = bpf_task_storage_get(&thread_by_task, task, 0, 0);
	struct charge charge;

	if (!thread)
		return;
	charge = thread->charge;
	if (!bpf_task_storage_delete(&thread_by_task, task))
		memory_give(charge.slot, charge.generation, MEMORY_THREAD);
}

/* The library call that the current goroutine is in, or null. */
static __always_inline struct library_call *call_of_goroutine(struct task_struct *task)
{
	struct goroutine key = { .g = goroutine_in_syscall(task), .tgid = task->tgid };

	return bpf_map_lookup_elem(&call_by_goroutine, &key);
}

/* The library call that the current thread, or goroutine, is in, or null. */
static __always_inline struct library_call *call_of_current(struct task_struct *task, bool *ret_go)
{
	struct thread *thread = bpf_task_storage_get(&thread_by_task, task, 0, 0);

	*ret_go = !(thread && thread->call.object);
	return *ret_go ? call_of_goroutine(task) : &thread->call;
}

/* Ciphertext has been written to a socket of Go's within its Write, which is not over yet. */
static __noinline void go_data_written(const struct server_state *s, __u32 sent)
{
	struct plain *plain = plain_of(s->tls.handshake.hello);
	struct library_call *call;

	if (!plain)
		return;
	plain->sent = sent;
	call = call_of_goroutine(bpf_get_current_task_btf());
	if (call && call->writes)
		plain->writing = 1;
}

/* Nobody shows the plain text of the connection: a loss, from now on. */
static __always_inline void tls_unseen_begin(struct server_state *s)
{
	s->tls.flags |= TLS_CONNECTION_UNSEEN;
	count_loss(LOSS_TLS_UNSEEN);
}

/* Whether requests may have come, no library has shown one yet, and that is not counted. */
static __always_inline bool tls_is_unseen(const struct server_state *s, const struct plain *plain)
{
	return !(s->tls.flags & (TLS_CONNECTION_SEEN | TLS_CONNECTION_UNSEEN)) &&
	       !(plain && plain->seen) && !s->tls.refused && s->tls.taken > UNSEEN_BYTES;
}

/* What was read has been answered, and no plain text was seen. Is it still under way to us? */
VERIFIED_ALONE int tls_unseen_written(struct server_state *s)
{
	struct plain *plain;

	if (!s)
		return 0;
	plain = plain_of(s->tls.handshake.hello);
	if (plain && !plain->object)
		candidate_forget(plain->connection);
	if (s->tls.writes < UNSEEN_WRITES)
		s->tls.writes++;
	else if (tls_is_unseen(s, plain))
		tls_unseen_begin(s);
	return 0;
}

/* Ciphertext has been written to a socket, which has taken everything up to `sent`. */
static __always_inline void tls_data_written(struct server_state *s, __u32 sent)
{
	if (s->tls.flags & TLS_CONNECTION_GO)
		go_data_written(s, sent);
	/* one that nobody shows may still be bound */
	if (s->protocol == PROTOCOL_TLS_DATA && !(s->tls.flags & TLS_CONNECTION_SEEN) &&
	    (cfg_libraries || !(s->tls.flags & TLS_CONNECTION_UNSEEN)))
		tls_unseen_written(s);
}

/* More is read, before which `taken` bytes were. */
static __always_inline void tls_data_turn(struct server_state *s, const struct plain *plain)
{
	if (s->tls.flags & TLS_CONNECTION_SEEN)
		return;
	if (plain && plain->seen)
		s->tls.flags |= TLS_CONNECTION_SEEN;
	if (s->tls.writes && s->tls.taken > UNSEEN_BYTES && s->tls.turns < UNSEEN_TURNS)
		s->tls.turns++;
	s->tls.writes = 0;
	if (s->tls.turns == UNSEEN_TURNS && tls_is_unseen(s, plain))
		tls_unseen_begin(s);
}

/* Tells the agent, once, of a process whose plain text is not seen. */
static __always_inline void tell_unseen(const struct server_state *s, struct task_struct *task)
{
	__u32 tgid = task->tgid;
	__u8 one = 1;

	if (bpf_map_update_elem(&unseen_processes, &tgid, &one, BPF_NOEXIST))
		return;
	emit_process(EVENT_TLS_UNSEEN, task, slot_current(s->slot, s->generation), s->generation);
}

/* Ciphertext is being read: binds its connection to the object of the call that does it, if any. */
static __always_inline struct plain *tls_data_bind(struct server_state *s, struct plain *plain,
						   __u32 bytes)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct owner owner = { .slot = s->slot, .generation = s->generation };
	struct library_call *call;
	bool go;

	/* without memory once, it is tried again now and then */
	if (!plain && s->tls.refused && s->tls.unbound_reads++ % UNBOUND_READS)
		return NULL;
	/* behind the handshake plain bytes may have gone by unseen */
	if (!plain)
		plain = plain_new(s->tls.handshake.hello, owner, s->protocol == PROTOCOL_TLS_DATA);
	if (!plain && !s->tls.refused) {
		s->tls.refused = 1;
		connection_unobserved(s->slot, s->generation, LOSS_CONNECTIONS_FULL);
	}
	if (!plain)
		return NULL;
	call = call_of_current(task, &go);
	if (plain->object && !(call && call->object == plain->object))
		return plain; /* another's call, or none: what is known stays */
	if (call) {
		bind_object(plain, call->object, call->buffer, task->tgid, s->tls.taken);
		plain->go = go;
		if (go)
			s->tls.flags |= TLS_CONNECTION_GO;
		return plain;
	}
	candidate_set(plain->connection, bytes, s->protocol == PROTOCOL_TLS_HANDSHAKE);
	if (s->protocol == PROTOCOL_TLS_DATA && s->tls.unbound_reads++ % UNBOUND_READS < TOLD_READS)
		tell_unseen(s, task);
	return plain;
}

/*
 * A bound connection is read by a goroutine whose call is not known: it has been pushed out
 * by others. The plain bytes will not be seen.
 */
static __always_inline void go_call_missed(struct plain *plain)
{
	if (call_of_goroutine(bpf_get_current_task_btf()))
		return;
	count_loss(LOSS_TLS_CALL);
	if (plain->s.protocol == PROTOCOL_HTTP1)
		request_lost(&plain->s);
}

/*
 * Ciphertext has been read from a socket, io->sequence on: finds out who has its
 * plain text, and notes when it arrived. Task context.
 */
static __always_inline void tls_data_read(struct server_state *s, const struct tcp_sock *tp,
					  const struct io *io)
{
	struct plain *plain;

	if (s->role != ROLE_SERVER)
		return;
	plain = cfg_libraries ? plain_of(s->tls.handshake.hello) : NULL;
	if (s->protocol == PROTOCOL_TLS_DATA)
		tls_data_turn(s, plain);
	/* also of a bound one in its handshake: the end of the connection that had the object
	 * before may take the binding with it */
	if (cfg_libraries && (!plain || !plain->object || s->protocol == PROTOCOL_TLS_HANDSHAKE))
		plain = tls_data_bind(s, plain, io->bytes);
	if (plain && plain->go) {
		plain->sent_at_read = tp->write_seq;
		if (plain->object && s->protocol == PROTOCOL_TLS_DATA)
			go_call_missed(plain);
	}
	if (plain && !plain->fresh) {
		plain->arrived_ns = arrival_of(s, io->sequence);
		if (!plain->arrived_ns)
			plain->arrived_ns = arrivals_of(&plain->arrivals, io->sequence);
		plain->fresh = 1;
	}
}

/*
 * A handshake has ended within a read, of which `left` bytes follow. Those before
 * are no request's: when they arrived must not be taken for when a request did.
 */
static __always_inline void tls_handshake_over(struct server_state *s, __u32 left)
{
	struct plain *plain = plain_of(s->tls.handshake.hello);

	if (plain && !left)
		plain->fresh = 0;
	if (left > s->tls.taken)
		s->tls.taken = left < 0x7fff ? (__u16)left : 0x7fff;
}

#endif
