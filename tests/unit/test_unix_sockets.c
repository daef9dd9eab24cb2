// SPDX-License-Identifier: Apache-2.0
/* Which entry of who holds a listening UNIX socket is counted. */
#include <check.h>
#include <stddef.h>
#include <string.h>

#include "collect/unix/unix_sockets.h"

Suite *unix_sockets_suite(void);

#define INIT 1

static struct unix_listener entry(uint64_t inode, uint64_t cgroup_id, uint32_t tgid)
{
	return (struct unix_listener){
		.inode = inode,
		.key.cgroup_id = cgroup_id,
		.tgid = tgid,
	};
}

START_TEST(test_workers_have_one)
{
	struct unix_listener listener[] = {
		entry(7, 30, 100), entry(8, 30, 101), entry(7, 30, 101),
		entry(7, 30, 102), entry(8, 30, 100), entry(8, 30, 102),
	};

	ck_assert_uint_eq(unix_listeners__unique(listener, 6), 2);
	ck_assert_uint_eq(listener[0].inode, 7);
	ck_assert_uint_eq(listener[1].inode, 8);
	ck_assert_uint_eq(unix_listeners__unique(listener, 2), 2);
	ck_assert_uint_eq(unix_listeners__unique(NULL, 0), 0);
}
END_TEST

START_TEST(test_each_instance_has_one)
{
	struct unix_listener listener[] = {
		entry(7, 31, 200),
		entry(7, 30, 100),
		entry(7, 31, 201),
		entry(7, 30, 101),
	};

	ck_assert_uint_eq(unix_listeners__unique(listener, 4), 2);
	ck_assert_uint_eq(listener[0].key.cgroup_id, 30);
	ck_assert_uint_eq(listener[1].key.cgroup_id, 31);
}
END_TEST

/* The same cgroup, two executables. */
START_TEST(test_executables_are_apart)
{
	struct unix_listener listener[] = { entry(7, 1, 100), entry(7, 1, 101), entry(7, 1, 102) };

	listener[0].key.exe_inode = 5;
	listener[1].key.exe_inode = 6;
	listener[2].key.exe_inode = 5;
	ck_assert_uint_eq(unix_listeners__unique(listener, 3), 2);
}
END_TEST

/* It holds those of units that it starts when somebody connects. */
START_TEST(test_init_has_what_nobody_else_has)
{
	const struct unix_listener all[] = {
		entry(7, 2, INIT), entry(7, 30, 100), entry(8, 2, INIT),
		entry(9, 31, 200), entry(9, 2, INIT),
	};
	struct unix_listener listener[5];

	for (size_t turn = 0; turn < 5; turn++) {
		for (size_t i = 0; i < 5; i++)
			listener[i] = all[(i + turn) % 5];
		ck_assert_uint_eq(unix_listeners__unique(listener, 5), 3);
		ck_assert_uint_eq(listener[0].key.cgroup_id, 30);
		ck_assert_uint_eq(listener[1].key.cgroup_id, 2);
		ck_assert_uint_eq(listener[1].inode, 8);
		ck_assert_uint_eq(listener[2].key.cgroup_id, 31);
	}
}
END_TEST

Suite *unix_sockets_suite(void)
{
	Suite *suite = suite_create("unix_sockets");
	TCase *tc = tcase_create("unix_sockets");

	tcase_add_test(tc, test_workers_have_one);
	tcase_add_test(tc, test_each_instance_has_one);
	tcase_add_test(tc, test_executables_are_apart);
	tcase_add_test(tc, test_init_has_what_nobody_else_has);
	suite_add_tcase(suite, tc);
	return suite;
}
