// SPDX-License-Identifier: Apache-2.0
/* Queries to trees and back. What Prometheus takes, it is asked itself in tests/e2e/test_query.py. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/promql.h"

Suite *promql_suite(void);

static const struct promql_filter filter = { "app", "=", "A" };

/* Parses, prints with the filter or without one; the caller frees. NULL: error says why. */
static char *printed(const char *text, const struct promql_filter *with, struct promql_error *error)
{
	struct promql *query;
	struct buffer out;
	char *result;

	if (promql__parse(&query, text, strlen(text), error))
		return NULL;
	buffer__init(&out);
	ck_assert_int_eq(promql__print(query, with, &out), 0);
	buffer__append(&out, "", 1);
	result = buffer__take(&out, &(size_t){ 0 });
	promql__free(query);
	return result;
}

static const struct {
	const char *query, *plain, *filtered;
} good[] = {
	{ "a", "a", "a{app=\"A\"}" },
	{ "a:b:c{}", "a:b:c", "a:b:c{app=\"A\"}" },
	{ "{}", "{}", "{app=\"A\"}" },
	{ "{a='b',}", "{a=\"b\"}", "{a=\"b\",app=\"A\"}" },
	{ "x{app=\"B\"}", "x{app=\"B\"}", "x{app=\"B\",app=\"A\"}" },
	{ "x{a!=`\\`,b=~'\\'\"\\u00e9\\n',c!~\"\\x00\"}",
	  "x{a!=\"\\\\\",b=~\"'\\\"\\xc3\\xa9\\x0a\",c!~\"\\x00\"}",
	  "x{a!=\"\\\\\",b=~\"'\\\"\\xc3\\xa9\\x0a\",c!~\"\\x00\",app=\"A\"}" },
	/* Keywords as names, and where MetricsQL has some that Prometheus has not. */
	{ "sum", "{__name__=\"sum\"}", "{__name__=\"sum\",app=\"A\"}" },
	{ "OFFSET offset 5m", "{__name__=\"OFFSET\"} offset 5m",
	  "{__name__=\"OFFSET\",app=\"A\"} offset 5m" },
	{ "or or or", "{__name__=\"or\"} or {__name__=\"or\"}",
	  "{__name__=\"or\",app=\"A\"} or {__name__=\"or\",app=\"A\"}" },
	{ "with{by=\"x\"}", "{__name__=\"with\",by=\"x\"}",
	  "{__name__=\"with\",by=\"x\",app=\"A\"}" },
	{ "topk_avg", "{__name__=\"topk_avg\"}", "{__name__=\"topk_avg\",app=\"A\"}" },
	/* Numbers, strings, signs, precedence. */
	{ "- 1 ^ - 2 * +Inf", "-1 ^ -2 * +Inf", "-1 ^ -2 * +Inf" },
	{ "0x1F + .5 - 1e-3 % 08", "0x1F + .5 - 1e-3 % 08", "0x1F + .5 - 1e-3 % 08" },
	{ "'a\\'\"'", "\"a'\\\"\"", "\"a'\\\"\"" },
	{ "a+(b-c)*d", "a + (b - c) * d",
	  "a{app=\"A\"} + (b{app=\"A\"} - c{app=\"A\"}) * d{app=\"A\"}" },
	{ "a ^ b ^ c", "a ^ b ^ c", "a{app=\"A\"} ^ b{app=\"A\"} ^ c{app=\"A\"}" },
	{ "a == BOOL on(x,) GROUP_LEFT b", "a == bool on (x) group_left () b",
	  "a{app=\"A\"} == bool on (x) group_left () b{app=\"A\"}" },
	{ "a * ignoring (by, or) group_right (z) b", "a * ignoring (by, or) group_right (z) b",
	  "a{app=\"A\"} * ignoring (by, or) group_right (z) b{app=\"A\"}" },
	{ "a atan2 b unless c and d", "a atan2 b unless c and d",
	  "a{app=\"A\"} atan2 b{app=\"A\"} unless c{app=\"A\"} and d{app=\"A\"}" },
	/* Ranges, subqueries, modifiers. */
	{ "rate(a [ 1h30m ] offset -5m)", "rate(a[1h30m] offset -5m)",
	  "rate(a{app=\"A\"}[1h30m] offset -5m)" },
	{ "a @ -1.5 offset 1w", "a @ -1.5 offset 1w", "a{app=\"A\"} @ -1.5 offset 1w" },
	{ "a offset 5m @ start ( )", "a @ start() offset 5m", "a{app=\"A\"} @ start() offset 5m" },
	{ "max_over_time(rate(a[5m])[1h:1m] @ end())", "max_over_time(rate(a[5m])[1h:1m] @ end())",
	  "max_over_time(rate(a{app=\"A\"}[5m])[1h:1m] @ end())" },
	{ "(a+b)[1h:]", "(a + b)[1h:]", "(a{app=\"A\"} + b{app=\"A\"})[1h:]" },
	{ "1[5m:]", "1[5m:]", "1[5m:]" },
	/* Calls. */
	{ "sum(increase(fly_edge_http_responses_count)) by (app, status)",
	  "sum by (app, status) (increase(fly_edge_http_responses_count))",
	  "sum by (app, status) (increase(fly_edge_http_responses_count{app=\"A\"}))" },
	{ "SUM without () (a)", "sum without () (a)", "sum without () (a{app=\"A\"})" },
	{ "topk_avg(3, a, \"other=x\") by (app)", "topk_avg by (app) (3, a, \"other=x\")",
	  "topk_avg by (app) (3, a{app=\"A\"}, \"other=x\")" },
	{ "label_set(drop_common_labels(a, b), 'x', 'y')",
	  "label_set(drop_common_labels(a, b), \"x\", \"y\")",
	  "label_set(drop_common_labels(a{app=\"A\"}, b{app=\"A\"}), \"x\", \"y\")" },
	{ "time()", "time()", "time()" },
	{ "sum # by (x)\r\n(a) # }", "sum(a)", "sum(a{app=\"A\"})" },
	{ "{ # }\n a = # \" \n'b' # '\n , }", "{a=\"b\"}", "{a=\"b\",app=\"A\"}" },
};

