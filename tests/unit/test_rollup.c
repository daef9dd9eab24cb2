// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "defaults.h"
#include "metrics/model.h"
#include "sample.h"
#include "views/views.h"

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
			((char *)sample.series[SERIES_DESTINATIONS][i].name[0])[17] ^= 1;
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

#define CALLS "edgetap_app_grpc_responses_total"
#define CALLS_COUNT "edgetap_app_grpc_response_time_seconds_count"
#define ADD ",grpc_method=\"/shop.Cart/Add\""
#define ERRORS "edgetap_edge_tls_handshake_errors_total"
#define HELLOS "edgetap_edge_tls_hellos_total"
#define HANDSHAKES "edgetap_edge_tls_handshake_time_seconds_count"
#define EXITS "edgetap_instance_exits_total"
#define UPGRADES "edgetap_app_upgraded_connections_total"

/* Something of everything but HTTP/1.1. */
static void serve_rich(uint32_t slot, uint64_t times)
{
	__u64 *count = sample.slots[slot].count;

	sample__call(&sample, slot, "/shop.Cart/Add", slot % 2, 0, times, 2000000);
	sample__call(&sample, slot, "/shop.Cart/Add", false, 5, times, 2000000);
	sample__call(&sample, slot, "/shop.Cart/Watch", true, 1, times, 2000000);
	sample__tls_error(&sample, slot, "a.example", "client", "unknown_ca", times);
	sample__tls_error(&sample, slot, "", "server", "closed", times);
	sample__tls_hello(&sample, slot, "h2", times);
	sample__exit(&sample, slot, 137, times);
	count[COUNT_OOM_KILLS] += times;
	count[COUNT_RUN_DELAY_NS] += times * 1000000000;
	count[COUNT_TLS_UNNAMED_ERRORS] += times;
	count[COUNT_UPGRADES] += times + 1;
	count[COUNT_UPGRADES_ENDED] += times;
	count[COUNT_UPGRADED_BYTES_IN] += 10 * times;
	count[COUNT_WEBSOCKET_MESSAGES_OUT] += times;
	for (uint64_t i = 0; i < times; i++) {
		sample__observe(&sample, slot, STATUS_TLS, ROW_TLS_1_3, 4000000);
		sample__observe(&sample, slot, STATUS_UPGRADE, ROW_UPGRADED, 9000000000);
	}
}

static void check_rich(const char *text, double times, double open, const char *when)
{
	ck_assert_msg(value_of(text, CALLS APP ADD ",grpc_status=\"OK\"") == times, "%s", when);
	ck_assert_msg(value_of(text, CALLS APP ADD ",grpc_status=\"NOT_FOUND\"") == times, "%s",
		      when);
	ck_assert_msg(sum_of(text, CALLS, "") == 3 * times, "%s", when);
	ck_assert_msg(value_of(text, CALLS_COUNT APP ADD) == 2 * times, "%s", when);
	ck_assert_msg(sum_of(text, CALLS_COUNT, "") == 3 * times, "%s", when);
	ck_assert_msg(value_of(text, ERRORS APP ",servername=\"a.example\"") == times, "%s", when);
	ck_assert_msg(value_of(text, ERRORS APP ",by=\"server\"") == times, "%s", when);
	ck_assert_msg(value_of(text, ERRORS APP ",servername=\"__other__\"") == times, "%s", when);
	ck_assert_msg(value_of(text, HELLOS APP ",alpn=\"h2\"") == times, "%s", when);
	ck_assert_msg(value_of(text, HANDSHAKES APP ",version=\"1.3\"") == times, "%s", when);
	ck_assert_msg(value_of(text, UPGRADES APP) >= times, "%s", when);
	ck_assert_msg(value_of(text, EXITS APP ",code=\"137\"") == times, "%s", when);
	ck_assert_msg(value_of(text, "edgetap_instance_oom_kills_total" APP) == times, "%s", when);
	ck_assert_msg(value_of(text, "edgetap_instance_run_queue_seconds_total" APP) == times, "%s",
		      when);
	ck_assert_msg(value_of(text, "edgetap_app_open_upgraded_connections" APP) == open, "%s",
		      when);
	ck_assert_msg(value_of(text, "edgetap_app_upgraded_connection_time_seconds_count" APP) ==
			      times,
		      "%s", when);
	ck_assert_msg(value_of(text, "edgetap_app_upgraded_data_bytes_total" APP
				     ",direction=\"in\"") == 10 * times,
		      "%s", when);
	/* none of it is HTTP's */
	ck_assert_msg(sum_of(text, COUNT_OF, "") == 0, "%s", when);
	ck_assert_msg(sum_of(text, "edgetap_app_http_queue_time_seconds_count", "") == 0, "%s",
		      when);
}

