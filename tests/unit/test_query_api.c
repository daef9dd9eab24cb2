// SPDX-License-Identifier: Apache-2.0
/* From a request's parameters to the upstream's, and every refusal between. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/url.h"
#include "gateway/api.h"
#include "gateway/gateway.h"

Suite *query_api_suite(void);

static const char *const only_a[] = { "A" };
static const char *const two[] = { "a.b", "", "c|\"d" };
static const char *const none[] = { "" };

static const struct scope all = { .all = true };
static const struct scope a = { .app = only_a, .app_count = 1 };
static const struct scope both = { .app = two, .app_count = 3 };
static const struct scope nameless = { .app = none, .app_count = 1 };

/* status 200: expected is the upstream's path, and parameters behind a space; P: as a form. */
static const struct {
	const char *path, *form;
	const struct scope *scope;
	unsigned int status;
	const char *expected;
} cases[] = {
	{ "/api/v1/query", "query=up", &all, 200, "P/api/v1/query query=up" },
	{ "/api/v1/query", "query=up", &a, 200, "P/api/v1/query query=up%7Bapp%3D%22A%22%7D" },
	{ "/api/v1/query", "query=%75p+&time=2026-11-21T00%3a00:00Z&step=15s&timeout=10s&", &all,
	  200, "P/api/v1/query query=up&time=2026-11-21T00%3A00%3A00Z&step=15s&timeout=10s" },
	{ "/api/v1/query", "query=up", &both, 200,
	  "P/api/v1/query query=up%7Bapp%3D~%22a%5C%5C.b%7Cc%5C%5C%7C%5C%22d%22%7D" },
	{ "/api/v1/query_range", "query=1&start=1.5&end=-2&step=1e1&nocache=1", &a, 200,
	  "P/api/v1/query_range query=1&start=1.5&end=-2&step=1e1&nocache=1" },
	/* What is not on the list does not arrive. */
	{ "/api/v1/query",
	  "query=up&extra_label=app%3dB&extra_filters[]={app=\"B\"}&extra_filters={}&trace=1&stats=all"
	  "&match[]=up&QUERY=x&%71uery%5b%5d=x&max_lookback=1y&dedup=false",
	  &a, 200, "P/api/v1/query query=up%7Bapp%3D%22A%22%7D" },
	{ "/api/v1/series", "match[]=up&match%5B%5D=%7Bb%3d'c'%7D&start=1", &a, 200,
	  "P/api/v1/series match%5B%5D=up%7Bapp%3D%22A%22%7D&"
	  "match%5B%5D=%7Bb%3D%22c%22%2Capp%3D%22A%22%7D&start=1" },
	{ "/api/v1/series", "", &a, 200, "P/api/v1/series match%5B%5D=%7Bapp%3D%22A%22%7D" },
	{ "/api/v1/series", "", &all, 200, "P/api/v1/series " },
	{ "/api/v1/labels", "limit=5", &a, 200,
	  "P/api/v1/labels match%5B%5D=%7Bapp%3D%22A%22%7D&limit=5" },
	{ "/api/v1/label/__name__/values", "", &a, 200,
	  "/api/v1/label/__name__/values match%5B%5D=%7Bapp%3D%22A%22%7D" },
	{ "/api/v1/status/tsdb", "topN=5", &all, 200, "/api/v1/status/tsdb topN=5" },
	{ "/federate", "match[]=up", &a, 200, "/federate match%5B%5D=up%7Bapp%3D%22A%22%7D" },

	{ "/api/v1/status/tsdb", "match[]=up", &a, 403,
	  "these are statistics of all apps, which this token does not open" },
	{ "/federate", "", &a, 400, "no match[] parameter provided" },
	{ "/federate", "match[]=", &a, 400,
	  "invalid parameter \"match[]\": 1:1: parse error: there is no expression" },
	{ "/federate", "match[]=up[5m]", &all, 400,
	  "invalid parameter \"match[]\": 1:1: parse error: expected a selector such as "
	  "{app=\"web\"}, and no more" },
	{ "/api/v1/query", "query=up&query=up", &all, 400,
	  "the parameter \"query\" is there more than once" },
	{ "/api/v1/query", "query=up&time=1&time=2", &all, 400,
	  "the parameter \"time\" is there more than once" },
	{ "/api/v1/query", "query=up&time=1%26query%3dx", &all, 400,
	  "invalid parameter \"time\": expected a number, time or duration" },
	{ "/api/v1/query", "", &all, 400,
	  "invalid parameter \"query\": 1:1: parse error: there is no expression" },
	{ "/api/v1/query", "query=sum(", &a, 400,
	  "invalid parameter \"query\": 1:5: parse error: unexpected end of input, expected an "
	  "expression" },
	{ "/api/v1/query", "query=info(up)", &a, 403,
	  "invalid parameter \"query\": 1:1: the function 'info' is not open to readers of some "
	  "apps only" },
	{ "/api/v1/query", "query=info(up)", &all, 200, "P/api/v1/query query=info%28up%29" },
	{ "/api/v1/query", "query=up", &scope_none, 403, "this token opens the series of no app" },
	{ "/api/v1/query", "query=up", &nameless, 403, "this token opens the series of no app" },
	{ "/api/v1/read", "", &all, 501, "remote read is not supported; use /api/v1/query_range" },
	{ "/api/v1/write", "", &all, 501, "there is nothing to be written here" },
	{ "/api/v1/label//values", "", &all, 404, NULL },
	{ "/api/v1/label/a/b/values", "", &all, 404, NULL },
	{ "/api/v1/label/../values", "", &all, 404, NULL },
	{ "/api/v1/label/a-b/values", "", &all, 404, NULL },
	{ "/api/v1/label/a%2fb/values", "", &all, 404, NULL },
	{ "/api/v1/label/a/valuesx", "", &all, 404, NULL },
	{ "/api/v1/query/", "", &all, 404, NULL },
	{ "/api/v1/admin/tsdb/delete_series", "match[]=up", &all, 404, NULL },
	{ "//api/v1/query", "query=up", &all, 404, NULL },
	{ "", "", &all, 404, NULL },
};

