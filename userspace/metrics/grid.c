/* SPDX-License-Identifier: Apache-2.0 */
#include "metrics/grid.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

#define NS_PER_S 1000000000ULL

/* The largest integer of ns that is not above 2^(k/8) s. */
static uint64_t native_bound_ns(int k)
{
	int e = k / 8;

	/* Whole powers of two must not depend on how a library rounds. */
	if (k % 8 == 0)
		return e >= 0 ? NS_PER_S << e : NS_PER_S >> -e;
	/*
	 * The others are irrational. They have at most 46 bits before the
	 * point, which leaves 18 after it: the unit test shows with integers
	 * that none is so close to a whole number that this could round wrong.
	 */
	return (uint64_t)floorl((long double)NS_PER_S * exp2l((long double)k / 8));
}

static bool ascending(const uint64_t *classic_ns, size_t count)
{
	uint64_t last = 0;

	for (size_t i = 0; i < count; i++) {
		if (classic_ns[i] <= last)
			return false;
		last = classic_ns[i];
	}
	return true;
}

/* By bisection; only for making and checking the hints. */
static uint32_t first_bound_not_below(const struct grid *grid, uint64_t value_ns)
{
	uint32_t low = 0, high = grid->bounds;

	while (low < high) {
		uint32_t middle = (low + high) / 2;

		if (grid->bound_ns[middle] < value_ns)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int fill_hints(struct grid *grid)
{
	for (unsigned int h = 0; h < GRID_HINTS; h++) {
		unsigned int msb = h >> GRID_HINT_SUBBITS;
		uint64_t prefix = (1 << GRID_HINT_SUBBITS) | (h & ((1 << GRID_HINT_SUBBITS) - 1));
		uint64_t low, high;
		uint32_t cell;

		/* Prefixes longer than the number: one value each, some of them none. */
		if (msb < GRID_HINT_SUBBITS) {
			low = prefix >> (GRID_HINT_SUBBITS - msb);
			high = low;
		} else {
			low = prefix << (msb - GRID_HINT_SUBBITS);
			high = low + ((1ULL << (msb - GRID_HINT_SUBBITS)) - 1);
		}
		cell = first_bound_not_below(grid, low);
		if (first_bound_not_below(grid, high) - cell > GRID_MAX_STEPS)
			return -E2BIG;
		grid->hint[h] = (uint16_t)cell;
	}
	return 0;
}

int grid__build(struct grid *ret_grid, const uint64_t *classic_ns, size_t classic_count)
{
	struct grid grid = {};
	size_t c = 0;
	int k = 0, err;

	if (classic_count > GRID_MAX_CLASSIC)
		return -E2BIG;
	if (!ascending(classic_ns, classic_count))
		return -EINVAL;

	while (k < GRID_NATIVE_BOUNDS || c < classic_count) {
		uint64_t native = k < GRID_NATIVE_BOUNDS
					  ? native_bound_ns(k + GRID_ZERO_EXPONENT * 8)
					  : UINT64_MAX;
		uint64_t classic = c < classic_count ? classic_ns[c] : UINT64_MAX;

		if (k < GRID_NATIVE_BOUNDS && native <= classic) {
			grid.bound_ns[grid.bounds++] = native;
			k++;
			c += native == classic;
		} else {
			grid.bound_ns[grid.bounds++] = classic;
			c++;
		}
	}
	err = fill_hints(&grid);
	if (err)
		return err;
	*ret_grid = grid;
	return 0;
}

int grid_layout__build(struct grid_layout *ret_layout, const struct grid *grid,
		       const uint64_t *classic_ns, size_t classic_count)
{
	struct grid_layout layout = { .cells = grid->bounds + 1 };

	if (classic_count > GRID_MAX_CLASSIC)
		return -E2BIG;
	if (!ascending(classic_ns, classic_count))
		return -EINVAL;

	layout.classic_count = (uint32_t)classic_count;
	for (size_t i = 0; i < classic_count; i++) {
		uint32_t cell = first_bound_not_below(grid, classic_ns[i]);

		if (cell >= grid->bounds || grid->bound_ns[cell] != classic_ns[i])
			return -EINVAL;
		layout.classic_ns[i] = classic_ns[i];
		layout.classic_end[i] = (uint16_t)(cell + 1);
	}
	layout.classic_end[classic_count] = (uint16_t)layout.cells;

	for (int n = 0; n < GRID_NATIVE_BOUNDS; n++) {
		uint64_t bound = native_bound_ns(NATIVE_INDEX(n));
		uint32_t cell = first_bound_not_below(grid, bound);

		if (cell >= grid->bounds || grid->bound_ns[cell] != bound)
			return -EINVAL;
		layout.native_end[n] = (uint16_t)(cell + 1);
	}
	layout.native_end[NATIVE_BUCKETS - 1] = (uint16_t)layout.cells;

	*ret_layout = layout;
	return 0;
}
