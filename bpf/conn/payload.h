/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Where the bytes of a read or write are: in the socket's queue, where the kernel's
 * memory can be read (skb.h), whoever asked for them and how. Else in the memory of
 * who reads or writes, which is found through the registers of the system call that
 * is being carried out. These are believed only if they fit: right direction, enough
 * room, and, where a completion of io_uring may be running inside some other system
 * call, a descriptor that is this very socket.
 */
#ifndef EDGETAP_CONN_PAYLOAD_H
#define EDGETAP_CONN_PAYLOAD_H

#include "../compat.h"
#include "count.h"

#define QUEUE_DEPTH 24 /* of a balanced tree: of more buffers than wait anywhere */

enum payload_source {
	PAYLOAD_NONE,	 /* nowhere that can be read; the reason has been counted */
	PAYLOAD_USER,	 /* io->segment, memory of the task */
	PAYLOAD_QUEUE,	 /* io->segment, memory of the kernel */
	PAYLOAD_FILE,	 /* sendfile or splice: file pages */
	PAYLOAD_UNKNOWN, /* not looked for yet */
};

static __always_inline struct io *io_of(__u32 which)
{
	return bpf_map_lookup_elem(&io_by_cpu, &which);
}

_Static_assert(__builtin_offsetof(struct user_msghdr, msg_iovlen) ==
		       __builtin_offsetof(struct user_msghdr, msg_iov) + 8,
	       "two words are read at once");

static __always_inline bool is_this_socket(struct task_struct *task, __u64 fd, __u64 socket)
{
	struct file **table, *file = NULL;
	unsigned int max = BPF_CORE_READ(task, files, fdt, max_fds);
	void *private = NULL;

	if (fd >= max)
		return false;
	table = BPF_CORE_READ(task, files, fdt, fd);
	if (bpf_probe_read_kernel(&file, sizeof(file), table + fd) || !file)
		return false;
	private = BPF_CORE_READ(file, private_data);
	return (__u64) private == (__u64)BPF_CORE_READ((const struct sock *)socket, sk_socket);
}

static __always_inline int one_segment(struct io *io, __u64 base, __u64 bytes)
{
	if (bytes < io->bytes) {
		count_loss(LOSS_SYSCALL);
		return PAYLOAD_NONE;
	}
	io->segment[0].base = base;
	io->segment[0].bytes = io->bytes;
	io->segments = 1;
	io->more = 0;
	return PAYLOAD_USER;
}

/* Reads of the next segments where they are; false, and counted, if that fails. */
static __always_inline bool next_vector(struct io *io)
{
	/* struct iovec of a 64-bit task is a base and a length, as struct segment is */
	__u64 n = at_most(io->more, SEGMENTS);

	if (n == 0 ||
	    bpf_probe_read_user(io->segment, n * sizeof(struct segment), (void *)io->vector)) {
		count_loss(n ? LOSS_FAULT : LOSS_IOVEC);
		return false;
	}
	io->vector += n * sizeof(struct segment);
	io->more -= n;
	io->segments = n;
	io->current = 0;
	return true;
}

/* Bytes in a queue could not be read: a loss, if they cannot be found elsewhere. */
static __always_inline void queue_fault(const struct io *io)
{
	if (!io->buffer)
		count_loss(LOSS_FAULT);
}

/* A fragment's address; 0 if it is in no memory of the kernel's (devmem). */
static __always_inline __u64 fragment_address(const struct fragment *f)
{
	return f->page & 1 ? 0 : (f->page << cfg_page_shift) + cfg_page_base + f->offset;
}

/* The same of a socket buffer's fragments. */
static __always_inline bool next_fragments(struct io *io)
{
	__u64 n = at_most(io->more, SEGMENTS);

	if (bpf_probe_read_kernel(io->segment, n * sizeof(struct segment), (void *)io->vector)) {
		queue_fault(io);
		return false;
	}
	for (__u32 i = 0; i < SEGMENTS; i++) {
		struct fragment f;

		if (i >= n)
			break;
		__builtin_memcpy(&f, &io->segment[i], sizeof(f));
		io->segment[i].base = fragment_address(&f);
		io->segment[i].bytes = f.bytes;
	}
	io->vector += n * sizeof(struct segment);
	io->more -= n;
	io->segments = n;
	io->current = 0;
	return true;
}

