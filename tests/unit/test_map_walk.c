// SPDX-License-Identifier: Apache-2.0
/* Entries of a real map, while others come and go. */
#include <bpf/bpf.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "loader/map_walk.h"

Suite *map_walk_suite(void);

#define ENTRIES_MAX 5000
#define OTHERS 1000000U

static void put(int fd, uint32_t number, size_t value_bytes)
{
	uint32_t key[3] = { number, ~number, 7 };
	unsigned char value[24];

	memset(value, (int)(number & 0xff), value_bytes);
	ck_assert_int_eq(bpf_map_update_elem(fd, key, value, BPF_ANY), 0);
}

static void drop(int fd, uint32_t number)
{
	uint32_t key[3] = { number, ~number, 7 };

	ck_assert_int_eq(bpf_map_delete_elem(fd, key), 0);
}

static void check_entry(const struct map_walk *walk, int i, unsigned char seen[ENTRIES_MAX])
{
	uint32_t key[3];

	memcpy(key, walk->keys + i * walk->key_bytes, sizeof(key));
	ck_assert_uint_eq(key[1], ~key[0]);
	ck_assert_uint_eq(key[2], 7);
	for (uint32_t b = 0; b < walk->value_bytes; b++)
		ck_assert_uint_eq((unsigned char)walk->values[i * walk->value_bytes + b],
				  key[0] & 0xff);
	if (key[0] < OTHERS)
		seen[key[0]]++;
}

START_TEST(each_is_found_once)
{
	static const uint32_t counts[] = { 0, 1, 511, 512, 513, ENTRIES_MAX };
	uint32_t count = counts[_i], value_bytes = _i % 2 ? 24 : 1, steps = 0;
	static unsigned char seen[ENTRIES_MAX];
	int fd = bpf_map_create(BPF_MAP_TYPE_HASH, NULL, 12, value_bytes, 2 * ENTRIES_MAX, NULL);
	struct map_walk walk = { .fd = fd, .key_bytes = 12, .value_bytes = value_bytes };
	int found;

	if (fd < 0 && (errno == EPERM || errno == EACCES))
		return; /* not root */
	ck_assert_int_ge(fd, 0);
	for (uint32_t i = 0; i < count; i++)
		put(fd, i, value_bytes);
	while ((found = map_walk__next(&walk)) > 0) {
		for (int i = 0; i < found; i++)
			check_entry(&walk, i, seen);
		/* some of these are put where the walk has been, others where it will be */
		for (uint32_t i = 0; i < 50; i++)
			put(fd, OTHERS + steps * 50 + i, value_bytes);
		for (uint32_t i = 0; steps && i < 50; i++)
			drop(fd, OTHERS + (steps - 1) * 50 + i);
		steps++;
	}
	ck_assert_int_eq(found, 0);
	ck_assert_int_eq(map_walk__next(&walk), 0);
	for (uint32_t i = 0; i < ENTRIES_MAX; i++)
		ck_assert_uint_eq(seen[i], i < count);
	map_walk__free(&walk);
	close(fd);
}
END_TEST

START_TEST(what_is_no_map_is_an_error)
{
	struct map_walk walk = { .fd = -1, .key_bytes = 4, .value_bytes = 4 };

	ck_assert_int_lt(map_walk__next(&walk), 0);
	map_walk__free(&walk);
}
END_TEST

Suite *map_walk_suite(void)
{
	Suite *suite = suite_create("map_walk");
	TCase *tc = tcase_create("walk");

	tcase_add_loop_test(tc, each_is_found_once, 0, 6);
	tcase_add_test(tc, what_is_no_map_is_an_error);
	suite_add_tcase(suite, tc);
	return suite;
}
