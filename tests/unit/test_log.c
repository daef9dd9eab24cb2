// SPDX-License-Identifier: Apache-2.0
/* The log: one line for a sentence, and nobody who talks much silences others. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/allowance.h"
#include "base/log.h"

Suite *log_suite(void);

#define S 1000000000ULL

static const char noisy[] = "%s is noisy", other[] = "%s is another";

static struct allowance allowance;
static char said[4096];

static void setup(void)
{
	memset(&allowance, 0, sizeof(allowance));
	said[0] = '\0';
}

static void say(void *ctx, const char *format, uint32_t held_back)
{
	size_t used = strlen(said);

	(void)ctx;
	snprintf(said + used, sizeof(said) - used, "%u %s\n", held_back, format);
}

static unsigned int taken(const char *format, const char *source, unsigned int times)
{
	unsigned int count = 0;

	while (times--)
		count += allowance__take(&allowance, format, source);
	return count;
}

START_TEST(a_source_leaves_room_for_others)
{
	allowance__turn(&allowance, 100 * S, say, NULL);
	ck_assert_uint_eq(taken(noisy, "a", 200), ALLOWANCE_PER_SOURCE);
	ck_assert_uint_eq(taken(noisy, "b", 1), 1);
	ck_assert_uint_eq(taken(noisy, "c", 2), 2);
	ck_assert_uint_eq(taken(noisy, "a", 1), 0);
	/* Nobody's have what the kind has left. */
	ck_assert_uint_eq(taken(noisy, NULL, 200), ALLOWANCE_PER_KIND - ALLOWANCE_PER_SOURCE - 3);
	ck_assert_uint_eq(allowance.held_back_total,
			  195 + 1 + 200 - (ALLOWANCE_PER_KIND - ALLOWANCE_PER_SOURCE - 3));
}
END_TEST

START_TEST(a_kind_leaves_room_for_others)
{
	char source[16];
	unsigned int count = 0;

	for (int i = 0; i < 1000; i++) {
		snprintf(source, sizeof(source), "app%d", i);
		count += taken(noisy, source, 1);
	}
	ck_assert_uint_eq(count, ALLOWANCE_PER_KIND);
	ck_assert_uint_eq(taken(other, "app999", 1), 1);
	ck_assert_uint_eq(taken(other, NULL, 1), 1);
}
END_TEST

START_TEST(a_minute_ends_with_what_was_not_written)
{
	allowance__turn(&allowance, 1000 * S, say, NULL);
	taken(noisy, "a", 12);
	taken(other, "a", 6);
	taken("never too many", NULL, 3);
	allowance__turn(&allowance, 1059 * S, say, NULL);
	ck_assert_str_eq(said, "");
	ck_assert_uint_eq(taken(noisy, "a", 1), 0);
	allowance__turn(&allowance, 1060 * S, say, NULL);
	ck_assert_str_eq(said, "8 %s is noisy\n1 %s is another\n");
	ck_assert_uint_eq(taken(noisy, "a", 9), ALLOWANCE_PER_SOURCE);
	/* Whoever comes late has a minute of his own; nothing is told twice. */
	said[0] = '\0';
	allowance__turn(&allowance, 5000 * S, say, NULL);
	allowance__turn(&allowance, 5061 * S, say, NULL);
	ck_assert_str_eq(said, "4 %s is noisy\n");
	ck_assert_uint_eq(allowance.held_back_total, 8 + 1 + 4);
}
END_TEST

/* More kinds than there is room for share the last place, and names that differ late are one. */
START_TEST(the_table_is_bounded)
{
	static char formats[2 * ALLOWANCE_KINDS];
	char long_name[300];
	unsigned int count = 0;

	for (size_t i = 0; i < sizeof(formats); i++)
		count += taken(&formats[i], NULL, 2);
	ck_assert_uint_eq(count, 2 * (ALLOWANCE_KINDS - 1) + ALLOWANCE_PER_KIND);
	allowance__turn(&allowance, 1000 * S, say, NULL);
	memset(long_name, 'a', sizeof(long_name));
	long_name[sizeof(long_name) - 1] = '\0';
	ck_assert_uint_eq(taken(noisy, long_name, 4), 4);
	long_name[200] = 'b';
	ck_assert_uint_eq(taken(noisy, long_name, 4), 1);
}
END_TEST

START_TEST(a_kind_is_told_by_its_format)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "no conversion", "no conversion" },
		{ "%s is 100%% of %llu", "... is 100% of ..." },
		{ "%.40s (%-5ld): %s", "... (...): ..." },
		{ "cut%", "cut..." },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" },
	};
	char text[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		allowance__describe(text, sizeof(text), cases[i][0]);
		ck_assert_str_eq(text, cases[i][1]);
	}
}
END_TEST

static char *begin(int *ret_stderr)
{
	static char path[] = "/tmp/edgetap-log-XXXXXX";
	int fd = mkstemp(path);

	ck_assert_int_ge(fd, 0);
	*ret_stderr = dup(2);
	dup2(fd, 2);
	close(fd);
	return path;
}

static void finish(int old, const char *path, char *text, size_t room)
{
	FILE *in = fopen(path, "re");
	size_t length = fread(text, 1, room - 1, in);

	text[length] = '\0';
	fclose(in);
	dup2(old, 2);
	close(old);
	unlink(path);
}

START_TEST(a_line_is_a_line)
{
	static char text[32768];
	char big[3000];
	const char *path;
	int old, lines = 0;

	memset(big, 'a', sizeof(big));
	big[sizeof(big) - 1] = '\0';
	path = begin(&old);
	log__info("a%s", "\x1b[2J\nedgetap: forged\r");
	log__warn("%s: %s", "b\nc", "\x7f\xff");
	log__warn("no source %d", 7);
	log__info("%s", big);
	for (int i = 0; i < 10; i++)
		log__warn("%s again and again", "d");
	log__warn("%s again and again", "e");
	finish(old, path, text, sizeof(text));
	ck_assert_ptr_nonnull(strstr(text, "edgetap: a\\x1b[2J\\x0aedgetap: forged\\x0d\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nedgetap: b\\x0ac: \\x7f\\xff\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nedgetap: no source 7\n"));
	ck_assert_ptr_nonnull(strstr(text, "aaa...\n"));
	ck_assert_ptr_nonnull(strstr(text, "\nedgetap: e again and again\n"));
	for (const char *p = text; (p = strchr(p, '\n')); p++)
		lines++;
	ck_assert_int_eq(lines, 4 + ALLOWANCE_PER_SOURCE + 1);
	ck_assert_uint_eq(log__held_back(), 10 - ALLOWANCE_PER_SOURCE);
}
END_TEST

Suite *log_suite(void)
{
	Suite *suite = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, a_source_leaves_room_for_others);
	tcase_add_test(tc, a_kind_leaves_room_for_others);
	tcase_add_test(tc, a_minute_ends_with_what_was_not_written);
	tcase_add_test(tc, the_table_is_bounded);
	tcase_add_test(tc, a_kind_is_told_by_its_format);
	tcase_add_test(tc, a_line_is_a_line);
	suite_add_tcase(suite, tc);
	return suite;
}
