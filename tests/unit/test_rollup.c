// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "defaults.h"
#include "metrics/model.h"
#include "sample.h"

Suite *rollup_suite(void);

/* Value of the series that starts so, or -1 without one. */
static double value_of(const char *text, const char *series)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (!strncmp(line, series, strlen(series)))
			return strtod(strrchr(strndupa(line, strcspn(line, "\n")), ' '), NULL);
	}
	return -1;
}

/* Sum of all series of a family whose line contains part. */
static double sum_of(const char *text, const char *family, const char *part)
{
	double sum = 0;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		char *copy;

		line += *line == '\n';
		copy = strndup(line, strcspn(line, "\n"));
		if (!strncmp(copy, family, strlen(family)) && copy[strlen(family)] == '{' &&
		    strstr(copy, part))
			sum += strtod(strrchr(copy, ' '), NULL);
		free(copy);
	}
	return sum;
}

#define APP "{app=\"shop\",region=\"test\",host=\"node\""
#define RESPONSES "edgetap_edge_http_responses_total"
#define COUNT_OF "edgetap_edge_http_response_time_seconds_count"

static struct sample sample;
static struct rollup *rollup;

static void setup(void)
{
	sample__init(&sample, 8, 64, 64);
	ck_assert_int_eq(rollup__new(&rollup, 2, 8), 0);
}

static void teardown(void)
{
	rollup__free(rollup);
	sample__free(&sample);
}

static void serve(uint32_t slot, uint64_t times)
{
	sample__respond(&sample, slot, 200, METHOD_GET, times, 3000000);
	sample.slots[slot].count[COUNT_EDGE_CONNECTS] += times;
	sample.slots[slot].count[COUNT_BYTES_OUT] += 100 * times;
	sample.slots[slot].count[COUNT_OUTBOUND_CONNECTS] += times;
	sample__observe(&sample, slot, STATUS_NONE, ROW_RTT, 50000);
}

static void retire(uint32_t slot)
{
	rollup__retire(rollup, &sample.snapshot, slot, &sample.source);
}

static char *apps(void)
{
	return sample__render(&sample, rollup, &view_apps, &encoder_text, NULL);
}

static char *native(void)
{
	return sample__render(&sample, rollup, &view_native, &encoder_text, NULL);
}

static void check_totals(double responses, double rtts, const char *when)
{
	char *text = apps();

	ck_assert_msg(value_of(text, RESPONSES APP ",status=\"200\"") == responses, "%s", when);
	ck_assert_msg(value_of(text, COUNT_OF APP ",status=\"2xx\"") == responses, "%s", when);
	ck_assert_msg(value_of(text, "edgetap_edge_tcp_connects_total" APP) == responses, "%s",
		      when);
	ck_assert_msg(value_of(text, "edgetap_edge_data_out_bytes_total" APP) == 100 * responses,
		      "%s", when);
	ck_assert_msg(value_of(text, "edgetap_outbound_destination_connects_total" APP
				     ",destination=\"10.0.0.1:80\"") == responses,
		      "%s", when);
	ck_assert_msg(value_of(text, "edgetap_edge_tcp_round_trip_time_seconds_count" APP) == rtts,
		      "%s", when);
	free(text);
}

START_TEST(an_apps_totals_do_not_fall_when_an_instance_dies)
{
	char *text;

	sample__instance(&sample, 1, "shop", "one");
	sample__instance(&sample, 2, "shop", "two");
	serve(1, 30);
	serve(2, 12);
	sample__destination(&sample, 1, "10.0.0.1", 80, 30, 0, 0);
	sample__destination(&sample, 2, "10.0.0.1", 80, 12, 0, 0);
	sample.slots[1].count[COUNT_HTTP_STARTED] += 5; /* never finished */
	check_totals(42, 2, "both live");

	sample.slots[1].generation++; /* as detaching does */
	check_totals(42, 2, "detached");
	retire(1);
	check_totals(42, 2, "retired, not yet reused");
	retire(1);
	check_totals(42, 2, "retired twice");
	sample__reuse(&sample, 1);
	check_totals(42, 2, "given back");

	text = native();
	ck_assert_ptr_null(strstr(text, "instance=\"one\""));
	ck_assert_ptr_nonnull(strstr(text, "instance=\"two\""));
	free(text);
	text = apps();
	ck_assert_ptr_null(strstr(text, "instance="));
	ck_assert(value_of(text, "edgetap_app_concurrency" APP) == 0); /* of the living */
	free(text);

	/* The slot's next life counts again. */
	sample__instance(&sample, 1, "shop", "three");
	serve(1, 8);
	sample__destination(&sample, 1, "10.0.0.1", 80, 8, 0, 0);
	check_totals(50, 3, "another life");
	retire(1);
	sample__reuse(&sample, 1);
	retire(2);
	sample__reuse(&sample, 2);
	check_totals(50, 3, "all dead");
}
END_TEST

/* A restarted unit: a new cgroup, so a new slot, under the very same labels. */
START_TEST(a_series_that_goes_on_does_not_fall_either)
{
	const char *one = RESPONSES "{app=\"shop\",region=\"test\",host=\"node\",instance=\"unit\"";
	char *text;

	sample__instance(&sample, 1, "shop", "unit");
	sample__instance(&sample, 2, "shop", "unit");
	serve(1, 30);
	serve(2, 12);
	text = native();
	ck_assert(value_of(text, one) == 42); /* one series, not two of the same name */
	ck_assert(sum_of(text, RESPONSES, "") == 42);
	free(text);

	retire(1);
	sample__reuse(&sample, 1);
	text = native();
	ck_assert(value_of(text, one) == 42);
	free(text);
	text = apps();
	ck_assert(value_of(text, RESPONSES APP) == 42);
	free(text);

	/* With the last one its series end; the app's do not. */
	retire(2);
	sample__reuse(&sample, 2);
	text = native();
	ck_assert(value_of(text, one) == -1);
	free(text);
	text = apps();
	ck_assert(value_of(text, RESPONSES APP) == 42);
	free(text);
	ck_assert_uint_eq(rollup__count(rollup), 2); /* `__other__` and the app */
}
END_TEST

