// SPDX-License-Identifier: Apache-2.0
/* What encoders are made of: numbers, UTF-8, buffers, and which of them a client gets. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "encoders/encoder.h"

Suite *encoders_suite(void);

START_TEST(integers_are_exact)
{
	uint64_t value = 0;
	char got[NUMBER_BYTES], want[NUMBER_BYTES];

	for (int digits = 0; digits < 20; digits++) {
		uint64_t near[] = { value, value + 1, value * 9, value ? value - 1 : 0 };

		for (int i = 0; i < 4; i++) {
			*number__integer(got, near[i]) = '\0';
			snprintf(want, sizeof(want), "%llu", (unsigned long long)near[i]);
			ck_assert_str_eq(got, want);
		}
		value = value ? value * 10 : 1;
	}
	*number__integer(got, UINT64_MAX) = '\0';
	ck_assert_str_eq(got, "18446744073709551615");
}
END_TEST

static const struct {
	uint64_t value;
	unsigned int scale;
	const char *decimal, *bound, *openmetrics;
} numbers[] = {
	{ 0, 9, "0", "0", "0.0" },
	{ 1, 9, "0.000000001", "1e-09", "1e-09" },
	{ 1500, 9, "0.0000015", "1.5e-06", "1.5e-06" },
	{ 10000, 9, "0.00001", "1e-05", "1e-05" },
	{ 99999, 9, "0.000099999", "9.9999e-05", "9.9999e-05" },
	{ 100000, 9, "0.0001", "0.0001", "0.0001" },
	{ 250000, 9, "0.00025", "0.00025", "0.00025" },
	{ 5000000, 9, "0.005", "0.005", "0.005" },
	{ 1000000000, 9, "1", "1", "1.0" },
	{ 2500000000, 9, "2.5", "2.5", "2.5" },
	{ 10000000000, 9, "10", "10", "10.0" },
	{ 100000000000000, 9, "100000", "100000", "100000.0" },
	{ 1000000000000000, 9, "1000000", "1e+06", "1e+06" },
	{ 1234567500000000, 9, "1234567.5", "1.2345675e+06", "1.2345675e+06" },
	{ 18446744073709551615ULL, 9, "18446744073.709551615", "1.8446744073709551615e+10",
	  "1.8446744073709551615e+10" },
	{ 5000000, 6, "5", "5", "5.0" },
	{ 42, 0, "42", "42", "42.0" },
	{ 2000000, 0, "2000000", "2e+06", "2e+06" },
};

START_TEST(decimals_are_exact_and_bounds_canonical)
{
	char got[NUMBER_BYTES];

	*number__decimal(got, numbers[_i].value, numbers[_i].scale) = '\0';
	ck_assert_str_eq(got, numbers[_i].decimal);
	*number__bound(got, numbers[_i].value, numbers[_i].scale, false) = '\0';
	ck_assert_str_eq(got, numbers[_i].bound);
	*number__bound(got, numbers[_i].value, numbers[_i].scale, true) = '\0';
	ck_assert_str_eq(got, numbers[_i].openmetrics);
	/* Read back, they are the number that protobuf carries. */
	ck_assert_double_eq(strtod(got, NULL),
			    number__double(numbers[_i].value, numbers[_i].scale));
}
END_TEST

