/* SPDX-License-Identifier: Apache-2.0 */
/* Label values must be UTF-8; names of files and processes need not be. */
#ifndef EDGETAP_BASE_UTF8_H
#define EDGETAP_BASE_UTF8_H

#include <stdbool.h>
#include <stddef.h>

/* Largest growth of a string by utf8__repair: one bad byte becomes three. */
#define UTF8_REPAIR_GROWTH 3

/* Whether a string is well-formed UTF-8 (Unicode 15, table 3-7). */
bool utf8__valid(const char *text);

/* The same of bytes, among which NUL is a character like another. */
bool utf8__valid_bytes(const char *bytes, size_t length);

/*
 * Looks at the first character of length bytes, of which there is one at least.
 * Returns its length if it is well-formed, otherwise minus the length of the
 * longest part that could have begun one.
 */
int utf8__character(const char *bytes, size_t length);

/*
 * Copies text with every ill-formed part replaced by U+FFFD, one for each
 * maximal subpart. ret_text has room for UTF8_REPAIR_GROWTH * strlen + 1
 * bytes. Returns the length written, without the NUL.
 */
size_t utf8__repair(char *ret_text, const char *text);

#endif
