// SPDX-License-Identifier: Apache-2.0
/* What others wrote, on a terminal: nothing but what is seen. */
#include <check.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/printable.h"
#include "base/utf8.h"

Suite *printable_suite(void);

static const char *copied(const char *text)
{
	static char to[4096];
	size_t length = printable__copy(to, sizeof(to), text);

	ck_assert_uint_eq(length, strlen(to));
	return to;
}

/* UTF-8 of a character, independent of the code under test. */
static size_t encode(uint32_t c, char *to)
{
	if (c < 0x80) {
		to[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		to[0] = (char)(0xc0 | c >> 6);
		to[1] = (char)(0x80 | (c & 63));
		return 2;
	}
	if (c < 0x10000) {
		to[0] = (char)(0xe0 | c >> 12);
		to[1] = (char)(0x80 | (c >> 6 & 63));
		to[2] = (char)(0x80 | (c & 63));
		return 3;
	}
	to[0] = (char)(0xf0 | c >> 18);
	to[1] = (char)(0x80 | (c >> 12 & 63));
	to[2] = (char)(0x80 | (c >> 6 & 63));
	to[3] = (char)(0x80 | (c & 63));
	return 4;
}

START_TEST(bytes_are_seen_or_escaped)
{
	char text[4] = "x?y", wanted[16];

	for (int byte = 1; byte < 256; byte++) {
		bool is_plain = byte >= ' ' && byte < 0x7f;

		text[1] = (char)byte;
		snprintf(wanted, sizeof(wanted), is_plain ? "x%cy" : "x\\x%02xy", byte);
		ck_assert_str_eq(copied(text), wanted);
	}
}
END_TEST

START_TEST(characters_are_seen_or_escaped)
{
	/* First and last of each range that is not shown. */
	static const uint32_t hidden[] = {
		0x80,	0x85,	0x9b,	0x9f,	0x61c,	0x180e, 0x200b, 0x200e,	 0x200f,  0x2028,
		0x2029, 0x202a, 0x202e, 0x2060, 0x2066, 0x2069, 0xfeff, 0xe0001, 0xe007f,
	};
	static const uint32_t seen[] = {
		0xa0,	0xe4,	0x7ff,	0x800,	0x200a, 0x2010,	 0x2027,  0x202f,   0x205f,
		0x2070, 0x20ac, 0xd7ff, 0xe000, 0xfffd, 0x10000, 0x1f600, 0x10ffff,
	};
	char text[8], wanted[16];

	for (size_t i = 0; i < sizeof(hidden) / sizeof(*hidden); i++) {
		text[encode(hidden[i], text)] = '\0';
		snprintf(wanted, sizeof(wanted), hidden[i] > 0xffff ? "\\U%08x" : "\\u%04x",
			 hidden[i]);
		ck_assert_str_eq(copied(text), wanted);
	}
	for (size_t i = 0; i < sizeof(seen) / sizeof(*seen); i++) {
		text[encode(seen[i], text)] = '\0';
		ck_assert_str_eq(copied(text), text);
	}
}
END_TEST

START_TEST(what_is_no_utf8_is_escaped)
{
	static const char *const cases[][2] = {
		{ "", "" },
		{ "a\\x1b \\ \"", "a\\x1b \\ \"" },
		{ "\x1b]0;owned\x07\x1b[2J\redgetap: all is well\n",
		  "\\x1b]0;owned\\x07\\x1b[2J\\x0dedgetap: all is well\\x0a" },
		{ "\xc3", "\\xc3" },
		{ "\xc3(", "\\xc3(" },
		{ "\xe2\x82", "\\xe2\\x82" },
		{ "\xe2\x82\xac", "\xe2\x82\xac" },
		{ "\xf0\x9f\x98", "\\xf0\\x9f\\x98" },
		{ "\xc0\x9b", "\\xc0\\x9b" },			/* overlong */
		{ "\xe0\x80\x9b", "\\xe0\\x80\\x9b" },		/* overlong */
		{ "\xed\xa0\x80", "\\xed\\xa0\\x80" },		/* a surrogate */
		{ "\xf4\x90\x80\x80", "\\xf4\\x90\\x80\\x80" }, /* above all */
		{ "\x9b[2J", "\\x9b[2J" },
		{ "\xc2\x9b[2J", "\\u009b[2J" },
	};
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_str_eq(copied(cases[i][0]), cases[i][1]);
	printable__write(out, "a\0b\n\xc3", 5);
	printable__print(out, "\x1b");
	fclose(out);
	ck_assert_str_eq(text, "a\\x00b\\x0a\\xc3\\x1b");
	free(text);
}
END_TEST

/* In every room: no part of a character or of an escape, and dots only where something is missing. */
START_TEST(cuts_are_between_characters)
{
	static const char *const texts[] = {
		"abcdefgh",
		"\xc3\xa4\xe2\x82\xac\xf0\x9f\x98\x80z",
		"\x1b\x07\xc2\x9b",
		"a\xe2\x80\xaez\xf3\xa0\x80\x81",
		"\xf0\x9f\x98",
		"abc",
		"abcd",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		char *whole = strdup(copied(texts[i]));
		size_t full = strlen(whole);

		for (size_t room = 4; room <= full + 2; room++) {
			char *to = malloc(room);
			size_t length = printable__copy(to, room, texts[i]);

			ck_assert_uint_eq(length, strlen(to));
			ck_assert(utf8__valid(to));
			if (room > full) {
				ck_assert_str_eq(to, whole);
			} else {
				ck_assert_uint_ge(length, 3);
				ck_assert_str_eq(to + length - 3, "...");
				ck_assert_int_eq(strncmp(to, whole, length - 3), 0);
				/* what is shown is what the text begins with, whole */
				ck_assert(length == 3 || length + 10 > room - 1);
				ck_assert(length == 3 || to[length - 4] != '\\');
			}
			free(to);
		}
		free(whole);
	}
}
END_TEST

START_TEST(what_is_clean_stays_so)
{
	uint32_t seed = 2463534242;
	char text[64], once[512];
	int controls = 0;

	for (int round = 0; round < 2000; round++) {
		for (size_t i = 0; i < sizeof(text); i++) {
			seed = seed * 1664525 + 1013904223;
			text[i] = (char)(seed >> 24);
		}
		text[seed >> 8 & 63] = '\0';
		text[sizeof(text) - 1] = '\0';
		strcpy(once, copied(text));
		ck_assert(utf8__valid(once));
		for (const unsigned char *p = (unsigned char *)once; *p; p++)
			controls += *p < ' ' || *p == 0x7f;
		ck_assert_str_eq(copied(once), once);
	}
	ck_assert_int_eq(controls, 0);
}
END_TEST

START_TEST(a_brief_one_has_a_buffer)
{
	ck_assert_str_eq(PRINTABLE("a\tb"), "a\\x09b");
	ck_assert_str_eq(PRINTABLE("012345678901234567890123456789012345678901234567890123"),
			 "012345678901234567890123456789012345678901234567...");
}
END_TEST

Suite *printable_suite(void)
{
	Suite *suite = suite_create("printable");
	TCase *tc = tcase_create("printable");

	tcase_add_test(tc, bytes_are_seen_or_escaped);
	tcase_add_test(tc, characters_are_seen_or_escaped);
	tcase_add_test(tc, what_is_no_utf8_is_escaped);
	tcase_add_test(tc, cuts_are_between_characters);
	tcase_add_test(tc, what_is_clean_stays_so);
	tcase_add_test(tc, a_brief_one_has_a_buffer);
	suite_add_tcase(suite, tc);
	return suite;
}
