// SPDX-License-Identifier: Apache-2.0
/* What instances expose: what is taken, what is refused, and what becomes of it. */
#include "custom_parse.h"

#include <stdio.h>

Suite *custom_parse_suite(void);

/* A whole text, and the page that it becomes under `app="x"`; NULL: it is refused, with this. */
struct example {
	const char *text;
	const char *page;
	const char *message;
};

static void check_example(custom_parse_fn parse, const struct example *example)
{
	struct parse_options options = custom_options();
	struct parse_error error;
	struct exposed *exposed = NULL;
	int err = parse(example->text, strlen(example->text), &options, &exposed, &error);

	if (!example->page) {
		ck_assert_msg(err == -EBADMSG, "taken:\n%s", example->text);
		ck_assert_ptr_null(exposed);
		ck_assert_msg(strcmp(error.message, example->message) == 0,
			      "%s\nrefused with: %s\ninstead of: %s", example->text, error.message,
			      example->message);
		return;
	}
	ck_assert_msg(err == 0, "refused in line %u: %s\n%s", error.line, error.message,
		      example->text);
	struct page_source source = { .labels = "app=\"x\"", .owner = "x", .exposed = exposed };
	char *page = custom_page(&source, 1, NULL);

	ck_assert_str_eq(page, example->page);
	free(page);
	exposed__unref(exposed);
}

