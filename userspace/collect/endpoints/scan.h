/* SPDX-License-Identifier: Apache-2.0 */
/* The words of which both text formats are made. Pure. */
#ifndef EDGETAP_COLLECT_ENDPOINTS_SCAN_H
#define EDGETAP_COLLECT_ENDPOINTS_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *data;
	size_t length;
};

static inline bool slice__is(struct slice slice, const char *text)
{
	return slice.length == strlen(text) && memcmp(slice.data, text, slice.length) == 0;
}

static inline bool slice__ends(struct slice slice, const char *suffix)
{
	size_t length = strlen(suffix);

	return slice.length >= length &&
	       memcmp(slice.data + slice.length - length, suffix, length) == 0;
}

/* Reads [a-zA-Z_:][a-zA-Z0-9_:]*, without the colon for a label's name. Returns false for none. */
bool scan__metric_name(const char **at, const char *end, struct slice *ret_name);
bool scan__label_name(const char **at, const char *end, struct slice *ret_name);

/*
 * Reads "..." and gives what is between, escapes as they stand: UTF-8 without a
 * line feed. Returns NULL, or what is wrong (static).
 */
const char *scan__quoted(const char **at, const char *end, struct slice *ret_text);

/* Whether every backslash in a text begins one of the escapes that `known` lists. */
bool scan__escapes_known(struct slice text, const char *known);

/*
 * Whether Go's strconv.ParseFloat takes it, hex and underscores aside, which
 * Prometheus refuses: digits with a point and an exponent, signs, inf and infinity with
 * a sign, nan without, in any case; nothing that no double can hold.
 */
bool scan__is_number(struct slice text, double *ret_value);

#endif
