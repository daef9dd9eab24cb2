/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <string.h>

/*
 * Looks at one character. Returns its length if it is well-formed; otherwise
 * minus the length of the longest part that could have begun one, at least 1.
 */
static int character(const unsigned char *p)
{
	unsigned char low = 0x80, high = 0xbf;
	int length;

	if (p[0] < 0x80)
		return 1;
	if (p[0] >= 0xc2 && p[0] <= 0xdf) {
		length = 2;
	} else if (p[0] >= 0xe0 && p[0] <= 0xef) {
		length = 3;
		if (p[0] == 0xe0)
			low = 0xa0; /* overlong */
		else if (p[0] == 0xed)
			high = 0x9f; /* surrogates */
	} else if (p[0] >= 0xf0 && p[0] <= 0xf4) {
		length = 4;
		if (p[0] == 0xf0)
			low = 0x90; /* overlong */
		else if (p[0] == 0xf4)
			high = 0x8f; /* above U+10FFFF */
	} else {
		return -1;
	}
	for (int i = 1; i < length; i++) {
		if (p[i] < low || p[i] > high)
			return -i;
		low = 0x80;
		high = 0xbf;
	}
	return length;
}

bool utf8__valid(const char *text)
{
	const unsigned char *p = (const unsigned char *)text;

	while (*p) {
		int length = character(p);

		if (length < 0)
			return false;
		p += length;
	}
	return true;
}

int utf8__character(const char *bytes, size_t length)
{
	unsigned char last[4] = { 0 };

	if (length >= sizeof(last))
		return character((const unsigned char *)bytes);
	/* NUL continues no character, so what lies behind the end is none of this one. */
	memcpy(last, bytes, length);
	return character(last);
}

bool utf8__valid_bytes(const char *bytes, size_t length)
{
	for (size_t at = 0; at < length;) {
		int step = utf8__character(bytes + at, length - at);

		if (step < 0)
			return false;
		at += (size_t)step;
	}
	return true;
}

size_t utf8__repair(char *ret_text, const char *text)
{
	const unsigned char *p = (const unsigned char *)text;
	char *out = ret_text;

	while (*p) {
		int length = character(p);

		if (length > 0) {
			memcpy(out, p, (size_t)length);
			out += length;
			p += length;
		} else {
			memcpy(out, "\xef\xbf\xbd", 3);
			out += 3;
			p -= length;
		}
	}
	*out = '\0';
	return (size_t)(out - ret_text);
}
