// SPDX-License-Identifier: Apache-2.0
/* The kernel is two functions here; the processes and the files are real ones. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "probes_process.h"
#include "uprobes/attached.h"
#include "uprobes/successors.h"
#include "uprobes/worker.h"

Suite *probes_attached_suite(void);

#define S 1000000000ULL
#define ALL 7U
#define PROGRAMS 4 /* of a library with SSL_read and SSL_write, each one link */
#define MAX_LINKS 20000

/* The kernel's side: links that are open, by number. */
static struct {
	bool is_open[MAX_LINKS];
	int next;
	int open;
	int fail_at; /* this many calls succeed, then one fails; -1: none */
	bool lacks_programs;
	int warnings;
	char warning[512];
	int victim_at; /* the link before the first in the file "victim"; 0: none yet */
	pthread_mutex_t lock;
} kernel;

static struct attached *attached;
static char library[PROBES_PATH_BYTES];
static const char *paths[] = { library };

static bool is_victim(const char *path)
{
	char target[PROBES_PATH_BYTES] = "";

	return readlink(path, target, sizeof(target) - 1) > 0 && strstr(target, "victim");
}

static int attach(void *ctx, const char *path, const uint64_t *offsets, size_t count,
		  const char *program, bool is_return, int *ret_links)
{
	ck_assert_ptr_eq(ctx, &kernel);
	ck_assert_uint_gt(offsets[0], 0);
	ck_assert_uint_eq(count, 1);
	ck_assert_int_eq(is_return, strstr(program, "return") != NULL);
	ck_assert_int_eq(access(path, R_OK), 0);
	if (kernel.fail_at >= 0 && kernel.fail_at-- == 0)
		return -EACCES;
	pthread_mutex_lock(&kernel.lock);
	ck_assert_int_lt(kernel.next, MAX_LINKS);
	kernel.is_open[kernel.next] = true;
	kernel.open++;
	if (!kernel.victim_at && is_victim(path))
		kernel.victim_at = kernel.next;
	ret_links[0] = kernel.next++;
	pthread_mutex_unlock(&kernel.lock);
	return 1;
}

static void detach(void *ctx, int link)
{
	(void)ctx;
	pthread_mutex_lock(&kernel.lock);
	ck_assert(kernel.is_open[link]);
	kernel.is_open[link] = false;
	kernel.open--;
	pthread_mutex_unlock(&kernel.lock);
}

static bool has_program(void *ctx, const char *program)
{
	(void)ctx;
	(void)program;
	return !kernel.lacks_programs;
}

__attribute__((format(printf, 1, 2))) static void warn(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(kernel.warning, sizeof(kernel.warning), format, arguments);
	va_end(arguments);
	kernel.warnings++;
}

static const struct attached_ops ops = { attach, detach, has_program, warn, &kernel, NULL };

static struct serving serving_of(pid_t pid)
{
	struct serving serving = {
		.pid = pid,
		.kind = INSTANCE_EXECUTABLE,
		.comm = "mapper",
		.instance = "mapper",
		.app = "web",
	};

	return serving;
}

static int look(pid_t pid, uint64_t now_ns)
{
	const struct serving serving = serving_of(pid);

	return attached__process(attached, &serving, now_ns);
}

static void push(struct worker *worker, pid_t pid)
{
	const struct serving serving = serving_of(pid);

	worker__push(worker, &serving);
}

static void setup(void)
{
	memset(&kernel, 0, sizeof(kernel));
	kernel.fail_at = -1;
	pthread_mutex_init(&kernel.lock, NULL);
	probes_library__make(library, "");
	ck_assert_int_eq(attached__new(&attached, &ops, ALL), 0);
}

static void teardown(void)
{
	attached__free(attached);
	ck_assert_int_eq(kernel.open, 0);
	probes_library__remove(library);
}

static struct attached_stats stats(void)
{
	struct attached_stats now;

	attached__stats(attached, &now);
	ck_assert_uint_eq(now.links, (uint32_t)kernel.open);
	return now;
}

