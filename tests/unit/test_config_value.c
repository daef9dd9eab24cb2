// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <errno.h>
#include <string.h>

#include "config/value.h"

Suite *config_value_suite(void);

static const struct {
	const char *text;
	int err;
	uint64_t ns;
} durations[] = {
	{ "90s", 0, 90000000000ULL },
	{ "5m", 0, 300000000000ULL },
	{ "500ms", 0, 500000000ULL },
	{ "1h30m", 0, 5400000000000ULL },
	{ "1d1h1m1s1ms", 0, 90061001000000ULL },
	{ "0", 0, 0 },
	{ "0s", 0, 0 },
	{ "3650d", 0, 315360000000000000ULL },
	{ "3651d", -ERANGE, 0 },
	{ "3650d1ms", -ERANGE, 0 },
	{ "99999999999999999999999s", -ERANGE, 0 },
	{ "300", -EINVAL, 0 },
	{ "", -EINVAL, 0 },
	{ "s", -EINVAL, 0 },
	{ "1m1h", -EINVAL, 0 },
	{ "1m1m", -EINVAL, 0 },
	{ "1.5m", -EINVAL, 0 },
	{ "-1s", -EINVAL, 0 },
	{ " 1s", -EINVAL, 0 },
	{ "1s ", -EINVAL, 0 },
	{ "1sm", -EINVAL, 0 },
	{ "1w", -EINVAL, 0 },
	{ "1S", -EINVAL, 0 },
};

static const struct {
	const char *text;
	int err;
	uint64_t bytes;
} sizes[] = {
	{ "1024", 0, 1024 },
	{ "1KiB", 0, 1024 },
	{ "64MiB", 0, 64ULL << 20 },
	{ "64Mi", 0, 64ULL << 20 },
	{ "3Gi", 0, 3ULL << 30 },
	{ "1500KiB", 0, 1500 << 10 },
	{ "1000001", 0, 1000001 },
	{ "1024GiB", 0, 1ULL << 40 },
	{ "1025GiB", -ERANGE, 0 },
	{ "1023", -ERANGE, 0 },
	{ "0", -ERANGE, 0 },
	{ "1099511627777", -ERANGE, 0 },
	{ "99999999999999999999999", -ERANGE, 0 },
	{ "17179869184GiB", -ERANGE, 0 },
	{ "", -EINVAL, 0 },
	{ "MiB", -EINVAL, 0 },
	{ "1M", -EINVAL, 0 },
	{ "1MB", -EINVAL, 0 },
	{ "1MiBs", -EINVAL, 0 },
	{ "1 MiB", -EINVAL, 0 },
	{ "1.5MiB", -EINVAL, 0 },
	{ "-1MiB", -EINVAL, 0 },
	{ "1mib", -EINVAL, 0 },
};

START_TEST(test_bytes)
{
	uint64_t bytes = 7;
	char text[64];

	ck_assert_int_eq(value__bytes(sizes[_i].text, 1024, 1ULL << 40, &bytes), sizes[_i].err);
	if (sizes[_i].err) {
		ck_assert_uint_eq(bytes, 7);
		return;
	}
	ck_assert_uint_eq(bytes, sizes[_i].bytes);
	value__format_bytes(bytes, text, sizeof(text));
	ck_assert_int_eq(value__bytes(text, 1024, 1ULL << 40, &bytes), 0);
	ck_assert_uint_eq(bytes, sizes[_i].bytes);
}
END_TEST

START_TEST(test_duration)
{
	uint64_t ns = 7;
	char text[64];

	ck_assert_int_eq(value__duration(durations[_i].text, &ns), durations[_i].err);
	if (durations[_i].err) {
		ck_assert_uint_eq(ns, 7);
		return;
	}
	ck_assert_uint_eq(ns, durations[_i].ns);
	value__format_duration(ns, text, sizeof(text));
	ck_assert_int_eq(value__duration(text, &ns), 0);
	ck_assert_uint_eq(ns, durations[_i].ns);
}
END_TEST

