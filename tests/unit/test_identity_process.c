// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <errno.h>
#include <linux/limits.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "identity/process.h"

Suite *identity_process_suite(void);

static const char cgroups[] = "9:name=systemd:/user.slice\n"
			      "4:memory:/a:b/c\n"
			      "2:cpu,cpuacct:/deep/er\n"
			      "0::/unified (deleted)\n";

START_TEST(test_cgroup_lines)
{
	char path[64];

	ck_assert_int_eq(process__parse_cgroup(cgroups, NULL, path, sizeof(path)), 0);
	ck_assert_str_eq(path, "/unified");
	ck_assert_int_eq(process__parse_cgroup(cgroups, "memory", path, sizeof(path)), 0);
	ck_assert_str_eq(path, "/a:b/c");
	ck_assert_int_eq(process__parse_cgroup(cgroups, "cpuacct", path, sizeof(path)), 0);
	ck_assert_str_eq(path, "/deep/er");
	ck_assert_int_eq(process__parse_cgroup(cgroups, "name=systemd", path, sizeof(path)), 0);
	ck_assert_str_eq(path, "/user.slice");
	ck_assert_int_eq(process__parse_cgroup(cgroups, "cpu,cpuacct", path, sizeof(path)),
			 -ENOENT);
	ck_assert_int_eq(process__parse_cgroup(cgroups, "pids", path, sizeof(path)), -ENOENT);
	ck_assert_int_eq(process__parse_cgroup(cgroups, "memory", path, 6), -ENAMETOOLONG);
	ck_assert_int_eq(process__parse_cgroup("", NULL, path, sizeof(path)), -ENOENT);
	ck_assert_int_eq(process__parse_cgroup("0\n4:memory", "memory", path, sizeof(path)),
			 -ENOENT);
}
END_TEST

START_TEST(test_own_executable)
{
	char path[PATH_MAX], link[PATH_MAX];
	struct process_exe exe;
	struct stat st;
	ssize_t n = readlink("/proc/self/exe", link, sizeof(link) - 1);

	ck_assert_int_gt(n, 0);
	link[n] = '\0';
	ck_assert_int_eq(stat(link, &st), 0);
	ck_assert_int_eq(process__exe(getpid(), &exe, path), 0);
	ck_assert_str_eq(path, link);
	ck_assert_uint_eq(exe.dev, st.st_dev);
	ck_assert_uint_eq(exe.inode, st.st_ino);
	ck_assert_int_lt(process__exe(0x3fffffff, &exe, path), 0);
	ck_assert_int_eq(process__parent(getpid()), getppid());
}
END_TEST

START_TEST(test_options)
{
	static const char args[] = "conmon\0-c\0abc\0-b\0/run/b\0--name=web\0-s\0--full\0x\0-n";
	size_t len = sizeof(args) - 1;

	ck_assert_str_eq(process__option(args, len, "-c", "--cid"), "abc");
	ck_assert_str_eq(process__option(args, len, "-x", "--name"), "web");
	ck_assert_str_eq(process__option(args, len, "-f", "--full"), "x");
	ck_assert_ptr_null(process__option(args, len, "-q", "--quiet"));
	ck_assert_ptr_null(process__option(args, len, "-n", "--nothing"));
	ck_assert_ptr_null(process__option(args, 0, "-c", "--cid"));
}
END_TEST

Suite *identity_process_suite(void)
{
	Suite *suite = suite_create("identity_process");
	TCase *tcase = tcase_create("process");

	tcase_add_test(tcase, test_cgroup_lines);
	tcase_add_test(tcase, test_own_executable);
	tcase_add_test(tcase, test_options);
	suite_add_tcase(suite, tcase);
	return suite;
}
