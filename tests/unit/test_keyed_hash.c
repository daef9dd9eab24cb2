// SPDX-License-Identifier: Apache-2.0
/* The hash of what others choose is the one that it is said to be, and the key matters. */
#include <check.h>
#include <endian.h>

#include "base/keyed_hash.h"

Suite *keyed_hash_suite(void);

START_TEST(vectors_of_its_authors)
{
	uint64_t key[2];
	uint8_t bytes[16];

	for (int i = 0; i < 16; i++)
		bytes[i] = (uint8_t)i;
	memcpy(key, bytes, sizeof(key));
	/* the example of their paper, and of their reference for no bytes */
	ck_assert(le64toh(keyed_hash(key, bytes, 15)) == 0xa129ca6149be45e5);
	ck_assert(le64toh(keyed_hash(key, NULL, 0)) == 0x726fdb47dd0e0e31);
}
END_TEST

START_TEST(both_halves_of_the_key_matter)
{
	static const uint64_t keys[3][2] = { { 1, 2 }, { 1, 3 }, { 2, 2 } };

	ck_assert(keyed_hash(keys[0], "a", 1) == keyed_hash(keys[0], "a", 1));
	ck_assert(keyed_hash(keys[0], "a", 1) != keyed_hash(keys[1], "a", 1));
	ck_assert(keyed_hash(keys[0], "a", 1) != keyed_hash(keys[2], "a", 1));
}
END_TEST

Suite *keyed_hash_suite(void)
{
	Suite *suite = suite_create("keyed_hash");
	TCase *tc = tcase_create("keyed_hash");

	tcase_add_test(tc, vectors_of_its_authors);
	tcase_add_test(tc, both_halves_of_the_key_matter);
	suite_add_tcase(suite, tc);
	return suite;
}
