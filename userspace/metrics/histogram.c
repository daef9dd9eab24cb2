/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/histogram.h"

#include <string.h>

void histogram__clear(struct histogram *histogram)
{
	memset(histogram, 0, sizeof(*histogram));
}

void histogram__add(struct histogram *histogram, const struct row *row, uint32_t cells)
{
	uint64_t read[GRID_MAX_CELLS], count = 0;

	memcpy(read, row->cell, cells * sizeof(read[0]));
	for (uint32_t i = 0; i < cells; i++) {
		histogram->cell[i] += read[i];
		count += read[i];
	}
	histogram->count += count;
	histogram->sum_ns += row->sum_ns;
}

void histogram__classic(const struct histogram *histogram, const struct grid_layout *layout,
			uint64_t ret_cumulative[GRID_MAX_CLASSIC + 1])
{
	uint64_t sum = 0;
	uint32_t cell = 0;

	for (uint32_t n = 0; n <= layout->classic_count; n++) {
		for (; cell < layout->classic_end[n]; cell++)
			sum += histogram->cell[cell];
		ret_cumulative[n] = sum;
	}
}

void histogram__native(const struct histogram *histogram, const struct grid_layout *layout,
		       struct native_histogram *ret_native)
{
	struct native_span *span = NULL;
	uint64_t before = 0;
	int next = 0; /* index after the last bucket written */
	uint32_t cell = 0;

	ret_native->zero_count = 0;
	ret_native->span_count = 0;
	ret_native->delta_count = 0;

	for (int n = 0; n < NATIVE_BUCKETS; n++) {
		uint64_t count = 0;
		int gap;

		for (; cell < layout->native_end[n]; cell++)
			count += histogram->cell[cell];
		if (n == 0) {
			ret_native->zero_count = count;
			continue;
		}
		if (!count)
			continue;

		gap = NATIVE_INDEX(n) - next;
		if (!span || gap > NATIVE_GAP) {
			span = &ret_native->span[ret_native->span_count++];
			span->offset = gap;
			span->length = 0;
			gap = 0;
		}
		for (; gap > 0; gap--) {
			ret_native->delta[ret_native->delta_count++] = -(int64_t)before;
			before = 0;
			span->length++;
		}
		ret_native->delta[ret_native->delta_count++] = (int64_t)(count - before);
		before = count;
		span->length++;
		next = NATIVE_INDEX(n) + 1;
	}
}
