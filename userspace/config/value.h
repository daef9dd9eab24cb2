/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Texts to values, strictly: the whole text must fit. All functions return 0,
 * -EINVAL for another syntax or -ERANGE for a value out of range, and write
 * their result only on success.
 */
#ifndef EDGETAP_CONFIG_VALUE_H
#define EDGETAP_CONFIG_VALUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Whole numbers with the units d, h, m, s and ms, each at most once, from large
 * to small: 90s, 1h30m, 500ms. A unit is required, except for 0.
 */
int value__duration(const char *text, uint64_t *ret_ns);

/* The shortest text that value__duration reads as ns (a multiple of 1 ms). */
void value__format_duration(uint64_t ns, char *buffer, size_t size);

/*
 * Decimal seconds, at most nine digits after the point, to integer nanoseconds
 * with no floating point between. At most 10 digits before the point.
 */
int value__seconds(const char *text, uint64_t *ret_ns);

/* The shortest text that value__seconds reads as ns. */
void value__format_seconds(uint64_t ns, char *buffer, size_t size);

/* Decimal digits only, from min to max. */
int value__u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret_value);

/*
 * Bytes: a whole number, perhaps with one of the units KiB, MiB and GiB (or Ki, Mi, Gi, as
 * Kubernetes has them), from min to max.
 */
int value__bytes(const char *text, uint64_t min, uint64_t max, uint64_t *ret_bytes);

/* The shortest text that value__bytes reads as bytes. */
void value__format_bytes(uint64_t bytes, char *buffer, size_t size);

/* true or false, nothing else. */
int value__bool(const char *text, bool *ret_value);

/* Whether it neither begins nor ends with a blank. */
bool value__has_no_blank_ends(const char *text);

/*
 * The absolute path that a path stands for, which begins in directory (absolute) unless it is
 * absolute itself. Without control characters and blanks at its ends. -ENOENT: it is relative,
 * and directory is NULL; -ENAMETOOLONG: the result does not fit.
 */
int value__path(const char *text, const char *directory, char *ret_path, size_t size);

/* Something a label can show: valid UTF-8 (RFC 3629) of at most 128 bytes, no control characters. */
bool value__is_label(const char *text);

#endif
