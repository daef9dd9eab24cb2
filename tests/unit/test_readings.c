// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/readings.h"

Suite *readings_suite(void);

static struct readings *readings;

static void setup(void)
{
	ck_assert_int_eq(readings__new(&readings), 0);
}

static void teardown(void)
{
	readings__free(readings);
}

static int64_t owner(const char *app, const char *instance)
{
	const struct model_labels labels = { { app, "", instance, "", "" } };

	return readings__owner(readings, &labels);
}

START_TEST(owners_are_told_apart_by_labels)
{
	int64_t a = owner("web", "1"), b = owner("web", "2");

	ck_assert_int_ne(a, b);
	ck_assert_int_eq(owner("web", "1"), a);
	ck_assert_uint_eq(readings__owners(readings), 2);
	ck_assert_str_eq(readings__labels(readings, (uint32_t)b)->value[MODEL_INSTANCE], "2");
	/* which of two labels has the text matters */
	ck_assert_int_ne(owner("x", ""), owner("", "x"));
}
END_TEST

START_TEST(kinds_come_in_the_order_of_owners)
{
	int64_t a = owner("a", ""), b = owner("b", "");
	const struct reading *first;

	readings__add(readings, b, READING_CPU, 1, "0", "user", NULL);
	readings__add(readings, a, READING_CPU, 2, "0", "system", NULL);
	readings__add(readings, b, READING_UP, 1, NULL, NULL, NULL);
	readings__add(readings, a, READING_CPU, 3, "1", "user", NULL);
	ck_assert_uint_eq(readings__of(readings, READING_CPU, &first), 3);
	ck_assert_uint_eq(first[0].value, 2);
	ck_assert_uint_eq(first[1].value, 3);
	ck_assert_uint_eq(first[2].value, 1);
	ck_assert_str_eq(first[0].label[1], "system");
	ck_assert_str_eq(first[0].label[2], "");
	ck_assert_uint_eq(readings__of(readings, READING_UP, &first), 1);
	ck_assert_uint_eq(readings__of(readings, READING_PG_UP, &first), 0);
	readings__clear(readings);
	ck_assert_uint_eq(readings__of(readings, READING_CPU, &first), 0);
	ck_assert_uint_eq(readings__owners(readings), 0);
}
END_TEST

START_TEST(labels_are_repaired_and_cut)
{
	const struct reading *first;
	char text[5000];

	memset(text, '\xff', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	ck_assert_int_eq(readings__add(readings, owner("a\xc3", ""), READING_FILESYSTEM_BLOCKS, 1,
				       text, NULL, NULL),
			 0);
	ck_assert_uint_eq(readings__of(readings, READING_FILESYSTEM_BLOCKS, &first), 1);
	ck_assert_str_eq(readings__labels(readings, 0)->value[MODEL_APP], "a\xef\xbf\xbd");
	ck_assert_uint_eq(strlen(first->label[0]), 3072);
	ck_assert_int_eq(memcmp(first->label[0], "\xef\xbf\xbd\xef", 4), 0);

	/* What a terminal would obey is no label, other letters are. */
	ck_assert_int_eq(readings__add(readings, owner("b", ""), READING_FILESYSTEM_BLOCKS, 1,
				       "/\x1b[2J\xc2\x9b"
				       "1m\r\n\x7f\xc3\xa4\xc2\xa0",
				       NULL, NULL),
			 0);
	ck_assert_uint_eq(readings__of(readings, READING_FILESYSTEM_BLOCKS, &first), 2);
	ck_assert_str_eq(first[1].label[0], "/_[2J__1m___\xc3\xa4\xc2\xa0");
}
END_TEST

/* The same values twice, so that what is kept from the first time is used. */
START_TEST(limits_are_counted)
{
	for (int round = 0; round < 2; round++) {
		const struct reading *first;
		char name[32];
		int64_t a = 0;

		readings__clear(readings);
		for (int i = 0; i < READINGS_MAX_OWNERS; i++) {
			snprintf(name, sizeof(name), "app-%d", i);
			a = owner(name, "");
			ck_assert_int_eq(a, i);
		}
		ck_assert_int_eq(owner("one more", ""), -ENOSPC);
		ck_assert_int_eq(readings__add(readings, -ENOSPC, READING_UP, 1, NULL, NULL, NULL),
				 -ENOSPC);
		for (uint32_t i = 0; i < READINGS_MAX; i++)
			ck_assert_int_eq(readings__add(readings, a - i % 100, READING_CPU, i, "0",
						       "user", NULL),
					 0);
		ck_assert_int_eq(readings__add(readings, a, READING_UP, 1, NULL, NULL, NULL),
				 -ENOSPC);
		ck_assert_uint_eq(readings__lost(readings), 2);
		ck_assert_uint_eq(readings__of(readings, READING_CPU, &first), READINGS_MAX);
		ck_assert_uint_eq(first[0].value, 99);
	}
}
END_TEST

START_TEST(text_is_bounded)
{
	char text[1025], number[16];
	int64_t a = owner("a", "");
	int err = 0;
	uint32_t i;

	memset(text, 'x', sizeof(text));
	text[1024] = '\0';
	for (i = 0; i < 2 * READINGS_MAX_TEXT_BYTES / 1024 && !err; i++) {
		snprintf(number, sizeof(number), "%08u", i);
		memcpy(text, number, 8);
		err = readings__add(readings, a, READING_CPU, i, text, NULL, NULL);
	}
	ck_assert_int_eq(err, -ENOSPC);
	ck_assert_uint_le(i, READINGS_MAX_TEXT_BYTES / 1024);
	ck_assert_uint_gt(i, READINGS_MAX_TEXT_BYTES / 1024 * 9 / 10);
	/* what is known already takes no room */
	ck_assert_int_eq(readings__add(readings, a, READING_UP, 1, "a", NULL, NULL), 0);
}
END_TEST

Suite *readings_suite(void)
{
	Suite *suite = suite_create("readings");
	TCase *tcase = tcase_create("readings");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 60);
	tcase_add_test(tcase, owners_are_told_apart_by_labels);
	tcase_add_test(tcase, kinds_come_in_the_order_of_owners);
	tcase_add_test(tcase, labels_are_repaired_and_cut);
	tcase_add_test(tcase, limits_are_counted);
	tcase_add_test(tcase, text_is_bounded);
	suite_add_tcase(suite, tcase);
	return suite;
}
