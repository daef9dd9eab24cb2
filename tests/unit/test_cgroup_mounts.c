// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <string.h>

#include "identity/cgroup_mounts.h"

Suite *cgroup_mounts_suite(void);

static const char pure_v2[] =
	"22 27 0:21 / /proc rw,relatime - proc proc rw\n"
	"30 24 0:26 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 "
	"rw,nsdelegate,memory_recursiveprot\n";

static const char hybrid[] =
	"31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755\n"
	"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:1 master:2 - cgroup cgroup rw,cpu,cpuacct\n"
	"35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
	"40 31 0:37 / /sys/fs/cgroup/systemd rw - cgroup cgroup "
	"rw,xattr,release_agent=/lib/systemd/systemd-cgroups-agent,name=systemd\n"
	"41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw";

START_TEST(test_pure_v2)
{
	struct cgroup_mounts mounts;
	const struct cgroup_mount *mount;

	cgroup_mounts__parse(pure_v2, &mounts);
	ck_assert_uint_eq(mounts.count, 1);
	mount = cgroup_mounts__find(&mounts, NULL);
	ck_assert_ptr_nonnull(mount);
	ck_assert_str_eq(mount->point, "/sys/fs/cgroup");
	ck_assert(mount->whole);
	ck_assert_ptr_null(cgroup_mounts__find(&mounts, "memory"));
}
END_TEST

START_TEST(test_hybrid)
{
	struct cgroup_mounts mounts;

	cgroup_mounts__parse(hybrid, &mounts);
	ck_assert_uint_eq(mounts.count, 4);
	ck_assert_str_eq(cgroup_mounts__find(&mounts, NULL)->point, "/sys/fs/cgroup/unified");
	ck_assert_str_eq(cgroup_mounts__find(&mounts, "memory")->point, "/sys/fs/cgroup/memory");
	ck_assert_str_eq(cgroup_mounts__find(&mounts, "cpuacct")->point,
			 "/sys/fs/cgroup/cpu,cpuacct");
	ck_assert_str_eq(cgroup_mounts__find(&mounts, "cpuacct")->controllers, "cpu,cpuacct");
	ck_assert_str_eq(cgroup_mounts__find(&mounts, "name=systemd")->point,
			 "/sys/fs/cgroup/systemd");
	ck_assert_ptr_null(cgroup_mounts__find(&mounts, "pids"));
	ck_assert_ptr_null(cgroup_mounts__find(&mounts, "mem"));
	ck_assert_ptr_null(cgroup_mounts__find(&mounts, "cpu,cpuacct"));
}
END_TEST

/* A bind mount of one cgroup, as containers have it, gives way to the whole. */
START_TEST(test_whole_wins)
{
	static const char text[] = "1 0 0:1 /docker/x /a rw - cgroup cgroup rw,memory\n"
				   "2 0 0:1 / /b rw - cgroup cgroup rw,memory\n"
				   "3 0 0:1 / /c rw - cgroup cgroup rw,memory\n";
	struct cgroup_mounts mounts;

	cgroup_mounts__parse(text, &mounts);
	ck_assert_uint_eq(mounts.count, 1);
	ck_assert_str_eq(mounts.mount[0].point, "/b");
	ck_assert(mounts.mount[0].whole);
}
END_TEST

START_TEST(test_part_and_whole)
{
	static const struct {
		const char *line;
		bool whole;
	} rows[] = {
		{ "1 0 0:1 / /a rw - cgroup2 cgroup2 rw\n", true },
		{ "1 0 0:1 /docker/x /a rw - cgroup2 cgroup2 rw\n", false },
		/* the whole, seen from inside a cgroup namespace */
		{ "1 0 0:1 /../.. /a rw - cgroup2 cgroup2 rw\n", true },
		{ "1 0 0:1 /../other /a rw - cgroup2 cgroup2 rw\n", false },
		{ "1 0 0:1 /..x /a rw - cgroup2 cgroup2 rw\n", false },
	};
	struct cgroup_mounts mounts;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cgroup_mounts__parse(rows[i].line, &mounts);
		ck_assert_uint_eq(mounts.count, 1);
		ck_assert_msg(mounts.mount[0].whole == rows[i].whole, "row %zu", i);
	}
}
END_TEST

START_TEST(test_escapes)
{
	struct cgroup_mounts mounts;

	cgroup_mounts__parse("1 0 0:1 / /a\\040b\\134c rw - cgroup2 cgroup2 rw\n", &mounts);
	ck_assert_uint_eq(mounts.count, 1);
	ck_assert_str_eq(mounts.mount[0].point, "/a b\\c");
}
END_TEST

START_TEST(test_nonsense)
{
	static const char *const lines[] = {
		"",
		"\n\n",
		"1 0 0:1 / /a rw - cgroup2",
		"1 0 0:1 / /a rw cgroup2 cgroup2 rw",
		"1 0 0:1 / /a\\000 rw - cgroup2 cgroup2 rw",
		"1 0 0:1 /  rw - cgroup2 cgroup2 rw",
		"1 0 0:1 / /a rw - cgroup cgroup rw,unheard",
		"1 0 0:1 / /a rw - cgroup3 cgroup rw,memory",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		struct cgroup_mounts mounts;

		cgroup_mounts__parse(lines[i], &mounts);
		ck_assert_msg(mounts.count == 0, "line %zu", i);
	}
}
END_TEST

START_TEST(test_controller_names)
{
	ck_assert_str_eq(cgroup_mounts__controller("pids"), "pids");
	ck_assert_ptr_null(cgroup_mounts__controller("v2"));
	ck_assert_ptr_null(cgroup_mounts__controller("name=systemd"));
}
END_TEST

Suite *cgroup_mounts_suite(void)
{
	Suite *suite = suite_create("cgroup_mounts");
	TCase *tcase = tcase_create("mountinfo");

	tcase_add_test(tcase, test_pure_v2);
	tcase_add_test(tcase, test_hybrid);
	tcase_add_test(tcase, test_whole_wins);
	tcase_add_test(tcase, test_part_and_whole);
	tcase_add_test(tcase, test_escapes);
	tcase_add_test(tcase, test_nonsense);
	tcase_add_test(tcase, test_controller_names);
	suite_add_tcase(suite, tcase);
	return suite;
}