START_TEST(a_file_is_attached_once_and_let_go)
{
	pid_t first = probes_process__start(paths, 1, 0, NULL);
	pid_t second = probes_process__start(paths, 1, 0, NULL);

	ck_assert_int_eq(look(first, 1 * S), 0);
	ck_assert_int_eq(kernel.open, PROGRAMS);
	ck_assert_int_eq(look(second, 1 * S), 0);
	ck_assert_int_eq(look(first, 9 * S), 0);
	ck_assert_int_eq(kernel.open, PROGRAMS);
	ck_assert_uint_eq(stats().files, 1);
	ck_assert_uint_eq(stats().probes, 4);
	ck_assert_uint_eq(stats().processes, 2);
	probes_process__end(first);
	attached__sweep(attached, 100 * S);
	ck_assert_int_eq(kernel.open, PROGRAMS);
	ck_assert_uint_eq(stats().processes, 1);
	probes_process__end(second);
	attached__sweep(attached, 101 * S);
	ck_assert_uint_eq(stats().processes, 0);
	ck_assert_int_eq(kernel.open, PROGRAMS); /* another may come */
	attached__sweep(attached, 101 * S + ATTACHED_LINGER_NS - 1);
	ck_assert_int_eq(kernel.open, PROGRAMS);
	attached__sweep(attached, 101 * S + ATTACHED_LINGER_NS);
	ck_assert_int_eq(kernel.open, 0);
	ck_assert_uint_eq(stats().files, 0);
	ck_assert_uint_eq(stats().detached_total, 1);
	ck_assert_int_eq(kernel.warnings, 0);
}
END_TEST

START_TEST(a_process_that_becomes_another_program)
{
	char link[64], target[256] = "";
	int go_on;
	pid_t pid = probes_process__start(paths, 1, 0, &go_on);

	ck_assert_int_eq(look(pid, 1 * S), 0);
	ck_assert_int_eq(kernel.open, PROGRAMS);
	ck_assert_int_eq(write(go_on, "", 1), 1);
	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	for (int i = 0; i < 5000 && !strstr(target, "sleep") && !strstr(target, "box"); i++) {
		ssize_t n = readlink(link, target, sizeof(target) - 1);

		target[n > 0 ? n : 0] = '\0';
		usleep(1000);
	}
	attached__sweep(attached, 50 * S);
	attached__sweep(attached, 60 * S);
	ck_assert_int_eq(kernel.open, 0);
	ck_assert_uint_eq(stats().processes, 1);
	close(go_on);
	probes_process__end(pid);
}
END_TEST

/* The id of a process that has ended, given to one that maps nothing. */
START_TEST(a_pid_that_is_used_again)
{
	pid_t pid = probes_process__start(paths, 1, 0, NULL), again;

	ck_assert_int_eq(look(pid, 1 * S), 0);
	probes_process__end(pid);
	usleep(30000); /* three ticks of the clock that starts are told in */
	again = probes_process__start(NULL, 0, pid, NULL);
	if (again != pid) {
		fprintf(stderr, "SKIP probes_attached: no right to choose a pid\n");
		return;
	}
	attached__sweep(attached, 10 * S);
	ck_assert_uint_eq(stats().processes, 0);
	ck_assert_int_eq(look(pid, 10 * S), 0);
	ck_assert_uint_eq(stats().processes, 1);
	attached__sweep(attached, 20 * S);
	ck_assert_int_eq(kernel.open, 0);
	probes_process__end(pid);
}
END_TEST

START_TEST(a_file_that_is_written_to)
{
	pid_t pid = probes_process__start(paths, 1, 0, NULL);
	int fd;

	ck_assert_int_eq(look(pid, 1 * S), 0);
	fd = open(library, O_WRONLY | O_APPEND | O_CLOEXEC);
	ck_assert_int_eq(write(fd, "more", 4), 4);
	close(fd);
	/* the old places are given up at once, the new ones taken */
	ck_assert_int_eq(look(pid, 5 * S), 0);
	ck_assert_int_eq(kernel.open, PROGRAMS);
	ck_assert_int_eq(kernel.next, 2 * PROGRAMS);
	ck_assert(!kernel.is_open[0]);
	probes_process__end(pid);
}
END_TEST