/* Begins with a socket buffer; what it has becomes segments as it is come to. */
static __always_inline void buffer_begin(struct io *io, const struct sk_buff *skb)
{
	struct skb_view view;
	struct fragment f;

	skb_look(skb, &view);
	io->vector = view.fragment;
	io->more = view.fragments;
	io->list = view.list;
	io->current = 0;
	io->segments = 0;
	if (view.linear) {
		io->segment[0].base = view.data;
		io->segment[0].bytes = view.linear;
		io->segments = 1;
	}
	if (!view.fragments)
		return;
	skb_fragment(&view, &f);
	io->segment[io->segments & 1].base = fragment_address(&f);
	io->segment[io->segments & 1].bytes = f.bytes;
	io->segments++;
	io->vector += sizeof(f);
	io->more--;
}

/* The buffer behind the one at hand in a list. */
static __always_inline bool next_buffer(struct io *io)
{
	struct sk_buff *skb = skb_cast((const void *)io->list);

	if (!io->list) {
		queue_fault(io);
		return false;
	}
	buffer_begin(io, skb);
	io->list = (__u64)skb->next; /* one of a list has none of its own */
	return true;
}

static __always_inline bool next_segments(struct io *io)
{
	if (!has_queues || io->source != PAYLOAD_QUEUE)
		return next_vector(io);
	return io->more ? next_fragments(io) : next_buffer(io);
}

/* The bytes begin `offset` bytes into the payload of a buffer. */
static __always_inline void payload_queued(struct io *io, const struct sk_buff *skb, __u32 offset)
{
	buffer_begin(io, skb);
	io->at += offset; /* some may have been passed over */
	io->source = PAYLOAD_QUEUE;
}

static __always_inline int many_segments(struct io *io, __u64 vector, __u64 n)
{
	io->vector = vector;
	io->more = n;
	return next_vector(io) ? PAYLOAD_USER : PAYLOAD_NONE;
}

/* Sequence number of a buffer's first byte. */
static __always_inline __u32 skb_sequence(const struct sk_buff *skb)
{
	const struct tcp_skb_cb *cb = skb_cb(skb);

	return cb->seq + (cb->tcp_flags & TCP_FLAG_SYN ? 1 : 0);
}

/* What was taken of the queue, as far as the first buffer still has it. */
struct queued {
	__u32 end;    /* sequence number behind it */
	__u32 bytes;  /* that the buffer has; 0: none */
	__u32 offset; /* of them in the buffer */
	__s32 gap;    /* bytes before them that were taken and are gone */
};

static __always_inline struct queued queued_part(const struct sock *sk, const struct sk_buff *skb,
						 __u32 from, __u32 end)
{
	__u32 first = skb_sequence(skb);
	struct queued part = { .end = end };

	part.gap = (__s32)(end - from);
	if ((__u64)skb == (__u64)&sk->sk_receive_queue || (__s32)(end - first) < 0 ||
	    (__s32)(skb_cb(skb)->end_seq - end) < 0)
		return part; /* it is not this one's */
	if ((__s32)(first - from) > 0)
		from = first;
	part.bytes = end - from;
	part.offset = from - first;
	part.gap -= (__s32)part.bytes;
	return part;
}

static __always_inline const struct sock *sock_of(const struct io *io)
{
	return bpf_rdonly_cast((const void *)io->socket, bpf_core_type_id_kernel(struct sock));
}

/*
 * Where the task's last write was copied to: the kernel fills pages of the task's, from which
 * buffers take their fragments (sk_page_frag()), and the task has written nothing since. Only for
 * calls that copy, and sockets that use these pages. False if it is not all there.
 */