START_TEST(apps_beyond_the_limit_go_to_other)
{
	static const char *const names[] = { "a", "b", "c", "d" };
	char *text;

	for (uint32_t i = 0; i < 4; i++) {
		sample__instance(&sample, i + 1, names[i], "x");
		serve(i + 1, 10);
	}
	for (uint32_t i = 1; i <= 4; i++) {
		retire(i);
		sample__reuse(&sample, i);
	}
	ck_assert_uint_eq(rollup__count(rollup), 3);
	text = apps();
	ck_assert(sum_of(text, RESPONSES, "") == 40);
	ck_assert(sum_of(text, RESPONSES, "app=\"a\"") == 10);
	ck_assert(sum_of(text, RESPONSES, "app=\"__other__\"") == 20);
	ck_assert(sum_of(text, COUNT_OF, "app=\"__other__\"") == 20);
	free(text);
}
END_TEST

START_TEST(namespaces_are_apps_of_their_own)
{
	char *text;

	for (uint32_t slot = 1; slot <= 2; slot++) {
		sample__instance(&sample, slot, "shop", "x");
		sample.identities[slot].namespace_ = slot == 1 ? "red" : "blue";
		serve(slot, slot * 10);
		retire(slot);
		sample__reuse(&sample, slot);
	}
	text = apps();
	ck_assert(value_of(text, RESPONSES APP ",namespace=\"red\"") == 10);
	ck_assert(value_of(text, RESPONSES APP ",namespace=\"blue\"") == 20);
	free(text);
}
END_TEST

START_TEST(what_an_entry_has_no_room_for_keeps_its_sum)
{
	char *text;

	sample__free(&sample);
	sample__init(&sample, 3, 200, 200);
	sample__instance(&sample, 1, "shop", "x");
	for (unsigned int status = 200; status < 200 + 2 * ROLLUP_MAX_STATUSES; status++) {
		sample__respond(&sample, 1, status, METHOD_GET, 1, 1000);
		sample__observe(&sample, 1, status, ROW_APP_RESPONSE, 1000); /* by code */
	}
	sample__observe(&sample, 1, STATUS_NONE, ROW_RTT, 1000);
	for (uint16_t i = 0; i < SAMPLE_DESTINATIONS; i++)
		sample__destination(&sample, 1, "10.0.0.1", i, 1, 0, 0);
	sample.slots[1].count[COUNT_OUTBOUND_CONNECTS] = SAMPLE_DESTINATIONS + 7;
	for (int life = 0; life < 2; life++) {
		retire(1);
		sample.slots[1].born_ns++;
		for (uint16_t i = 0; i < SAMPLE_DESTINATIONS; i++)
			sample.destinations[i].key.port_be16 ^= 1; /* other addresses */
	}
	sample__reuse(&sample, 1);

	text = apps();
	ck_assert(sum_of(text, RESPONSES, "") == 4 * ROLLUP_MAX_STATUSES);
	ck_assert(value_of(text, RESPONSES APP ",status=\"__other__\"") ==
		  2 * (ROLLUP_MAX_STATUSES + 1));
	ck_assert(sum_of(text, "edgetap_app_http_response_time_seconds_count", "") ==
		  8 * ROLLUP_MAX_STATUSES);
	ck_assert(value_of(text, "edgetap_edge_tcp_round_trip_time_seconds_count" APP) == 2);
	ck_assert(sum_of(text, "edgetap_outbound_destination_connects_total", "") ==
		  2 * (SAMPLE_DESTINATIONS + 7));
	free(text);
}
END_TEST

START_TEST(dropped_instances_leave_nothing)
{
	char *text;

	sample__instance(&sample, 1, "hidden", "x");
	sample.identities[1].dropped = true;
	serve(1, 10);
	for (int i = 0; i < 2; i++) {
		text = apps();
		ck_assert_ptr_null(strstr(text, "hidden"));
		ck_assert(sum_of(text, RESPONSES, "") == 0);
		free(text);
		retire(1);
	}
}
END_TEST

START_TEST(slots_beyond_it_and_other_do_not_retire)
{
	char *text;

	serve(OTHER_INDEX, 3);
	retire(OTHER_INDEX);
	retire(8);
	retire(UINT32_MAX);
	text = apps();
	ck_assert(sum_of(text, RESPONSES, "app=\"__other__\"") == 3);
	free(text);
}
END_TEST

Suite *rollup_suite(void)
{
	Suite *suite = suite_create("rollup");
	TCase *tc = tcase_create("rollup");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, an_apps_totals_do_not_fall_when_an_instance_dies);
	tcase_add_test(tc, a_series_that_goes_on_does_not_fall_either);
	tcase_add_test(tc, apps_beyond_the_limit_go_to_other);
	tcase_add_test(tc, namespaces_are_apps_of_their_own);
	tcase_add_test(tc, what_an_entry_has_no_room_for_keeps_its_sum);
	tcase_add_test(tc, dropped_instances_leave_nothing);
	tcase_add_test(tc, slots_beyond_it_and_other_do_not_retire);
	suite_add_tcase(suite, tc);
	return suite;
}