START_TEST(translates_or_refuses)
{
	struct api_error error = { .status = 0 };
	const char *reason;
	struct form form = {};
	struct api_call call;
	char text[1024];
	int err;

	ck_assert_int_eq(form__parse(&form, cases[_i].form, strlen(cases[_i].form), &reason), 0);
	err = api__translate(&call, cases[_i].path, &form, cases[_i].scope, &error);
	form__free(&form);
	if (cases[_i].status == 200) {
		ck_assert_msg(!err, "%u %s", error.status, error.message);
		snprintf(text, sizeof(text), "%s%s %.*s", call.is_post ? "P" : "", call.path,
			 (int)call.parameters.length,
			 call.parameters.length ? call.parameters.data : "");
		ck_assert_str_eq(text, cases[_i].expected);
		api_call__free(&call);
		return;
	}
	ck_assert_int_eq(err, -EINVAL);
	ck_assert_uint_eq(error.status, cases[_i].status);
	if (cases[_i].expected)
		ck_assert_str_eq(error.message, cases[_i].expected);
}
END_TEST

START_TEST(refusals_are_json)
{
	struct api_error error;
	char *body;

	api_error__set(&error, 400, "bad_data", "a \"b\" \\ %s", "\n");
	body = api_error__body(&error);
	ck_assert_str_eq(body, "{\"status\":\"error\",\"errorType\":\"bad_data\","
			       "\"error\":\"a \\\"b\\\" \\\\ \\n\"}");
	free(body);
}
END_TEST