static void check_rich_apps(double times, double open, const char *when)
{
	char *text = apps();

	check_rich(text, times, open, when);
	free(text);
}

START_TEST(what_peers_name_does_not_fall_either)
{
	sample__instance(&sample, 1, "shop", "one");
	sample__instance(&sample, 2, "shop", "two");
	serve_rich(1, 30);
	serve_rich(2, 12);
	check_rich_apps(42, 2, "both live");
	sample.slots[1].generation++; /* as detaching does */
	check_rich_apps(42, 2, "detached");
	retire(1);
	check_rich_apps(42, 1, "retired, not yet reused");
	sample__reuse(&sample, 1);
	check_rich_apps(42, 1, "given back");
	sample__instance(&sample, 1, "shop", "three");
	serve_rich(1, 8);
	check_rich_apps(50, 2, "another life");
	retire(1);
	sample__reuse(&sample, 1);
	retire(2);
	sample__reuse(&sample, 2);
	check_rich_apps(50, 0, "all dead");
}
END_TEST

START_TEST(nor_where_the_very_same_labels_live_on)
{
	char *text;

	sample__instance(&sample, 1, "shop", "unit");
	sample__instance(&sample, 2, "shop", "unit");
	serve_rich(1, 30);
	serve_rich(2, 12);
	retire(1);
	sample__reuse(&sample, 1);
	text = native();
	ck_assert(sum_of(text, CALLS, "instance=\"unit\"") == 3 * 42);
	ck_assert(sum_of(text, CALLS_COUNT, ADD) == 2 * 42);
	ck_assert(sum_of(text, ERRORS, "unknown_ca") == 42);
	ck_assert(sum_of(text, HELLOS, "") == 42);
	ck_assert(sum_of(text, HANDSHAKES, "version=\"1.3\"") == 42);
	free(text);
	check_rich_apps(42, 1, "one of two");
	retire(2); /* the entry of all labels becomes part of the app's */
	sample__reuse(&sample, 2);
	ck_assert_uint_eq(rollup__count(rollup), 2);
	check_rich_apps(42, 0, "none of two");
}
END_TEST

static void call_methods(uint32_t slot, unsigned int first, unsigned int count)
{
	for (unsigned int i = first; i < first + count; i++) {
		char path[32];

		snprintf(path, sizeof(path), "/pkg.Service/M%u", i);
		sample__call(&sample, slot, path, false, 0, 1, 1000);
	}
}

static double series_of(const char *text, const char *family)
{
	double count = 0;

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		count += !strncmp(line, family, strlen(family)) && line[strlen(family)] == '{';
	}
	return count;
}

/* As many as one instance may have, twice over, under one app. */
START_TEST(methods_without_room_keep_their_sum)
{
	char *text;

	sample__free(&sample);
	sample__init(&sample, 8, 2, 300);
	for (uint32_t slot = 1; slot <= 2; slot++) {
		sample__instance(&sample, slot, "shop", slot == 1 ? "one" : "two");
		call_methods(slot, slot * 1000, ROLLUP_MAX_RPCS_OF_ENTRY);
	}
	for (uint32_t slot = 1; slot <= 2; slot++) {
		retire(slot);
		sample__reuse(&sample, slot);
	}
	text = apps();
	ck_assert(sum_of(text, CALLS, "") == 2 * ROLLUP_MAX_RPCS_OF_ENTRY);
	ck_assert(sum_of(text, CALLS_COUNT, "") == 2 * ROLLUP_MAX_RPCS_OF_ENTRY);
	ck_assert(series_of(text, CALLS) == ROLLUP_MAX_RPCS_OF_ENTRY + 1);
	ck_assert(value_of(text, CALLS APP ",grpc_method=\"__other__\"") ==
		  ROLLUP_MAX_RPCS_OF_ENTRY);
	free(text);
}
END_TEST

