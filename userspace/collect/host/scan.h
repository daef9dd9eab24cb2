/* SPDX-License-Identifier: Apache-2.0 */
/* Numbers and words in the texts that the kernel writes. Pure; texts end with NUL. */
#ifndef EDGETAP_COLLECT_HOST_SCAN_H
#define EDGETAP_COLLECT_HOST_SCAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The start of the next line; at the end of the text, its end. */
const char *scan__next_line(const char *at);

/*
 * The decimal number that follows, after blanks; *at moves behind it. False, and
 * nothing changes, if there is none, or it is more than 64 bits hold.
 */
bool scan__number(const char **at, uint64_t *ret_number);

/*
 * The word that follows on this line, after blanks, up to the next blank or one of
 * `ends`; *at moves behind it. False if there is none, or it does not fit.
 */
bool scan__word(const char **at, const char *ends, char *ret_word, size_t size);

/* Moves *at behind `text` if that comes next. */
bool scan__skip(const char **at, const char *text);

/* a * b / divisor without overflow on the way; UINT64_MAX if the result is larger. */
uint64_t scan__scaled(uint64_t a, uint64_t b, uint64_t divisor);

#endif