/* All probes or none; said once, tried again after a minute. */
START_TEST(what_the_kernel_refuses)
{
	pid_t pid = probes_process__start(paths, 1, 0, NULL);

	kernel.fail_at = _i;
	ck_assert_int_eq(look(pid, 1 * S), 0);
	ck_assert_int_eq(kernel.open, 0);
	ck_assert_uint_eq(stats().refused, 1);
	ck_assert_int_eq(kernel.warnings, 1);
	ck_assert_ptr_nonnull(strstr(kernel.warning, "Permission denied"));
	ck_assert_ptr_nonnull(strstr(kernel.warning, library));
	kernel.fail_at = -1;
	ck_assert_int_eq(look(pid, 30 * S), 0);
	ck_assert_int_eq(kernel.open, 0);
	ck_assert_int_eq(look(pid, 70 * S), 0);
	ck_assert_int_eq(kernel.open, PROGRAMS);
	ck_assert_uint_eq(stats().refused, 0);
	ck_assert_int_eq(kernel.warnings, 1);
	probes_process__end(pid);
}
END_TEST

START_TEST(programs_that_are_not_loaded)
{
	pid_t pid = probes_process__start(paths, 1, 0, NULL);

	kernel.lacks_programs = true;
	ck_assert_int_eq(look(pid, 1 * S), 0);
	ck_assert_int_eq(kernel.next, 0);
	ck_assert_uint_eq(stats().refused, 1);
	ck_assert_ptr_nonnull(strstr(kernel.warning, "no program for it is loaded"));
	probes_process__end(pid);
}
END_TEST

START_TEST(processes_that_come_and_go)
{
	uint64_t now_ns = S;

	for (int i = 0; i < 400; i++) {
		pid_t pid = probes_process__start(paths, 1, 0, NULL);

		now_ns += S / 50;
		ck_assert_int_eq(look(pid, now_ns), 0);
		probes_process__end(pid);
		if (i % 50 == 49)
			attached__sweep(attached, now_ns);
		ck_assert_int_eq(kernel.open, PROGRAMS);
	}
	ck_assert_int_eq(kernel.next, PROGRAMS); /* one file, never let go between */
	attached__sweep(attached, now_ns += 10 * S);
	attached__sweep(attached, now_ns += 10 * S);
	ck_assert_int_eq(kernel.open, 0);
	ck_assert_uint_eq(stats().processes, 0);
	ck_assert_int_eq(look(-1, now_ns), -ESRCH);
	ck_assert_int_eq(look(1 << 30, now_ns), -ESRCH);
	ck_assert_uint_eq(stats().processes, 0);
}
END_TEST

/* More files than there is room for: counted, said once, and room is used again. */
START_TEST(tables_are_bounded)
{
	enum { PROCESSES = ATTACHED_MAX_FILES / ATTACHED_FILES_OF_PROCESS + 2 };
	static char copy[PROCESSES][ATTACHED_FILES_OF_PROCESS + 1][PROBES_PATH_BYTES];
	pid_t pid[PROCESSES];

	for (int i = 0; i < PROCESSES; i++) {
		/* one more than a process may have */
		const char *files[ATTACHED_FILES_OF_PROCESS + 1];

		for (int j = 0; j <= ATTACHED_FILES_OF_PROCESS; j++) {
			char name[32];

			snprintf(name, sizeof(name), "libssl.so.%d.%d", i, j);
			probes_library__copy(library, name, copy[i][j]);
			files[j] = copy[i][j];
		}
		pid[i] = probes_process__start(files, ATTACHED_FILES_OF_PROCESS + 1, 0, NULL);
		ck_assert_int_eq(look(pid[i], 1 * S), 0);
	}
	ck_assert_uint_eq(stats().files, ATTACHED_MAX_FILES);
	ck_assert_uint_gt(stats().full_total, 0);
	ck_assert_int_eq(kernel.warnings, 1);
	for (int i = 0; i < PROCESSES - 2; i++)
		probes_process__end(pid[i]);
	attached__sweep(attached, 10 * S);
	attached__sweep(attached, 20 * S);
	attached__sweep(attached, 30 * S);
	ck_assert_uint_eq(stats().files, 2 * ATTACHED_FILES_OF_PROCESS);
	probes_process__end(pid[PROCESSES - 2]);
	probes_process__end(pid[PROCESSES - 1]);
}
END_TEST

