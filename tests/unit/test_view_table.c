// SPDX-License-Identifier: Apache-2.0
/* The rules that tables keep, and what a table alone can make. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample_rich.h"

Suite *view_table_suite(void);

/* OpenMetrics asks that the unit ends the name, Prometheus that counters end in _total. */
START_TEST(tables_keep_the_rules)
{
	size_t count;
	const struct view *const *views = view__all(&count);

	for (size_t v = 0; v < count; v++) {
		for (size_t f = 0; f < views[v]->family_count; f++) {
			const struct metric_head *head = &views[v]->family[f].head;
			size_t length = strlen(head->name), unit = strlen(head->unit);
			bool total = length > 6 && !strcmp(head->name + length - 6, "_total");

			ck_assert_int_eq(total, head->type == METRIC_COUNTER);
			if (total)
				length -= 6;
			if (unit)
				ck_assert_msg(length > unit &&
						      !strncmp(head->name + length - unit,
							       head->unit, unit) &&
						      head->name[length - unit - 1] == '_',
					      "%s", head->name);
			ck_assert(head->help[strlen(head->help) - 1] == '.');
			ck_assert_uint_le(head->scale, NUMBER_MAX_SCALE);
			/* nor are two the same once _total is away, as OpenMetrics names them */
			for (size_t other = 0; other < f; other++) {
				const struct metric_head *before = &views[v]->family[other].head;
				size_t bytes = strlen(before->name);

				if (before->type == METRIC_COUNTER)
					bytes -= 6;
				ck_assert_msg(bytes != strlen(head->name) - (total ? 6 : 0) ||
						      strncmp(before->name, head->name, bytes) != 0,
					      "%s", head->name);
			}
		}
	}
}
END_TEST

