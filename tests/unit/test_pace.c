// SPDX-License-Identifier: Apache-2.0
#include <check.h>

#include "uprobes/pace.h"

Suite *pace_suite(void);

#define S 1000000000ULL
#define MS 1000000ULL

static struct pace pace;

static void setup(void)
{
	pace = (struct pace){};
}

/* A part at once, another with time; others are not held up by it. */
START_TEST(an_owner_has_a_part)
{
	uint64_t now_ns = 5 * S;

	ck_assert(pace__may(&pace, 1, now_ns));
	pace__spend(&pace, 1, PACE_OWNER_NS - 1, 0, now_ns);
	ck_assert(pace__may(&pace, 1, now_ns));
	pace__spend(&pace, 1, 100 * MS, 0, now_ns);
	ck_assert(!pace__may(&pace, 1, now_ns));
	ck_assert(pace__may(&pace, 2, now_ns));
	now_ns += 99 * MS * PACE_OWNER_PART;
	ck_assert(!pace__may(&pace, 1, now_ns));
	now_ns += 1 * MS * PACE_OWNER_PART;
	ck_assert(pace__may(&pace, 1, now_ns));
	/* nothing is forgotten, nor added, at a time before */
	pace__spend(&pace, 3, 1 * MS, 0, now_ns);
	ck_assert(pace__may(&pace, 3, now_ns - S));
	pace__spend(&pace, 1, 1 * S, 0, now_ns);
	ck_assert(!pace__may(&pace, 1, now_ns + 10 * S));
	ck_assert(pace__may(&pace, 1, now_ns + 100 * S));
}
END_TEST

/* What many owners spend together is bounded, too: by time on a CPU. */
START_TEST(all_have_a_part)
{
	uint64_t now_ns = S;

	for (uint64_t owner = 1; owner <= 100; owner++) {
		ck_assert(pace__may(&pace, owner, now_ns));
		pace__spend(&pace, owner, 20 * MS, PACE_ALL_NS / 100, now_ns);
	}
	ck_assert(!pace__may(&pace, 1000, now_ns));
	ck_assert(!pace__may(&pace, 1, now_ns));
	ck_assert(pace__may(&pace, 1000, now_ns + 10 * MS * PACE_ALL_PART));
}
END_TEST

/* Whoever makes up owners pushes out none that has spent more. */
START_TEST(who_has_spent_most_is_remembered)
{
	uint64_t now_ns = S;

	pace__spend(&pace, 1, PACE_OWNER_NS, 0, now_ns);
	for (uint64_t owner = 100; owner < 100 + 10 * PACE_OWNERS; owner++)
		pace__spend(&pace, owner, 1 * MS, 0, now_ns);
	ck_assert(!pace__may(&pace, 1, now_ns));
	/* one of the id that free entries have */
	pace__spend(&pace, 0, PACE_OWNER_NS, 0, now_ns);
	ck_assert(!pace__may(&pace, 0, now_ns));
	ck_assert(!pace__may(&pace, 1, now_ns));
	ck_assert(pace__may(&pace, 2, now_ns));
}
END_TEST

Suite *pace_suite(void)
{
	Suite *suite = suite_create("pace");
	TCase *tc = tcase_create("pace");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_add_test(tc, an_owner_has_a_part);
	tcase_add_test(tc, all_have_a_part);
	tcase_add_test(tc, who_has_spent_most_is_remembered);
	suite_add_tcase(suite, tc);
	return suite;
}
