// SPDX-License-Identifier: Apache-2.0
/* When collectors read, and what they are asked for. */
#include <check.h>

#include "collect/collectors.h"
#include "config/config.h"

Suite *collectors_suite(void);

static struct config config;
static struct config_error error;
static struct identity_table *table;
static struct collectors *collectors;

static int times;
static unsigned int asked; /* groups, last */
static bool asked_for_b;

static int start(void **ret_state, const struct collector_env *env)
{
	(void)env;
	*ret_state = &times;
	return 0;
}

static void end(void *state)
{
	(void)state;
}

static void read_nothing(void *state, struct readings *readings)
{
	(void)state;
	times++;
	asked = 0;
	for (int bit = 0; bit < 32; bit++)
		if (readings__wants(readings, 1U << bit))
			asked |= 1U << bit;
	asked_for_b = readings__wants_app(readings, "b");
}

static const struct collector counting = {
	.name = "counting",
	.start = start,
	.free = end,
	.read = read_nothing,
};

static void setup(void)
{
	const struct collector *const all[] = { &counting };
	struct collector_env env = { .config = &config };

	ck_assert_int_eq(config__init(&config, &error), 0);
	ck_assert_int_eq(identity_table__new(&table, &config, 4), 0);
	env.identity = table;
	ck_assert_int_eq(collectors__new(&collectors, all, 1, &env), 0);
	times = 0;
}

static void teardown(void)
{
	collectors__free(collectors);
	identity_table__free(table);
	config__free(&config);
}

static void read_for(unsigned int groups, const struct scope *scope)
{
	const struct readings_wanted wanted = { groups, scope };

	collectors__start_reading(collectors, &wanted);
	collectors__finish_reading(collectors);
}

#define ALL_GROUPS UINT32_MAX

START_TEST(who_wants_no_more_shares)
{
	read_for(READINGS_OF_MEMORY | READINGS_OF_CPU, &scope_all);
	ck_assert_int_eq(times, 1);
	ck_assert_uint_eq(asked, READINGS_OF_MEMORY | READINGS_OF_CPU);
	ck_assert(asked_for_b);
	read_for(READINGS_OF_CPU, &scope_all);
	read_for(READINGS_OF_MEMORY | READINGS_OF_CPU, &scope_none);
	read_for(0, &scope_all);
	ck_assert_int_eq(times, 1);
}
END_TEST

START_TEST(who_wants_more_gets_all_once)
{
	read_for(READINGS_OF_CPU, &scope_all);
	read_for(READINGS_OF_DISKS, &scope_all);
	ck_assert_int_eq(times, 2);
	ck_assert_uint_eq(asked, ALL_GROUPS);
	for (int bit = 0; bit < 10; bit++)
		read_for(1U << bit, &scope_all);
	ck_assert_int_eq(times, 2);
}
END_TEST

START_TEST(apps_of_one_are_not_all_of_anothers)
{
	static const char *const a[] = { "a" };
	const struct scope only_a = { .app = a, .app_count = 1 };

	read_for(READINGS_OF_CPU, &only_a);
	ck_assert(!asked_for_b);
	read_for(READINGS_OF_CPU, &scope_all);
	ck_assert_int_eq(times, 2);
	ck_assert(asked_for_b);
	read_for(ALL_GROUPS, &only_a);
	ck_assert_int_eq(times, 2);
}
END_TEST

Suite *collectors_suite(void)
{
	Suite *suite = suite_create("collectors");
	TCase *tc = tcase_create("reading");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, who_wants_no_more_shares);
	tcase_add_test(tc, who_wants_more_gets_all_once);
	tcase_add_test(tc, apps_of_one_are_not_all_of_anothers);
	suite_add_tcase(suite, tc);
	return suite;
}
