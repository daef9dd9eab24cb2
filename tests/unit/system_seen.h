/* SPDX-License-Identifier: Apache-2.0 */
/* Readings of one owner, asked for by kind and labels. */
#ifndef EDGETAP_TESTS_SYSTEM_SEEN_H
#define EDGETAP_TESTS_SYSTEM_SEEN_H

#include <check.h>
#include <stdbool.h>
#include <string.h>

#include "metrics/readings.h"

#define SEEN_NONE UINT64_MAX

/* The value with these labels (NULL: ""), or SEEN_NONE. More than one is a failure. */
static inline uint64_t seen__value(struct readings *readings, enum reading_kind kind,
				   const char *first, const char *second)
{
	const struct reading *reading = NULL;
	size_t count = readings__of(readings, kind, &reading), found = 0;
	uint64_t value = SEEN_NONE;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(reading[i].label[0], first ? first : "") != 0 ||
		    strcmp(reading[i].label[1], second ? second : "") != 0)
			continue;
		value = reading[i].value;
		found++;
	}
	ck_assert_uint_le(found, 1);
	return value;
}

static inline size_t seen__count(struct readings *readings, enum reading_kind kind)
{
	const struct reading *reading;

	return readings__of(readings, kind, &reading);
}

/* All of any kind. */
static inline size_t seen__all(struct readings *readings)
{
	size_t count = 0;

	for (int kind = 0; kind < READING_KINDS; kind++)
		count += seen__count(readings, (enum reading_kind)kind);
	return count;
}

static inline int64_t seen__owner(struct readings *readings)
{
	static const struct model_labels labels = { { "app", "", "instance", "", "" } };

	return readings__owner(readings, &labels);
}

#endif
