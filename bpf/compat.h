/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Every difference between kernels and architectures that the handlers meet.
 * Existence is asked of BTF when the program is loaded, never a version.
 */
#ifndef EDGETAP_COMPAT_H
#define EDGETAP_COMPAT_H

#include "maps.h"
#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#define AF_INET 2
#define AF_INET6 10
#define PROTOCOL_TCP 6
#define PROTOCOL_MPTCP 262
#define ECONNREFUSED 111
#define ETIMEDOUT 110
#define MSG_PEEK 0x2
#define MSG_OOB 0x1
#define MSG_TRUNC 0x20
#define MSG_ERRQUEUE 0x2000
#define O_NONBLOCK 0x800
#define PF_EXITING 0x4
#define PF_IO_WORKER 0x10
#define PF_KTHREAD 0x200000

/* include/net/sock.h: bits of sk_shutdown */
#define RCV_SHUTDOWN 1

#if defined(__TARGET_ARCH_x86)
enum {
	NR_READ = 0,
	NR_WRITE = 1,
	NR_READV = 19,
	NR_WRITEV = 20,
	NR_SENDFILE = 40,
	NR_SENDTO = 44,
	NR_RECVFROM = 45,
	NR_SENDMSG = 46,
	NR_RECVMSG = 47,
	NR_SPLICE = 275,
	NR_SENDMMSG = 307,
	NR_PWRITEV2 = 328,
	NR_IO_URING_ENTER = 426
};

/* Of 32-bit tasks (arch/x86/entry/syscalls/syscall_32.tbl). */
enum {
	NR_COMPAT_WRITE = 4,
	NR_COMPAT_SOCKETCALL = 102,
	NR_COMPAT_WRITEV = 146,
	NR_COMPAT_SENDMMSG = 345,
	NR_COMPAT_SENDTO = 369,
	NR_COMPAT_SENDMSG = 370,
};
#elif defined(__TARGET_ARCH_arm64)
enum {
	NR_READ = 63,
	NR_WRITE = 64,
	NR_READV = 65,
	NR_WRITEV = 66,
	NR_SENDFILE = 71,
	NR_SENDTO = 206,
	NR_RECVFROM = 207,
	NR_SENDMSG = 211,
	NR_RECVMSG = 212,
	NR_SPLICE = 76,
	NR_SENDMMSG = 269,
	NR_PWRITEV2 = 287,
	NR_IO_URING_ENTER = 426
};

/* Of 32-bit tasks (arch/arm64/tools/syscall_32.tbl). */
enum {
	NR_COMPAT_WRITE = 4,
	NR_COMPAT_SOCKETCALL = 102,
	NR_COMPAT_WRITEV = 146,
	NR_COMPAT_SENDMMSG = 374,
	NR_COMPAT_SENDTO = 290,
	NR_COMPAT_SENDMSG = 296,
};
#else
#error "system call numbers of this architecture are not known"
#endif

/*
 * A value bounded by `most`, compared on the very register that is then used.
 * The compiler likes to compare one copy and use another, and older verifiers
 * do not learn of the other: that of 6.12 if something was added to it before,
 * that of 6.1 if it lay on the stack meanwhile.
 */
static __always_inline __u64 at_most(__u64 value, __u64 most)
{
	asm volatile("" : "+r"(value));
	if (value > most)
		value = most;
	asm volatile("" : "+r"(value));
	return value;
}

/* The same, where a value that is too large means 0. */
static __always_inline __u64 below(__u64 value, __u64 limit)
{
	asm volatile("" : "+r"(value));
	if (value >= limit)
		value = 0;
	asm volatile("" : "+r"(value));
	return value;
}

/*
 * 0 or 1, for a callback's return. The compiler may know already that it is one
 * of these, the verifier does not, of a function that it looks at alone.
 */
static __always_inline long zero_or_one(__u64 value)
{
	asm volatile("" : "+r"(value));
	return value ? 1 : 0;
}

/*
 * Makes steps until one returns non-zero, at most `most`; true if that was it. bpf_loop() is 5.17;
 * before, so few that the verifier can walk them.
 */
#define STEPS_WALKED 64
#define STEPS_END(most, step, walk)                                                                \
	({                                                                                         \
		__u32 steps = 0, limit = (most);                                                   \
		if (bpf_core_enum_value_exists(enum bpf_func_id, BPF_FUNC_loop))                   \
			steps = (__u32)bpf_loop(limit, step, walk, 0);                             \
		else                                                                               \
			for (limit = STEPS_WALKED; steps < STEPS_WALKED; steps++)                  \
				if (step(steps, walk))                                             \
					break;                                                     \
		steps < limit;                                                                     \
	})

