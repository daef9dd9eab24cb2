/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Plain text inside TLS, where a TLS library gives it to the application (its
 * read functions) and takes it (its write functions). The calls run in the
 * application's threads; what a call is for is remembered from its begin to its
 * return. The plain bytes go through the same state machines as those of a
 * socket in the clear.
 */
#ifndef EDGETAP_TLS_LIBRARY_H
#define EDGETAP_TLS_LIBRARY_H

#include "../http/teardown.h"
#include "bind.h"

static __always_inline struct thread *thread_of_current(void)
{
	return thread_of(bpf_get_current_task_btf());
}

/* The same if it has called a library before, else null. */
static __always_inline struct thread *thread_known(void)
{
	return bpf_task_storage_get(&thread_by_task, bpf_get_current_task_btf(), 0, 0);
}

/* The same for a thread's own call, which is mostly made with the object of the one before. */
static __always_inline struct plain *plain_of_call(struct thread *thread, __u64 object)
{
	__u32 now = *(volatile __u32 *)&bindings;
	struct plain *plain;

	if (thread->known_object == object && thread->known_bindings == now)
		return thread->known ? plain_of(thread->known) : NULL;
	plain = plain_of_object(object);
	thread->known_object = object;
	thread->known = plain ? plain->connection : 0;
	thread->known_bindings = now;
	return plain;
}

static __always_inline void call_begin(struct library_call *call, __u64 object, __u64 buffer,
				       __u64 length, __u64 result)
{
	call->object = object;
	call->buffer = buffer;
	call->length = length;
	call->result = result;
	call->paired = 0;
	/* a long write has its first byte out when it begins, as far as can be told */
	call->begun_ns = length > SMALL_WRITE ? bpf_ktime_get_ns() : 0;
}

/* A call cannot be remembered: of an observed server's object its plain bytes are lost. */
static __always_inline void count_call_lost(__u64 object)
{
	const struct plain *plain = plain_of_object(object);

	if (plain && !plain->s.torn_down)
		count_loss(LOSS_TLS_CALL);
}

/* The thread may have read a connection just before: maybe the object is that one's. */
VERIFIED_ALONE int library_pair(struct library_call *call, int reads)
{
	struct plain *plain = call ? candidate_take(call, reads) : NULL;

	if (plain)
		bind_object(plain, call->object, call->buffer, bpf_get_current_pid_tgid() >> 32,
			    !plain->candidate_hello);
	return 0;
}

/* A thread calls a library with an object; buffer is 0 unless plain bytes are read or written. */
static __always_inline int library_enter(__u64 object, __u64 buffer, __u64 length, __u64 result,
					 bool reads)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct thread *thread = thread_of(task);

	if (!thread) {
		count_call_lost(object);
		return 0;
	}
	call_begin(&thread->call, object, buffer, length, result);
	if (*candidate_of((__u32)task->pid))
		library_pair(&thread->call, reads);
	return 0;
}

/* A thread calls a library for something else than plain bytes; maybe within a call for such. */
static __always_inline int library_other_enter(__u64 object)
{
	struct thread *thread = thread_of_current();

	if (thread && thread->call.object == object && thread->call.buffer)
		return 0;
	return library_enter(object, 0, 0, 0, false);
}

/* Plain bytes that a call has moved: `returned`, or what it left in memory; 0 if none. */
static __always_inline __u32 call_bytes(const struct library_call *call, __s64 returned)
{
	__u64 bytes = (__u64)returned;

	if (returned <= 0)
		return 0;
	if (call->result && bpf_probe_read_user(&bytes, sizeof(bytes), (const void *)call->result))
		return 0;
	return bytes > call->length || bytes > 0x7fffffff ? 0 : (__u32)bytes;
}

/* The connection's plain text is followed no further. */
static __always_inline void plain_lost(struct plain *plain)
{
	http2_forget(&plain->s);
	plain->s.protocol = PROTOCOL_OTHER;
}

/*
 * A call that reads or writes returns. The connection whose plain bytes were moved, if it
 * is an observed server's, else null: they are in thread->io then.
 */
static __always_inline struct plain *library_moved(struct thread *thread,
						   const struct library_call *call, __s64 returned)
{
	__u32 bytes = call_bytes(call, returned);
	struct plain *plain;

	if (returned <= 0)
		return NULL;
	if (call->paired && !candidate_plausible(call->paired, bytes)) {
		unbind_object(call->paired, call->object);
		return NULL;
	}
	plain = plain_of_call(thread, call->object);
	if (!plain || plain->s.torn_down)
		return NULL;
	plain->seen = 1;
	if (!bytes && !call->result) {
		count_loss(LOSS_FAULT); /* more than there was room for: not what it seems to be */
		plain_lost(plain);
	}
	if (!bytes)
		return NULL;
	thread->connection = plain->connection;
	thread->begun_ns = call->begun_ns;
	payload_plain(&thread->io, call->buffer, bytes);
	thread->io.now_ns = bpf_ktime_get_ns();
	return plain;
}

