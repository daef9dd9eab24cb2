// SPDX-License-Identifier: Apache-2.0
/*
 * Whole expositions: against golden files (EDGETAP_WRITE_GOLDEN=1 writes them
 * anew, to be read before they are committed), and through readers that nobody
 * here wrote.
 */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "defaults.h"
#include "exposition/exposition.h"
#include "golden.h"
#include "sample_rich.h"
#include "views/views.h"

Suite *view_suite(void);

static struct sample sample;
static struct rollup *rollup;

static void setup(void)
{
	sample__init_rich(&sample, &rollup);
}

static void teardown(void)
{
	rollup__free(rollup);
	sample__free(&sample);
}

/*
 * Runs a shell command with data as its input. Returns what it printed on
 * both outputs, from malloc, and its exit status.
 */
static char *run_tool(const char *command, const char *data, size_t length, int *ret_status)
{
	char input[] = "/tmp/edgetap-view-XXXXXX", line[1024], *output;
	int fd = mkstemp(input);
	FILE *pipe;

	ck_assert_int_ge(fd, 0);
	close(fd);
	golden__write(input, data, length);
	snprintf(line, sizeof(line), "{ %s ; } < %s 2>&1", command, input);
	pipe = popen(line, "r");
	ck_assert_ptr_nonnull(pipe);
	output = golden__read_all(pipe);
	*ret_status = pclose(pipe);
	*ret_status = WIFEXITED(*ret_status) ? WEXITSTATUS(*ret_status) : -1;
	unlink(input);
	return output;
}

/* Whether the command succeeds; says SKIP if not. */
static bool have(const char *test, const char *command, const char *what)
{
	int status;

	free(run_tool(command, "", 0, &status));
	if (status)
		printf("SKIP: %s: %s\n", test, what);
	return status == 0;
}

static const struct {
	const struct view *view;
	const struct encoder *encoder;
	const char *golden;
} expositions[] = {
	{ &view_native, &encoder_text, "golden/native.txt" },
	{ &view_native, &encoder_openmetrics, "golden/native.openmetrics" },
	{ &view_apps, &encoder_text, "golden/apps.txt" },
	{ &view_apps, &encoder_openmetrics, "golden/apps.openmetrics" },
	{ &view_fly, &encoder_text, "golden/fly.txt" },
};

/* Another reason for losses is no news to these files: those at zero are left out. */
static void cut_zero_losses(char *text)
{
	char *to = text;

	for (char *line = text; *line;) {
		size_t length = strcspn(line, "\n") + 1;

		if (strncmp(line, "edgetap_losses_total{", 21) || line[length - 2] != '0') {
			memmove(to, line, length);
			to += length;
		}
		line += length;
	}
	*to = '\0';
}

START_TEST(expositions_are_as_they_were_read)
{
	char *text = sample__render(&sample, rollup, expositions[_i].view, expositions[_i].encoder,
				    NULL);

	cut_zero_losses(text);
	golden__check(expositions[_i].golden, text);
	free(text);
}
END_TEST

static bool has_pods(const struct identity_table *table)
{
	(void)table;
	return true;
}

START_TEST(promtool_has_nothing_to_say)
{
	static const struct view *const views[] = { &view_native, &view_apps };
	size_t length;
	char *text, *said;
	int status;

	if (!have("promtool_has_nothing_to_say", "command -v promtool",
		  "promtool is not installed"))
		return;
	sample.source.has_pods = _i % 2 ? has_pods : NULL;
	text = sample__render(&sample, rollup, views[_i / 2], &encoder_text, &length);
	said = run_tool("promtool check metrics", text, length, &status);
	ck_assert_str_eq(said, "");
	ck_assert_int_eq(status, 0);
	free(said);
	/* and it would say something */
	said = run_tool("promtool check metrics", "# TYPE a counter\na 1\n", 19, &status);
	ck_assert_str_ne(said, "");
	free(said);
	free(text);
}
END_TEST

/*
 * The reference parser checks names, units, suffixes, order and bucket sums;
 * what it read must be every line of values that was written.
 */
START_TEST(the_reference_parser_reads_openmetrics)
{
	static const char script[] =
		"/usr/bin/python3 -c '\n"
		"import sys\n"
		"from prometheus_client.openmetrics.parser import text_string_to_metric_families\n"
		"text = sys.stdin.buffer.read().decode(\"utf-8\")\n"
		"lines = [l for l in text.split(\"\\n\") if l and not l.startswith(\"# \")]\n"
		"samples = [s for f in text_string_to_metric_families(text) for s in f.samples]\n"
		"keys = {(s.name, tuple(sorted(s.labels.items()))) for s in samples}\n"
		"app = [s.labels[\"app\"] for s in samples if \"app\" in s.labels]\n"
		"print(len(lines) - len(samples), len(samples) - len(keys), len(samples) > 100,\n"
		"      \"quote\\\" back\\\\slash\\nline \\ufffd\" in app)'";
	size_t length;
	char *text, *said;
	int status;

	if (!have("the_reference_parser_reads_openmetrics",
		  "/usr/bin/python3 -c 'import prometheus_client.openmetrics.parser'",
		  "python3-prometheus-client is not installed"))
		return;
	sample.source.has_pods = _i % 2 ? has_pods : NULL;
	text = sample__render(&sample, rollup, expositions[_i / 2].view, &encoder_openmetrics,
			      &length);
	said = run_tool(script, text, length, &status);
	ck_assert_str_eq(said, "0 0 True True\n");
	free(said);
	free(text);
}
END_TEST