/* What other views will need: fewer labels, classes, other names and units. */
START_TEST(a_table_alone_makes_another_view)
{
	static const struct family_part aborted[] = {
		{ COUNT_HTTP_ABORTED + ABORT_BY_CLIENT * ABORT_PHASE_N + ABORT_IN_WAIT,
		  { "client", "wait" } },
		{ COUNT_HTTP_ABORTED + ABORT_BY_CLIENT * ABORT_PHASE_N + ABORT_IN_RESPONSE,
		  { "client", "response" } },
		{ COUNT_HTTP_ABORTED + ABORT_BY_SERVER * ABORT_PHASE_N + ABORT_IN_WAIT,
		  { "server", "wait" } },
	};
	static const struct family_part connects[] = { { DESTINATION_CONNECTS, {} } };
	static const struct family_part response[] = { { ROW_RPC_RESPONSE, {} } };
	static const struct family_part versions[] = { { ROW_TLS_1_2, { "1.2" } },
						       { ROW_TLS_1_3, { "1.3" } } };
	static const struct family families[] = {
		{ .head = { "x_responses_count", "By class.", "", METRIC_COUNTER, 0 },
		  .fact = FACT_RESPONSES,
		  .label = { "class" },
		  .status_by_class = 1,
		  .drop = 1U << STANDARD_INSTANCE },
		{ .head = { "x_queue_ms", "In ms.", "", METRIC_HISTOGRAM, 6 },
		  .fact = FACT_HISTOGRAM,
		  .http_rows = 1U << ROW_APP_QUEUE,
		  .drop = 1U << STANDARD_INSTANCE | 1U << STANDARD_HOST },
		{ .head = { "x_aborted", "By whom.", "", METRIC_GAUGE, 0 },
		  .fact = FACT_COUNTS,
		  .label = { "who" },
		  .skip_zero = 1,
		  .part = aborted,
		  .part_count = 3 },
		{ .head = { "x_connects", "To anyone.", "", METRIC_GAUGE, 0 },
		  .fact = FACT_DESTINATIONS,
		  .skip_zero = 1,
		  .part = connects,
		  .part_count = 1 },
		{ .head = { "x_calls", "By status.", "", METRIC_GAUGE, 0 },
		  .fact = FACT_RPCS,
		  .label = { NULL, "code" } },
		{ .head = { "x_methods", "By method.", "", METRIC_GAUGE, 0 },
		  .fact = FACT_RPCS,
		  .label = { "method" } },
		{ .head = { "x_call_seconds", "Of all methods.", "", METRIC_HISTOGRAM, 9 },
		  .fact = FACT_RPC_ROWS,
		  .part = response,
		  .part_count = 1 },
		{ .head = { "x_tls_seconds", "Of all versions.", "", METRIC_HISTOGRAM, 9 },
		  .fact = FACT_ROWS,
		  .group = STATUS_TLS,
		  .part = versions,
		  .part_count = 2 },
		{ .head = { "x_tls_errors", "By reason.", "", METRIC_GAUGE, 0 },
		  .fact = FACT_TLS_ERRORS,
		  .label = { NULL, NULL, "error" } },
		{ .head = { "x_hellos", "All.", "", METRIC_GAUGE, 0 }, .fact = FACT_TLS_HELLOS },
	};
	static const struct view view = {
		.name = "x",
		.label = { [STANDARD_APP] = "service",
			   [STANDARD_HOST] = "machine",
			   [STANDARD_INSTANCE] = "vm" },
		.family = families,
		.family_count = sizeof(families) / sizeof(families[0]),
	};
	static const char *const wanted[] = {
		"x_calls{@,code=\"OK\"} 5\n",
		"x_calls{@,code=\"__other__\"} 2\n",
		"x_methods{@,method=\"/shop.Cart/Add\"} 6\n",
		"x_methods{@,method=\"__other__\"} 2\n",
		"x_call_seconds_count{@} 9\n",
		"x_tls_seconds_count{@} 3\n",
		"x_tls_seconds_sum{@} 0.009\n",
		"x_tls_errors{@,error=\"unknown_ca\"} 4\n", /* of two names */
		"x_tls_errors{@,error=\"__other__\"} 2\n",
		"x_hellos{@} 6\n",
	};
	struct rollup *rollup;
	struct sample sample;
	char *text;

	sample__init_rich(&sample, &rollup);
	text = sample__render(&sample, rollup, &view, &encoder_text, NULL);

	ck_assert_ptr_nonnull(strstr(text, "x_responses_count{service=\"shop\",machine=\"node\","
					   "class=\"2xx\"} 105\n"));
	ck_assert_ptr_nonnull(strstr(text, "x_responses_count{service=\"shop\",machine=\"node\","
					   "class=\"4xx\"} 1\n"));
	ck_assert_ptr_nonnull(strstr(text, "x_queue_ms_bucket{service=\"shop\",le=\"0.001\"} 3\n"));
	ck_assert_ptr_nonnull(strstr(text, "x_queue_ms_bucket{service=\"shop\",le=\"2.5\"} 5\n"));
	ck_assert_ptr_nonnull(
		strstr(text, "x_queue_ms_bucket{service=\"shop\",le=\"10000\"} 105\n"));
	ck_assert_ptr_nonnull(strstr(text, "x_queue_ms_count{service=\"shop\"} 106\n"));
	ck_assert_ptr_nonnull(strstr(text, "x_aborted{service=\"shop\",machine=\"node\","
					   "vm=\"0123456789ab\",who=\"client\"} 2\n"));
	ck_assert_ptr_nonnull(strstr(text, "x_connects{service=\"shop\",machine=\"node\","
					   "vm=\"0123456789ab\"} 12\n"));
	for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
		int before = (int)strcspn(wanted[i], "@");
		const char *found;
		char line[256];

		snprintf(line, sizeof(line), "%.*sservice=\"shop\",machine=\"node\",vm=\"%s\"%s",
			 before, wanted[i], "0123456789ab", wanted[i] + before + 1);
		found = strstr(text, line);
		ck_assert_msg(found && !strstr(found + 1, line), "%s", line); /* once */
	}
	ck_assert_ptr_null(strstr(text, "server"));
	ck_assert_ptr_null(strstr(text, "region"));
	free(text);
	/* A counter without _total is none in OpenMetrics. */
	text = sample__render(&sample, rollup, &view, &encoder_openmetrics, NULL);
	ck_assert_ptr_nonnull(strstr(text, "# TYPE x_responses_count unknown\n"));
	free(text);
	rollup__free(rollup);
	sample__free(&sample);
}
END_TEST

Suite *view_table_suite(void)
{
	Suite *suite = suite_create("view_table");
	TCase *tc = tcase_create("view_table");

	tcase_add_test(tc, tables_keep_the_rules);
	tcase_add_test(tc, a_table_alone_makes_another_view);
	suite_add_tcase(suite, tc);
	return suite;
}
