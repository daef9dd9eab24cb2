// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <errno.h>

#include "agent/retire.h"

Suite *retire_suite(void);

static struct retire_queue *queue;

static void setup(void)
{
	ck_assert_int_eq(retire_queue__new(&queue, 3), 0);
}

static void teardown(void)
{
	retire_queue__free(queue);
}

START_TEST(test_empty)
{
	uint32_t slot = 9;

	ck_assert(!retire_queue__pop(queue, UINT64_MAX, &slot));
	ck_assert_uint_eq(slot, 9);
	ck_assert(retire_queue__next_ns(queue) == UINT64_MAX);
	ck_assert(!retire_queue__has(queue, 0));
}
END_TEST

START_TEST(test_waits_until_due)
{
	uint32_t slot = 9;

	ck_assert_int_eq(retire_queue__push(queue, 2, 100), 0);
	ck_assert_uint_eq(retire_queue__next_ns(queue), 100);
	ck_assert(retire_queue__has(queue, 2));
	ck_assert(!retire_queue__pop(queue, 99, &slot));
	ck_assert(retire_queue__pop(queue, 100, &slot));
	ck_assert_uint_eq(slot, 2);
	ck_assert(!retire_queue__has(queue, 2));
}
END_TEST

START_TEST(test_once_and_in_range)
{
	ck_assert_int_eq(retire_queue__push(queue, 3, 1), -EINVAL);
	ck_assert_int_eq(retire_queue__push(queue, 1, 1), 0);
	ck_assert_int_eq(retire_queue__push(queue, 1, 2), -EALREADY);
	ck_assert_uint_eq(retire_queue__next_ns(queue), 1);
}
END_TEST

/* Full, and round the ring many times: order is kept and nothing is lost. */
START_TEST(test_goes_round)
{
	for (uint64_t now = 0; now < 50; now++) {
		uint32_t order[3] = { (uint32_t)now % 3, (uint32_t)(now + 1) % 3,
				      (uint32_t)(now + 2) % 3 };
		uint32_t slot;

		for (int i = 0; i < 3; i++)
			ck_assert_int_eq(retire_queue__push(queue, order[i], now), 0);
		for (int i = 0; i < (now % 2 ? 3 : 2); i++) {
			ck_assert(retire_queue__pop(queue, now, &slot));
			ck_assert_uint_eq(slot, order[i]);
		}
		if (now % 2 == 0) {
			ck_assert(retire_queue__pop(queue, now, &slot));
			ck_assert_uint_eq(slot, order[2]);
			ck_assert_int_eq(retire_queue__push(queue, slot, now), 0);
			ck_assert(retire_queue__pop(queue, now, &slot));
		}
		ck_assert(!retire_queue__pop(queue, now, &slot));
	}
}
END_TEST

Suite *retire_suite(void)
{
	Suite *suite = suite_create("retire");
	TCase *tc = tcase_create("retire");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_empty);
	tcase_add_test(tc, test_waits_until_due);
	tcase_add_test(tc, test_once_and_in_range);
	tcase_add_test(tc, test_goes_round);
	suite_add_tcase(suite, tc);
	return suite;
}
