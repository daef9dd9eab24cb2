/* SPDX-License-Identifier: Apache-2.0 */
/* Texts in, a page out, for the tests of what instances expose. */
#ifndef EDGETAP_TESTS_CUSTOM_PARSE_H
#define EDGETAP_TESTS_CUSTOM_PARSE_H

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/endpoints/page.h"
#include "collect/endpoints/parse.h"

static const uint64_t custom_key[2] = { 1, 2 };

static inline struct parse_options custom_options(void)
{
	static const char *const overwritten[] = { "app", "instance" };

	return (struct parse_options){
		.overwritten = overwritten,
		.overwritten_count = 2,
		.max_samples = 1000,
		.key = { 1, 2 },
	};
}

typedef int (*custom_parse_fn)(const char *bytes, size_t length,
			       const struct parse_options *options, struct exposed **ret_exposed,
			       struct parse_error *error);

/* What a text exposes; it must be good. */
static inline struct exposed *custom_expose(custom_parse_fn parse, const char *text)
{
	struct parse_options options = custom_options();
	struct parse_error error;
	struct exposed *exposed = NULL;
	int err = parse(text, strlen(text), &options, &exposed, &error);

	ck_assert_msg(err == 0, "%s\nline %u: %s", text, error.line,
		      error.message ? error.message : "");
	return exposed;
}

/* The page of some sources; the caller frees it. */
static inline char *custom_page(const struct page_source *sources, size_t count,
				struct page_tally *ret_tally)
{
	struct buffer out;
	struct page *page;
	size_t length;

	buffer__init(&out);
	ck_assert_int_eq(page__new(&page, sources, count, custom_key, NULL, 0), 0);
	page__rest(page, &out);
	for (size_t i = 0; ret_tally && i < count; i++)
		ret_tally[i] = *page__tally(page, i);
	page__free(page);
	buffer__append_char(&out, '\0');
	return buffer__take(&out, &length);
}

#endif
