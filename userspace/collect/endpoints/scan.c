// SPDX-License-Identifier: Apache-2.0
#include "collect/endpoints/scan.h"

#include <math.h>
#include <stdlib.h>
#include <strings.h>

#include "base/utf8.h"

/* A double with all digits that it has in decimal, and more zeros than any needs. */
#define NUMBER_MAX_BYTES 1100

static bool is_letter(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool scan_name(const char **at, const char *end, bool colon, struct slice *ret_name)
{
	const char *p = *at;

	if (p == end || !(is_letter(*p) || (colon && *p == ':')))
		return false;
	while (p < end && (is_letter(*p) || is_digit(*p) || (colon && *p == ':')))
		p++;
	*ret_name = (struct slice){ *at, (size_t)(p - *at) };
	*at = p;
	return true;
}

bool scan__metric_name(const char **at, const char *end, struct slice *ret_name)
{
	return scan_name(at, end, true, ret_name);
}

bool scan__label_name(const char **at, const char *end, struct slice *ret_name)
{
	return scan_name(at, end, false, ret_name);
}

const char *scan__quoted(const char **at, const char *end, struct slice *ret_text)
{
	const char *p = *at, *start;

	if (p == end || *p != '"')
		return "a value in quotes is expected";
	start = ++p;
	while (p < end && *p != '"' && *p != '\n')
		p += *p == '\\' && p + 1 < end && p[1] != '\n' ? 2 : 1;
	if (p >= end || *p != '"')
		return "a value in quotes does not end";
	if (!utf8__valid_bytes(start, (size_t)(p - start)))
		return "a label's value is no UTF-8";
	*ret_text = (struct slice){ start, (size_t)(p - start) };
	*at = p + 1;
	return NULL;
}

bool scan__escapes_known(struct slice text, const char *known)
{
	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] != '\\')
			continue;
		if (++i == text.length || !text.data[i] || !strchr(known, text.data[i]))
			return false;
	}
	return true;
}

static bool is_special(struct slice text, double *ret_value)
{
	bool has_sign = text.length && (text.data[0] == '+' || text.data[0] == '-');
	bool is_negative = has_sign && text.data[0] == '-';
	const char *word = text.data + has_sign;
	size_t length = text.length - has_sign;

	if (!has_sign && length == 3 && strncasecmp(word, "nan", 3) == 0) {
		*ret_value = NAN;
		return true;
	}
	if ((length == 3 && strncasecmp(word, "inf", 3) == 0) ||
	    (length == 8 && strncasecmp(word, "infinity", 8) == 0)) {
		*ret_value = is_negative ? -INFINITY : INFINITY;
		return true;
	}
	return false;
}

/* Skips digits; returns whether there were any. */
static bool skip_digits(const char **p, const char *end)
{
	const char *start = *p;

	while (*p < end && is_digit(**p))
		(*p)++;
	return *p > start;
}

static bool is_decimal(struct slice text)
{
	const char *p = text.data, *end = p + text.length;
	bool digits;

	if (p < end && (*p == '+' || *p == '-'))
		p++;
	digits = skip_digits(&p, end);
	if (p < end && *p == '.') {
		p++;
		digits |= skip_digits(&p, end);
	}
	if (!digits)
		return false;
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		if (!skip_digits(&p, end))
			return false;
	}
	return p == end;
}

bool scan__is_number(struct slice text, double *ret_value)
{
	char copy[NUMBER_MAX_BYTES];
	double value;

	if (is_special(text, ret_value))
		return true;
	if (text.length >= sizeof(copy) || !is_decimal(text))
		return false;
	memcpy(copy, text.data, text.length);
	copy[text.length] = '\0';
	value = strtod(copy, NULL); /* nothing sets a locale */
	if (isinf(value))
		return false;
	*ret_value = value;
	return true;
}
