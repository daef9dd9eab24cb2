// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <errno.h>
#include <string.h>

#include "metrics/histogram.h"
#include "sample.h"

Suite *grid_suite(void);

/* Just enough of big integers to know the bounds without floating point. */
#define LIMBS 24

struct big {
	uint32_t limb[LIMBS];
};

static void big__multiply(struct big *big, uint64_t factor)
{
	struct big low = *big;
	uint64_t carry = 0;

	ck_assert_uint_lt(factor, 1ULL << 63);
	/* factor = high * 2^32 + low part */
	for (int i = 0; i < LIMBS; i++) {
		carry += (uint64_t)low.limb[i] * (uint32_t)factor;
		big->limb[i] = (uint32_t)carry;
		carry >>= 32;
	}
	ck_assert_uint_eq(carry, 0);
	for (int i = 0; i + 1 < LIMBS; i++) {
		carry += (uint64_t)low.limb[i] * (factor >> 32) + big->limb[i + 1];
		big->limb[i + 1] = (uint32_t)carry;
		carry >>= 32;
	}
	ck_assert_uint_eq(carry, 0);
}

static struct big big__power(uint64_t base, int exponent)
{
	struct big big = { .limb = { 1 } };

	while (exponent-- > 0)
		big__multiply(&big, base);
	return big;
}

static int big__compare(const struct big *a, const struct big *b)
{
	for (int i = LIMBS - 1; i >= 0; i--)
		if (a->limb[i] != b->limb[i])
			return a->limb[i] < b->limb[i] ? -1 : 1;
	return 0;
}

/* How ns compares with 2^(k/8) s: ns^8 against 10^72 * 2^k, in integers. */
static int compare_with_native(uint64_t ns, int k)
{
	struct big left = big__power(ns, 8), right = big__power(1000000000, 8);

	for (int rest = k < 0 ? -k : k; rest > 0; rest -= 32)
		big__multiply(k < 0 ? &left : &right, 1ULL << (rest < 32 ? rest : 32));
	return big__compare(&left, &right);
}

START_TEST(native_bounds_are_the_largest_whole_ns_not_above)
{
	struct grid grid;

	ck_assert_int_eq(grid__build(&grid, NULL, 0), 0);
	ck_assert_uint_eq(grid.bounds, GRID_NATIVE_BOUNDS);
	for (int i = 0; i < GRID_NATIVE_BOUNDS; i++) {
		int k = i + GRID_ZERO_EXPONENT * 8;

		ck_assert_msg(compare_with_native(grid.bound_ns[i], k) <= 0, "k = %d", k);
		ck_assert_msg(compare_with_native(grid.bound_ns[i] + 1, k) > 0, "k = %d", k);
	}
	ck_assert_uint_eq(grid.bound_ns[0], 953); /* 2^-20 s is 953.67 ns */
	ck_assert_uint_eq(grid.bound_ns[160], 1000000000);
	ck_assert_uint_eq(grid.bound_ns[288], 65536000000000);
}
END_TEST

/* The definition, cell by cell. */
static uint32_t slow_cell(const struct grid *grid, uint64_t value)
{
	uint32_t cell = 0;

	while (cell < grid->bounds && value > grid->bound_ns[cell])
		cell++;
	return cell;
}

static unsigned int hint_of(uint64_t value)
{
	unsigned int msb = 63 - (unsigned int)__builtin_clzll(value | 1);
	uint64_t aligned = msb >= GRID_HINT_SUBBITS ? value >> (msb - GRID_HINT_SUBBITS)
						    : value << (GRID_HINT_SUBBITS - msb);

	return msb << GRID_HINT_SUBBITS | (aligned & ((1 << GRID_HINT_SUBBITS) - 1));
}

/* By the hints, as bpf/count.h does. */
static uint32_t hinted_cell(const struct grid *grid, uint64_t value_ns)
{
	uint32_t cell = grid->hint[hint_of(value_ns)];

	for (int step = 0; step < GRID_MAX_STEPS; step++) {
		if (cell >= grid->bounds || value_ns <= grid->bound_ns[cell])
			break;
		cell++;
	}
	return cell;
}

