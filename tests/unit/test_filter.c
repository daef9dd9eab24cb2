// SPDX-License-Identifier: Apache-2.0
/* System calls that are left to a process which only talks: each in a child of its own. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "broker/filter.h"

#define NOT_LIMITED 100
#define X32_BIT 0x40000000

Suite *filter_suite(void);

struct call {
	long number;
	long argument[4];
	int want; /* errno, or 0 */
};

/* Limits itself, makes the call, and returns with the errno or 0. */
static int in_child(int (*make)(const struct call *call), const struct call *call)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_DUMPABLE, 0);
		_exit(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || filter__talk_only() ? NOT_LIMITED
										    : make(call));
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(waitpid(pid, &status, 0), pid);
	return status;
}

static int make_call(const struct call *call)
{
	const long *a = call->argument;

	return syscall(call->number, a[0], a[1], a[2], a[3], 0, 0) < 0 ? errno : 0;
}

static void expect(const struct call *call)
{
	int status = in_child(make_call, call);

	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == call->want,
		      "call %ld of %ld: status 0x%x, expected errno %d", call->number,
		      call->argument[0], (unsigned int)status, call->want);
}

START_TEST(files_and_processes_are_out_of_reach)
{
	static const char path[] = "/", *const argv[] = { path, NULL };
	const long text = (long)path, list = (long)argv;
	const struct call calls[] = {
		{ SYS_openat, { AT_FDCWD, text, O_RDONLY }, EACCES },
		{ SYS_openat, { AT_FDCWD, text, O_PATH }, EACCES },
		{ SYS_openat2, { AT_FDCWD, text }, EACCES },
		{ SYS_open_by_handle_at, { AT_FDCWD, text }, EACCES },
		{ SYS_execve, { text, list, list }, EACCES },
		{ SYS_execveat, { AT_FDCWD, text, list, list }, EACCES },
		{ SYS_clone, { SIGCHLD }, EACCES },
		{ SYS_clone3, { 0 }, EACCES },
		{ SYS_kill, { 1, 0 }, EACCES },
		{ SYS_tgkill, { 1, 1, 0 }, EACCES },
		{ SYS_pidfd_open, { 1 }, EACCES },
		{ SYS_ptrace, { 0 }, EACCES },
		{ SYS_process_vm_readv, { 1 }, EACCES },
		{ SYS_setuid, { 0 }, EACCES },
		{ SYS_setns, { 0 }, EACCES },
		{ SYS_unshare, { 0 }, EACCES },
		{ SYS_chroot, { text }, EACCES },
		{ SYS_mount, { text, text }, EACCES },
		{ SYS_bpf, { 0 }, EACCES },
		{ SYS_perf_event_open, { 0 }, EACCES },
		{ SYS_io_uring_setup, { 1 }, EACCES },
		{ SYS_userfaultfd, { 0 }, EACCES },
		{ SYS_prctl, { PR_SET_DUMPABLE, 1 }, EACCES },
		{ SYS_bind, { 0 }, EACCES },
		{ SYS_listen, { 0 }, EACCES },
		{ SYS_socketpair, { AF_UNIX, SOCK_STREAM }, EACCES },
		{ -1, { 0 }, EACCES },
		{ 100000, { 0 }, EACCES },
#ifdef SYS_open
		{ SYS_open, { text, O_RDONLY }, EACCES },
		{ SYS_creat, { text, 0600 }, EACCES },
		{ SYS_fork, { 0 }, EACCES },
		{ SYS_vfork, { 0 }, EACCES },
#endif
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		expect(&calls[i]);
}
END_TEST

/* As the kernel does, only the lower half of a family is looked at. */
START_TEST(sockets_are_of_the_machine)
{
	const long above = (long)(UINT64_MAX << 32);
	const struct call calls[] = {
		{ SYS_socket, { AF_UNIX, SOCK_STREAM }, 0 },
		{ SYS_socket, { above | AF_UNIX, SOCK_STREAM }, 0 },
		{ SYS_socket, { AF_INET, SOCK_STREAM }, EACCES },
		{ SYS_socket, { AF_INET6, SOCK_STREAM }, EACCES },
		{ SYS_socket, { AF_NETLINK, SOCK_RAW }, EACCES },
		{ SYS_socket, { AF_PACKET, SOCK_RAW }, EACCES },
		{ SYS_socket, { AF_VSOCK, SOCK_STREAM }, EACCES },
		{ SYS_socket, { AF_UNIX | 0x100, SOCK_STREAM }, EACCES },
		{ SYS_socket, { above | AF_INET, SOCK_STREAM }, EACCES },
		{ SYS_socket, { 0, SOCK_STREAM }, EACCES },
	};

	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++)
		expect(&calls[i]);
}
END_TEST

static int talk(const struct call *call)
{
	char *memory = malloc(1 << 20), byte;
	struct timespec now;
	struct pollfd ready = { .fd = (int)call->argument[0], .events = POLLIN };

	if (!memory || clock_gettime(CLOCK_MONOTONIC, &now) || poll(&ready, 1, 10000) != 1)
		return 1;
	free(memory);
	return read(ready.fd, &byte, 1) != 1 || send(ready.fd, &byte, 1, MSG_NOSIGNAL) != 1;
}

START_TEST(it_can_talk)
{
	struct call call = { 0 };
	int pair[2];
	char byte;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	call.argument[0] = pair[1];
	ck_assert_int_eq(write(pair[0], "x", 1), 1);
	ck_assert_int_eq(in_child(talk, &call), 0);
	ck_assert_int_eq(read(pair[0], &byte, 1), 1);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

#ifdef __x86_64__

/* getpid() by the numbers of i386, which are others: 20 is writev() here. */
static int make_i386_call(const struct call *call)
{
	long result = call->number;

	__asm__ volatile("int $0x80" : "+a"(result) : : "memory");
	return 0;
}

/* A kernel that knows no i386 faults instead. */
START_TEST(calls_of_another_architecture_end_it)
{
	const struct call i386 = { .number = 20 }, x32 = { .number = X32_BIT | SYS_getpid };
	int status = in_child(make_i386_call, &i386);

	ck_assert(WIFSIGNALED(status));
	ck_assert(WTERMSIG(status) == SIGSYS || WTERMSIG(status) == SIGSEGV);
	status = in_child(make_call, &x32);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGSYS);
}
END_TEST

#endif

Suite *filter_suite(void)
{
	Suite *suite = suite_create("filter");
	TCase *tc = tcase_create("filter");

	tcase_add_test(tc, files_and_processes_are_out_of_reach);
	tcase_add_test(tc, sockets_are_of_the_machine);
	tcase_add_test(tc, it_can_talk);
#ifdef __x86_64__
	tcase_add_test(tc, calls_of_another_architecture_end_it);
#endif
	suite_add_tcase(suite, tc);
	return suite;
}