/* Bytes that the application has been given. True if another program is to go on. */
static __always_inline bool plain_read(struct plain *plain, struct io *io)
{
	struct server_state *s = &plain->s;

	if (!server_slot_in_task(s))
		return false;
	io->sequence = s->read_next;
	io->end = s->read_next + io->bytes;
	if (plain->arrived_ns)
		arrival_add(s, io->end, s->read_next, plain->arrived_ns);
	plain->fresh = 0;
	if (s->protocol == PROTOCOL_TUNNEL || s->protocol == PROTOCOL_WEBSOCKET)
		upgraded_bytes(s, io->bytes, true);
	if (s->protocol == PROTOCOL_HTTP1) {
		if (!request_first_alone(s, io) && io->left)
			request_follow(s, io);
		request_over(s, io);
	}
	return io->left && has_frames(s);
}

/* Bytes that the application has handed over in a call that began at begun_ns (0: just now). */
static __always_inline bool plain_write(struct plain *plain, struct io *io, __u64 begun_ns)
{
	struct server_state *s = &plain->s;

	if (!server_slot_in_task(s))
		return false;
	s->last_write_ns = io->now_ns;
	if (s->protocol == PROTOCOL_TUNNEL || s->protocol == PROTOCOL_WEBSOCKET)
		upgraded_bytes(s, io->bytes, false);
	if (s->protocol == PROTOCOL_HTTP1) {
		/* an answer to what was read before the programs were attached */
		if (!plain->whole && !s->read_next)
			s->desync = DESYNC_OLDER;
		if (begun_ns && http_at_start(&s->response) && !s->first_byte_ns)
			s->first_byte_ns = begun_ns;
		if (!response_step_alone(s, io) && io->left)
			response_follow(s, io);
		if (s->protocol == PROTOCOL_HTTP1)
			io->left = 0;
		upgraded_behind(s, io);
	}
	return io->left && has_frames(s);
}

static __always_inline struct plain *library_return(struct thread *thread, __s64 returned)
{
	struct plain *plain;

	/* none: it began before the programs were attached, or the one within it (early data) told */
	if (!thread || !thread->call.object)
		return NULL;
	plain = library_moved(thread, &thread->call, returned);
	thread->call.object = 0;
	return plain;
}

/* A call that neither reads nor writes plain bytes returns: a handshake, a shutdown. */
static __always_inline int library_other_return(void)
{
	struct thread *thread = thread_known();
	struct plain *plain;

	if (!thread || !thread->call.object)
		return 0;
	plain = plain_of_call(thread, thread->call.object);
	if (plain)
		plain->fresh = 0; /* what it has read of the socket was the handshake's */
	if (!thread->call.buffer)
		thread->call.object = 0;
	return 0;
}

/* ---- Go: a goroutine may go on on another thread ---- */

/* A call that writes has returned, and what it wrote has been followed. */
static __always_inline void plain_written(struct plain *plain)
{
	/* an exchange, so that `over` is looked at behind it; plain_teardown() does the reverse */
	if (plain && plain->writing && __sync_lock_test_and_set(&plain->writing, 0))
		plain_over(plain);
}

static __always_inline struct goroutine goroutine_of(__u64 g)
{
	struct goroutine key = { .g = g, .tgid = bpf_get_current_pid_tgid() >> 32 };

	return key;
}

static __always_inline int go_enter(__u64 g, __u64 object, __u64 buffer, __u64 length, bool writes)
{
	struct goroutine key = goroutine_of(g);
	struct library_call call = {};

	call_begin(&call, object, buffer, length, 0);
	call.writes = writes;
	bpf_map_update_elem(&call_by_goroutine, &key, &call, BPF_ANY);
	return 0;
}

static __always_inline int go_other_enter(__u64 g, __u64 object)
{
	struct goroutine key = goroutine_of(g);
	struct library_call *known = bpf_map_lookup_elem(&call_by_goroutine, &key);

	if (known && known->object == object && known->buffer)
		return 0;
	return go_enter(g, object, 0, 0, false);
}

static __always_inline bool go_return(__u64 g, __s64 returned)
{
	struct goroutine key = goroutine_of(g);
	struct library_call *known = bpf_map_lookup_elem(&call_by_goroutine, &key), call;
	struct thread *thread;

	if (!known)
		return false; /* a loss if it read an observed socket: go_call_missed() */
	call = *known;
	bpf_map_delete_elem(&call_by_goroutine, &key);
	thread = thread_of_current();
	if (!thread && returned > 0)
		count_call_lost(call.object);
	if (thread && library_moved(thread, &call, returned))
		return true;
	if (call.writes)
		plain_written(plain_of_object(call.object));
	return false;
}

static __always_inline int go_other_return(__u64 g)
{
	struct goroutine key = goroutine_of(g);
	struct library_call *known = bpf_map_lookup_elem(&call_by_goroutine, &key);
	struct plain *plain;

	if (!known)
		return 0;
	plain = plain_of_object(known->object);
	if (plain)
		plain->fresh = 0;
	if (!known->buffer)
		bpf_map_delete_elem(&call_by_goroutine, &key);
	return 0;
}

#endif
