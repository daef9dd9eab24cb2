/* SPDX-License-Identifier: GPL-2.0 */
/* Programs of calls of TLS libraries, which the agent attaches to files. */
#ifndef EDGETAP_ON_LIBRARY_H
#define EDGETAP_ON_LIBRARY_H

#include <bpf/bpf_tracing.h>

#include "tls/library.h"

/* Without the program that would go on, the connection is lost sight of. */
static __always_inline void plain_missing(void)
{
	struct thread *thread = thread_known();
	struct plain *plain = thread ? plain_of(thread->connection) : NULL;

	if (!plain)
		return;
	count_loss(LOSS_CONNECTIONS_FULL);
	plain_lost(plain);
}

#define GO_ON_PLAIN(ctx, way)                                                                      \
	do {                                                                                       \
		bpf_tail_call(ctx, &library_tail, way);                                            \
		plain_missing();                                                                   \
	} while (0)

SEC("uprobe") /* behind those of Go */
int plain_text_read(struct pt_regs *ctx)
{
	struct thread *thread = thread_known();
	struct plain *plain = thread ? plain_of(thread->connection) : NULL;

	if (plain && plain_read(plain, &thread->io))
		GO_ON_PLAIN(ctx, TAIL_FRAMES_READ);
	return 0;
}

SEC("uprobe")
int plain_text_write(struct pt_regs *ctx)
{
	struct thread *thread = thread_known();
	struct plain *plain = thread ? plain_of(thread->connection) : NULL;

	if (plain && plain_write(plain, &thread->io, thread->begun_ns))
		GO_ON_PLAIN(ctx, TAIL_FRAMES_WRITTEN);
	plain_written(plain);
	return 0;
}

SEC("uprobe")
int plain_frames_read(struct pt_regs *ctx)
{
	struct thread *thread = thread_known();
	struct plain *plain = thread ? plain_of(thread->connection) : NULL;

	if (!plain)
		return 0;
	thread->io.sent = plain->sent_at_read;
	frames_follow(&plain->s, &thread->io, false);
	read_finish(&plain->s, &thread->io);
	return 0;
}

SEC("uprobe")
int plain_frames_written(struct pt_regs *ctx)
{
	struct thread *thread = thread_known();
	struct plain *plain = thread ? plain_of(thread->connection) : NULL;

	if (plain) {
		thread->io.sent = plain->sent;
		frames_follow(&plain->s, &thread->io, true);
	}
	plain_written(plain);
	return 0;
}

/* SSL_read(ssl, buffer, length), SSL_write(), gnutls_record_recv(), gnutls_record_send() */
SEC("uprobe")
int BPF_KPROBE(tls_read_enter, __u64 object, __u64 buffer, __u64 length)
{
	return library_enter(object, buffer, (__u32)length, 0, true);
}

SEC("uprobe")
int BPF_KPROBE(tls_write_enter, __u64 object, __u64 buffer, __u64 length)
{
	return library_enter(object, buffer, (__u32)length, 0, false);
}

/* SSL_read_ex(ssl, buffer, length, &bytes), SSL_write_ex() */
SEC("uprobe")
int BPF_KPROBE(tls_read_ex_enter, __u64 object, __u64 buffer, __u64 length, __u64 bytes)
{
	return library_enter(object, buffer, length, bytes, true);
}

SEC("uprobe")
int BPF_KPROBE(tls_write_ex_enter, __u64 object, __u64 buffer, __u64 length, __u64 bytes)
{
	return library_enter(object, buffer, length, bytes, false);
}

SEC("uretprobe")
int BPF_KRETPROBE(tls_read_return, int returned)
{
	struct thread *thread = thread_known();
	struct plain *plain = library_return(thread, returned);

	if (plain && plain_read(plain, &thread->io))
		GO_ON_PLAIN(ctx, TAIL_FRAMES_READ);
	return 0;
}

SEC("uretprobe")
int BPF_KRETPROBE(tls_write_return, int returned)
{
	struct thread *thread = thread_known();
	struct plain *plain = library_return(thread, returned);

	if (plain && plain_write(plain, &thread->io, thread->begun_ns))
		GO_ON_PLAIN(ctx, TAIL_FRAMES_WRITTEN);
	return 0;
}

/* SSL_do_handshake(ssl) and others in which the library reads or writes the socket. */
SEC("uprobe")
int BPF_KPROBE(tls_other_enter, __u64 object)
{
	return library_other_enter(object);
}

SEC("uretprobe")
int tls_other_return(struct pt_regs *ctx)
{
	return library_other_return();
}

/* crypto/tls.(*Conn).Read(buffer) and Write(buffer), and every return of them. */
SEC("uprobe")
int go_read_enter(struct pt_regs *ctx)
{
	return go_enter(GO_REGISTER_G(ctx), GO_REGISTER_1(ctx), GO_REGISTER_2(ctx),
			GO_REGISTER_3(ctx), false);
}

SEC("uprobe")
int go_write_enter(struct pt_regs *ctx)
{
	return go_enter(GO_REGISTER_G(ctx), GO_REGISTER_1(ctx), GO_REGISTER_2(ctx),
			GO_REGISTER_3(ctx), true);
}

SEC("uprobe")
int go_read_return(struct pt_regs *ctx)
{
	if (go_return(GO_REGISTER_G(ctx), GO_REGISTER_1(ctx)))
		GO_ON_PLAIN(ctx, TAIL_READ);
	return 0;
}

SEC("uprobe")
int go_write_return(struct pt_regs *ctx)
{
	if (go_return(GO_REGISTER_G(ctx), GO_REGISTER_1(ctx)))
		GO_ON_PLAIN(ctx, TAIL_WRITE);
	return 0;
}

/* crypto/tls.(*Conn).HandshakeContext() */
SEC("uprobe")
int go_handshake_enter(struct pt_regs *ctx)
{
	return go_other_enter(GO_REGISTER_G(ctx), GO_REGISTER_1(ctx));
}

SEC("uprobe")
int go_handshake_return(struct pt_regs *ctx)
{
	return go_other_return(GO_REGISTER_G(ctx));
}

#endif
