/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one endpoint exposed in one scrape, checked and made canonical: families
 * with their lines in the text format, ready to be put on a page.
 */
#ifndef EDGETAP_COLLECT_ENDPOINTS_EXPOSED_H
#define EDGETAP_COLLECT_ENDPOINTS_EXPOSED_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Types of the text format 0.0.4; what OpenMetrics has beyond these is told by one of them. */
enum exposed_type {
	EXPOSED_UNDECLARED, /* no TYPE was given */
	EXPOSED_UNTYPED,
	EXPOSED_COUNTER,
	EXPOSED_GAUGE,
	EXPOSED_HISTOGRAM,
	EXPOSED_SUMMARY,
};

/* Offsets are of text. */
struct exposed_family {
	uint32_t name, name_length;
	uint32_t help, help_length; /* escaped as the format wants it */
	uint32_t lines, lines_length;
	uint32_t samples;
	uint8_t type; /* enum exposed_type */
};

/*
 * Each line is `name{label="value",...} number[ timestamp]\n`, or without the
 * braces where there is no label: labels in the order of their names, escaped,
 * none of them empty, none of those that are overwritten; number as it was
 * written; timestamp in ms. A series is there once.
 */
struct exposed {
	_Atomic uint32_t references;
	size_t bytes; /* of memory, this included */
	struct exposed_family *family;
	uint32_t family_count;
	uint32_t samples;
	uint32_t reserved;   /* samples left out: names that are edgetap's own */
	uint32_t coincident; /* samples left out: only an overwritten label told them apart */
	char *text;
};

static inline struct exposed *exposed__ref(struct exposed *exposed)
{
	atomic_fetch_add(&exposed->references, 1);
	return exposed;
}

/* NULL is allowed. */
void exposed__unref(struct exposed *exposed);

/* What a type is called in a TYPE line. Static. */
const char *exposed__type_name(enum exposed_type type);

#endif
