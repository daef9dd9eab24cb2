// SPDX-License-Identifier: Apache-2.0
/* Whose turn it is, and who may hold how much: no process is needed for that. */
#include <check.h>
#include <errno.h>

#include "probes/owners.h"
#include "probes/turns.h"

Suite *probes_owners_suite(void);

#define S 1000000000ULL
#define ROOM 64

static struct owners *owners;
static struct turns *turns;

static void setup(void)
{
	const uint32_t room[OWNERS_TABLES] = { ROOM, ROOM, ROOM, ROOM };

	ck_assert_int_eq(owners__new(&owners, room), 0);
	ck_assert_int_eq(turns__new(&turns), 0);
}

static void teardown(void)
{
	owners__free(owners);
	turns__free(turns);
}

static uint32_t take_all(uint64_t owner)
{
	uint16_t account = owners__account(owners, owner, 1 * S);
	uint32_t count = 0;

	while (owners__take(owners, account, OWNS_FILES, 1))
		count++;
	ck_assert_uint_eq(owners__held(owners, account, OWNS_FILES), count);
	return count;
}

/* Whatever each of them takes, the next one finds room. */
START_TEST(no_more_than_is_free)
{
	uint32_t left = ROOM, held;

	for (uint64_t owner = 1; left > 1; owner++) {
		held = take_all(owner);
		ck_assert_uint_gt(held, 0);
		ck_assert_uint_le(held, (left + 1) / 2);
		left -= held;
	}
	ck_assert_uint_eq(owners__holders(owners, OWNS_LINKS), 0);
	/* all at once or nothing */
	ck_assert(!owners__take(owners, owners__account(owners, 1, S), OWNS_LINKS, ROOM + 1));
	ck_assert(owners__take(owners, owners__account(owners, 1, S), OWNS_LINKS, ROOM));
	ck_assert_uint_eq(owners__holders(owners, OWNS_LINKS), 1);
	owners__give(owners, owners__account(owners, 1, S), OWNS_LINKS, ROOM);
	ck_assert_uint_eq(owners__holders(owners, OWNS_LINKS), 0);
}
END_TEST

START_TEST(time_comes_back)
{
	uint16_t account = owners__account(owners, 7, 1 * S);

	ck_assert_uint_eq(owners__debt_ns(owners, 7, 1 * S), 0);
	owners__charge(owners, account, 3 * S, 1 * S);
	ck_assert_uint_eq(owners__debt_ns(owners, 7, 1 * S), 3 * S);
	ck_assert_uint_eq(owners__debt_ns(owners, 8, 1 * S), 0);
	ck_assert_uint_eq(owners__debt_ns(owners, 7, (1 + OWNERS_RATE) * S), 2 * S);
	owners__charge(owners, account, S, (1 + OWNERS_RATE) * S);
	ck_assert_uint_eq(owners__debt_ns(owners, 7, (1 + OWNERS_RATE) * S), 3 * S);
	ck_assert_uint_eq(owners__debt_ns(owners, 7, (1 + 5 * OWNERS_RATE) * S), 0);
	/* a clock that seems to go back gives nothing */
	ck_assert_uint_eq(owners__debt_ns(owners, 7, 0), 3 * S);
}
END_TEST

/* Accounts are used again, but not while they hold or owe anything; the last newcomers share one. */
START_TEST(accounts_are_bounded)
{
	uint16_t holder = owners__account(owners, 1, 1 * S), debtor;

	ck_assert(owners__take(owners, holder, OWNS_PLANS, 1));
	ck_assert(owners__say(owners, holder, 3));
	debtor = owners__account(owners, 2, 1 * S);
	owners__charge(owners, debtor, 1 * S, 1 * S);
	for (uint64_t owner = 3; owner < 5000; owner++)
		ck_assert_uint_ne(owners__account(owners, owner, 1 * S), holder);
	ck_assert_uint_eq(owners__account(owners, 1, 1 * S), holder);
	ck_assert(!owners__say(owners, holder, 3));
	ck_assert(owners__say(owners, holder, 4));
	ck_assert_uint_eq(owners__debt_ns(owners, 2, 1 * S), 1 * S);
	for (uint64_t owner = 3; owner < 5000; owner++)
		owners__charge(owners, owners__account(owners, owner, 2 * S), 1 * S, 2 * S);
	ck_assert_uint_eq(owners__account(owners, 9999, 2 * S), OWNERS_COMMON);
	ck_assert_uint_ne(owners__account(owners, 9999, 99 * S), OWNERS_COMMON);
}
END_TEST

static int wait_for(uint64_t owner, pid_t pid)
{
	const struct serving serving = { .pid = pid, .owner = owner };

	return turns__push(turns, &serving);
}

static uint64_t no_cost(void *ctx, uint64_t owner)
{
	(void)ctx;
	(void)owner;
	return 0;
}

static uint64_t cost_is_owner(void *ctx, uint64_t owner)
{
	const uint64_t *later = ctx;

	return owner == *later ? TURNS_LATER : owner;
}

