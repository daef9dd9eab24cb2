// SPDX-License-Identifier: Apache-2.0
/* The rules that tables keep, and what a table alone can make. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sample_rich.h"
#include "views/fly/host_id.h"
#include "views/views.h"

Suite *view_table_suite(void);

static size_t stem(const struct metric_head *head)
{
	size_t length = strlen(head->name);
	bool total = length > 6 && !strcmp(head->name + length - 6, "_total");

	ck_assert_msg(total == (head->type == METRIC_COUNTER), "%s", head->name);
	return total ? length - 6 : length;
}

/* Nor may two be the same once _total is away, as OpenMetrics names them. */
static void check_name(const struct metric_head *head, const struct metric_head *const *before,
		       size_t count)
{
	size_t length = stem(head), unit = strlen(head->unit);

	if (unit)
		ck_assert_msg(length > unit &&
				      !strncmp(head->name + length - unit, head->unit, unit) &&
				      head->name[length - unit - 1] == '_',
			      "%s", head->name);
	for (size_t i = 0; i < count; i++)
		ck_assert_msg(stem(before[i]) != length ||
				      strncmp(before[i]->name, head->name, length) != 0,
			      "%s", head->name);
}

/* OpenMetrics asks that the unit ends the name, Prometheus that counters end in _total. */
START_TEST(tables_keep_the_rules)
{
	const struct metric_head *heads[512];
	size_t count;
	const struct view *const *views = view__all(&count);

	for (size_t v = 0; v < count; v++) {
		const struct family_table tables[] = {
			{ views[v]->family, views[v]->family_count },
			views[v]->readings ? *views[v]->readings : (struct family_table){},
		};
		size_t known = 0;

		for (size_t f = 0; f < tables[0].count + tables[1].count; f++) {
			const struct family *family =
				f < tables[0].count ? &tables[0].family[f]
						    : &tables[1].family[f - tables[0].count];
			const struct metric_head *head = &family->head;

			ck_assert(head->help[strlen(head->help) - 1] == '.');
			ck_assert_uint_le(head->scale, NUMBER_MAX_SCALE);
			if (!views[v]->text_only)
				check_name(head, heads, known);
			for (size_t i = 0; i < known; i++)
				ck_assert_str_ne(heads[i]->name, head->name);
			ck_assert_uint_lt(known, 512);
			heads[known++] = head;
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
		  .fact = FACT_SERIES,
		  .series = SERIES_DESTINATIONS,
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
		  .fact = FACT_SERIES,
		  .series = SERIES_TLS_ERRORS,
		  .label = { NULL, NULL, "error" } },
		{ .head = { "x_hellos", "All.", "", METRIC_GAUGE, 0 },
		  .fact = FACT_SERIES,
		  .series = SERIES_TLS_HELLOS },
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

/* Names of the labels that a family of the view has beside app, region and host, sorted. */
static void labels_of(const struct family *family, char ret_labels[128])
{
	const char *names[FAMILY_LABELS + STANDARD_LABELS];
	size_t count = 0;

	for (int i = STANDARD_INSTANCE; i < STANDARD_LABELS; i++)
		if (view_fly.label[i] && !(family->drop & 1U << i))
			names[count++] = view_fly.label[i];
	for (int l = 0; l < FAMILY_LABELS; l++)
		if (family->label[l])
			names[count++] = family->label[l];
	ret_labels[0] = '\0';
	for (size_t i = 0; i < count; i++)
		snprintf(ret_labels + strlen(ret_labels), 128 - strlen(ret_labels), "%s%s",
			 i ? "," : "", names[i]);
}

static const struct family *find_family(const struct view *view, const char *name)
{
	for (size_t i = 0; i < view->family_count; i++)
		if (!strcmp(view->family[i].head.name, name))
			return &view->family[i];
	for (size_t i = 0; i < view->readings->count; i++)
		if (!strcmp(view->readings->family[i].head.name, name))
			return &view->readings->family[i];
	return NULL;
}

/* Beside the end-to-end tests lies what the platform's page lists. */
START_TEST(fly_is_what_its_page_says)
{
	static const char *const types[] = { [METRIC_COUNTER] = "counter",
					     [METRIC_GAUGE] = "gauge",
					     [METRIC_HISTOGRAM] = "histogram",
					     [METRIC_INFO] = "gauge" };
	char path[512], line[256], name[128], type[32], labels[128], got[128];
	size_t count = 0;
	FILE *file;

	snprintf(path, sizeof(path), "%.*s../e2e/fly-metrics.tsv",
		 (int)(strrchr(__FILE__, '/') + 1 - __FILE__), __FILE__);
	file = fopen(path, "r");
	ck_assert_msg(file, "%s", path);
	while (fgets(line, sizeof(line), file)) {
		const struct family *family;

		if (line[0] == '#')
			continue;
		ck_assert_int_eq(
			sscanf(line, "%127[^\t]\t%31[^\t]\t%127[^\t\n]", name, type, labels), 3);
		family = find_family(&view_fly, name);
		ck_assert_msg(family, "%s", name);
		ck_assert_msg(!strcmp(types[family->head.type], type), "%s", name);
		labels_of(family, got);
		ck_assert_msg(!strcmp(got, labels), "%s{%s}, not {%s}", name, got, labels);
		count++;
	}
	fclose(file);
	ck_assert_uint_eq(count, view_fly.family_count + view_fly.readings->count);
}
END_TEST

START_TEST(names_that_only_text_has_room_for)
{
	ck_assert_ptr_eq(view__encoder(&view_fly, encoder_openmetrics.content_type), &encoder_text);
	ck_assert_ptr_eq(view__encoder(&view_fly, encoder_protobuf.content_type), &encoder_text);
	ck_assert_ptr_eq(view__encoder(&view_native, encoder_openmetrics.content_type),
			 &encoder_openmetrics);
	ck_assert_ptr_eq(view__encoder(&view_native, NULL), &encoder_text);
}
END_TEST

static void check_host_id(const char *host, const char *wanted)
{
	char id[VIEW_HOST_BYTES];

	host_id__of(id, host);
	ck_assert_str_eq(id, wanted);
}

START_TEST(a_host_has_four_digits)
{
	check_host_id("", "");
	check_host_id("node", "545e"); /* printf %s node | sha256sum */
	check_host_id("c0de", "c0de"); /* is one already */
	check_host_id("C0DE", "ba29");
	check_host_id("12345", "5994");
}
END_TEST

/* A count that the kernel does not tell is not zero: its family is not there. */
START_TEST(families_of_untold_counts_are_absent)
{
	struct rollup *rollup;
	struct sample sample;
	size_t length;
	char *text;

	sample__init_rich(&sample, &rollup);
	text = sample__render(&sample, rollup, &view_native, &encoder_text, &length);
	ck_assert_ptr_nonnull(strstr(text, "edgetap_instance_run_queue_seconds_total"));
	free(text);
	sample.snapshot.uncounted = 1ULL << COUNT_RUN_DELAY_NS | 1ULL << COUNT_RESETS_IN;
	text = sample__render(&sample, rollup, &view_native, &encoder_text, &length);
	ck_assert_ptr_null(strstr(text, "edgetap_instance_run_queue_seconds_total"));
	ck_assert_ptr_nonnull(strstr(text, "edgetap_instance_oom_kills_total{"));
	ck_assert_ptr_nonnull(strstr(text, "edgetap_edge_tcp_resets_total{"));
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
	tcase_add_test(tc, fly_is_what_its_page_says);
	tcase_add_test(tc, names_that_only_text_has_room_for);
	tcase_add_test(tc, a_host_has_four_digits);
	tcase_add_test(tc, a_table_alone_makes_another_view);
	tcase_add_test(tc, families_of_untold_counts_are_absent);
	suite_add_tcase(suite, tc);
	return suite;
}