START_TEST(methods_of_all_entries_are_bounded)
{
	static char names[32][16];
	struct rollup *large;
	uint32_t methods = 0;
	char *text;

	ck_assert_int_eq(rollup__new(&large, 32, 8), 0);
	for (unsigned int i = 0; i < 32; i++) {
		sample__free(&sample);
		sample__init(&sample, 8, 2, 300);
		snprintf(names[i], sizeof(names[i]), "app%u", i);
		sample__instance(&sample, 1, names[i], "x");
		call_methods(1, 0, ROLLUP_MAX_RPCS_OF_ENTRY);
		rollup__retire(large, &sample.snapshot, 1, &sample.source);
		sample__reuse(&sample, 1);
	}
	for (uint32_t i = 0; i < rollup__count(large); i++)
		for (uint32_t r = 0; r < rollup__entry(large, i)->rpc_count; r++)
			methods += strcmp(rollup__entry(large, i)->rpcs[r]->method, VALUE_OTHER) !=
				   0;
	ck_assert_uint_eq(methods, ROLLUP_MAX_RPCS);
	text = sample__render(&sample, large, &view_apps, &encoder_text, NULL);
	ck_assert(sum_of(text, CALLS, "") == 32 * ROLLUP_MAX_RPCS_OF_ENTRY);
	ck_assert(sum_of(text, CALLS_COUNT, "") == 32 * ROLLUP_MAX_RPCS_OF_ENTRY);
	ck_assert(sum_of(text, CALLS, "app=\"app31\"") == ROLLUP_MAX_RPCS_OF_ENTRY);
	free(text);
	rollup__free(large);
}
END_TEST

/* Apps of one user leave room for those of others; what is beyond is `__other__`. */
START_TEST(a_user_has_a_share)
{
	static const char *const names[] = { "user1", "user2", "user3", "container" };
	struct rollup *shared;
	char *text;

	ck_assert_int_eq(rollup__new(&shared, 4, 8), 0);
	for (uint32_t i = 0; i < 4; i++) {
		sample__instance(&sample, i + 1, names[i], names[i]);
		/* the last is a container, and has its slot's account */
		sample.slots[i + 1].account = i < 3 ? 8 + 100 : i + 1;
		sample__respond(&sample, i + 1, 200, METHOD_GET, 10, 3000000);
		rollup__retire(shared, &sample.snapshot, i + 1, &sample.source);
		sample__reuse(&sample, i + 1);
	}
	text = sample__render(&sample, shared, &view_apps, &encoder_text, NULL);
	ck_assert(sum_of(text, RESPONSES, "app=\"user1\"") == 10);
	ck_assert(sum_of(text, RESPONSES, "app=\"user2\"") == 10);
	ck_assert(sum_of(text, RESPONSES, "app=\"user3\"") == 0);
	ck_assert(sum_of(text, RESPONSES, "app=\"__other__\"") == 10);
	ck_assert(sum_of(text, RESPONSES, "app=\"container\"") == 10);
	free(text);
	rollup__free(shared);
}
END_TEST

/* Becoming part of the app's entry needs no room beyond what its own had, however often. */
START_TEST(an_entry_that_is_absorbed_keeps_its_methods)
{
	int lives = 2 * ROLLUP_MAX_RPCS / ROLLUP_MAX_RPCS_OF_ENTRY;
	char *text;

	for (int life = 0; life < lives; life++) {
		sample__free(&sample);
		sample__init(&sample, 8, 2, 300);
		sample__instance(&sample, 1, "shop", "unit");
		sample__instance(&sample, 2, "shop", "unit");
		call_methods(1, 0, ROLLUP_MAX_RPCS_OF_ENTRY);
		for (uint32_t slot = 1; slot <= 2; slot++) {
			retire(slot);
			sample__reuse(&sample, slot);
		}
	}
	text = apps();
	ck_assert(series_of(text, CALLS) == ROLLUP_MAX_RPCS_OF_ENTRY);
	ck_assert(sum_of(text, CALLS, "__other__") == 0);
	ck_assert(sum_of(text, CALLS, "") == lives * ROLLUP_MAX_RPCS_OF_ENTRY);
	free(text);
}
END_TEST

