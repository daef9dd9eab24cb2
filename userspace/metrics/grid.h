/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Making the grid of include/grid.h from configured bounds, and reading it
 * back as the two kinds of buckets that are served: classic ones at the
 * configured bounds, and native ones of schema 3. Both are unions of whole
 * cells, so both are exact.
 */
#ifndef EDGETAP_METRICS_GRID_H
#define EDGETAP_METRICS_GRID_H

#include <stddef.h>
#include <stdint.h>

#include <grid.h> /* angle brackets: include/grid.h, not this file */

/*
 * Native buckets in ascending order: the zero bucket, schema-3 buckets from
 * just above the zero threshold to 2^16 s, and one for everything above.
 */
#define NATIVE_BUCKETS (GRID_NATIVE_BOUNDS + 1)
#define NATIVE_INDEX(n) ((n) + GRID_ZERO_EXPONENT * 8) /* schema-3 index of the nth, n > 0 */

struct grid_layout {
	uint32_t cells;
	uint32_t classic_count;
	uint64_t classic_ns[GRID_MAX_CLASSIC];
	/* Bucket n is the cells from end[n - 1] (0 for the first) to below end[n]; the last is
	 * +Inf. */
	uint16_t classic_end[GRID_MAX_CLASSIC + 1];
	uint16_t native_end[NATIVE_BUCKETS];
};

/*
 * Fills a grid for classic bounds in ns, strictly ascending, none zero.
 * Returns 0; -EINVAL if they are not that; -E2BIG if they are too many, or so
 * dense that a look-up would take more than GRID_MAX_STEPS.
 */
int grid__build(struct grid *ret_grid, const uint64_t *classic_ns, size_t classic_count);

/*
 * How the cells of a grid make up buckets. Returns 0, or -EINVAL if a classic
 * bound is none of the grid's or they are not ascending, or -E2BIG.
 */
int grid_layout__build(struct grid_layout *ret_layout, const struct grid *grid,
		       const uint64_t *classic_ns, size_t classic_count);

#endif