static pid_t next(void)
{
	struct serving serving;

	return turns__pop(turns, no_cost, NULL, &serving) ? serving.pid : 0;
}

/* One with thousands waiting delays another by one. */
START_TEST(owners_take_turns)
{
	uint32_t waiting = 0;
	pid_t last = 0;

	while (!wait_for(1, (pid_t)(1000 + waiting)))
		waiting++;
	ck_assert_uint_eq(waiting, TURNS_MAX / 2);
	ck_assert_int_eq(next(), 1000);
	ck_assert_int_eq(wait_for(2, 5), 0);
	ck_assert_int_eq(wait_for(2, 6), 0);
	ck_assert_int_eq(wait_for(3, 7), 0);
	ck_assert_int_eq(next(), 1001);
	ck_assert_int_eq(next(), 5);
	ck_assert_int_eq(next(), 7);
	ck_assert_int_eq(next(), 1002);
	ck_assert_int_eq(next(), 6);
	for (uint32_t i = 3; i < waiting; i++)
		ck_assert_int_eq(last = next(), (pid_t)(1000 + i));
	ck_assert_int_eq(next(), 0);
	ck_assert_uint_eq(turns__count(turns), 0);
}
END_TEST

START_TEST(who_has_cost_less_goes_first)
{
	struct serving serving;
	uint64_t later = 2;

	for (uint64_t owner = 1; owner <= 3; owner++)
		for (pid_t i = 0; i < 2; i++)
			ck_assert_int_eq(wait_for(owner, (pid_t)(10 * owner) + i), 0);
	for (int i = 0; i < 4; i++) {
		static const pid_t order[] = { 10, 11, 30, 31 };

		ck_assert(turns__pop(turns, cost_is_owner, &later, &serving));
		ck_assert_int_eq(serving.pid, order[i]);
	}
	/* nobody is asked for who must wait */
	ck_assert(!turns__pop(turns, cost_is_owner, &later, &serving));
	ck_assert_uint_eq(turns__count(turns), 2);
	later = 0;
	ck_assert(turns__pop(turns, cost_is_owner, &later, &serving));
	ck_assert_int_eq(serving.pid, 20);
}
END_TEST

/* More owners than there are lines: refused, and lines are used again. */
START_TEST(lines_are_bounded)
{
	for (uint64_t owner = 1; owner <= TURNS_OWNERS; owner++)
		ck_assert_int_eq(wait_for(owner, (pid_t)owner), 0);
	ck_assert_int_eq(wait_for(9999, 1), -ENOSPC);
	ck_assert_int_ne(next(), 0);
	ck_assert_int_eq(wait_for(9999, 1), 0);
	while (next())
		;
	/* places are used again, too */
	for (int i = 0; i < 3 * TURNS_MAX; i++) {
		ck_assert_int_eq(wait_for(1, i + 1), 0);
		ck_assert_int_eq(next(), i + 1);
	}
}
END_TEST

START_TEST(who_answers)
{
	static const struct {
		enum instance_kind kind;
		const char *instance;
		uint32_t uid;
		int owner; /* equal ones are one owner */
	} rows[] = {
		{ INSTANCE_EXECUTABLE, "nginx", 1000, 1 },
		{ INSTANCE_EXECUTABLE, "other", 1000, 1 },
		{ INSTANCE_UNIT, "app.service@1000", 0, 1 },
		{ INSTANCE_CONTAINER, "0123456789ab@1000", 77, 1 },
		{ INSTANCE_EXECUTABLE, "nginx", 0, 2 },
		{ INSTANCE_UNIT, "nginx.service", 1000, 3 },
		{ INSTANCE_UNIT, "nginx.service", 0, 3 },
		{ INSTANCE_UNIT, "user@1000.service", 1000, 4 },
		{ INSTANCE_CONTAINER, "0123456789ab", 0, 5 },
		{ INSTANCE_CONTAINER, "0123456789ab", 33, 5 },
		{ INSTANCE_CONTAINER, "nginx.service", 0, 6 },
	};
	const size_t count = sizeof(rows) / sizeof(rows[0]);

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < count; j++)
			ck_assert_int_eq(
				serving__owner(rows[i].kind, rows[i].instance, rows[i].uid) ==
					serving__owner(rows[j].kind, rows[j].instance, rows[j].uid),
				rows[i].owner == rows[j].owner);
}
END_TEST

Suite *probes_owners_suite(void)
{
	Suite *suite = suite_create("probes_owners");
	TCase *tc = tcase_create("probes_owners");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, no_more_than_is_free);
	tcase_add_test(tc, time_comes_back);
	tcase_add_test(tc, accounts_are_bounded);
	tcase_add_test(tc, owners_take_turns);
	tcase_add_test(tc, who_has_cost_less_goes_first);
	tcase_add_test(tc, lines_are_bounded);
	tcase_add_test(tc, who_answers);
	suite_add_tcase(suite, tc);
	return suite;
}
