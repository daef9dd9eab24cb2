// SPDX-License-Identifier: Apache-2.0
#include "broker/filter.h"

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#if defined(__x86_64__)
#define ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

#ifdef ARCHITECTURE

#define NUMBER offsetof(struct seccomp_data, nr)
#define ARCH offsetof(struct seccomp_data, arch)
#define FIRST_ARGUMENT offsetof(struct seccomp_data, args[0]) /* low half: little-endian */

static const int allowed[] = {
	SYS_read,	   SYS_write,		SYS_readv,	    SYS_writev,
	SYS_close,	   SYS_fstat,		SYS_lseek,	    SYS_mmap,
	SYS_munmap,	   SYS_mprotect,	SYS_mremap,	    SYS_madvise,
	SYS_brk,	   SYS_rt_sigaction,	SYS_rt_sigprocmask, SYS_rt_sigreturn,
	SYS_rt_sigpending, SYS_rt_sigtimedwait, SYS_sigaltstack,    SYS_ppoll,
	SYS_pselect6,	   SYS_connect,		SYS_sendto,	    SYS_recvfrom,
	SYS_sendmsg,	   SYS_recvmsg,		SYS_shutdown,	    SYS_getsockopt,
	SYS_setsockopt,	   SYS_getsockname,	SYS_getpeername,    SYS_fcntl,
	SYS_getpid,	   SYS_gettid,		SYS_getuid,	    SYS_geteuid,
	SYS_getgid,	   SYS_getegid,		SYS_clock_gettime,  SYS_gettimeofday,
	SYS_nanosleep,	   SYS_clock_nanosleep, SYS_futex,	    SYS_getrandom,
	SYS_sched_yield,   SYS_restart_syscall, SYS_exit,	    SYS_exit_group,
#ifdef SYS_poll
	SYS_poll,	   SYS_select,		SYS_time,
#endif
#ifdef SYS_rseq
	SYS_rseq,
#endif
};

#define ALLOWED (sizeof(allowed) / sizeof(allowed[0]))

int filter__talk_only(void)
{
	struct sock_filter code[8 + 2 * ALLOWED + 4];
	struct sock_fprog program = { .filter = code };
	size_t n = 0;

	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARCH);
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ARCHITECTURE, 1, 0);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, NUMBER);
	for (size_t i = 0; i < ALLOWED; i++) {
		code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
							 (uint32_t)allowed[i], 0, 1);
		code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	}
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_socket, 0, 3);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, FIRST_ARGUMENT);
	code[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_UNIX, 0, 1);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES);
	program.len = (unsigned short)n;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0) ? -errno : 0;
}

#else

int filter__talk_only(void)
{
	return -ENOSYS;
}

#endif
