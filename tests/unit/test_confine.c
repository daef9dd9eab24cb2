// SPDX-License-Identifier: Apache-2.0
/* What a process can no longer do, tried in a child. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "broker/confine.h"

Suite *confine_suite(void);

enum { NOT_OFFERED = 77 };

/* The number of what it could do nonetheless; 0: nothing. */
static int try_what_is_refused(long version)
{
	static const char path[] = "/tmp/edgetap-test-confine";
	char *const argv[] = { "true", NULL };
	const struct sockaddr_in any = { .sin_family = AF_INET };
	int fd;

	if (open(path, O_WRONLY | O_CREAT, 0600) >= 0 || errno != EACCES)
		return 1;
	if (open("/dev/null", O_WRONLY) >= 0 || errno != EACCES)
		return 2;
	if (mkdir(path, 0700) == 0 || errno != EACCES)
		return 3;
	execv("/bin/true", argv);
	if (errno != EACCES)
		return 4;
	fd = socket(AF_INET, SOCK_STREAM, 0);
	if (version >= 4 &&
	    (bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0 || errno != EACCES))
		return 5;
	if (version >= 6 && (kill(getppid(), 0) == 0 || errno != EPERM))
		return 6;
	return 0;
}

static int confined(void)
{
	long version = syscall(SYS_landlock_create_ruleset, NULL, 0, 1U);
	int wronged, err;

	if (confine__keep(0))
		return 20;
	err = confine__read_only();
	if (err)
		return err == -EOPNOTSUPP ? NOT_OFFERED : 21;
	wronged = try_what_is_refused(version);
	if (wronged)
		return wronged;
	/* what it is left */
	return open("/etc/passwd", O_RDONLY) >= 0 &&
			       open("/proc/self/fd", O_RDONLY | O_DIRECTORY) >= 0
		       ? 0
		       : 22;
}

START_TEST(test_read_only)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (!child)
		_exit(confined());
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	if (WEXITSTATUS(status) == NOT_OFFERED)
		printf("this kernel has no Landlock\n");
	else
		ck_assert_int_eq(WEXITSTATUS(status), 0);
}
END_TEST

Suite *confine_suite(void)
{
	Suite *suite = suite_create("confine");
	TCase *tests = tcase_create("confine");

	tcase_add_test(tests, test_read_only);
	suite_add_tcase(suite, tests);
	return suite;
}
