// SPDX-License-Identifier: Apache-2.0
/* A descriptor that is left alone for a while although it is readable. */
#include <check.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "agent/watch.h"

Suite *watch_suite(void);

static int waiting(int epoll_fd)
{
	struct epoll_event event;

	return epoll_wait(epoll_fd, &event, 1, 0);
}

START_TEST(test_pause_and_resume)
{
	struct watch watch;
	int epoll_fd = epoll_create1(EPOLL_CLOEXEC), fds[2];

	ck_assert_int_eq(pipe(fds), 0);
	ck_assert_int_eq(watch__start(&watch, epoll_fd, fds[0]), 0);
	ck_assert_int_eq(waiting(epoll_fd), 0);
	ck_assert_int_eq(write(fds[1], "x", 1), 1);
	ck_assert_int_eq(waiting(epoll_fd), 1);
	/* Nobody can read it: it may not be announced again and again. */
	watch__pause(&watch, 1000);
	ck_assert_int_eq(waiting(epoll_fd), 0);
	ck_assert_uint_eq(watch.resume_ns, 1000);
	watch__resume(&watch, 999);
	ck_assert_int_eq(waiting(epoll_fd), 0);
	watch__resume(&watch, 1000);
	ck_assert_int_eq(waiting(epoll_fd), 1);
	ck_assert_uint_eq(watch.resume_ns, UINT64_MAX);
	watch__resume(&watch, 2000);
	ck_assert_int_eq(waiting(epoll_fd), 1);
	close(fds[0]);
	close(fds[1]);
	close(epoll_fd);
}
END_TEST

Suite *watch_suite(void)
{
	Suite *suite = suite_create("watch");
	TCase *tc = tcase_create("watch");

	tcase_add_test(tc, test_pause_and_resume);
	suite_add_tcase(suite, tc);
	return suite;
}