START_TEST(reads_and_prints)
{
	struct promql_error error = { .reason = "" };
	char *plain = printed(good[_i].query, NULL, &error);
	char *filtered = printed(good[_i].query, &filter, &error), *again;

	ck_assert_msg(plain, "%s: %u:%u: %s", good[_i].query, error.line, error.column,
		      error.reason);
	ck_assert_str_eq(plain, good[_i].plain);
	ck_assert_str_eq(filtered, good[_i].filtered);
	again = printed(plain, NULL, &error);
	ck_assert_str_eq(again, plain);
	free(again);
	again = printed(filtered, NULL, &error);
	ck_assert_str_eq(again, filtered);
	free(again);
	free(plain);
	free(filtered);
}
END_TEST

static const struct {
	const char *query;
	unsigned int line, column;
	const char *reason;
} bad[] = {
	{ "", 1, 1, "there is no expression" },
	{ " # x", 1, 5, "there is no expression" },
	{ "a b", 1, 3, "unexpected 'b', expected an operator or the end" },
	{ "a +", 1, 4, "unexpected end of input, expected an expression" },
	{ "(a", 1, 3, "unexpected end of input, expected ')'" },
	{ "a)", 1, 2, "unexpected ')', expected an operator or the end" },
	{ "rate(a[5m])[", 1, 13, "expected a duration such as 5m behind '['" },
	{ "\n a{b=c}", 2, 6, "unexpected 'c', expected a string" },
	{ "a{b=\"c\" or d=\"e\"}", 1, 9, "'or' between matchers is not supported" },
	{ "a{b}", 1, 4, "unexpected '}', expected one of = != =~ !~" },
	{ "a{,}", 1, 3, "unexpected ',', expected a label's name or '}'" },
	{ "1 + sum{__name__=\"b\"}", 1, 5, "the metric's name is given twice" },
	{ "a{\"b\"}", 1, 3, "unexpected a string, expected a label's name or '}'" },
	{ "a{b=\"c\"", 1, 8, "unexpected end of input inside braces" },
	{ "a{b:c=\"d\"}", 1, 4, "unexpected character ':' inside braces" },
	{ "a{b=\"c\"}{d=\"e\"}", 1, 9, "unexpected '{', expected an operator or the end" },
	{ "a{b=\"c\"+\"d\"}", 1, 8, "unexpected character '+' inside braces" },
	{ "with (x = a) x", 1, 1, "WITH templates are not supported" },
	{ "WITH(x=a)x", 1, 1, "WITH templates are not supported" },
	{ "(a, b)", 1, 3, "unexpected ',', expected ')'" },
	{ "()", 1, 2, "unexpected ')', expected an expression" },
	{ "f(a,)", 1, 5, "unexpected ')', expected an expression" },
	{ "a:b(c)", 1, 4, "unexpected '(', expected an operator" },
	{ "5m", 1, 1, "a duration is no expression" },
	{ "a.b", 1, 2, "unexpected character '.'" },
	{ "a\\b", 1, 2, "unexpected character '\\'" },
	{ "\xc3\xa9", 1, 1, "unexpected byte 0xc3" },
	{ "1k", 1, 1, "bad duration: expected one such as 5m or 1h30m" },
	{ "1_0", 1, 1, "bad duration: expected one such as 5m or 1h30m" },
	{ "0x", 1, 1, "bad number" },
	{ "1e", 1, 1, "bad number" },
	{ "1e999", 1, 1, "bad number" },
	{ "0x8000000000000000", 1, 1, "bad number" },
	{ "a[5]", 1, 3, "missing unit in a duration" },
	{ "a[5i]", 1, 3, "bad duration: expected one such as 5m or 1h30m" },
	{ "a[5m1h]", 1, 3, "bad duration: expected one such as 5m or 1h30m" },
	{ "a[1m1m]", 1, 3, "bad duration: expected one such as 5m or 1h30m" },
	{ "a[0s]", 1, 3, "duration must be greater than 0" },
	{ "a[300y]", 1, 3, "duration out of range" },
	{ "a[-5m]", 1, 3, "expected a duration such as 5m behind '['" },
	{ "a[5m:1m:1m]", 1, 8, "unexpected character ':'" },
	{ "a[5m][5m]", 1, 6, "ranges are only allowed behind selectors" },
	{ "sum(a)[5m]", 1, 7, "ranges are only allowed behind selectors" },
	{ "a offset 5m[5m]", 1, 12, "no offset or @ is allowed before the range" },
	{ "a[5m:][5m:]", 1, 7, "a subquery takes an instant vector" },
	{ "a offset 5m offset 5m", 1, 13, "offset may not be set twice" },
	{ "sum(a) offset 5m", 1, 8, "offset is only allowed behind selectors and subqueries" },
	{ "a @ 1 @ 2", 1, 7, "@ may not be set twice" },
	{ "(a) @ 1", 1, 5, "@ is only allowed behind selectors and subqueries" },
	{ "a @ inf", 1, 5, "the time behind @ is out of bounds" },
	{ "a @ b", 1, 5, "unexpected 'b', expected a time, start() or end()" },
	{ "a =~ b", 1, 3, "unexpected '=~' outside of braces" },
	{ "a = b", 1, 3, "unexpected '=' outside of braces; equality is '=='" },
	{ "a if b", 1, 3, "unexpected 'if', expected an operator or the end" },
	{ "bool", 1, 1, "unexpected 'bool', expected an expression" },
	{ "sum by (without) (a)", 1, 9, "unexpected 'without', expected a label's name" },
	{ "sum by (a) (b) by (c)", 1, 16, "unexpected 'by', expected an operator or the end" },
	{ "rate by (a) (b)", 1, 6, "unexpected 'by', expected an operator or the end" },
	{ "a + group_left b", 1, 5, "unexpected 'group_left', expected an expression" },
	{ "\"a\\'\"", 1, 3, "unknown escape sequence" },
	{ "'\\ud800'", 1, 2, "escape sequence is no valid code point" },
	{ "'\\400'", 1, 2, "escape sequence is no valid code point" },
	{ "'\\x4'", 1, 2, "illegal character in escape sequence" },
	{ "'a\nb'", 1, 1, "unterminated quoted string" },
	{ "`a", 1, 1, "unterminated quoted string" },
	{ "'\xff'", 1, 2, "invalid UTF-8 in a string" },
	{ "'\xed\xa0\x80'", 1, 2, "invalid UTF-8 in a string" },
};