#if defined(__TARGET_ARCH_arm64)
/* vmlinux.h is that of x86-64; the offsets are those of the kernel that loads this. */
struct pt_regs___edgetap {
	__u64 regs[31];
	__u64 pstate;
	__u64 orig_x0;
	__s32 syscallno;
} __attribute__((preserve_access_index));
#endif

/* What the interrupted system call was asked to do. */
struct syscall {
	long number;
	__u64 arg0;
	__u64 arg1;
	__u64 arg2;
	bool compat;
};

static __always_inline void syscall_read(struct task_struct *task, struct syscall *call)
{
#if defined(__TARGET_ARCH_x86)
	struct pt_regs *regs = (struct pt_regs *)bpf_task_pt_regs(task);

	call->number = (long)regs->orig_ax;
	call->arg0 = regs->di;
	call->arg1 = regs->si;
	call->arg2 = regs->dx;
	call->compat = regs->cs == 0x23; /* __USER32_CS */
#else
	struct pt_regs___edgetap *regs = (struct pt_regs___edgetap *)bpf_task_pt_regs(task);

	call->number = regs->syscallno;
	call->arg0 = regs->orig_x0;
	call->arg1 = regs->regs[1];
	call->arg2 = regs->regs[2];
	call->compat = regs->pstate & 0x10; /* PSR_MODE32_BIT */
#endif
}

/*
 * The goroutine whose system call it is, if the task is a Go program's: from Go 1.17 (arm64:
 * 1.18) on the register that the Go ABI keeps it in.
 */
static __always_inline __u64 goroutine_in_syscall(struct task_struct *task)
{
#if defined(__TARGET_ARCH_x86)
	return ((struct pt_regs *)bpf_task_pt_regs(task))->r14;
#else
	return ((struct pt_regs___edgetap *)bpf_task_pt_regs(task))->regs[28];
#endif
}

/* Registers of Go's own calling convention (Go's abi-internal.md), in a uprobe. */
#if defined(__TARGET_ARCH_x86)
#define GO_REGISTER_1(ctx) ((ctx)->ax)
#define GO_REGISTER_2(ctx) ((ctx)->bx)
#define GO_REGISTER_3(ctx) ((ctx)->cx)
#define GO_REGISTER_G(ctx) ((ctx)->r14)
#else
#define GO_REGISTER_1(ctx) (((const volatile struct user_pt_regs *)(ctx))->regs[0])
#define GO_REGISTER_2(ctx) (((const volatile struct user_pt_regs *)(ctx))->regs[1])
#define GO_REGISTER_3(ctx) (((const volatile struct user_pt_regs *)(ctx))->regs[2])
#define GO_REGISTER_G(ctx) (((const volatile struct user_pt_regs *)(ctx))->regs[28])
#endif

/* A cast (skb.h) where there is one; bpf_skc_to_tcp_sock (5.9) is a call. */
static __always_inline struct tcp_sock *tcp_of(const struct sock *sk)
{
	if (bpf_rdonly_cast)
		return bpf_rdonly_cast(sk, bpf_core_type_id_kernel(struct tcp_sock));
	return bpf_skc_to_tcp_sock((void *)sk);
}

/*
 * When TCP last looked at the clock for this socket: CLOCK_MONOTONIC, as
 * bpf_ktime_get_ns(). tcp_rcv_established() looks when a segment comes in, and
 * tcp_rcv_space_adjust(), behind every copy to a reader, looks again; so in
 * sk_data_ready and sock_recv_length it is the present time, for one load
 * instead of a clock read (4.20; 50 ns under a paravirtual clock).
 */
static __always_inline __u64 tcp_time(const struct tcp_sock *tp)
{
	if (bpf_core_field_exists(tp->tcp_clock_cache))
		return tp->tcp_clock_cache;
	return bpf_ktime_get_ns();
}

/*
 * tcp_fin() sets SOCK_DONE, also before 4.16: a FIN has been queued, and
 * bytes_received and rcv_nxt count it.
 */
static __always_inline bool got_fin(const struct sock *sk)
{
	return sk->__sk_common.skc_flags & (1UL << bpf_core_enum_value(enum sock_flags, SOCK_DONE));
}

/*
 * Cgroup id of a task in the hierarchy that the agent chose. The pointers are
 * followed by loads that may fault, which cost nothing where a helper is a call.
 */
static __always_inline __u64 cgroup_id_of(struct task_struct *task)
{
	__u32 subsys = (__u32)cfg_cgroup_subsys;
	struct cgroup_subsys_state *css = NULL;

	if (cfg_cgroup_subsys < 0)
		return task->cgroups->dfl_cgrp->kn->id;
	/* the array's length differs between kernels, so the verifier cannot be told of it */
	bpf_probe_read_kernel(&css, sizeof(css),
			      &BPF_CORE_READ(task, cgroups)->subsys[subsys & 15]);
	return css ? BPF_CORE_READ(css, cgroup, kn, id) : 0;
}

#endif
