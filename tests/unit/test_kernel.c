// SPDX-License-Identifier: Apache-2.0
#include <check.h>

#include "cli/kernel.h"

Suite *kernel_suite(void);

START_TEST(test_lockdown)
{
	ck_assert_int_eq(kernel__lockdown("[none] integrity confidentiality\n"), LOCKDOWN_NONE);
	ck_assert_int_eq(kernel__lockdown("none [integrity] confidentiality\n"),
			 LOCKDOWN_INTEGRITY);
	ck_assert_int_eq(kernel__lockdown("none integrity [confidentiality]\n"),
			 LOCKDOWN_CONFIDENTIALITY);
	ck_assert_int_eq(kernel__lockdown(""), LOCKDOWN_UNKNOWN);
	ck_assert_int_eq(kernel__lockdown("none integrity confidentiality"), LOCKDOWN_UNKNOWN);
}
END_TEST

START_TEST(test_config_value)
{
	static const char text[] = "#\n# Automatically generated\n#\nCONFIG_BPF=y\n"
				   "# CONFIG_BPF_LSM is not set\nCONFIG_BPF_JIT_X=y\n"
				   "CONFIG_TLS=m\nCONFIG_LAST=y";

	ck_assert_int_eq(kernel__config_value(text, "CONFIG_BPF"), 'y');
	ck_assert_int_eq(kernel__config_value(text, "CONFIG_TLS"), 'm');
	ck_assert_int_eq(kernel__config_value(text, "CONFIG_LAST"), 'y');
	ck_assert_int_eq(kernel__config_value(text, "CONFIG_BPF_LSM"), 'n');
	ck_assert_int_eq(kernel__config_value(text, "CONFIG_BPF_JIT"), 'n');
	ck_assert_int_eq(kernel__config_value(text, "BPF"), 'n');
	ck_assert_int_eq(kernel__config_value("", "CONFIG_BPF"), 'n');
	ck_assert_int_eq(kernel__config_value("CONFIG_BPF", "CONFIG_BPF"), 'n');
}
END_TEST

Suite *kernel_suite(void)
{
	Suite *suite = suite_create("kernel");
	TCase *tc = tcase_create("kernel");

	tcase_add_test(tc, test_lockdown);
	tcase_add_test(tc, test_config_value);
	suite_add_tcase(suite, tc);
	return suite;
}