static const struct example text_examples[] = {
	{ "", "", NULL },
	{ "\n \t\n# a comment\n#\n#HELP is one\n# HELP\n# TYPE\n# EOF\n", "", NULL },
	{ "a 1\n", "# TYPE a untyped\na{app=\"x\"} 1\n", NULL },
	/* blanks wherever the format has them */
	{ "  a  {  b = \"c\"  , d=\"e\" , }  1.50  17 \t\n",
	  "# TYPE a untyped\na{app=\"x\",b=\"c\",d=\"e\"} 1.50 17\n", NULL },
	{ "a{}1\n", "# TYPE a untyped\na{app=\"x\"} 1\n", NULL },
	{ "a:b{_=\"\"} +Inf\nc NaN\n",
	  "# TYPE a:b untyped\na:b{app=\"x\"} +Inf\n# TYPE c untyped\nc{app=\"x\"} NaN\n", NULL },
	/* labels come in the order of their names; ours stand in place of theirs */
	{ "a{z=\"1\",app=\"evil\",b=\"2\"} 1\n",
	  "# TYPE a untyped\na{app=\"x\",b=\"2\",z=\"1\"} 1\n", NULL },
	{ "a{b=\"\\\\\\\"\\n} 2 {\"} 1\n",
	  "# TYPE a untyped\na{app=\"x\",b=\"\\\\\\\"\\n} 2 {\"} 1\n", NULL },
	/* a family's lines are put together */
	{ "# TYPE a counter\na{b=\"1\"} 1\nc 2\na{b=\"2\"} 3\n# HELP a An \\\\ and \\d.\n",
	  "# HELP a An \\\\ and \\\\d.\n# TYPE a counter\na{app=\"x\",b=\"1\"} 1\n"
	  "a{app=\"x\",b=\"2\"} 3\n# TYPE c untyped\nc{app=\"x\"} 2\n",
	  NULL },
	{ "# TYPE h histogram\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\nh_more 4\n"
	  "# TYPE s\tsummary \ns{quantile=\"0.5\"} 2\ns_sum 2\ns_count 1\ns_bucket 3\n",
	  "# TYPE h histogram\nh_bucket{app=\"x\",le=\"+Inf\"} 1\nh_sum{app=\"x\"} 1\n"
	  "h_count{app=\"x\"} 1\n# TYPE h_more untyped\nh_more{app=\"x\"} 4\n"
	  "# TYPE s summary\ns{app=\"x\",quantile=\"0.5\"} 2\ns_sum{app=\"x\"} 2\n"
	  "s_count{app=\"x\"} 1\n# TYPE s_bucket untyped\ns_bucket{app=\"x\"} 3\n",
	  NULL },
	/* only a label of ours told them apart */
	{ "a{app=\"1\"} 1\na{app=\"2\"} 2\na 3\n", "# TYPE a untyped\na{app=\"x\"} 1\n", NULL },
	/* our own names, and what would be one with them */
	{ "edgetap_up 1\nfly_app_concurrency 2\n# TYPE fly histogram\nfly_count 3\nflying 1\n",
	  "# TYPE flying untyped\nflying{app=\"x\"} 1\n", NULL },
	{ "a 1 9223372036854775807\n", "# TYPE a untyped\na{app=\"x\"} 1 9223372036854775807\n",
	  NULL },
	{ "a{\xc3\xa9=\"1\"} 1\n", NULL, "a label's name or } is expected" },
	{ "a{b=\"\xc3\xa9\"} 1\n", "# TYPE a untyped\na{app=\"x\",b=\"\xc3\xa9\"} 1\n", NULL },
	{ "a{b=\"\xff\"} 1\n", NULL, "a label's value is no UTF-8" },
	{ "a{b=\"\xed\xa0\x80\"} 1\n", NULL, "a label's value is no UTF-8" },
	{ "# HELP a \xc3\n", NULL, "a HELP is no UTF-8 text" },
	{ "a 1", NULL, "the last line does not end: is it whole?" },
	{ "a 1\nb", NULL, "the last line does not end: is it whole?" },
	{ "a 1\r\n", NULL, "a value that is no number" },
	{ "a\n", NULL, "a blank or { is expected behind a metric's name" },
	{ "a \n", NULL, "a value that is no number" },
	{ "1a 1\n", NULL, "a metric's name is expected" },
	{ "a-b 1\n", NULL, "a blank or { is expected behind a metric's name" },
	{ "a{b} 1\n", NULL, "= is expected behind a label's name" },
	{ "a{b=} 1\n", NULL, "a value in quotes is expected" },
	{ "a{b=\"c} 1\n", NULL, "a value in quotes does not end" },
	{ "a{b=\"c\\\"} 1\n", NULL, "a value in quotes does not end" },
	{ "a{b=\"c\\", NULL, "the last line does not end: is it whole?" },
	{ "a{b=\"\\x\"} 1\n", NULL, "a backslash that escapes nothing" },
	{ "a{b=\"c\"\n", NULL, ", or } is expected behind a label" },
	{ "a{,} 1\n", NULL, "a label's name or } is expected" },
	{ "a{b=\"1\",,} 1\n", NULL, "a label's name or } is expected" },
	{ "a{b=\"1\" c=\"2\"} 1\n", NULL, ", or } is expected behind a label" },
	{ "a{b:c=\"1\"} 1\n", NULL, "= is expected behind a label's name" },
	{ "a{b=\"1\",b=\"2\"} 1\n", NULL, "a label is there twice" },
	{ "a{__name__=\"b\"} 1\n", NULL, "a label must not be called __name__" },
	{ "a 1 1.5\n", NULL, "a timestamp that is no number of milliseconds" },
	{ "a 1 -1\n", NULL, "a timestamp that is no number of milliseconds" },
	{ "a 1 9223372036854775808\n", NULL, "a timestamp that is no number of milliseconds" },
	{ "a 1 99999999999999999999\n", NULL, "a timestamp that is no number of milliseconds" },
	{ "a 1 2 3\n", NULL, "more behind a timestamp" },
	{ "# TYPE a gauge\n# TYPE a gauge\n", NULL, "a second TYPE of a family" },
	{ "# HELP a b\n# HELP a b\n", NULL, "a second HELP of a family" },
	{ "a 1\n# TYPE a gauge\n", NULL, "a TYPE behind a sample of its family" },
	{ "# TYPE a info\n", NULL, "a type that the text format does not know" },
	{ "# TYPE a\n", NULL, "a type that the text format does not know" },
	{ "# TYPE a gauge gauge\n", NULL, "more than a type's name in a TYPE" },
	{ "# TYPE a{} gauge\n", NULL, "a metric's name is expected behind HELP or TYPE" },
	{ "# TYPE h histogram\nh 1\n", NULL, "a sample of a histogram without a suffix" },
	{ "# TYPE h histogram\nh_bucket 1\n", NULL, "a bucket without a number as le" },
	{ "# TYPE h histogram\nh_bucket{le=\"x\"} 1\n", NULL, "a bucket without a number as le" },
	{ "# TYPE s summary\ns 1\n", NULL, "a sample of a summary without a number as quantile" },
	{ "a 1\nb 1\na 2\n", NULL, "a series is there twice" },
	{ "a{b=\"1\",c=\"2\"} 1\na{c=\"2\",b=\"1\",d=\"\"} 1\n", NULL, "a series is there twice" },
	{ "a{app=\"1\"} 1\na{app=\"2\"} 2\na{app=\"2\"} 3\n", NULL, "a series is there twice" },
	{ "<html>\n", NULL, "a metric's name is expected" },
};