static void check_lookup(const struct grid *grid)
{
	uint64_t state = 7;

	for (uint32_t i = 0; i < grid->bounds; i++) {
		if (i)
			ck_assert_uint_gt(grid->bound_ns[i], grid->bound_ns[i - 1]);
		ck_assert_uint_eq(hinted_cell(grid, grid->bound_ns[i]), i);
		ck_assert_uint_eq(hinted_cell(grid, grid->bound_ns[i] + 1), i + 1);
	}
	for (uint64_t v = 0; v < 5000; v++)
		ck_assert_uint_eq(hinted_cell(grid, v), slow_cell(grid, v));
	for (int bit = 0; bit < 64; bit++)
		for (int d = -1; d <= 1; d++)
			ck_assert_uint_eq(hinted_cell(grid, (1ULL << bit) + (uint64_t)d),
					  slow_cell(grid, (1ULL << bit) + (uint64_t)d));
	for (int i = 0; i < 5000; i++) {
		uint64_t v;

		state = state * 6364136223846793005ULL + 1;
		v = state >> (state >> 58);
		ck_assert_uint_eq(hinted_cell(grid, v), slow_cell(grid, v));
	}
	ck_assert_uint_eq(hinted_cell(grid, UINT64_MAX), grid->bounds);
}

START_TEST(every_value_finds_its_cell)
{
	uint64_t dense[GRID_MAX_CLASSIC];
	struct grid grid;

	ck_assert_int_eq(grid__build(&grid, sample_classic_ns, SAMPLE_CLASSIC), 0);
	/* 250 ms, 500 ms and 1 s are native bounds too, and are there once. */
	ck_assert_uint_eq(grid.bounds, GRID_NATIVE_BOUNDS + SAMPLE_CLASSIC - 3);
	check_lookup(&grid);

	/* All bounds behind one hint, below the first native one and above the last. */
	for (uint64_t first = 1; first < 1ULL << 60; first = first * 64 + 1) {
		for (uint64_t i = 0; i < GRID_MAX_CLASSIC; i++)
			dense[i] = first + i;
		ck_assert_int_eq(grid__build(&grid, dense, GRID_MAX_CLASSIC), 0);
		check_lookup(&grid);
	}
}
END_TEST

START_TEST(hints_are_the_cell_of_the_smallest_value)
{
	struct grid grid;

	ck_assert_int_eq(grid__build(&grid, sample_classic_ns, SAMPLE_CLASSIC), 0);
	for (unsigned int h = 3 << GRID_HINT_SUBBITS; h < GRID_HINTS; h++) {
		unsigned int msb = h >> 3;
		uint64_t smallest = (uint64_t)(8 | (h & 7)) << (msb - 3);

		ck_assert_uint_eq(grid.hint[h], slow_cell(&grid, smallest));
	}
}
END_TEST

START_TEST(bad_bounds_are_refused_and_nothing_is_written)
{
	static const uint64_t zero[] = { 0, 5 }, falling[] = { 5, 4 }, twice[] = { 5, 5 };
	static const uint64_t foreign[] = { 123456789 };
	uint64_t many[GRID_MAX_CLASSIC + 1];
	struct grid grid = { .bounds = 77 };
	struct grid_layout layout = { .cells = 77 };

	for (uint64_t i = 0; i <= GRID_MAX_CLASSIC; i++)
		many[i] = i + 1;
	ck_assert_int_eq(grid__build(&grid, zero, 2), -EINVAL);
	ck_assert_int_eq(grid__build(&grid, falling, 2), -EINVAL);
	ck_assert_int_eq(grid__build(&grid, twice, 2), -EINVAL);
	ck_assert_int_eq(grid__build(&grid, many, GRID_MAX_CLASSIC + 1), -E2BIG);
	ck_assert_uint_eq(grid.bounds, 77);

	ck_assert_int_eq(grid__build(&grid, sample_classic_ns, SAMPLE_CLASSIC), 0);
	ck_assert_int_eq(grid_layout__build(&layout, &grid, foreign, 1), -EINVAL);
	ck_assert_int_eq(grid_layout__build(&layout, &grid, many, GRID_MAX_CLASSIC + 1), -E2BIG);
	ck_assert_uint_eq(layout.cells, 77);
}
END_TEST

