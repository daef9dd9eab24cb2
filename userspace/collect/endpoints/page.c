// SPDX-License-Identifier: Apache-2.0
/* Who stands where on a page. */
#include "collect/endpoints/page_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What a histogram or a summary calls its samples; the latter has others under its own name. */
#define SUFFIXES 4

static const char *const suffixes[SUFFIXES] = { "_bucket", "_count", "_sum", "" };

static int compare_names(const char *a, size_t a_length, const char *b, size_t b_length)
{
	int order = memcmp(a, b, a_length < b_length ? a_length : b_length);

	return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int compare_parts(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int order = compare_names(x->name, x->name_length, y->name, y->name_length);

	if (order)
		return order;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	/* one source's own family, and samples of another of its families */
	return (x->family > y->family) - (x->family < y->family);
}

static bool is_plain(enum exposed_type type)
{
	return type != EXPOSED_HISTOGRAM && type != EXPOSED_SUMMARY;
}

struct head *page__find(const struct page *page, const char *name, size_t length)
{
	uint32_t low = 0, high = page->head_count;

	while (low < high) {
		uint32_t middle = low + (high - low) / 2;
		const struct part *part = &page->part[page->head[middle].first];
		int order = compare_names(part->name, part->name_length, name, length);

		if (!order)
			return &page->head[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* Sorts the parts and finds the families that they make. 0 or -ENOMEM. */
static int group(struct page *page)
{
	struct head *head = NULL;

	free(page->head);
	page->head_count = 0;
	page->head = calloc((size_t)page->part_count + 1, sizeof(*page->head));
	if (!page->head)
		return -ENOMEM;
	qsort(page->part, page->part_count, sizeof(*page->part), compare_parts);
	for (uint32_t i = 0; i < page->part_count; i++) {
		const struct part *part = &page->part[i];

		if (!i || compare_names(part->name, part->name_length, part[-1].name,
					part[-1].name_length)) {
			head = &page->head[page->head_count++];
			head->first = i;
		}
		head->end = i + 1;
	}
	return 0;
}

static void choose_type(const struct page *page, struct head *head)
{
	bool has_undeclared = false;

	head->type = EXPOSED_UNDECLARED;
	for (uint32_t i = head->first; i < head->end; i++) {
		enum exposed_type type = page->part[i].family->type;

		if (page->part[i].is_split)
			head->is_mixed = true;
		else if (type == EXPOSED_UNDECLARED)
			has_undeclared = true;
		else if (head->type == EXPOSED_UNDECLARED)
			head->type = type;
		else if (head->type != type)
			head->is_mixed = true;
	}
	/* who declares none goes with any that has no suffixes */
	head->is_mixed |= has_undeclared && !is_plain(head->type);
	if (head->is_mixed)
		head->type = EXPOSED_UNTYPED;
}

static bool has_suffixes(const struct page *page, const struct head *head)
{
	for (uint32_t i = head->first; i < head->end; i++)
		if (!is_plain(page->part[i].family->type))
			return true;
	return false;
}

/*
 * Whether the samples of a histogram or summary must be families of their own: others
 * have its name, or that of some of its samples. These get samples from it then, so
 * that they are not one type either. 0 or -ENOMEM.
 */
static int contest(struct page *page, struct head *head)
{
	const struct part *part = &page->part[head->first];
	struct head *other[SUFFIXES] = { NULL };
	char *name;

	if (!has_suffixes(page, head)) {
		head->is_contested = false;
		return 0;
	}
	name = malloc((size_t)part->name_length + sizeof("_bucket"));
	if (!name)
		return -ENOMEM;
	memcpy(name, part->name, part->name_length);
	for (int i = 0; i < SUFFIXES && *suffixes[i]; i++) {
		if (head->type == EXPOSED_SUMMARY && i == 0)
			continue;
		strcpy(name + part->name_length, suffixes[i]);
		other[i] = page__find(page, name, strlen(suffixes[i]) + part->name_length);
		head->is_contested |= other[i] != NULL;
	}
	free(name);
	head->is_contested |= head->is_mixed;
	for (int i = 0; i < SUFFIXES && head->is_contested; i++)
		if (other[i])
			other[i]->is_contested = true;
	return 0;
}

/* A name that the page has already: its family is no histogram, and none of its samples has it. */
static void contest_taken(struct page *page, const char *name)
{
	size_t length = strlen(name);

	for (int i = 0; i < SUFFIXES; i++) {
		size_t rest = strlen(suffixes[i]);
		struct head *head;

		if (length < rest || strcmp(name + length - rest, suffixes[i]) != 0)
			continue;
		head = page__find(page, name, length - rest);
		if (head)
			head->is_contested = true;
	}
}

/* Adds the names that a part's lines have, each as a part of its own. Returns how many. */
static uint32_t split(const struct page *page, const struct part *part, struct part *ret_parts)
{
	const char *line = page->source[part->source].exposed->text + part->family->lines;
	const char *end = line + part->family->lines_length;
	bool has[SUFFIXES] = { false };
	uint32_t count = 0;

	while (line < end) {
		size_t length = line_name(line), rest = length - part->name_length;

		for (int i = 0; i < SUFFIXES; i++) {
			if (has[i] || strlen(suffixes[i]) != rest ||
			    memcmp(line + part->name_length, suffixes[i], rest) != 0)
				continue;
			has[i] = true;
			ret_parts[count] = *part;
			ret_parts[count].name = line;
			ret_parts[count].name_length = (uint32_t)length;
			ret_parts[count++].is_split = true;
		}
		line = (const char *)memchr(line, '\n', (size_t)(end - line)) + 1;
	}
	return count;
}

static int split_contested(struct page *page)
{
	size_t room = 1;
	struct part *fresh;
	uint32_t count = 0;

	for (uint32_t i = 0; i < page->head_count; i++)
		room += (page->head[i].end - page->head[i].first) *
			(size_t)(page->head[i].is_contested ? SUFFIXES : 1);
	if (room == (size_t)page->part_count + 1)
		return 0;
	fresh = calloc(room, sizeof(*fresh));
	if (!fresh)
		return -ENOMEM;
	for (uint32_t i = 0; i < page->head_count; i++) {
		for (uint32_t k = page->head[i].first; k < page->head[i].end; k++) {
			if (page->head[i].is_contested)
				count += split(page, &page->part[k], fresh + count);
			else
				fresh[count++] = page->part[k];
		}
	}
	free(page->part);
	page->part = fresh;
	page->part_count = count;
	return group(page);
}

static int choose_types(struct page *page, const char *const *taken, size_t taken_count)
{
	int err = 0;

	for (uint32_t i = 0; i < page->head_count; i++)
		choose_type(page, &page->head[i]);
	for (size_t i = 0; i < taken_count; i++)
		contest_taken(page, taken[i]);
	/* in the order of names: what gets samples of another has the longer one */
	for (uint32_t i = 0; i < page->head_count && !err; i++)
		err = contest(page, &page->head[i]);
	if (!err)
		err = split_contested(page);
	for (uint32_t i = 0; i < page->head_count && !err; i++) {
		struct head *head = &page->head[i];

		choose_type(page, head);
		for (uint32_t k = head->first; k < head->end && head->is_mixed; k++)
			page->tally[page->part[k].source].untyped++;
	}
	return err;
}

struct owner {
	const char *name;
	uint32_t source;
};

static int compare_owners(const void *a, const void *b)
{
	const struct owner *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order ? order : (x->source > y->source) - (x->source < y->source);
}

static int find_twins(struct page *page)
{
	struct owner *owner = calloc(page->source_count + 1, sizeof(*owner));
	uint32_t first = 0;

	if (!owner)
		return -ENOMEM;
	for (uint32_t i = 0; i < page->source_count; i++)
		owner[i] = (struct owner){ page->source[i].owner, i };
	qsort(owner, page->source_count, sizeof(*owner), compare_owners);
	for (uint32_t i = 0; i < page->source_count; i++) {
		if (strcmp(owner[i].name, owner[first].name) != 0)
			first = i;
		page->twin[owner[i].source] = owner[first].source;
		if (i != first)
			page->has_twin[owner[i].source] = page->has_twin[owner[first].source] =
				true;
	}
	free(owner);
	return 0;
}

static void collect(struct page *page)
{
	for (uint32_t s = 0; s < page->source_count; s++) {
		const struct exposed *exposed = page->source[s].exposed;

		for (uint32_t f = 0; f < exposed->family_count; f++)
			page->part[page->part_count++] = (struct part){
				.name = exposed->text + exposed->family[f].name,
				.name_length = exposed->family[f].name_length,
				.source = s,
				.family = &exposed->family[f],
			};
	}
}

int page__new(struct page **ret_page, const struct page_source *source, size_t count,
	      const uint64_t key[2], const char *const *taken, size_t taken_count)
{
	struct page *page = calloc(1, sizeof(*page));
	size_t parts = 1;
	int err = -ENOMEM;

	if (!page)
		return err;
	page->source = source;
	page->source_count = count;
	memcpy(page->key, key, sizeof(page->key));
	for (size_t i = 0; i < count; i++)
		parts += source[i].exposed->family_count;
	page->twin = calloc(count + 1, sizeof(*page->twin));
	page->has_twin = calloc(count + 1, sizeof(*page->has_twin));
	page->tally = calloc(count + 1, sizeof(*page->tally));
	page->part = calloc(parts, sizeof(*page->part));
	if (page->twin && page->has_twin && page->tally && page->part)
		err = find_twins(page);
	if (!err) {
		collect(page);
		err = group(page);
	}
	if (!err)
		err = choose_types(page, taken, taken_count);
	if (err) {
		page__free(page);
		return err;
	}
	*ret_page = page;
	return 0;
}

void page__free(struct page *page)
{
	if (!page)
		return;
	free(page->twin);
	free(page->has_twin);
	free(page->tally);
	free(page->part);
	free(page->head);
	free(page->seen);
	free(page);
}

const struct page_tally *page__tally(const struct page *page, size_t source)
{
	return &page->tally[source];
}