/* A process that nobody told of takes over from the one that was looked at; its end is the end. */
START_TEST(an_heir_keeps_the_file)
{
	pid_t first = probes_process__start(paths, 1, 0, NULL);
	pid_t second = probes_process__start(paths, 1, 0, NULL);
	uint64_t now_ns = 10 * S;

	ck_assert_int_eq(look(first, 1 * S), 0);
	probes_process__end(first);
	for (int i = 0; i < 10; i++, now_ns += 10 * S) {
		attached__sweep(attached, now_ns);
		ck_assert_int_eq(kernel.open, PROGRAMS);
		ck_assert_uint_eq(stats().processes, 1);
		ck_assert_uint_eq(stats().successors_total, 1);
	}
	ck_assert_int_eq(kernel.next, PROGRAMS); /* never let go between */
	probes_process__end(second);
	attached__sweep(attached, now_ns);
	ck_assert_uint_eq(stats().processes, 0);
	attached__sweep(attached, now_ns + 10 * S);
	ck_assert_int_eq(kernel.open, 0);
	ck_assert_uint_eq(stats().detached_total, 1);
}
END_TEST

/* One that has ended and that nobody has waited for is no reason to let go, nor to hold on. */
START_TEST(a_zombie_has_ended)
{
	pid_t first = probes_process__start(paths, 1, 0, NULL);
	pid_t second = probes_process__start(paths, 1, 0, NULL);
	siginfo_t info;

	ck_assert_int_eq(look(first, 1 * S), 0);
	kill(first, SIGKILL);
	ck_assert_int_eq(waitid(P_PID, (id_t)first, &info, WEXITED | WNOWAIT), 0);
	attached__sweep(attached, 10 * S);
	ck_assert_uint_eq(stats().successors_total, 1);
	ck_assert_uint_eq(stats().processes, 1);
	kill(second, SIGKILL);
	ck_assert_int_eq(waitid(P_PID, (id_t)second, &info, WEXITED | WNOWAIT), 0);
	attached__sweep(attached, 20 * S);
	attached__sweep(attached, 30 * S);
	ck_assert_int_eq(kernel.open, 0);
	probes_process__end(first);
	probes_process__end(second);
}
END_TEST

/* The same executable, but nothing of the library in it: neither kept, nor an successor. */
START_TEST(a_relative_without_the_file)
{
	pid_t first = probes_process__start(paths, 1, 0, NULL);
	pid_t other = probes_process__start(NULL, 0, 0, NULL);

	ck_assert_int_eq(look(first, 1 * S), 0);
	probes_process__end(first);
	attached__sweep(attached, 10 * S);
	ck_assert_uint_eq(stats().processes, 0);
	ck_assert_uint_eq(stats().successors_total, 0);
	attached__sweep(attached, 20 * S);
	ck_assert_int_eq(kernel.open, 0);
	probes_process__end(other);
}
END_TEST

/* Gone at the first look: the instance's other processes are looked at instead, soon. */
START_TEST(gone_before_it_was_looked_at)
{
	pid_t gone = probes_process__start(paths, 1, 0, NULL), successor;

	probes_process__end(gone);
	successor = probes_process__start(paths, 1, 0, NULL);
	ck_assert_uint_eq(attached__due_ns(attached), UINT64_MAX);
	ck_assert_int_eq(look(gone, 1 * S), -ESRCH);
	ck_assert_uint_le(attached__due_ns(attached), 1 * S);
	attached__inherit(attached, 1 * S);
	ck_assert_uint_eq(attached__due_ns(attached), UINT64_MAX);
	ck_assert_int_eq(kernel.open, PROGRAMS);
	ck_assert_uint_eq(stats().processes, 1);
	/* the next search waits: it is not cheap */
	ck_assert_int_eq(look(gone, 1 * S), -ESRCH);
	ck_assert_uint_gt(attached__due_ns(attached), 1 * S);
	probes_process__end(successor);
	attached__sweep(attached, 20 * S);
	attached__sweep(attached, 30 * S);
	ck_assert_uint_eq(attached__due_ns(attached), UINT64_MAX);
	ck_assert_int_eq(kernel.open, 0);
}
END_TEST

/* Many of one executable end at once: one search, no file let go while one lives, none held after. */
START_TEST(many_end_at_once)
{
	enum { PROCESSES = 300 };
	static pid_t pid[PROCESSES];
	pid_t left = probes_process__start(paths, 1, 0, NULL);

	for (int i = 0; i < PROCESSES; i++) {
		pid[i] = probes_process__start(paths, 1, 0, NULL);
		ck_assert_int_eq(look(pid[i], 1 * S), 0);
	}
	ck_assert_uint_eq(stats().processes, PROCESSES);
	for (int i = 0; i < PROCESSES; i++)
		probes_process__end(pid[i]);
	attached__sweep(attached, 10 * S);
	ck_assert_uint_eq(stats().processes, 1);
	ck_assert_uint_eq(stats().successors_total, 1);
	ck_assert_uint_eq(stats().full_total, 0);
	ck_assert_int_eq(kernel.open, PROGRAMS);
	probes_process__end(left);
	attached__sweep(attached, 20 * S);
	attached__sweep(attached, 30 * S);
	ck_assert_int_eq(kernel.open, 0);
}
END_TEST

