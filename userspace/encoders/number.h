/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers as text, from integers only: exact, without locale, without floating
 * point. A fact in ns becomes seconds by a scale of 9 decimal places.
 */
#ifndef EDGETAP_ENCODERS_NUMBER_H
#define EDGETAP_ENCODERS_NUMBER_H

#include <stdbool.h>
#include <stdint.h>

/* Room that any of these needs at most. */
#define NUMBER_BYTES 40
#define NUMBER_MAX_SCALE 18

/* Decimal digits of value; returns the end. */
char *number__integer(char *out, uint64_t value);

/* value / 10^scale in full, without trailing zeros: 1500000000 at 9 is "1.5". Returns the end. */
char *number__decimal(char *out, uint64_t value, unsigned int scale);

/*
 * value / 10^scale in the canonical form of `le` labels, which all sources of
 * a series must spell the same: "0.005", "1", "1e-05", "2.5e+06". With point,
 * as OpenMetrics 1.0 asks ("Canonical Numbers"), "1.0". Returns the end.
 */
char *number__bound(char *out, uint64_t value, unsigned int scale, bool point);

/* value / 10^scale as the nearest double. */
double number__double(uint64_t value, unsigned int scale);

#endif
