/* SPDX-License-Identifier: Apache-2.0 */
/* One histogram at the moment of a scrape: rows of the same series, summed, then read as buckets. */
#ifndef EDGETAP_METRICS_HISTOGRAM_H
#define EDGETAP_METRICS_HISTOGRAM_H

#include <stdint.h>

#include "metrics/grid.h"
#include "row.h"

struct histogram {
	uint64_t count; /* always the sum of the cells */
	uint64_t sum_ns;
	uint64_t cell[GRID_MAX_CELLS];
};

/* Gaps this short are filled with empty buckets: cheaper than a new span. */
#define NATIVE_GAP 2
#define NATIVE_MAX_SPANS (NATIVE_BUCKETS / (NATIVE_GAP + 2) + 1)

struct native_span {
	int32_t offset; /* of the first: bucket index; of others: gap to the one before */
	uint32_t length;
};

/* A native histogram as protobuf carries it. */
struct native_histogram {
	uint64_t zero_count;
	uint32_t span_count;
	uint32_t delta_count;
	struct native_span span[NATIVE_MAX_SPANS];
	int64_t delta[NATIVE_BUCKETS];
};

/* Empties a histogram, so that rows can be added to it. */
void histogram__clear(struct histogram *histogram);

/*
 * Adds a row that may be growing meanwhile: each cell is read once, and the
 * count is made from what was read.
 */
void histogram__add(struct histogram *histogram, const struct row *row, uint32_t cells);

/* Counts at or below each classic bound; the last, +Inf, equals the count. */
void histogram__classic(const struct histogram *histogram, const struct grid_layout *layout,
			uint64_t ret_cumulative[GRID_MAX_CLASSIC + 1]);

/* Zero bucket, spans and deltas of schema GRID_SCHEMA. */
void histogram__native(const struct histogram *histogram, const struct grid_layout *layout,
		       struct native_histogram *ret_native);

#endif