START_TEST(refuses_with_position_and_reason)
{
	struct promql_error error = { .reason = "" };
	char *text = printed(bad[_i].query, NULL, &error);

	ck_assert_msg(!text, "%s was taken as %s", bad[_i].query, text);
	ck_assert_str_eq(error.reason, bad[_i].reason);
	ck_assert_uint_eq(error.line, bad[_i].line);
	ck_assert_uint_eq(error.column, bad[_i].column);
}
END_TEST

static int parse_bytes(const char *text, size_t length, struct promql_error *error)
{
	struct promql *query;
	int err = promql__parse(&query, text, length, error);

	if (!err)
		promql__free(query);
	return err;
}

/* The text `unit` so often that it has `length` bytes or a few less, then `end`. */
static int parse_repeated(const char *unit, size_t length, const char *end,
			  struct promql_error *error)
{
	char *text = malloc(length + strlen(end) + 1);
	size_t used = 0;
	int err;

	while (used + strlen(unit) <= length) {
		memcpy(text + used, unit, strlen(unit));
		used += strlen(unit);
	}
	strcpy(text + used, end);
	err = parse_bytes(text, used + strlen(end), error);
	free(text);
	return err;
}

START_TEST(size_and_depth_are_bounded)
{
	struct promql_error error;

	ck_assert_int_eq(parse_repeated("(", 98, "a", &error), -EINVAL);
	ck_assert_int_eq(parse_repeated("-", 98, "a", &error), 0);
	ck_assert_int_eq(parse_repeated("-", 100, "a", &error), -EINVAL);
	ck_assert_str_eq(error.reason, "the query is nested too deeply");
	ck_assert_int_eq(parse_repeated("f(", 65000, "a", &error), -EINVAL);
	ck_assert_int_eq(parse_repeated("a^", 65000, "a", &error), -EINVAL);
	ck_assert_str_eq(error.reason, "the query is nested too deeply");
	/* A chain is no nesting. */
	ck_assert_int_eq(parse_repeated("a or ", 10000, "a", &error), 0);
	ck_assert_int_eq(parse_repeated("a+", 65000, "a", &error), -EINVAL);
	ck_assert_str_eq(error.reason, "the query has too many parts");
	ck_assert_int_eq(parse_repeated(" ", PROMQL_MAX_BYTES - 1, "a", &error), 0);
	ck_assert_int_eq(parse_repeated(" ", PROMQL_MAX_BYTES, "a", &error), -EINVAL);
	ck_assert_str_eq(error.reason, "the query is longer than 65536 bytes");
	ck_assert_int_eq(parse_bytes("a\0b", 3, &error), -EINVAL);
	ck_assert_str_eq(error.reason, "unexpected byte 0x00");
	ck_assert_int_eq(parse_bytes("'\0'", 3, &error), 0);
}
END_TEST

