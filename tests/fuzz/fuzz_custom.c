// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as what an instance exposes, in either format. What is taken becomes a page
 * that is taken again, and means the same: the same families with the same lines.
 */
#include <stdlib.h>
#include <string.h>

#include "custom/page.h"
#include "custom/parse.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const overwritten[] = { "app", "instance" };
static const struct parse_options options = {
	.overwritten = overwritten,
	.overwritten_count = 2,
	.max_samples = 1000,
	.key = { 1, 2 },
};

static const struct exposed_family *find(const struct exposed *exposed, const char *name,
					 size_t length)
{
	for (uint32_t i = 0; i < exposed->family_count; i++)
		if (exposed->family[i].name_length == length &&
		    memcmp(exposed->text + exposed->family[i].name, name, length) == 0)
			return &exposed->family[i];
	return NULL;
}

static void same(const struct exposed *a, uint32_t at, size_t length, const struct exposed *b,
		 uint32_t b_at, size_t b_length)
{
	if (length != b_length || memcmp(a->text + at, b->text + b_at, length) != 0)
		abort();
}

static void compare(const struct exposed *before, const struct exposed *after, uint32_t left_out)
{
	for (uint32_t i = 0; i < after->family_count; i++) {
		const struct exposed_family *b = &after->family[i];
		const struct exposed_family *a =
			find(before, after->text + b->name, b->name_length);

		if (!a || strcmp(exposed__type_name(a->type), exposed__type_name(b->type)) != 0)
			abort();
		same(before, a->lines, a->lines_length, after, b->lines, b->lines_length);
		same(before, a->help, a->help_length, after, b->help, b->help_length);
	}
	if (before->samples != after->samples + left_out || after->reserved || after->coincident)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct exposed *before, *after;
	struct parse_error error;
	struct page_source source = { .labels = "app=\"x\"", .owner = "x" };
	struct buffer out;
	struct page *page;
	int err;

	if (!size)
		return 0;
	err = text[0] == 'o' ? parse__openmetrics(text + 1, size - 1, &options, &before, &error)
			     : parse__text(text + 1, size - 1, &options, &before, &error);
	if (err) {
		if (!error.message)
			abort();
		return 0;
	}
	source.exposed = before;
	buffer__init(&out);
	if (page__new(&page, &source, 1, options.key))
		abort();
	page__rest(page, &out);
	if (page__left_out(page, 0)->duplicate)
		abort();
	if (parse__text(out.data, out.length, &options, &after, &error))
		abort();
	compare(before, after, page__left_out(page, 0)->of_other_type);
	page__free(page);
	buffer__free(&out);
	exposed__unref(before);
	exposed__unref(after);
	return 0;
}