START_TEST(text_examples_hold)
{
	check_example(parse__text, &text_examples[_i]);
}
END_TEST

static const struct example openmetrics_examples[] = {
	{ "# EOF\n", "", NULL },
	{ "# EOF", "", NULL },
	{ "# HELP a \t Says \\\"hi\\\".\n# TYPE a counter\n# UNIT a \na_total{b=\"c\"} 1.0 1.5 # {t=\"x\"} 2.0 3\n"
	  "a_created{b=\"c\"} 1e9\n# EOF\n",
	  "# HELP a_created Says \"hi\".\n# TYPE a_created gauge\na_created{app=\"x\",b=\"c\"} 1e9\n"
	  "# HELP a_total Says \"hi\".\n# TYPE a_total counter\na_total{app=\"x\",b=\"c\"} 1.0 1500\n",
	  NULL },
	{ "# TYPE h_seconds histogram\n# UNIT h_seconds seconds\nh_seconds_bucket{le=\"+Inf\"} 1 # {} 1\n"
	  "h_seconds_count 1\nh_seconds_sum 0.5\nh_seconds_created 1\n# EOF\n",
	  "# TYPE h_seconds histogram\nh_seconds_bucket{app=\"x\",le=\"+Inf\"} 1\n"
	  "h_seconds_count{app=\"x\"} 1\nh_seconds_sum{app=\"x\"} 0.5\n"
	  "# TYPE h_seconds_created gauge\nh_seconds_created{app=\"x\"} 1\n",
	  NULL },
	{ "# TYPE g gaugehistogram\ng_bucket{le=\"+Inf\"} 1\ng_gcount 1\ng_gsum -4\n"
	  "# TYPE i info\ni_info{v=\"1\"} 1\n# TYPE s stateset\ns{s=\"on\"} 1\n# TYPE u unknown\nu -1\n"
	  "# TYPE q summary\nq{quantile=\"0.5\"} 1\nq_count 1\nq_sum 1\n# EOF\n",
	  "# TYPE g_bucket gauge\ng_bucket{app=\"x\",le=\"+Inf\"} 1\n# TYPE g_gcount gauge\n"
	  "g_gcount{app=\"x\"} 1\n# TYPE g_gsum gauge\ng_gsum{app=\"x\"} -4\n# TYPE i_info gauge\n"
	  "i_info{app=\"x\",v=\"1\"} 1\n# TYPE q summary\nq{app=\"x\",quantile=\"0.5\"} 1\n"
	  "q_count{app=\"x\"} 1\nq_sum{app=\"x\"} 1\n# TYPE s gauge\ns{app=\"x\",s=\"on\"} 1\n"
	  "# TYPE u untyped\nu{app=\"x\"} -1\n",
	  NULL },
	/* a backslash may stand before anything; the text format wants it doubled */
	{ "a{b=\"\\x\\\\\\n\\\"\"} 1\n# EOF\n",
	  "# TYPE a untyped\na{app=\"x\",b=\"\\\\x\\\\\\n\\\"\"} 1\n", NULL },
	{ "", NULL, "# EOF is missing: is it whole?" },
	{ "a 1\n", NULL, "# EOF is missing: is it whole?" },
	{ "a 1\n# EO", NULL, "# EOF is missing: is it whole?" },
	{ "# EOF\na 1\n", NULL, "more behind the EOF" },
	{ "# EOF\n\n", NULL, "more behind the EOF" },
	{ "\n# EOF\n", NULL, "a metric's name is expected" },
	{ "# a comment\n# EOF\n", NULL, "HELP, TYPE, UNIT or EOF is expected behind #" },
	{ "# TYPE a gauge\n# TYPE a gauge\n# EOF\n", NULL, "a second TYPE of a family" },
	{ "# TYPE a gauge\na 1\n# HELP a b\n# EOF\n", NULL,
	  "a HELP, TYPE or UNIT behind a sample of its family" },
	{ "# TYPE a gauge\na 1\nb 1\na{c=\"d\"} 1\n# EOF\n", NULL,
	  "a family's lines are not together" },
	{ "# TYPE a untyped\n# EOF\n", NULL, "a type that OpenMetrics does not know" },
	{ "# UNIT a_seconds bytes\n# EOF\n", NULL,
	  "a UNIT that is no suffix of its family's name" },
	{ "a  1\n# EOF\n", NULL, "a value that is no number" },
	{ "a{b=\"1\",} 1\n# EOF\n", NULL, "a label's name or } is expected" },
	{ "a{b=\"1\", c=\"2\"} 1\n# EOF\n", NULL, "a label's name or } is expected" },
	{ "a 1 \n# EOF\n", NULL, "more behind a sample" },
	{ "a 1 2 3\n# EOF\n", NULL, "more behind a sample" },
	{ "a 1 NaN\n# EOF\n", NULL, "a timestamp that is no time" },
	{ "a 1 -1\n# EOF\n", NULL, "a timestamp that is no time" },
	{ "a 1 1e300\n# EOF\n", NULL, "a timestamp that is no time" },
	{ "a 1 # {} 1\n# EOF\n", NULL, "an exemplar where none may be" },
	{ "# TYPE a counter\na_total 1 # {t=\"1\"}\n# EOF\n", NULL,
	  "a space is expected behind an exemplar's labels" },
	{ "# TYPE a counter\na_total -1\n# EOF\n", NULL, "a count is negative or no number" },
	{ "# TYPE a counter\na_total NaN\n# EOF\n", NULL, "a count is negative or no number" },
	{ "# TYPE a info\na_info 2\n# EOF\n", NULL, "the value of an info is not 1" },
	{ "# TYPE a stateset\na{b=\"c\"} 1\n# EOF\n", NULL,
	  "a state without its label, or neither 0 nor 1" },
	{ "# TYPE a histogram\na_bucket 1\n# EOF\n", NULL,
	  "a bucket or quantile without its number as a label" },
	{ "a 1 1\na 2 2\n# EOF\n", NULL, "a series is there twice" },
	{ "# TYPE a counter\na_total 1\n# TYPE a_total gauge\na_total{b=\"c\"} 1\n# EOF\n", NULL,
	  "two families would be one in the text format" },
};

