// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/run.h"

Suite *run_suite(void);

static char parent[64], dir[96], path[128], fresh[128];

static void setup(void)
{
	strcpy(parent, "/tmp/edgetap-proxy-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(parent));
	snprintf(dir, sizeof(dir), "%s/state", parent);
	snprintf(path, sizeof(path), "%s/proxy_id", dir);
	snprintf(fresh, sizeof(fresh), "%s/proxy_id.new", dir);
}

static void teardown(void)
{
	unlink(path);
	rmdir(path);
	unlink(fresh);
	rmdir(fresh);
	rmdir(dir);
	unlink(dir);
	rmdir(parent);
}

static const char *take(int wanted_err)
{
	int err = 1;
	const char *colour = run__take(dir, &err);

	ck_assert_int_eq(err, wanted_err);
	ck_assert(!strcmp(colour, "blue") || !strcmp(colour, "green"));
	return colour;
}

static void leave(const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

START_TEST(every_start_flips_it)
{
	ck_assert_str_eq(take(0), "blue");
	ck_assert_str_eq(take(0), "green");
	ck_assert_str_eq(take(0), "blue");
	leave("blue"); /* without a newline */
	ck_assert_str_eq(take(0), "green");
	ck_assert_int_eq(access(fresh, F_OK), -1);
}
END_TEST

START_TEST(what_is_no_colour_is_none)
{
	static const char *const texts[] = {
		"", "\n", "red\n", "blue\nblue\n", "bluebluebluebluebluebl", "green blue"
	};

	take(0);
	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		leave(texts[i]);
		ck_assert_str_eq(take(0), "blue");
	}
}
END_TEST

/* None of these may be waited for, followed, or written to. */
START_TEST(odd_files_do_no_harm)
{
	char victim[128];
	struct stat stat;

	take(0);
	unlink(path);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	ck_assert_str_eq(take(0), "blue"); /* replaced by a file */
	snprintf(victim, sizeof(victim), "%s/victim", parent);
	ck_assert_int_eq(mkfifo(fresh, 0600), 0);
	take(-ENXIO);
	unlink(fresh);
	ck_assert_int_eq(symlink(victim, fresh), 0);
	take(-ELOOP);
	ck_assert_int_eq(lstat(victim, &stat), -1);
	unlink(fresh);
	unlink(path);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	take(-EISDIR);
	ck_assert_int_eq(access(fresh, F_OK), -1);
}
END_TEST

START_TEST(without_a_place_there_is_still_a_colour)
{
	FILE *file = fopen(dir, "w");

	fclose(file);
	take(-ENOTDIR);
	unlink(dir);
	snprintf(dir, sizeof(dir), "%s/no/such", parent);
	take(-ENOENT);
	strcpy(dir, "/proc");
	take(-ENOENT);
}
END_TEST

Suite *run_suite(void)
{
	Suite *suite = suite_create("run");
	TCase *tc = tcase_create("run");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, every_start_flips_it);
	tcase_add_test(tc, what_is_no_colour_is_none);
	tcase_add_test(tc, odd_files_do_no_harm);
	tcase_add_test(tc, without_a_place_there_is_still_a_colour);
	suite_add_tcase(suite, tc);
	return suite;
}