static uint64_t read_varint(const unsigned char **p)
{
	uint64_t value = 0;
	int shift = 0;

	do
		value |= (uint64_t)(**p & 0x7f) << shift;
	while (shift += 7, *(*p)++ & 0x80);
	return value;
}

/* One of each form: a counter, a gauge, two kinds of histogram, labels that are odd. */
static const char *const in_golden[] = {
	"edgetap_build_info",
	"edgetap_app_concurrency",
	"edgetap_app_http_responses_total",
	"edgetap_outbound_tcp_connect_time_seconds",
	"edgetap_outbound_destination_connects_total",
	"edgetap_instance_up",
};

static bool is_in_golden(const char *message)
{
	char name[128];

	for (size_t i = 0; i < sizeof(in_golden) / sizeof(in_golden[0]); i++) {
		snprintf(name, sizeof(name), "name: \"%s\"\n", in_golden[i]);
		if (strncmp(message, name, strlen(name)) == 0)
			return true;
	}
	return false;
}

/* Every message as protoc prints it, one after the other; some of them to few as well (may be
 * NULL). */
static char *decode_all(const char *data, size_t length, FILE *few)
{
	const unsigned char *p = (const void *)data, *end = p + length;
	size_t size = 0;
	char *all = NULL;
	FILE *out = open_memstream(&all, &size);
	char command[1024], folder[512];
	int status;

	snprintf(folder, sizeof(folder), "%s", golden__path(""));
	snprintf(command, sizeof(command),
		 "protoc -I %s --decode=io.prometheus.client.MetricFamily metrics.proto",
		 *folder ? folder : ".");
	while (p < end) {
		uint64_t bytes = read_varint(&p);
		char *text;

		ck_assert_uint_le(bytes, (uint64_t)(end - p));
		text = run_tool(command, (const char *)p, bytes, &status);
		ck_assert_msg(status == 0, "%s", text);
		fputs(text, out);
		if (few && is_in_golden(text))
			fputs(text, few);
		free(text);
		p += bytes;
	}
	fclose(out);
	return all;
}

START_TEST(protoc_decodes_what_is_meant)
{
	uint64_t count = 0, native = 0, histograms = 0;
	int64_t bucket = 0;
	size_t length, few_length = 0;
	char *data, *text, *few_text = NULL;
	FILE *few;

	if (!have("protoc_decodes_what_is_meant", "command -v protoc", "protoc is not installed"))
		return;
	data = sample__render(&sample, rollup, &view_native, &encoder_protobuf, &length);
	few = open_memstream(&few_text, &few_length);
	text = decode_all(data, length, few);
	fclose(few);
	free(data);
	/* What the description lacks shows as a bare field number. */
	for (const char *line = text; *line; line = strchr(line, '\n') + 1)
		ck_assert_msg(!strchr("0123456789", line[strspn(line, " ")]), "%.40s", line);
	golden__check("golden/native.protobuf", few_text);
	free(few_text);

	/* In each histogram the native buckets hold as many values as its count says. */
	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		line += strspn(line, " ");
		if (!strncmp(line, "sample_count: ", 14)) {
			ck_assert_uint_eq(count, 0); /* the one before was complete */
			count = strtoull(line + 14, NULL, 10);
			histograms++;
			native = 0;
			bucket = 0;
		}
		if (!strncmp(line, "zero_count: ", 12))
			native += strtoull(line + 12, NULL, 10);
		if (!strncmp(line, "positive_delta: ", 16)) {
			bucket += strtoll(line + 16, NULL, 10);
			ck_assert_int_ge(bucket, 0);
			native += (uint64_t)bucket;
		}
		if (*line == '}' && count) {
			/* of the positive buckets, or the histogram when there are none */
			ck_assert_uint_le(native, count);
			if (native == count)
				count = 0;
		}
	}
	ck_assert_uint_eq(count, 0);
	ck_assert_uint_gt(histograms, 5);
	free(text);
}
END_TEST