START_TEST(printing_is_bounded)
{
	char *value = malloc(2000), text[20001];
	struct promql_filter wide = { "app", "=~", value };
	struct promql_error error;
	struct promql *query;
	struct buffer out;

	memset(value, 'x', 1999);
	value[1999] = '\0';
	for (size_t i = 0; i < 20000; i += 2)
		memcpy(text + i, "a+", 2);
	ck_assert_int_eq(promql__parse(&query, text, 4001, &error), 0);
	buffer__init(&out);
	ck_assert_int_eq(promql__print(query, &wide, &out), -EFBIG);
	buffer__free(&out);
	/* The tree is as it was. */
	buffer__init(&out);
	ck_assert_int_eq(promql__print(query, NULL, &out), 0);
	ck_assert_uint_eq(out.length, 2001 + 3 * 2000);
	buffer__free(&out);
	promql__free(query);
	free(value);
}
END_TEST

START_TEST(selectors_are_nothing_else)
{
	static const char *const no[] = { "1",	 "a[5m]",  "a offset 5m", "a @ 1",
					  "(a)", "a or b", "-a",	  "sum(a)",
					  "",	 "a{",	   "{b=\"c\"} d" };
	struct promql_error error;
	struct promql *query;

	for (size_t i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		ck_assert_msg(promql__parse_selector(&query, no[i], strlen(no[i]), &error) ==
				      -EINVAL,
			      "%s", no[i]);
	ck_assert_int_eq(promql__parse_selector(&query, "a{b=\"c\"}", 8, &error), 0);
	promql__free(query);
}
END_TEST

START_TEST(functions_are_known_or_not)
{
	static const struct {
		const char *query;
		const char *reason;
	} cases[] = {
		{ "sum(rate(a[5m])) + label_replace(b, '', '', '', '')", NULL },
		{ "a + info(b)", "the function 'info' is not open to readers of some apps only" },
		{ "a + b + abs(sum by (x) (-(nosuch(c)))) + d",
		  "the function 'nosuch' is not open to readers of some apps only" },
		{ "nosuch(a) + b",
		  "the function 'nosuch' is not open to readers of some apps only" },
		{ "max_over_time(abs(x, nosuch(c))[5m:])",
		  "the function 'nosuch' is not open to readers of some apps only" },
		{ "RATE(a) + Topk_Avg(1, a)", NULL },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct promql_error error;
		struct promql *query;

		ck_assert_int_eq(
			promql__parse(&query, cases[i].query, strlen(cases[i].query), &error), 0);
		ck_assert_int_eq(promql__check_functions(query, &error),
				 cases[i].reason ? -EINVAL : 0);
		if (cases[i].reason)
			ck_assert_str_eq(error.reason, cases[i].reason);
		promql__free(query);
	}
}
END_TEST

Suite *promql_suite(void)
{
	Suite *suite = suite_create("promql");
	TCase *tc = tcase_create("promql");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, reads_and_prints, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(tc, refuses_with_position_and_reason, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tc, size_and_depth_are_bounded);
	tcase_add_test(tc, printing_is_bounded);
	tcase_add_test(tc, selectors_are_nothing_else);
	tcase_add_test(tc, functions_are_known_or_not);
	suite_add_tcase(suite, tc);
	return suite;
}
