// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "defaults.h"
#include "metrics/rpc_path.h"
#include "sample.h"

Suite *rpc_path_suite(void);

static const char *text_of(const struct rpc_key *key)
{
	static char text[RPC_PATH_TEXT_BYTES];

	memset(text, 'x', sizeof(text));
	rpc_path__text(text, key);
	return text;
}

static const char *text_of_bytes(bool huffman, const void *bytes, size_t length)
{
	struct rpc_key key = { .slot = 1, .bytes = (uint8_t)length, .huffman = huffman };

	memcpy(key.path, bytes, length);
	return text_of(&key);
}

START_TEST(both_codings_give_one_text)
{
	static const char *const paths[] = { "/", "/a/b", "/grpc.health.v1.Health/Check",
					     "/package.Service/Method~{}|",
					     "/with?query=1&more=%20#x" };
	struct rpc_key key;

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		sample__rpc_key(&key, 1, paths[i], false);
		ck_assert_str_eq(text_of(&key), paths[i]);
		if (i == 0 || i == 3) /* which Huffman's code does not make shorter */
			continue;
		sample__rpc_key(&key, 1, paths[i], true);
		ck_assert_str_eq(text_of(&key), paths[i]);
	}
	/* by the table of RFC 7541, appendix B, by hand: / is 011000, a is 00011, then ones */
	ck_assert_str_eq(text_of_bytes(true, "\x63", 1), "/");
	ck_assert_str_eq(text_of_bytes(true, "\x60\x7f", 2), "/a");
}
END_TEST

START_TEST(the_longest_of_either_coding_fits)
{
	char path[RPC_PATH_TEXT_BYTES] = "/";
	struct rpc_key key;

	memset(path + 1, 'a', 139); /* five bits each */
	sample__rpc_key(&key, 1, path, true);
	ck_assert_uint_eq(key.bytes, RPC_PATH_BYTES);
	ck_assert_str_eq(text_of(&key), path);
	path[RPC_PATH_BYTES] = '\0';
	sample__rpc_key(&key, 1, path, false);
	ck_assert_str_eq(text_of(&key), path);
}
END_TEST

static const struct {
	bool huffman;
	size_t length;
	const char *bytes;
} no_paths[] = {
	{ false, 0, "" },
	{ true, 0, "" },
	{ false, 1, "a" },
	{ false, 3, "a/b" },
	{ false, 4, "/a b" },
	{ false, 3, "/\na" },
	{ false, 3, "/\0a" },
	{ false, 3, "/a\x7f" },
	{ false, 4, "/\xc3\xa4z" }, /* UTF-8, but no path */
	{ false, 2, "/\xff" },
	{ true, 1, "\x60" },		     /* padding of zeroes */
	{ true, 2, "\x63\xff" },	     /* padding of more than seven bits */
	{ true, 5, "\x63\xff\xff\xff\xff" }, /* the end of string, which may not be there */
	{ true, 12, "\xf1\xe3\xc2\xe5\xf2\x3a\x6b\xa0\xab\x90\xf4\xff" }, /* www.example.com */
};

START_TEST(what_is_no_path_is_other)
{
	ck_assert_str_eq(text_of_bytes(no_paths[_i].huffman, no_paths[_i].bytes,
				       no_paths[_i].length),
			 VALUE_OTHER);
}
END_TEST

START_TEST(lengths_that_cannot_be_are_other)
{
	struct rpc_key key = { .slot = 1 };

	memset(key.path, '/', sizeof(key.path));
	for (unsigned int bytes = RPC_PATH_BYTES + 1; bytes <= UINT8_MAX; bytes++) {
		for (key.huffman = 0; key.huffman <= 2; key.huffman++) {
			key.bytes = (uint8_t)bytes;
			ck_assert_str_eq(text_of(&key), VALUE_OTHER);
		}
	}
}
END_TEST