/* Takes every occurrence out; returns how many there were. */
static size_t cut_all(char *text, const char *what)
{
	size_t length = strlen(what), count = 0;

	for (; (text = strstr(text, what)); count++)
		memmove(text, text + length, strlen(text + length) + 1);
	return count;
}

static size_t count_of(const char *text, const char *what)
{
	size_t count = 0;

	for (; (text = strstr(text, what)); text++)
		count++;
	return count;
}

static const char *const of_pods[] = { "namespace", "pod", "container" };

/* Where there are pods each series has each of their labels once, and nothing else changes. */
START_TEST(no_series_goes_without_the_labels_of_pods)
{
	char *before, *text, label[64];
	size_t series = 0;

	before = sample__render(&sample, rollup, expositions[_i].view, expositions[_i].encoder,
				NULL);
	for (const char *line = before; *line; line = strchr(line, '\n') + 1)
		series += *line != '#';
	ck_assert_uint_gt(series, 100);
	sample.source.has_pods = has_pods;
	text = sample__render(&sample, rollup, expositions[_i].view, expositions[_i].encoder, NULL);
	for (int i = 0; i < 3; i++) {
		snprintf(label, sizeof(label), ",%s=\"", of_pods[i]);
		ck_assert_uint_eq(count_of(text, label), series);
		strcat(label, "\"");
		ck_assert_uint_eq(count_of(before, label), 0);
		ck_assert_uint_gt(cut_all(text, label), 0);
	}
	ck_assert_str_eq(text, before);
	free(text);
	free(before);
}
END_TEST

START_TEST(protobuf_has_labels_without_a_value)
{
	char *data, *text, *before, label[64];
	size_t length, series;

	if (!have("protobuf_has_labels_without_a_value", "command -v protoc",
		  "protoc is not installed"))
		return;
	data = sample__render(&sample, rollup, &view_native, &encoder_protobuf, &length);
	before = decode_all(data, length, NULL);
	free(data);
	series = count_of(before, "\nmetric {");
	sample.source.has_pods = has_pods;
	data = sample__render(&sample, rollup, &view_native, &encoder_protobuf, &length);
	text = decode_all(data, length, NULL);
	free(data);
	for (int i = 0; i < 3; i++) {
		snprintf(label, sizeof(label), "    name: \"%s\"\n", of_pods[i]);
		ck_assert_uint_eq(count_of(text, label), series);
		snprintf(label, sizeof(label),
			 "  label {\n    name: \"%s\"\n    value: \"\"\n  }\n", of_pods[i]);
		ck_assert_uint_gt(cut_all(text, label), 0);
	}
	ck_assert_str_eq(text, before);
	free(text);
	free(before);
}
END_TEST

START_TEST(an_empty_machine_still_tells_of_the_agent)
{
	struct sample empty;
	char *text;

	sample__init(&empty, 1, 1, 1);
	text = sample__render(&empty, NULL, &view_native, &encoder_text, NULL);
	ck_assert_ptr_null(strstr(text, "edgetap_edge"));
	ck_assert_ptr_null(strstr(text, "edgetap_app"));
	ck_assert_ptr_null(strstr(text, "edgetap_outbound"));
	ck_assert_ptr_nonnull(strstr(text, "edgetap_build_info{region=\"test\",host=\"node\","
					   "version=\"1.2.3\",revision=\"abc\","
					   "abi=\"1-0123456789abcdef\"} 1\n"));
	ck_assert_ptr_nonnull(strstr(text, "edgetap_instances{region=\"test\",host=\"node\"} 0\n"));
#define CHECK_REASON(id, label, text_)                                                             \
	ck_assert_ptr_nonnull(strstr(text, "edgetap_losses_total{region=\"test\",host=\"node\","   \
					   "reason=\"" label "\"} 0\n"));
	LOSSES(CHECK_REASON)
#undef CHECK_REASON
	free(text);
	sample__free(&empty);
}
END_TEST

static int refuse(void *ctx, const char *data, size_t length)
{
	(void)ctx;
	(void)data;
	(void)length;
	return -EPIPE;
}

/* One exposition rendered over and over keeps its memory, whatever is asked of it. */
START_TEST(memory_is_used_again)
{
	struct exposition_options options = { .region = "",
					      .host = "",
					      .version = "1",
					      .revision = "1",
					      .classic_ns = sample_few_ns,
					      .classic_count = SAMPLE_FEW,
					      .identities = sample.source,
					      .rollup = rollup };
	const struct encoder *const encoders[] = { &encoder_text, &encoder_openmetrics,
						   &encoder_protobuf };
	size_t length[6] = {}, capacity = 0;
	struct exposition *exposition;
	struct buffer out, broken;

	ck_assert_int_eq(exposition__new(&exposition, &options), 0);
	buffer__init(&out);
	buffer__init_stream(&broken, 4096, refuse, NULL);
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < 6; i++) {
			buffer__clear(&out);
			ck_assert_int_eq(exposition__render(exposition, &sample.snapshot,
							    i % 2 ? &view_apps : &view_native,
							    encoders[i / 2], &scope_all, &out),
					 0);
			/* the duration of the scrape before has some digits */
			if (round > 1)
				ck_assert_uint_lt(out.length - length[i] + 12, 24);
			length[i] = out.length;
		}
		if (round == 2)
			capacity = out.capacity;
		else if (round > 2)
			ck_assert_uint_eq(out.capacity, capacity);
		buffer__clear(&broken);
		ck_assert_int_eq(exposition__render(exposition, &sample.snapshot, &view_native,
						    &encoder_text, &scope_all, &broken),
				 -EPIPE);
	}
	buffer__free(&out);
	buffer__free(&broken);
	exposition__free(exposition);
}
END_TEST