/* More instances whose processes are gone than wait at a time: counted, and room is used again. */
START_TEST(what_waits_is_bounded)
{
	struct serving serving = serving_of(1 << 30);

	for (int i = 0; i < SUCCESSORS_MAX + 3; i++) {
		snprintf(serving.instance, sizeof(serving.instance), "nobody-%d", i);
		ck_assert_int_eq(attached__process(attached, &serving, 1 * S), -ESRCH);
		ck_assert_int_eq(attached__process(attached, &serving, 1 * S), -ESRCH);
	}
	ck_assert_uint_eq(stats().full_total, 2 * 3);
	attached__inherit(attached, 1 * S);
	ck_assert_uint_eq(attached__due_ns(attached), UINT64_MAX);
	ck_assert_int_eq(attached__process(attached, &serving, 2 * S), -ESRCH);
	ck_assert_uint_eq(stats().full_total, 2 * 3);
	ck_assert_uint_eq(stats().processes, 0);
}
END_TEST

/* Each server with TLS counts once, by how long it has waited; those without TLS do not. */
START_TEST(how_long_it_took)
{
	pid_t pid[] = { probes_process__start(paths, 1, 0, NULL),
			probes_process__start(paths, 1, 0, NULL),
			probes_process__start(paths, 1, 0, NULL),
			probes_process__start(NULL, 0, 0, NULL) };
	const uint64_t waited_ns[] = { S, 3 * S / 2, 0, 2 * S };
	uint64_t now_ns = clock__now_ns();
	struct attached_stats then;

	for (int i = 0; i < 4; i++) {
		struct serving serving = serving_of(pid[i]);

		serving.told_ns = waited_ns[i] ? now_ns - waited_ns[i] : 0;
		ck_assert_int_eq(attached__process(attached, &serving, now_ns), 0);
		ck_assert_int_eq(attached__process(attached, &serving, now_ns + 5 * S), 0);
	}
	then = stats();
	ck_assert_uint_eq(then.delay_total[DELAY_LONGER], 2);
	for (int i = 0; i < DELAY_LONGER; i++)
		ck_assert_uint_eq(then.delay_total[i], 0);
	for (int i = 0; i < 4; i++)
		probes_process__end(pid[i]);
}
END_TEST

/* What takes long is left to who has the time: a large file, one with probes in the wrong places. */
START_TEST(a_brief_look_leaves_the_rest)
{
	pid_t pid = probes_process__start(paths, 1, 0, NULL);
	const struct serving serving = serving_of(pid);

	ck_assert_int_eq(attached__process_briefly(attached, &serving, 1 * S), 0);
	ck_assert_int_eq(kernel.open, PROGRAMS);
	probes_library__swell(library);
	ck_assert_int_eq(attached__process_briefly(attached, &serving, 5 * S), -EAGAIN);
	ck_assert_int_eq(kernel.next, PROGRAMS);
	/* it still uses the file, and is not one that was looked at a moment ago */
	attached__sweep(attached, 5 * S);
	ck_assert_int_eq(kernel.next, 2 * PROGRAMS);
	ck_assert_int_eq(kernel.open, PROGRAMS);
	ck_assert_uint_eq(stats().files, 1);
	ck_assert_int_eq(chmod(library, 0755), 0);
	ck_assert_int_eq(look(pid, 8 * S), 0);
	ck_assert_int_eq(kernel.next, 3 * PROGRAMS);
	ck_assert_int_eq(attached__process_briefly(attached, &serving, 10 * S), 0);
	ck_assert_int_eq(kernel.next, 3 * PROGRAMS);
	ck_assert_uint_eq(stats().processes, 1);
	ck_assert_int_eq(kernel.warnings, 0);
	probes_process__end(pid);
	ck_assert_int_eq(attached__process_briefly(attached, &serving, 20 * S), -ESRCH);
}
END_TEST

