// SPDX-License-Identifier: Apache-2.0
/* Messages as the protocol buffers of Kubernetes' cri-api write them, whole and broken. */
#include <check.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "identity/cri.h"
#include "identity/runtime_facts.h"

Suite *cri_suite(void);

#define ID "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"

struct bytes {
	size_t len;
	uint8_t at[2048];
};

static void add_varint(struct bytes *to, uint64_t value)
{
	for (; value > 127; value >>= 7)
		to->at[to->len++] = (uint8_t)(value | 0x80);
	to->at[to->len++] = (uint8_t)value;
}

static void add(struct bytes *to, unsigned int field, const void *bytes, size_t len)
{
	add_varint(to, field << 3 | 2);
	add_varint(to, len);
	ck_assert_uint_le(to->len + len, sizeof(to->at));
	memcpy(to->at + to->len, bytes, len);
	to->len += len;
}

static void add_text(struct bytes *to, unsigned int field, const char *text)
{
	add(to, field, text, strlen(text));
}

static void add_entry(struct bytes *to, unsigned int field, const char *key, const char *value)
{
	struct bytes entry = { 0 };

	add_text(&entry, 1, key);
	add_text(&entry, 2, value);
	add(to, field, entry.at, entry.len);
}

/* A PodSandbox with all its fields: id, metadata, state, created_at, labels, annotations, handler. */
static void add_sandbox(struct bytes *to, const char *id, const char *app)
{
	struct bytes sandbox = { 0 };

	add_text(&sandbox, 1, id);
	add_text(&sandbox, 2, "\012\003web\022\004uid-");
	add_varint(&sandbox, 3 << 3 | 0);
	add_varint(&sandbox, 1);
	add_varint(&sandbox, 4 << 3 | 0);
	add_varint(&sandbox, 1700000000123456789);
	add_entry(&sandbox, 5, "app.kubernetes.io/name", app);
	add_entry(&sandbox, 5, "io.kubernetes.pod.namespace", "ns");
	add_entry(&sandbox, 6, "prometheus.io/scrape", "true");
	add_entry(&sandbox, 6, "prometheus.io/port", "9102");
	add_entry(&sandbox, 6, "unknown", "");
	/* labels say who it is, annotations where its metrics are, and neither the other */
	add_entry(&sandbox, 5, "prometheus.io/port", "1");
	add_entry(&sandbox, 6, "io.kubernetes.pod.name", "none");
	add_text(&sandbox, 7, "runc");
	add(to, 1, sandbox.at, sandbox.len);
}

static int take(const struct bytes *answer, struct runtime_facts *facts)
{
	/* of just that length, so that a sanitizer sees who reads on */
	char *bytes = malloc(answer->len ? answer->len : 1);
	int err;

	memcpy(bytes, answer->at, answer->len);
	memset(facts, 0, sizeof(*facts));
	err = cri__take_sandbox(facts, bytes, answer->len, ID);
	free(bytes);
	return err;
}

START_TEST(test_ask)
{
	char question[CRI_QUESTION_BYTES];
	struct bytes filter = { 0 }, want = { 0 };

	add_text(&filter, 1, ID);
	add(&want, 1, filter.at, filter.len);
	ck_assert_uint_eq(cri__ask_sandbox(question, ID), want.len);
	ck_assert_mem_eq(question, want.at, want.len);
}
END_TEST

START_TEST(test_take)
{
	struct bytes answer = { 0 };
	struct runtime_facts facts;
	const char *path;

	add_sandbox(&answer, "00" ID, "other"); /* should the filter be ignored */
	add_sandbox(&answer, ID, "shop");
	ck_assert_int_eq(take(&answer, &facts), 0);
	ck_assert_str_eq(facts.app, "shop");
	ck_assert_str_eq(facts.namespace_, "ns");
	ck_assert_str_eq(facts.pod, "");
	ck_assert_uint_eq(runtime_facts__metrics(&facts, &path), 9102);
	ck_assert_str_eq(path, "/metrics");
}
END_TEST

START_TEST(test_none)
{
	struct bytes answer = { 0 };
	struct runtime_facts facts;

	ck_assert_int_eq(take(&answer, &facts), -ENOENT);
	add_sandbox(&answer, "", "other");
	add_sandbox(&answer, "0", "other");
	ck_assert_int_eq(take(&answer, &facts), -ENOENT);
	ck_assert_str_eq(facts.app, "");
}
END_TEST

/* Unknown fields of all wire types, and known ones of another, are passed over. */
START_TEST(test_unknown)
{
	static const uint8_t other[] = { 9 << 3 | 1, 1, 2,	     3,	  4, 5, 6,
					 7,	     8, 10 << 3 | 5, 1,	  2, 3, 4,
					 5 << 3 | 0, 1, 1 << 3 | 0,  200, 1 };
	struct bytes answer = { 0 }, sandbox = { 0 };
	struct runtime_facts facts;

	memcpy(sandbox.at, other, sizeof(other));
	sandbox.len = sizeof(other);
	add_text(&sandbox, 1, ID);
	add_entry(&sandbox, 5, "app", "web");
	memcpy(answer.at, other, sizeof(other));
	answer.len = sizeof(other);
	add(&answer, 1, sandbox.at, sandbox.len);
	ck_assert_int_eq(take(&answer, &facts), 0);
	ck_assert_str_eq(facts.app, "web");
}
END_TEST

/* Cut anywhere, and each byte changed: survived, and nothing beyond the end is read. */
START_TEST(test_broken)
{
	struct bytes whole = { 0 };
	struct runtime_facts facts;

	add_sandbox(&whole, ID, "shop");
	for (size_t len = 0; len < whole.len; len++) {
		struct bytes cut = { .len = len };

		memcpy(cut.at, whole.at, len);
		ck_assert_int_eq(take(&cut, &facts), len ? -EBADMSG : -ENOENT);
	}
	for (size_t i = 0; i < whole.len; i++) {
		struct bytes changed = whole;

		changed.at[i] ^= 0xff;
		take(&changed, &facts);
		ck_assert_uint_lt(strlen(facts.app), LABEL_BYTES);
	}
}
END_TEST

Suite *cri_suite(void)
{
	Suite *suite = suite_create("cri");
	TCase *messages = tcase_create("messages");

	tcase_add_test(messages, test_ask);
	tcase_add_test(messages, test_take);
	tcase_add_test(messages, test_none);
	tcase_add_test(messages, test_unknown);
	tcase_add_test(messages, test_broken);
	suite_add_tcase(suite, messages);
	return suite;
}