static const struct {
	const char *text;
	int err;
	uint64_t ns;
	const char *shortest;
} seconds[] = {
	{ "0.0001", 0, 100000, "0.0001" },
	{ "0.1", 0, 100000000, "0.1" },
	{ "2.50", 0, 2500000000ULL, "2.5" },
	{ "10", 0, 10000000000ULL, "10" },
	{ "100", 0, 100000000000ULL, "100" },
	{ "0", 0, 0, "0" },
	{ "0.000000001", 0, 1, "0.000000001" },
	{ "0.0000000010", 0, 1, "0.000000001" },
	{ "4.123456789", 0, 4123456789ULL, "4.123456789" },
	{ "9999999999.999999999", 0, 9999999999999999999ULL, "9999999999.999999999" },
	{ "0.0000000001", -ERANGE, 0, NULL },
	{ "10000000000", -ERANGE, 0, NULL },
	{ ".5", -EINVAL, 0, NULL },
	{ "5.", -EINVAL, 0, NULL },
	{ "1e3", -EINVAL, 0, NULL },
	{ "+1", -EINVAL, 0, NULL },
	{ "-1", -EINVAL, 0, NULL },
	{ "1,5", -EINVAL, 0, NULL },
	{ "", -EINVAL, 0, NULL },
	{ "0x1", -EINVAL, 0, NULL },
	{ "1.2.3", -EINVAL, 0, NULL },
};

START_TEST(test_seconds)
{
	uint64_t ns = 7;
	char text[64];

	ck_assert_int_eq(value__seconds(seconds[_i].text, &ns), seconds[_i].err);
	if (seconds[_i].err) {
		ck_assert_uint_eq(ns, 7);
		return;
	}
	ck_assert_uint_eq(ns, seconds[_i].ns);
	value__format_seconds(ns, text, sizeof(text));
	ck_assert_str_eq(text, seconds[_i].shortest);
}
END_TEST

START_TEST(test_u32)
{
	uint32_t value = 7;

	ck_assert_int_eq(value__u32("4294967296", 0, UINT32_MAX, &value), -ERANGE);
	ck_assert_int_eq(value__u32("1", 2, 3, &value), -ERANGE);
	ck_assert_int_eq(value__u32("4", 2, 3, &value), -ERANGE);
	ck_assert_int_eq(value__u32("3x", 2, 3, &value), -EINVAL);
	ck_assert_int_eq(value__u32("", 2, 3, &value), -EINVAL);
	ck_assert_int_eq(value__u32("-3", 2, 3, &value), -EINVAL);
	ck_assert_uint_eq(value, 7);
	ck_assert_int_eq(value__u32("4294967295", 0, UINT32_MAX, &value), 0);
	ck_assert_uint_eq(value, UINT32_MAX);
	ck_assert_int_eq(value__u32("003", 2, 3, &value), 0);
	ck_assert_uint_eq(value, 3);
}
END_TEST

START_TEST(test_bool)
{
	bool value = false;

	ck_assert_int_eq(value__bool("true", &value), 0);
	ck_assert(value);
	ck_assert_int_eq(value__bool("yes", &value), -EINVAL);
	ck_assert(value);
	ck_assert_int_eq(value__bool("false", &value), 0);
	ck_assert(!value);
	ck_assert_int_eq(value__bool("", &value), -EINVAL);
}
END_TEST

static const struct {
	const char *text;
	bool fits;
} labels[] = {
	{ "", true },
	{ "eu-west-1", true },
	{ "\xc3\xa4", true },
	{ "\xe2\x82\xac", true },
	{ "\xf0\x9f\x98\x80", true },
	{ "\xf4\x8f\xbf\xbf", true },
	{ "a\nb", false },
	{ "\x7f", false },
	{ "\xc3", false },
	{ "\xc0\x80", false },
	{ "\xe0\x80\x80", false },
	{ "\xed\xa0\x80", false },
	{ "\xf0\x80\x80\x80", false },
	{ "\xf4\x90\x80\x80", false },
	{ "\xf5\x80\x80\x80", false },
	{ "\xe2\x82", false },
	{ "\x80", false },
};

START_TEST(test_label)
{
	ck_assert_int_eq(value__is_label(labels[_i].text), labels[_i].fits);
}
END_TEST

START_TEST(test_label_length)
{
	char text[130];

	memset(text, 'a', sizeof(text));
	text[128] = '\0';
	ck_assert(value__is_label(text));
	text[128] = 'a';
	text[129] = '\0';
	ck_assert(!value__is_label(text));
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

Suite *config_value_suite(void)
{
	Suite *suite = suite_create("config_value");
	TCase *tc = tcase_create("value");

	tcase_add_loop_test(tc, test_bytes, 0, ROWS(sizes));
	tcase_add_loop_test(tc, test_duration, 0, ROWS(durations));
	tcase_add_loop_test(tc, test_seconds, 0, ROWS(seconds));
	tcase_add_test(tc, test_u32);
	tcase_add_test(tc, test_bool);
	tcase_add_loop_test(tc, test_label, 0, ROWS(labels));
	tcase_add_test(tc, test_label_length);
	suite_add_tcase(suite, tc);
	return suite;
}