static __always_inline bool payload_copied(struct io *io, struct task_struct *task)
{
	const struct iovec *words =
		bpf_rdonly_cast(&task->task_frag, bpf_core_type_id_kernel(struct iovec));
	const struct sock *sk = sock_of(io);
	__u64 rest = words->iov_len; /* of a struct page_frag: offset, size */
	struct fragment f = { .page = (__u64)words->iov_base, .offset = (__u32)rest };

	if (!bpf_core_field_exists(sk->sk_use_task_frag) || !sk->sk_use_task_frag ||
	    sk->__sk_common.skc_flags &
		    (1UL << bpf_core_enum_value(enum sock_flags, SOCK_ZEROCOPY)) ||
	    f.offset < io->bytes)
		return false;
	f.offset -= io->bytes;
	io->segment[0].base = fragment_address(&f);
	io->segment[0].bytes = io->bytes;
	io->segments = 1;
	io->more = 0;
	io->list = 0;
	return true;
}

/* A call whose buffers are not known where they are in the task: whether it copies all the same. */
static __always_inline bool call_copies(const struct syscall *call)
{
	if (!call->compat)
		return call->number == NR_SENDMMSG || call->number == NR_PWRITEV2;
	switch (call->number) {
	case NR_COMPAT_WRITE:
	case NR_COMPAT_WRITEV:
	case NR_COMPAT_SOCKETCALL:
	case NR_COMPAT_SENDTO:
	case NR_COMPAT_SENDMSG:
	case NR_COMPAT_SENDMMSG:
		return true;
	}
	return false;
}

/* The same: its bytes in the kernel, or a loss. */
static __always_inline int payload_elsewhere(struct io *io, struct task_struct *task,
					     const struct syscall *call, bool sending)
{
	if (has_queues && sending && call_copies(call) && payload_copied(io, task))
		return PAYLOAD_QUEUE;
	count_loss(call->compat ? LOSS_COMPAT : LOSS_SYSCALL);
	return PAYLOAD_NONE;
}

/* Fills segment[] for a call of io->bytes bytes. Returns enum payload_source. */
static __always_inline int payload_find(struct io *io, bool sending)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct segment vector; /* of a struct user_msghdr: where, and how many */
	struct syscall call;

	if (task->flags & (PF_KTHREAD | PF_IO_WORKER)) {
		count_loss(task->flags & PF_IO_WORKER ? LOSS_IO_URING : LOSS_KERNEL_SOCKET);
		return PAYLOAD_NONE;
	}
	syscall_read(task, &call);
	if (call.compat)
		return payload_elsewhere(io, task, &call, sending);
	if (call.number == NR_IO_URING_ENTER) {
		count_loss(LOSS_IO_URING);
		return PAYLOAD_NONE;
	}
	if (bpf_core_field_exists(task->io_uring) && task->io_uring) {
		__u64 fd = sending && call.number == NR_SPLICE ? call.arg2 : call.arg0;

		if (!is_this_socket(task, fd, io->socket)) {
			count_loss(LOSS_IO_URING);
			return PAYLOAD_NONE;
		}
	}
	if (sending) {
		switch (call.number) {
		case NR_WRITE:
		case NR_SENDTO:
			return one_segment(io, call.arg1, call.arg2);
		case NR_WRITEV:
			return many_segments(io, call.arg1, call.arg2);
		case NR_SENDFILE:
		case NR_SPLICE:
			return PAYLOAD_FILE;
		case NR_SENDMSG:
			break;
		default:
			return payload_elsewhere(io, task, &call, sending);
		}
	} else {
		switch (call.number) {
		case NR_READ:
		case NR_RECVFROM:
			return one_segment(io, call.arg1, call.arg2);
		case NR_READV:
			return many_segments(io, call.arg1, call.arg2);
		case NR_RECVMSG:
			break;
		default:
			count_loss(LOSS_SYSCALL);
			return PAYLOAD_NONE;
		}
	}
	if (bpf_probe_read_user(
		    &vector, sizeof(vector),
		    (void *)(call.arg1 + __builtin_offsetof(struct user_msghdr, msg_iov)))) {
		count_loss(LOSS_FAULT);
		return PAYLOAD_NONE;
	}
	return many_segments(io, vector.base, vector.bytes);
}

/* Moves on by `bytes` bytes of the call. */
static __always_inline void payload_skip(struct io *io, __u64 bytes)
{
	if (bytes > io->left)
		bytes = io->left;
	io->left -= (__u32)bytes;
	io->sequence += (__u32)bytes;
	io->at += bytes;
}

