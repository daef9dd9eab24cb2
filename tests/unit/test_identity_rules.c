// SPDX-License-Identifier: Apache-2.0
#include <check.h>

#include "config/config.h"
#include "identity/rules.h"

Suite *identity_rules_suite(void);

static const struct rules_subject nginx = {
	.app = "nginx",
	.instance = "nginx.service",
	.cgroup = "/system.slice/nginx.service",
	.exe = "/usr/sbin/nginx",
};

START_TEST(test_first_that_fits)
{
	struct config_rule rules[] = {
		{ .match_app = "apache*", .set_app = "a" },
		{ .match_app = "ng*", .match_exe = "/opt/*", .set_app = "b" },
		{ .match_app = "ng*", .match_exe = "/usr/*", .set_app = "c" },
		{ .set_app = "d" },
	};

	ck_assert_ptr_eq(rules__find(rules, 4, &nginx), &rules[2]);
	ck_assert_ptr_eq(rules__find(rules, 2, &nginx), NULL);
	ck_assert_ptr_eq(rules__find(&rules[3], 1, &nginx), &rules[3]);
	ck_assert_ptr_eq(rules__find(NULL, 0, &nginx), NULL);
}
END_TEST

START_TEST(test_patterns)
{
	static const struct {
		struct config_rule rule;
		int fits;
	} rows[] = {
		{ { .match_instance = "*.service" }, 1 },
		{ { .match_instance = "*.scope" }, 0 },
		{ { .match_instance = "" }, 1 },
		{ { .match_cgroup = "/system.slice/*" }, 1 },
		{ { .match_cgroup = "*nginx*" }, 1 }, /* across slashes */
		{ { .match_cgroup = "nginx*" }, 0 },
		{ { .match_exe = "nginx" }, 1 }, /* no slash: the file's name */
		{ { .match_exe = "sbin/nginx" }, 0 },
		{ { .match_exe = "*/nginx" }, 1 },
		{ { .match_exe = "ngin[a-w]" }, 0 },
		{ { .match_app = "nginx", .match_instance = "x" }, 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_msg(!!rules__find(&rows[i].rule, 1, &nginx) == rows[i].fits, "rule %zu",
			      i);
}
END_TEST

Suite *identity_rules_suite(void)
{
	Suite *suite = suite_create("identity_rules");
	TCase *tcase = tcase_create("rules");

	tcase_add_test(tcase, test_first_that_fits);
	tcase_add_test(tcase, test_patterns);
	suite_add_tcase(suite, tcase);
	return suite;
}
