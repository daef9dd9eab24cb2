// SPDX-License-Identifier: Apache-2.0
/* Names of series: their forms, their order, and what stands for all that have none. */
#include <arpa/inet.h>
#include <check.h>
#include <string.h>

#include "metrics/rollup.h"
#include "metrics/series.h"

static const char *address(char name[NAME_ADDRESS_BYTES], const char *text, uint16_t port)
{
	uint16_t port_be16 = htons(port);

	memset(name, 0, NAME_ADDRESS_BYTES);
	if (inet_pton(AF_INET6, text, name) != 1)
		ck_abort_msg("%s is no address", text);
	memcpy(name + 16, &port_be16, sizeof(port_be16));
	return name;
}

static void check_text(const char *text, uint16_t port, const char *wanted)
{
	char name[NAME_ADDRESS_BYTES], buffer[SERIES_TEXT_BYTES];

	ck_assert_str_eq(series__text(SERIES_DESTINATIONS, 0, address(name, text, port), buffer),
			 wanted);
}

START_TEST(test_addresses)
{
	const char *other[SERIES_NAMES];
	char buffer[SERIES_TEXT_BYTES];

	check_text("::ffff:10.1.2.3", 5432, "10.1.2.3:5432");
	check_text("2001:db8::1", 443, "[2001:db8::1]:443");
	check_text("::", 1, "[::]:1");
	check_text("2001:db8:1111:2222:3333:4444:5555:6666", 65535,
		   "[2001:db8:1111:2222:3333:4444:5555:6666]:65535");
	series__other(SERIES_DESTINATIONS, other);
	ck_assert_str_eq(series__text(SERIES_DESTINATIONS, 0, other[0], buffer), VALUE_OTHER);
}
END_TEST

/* By bytes: ports by their number, IPv4 before most of IPv6, `__other__` behind all. */
START_TEST(test_order_of_addresses)
{
	static const struct {
		const char *text;
		uint16_t port;
	} in_order[] = { { "::ffff:9.1.1.1", 443 },  { "::ffff:10.0.0.1", 80 },
			 { "::ffff:10.0.0.1", 443 }, { "::ffff:10.0.0.1", 5432 },
			 { "2001:db8::1", 1 },	     { "ff02::1", 65535 } };
	char last[NAME_ADDRESS_BYTES] = "", next[NAME_ADDRESS_BYTES];
	const char *a[SERIES_NAMES] = { last }, *b[SERIES_NAMES] = { next };

	for (size_t i = 0; i < sizeof(in_order) / sizeof(in_order[0]); i++) {
		address(next, in_order[i].text, in_order[i].port);
		ck_assert_int_lt(series__compare(SERIES_DESTINATIONS, a, b), 0);
		memcpy(last, next, sizeof(last));
	}
	series__other(SERIES_DESTINATIONS, b);
	ck_assert_int_lt(series__compare(SERIES_DESTINATIONS, a, b), 0);
	ck_assert_int_eq(series__compare(SERIES_DESTINATIONS, b, b), 0);
}
END_TEST

START_TEST(test_texts)
{
	const char *a[SERIES_NAMES] = { "a.example", "client", "closed" };
	const char *b[SERIES_NAMES] = { "a.example", "client", "reset" };
	char buffer[SERIES_TEXT_BYTES];

	ck_assert_uint_eq(series__names(SERIES_TLS_ERRORS), 3);
	ck_assert_uint_eq(series__names(SERIES_EXITS), 1);
	ck_assert_int_lt(series__compare(SERIES_TLS_ERRORS, a, b), 0);
	ck_assert_int_eq(series__compare(SERIES_EXITS, a, b), 0); /* the first alone is its name */
	ck_assert_str_eq(series__text(SERIES_EXITS, 0, "137", buffer), "137");
	ck_assert_str_eq(series__checked(SERIES_TLS_ERRORS, 0, "bad\xff"), VALUE_OTHER);
	ck_assert_uint_eq(series__name_bytes(SERIES_TLS_HELLOS, 0, "h2"), 3);
}
END_TEST

Suite *series_suite(void);

Suite *series_suite(void)
{
	Suite *suite = suite_create("series");
	TCase *tcase = tcase_create("series");

	tcase_add_test(tcase, test_addresses);
	tcase_add_test(tcase, test_order_of_addresses);
	tcase_add_test(tcase, test_texts);
	suite_add_tcase(suite, tcase);
	return suite;
}