/* Values of every size and on every bound, counted by cells and straight from the definitions. */
START_TEST(both_kinds_of_buckets_count_the_same_values)
{
	static uint64_t values[4 * GRID_MAX_BOUNDS];
	uint64_t cumulative[GRID_MAX_CLASSIC + 1], native[NATIVE_BUCKETS] = {}, zero = 0, sum = 0;
	struct native_histogram got;
	struct histogram histogram;
	struct grid_layout layout;
	struct grid grid, only_native;
	struct row row = {};
	size_t count = 0;
	int at = 0, index = 0;
	int64_t value = 0;

	ck_assert_int_eq(grid__build(&grid, sample_classic_ns, SAMPLE_CLASSIC), 0);
	ck_assert_int_eq(grid_layout__build(&layout, &grid, sample_classic_ns, SAMPLE_CLASSIC), 0);
	ck_assert_int_eq(grid__build(&only_native, NULL, 0), 0);
	for (uint32_t i = 0; i < grid.bounds; i += 1 + i % 5) {
		values[count++] = grid.bound_ns[i];
		values[count++] = grid.bound_ns[i] + 1;
		values[count++] = 0;
	}
	values[count++] = UINT64_MAX / 1024;
	for (size_t i = 0; i < count; i++) {
		uint32_t n = slow_cell(&only_native, values[i]);

		row.cell[hinted_cell(&grid, values[i])]++;
		row.sum_ns += values[i];
		sum += values[i];
		if (n == 0)
			zero++;
		else
			native[n]++;
	}

	histogram__clear(&histogram);
	histogram__add(&histogram, &row, layout.cells);
	ck_assert_uint_eq(histogram.count, count);
	ck_assert_uint_eq(histogram.sum_ns, sum);

	histogram__classic(&histogram, &layout, cumulative);
	for (int b = 0; b < SAMPLE_CLASSIC; b++) {
		uint64_t want = 0;

		for (size_t i = 0; i < count; i++)
			want += values[i] <= sample_classic_ns[b];
		ck_assert_uint_eq(cumulative[b], want);
	}
	ck_assert_uint_eq(cumulative[SAMPLE_CLASSIC], count);

	histogram__native(&histogram, &layout, &got);
	ck_assert_uint_eq(got.zero_count, zero);
	for (uint32_t s = 0; s < got.span_count; s++) {
		index += got.span[s].offset;
		for (uint32_t i = 0; i < got.span[s].length; i++, index++) {
			int n = index - GRID_ZERO_EXPONENT * 8;

			value += got.delta[at++];
			ck_assert_int_gt(n, 0);
			ck_assert_int_lt(n, NATIVE_BUCKETS);
			ck_assert_int_eq(value, (int64_t)native[n]);
			native[n] = 0;
		}
	}
	ck_assert_uint_eq(at, got.delta_count);
	for (int n = 0; n < NATIVE_BUCKETS; n++)
		ck_assert_uint_eq(native[n], 0);	    /* all were told */
	ck_assert_int_eq(index, GRID_TOP_EXPONENT * 8 + 2); /* the last was the one above 2^16 s */
}
END_TEST

/* Every other bucket, then one in four: the most spans there can be. */
START_TEST(spans_stay_within_their_bound)
{
	struct native_histogram got;
	struct grid_layout layout;
	struct grid grid;

	ck_assert_int_eq(grid__build(&grid, sample_classic_ns, SAMPLE_CLASSIC), 0);
	ck_assert_int_eq(grid_layout__build(&layout, &grid, sample_classic_ns, SAMPLE_CLASSIC), 0);
	for (int step = 1; step <= 6; step++) {
		struct histogram histogram = {};

		for (int n = 1; n < NATIVE_BUCKETS; n += step)
			histogram.cell[layout.native_end[n] - 1] = 1;
		histogram__native(&histogram, &layout, &got);
		ck_assert_uint_le(got.span_count, NATIVE_MAX_SPANS);
		ck_assert_uint_le(got.delta_count, NATIVE_BUCKETS);
		if (step <= NATIVE_GAP + 1)
			ck_assert_uint_eq(got.span_count, 1);
		else
			ck_assert_uint_eq(got.span_count, got.delta_count);
	}
}
END_TEST

Suite *grid_suite(void)
{
	Suite *suite = suite_create("grid");
	TCase *tc = tcase_create("grid");

	tcase_add_test(tc, native_bounds_are_the_largest_whole_ns_not_above);
	tcase_add_test(tc, every_value_finds_its_cell);
	tcase_add_test(tc, hints_are_the_cell_of_the_smallest_value);
	tcase_add_test(tc, bad_bounds_are_refused_and_nothing_is_written);
	tcase_add_test(tc, both_kinds_of_buckets_count_the_same_values);
	tcase_add_test(tc, spans_stay_within_their_bound);
	suite_add_tcase(suite, tc);
	return suite;
}