/* Takes out the lines about families whose names contain this, as text 0.0.4 has them. */
static size_t take_out(char *text, const char *part)
{
	size_t taken = 0;
	char *to = text;

	for (char *line = text, *next; *line; line = next) {
		char *name = *line == '#' ? line + strlen("# HELP ") : line;
		size_t length = strcspn(name, " {");

		next = strchr(line, '\n') + 1;
		if (memmem(name, length, part, strlen(part))) {
			taken++;
			continue;
		}
		memmove(to, line, (size_t)(next - line));
		to += next - line;
	}
	*to = '\0';
	return taken;
}

/* The rest of the page is as it was. */
START_TEST(hidden_families_are_left_out)
{
	struct exposition_options options = { .region = "r",
					      .host = "h",
					      .version = "1",
					      .revision = "1",
					      .classic_ns = sample_few_ns,
					      .classic_count = SAMPLE_FEW,
					      .identities = sample.source,
					      .rollup = rollup };
	struct exposition *exposition;
	struct buffer out[2];

	for (int i = 0; i < 2; i++) {
		options.hidden[0] = "edgetap_outbound_destination_*";
		options.hidden[1] = "edgetap_*_tcp_*_seconds";
		options.hidden_count = i ? 2 : 0;
		buffer__init(&out[i]);
		ck_assert_int_eq(exposition__new(&exposition, &options), 0);
		ck_assert_int_eq(exposition__render(exposition, &sample.snapshot, &view_native,
						    &encoder_text, &scope_all, &out[i]),
				 0);
		buffer__append(&out[i], "", 1);
		exposition__free(exposition);
	}
	ck_assert_uint_gt(take_out(out[0].data, "edgetap_outbound_destination_"), 4);
	ck_assert_uint_gt(take_out(out[0].data, "_tcp_round_trip_time_seconds"), 4);
	ck_assert_uint_gt(take_out(out[0].data, "_tcp_connect_time_seconds"), 4);
	ck_assert_msg(!strcmp(out[0].data, out[1].data), "what is left differs");
	buffer__free(&out[0]);
	buffer__free(&out[1]);
}
END_TEST

START_TEST(foreign_bounds_are_refused)
{
	static const uint64_t other[] = { 123 };
	struct exposition_options options = { .region = "",
					      .host = "",
					      .version = "",
					      .revision = "",
					      .classic_ns = other,
					      .classic_count = 1,
					      .identities = sample.source };
	struct exposition *exposition;
	struct buffer out;

	buffer__init(&out);
	ck_assert_int_eq(exposition__new(&exposition, &options), 0);
	ck_assert_int_eq(exposition__render(exposition, &sample.snapshot, &view_native,
					    &encoder_text, &scope_all, &out),
			 -EINVAL);
	exposition__free(exposition);
	options.classic_count = GRID_MAX_CLASSIC + 1;
	ck_assert_int_eq(exposition__new(&exposition, &options), -E2BIG);
	buffer__free(&out);
}
END_TEST

Suite *view_suite(void)
{
	Suite *suite = suite_create("view");
	TCase *tc = tcase_create("view");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60); /* other programs are started */
	tcase_add_loop_test(tc, expositions_are_as_they_were_read, 0, 5);
	tcase_add_loop_test(tc, promtool_has_nothing_to_say, 0, 4);
	tcase_add_loop_test(tc, no_series_goes_without_the_labels_of_pods, 0, 5);
	tcase_add_test(tc, protobuf_has_labels_without_a_value);
	tcase_add_loop_test(tc, the_reference_parser_reads_openmetrics, 0, 8);
	tcase_add_test(tc, protoc_decodes_what_is_meant);
	tcase_add_test(tc, an_empty_machine_still_tells_of_the_agent);
	tcase_add_test(tc, memory_is_used_again);
	tcase_add_test(tc, hidden_families_are_left_out);
	tcase_add_test(tc, foreign_bounds_are_refused);
	suite_add_tcase(suite, tc);
	return suite;
}