static const struct {
	const char *text;
	const char *reason; /* NULL: fine */
} forms[] = {
	{ "", NULL },
	{ "&&a=1&&", NULL },
	{ "a", NULL },
	{ "=b", NULL },
	{ "a=%4", "bad percent-encoding" },
	{ "a=%", "bad percent-encoding" },
	{ "a=%zz&b", "bad percent-encoding" },
	{ "a=%4&1", "bad percent-encoding" },
	{ "%4g=1", "bad percent-encoding" },
	{ "a=b%00c", "a NUL byte in a parameter" },
	{ "a%00=b", "a NUL byte in a parameter" },
	{ "a%0a=b", "a control character in a parameter's name" },
};

START_TEST(forms_are_read_strictly)
{
	struct form form = {};
	const char *reason = NULL;
	int err = form__parse(&form, forms[_i].text, strlen(forms[_i].text), &reason);

	ck_assert_int_eq(err, forms[_i].reason ? -EINVAL : 0);
	if (forms[_i].reason)
		ck_assert_str_eq(reason, forms[_i].reason);
	form__free(&form);
}
END_TEST

START_TEST(forms_come_back_as_they_were)
{
	static const char text[] = "a=1+2%2B%26%3D&%C3%A9=%0a;x&b=c=d&a&a=~";
	struct form form = {};
	struct buffer out;
	const char *reason;
	size_t count;

	ck_assert_int_eq(form__parse(&form, text, strlen(text), &reason), 0);
	ck_assert_uint_eq(form.count, 5);
	ck_assert_str_eq(form__get(&form, "a", &count), "1 2+&=");
	ck_assert_uint_eq(count, 3);
	ck_assert_str_eq(form__get(&form, "\xc3\xa9", NULL), "\n;x");
	ck_assert_str_eq(form__get(&form, "b", NULL), "c=d");
	ck_assert_ptr_null(form__get(&form, "A", &count));
	ck_assert_uint_eq(count, 0);
	buffer__init(&out);
	for (size_t i = 0; i < form.count; i++)
		form__put(&out, form.fields[i].name, form.fields[i].value);
	buffer__append(&out, "", 1);
	ck_assert_str_eq(out.data, "a=1%202%2B%26%3D&%C3%A9=%0A%3Bx&b=c%3Dd&a=&a=~");
	buffer__free(&out);
	form__free(&form);
	/* A raw NUL, as a form may have. */
	ck_assert_int_eq(form__parse(&form, "a\0b", 3, &reason), -EINVAL);
	form__free(&form);
}
END_TEST

START_TEST(forms_are_bounded)
{
	char text[2 * (FORM_MAX_FIELDS + 1)];
	struct form form = {};
	const char *reason;

	for (size_t i = 0; i < sizeof(text); i += 2)
		memcpy(text + i, "a&", 2);
	ck_assert_int_eq(form__parse(&form, text, sizeof(text) - 2, &reason), 0);
	form__free(&form);
	ck_assert_int_eq(form__parse(&form, text, sizeof(text), &reason), -E2BIG);
	ck_assert_str_eq(reason, "too many parameters");
	form__free(&form);
}
END_TEST

START_TEST(addresses)
{
	static const char *const good[] = { "http://h", "https://[::1]:9090/prometheus" };
	static const char *const bad[] = {
		"",	      "h:1",	    "http://",	    "http:///x",  "http://h/",
		"http://h?x", "http://h#x", "http://u@h",   "http://h h", "ftp://h",
		"HTTP://h",   "http://h\n", "file:///etc/x"
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ck_assert_msg(url__is_base(good[i]), "%s", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ck_assert_msg(!url__is_base(bad[i]), "%s", bad[i]);
}
END_TEST

Suite *query_api_suite(void)
{
	Suite *suite = suite_create("query_api");
	TCase *tc = tcase_create("api");

	tcase_add_loop_test(tc, translates_or_refuses, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_test(tc, refusals_are_json);
	tcase_add_loop_test(tc, forms_are_read_strictly, 0, sizeof(forms) / sizeof(forms[0]));
	tcase_add_test(tc, forms_come_back_as_they_were);
	tcase_add_test(tc, forms_are_bounded);
	tcase_add_test(tc, addresses);
	suite_add_tcase(suite, tc);
	return suite;
}