START_TEST(openmetrics_examples_hold)
{
	check_example(parse__openmetrics, &openmetrics_examples[_i]);
}
END_TEST

/* As Go's ParseFloat and Prometheus' restrictions to it have it. */
START_TEST(numbers)
{
	static const char *const good[] = { "0",     "-0",    "+1.5",	  ".5",	    "5.",
					    "1e5",   "1E-05", "1.7e308",  "1e-400", "inf",
					    "-INF",  "+Inf",  "Infinity", "nan",    "NaN",
					    "00012", "1e0005" };
	static const char *const bad[] = { "",	    ".",     "-",     "e5",  "1e",    "1e+",
					   "0x1p3", "0x10",  "1_000", "1,5", "--1",   "+nan",
					   "-NaN",  "infin", "1e309", "1f",  "1.2.3", "+ 1",
					   "0b1",   "0o7",   "1p3",   "١" };

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		char text[64];

		snprintf(text, sizeof(text), "a %s\n", good[i]);
		exposed__unref(custom_expose(parse__text, text));
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char text[64];
		struct example example = { text, NULL, "a value that is no number" };

		snprintf(text, sizeof(text), "a{} %s\n", bad[i]);
		if (strcmp(bad[i], "+ 1") == 0)
			example.message = "a value that is no number";
		check_example(parse__text, &example);
	}
}
END_TEST