/* Processes with files that take long to read came before; who comes behind them does not wait. */
START_TEST(a_newcomer_does_not_wait)
{
	enum { LARGE = 6 };
	static char large[LARGE][PROBES_PATH_BYTES], victim[PROBES_PATH_BYTES];
	struct attached_stats now = {};
	struct attached *other;
	struct worker *worker;
	struct serving serving;
	pid_t pid[LARGE + 1];

	ck_assert_int_eq(attached__new(&other, &ops, ALL), 0);
	ck_assert_int_eq(worker__new(&worker, other, 100 * S), 0);
	for (int i = 0; i <= LARGE; i++) {
		char *path = i < LARGE ? large[i] : victim;
		const char *files[] = { path };
		char name[32];

		snprintf(name, sizeof(name), i < LARGE ? "libssl.so.%d" : "libssl-victim.so", i);
		probes_library__copy(library, name, path);
		if (i < LARGE)
			probes_library__swell(path);
		pid[i] = probes_process__start(files, 1, 0, NULL);
		serving = serving_of(pid[i]);
		snprintf(serving.instance, sizeof(serving.instance), "%s",
			 i < LARGE ? "large" : "v");
		worker__push(worker, &serving);
	}
	ck_assert_int_eq(worker__start(worker), 0);
	for (int i = 0; i < 60000 && now.files != LARGE + 1; i++) {
		usleep(1000);
		worker__stats(worker, &now);
	}
	ck_assert_uint_eq(now.files, LARGE + 1);
	ck_assert_int_lt(kernel.victim_at, (LARGE - 1) * PROGRAMS);
	for (int i = 0; i <= LARGE; i++)
		probes_process__end(pid[i]);
	ck_assert(worker__free(worker));
	ck_assert_int_eq(kernel.open, 0);
}
END_TEST

/* The threads: what is pushed is done, and all is closed at the end. */
START_TEST(the_worker_attaches)
{
	pid_t pid = probes_process__start(paths, 1, 0, NULL);
	struct attached_stats now = {};
	struct attached *other;
	struct worker *worker;

	ck_assert_int_eq(attached__new(&other, &ops, ALL), 0);
	ck_assert_int_eq(worker__new(&worker, other, S / 20), 0);
	push(worker, pid);
	ck_assert_int_eq(worker__start(worker), 0);
	for (int i = 0; i < 5000 && now.files != 1; i++) {
		usleep(1000);
		worker__stats(worker, &now);
	}
	ck_assert_uint_eq(now.files, 1);
	probes_process__end(pid);
	for (int i = 0; i < 5000 && now.processes; i++) {
		usleep(1000);
		worker__stats(worker, &now);
	}
	ck_assert_uint_eq(now.processes, 0);
	for (int i = 0; i < 2 * WORKER_MAX_WAITING; i++)
		push(worker, 1 << 30);
	ck_assert(worker__free(worker));
	ck_assert_int_eq(kernel.open, 0);
	/* one that was never started */
	ck_assert_int_eq(attached__new(&other, &ops, ALL), 0);
	ck_assert_int_eq(worker__new(&worker, other, S), 0);
	ck_assert(worker__free(worker));
}
END_TEST

Suite *probes_attached_suite(void)
{
	Suite *suite = suite_create("probes_attached");
	TCase *tc = tcase_create("probes_attached");

	tcase_set_timeout(tc, 120);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_file_is_attached_once_and_let_go);
	tcase_add_test(tc, a_process_that_becomes_another_program);
	tcase_add_test(tc, a_pid_that_is_used_again);
	tcase_add_test(tc, a_file_that_is_written_to);
	tcase_add_loop_test(tc, what_the_kernel_refuses, 0, PROGRAMS);
	tcase_add_test(tc, programs_that_are_not_loaded);
	tcase_add_test(tc, processes_that_come_and_go);
	tcase_add_test(tc, tables_are_bounded);
	tcase_add_test(tc, an_heir_keeps_the_file);
	tcase_add_test(tc, a_zombie_has_ended);
	tcase_add_test(tc, a_relative_without_the_file);
	tcase_add_test(tc, gone_before_it_was_looked_at);
	tcase_add_test(tc, many_end_at_once);
	tcase_add_test(tc, what_waits_is_bounded);
	tcase_add_test(tc, how_long_it_took);
	tcase_add_test(tc, a_brief_look_leaves_the_rest);
	tcase_add_test(tc, a_newcomer_does_not_wait);
	tcase_add_test(tc, the_worker_attaches);
	suite_add_tcase(suite, tc);
	return suite;
}
