/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * The one grid that every histogram uses: ascending integer nanoseconds, each
 * the upper, inclusive bound of its cell. It is the sorted union of the native
 * histogram bounds (schema 3: 2^(k/8) seconds from the zero threshold 2^-20 s
 * to 2^16 s) and the configured classic `le` bounds, so that both views of a
 * row are sums of the same cells. Cell i counts bound[i-1] < v <= bound[i];
 * cell 0 starts at 0; the cell after the last bound takes everything above.
 */
#ifndef EDGETAP_GRID_H
#define EDGETAP_GRID_H

#include "types.h"

#define GRID_SCHEMA 3
#define GRID_ZERO_EXPONENT (-20) /* zero threshold: 2^-20 s */
#define GRID_TOP_EXPONENT 16	 /* last native bound: 2^16 s */
#define GRID_NATIVE_BOUNDS ((GRID_TOP_EXPONENT - GRID_ZERO_EXPONENT) * 8 + 1)
#define GRID_MAX_CLASSIC 21
#define GRID_MAX_BOUNDS (GRID_NATIVE_BOUNDS + GRID_MAX_CLASSIC)
#define GRID_MAX_CELLS (GRID_MAX_BOUNDS + 1)

/*
 * First guess of a value's cell, by its most significant bit and the three bits
 * below it; the right cell is at most GRID_MAX_STEPS further.
 */
#define GRID_HINT_SUBBITS 3
#define GRID_HINTS (64 << GRID_HINT_SUBBITS)
#define GRID_MAX_STEPS (GRID_MAX_CLASSIC + 4)

struct grid {
	__u32 bounds; /* number of bounds in use; cells are one more */
	__u32 pad;
	__u64 bound_ns[GRID_MAX_BOUNDS];
	__u16 hint[GRID_HINTS];
};

_Static_assert(GRID_NATIVE_BOUNDS == 289, "schema 3 from 2^-20 to 2^16");
_Static_assert(GRID_MAX_CELLS == 311, "rows are sized by this");

#endif
