// SPDX-License-Identifier: Apache-2.0
/* What changes the hash of what agents share with their maps, and what does not. */
#include <bpf/btf.h>
#include <check.h>
#include <glob.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "abi.h"
#include "loader/layouts.h"
#include "loader/loader.h"

/* struct entry { NUMBER count[2]; __u32 in_use; enum kind kind; } */
struct made {
	const char *number; /* how the 64-bit integer is called */
	const char *member[3];
	const char *value[2]; /* of the enum */
	int first;	      /* number of value[0] */
	unsigned int elements;
	bool noise; /* typedefs, qualifiers and other types beside it */
};

static const struct made plain = {
	.number = "long long unsigned int",
	.member = { "count", "in_use", "kind" },
	.value = { "KIND_A", "KIND_B" },
	.elements = 2,
};

static uint64_t hash_of(const struct made *made)
{
	struct btf *btf = btf__new_empty();
	unsigned int after = 64 * made->elements;
	int number, word, array, kind, entry;
	uint64_t hash;

	if (made->noise)
		btf__add_int(btf, "char", 1, 0);
	number = btf__add_int(btf, made->number, 8, 0);
	word = btf__add_int(btf, "unsigned int", 4, 0);
	array = btf__add_array(btf, word, number, made->elements);
	kind = btf__add_enum(btf, "kind", 4);
	btf__add_enum_value(btf, made->value[0], made->first);
	btf__add_enum_value(btf, made->value[1], 1 - made->first);
	if (made->noise)
		word = btf__add_typedef(btf, "__u32", btf__add_const(btf, word));
	entry = btf__add_struct(btf, "entry", after / 8 + 8);
	btf__add_field(btf, made->member[0], array, 0, 0);
	btf__add_field(btf, made->member[1], word, after, 0);
	btf__add_field(btf, made->member[2], kind, after + 32, 0);
	ck_assert_int_gt(entry, 0);
	hash = layouts__hash_type(btf, (uint32_t)entry);
	btf__free(btf);
	return hash;
}

START_TEST(test_same)
{
	struct made made = plain;

	made.number = "unsigned long";
	made.noise = true;
	ck_assert(hash_of(&made) == hash_of(&plain));
}
END_TEST

START_TEST(test_different)
{
	struct made made[] = { plain, plain, plain, plain };

	made[0].elements = 3;
	made[1].member[0] = "counts";
	made[2].value[0] = "KIND_B"; /* their order */
	made[2].value[1] = "KIND_A";
	made[3].first = 1; /* their numbers */
	for (size_t i = 0; i < sizeof(made) / sizeof(made[0]); i++)
		ck_assert_msg(hash_of(&made[i]) != hash_of(&plain), "%zu", i);
}
END_TEST

static bool is_listed(const char *kind, const char *name)
{
#define ABI_TEXT(kind_, name_) { #kind_, #name_ },
	static const char *const listed[][2] = { ABI_TYPES(ABI_TEXT) };
#undef ABI_TEXT

	for (size_t i = 0; i < sizeof(listed) / sizeof(listed[0]); i++)
		if (!strcmp(listed[i][0], kind) && !strcmp(listed[i][1], name))
			return true;
	return false;
}

/* An enum is what no map's layout shows. */
START_TEST(test_enums_are_listed)
{
	char line[256], name[64];
	int found = 0;
	glob_t headers;

	ck_assert_int_eq(glob("include/*.h", 0, NULL, &headers), 0);
	for (size_t i = 0; i < headers.gl_pathc; i++) {
		FILE *file = fopen(headers.gl_pathv[i], "re");

		ck_assert_ptr_nonnull(file);
		while (fgets(line, sizeof(line), file)) {
			if (sscanf(line, "enum %63[a-z0-9_] {", name) != 1 || !strchr(line, '{'))
				continue;
			found++;
			ck_assert_msg(is_listed("enum", name), "enum %s is not in ABI_TYPES", name);
		}
		fclose(file);
	}
	globfree(&headers);
	ck_assert_int_ge(found, 10);
}
END_TEST

START_TEST(test_text)
{
	char abi[LOADER_ABI_BYTES], again[LOADER_ABI_BYTES];
	unsigned long long hash;
	int version;

	ck_assert_int_eq(loader__abi(abi), 0);
	ck_assert_int_eq(loader__abi(again), 0);
	ck_assert_str_eq(abi, again);
	ck_assert_int_eq(sscanf(abi, "%d-%16llx", &version, &hash), 2);
	ck_assert_int_eq(version, ABI_VERSION);
	ck_assert(hash != 0);
}
END_TEST

Suite *layouts_suite(void);

Suite *layouts_suite(void)
{
	Suite *suite = suite_create("layouts");
	TCase *tcase = tcase_create("layouts");

	tcase_add_test(tcase, test_same);
	tcase_add_test(tcase, test_different);
	tcase_add_test(tcase, test_enums_are_listed);
	tcase_add_test(tcase, test_text);
	suite_add_tcase(suite, tcase);
	return suite;
}