/* Passes over the segment at hand; non-zero where io->at falls into it, or there is none. */
VERIFIED_ALONE int next_segment(struct io *io)
{
	__u32 current;

	if (!io)
		return 1;
	current = io->current;
	if (current >= SEGMENTS || current >= io->segments)
		return !next_segments(io);
	if (io->at < io->segment[current].bytes)
		return 1;
	io->at -= io->segment[current].bytes;
	io->current = current + 1;
	return 0;
}

static long next_segment_step(__u32 i, struct io **io)
{
	return zero_or_one(next_segment(*io));
}

#define SEGMENTS_MOST (2 * 1024) /* UIO_MAXIOV: a call has no more, and each is passed over alone */

/* Goes on to the segment that io->at falls in. False, and counted, if there is none. */
VERIFIED_ALONE int payload_seek(struct io *io)
{
	__u32 current;

	if (!io)
		return 0;
	if (!STEPS_END(SEGMENTS_MOST, next_segment_step, &io))
		count_loss(LOSS_IOVEC);
	current = io->current;
	return current < SEGMENTS && current < io->segments && io->at < io->segment[current].bytes;
}

/* Takes back what the last payload_skip() passed over, within the same segment. */
static __always_inline void payload_back(struct io *io, __u64 bytes)
{
	io->left += (__u32)bytes;
	io->sequence -= (__u32)bytes;
	io->at -= bytes;
}

/* The last buffer that was queued to be sent, or waits for its acknowledgement; 0: none. */
static __always_inline const struct sk_buff *queue_tail(const struct sock *sk)
{
	const struct sk_buff *last = sk->sk_write_queue.prev;
	const struct rb_node *node, *right;

	if ((__u64)last != (__u64)sk + bpf_core_field_offset(struct sock, sk_write_queue))
		return last;
	node = sk->tcp_rtx_queue.rb_node;
	for (int i = 0; i < QUEUE_DEPTH && node; i++) {
		right = node->rb_right;
		if (!right)
			return skb_cast((const __u8 *)node -
					bpf_core_field_offset(struct sk_buff, rbnode));
		node = right;
	}
	return NULL;
}

/*
 * Finds the bytes of a write in the last buffer to be sent. Not under the socket's lock: what is
 * read may be acknowledged and gone meanwhile, see queue_holds(). False if they are not there.
 */
static __always_inline bool payload_sent(struct io *io)
{
	const struct sk_buff *skb = queue_tail(sock_of(io));
	const struct tcp_skb_cb *cb;
	__u32 from = io->end - io->bytes;

	if (!skb)
		return false;
	skb = skb_cast(skb);
	cb = skb_cb(skb);
	if (cb->end_seq != io->end || (__s32)(from - cb->seq) < 0)
		return false;
	payload_queued(io, skb, from - cb->seq);
	io->buffer = (__u64)skb;
	return true;
}

/*
 * Whether the buffer that bytes have been copied from held them all the while: it is still the
 * last one, and not all of it is acknowledged, which comes before it is given back.
 */
static __always_inline bool queue_holds(const struct io *io)
{
	const struct sock *sk = sock_of(io);
	const struct tcp_sock *tp =
		bpf_rdonly_cast((const void *)io->socket, bpf_core_type_id_kernel(struct tcp_sock));

	barrier();
	return (__s32)(tp->snd_una - io->end) < 0 && (__u64)queue_tail(sk) == io->buffer;
}

/* Finds the bytes of a read or write, for the first time. */
static __always_inline void payload_locate(struct io *io, bool sending)
{
	if (has_queues && !sending) {
		/* under the socket's lock, from tcp_rcv_space_adjust on */
		payload_queued(io, skb_cast(sock_of(io)->sk_receive_queue.next), io->offset);
		return;
	}
	if (has_queues && io->in_order && payload_sent(io))
		return;
	io->source = payload_find(io, sending);
}

/* The same where a call costs little, on a stack of its own; what is known already stays. */
VERIFIED_ALONE int payload_found(struct io *io, int sending)
{
	if (io && io->source == PAYLOAD_UNKNOWN)
		payload_locate(io, sending);
	return 0;
}

