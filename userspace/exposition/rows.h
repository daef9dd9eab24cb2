/* SPDX-License-Identifier: Apache-2.0 */
/* How the rows of the tables are written. */
#ifndef EDGETAP_EXPOSITION_ROWS_H
#define EDGETAP_EXPOSITION_ROWS_H

#include "exposition/view.h"

#define BIT(n) (1U << (n))
#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))
#define PARTS(array) .part = (array), .part_count = LENGTH(array)

#define COUNTER(name_, unit_, help_)                                                               \
	.head = { .name = (name_), .help = (help_), .unit = (unit_), .type = METRIC_COUNTER }
#define GAUGE(name_, unit_, help_)                                                                 \
	.head = { .name = (name_), .help = (help_), .unit = (unit_), .type = METRIC_GAUGE }
/* Times are ns inside and seconds outside. */
#define TIMES_OF(fact_, name_, help_)                                                              \
	.head = { .name = (name_),                                                                 \
		  .help = (help_),                                                                 \
		  .unit = "seconds",                                                               \
		  .type = METRIC_HISTOGRAM,                                                        \
		  .scale = 9 },                                                                    \
	.fact = (fact_)
#define TIMES(name_, help_) TIMES_OF(FACT_HISTOGRAM, name_, help_)

/* A counter of one kernel count. */
#define COUNT(count_, roles_, name_, unit_, help_)                                                 \
	{                                                                                          \
		COUNTER(name_, unit_, help_),                                                      \
			.fact = FACT_COUNTS, .roles = (roles_),                                    \
			.part = &(const struct family_part){ .field = (count_) }, .part_count = 1  \
	}

/* A reading as it is, in the unit that scale makes of the kind's. */
#define READ(reading_, type_, name_, unit_, scale_, help_, ...)                                    \
	{                                                                                          \
		.head = { .name = (name_),                                                         \
			  .help = (help_),                                                         \
			  .unit = (unit_),                                                         \
			  .type = METRIC_##type_,                                                  \
			  .scale = (scale_) },                                                     \
		.fact = FACT_READING, .reading = READING_##reading_, __VA_ARGS__                   \
	}

#endif
