// SPDX-License-Identifier: Apache-2.0
/*
 * Headers of the PROXY protocol as the BPF programs follow them, in every split: where they end,
 * and whose address they name.
 */
#include <arpa/inet.h>
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "proto/prefix.h"

Suite *prefix_suite(void);

#define SIGNATURE "\r\n\r\n\0\r\nQUIT\n"

static struct prefix p;
static struct cursor cursor;

/* Looks at [data, data + n), as much of it as there is room for; how many bytes belong to it. */
static size_t look(const uint8_t *data, size_t n, int *result)
{
	size_t passes = prefix_passes(&p);

	if (passes) {
		passes = passes < n ? passes : n;
		*result = prefix_pass(&p, (uint32_t)passes);
		return passes;
	}
	n = n < PREFIX_WINDOW ? n : PREFIX_WINDOW;
	memcpy(cursor.byte, data, n);
	cursor.pos = 0;
	cursor.bytes = (uint32_t)n;
	*result = prefix_scan(&p, &cursor);
	return cursor.pos;
}

/* The bytes that the prefix takes, in two pieces cut at `cut` or byte by byte (0); or -1: it is
 * none. */
static int parse(const void *data, size_t n, size_t cut)
{
	const uint8_t *byte = data;
	size_t at = 0;
	int result = PREFIX_MORE;

	prefix_begin(&p, 0, byte[0]);
	while (at < n && result == PREFIX_MORE) {
		size_t piece = !cut ? 1 : at < cut ? cut - at : n - at;

		at += look(byte + at, piece, &result);
	}
	return result == PREFIX_DONE ? (int)at : result == PREFIX_BAD ? -1 : 0;
}

/* In every split it ends after `bytes`, and names this client (null: none). */
static void names(const void *data, size_t n, int bytes, const char *address, uint16_t port)
{
	uint8_t want[16];

	for (size_t cut = 0; cut < n; cut++) {
		ck_assert_msg(parse(data, n, cut) == bytes, "%.*s cut at %zu", (int)n,
			      (const char *)data, cut);
		if (bytes <= 0)
			continue;
		ck_assert_int_eq(p.family, !address ? 0 : strchr(address, ':') ? 6 : 4);
		if (!address)
			continue;
		ck_assert_int_eq(inet_pton(p.family == 6 ? AF_INET6 : AF_INET, address, want), 1);
		ck_assert_msg(!memcmp(p.address, want, p.family == 6 ? 16 : 4), "%s cut at %zu",
			      address, cut);
		ck_assert_uint_eq(p.port, port);
	}
}

START_TEST(lines)
{
	static const struct {
		const char *line, *address;
		uint16_t port;
	} rows[] = {
		{ "PROXY TCP4 192.0.2.1 192.0.2.2 4000 80\r\n", "192.0.2.1", 4000 },
		{ "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n", "255.255.255.255",
		  65535 },
		{ "PROXY TCP4 0.0.0.0 0.0.0.0 0 0\r\n", "0.0.0.0", 0 },
		{ "PROXY TCP6 2001:db8::1 2001:db8::2 50000 443\r\n", "2001:db8::1", 50000 },
		{ "PROXY TCP6 ::1 ::1 1 2\r\n", "::1", 1 },
		{ "PROXY TCP6 :: :: 1 2\r\n", "::", 1 },
		{ "PROXY TCP6 fe80:: fe80::1 1 2\r\n", "fe80::", 1 },
		{ "PROXY TCP6 1:2:3:4:5:6:7:8 ::1 1 2\r\n", "1:2:3:4:5:6:7:8", 1 },
		{ "PROXY TCP6 1::7:8 ::1 1 2\r\n", "1::7:8", 1 },
		{ "PROXY TCP6 ::ffff:192.0.2.1 ::1 9 2\r\n", "::ffff:192.0.2.1", 9 },
		{ "PROXY TCP6 ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff "
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff 65535 65535\r\n",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535 },
		{ "PROXY UNKNOWN\r\n", NULL, 0 },
		{ "PROXY UNKNOWN whatever 1 2 3 4 5 6 7\r\n", NULL, 0 },
		{ "PROXY TCP4 192.0.2 192.0.2.2 4000 80\r\n", NULL, 0 },
		{ "PROXY TCP4 host 192.0.2.2 4000 80\r\n", NULL, 0 },
		{ "PROXY TCP6 1::2::3:4:5:6:7:8:9 ::1 4000 80\r\n", NULL, 0 },
	};
	static const char *const none[] = { "PROXIES TCP4 1\r\n", "PROXY\r\n",
					    "PROXY TCP4 \x01\r\n",
					    "PROXY UNKNOWN 0000000000000000000000000000000000000000"
					    "00000000000000000000000000000000000000000000000000000"
					    "000000000000000000000\r\n" };
	char text[200];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text), "%sGET / HTTP/1.1\r\n", rows[i].line);
		names(text, strlen(text), (int)strlen(rows[i].line), rows[i].address, rows[i].port);
	}
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		names(none[i], strlen(none[i]), -1, NULL, 0);
}
END_TEST