static const struct {
	const char *text, *repaired; /* NULL: valid as it is */
} texts[] = {
	{ "", NULL },
	{ "plain", NULL },
	{ "gr\xc3\xbc\xc3\x9f \xe2\x82\xac \xf0\x9f\x90\x9d", NULL },
	{ "\xed\x9f\xbf \xee\x80\x80 \xf4\x8f\xbf\xbf", NULL },
	{ "a\xff"
	  "b",
	  "a\xef\xbf\xbd"
	  "b" },
	{ "\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd" },
	{ "\xc0\xaf", "\xef\xbf\xbd\xef\xbf\xbd" },		    /* overlong slash */
	{ "\xe0\x80\xaf", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* the same, longer */
	{ "\xed\xa0\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" }, /* surrogate */
	{ "\xf4\x90\x80\x80", "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd" },
	{ "cut \xe2\x82", "cut \xef\xbf\xbd" }, /* one maximal part */
	{ "\xf0\x9f\x90x", "\xef\xbf\xbdx" },
};

START_TEST(bad_utf8_is_replaced)
{
	char got[64];
	size_t length = utf8__repair(got, texts[_i].text);

	ck_assert_int_eq(utf8__valid(texts[_i].text), !texts[_i].repaired);
	ck_assert_str_eq(got, texts[_i].repaired ? texts[_i].repaired : texts[_i].text);
	ck_assert_uint_eq(length, strlen(got));
	ck_assert(utf8__valid(got));
}
END_TEST

struct pieces {
	char text[4096];
	size_t length, largest, fail_after;
};

static int take_piece(void *ctx, const char *data, size_t length)
{
	struct pieces *pieces = ctx;

	if (pieces->length + length > pieces->fail_after)
		return -EPIPE;
	memcpy(pieces->text + pieces->length, data, length);
	pieces->length += length;
	if (length > pieces->largest)
		pieces->largest = length;
	return 0;
}

START_TEST(a_stream_hands_on_what_memory_would_hold)
{
	struct pieces pieces = { .fail_after = sizeof(pieces.text) };
	struct buffer memory, stream;
	size_t length;
	char *all;

	buffer__init(&memory);
	buffer__init_stream(&stream, 4096, take_piece, &pieces);
	stream.capacity = 64; /* smaller than its memory, to see many pieces */
	for (int i = 0; i < 300; i++) {
		char text[16];

		snprintf(text, sizeof(text), "%d,", i);
		buffer__append_text(&memory, text);
		buffer__append_text(&stream, text);
	}
	ck_assert_int_eq(buffer__flush(&stream), 0);
	all = buffer__take(&memory, &length);
	ck_assert_uint_eq(length, pieces.length);
	ck_assert_mem_eq(all, pieces.text, length);
	ck_assert_uint_le(pieces.largest, 64);
	free(all);
	buffer__free(&stream);
	buffer__free(&memory);
}
END_TEST

START_TEST(a_failure_sticks_until_cleared)
{
	struct pieces pieces = { .fail_after = 10 };
	struct buffer stream;
	size_t length;

	buffer__init_stream(&stream, 4096, take_piece, &pieces);
	stream.capacity = 16;
	for (int i = 0; i < 100; i++)
		buffer__append_text(&stream, "abcdef");
	ck_assert_int_eq(buffer__flush(&stream), -EPIPE);
	ck_assert_ptr_null(buffer__take(&stream, &length));
	buffer__clear(&stream);
	ck_assert_int_eq(buffer__flush(&stream), 0);
	buffer__free(&stream);
}
END_TEST

#define PROTOBUF                                                                                   \
	"application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding="        \
	"delimited"

static const struct {
	const char *accept;
	const struct encoder *encoder;
} accepts[] = {
	/* none, unknown, wildcards */
	{ NULL, &encoder_text },
	{ "", &encoder_text },
	{ "*/*", &encoder_text },
	{ "text/*", &encoder_text },
	{ "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", &encoder_text },
	{ "image/png", &encoder_text },
	{ "application/json", &encoder_text },
	{ "application/*", &encoder_openmetrics },
	/* Prometheus 2, without and with native histograms */
	{ "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
	  "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	  &encoder_openmetrics },
	{ PROTOBUF ",application/openmetrics-text;version=1.0.0;q=0.8,application/"
		   "openmetrics-text;version=0.0.1;q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	  &encoder_protobuf },
	/* Prometheus 3, likewise */
	{ "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,application/"
	  "openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;escaping=allow-utf-8;"
	  "q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
	  &encoder_openmetrics },
	{ PROTOBUF ";q=0.6,application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.5,"
		   "application/openmetrics-text;version=0.0.1;q=0.4,text/plain;version=1.0.0;"
		   "escaping=allow-utf-8;q=0.3,text/plain;version=0.0.4;q=0.2,*/*;q=0.1",
	  &encoder_protobuf },
	/* older and other scrapers */
	{ PROTOBUF ";q=0.7,text/plain;version=0.0.4;q=0.3,*/*;q=0.1", &encoder_protobuf },
	{ "text/plain;version=0.0.4;q=1,*/*;q=0.1", &encoder_text },
	{ "application/openmetrics-text; version=0.0.1,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
	  &encoder_text },
	/* what is asked for must be what we have */
	{ "application/openmetrics-text;version=2.0.0", &encoder_text },
	{ "application/vnd.google.protobuf;proto=other.Message;encoding=delimited", &encoder_text },
	{ "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text",
	  &encoder_text },
	{ "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=compact"
	  ",application/openmetrics-text;q=0.1",
	  &encoder_openmetrics },
	/* quality and specificity */
	{ "application/openmetrics-text;q=0,text/plain;q=0.1", &encoder_text },
	{ "text/plain;q=0,application/openmetrics-text;q=0.001", &encoder_openmetrics },
	{ "*/*;q=0.9, text/plain;q=0.2, application/openmetrics-text;q=0.3", &encoder_protobuf },
	{ "text/plain;q=0.5, application/openmetrics-text;q=0.5", &encoder_text },
	{ "application/openmetrics-text;q=0.5, text/plain;q=0.5", &encoder_openmetrics },
	{ "text/plain;q=0.3;version=0.0.4, application/openmetrics-text;q=0.31",
	  &encoder_openmetrics },
	/* spelling */
	{ "Application/OpenMetrics-Text ; Version=\"1.0.0\" ; q=1.000", &encoder_openmetrics },
	{ " , ,application/openmetrics-text", &encoder_openmetrics },
	/* broken ranges do not count, and do not hurt the others */
	{ "application/openmetrics-text;q=2", &encoder_text },
	{ "application/openmetrics-text;q=abc,text/plain;q=0.1", &encoder_text },
	{ "application/", &encoder_text },
	{ "application", &encoder_text },
	{ "/openmetrics-text", &encoder_text },
	{ "application/openmetrics-text garbage", &encoder_text },
	{ "\"\\", &encoder_text },
	{ ";;;==,application/openmetrics-text;q=0.2", &encoder_openmetrics },
};

START_TEST(the_client_gets_what_it_asks_for)
{
	const struct encoder *got = encoder__negotiate(accepts[_i].accept);

	ck_assert_msg(got == accepts[_i].encoder, "\"%s\": %s, not %s",
		      accepts[_i].accept ? accepts[_i].accept : "(none)", got->name,
		      accepts[_i].encoder->name);
}
END_TEST

START_TEST(content_types_are_exact)
{
	ck_assert_str_eq(encoder_text.content_type, "text/plain; version=0.0.4; charset=utf-8");
	ck_assert_str_eq(encoder_openmetrics.content_type,
			 "application/openmetrics-text; version=1.0.0; charset=utf-8");
	ck_assert_str_eq(encoder_protobuf.content_type,
			 "application/vnd.google.protobuf; "
			 "proto=io.prometheus.client.MetricFamily; encoding=delimited");
	/* and name the format itself */
	ck_assert_ptr_eq(encoder__negotiate(encoder_openmetrics.content_type),
			 &encoder_openmetrics);
	ck_assert_ptr_eq(encoder__negotiate(encoder_protobuf.content_type), &encoder_protobuf);
}
END_TEST

#define LENGTH(array) ((int)(sizeof(array) / sizeof((array)[0])))

Suite *encoders_suite(void)
{
	Suite *suite = suite_create("encoders");
	TCase *tc = tcase_create("encoders");

	tcase_add_test(tc, integers_are_exact);
	tcase_add_loop_test(tc, decimals_are_exact_and_bounds_canonical, 0, LENGTH(numbers));
	tcase_add_loop_test(tc, bad_utf8_is_replaced, 0, LENGTH(texts));
	tcase_add_test(tc, a_stream_hands_on_what_memory_would_hold);
	tcase_add_test(tc, a_failure_sticks_until_cleared);
	tcase_add_loop_test(tc, the_client_gets_what_it_asks_for, 0, LENGTH(accepts));
	tcase_add_test(tc, content_types_are_exact);
	suite_add_tcase(suite, tc);
	return suite;
}