START_TEST(names_without_room_keep_their_sum)
{
	static char names[400][16], reasons[400][16];
	char *text;

	sample__instance(&sample, 1, "shop", "x");
	for (int i = 0; i < 400; i++) {
		snprintf(names[i], sizeof(names[i]), "n%d.example", i);
		snprintf(reasons[i], sizeof(reasons[i]), "alert_%d", i);
		sample__tls_error(&sample, 1, names[i], "client", reasons[i % 10], 1);
	}
	sample__tls_hello(&sample, 1, "h2", 3);
	sample__exit(&sample, 1, 0, 4);
	sample__exit(&sample, 1, 143, 5);
	retire(1);
	text = apps();
	/* what clients make up takes no room from these */
	ck_assert(sum_of(text, EXITS, "code=\"0\"") == 4);
	ck_assert(sum_of(text, EXITS, "code=\"143\"") == 5);
	ck_assert(sum_of(text, ERRORS, "") == 400);
	/* who and why is known of all, the name of as many as there is room for */
	ck_assert(sum_of(text, ERRORS, "by=\"client\"") == 400);
	ck_assert(sum_of(text, ERRORS, "servername=\"__other__\"") == 400 - ROLLUP_MAX_SERIES / 2);
	ck_assert(sum_of(text, HELLOS, "") == 3);
	free(text);

	/* More reasons than there could be: still no more places than the bound. */
	sample__reuse(&sample, 1);
	sample__instance(&sample, 1, "shop", "y");
	for (int i = 0; i < 400; i++)
		sample__tls_error(&sample, 1, names[i], "client", reasons[i], 1);
	retire(1);
	sample__reuse(&sample, 1);
	text = apps();
	ck_assert(sum_of(text, ERRORS, "") == 800);
	ck_assert(sum_of(text, EXITS, "") == 9);
	ck_assert_double_eq(series_of(text, ERRORS), ROLLUP_MAX_SERIES);
	free(text);
}
END_TEST

START_TEST(statuses_leave_room_for_groups_that_are_not_http)
{
	char *text;

	sample__free(&sample);
	sample__init(&sample, 3, 200, 200);
	sample__instance(&sample, 1, "shop", "x");
	for (unsigned int status = 200; status < 250; status++)
		sample__observe(&sample, 1, status, ROW_APP_RESPONSE, 1000); /* by code */
	sample__observe(&sample, 1, STATUS_UPGRADE, ROW_UPGRADED, 1000);
	sample__observe(&sample, 1, STATUS_TLS, ROW_TLS_1_2, 1000);
	sample__observe(&sample, 1, STATUS_NONE, ROW_RTT, 1000);
	retire(1);
	sample__reuse(&sample, 1);
	text = apps();
	ck_assert(sum_of(text, "edgetap_app_http_response_time_seconds_count", "") == 50);
	ck_assert(value_of(text, HANDSHAKES APP ",version=\"1.2\"") == 1);
	ck_assert(value_of(text, "edgetap_app_upgraded_connection_time_seconds_count" APP) == 1);
	ck_assert(value_of(text, "edgetap_edge_tcp_round_trip_time_seconds_count" APP) == 1);
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
	tcase_add_test(tc, what_peers_name_does_not_fall_either);
	tcase_add_test(tc, nor_where_the_very_same_labels_live_on);
	tcase_add_test(tc, methods_without_room_keep_their_sum);
	tcase_add_test(tc, methods_of_all_entries_are_bounded);
	tcase_add_test(tc, a_user_has_a_share);
	tcase_add_test(tc, an_entry_that_is_absorbed_keeps_its_methods);
	tcase_add_test(tc, names_without_room_keep_their_sum);
	tcase_add_test(tc, statuses_leave_room_for_groups_that_are_not_http);
	suite_add_tcase(suite, tc);
	return suite;
}