/* Version 2, with `more` bytes of TLVs. */
static void block(uint8_t command, uint8_t family, const char *address, uint16_t port, size_t more)
{
	static uint8_t text[70000];
	size_t half = family >> 4 == 1 ? 4 : family >> 4 == 2 ? 16 : 0;
	size_t n = 2 * half + (half ? 4 : 0) + more;

	memset(text, '\n', sizeof(text));
	memcpy(text, SIGNATURE, 12);
	text[12] = command;
	text[13] = family;
	text[14] = (uint8_t)(n >> 8);
	text[15] = (uint8_t)n;
	if (half)
		ck_assert_int_eq(inet_pton(half == 16 ? AF_INET6 : AF_INET, address, text + 16), 1);
	if (half) {
		text[16 + 2 * half] = (uint8_t)(port >> 8);
		text[17 + 2 * half] = (uint8_t)port;
	}
	names(text, 16 + n + (n < 300 ? 20 : 1), (int)(16 + n), command & 1 ? address : NULL, port);
}

START_TEST(blocks)
{
	for (size_t more = 0; more < 120; more += more < 4 ? 1 : 29) {
		block(0x21, 0x11, "192.0.2.1", 4000, more);
		block(0x21, 0x12, "192.0.2.1", 65535, more);
		block(0x21, 0x21, "2001:db8::1", 4000, more);
		block(0x21, 0x31, NULL, 0, 216 + more);
		block(0x21, 0x00, NULL, 0, more);
		block(0x20, 0x00, NULL, 0, more);
		block(0x20, 0x11, "192.0.2.1", 4000, more);
	}
	names(SIGNATURE "\x31\x11\0\0", 16, -1, NULL, 0);
	names(SIGNATURE "\x22\x11\0\0", 16, -1, NULL, 0);
	names("\r\n\r\n\0\r\nQUIT \x21\x11\0\0", 17, -1, NULL, 0);
	names("\r\n\r\nGET / HTTP/1.1\r\n", 20, -1, NULL, 0);
}
END_TEST

/* The longest that a length can announce. */
START_TEST(longest_block)
{
	static uint8_t text[65600];

	memcpy(text, SIGNATURE "\x21\x11\xff\xff", 16);
	ck_assert_int_eq(parse(text, sizeof(text), 1000), 16 + 65535);
	ck_assert_int_eq(parse(text, sizeof(text), 0), 16 + 65535);
}
END_TEST

Suite *prefix_suite(void)
{
	Suite *suite = suite_create("prefix");
	TCase *core = tcase_create("core");

	tcase_add_test(core, lines);
	tcase_add_test(core, blocks);
	tcase_add_test(core, longest_block);
	suite_add_tcase(suite, core);
	return suite;
}
