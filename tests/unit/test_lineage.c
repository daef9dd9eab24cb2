// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "identity/process.h"
#include "uprobes/lineage.h"

Suite *lineage_suite(void);

#define REST " 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 %ld 0 %s 1000 2000"

static bool parse(struct process_stat *stat, const char *name, char state, const char *ids,
		  long threads, const char *start)
{
	char text[1024], rest[128];

	snprintf(rest, sizeof(rest), REST, threads, start);
	snprintf(text, sizeof(text), "77 (%s) %c %s%s", name, state, ids, rest);
	return process_stat__parse(stat, text);
}

START_TEST(a_line_is_parsed)
{
	struct process_stat stat;

	ck_assert(parse(&stat, "nginx", 'S', "1 22 33", 1, "18446744073709551615"));
	ck_assert_str_eq(stat.comm, "nginx");
	ck_assert_int_eq(stat.group, 22);
	ck_assert_int_eq(stat.session, 33);
	ck_assert_uint_eq(stat.start, UINT64_MAX);
	ck_assert(!stat.has_ended);
	/* a name may look like what follows it */
	ck_assert(parse(&stat, "a) Z 1 2 (", 'S', "1 22 33", 1, "5"));
	ck_assert_str_eq(stat.comm, "a) Z 1 2 (");
	ck_assert_int_eq(stat.group, 22);
	ck_assert(!stat.has_ended);
	ck_assert(parse(&stat, "longer-than-fifteen", 'S', "1 22 33", 1, "5"));
	ck_assert_str_eq(stat.comm, "longer-than-fif");
	ck_assert(parse(&stat, "", 'S', "1 0 0", 1, "5"));
	ck_assert_str_eq(stat.comm, "");
}
END_TEST

START_TEST(what_has_ended)
{
	struct process_stat stat;

	ck_assert(parse(&stat, "a", 'Z', "1 2 3", 1, "5") && stat.has_ended);
	ck_assert(parse(&stat, "a", 'X', "1 2 3", 1, "5") && stat.has_ended);
	/* its first thread has left the others alone */
	ck_assert(parse(&stat, "a", 'Z', "1 2 3", 4, "5") && !stat.has_ended);
	ck_assert(parse(&stat, "a", 'D', "1 2 3", 1, "5") && !stat.has_ended);
}
END_TEST

START_TEST(lines_that_are_none)
{
	static const char *const lines[] = {
		"",
		"1",
		"1 (a",
		"1 )a( S 1 2 3",
		"1 (a)",
		"1 (a) S",
		"1 (a) S 1 2 3",
		"1 a S 1 2 3 4 5 6 7 8 9 10 11 12 13",
		"(((((((",
		")))))))))",
		"1 (a) S x y z 1 2 3",
		"\xff\xff(\xff)\xff",
	};
	struct process_stat stat = { .group = 5 };

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		ck_assert_msg(!process_stat__parse(&stat, lines[i]), "%s", lines[i]);
	ck_assert_int_eq(stat.group, 5);
}
END_TEST

static pid_t sleeper(const char *comm, bool leads)
{
	int ready[2];
	char byte;
	pid_t pid;

	ck_assert_int_eq(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		prctl(PR_SET_NAME, comm);
		if (leads)
			setsid();
		_exit(write(ready[1], "", 1) == 1 ? (pause(), 0) : 1);
	}
	ck_assert_int_gt(pid, 0);
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	close(ready[0]);
	close(ready[1]);
	return pid;
}

static void end(pid_t pid)
{
	kill(pid, SIGKILL);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
}

START_TEST(processes)
{
	pid_t leader = sleeper("lineage-test", true), other = sleeper("lineage-test", false);
	struct lineage lineage, own, again;
	struct process_stat stat, earlier;
	siginfo_t info;

	ck_assert_int_eq(lineage__read(&own, getpid(), NULL), 0);
	ck_assert_int_eq(lineage__read(&lineage, leader, NULL), 0);
	ck_assert(lineage.leads);
	ck_assert(file_id__equals(&lineage.program, &own.program));
	ck_assert_uint_eq(lineage.cgroup, own.cgroup);
	ck_assert_int_eq(lineage__read(&again, other, NULL), 0);
	ck_assert(!again.leads);
	ck_assert_int_eq(process_stat__read(&stat, leader), 0);
	ck_assert_str_eq(stat.comm, "lineage-test");
	ck_assert_int_eq(stat.session, leader);
	ck_assert_int_eq(process_stat__read(&earlier, getpid()), 0);
	ck_assert_uint_ge(stat.start, earlier.start);
	ck_assert(lineage__has_memory(leader));
	/* ended, and nobody has waited for it */
	kill(leader, SIGKILL);
	ck_assert_int_eq(waitid(P_PID, (id_t)leader, &info, WEXITED | WNOWAIT), 0);
	ck_assert_int_eq(process_stat__read(&stat, leader), -ESRCH);
	ck_assert(!lineage__has_memory(leader));
	ck_assert_int_eq(lineage__read(&lineage, leader, NULL), -ESRCH);
	end(leader);
	ck_assert_int_eq(process_stat__read(&stat, leader), -ENOENT);
	end(other);
}
END_TEST

/* Of an instance that goes by its executable: that name, or the comm where no better was known. */
START_TEST(whose_instance)
{
	pid_t pid = sleeper("lineage-test", false);
	struct serving serving = { .pid = 1 << 30, .kind = INSTANCE_EXECUTABLE, .comm = "x" };
	char path[4096];
	struct process_exe exe;
	struct process_stat stat;

	ck_assert_int_eq(process_stat__read(&stat, pid), 0);
	ck_assert_int_eq(process__exe(pid, &exe, path), 0);
	strcpy(serving.instance, strrchr(path, '/') + 1);
	ck_assert(serving__has(&serving, pid, &stat, NULL));
	strcpy(serving.instance, "lineage-test");
	ck_assert(!serving__has(&serving, pid, &stat, NULL));
	strcpy(serving.comm, "lineage-test");
	ck_assert(serving__has(&serving, pid, &stat, NULL));
	strcpy(serving.instance, "another");
	ck_assert(!serving__has(&serving, pid, &stat, NULL));
	strcpy(serving.instance, "lineage-test");
	serving.kind = INSTANCE_UNIT;
	ck_assert(!serving__has(&serving, pid, &stat, NULL));
	serving.kind = INSTANCE_CONTAINER;
	ck_assert(!serving__has(&serving, pid, &stat, NULL));
	serving.kind = INSTANCE_OTHER;
	ck_assert(!serving__has(&serving, pid, &stat, NULL));
	end(pid);
	serving.kind = INSTANCE_EXECUTABLE;
	strcpy(serving.comm, "x");
	ck_assert(!serving__has(&serving, pid, &stat, NULL));
}
END_TEST

Suite *lineage_suite(void)
{
	Suite *suite = suite_create("lineage");
	TCase *tc = tcase_create("lineage");

	tcase_add_test(tc, a_line_is_parsed);
	tcase_add_test(tc, what_has_ended);
	tcase_add_test(tc, lines_that_are_none);
	tcase_add_test(tc, processes);
	tcase_add_test(tc, whose_instance);
	suite_add_tcase(suite, tc);
	return suite;
}