/* Whatever the bytes, the text is a path or `__other__`, and always the same. */
START_TEST(random_bytes_give_a_path_or_other)
{
	uint32_t paths = 0, coded = 0;

	srandom(1);
	for (int round = 0; round < 200000; round++) {
		struct rpc_key key = { .slot = 1, .huffman = (uint8_t)(random() & 1) };
		char first[RPC_PATH_TEXT_BYTES];

		key.bytes = (uint8_t)(random() % (RPC_PATH_BYTES + 1));
		if (round % 2) /* short ones are paths now and then */
			key.bytes %= 4;
		for (int i = 0; i < key.bytes; i++)
			key.path[i] = (uint8_t)(random() >> 8);
		if (round % 3 && key.bytes)
			key.path[0] = key.huffman ? 0x60 | (key.path[0] & 3) : '/';
		strcpy(first, text_of(&key));
		ck_assert_str_eq(text_of(&key), first);
		if (!strcmp(first, VALUE_OTHER))
			continue;
		paths++;
		coded += key.huffman;
		ck_assert_int_eq(first[0], '/');
		for (const char *c = first; *c; c++)
			ck_assert(*c > ' ' && *c < 0x7f);
		if (!key.huffman)
			ck_assert_uint_eq(strlen(first), key.bytes);
	}
	ck_assert_uint_gt(coded, 100);
	ck_assert_uint_gt(paths - coded, 100);
}
END_TEST

START_TEST(a_group_knows_its_entry)
{
	struct row_group_key key = { .slot = 3, .status = STATUS_RPC(2) };
	struct rpc_entry rpcs[3] = {
		[1] = { .key.slot = 3, .in_use = 1 }, [2] = { .key.slot = 3, .in_use = 1 }
	};
	struct snapshot snapshot = { .rpcs = rpcs, .rpc_count = 3 };

	ck_assert_uint_eq(rpc_group__entry(&key, &snapshot), 2);
	rpcs[2].key.slot = 4; /* changed hands */
	ck_assert_uint_eq(rpc_group__entry(&key, &snapshot), OTHER_INDEX);
	rpcs[2] = (struct rpc_entry){ .key.slot = 3 };
	ck_assert_uint_eq(rpc_group__entry(&key, &snapshot), OTHER_INDEX);
	key.status = STATUS_RPC(3);
	ck_assert_uint_eq(rpc_group__entry(&key, &snapshot), OTHER_INDEX);
	snapshot.rpc_count = 0;
	ck_assert_uint_eq(rpc_group__entry(&key, &snapshot), OTHER_INDEX);
}
END_TEST

START_TEST(a_status_is_of_one_kind)
{
	static const uint16_t http[] = { 1, 5, 100, 999, STATUS_OTHER };
	static const uint16_t neither[] = { STATUS_NONE, STATUS_TLS, STATUS_UPGRADE,
					    STATUS_RPC(0) | STATUS_RPC_MAX };
	static const uint16_t rpc[] = { STATUS_RPC(0), STATUS_RPC(1),
					STATUS_RPC(STATUS_RPC_MAX - 1) };

	for (size_t i = 0; i < sizeof(http) / sizeof(http[0]); i++)
		ck_assert(status_is_http(http[i]) && !status_is_rpc(http[i]));
	for (size_t i = 0; i < sizeof(neither) / sizeof(neither[0]); i++)
		ck_assert(!status_is_http(neither[i]) && !status_is_rpc(neither[i]));
	for (size_t i = 0; i < sizeof(rpc) / sizeof(rpc[0]); i++)
		ck_assert(!status_is_http(rpc[i]) && status_is_rpc(rpc[i]));
}
END_TEST

Suite *rpc_path_suite(void)
{
	Suite *suite = suite_create("rpc_path");
	TCase *tc = tcase_create("rpc_path");

	tcase_set_timeout(tc, 30);
	tcase_add_test(tc, both_codings_give_one_text);
	tcase_add_test(tc, the_longest_of_either_coding_fits);
	tcase_add_loop_test(tc, what_is_no_path_is_other, 0,
			    sizeof(no_paths) / sizeof(no_paths[0]));
	tcase_add_test(tc, lengths_that_cannot_be_are_other);
	tcase_add_test(tc, random_bytes_give_a_path_or_other);
	tcase_add_test(tc, a_group_knows_its_entry);
	tcase_add_test(tc, a_status_is_of_one_kind);
	suite_add_tcase(suite, tc);
	return suite;
}