/* A buffer of plain text that a TLS library gave or took. */
static __always_inline void payload_plain(struct io *io, __u64 buffer, __u32 bytes)
{
	io->segment[0].base = buffer;
	io->segment[0].bytes = bytes;
	io->segments = 1;
	io->more = 0;
	io->at = 0;
	io->current = 0;
	io->source = PAYLOAD_USER;
	io->can_block = 0;
	io->bytes = bytes;
	io->left = bytes;
	io->unseen = 0;
	io->buffer = 0;
	io->plain = 1;
}

static __always_inline long payload_copy(const struct io *io, void *to, __u32 bytes, __u64 from)
{
	return io->source == PAYLOAD_QUEUE ? bpf_probe_read_kernel(to, bytes, (void *)from)
					   : bpf_probe_read_user(to, bytes, (void *)from);
}

/*
 * A message's first bytes are often in the linear part of a buffer, the others in a fragment: also
 * shows what is in the next segment, if it is known. Behind `before` bytes. Returns how many.
 */
static __always_inline __u32 payload_behind(const struct io *io, void *to, __u32 most, __u32 before)
{
	__u32 next = io->current + 1;
	__u64 n = io->left - before;

	if (next >= io->segments || next >= SEGMENTS)
		return 0;
	if (n > io->segment[next].bytes)
		n = io->segment[next].bytes;
	if (n > most)
		n = most;
	n = at_most(n, CURSOR_BYTES);
	return n && !bpf_probe_read_kernel(to, (__u32)n, (void *)io->segment[next].base) ? (__u32)n
											 : 0;
}

/* As payload_show(), which bytes of a write's queue may be gone behind. */
static __always_inline __u32 payload_show_once(struct io *io, const struct http_parser *p,
					       __u32 most)
{
	struct cursor *cur = &io->cursor;
	__u32 current = io->current, carry = p ? p->carry_bytes : 0;
	__u64 n, *byte = (__u64 *)cur->byte;
	const __u64 *kept = p ? (const __u64 *)p->carry : NULL;

	if (io->source != PAYLOAD_USER && io->source != PAYLOAD_QUEUE)
		return 0;
	if (current >= SEGMENTS || current >= io->segments ||
	    io->at >= io->segment[current].bytes) {
		if (!payload_seek(io))
			return 0;
		current = io->current;
		if (current >= SEGMENTS)
			return 0;
	}
	n = io->segment[current].bytes - io->at;
	if (n > io->left)
		n = io->left;
	if (n > most)
		n = most;
	if (n == 0 || n > CURSOR_BYTES || carry > HTTP_CARRY)
		return 0;
	if (carry) {
		byte[0] = kept[0];
		byte[1] = kept[1];
		byte[2] = kept[2];
	}
	if (payload_copy(io, &cur->byte[carry], n, io->segment[current].base + io->at)) {
		count_loss(LOSS_FAULT);
		return 0;
	}
	if (io->source == PAYLOAD_QUEUE && n < most)
		n += payload_behind(io, &cur->byte[at_most(carry + n, CURSOR_MASK)],
				    most - (__u32)n, (__u32)n);
	cur->pos = 0;
	cur->bytes = carry + (__u32)n;
	return (__u32)n;
}

/* What was found in the queue of a write is not there any more: it is read where the task has it. */
VERIFIED_ALONE int payload_fall_back(struct io *io)
{
	if (!io)
		return 0;
	io->buffer = 0;
	io->source = payload_find(io, true);
	io->current = 0;
	io->at = io->bytes - io->left;
	return 0;
}

/*
 * Puts the parser's carry and the next bytes under the cursor, at most `most` fresh ones. Returns
 * how many fresh ones, or 0 if they cannot be read; the reason has been counted.
 */
static __always_inline __u32 payload_show(struct io *io, const struct http_parser *p, __u32 most)
{
	__u32 n = payload_show_once(io, p, most);

	if (!has_queues || io->source != PAYLOAD_QUEUE || !io->buffer || (n && queue_holds(io)))
		return n;
	payload_fall_back(io);
	return payload_show_once(io, p,
				 most); /* no loop: 6.1 knows the jump back in some forms only */
}

#endif
