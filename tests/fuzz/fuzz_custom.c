// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as what an instance exposes, in either format. What is taken becomes a page
 * that is taken again, and means the same: the same families with the same lines, or,
 * where a family has the name of another's samples, the same lines in untyped families.
 * Two of them, of two apps, become one page that has all lines of both.
 */
#include <stdlib.h>
#include <string.h>

#include "collect/endpoints/page.h"
#include "collect/endpoints/parse.h"

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

static void compare(const struct exposed *before, const struct exposed *after)
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
}

static struct exposed *parse(const char *text, size_t length)
{
	struct parse_error error;
	struct exposed *exposed;
	int err;

	if (!length)
		return NULL;
	err = text[0] == 'o' ? parse__openmetrics(text + 1, length - 1, &options, &exposed, &error)
			     : parse__text(text + 1, length - 1, &options, &exposed, &error);
	if (err && !error.message)
		abort();
	return err ? NULL : exposed;
}

/* Nothing of any source is lost, and the page is one that a strict reader takes. */
static struct exposed *read_page(const struct page_source *sources, size_t count,
				 const struct parse_options *as, bool *ret_is_untyped)
{
	struct parse_error error;
	struct exposed *after;
	uint32_t samples = 0;
	struct buffer out;
	struct page *page;
	uint64_t most = 0;

	buffer__init(&out);
	if (page__new(&page, sources, count, options.key, NULL, 0))
		abort();
	page__rest(page, &out);
	*ret_is_untyped = false;
	for (size_t i = 0; i < count; i++) {
		if (page__tally(page, i)->duplicate)
			abort();
		*ret_is_untyped |= page__tally(page, i)->untyped > 0;
		samples += sources[i].exposed->samples;
		most += page__bytes(sources[i].exposed, strlen(sources[i].labels));
	}
	if (!*ret_is_untyped && out.length > most)
		abort();
	if (parse__text(out.data, out.length, as, &after, &error))
		abort();
	if (after->samples != samples || after->reserved || after->coincident)
		abort();
	page__free(page);
	buffer__free(&out);
	return after;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* no UTF-8 has the byte that parts two apps' texts */
	const uint8_t *apart = size ? memchr(data, 0xff, size) : NULL;
	size_t first = apart ? (size_t)(apart - data) : size;
	const struct parse_options all = { .max_samples = 4000, .key = { 1, 2 } };
	struct exposed *before = parse((const char *)data, first), *other = NULL, *after;
	struct page_source sources[2] = { { "app=\"x\"", 0, "x", before } };
	bool is_untyped;

	if (!before)
		return 0;
	after = read_page(sources, 1, &options, &is_untyped);
	if (!is_untyped)
		compare(before, after);
	exposed__unref(after);
	if (apart)
		other = parse((const char *)apart + 1, size - first - 1);
	if (other) {
		sources[1] = (struct page_source){ "app=\"y\"", 0, "y", other };
		exposed__unref(read_page(sources, 2, &all, &is_untyped));
	}
	exposed__unref(other);
	exposed__unref(before);
	return 0;
}