/* NUL is a character like others where any may be, and nowhere else. */
START_TEST(nul)
{
	static const char good[] = "a{b=\"\0c\"} 1\n";
	static const char *const bad = "a\0b 1\n";
	struct parse_options options = custom_options();
	struct parse_error error;
	struct exposed *exposed;

	ck_assert_int_eq(parse__text(good, sizeof(good) - 1, &options, &exposed, &error), 0);
	ck_assert_int_eq(memcmp(exposed->text + exposed->family[0].lines, good, sizeof(good) - 1),
			 0);
	exposed__unref(exposed);
	ck_assert_int_eq(parse__text(bad, 6, &options, &exposed, &error), -EBADMSG);
	ck_assert_int_eq(parse__text("#\0\n", 3, &options, &exposed, &error), -EBADMSG);
	ck_assert_int_eq(parse__text("a 1\0\n", 5, &options, &exposed, &error), -EBADMSG);
}
END_TEST

START_TEST(too_much)
{
	struct parse_options options = custom_options();
	struct parse_error error;
	struct exposed *exposed;
	struct buffer text;

	buffer__init(&text);
	for (int i = 0; i <= 1000; i++) {
		char line[32];

		buffer__append(&text, line,
			       (size_t)snprintf(line, sizeof(line), "a{b=\"%d\"} 1\n", i));
	}
	ck_assert_int_eq(parse__text(text.data, text.length, &options, &exposed, &error), -EBADMSG);
	ck_assert(error.too_many);
	ck_assert_uint_eq(error.line, 1001);
	options.max_samples = 1001;
	ck_assert_int_eq(parse__text(text.data, text.length, &options, &exposed, &error), 0);
	ck_assert_uint_eq(exposed->samples, 1001);
	exposed__unref(exposed);

	/* so many families, too, whether they have samples or not */
	buffer__clear(&text);
	for (int i = 0; i <= 1001; i++) {
		char line[32];

		buffer__append(&text, line,
			       (size_t)snprintf(line, sizeof(line), "# TYPE a%d gauge\n", i));
	}
	ck_assert_int_eq(parse__text(text.data, text.length, &options, &exposed, &error), -EBADMSG);
	ck_assert(error.too_many);
	ck_assert_int_eq(parse__openmetrics(text.data, text.length, &options, &exposed, &error),
			 -EBADMSG);
	ck_assert(error.too_many);
	ck_assert_uint_eq(error.line, 1002);

	buffer__clear(&text);
	buffer__append_text(&text, "a{");
	for (int i = 0; i <= PARSE_MAX_LABELS; i++) {
		char label[32];

		buffer__append(&text, label,
			       (size_t)snprintf(label, sizeof(label), "l%d=\"\",", i));
	}
	buffer__append_text(&text, "} 1\n");
	ck_assert_int_eq(parse__text(text.data, text.length, &options, &exposed, &error), -EBADMSG);
	ck_assert_str_eq(error.message, "a sample has too many labels");
	buffer__free(&text);
}
END_TEST

START_TEST(counts_of_what_is_left_out)
{
	struct exposed *exposed = custom_expose(
		parse__text,
		"a{app=\"1\"} 1\na{app=\"2\"} 2\nedgetap_x 1\nfly_y 1\nfly_z 1\nb 1\n");

	ck_assert_uint_eq(exposed->coincident, 1);
	ck_assert_uint_eq(exposed->reserved, 3);
	ck_assert_uint_eq(exposed->samples, 2);
	ck_assert_uint_eq(exposed->family_count, 2);
	exposed__unref(exposed);
}
END_TEST

Suite *custom_parse_suite(void)
{
	Suite *suite = suite_create("custom_parse");
	TCase *tcase = tcase_create("core");

	tcase_add_loop_test(tcase, text_examples_hold, 0,
			    sizeof(text_examples) / sizeof(text_examples[0]));
	tcase_add_loop_test(tcase, openmetrics_examples_hold, 0,
			    sizeof(openmetrics_examples) / sizeof(openmetrics_examples[0]));
	tcase_add_test(tcase, numbers);
	tcase_add_test(tcase, nul);
	tcase_add_test(tcase, too_much);
	tcase_add_test(tcase, counts_of_what_is_left_out);
	suite_add_tcase(suite, tcase);
	return suite;
}
