// SPDX-License-Identifier: Apache-2.0
#include "custom/page.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tls/siphash.h"

/* One source's part of a family. */
struct part {
	const char *name;
	uint32_t name_length;
	uint32_t source;
	const struct exposed_family *family;
};

/* A family of the page: a range of parts. */
struct head {
	uint32_t first, end;
	enum exposed_type type;
	bool is_done;
};

struct page {
	const struct page_source *source;
	size_t source_count;
	uint32_t *twin; /* the first source of the same owner; itself, mostly */
	bool *has_twin;
	struct page_left_out *left_out;
	struct part *part;
	uint32_t part_count;
	struct head *head;
	uint32_t head_count;
	uint64_t key[2];
	uint64_t *seen; /* series of twins in a family; 0: free */
	uint32_t seen_slots;
};

static int compare_names(const char *a, uint32_t a_length, const char *b, uint32_t b_length)
{
	int order = memcmp(a, b, a_length < b_length ? a_length : b_length);

	return order ? order : (a_length > b_length) - (a_length < b_length);
}

static int compare_parts(const void *a, const void *b)
{
	const struct part *x = a, *y = b;
	int order = compare_names(x->name, x->name_length, y->name, y->name_length);

	return order ? order : (x->source > y->source) - (x->source < y->source);
}

static uint32_t count_lines(const char *text, size_t length)
{
	const char *end = text + length;
	uint32_t lines = 0;

	while ((text = memchr(text, '\n', (size_t)(end - text)))) {
		lines++;
		if (++text == end)
			break;
	}
	return lines;
}

/* The part is not shown: another type has its name. */
static void leave_out(struct page *page, struct part *part)
{
	const struct exposed *exposed = page->source[part->source].exposed;

	if (!part->family)
		return;
	page->left_out[part->source].of_other_type +=
		count_lines(exposed->text + part->family->lines, part->family->lines_length);
	part->family = NULL;
}

static void leave_out_all(struct page *page, const struct head *head)
{
	for (uint32_t i = head->first; i < head->end; i++)
		leave_out(page, &page->part[i]);
}

static bool is_plain(enum exposed_type type)
{
	return type != EXPOSED_HISTOGRAM && type != EXPOSED_SUMMARY;
}

/* The first type that is declared; who declares none goes with any that has no suffixes. */
static void choose_type(struct page *page, struct head *head)
{
	head->type = EXPOSED_UNDECLARED;
	for (uint32_t i = head->first; i < head->end && !head->type; i++)
		head->type = page->part[i].family->type;
	for (uint32_t i = head->first; i < head->end; i++) {
		enum exposed_type type = page->part[i].family->type;

		if (type ? type != head->type : !is_plain(head->type))
			leave_out(page, &page->part[i]);
	}
}

/* The oldest source that a family still shows; UINT32_MAX: none. */
static uint32_t oldest(const struct page *page, const struct head *head)
{
	for (uint32_t i = head->first; i < head->end; i++)
		if (page->part[i].family)
			return page->part[i].source;
	return UINT32_MAX;
}

static struct head *find_head(const struct page *page, const char *name, uint32_t length)
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

#define SUFFIXES 3

/* A histogram or summary F and a family F_sum: only one of them can be on a page. */
static int choose_names(struct page *page, struct head *head)
{
	static const char *const suffixes[SUFFIXES] = { "_bucket", "_count", "_sum" };
	const struct part *part = &page->part[head->first];
	uint32_t age = oldest(page, head);
	struct head *other[SUFFIXES] = { NULL };
	char *name;

	if (is_plain(head->type) || age == UINT32_MAX)
		return 0;
	name = malloc(part->name_length + sizeof("_bucket"));
	if (!name)
		return -ENOMEM;
	memcpy(name, part->name, part->name_length);
	for (int i = 0; i < SUFFIXES; i++) {
		if (head->type == EXPOSED_SUMMARY && i == 0)
			continue;
		strcpy(name + part->name_length, suffixes[i]);
		other[i] = find_head(
			page, name, (uint32_t)strlen(name + part->name_length) + part->name_length);
		if (other[i] && oldest(page, other[i]) < age)
			age = UINT32_MAX;
	}
	free(name);
	if (age == UINT32_MAX)
		leave_out_all(page, head);
	for (int i = 0; i < SUFFIXES && age != UINT32_MAX; i++)
		if (other[i])
			leave_out_all(page, other[i]);
	return 0;
}

static void find_twins(struct page *page)
{
	for (uint32_t i = 0; i < page->source_count; i++) {
		uint32_t k = 0;

		while (strcmp(page->source[k].owner, page->source[i].owner) != 0)
			k++;
		page->twin[i] = k;
		if (k != i)
			page->has_twin[i] = page->has_twin[k] = true;
	}
}

static void collect(struct page *page)
{
	uint32_t n = 0;

	for (uint32_t s = 0; s < page->source_count; s++) {
		const struct exposed *exposed = page->source[s].exposed;

		for (uint32_t f = 0; f < exposed->family_count; f++)
			page->part[n++] = (struct part){
				.name = exposed->text + exposed->family[f].name,
				.name_length = exposed->family[f].name_length,
				.source = s,
				.family = &exposed->family[f],
			};
	}
	page->part_count = n;
	qsort(page->part, n, sizeof(*page->part), compare_parts);
	for (uint32_t i = 0; i < n; i++) {
		if (!i || compare_names(page->part[i].name, page->part[i].name_length,
					page->part[i - 1].name, page->part[i - 1].name_length))
			page->head[page->head_count++] = (struct head){ .first = i };
		page->head[page->head_count - 1].end = i + 1;
	}
}

int page__new(struct page **ret_page, const struct page_source *source, size_t count,
	      const uint64_t key[2])
{
	struct page *page = calloc(1, sizeof(*page));
	size_t parts = 1;
	int err = 0;

	if (!page)
		return -ENOMEM;
	page->source = source;
	page->source_count = count;
	memcpy(page->key, key, sizeof(page->key));
	for (size_t i = 0; i < count; i++)
		parts += source[i].exposed->family_count;
	page->twin = calloc(count + 1, sizeof(*page->twin));
	page->has_twin = calloc(count + 1, sizeof(*page->has_twin));
	page->left_out = calloc(count + 1, sizeof(*page->left_out));
	page->part = calloc(parts, sizeof(*page->part));
	page->head = calloc(parts, sizeof(*page->head));
	if (!page->twin || !page->has_twin || !page->left_out || !page->part || !page->head) {
		page__free(page);
		return -ENOMEM;
	}
	find_twins(page);
	collect(page);
	for (uint32_t i = 0; i < page->head_count; i++)
		choose_type(page, &page->head[i]);
	for (uint32_t i = 0; i < page->head_count && !err; i++)
		err = choose_names(page, &page->head[i]);
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
	free(page->left_out);
	free(page->part);
	free(page->head);
	free(page->seen);
	free(page);
}

/* Empties the set, with room for so many. */
static bool clear_seen(struct page *page, size_t count)
{
	uint32_t slots = 64;

	while (slots < 2 * count)
		slots *= 2;
	if (slots > page->seen_slots) {
		free(page->seen);
		page->seen = malloc(slots * sizeof(*page->seen));
		page->seen_slots = page->seen ? slots : 0;
	}
	if (!page->seen)
		return false;
	memset(page->seen, 0, page->seen_slots * sizeof(*page->seen));
	return true;
}

/* The quote that ends the label which begins at `at`. */
static const char *end_of_label(const char *at, const char *end)
{
	at = memchr(at, '"', (size_t)(end - at));
	for (at++; *at != '"'; at++)
		at += *at == '\\';
	return at;
}

/* The same whatever the order: the sum of the hashes of `name="value"` pairs. */
static uint64_t hash_labels(const struct page *page, const char *at, const char *end)
{
	uint64_t sum = 0;

	while (at < end) {
		const char *start = at;

		at = end_of_label(at, end) + 1;
		sum += siphash(page->key, start, (size_t)(at - start));
		at++; /* comma or brace */
	}
	return sum;
}

/* Whether a twin has shown the series; else it is from now on. */
static bool was_seen(struct page *page, const struct page_source *source, uint32_t twin,
		     const char *line, size_t length)
{
	const uint64_t key[2] = { page->key[0], page->key[1] + twin + 1 };
	uint32_t mask = page->seen_slots - 1, i;
	size_t name = strcspn(line, "{ ");
	uint64_t value = siphash(key, line, name);
	/* values and timestamps have no brace */
	const char *brace = line[name] == '{' ? memrchr(line, '}', length) : NULL;

	value += hash_labels(page, source->labels, source->labels + strlen(source->labels));
	if (brace)
		value += hash_labels(page, line + name + 1, brace);
	value = value ? value : 1;
	for (i = (uint32_t)value & mask; page->seen[i]; i = (i + 1) & mask)
		if (page->seen[i] == value)
			return true;
	page->seen[i] = value;
	return false;
}

/* Whether one of the labels from at to the brace at the end has this name. */
static bool has_label(const char *at, const char *end, const char *name)
{
	size_t length = strlen(name);

	while (at < end) {
		if (strncmp(at, name, length) == 0 && at[length] == '=')
			return true;
		at = end_of_label(at, end) + 2; /* behind the comma */
	}
	return false;
}

/* The source's labels, and those without a value; at, end: the line's own, up to its brace. */
static void write_labels(struct buffer *out, const struct page_source *source, const char *at,
			 const char *end)
{
	buffer__append_text(out, source->labels);
	for (int i = 0; source->bare >> i; i++) {
		const char *name = model_label__of_targets((enum model_label)i);

		if (!(source->bare & 1U << i) || has_label(at, end, name))
			continue;
		buffer__append_char(out, ',');
		buffer__append_text(out, name);
		buffer__append(out, "=\"\"", 3);
	}
}

static void write_line(struct buffer *out, const struct page_source *source, const char *line,
		       size_t length)
{
	size_t name = strcspn(line, "{ ");
	/* values and timestamps have no brace */
	const char *brace = line[name] == '{' ? memrchr(line, '}', length) : NULL;

	buffer__append(out, line, name);
	buffer__append_char(out, '{');
	write_labels(out, source, line + name + 1, brace ? brace : line);
	if (line[name] == '{')
		buffer__append_char(out, ',');
	else
		buffer__append_char(out, '}');
	name += line[name] == '{';
	buffer__append(out, line + name, length - name);
}

static void write_part(struct page *page, const struct part *part, struct buffer *out)
{
	const struct page_source *source = &page->source[part->source];
	const char *line = source->exposed->text + part->family->lines;
	const char *end = line + part->family->lines_length;
	bool has_twin = page->has_twin[part->source];

	while (line < end) {
		size_t length =
			(size_t)((const char *)memchr(line, '\n', (size_t)(end - line)) + 1 - line);

		if (has_twin && was_seen(page, source, page->twin[part->source], line, length))
			page->left_out[part->source].duplicate++;
		else if (out)
			write_line(out, source, line, length);
		line += length;
	}
}

/* Returns false without memory to see what is there twice. */
static bool write_lines(struct page *page, const struct head *head, struct buffer *out)
{
	size_t twins = 0;

	for (uint32_t i = head->first; i < head->end; i++) {
		const struct part *part = &page->part[i];

		if (part->family && page->has_twin[part->source])
			twins += count_lines(page->source[part->source].exposed->text +
						     part->family->lines,
					     part->family->lines_length);
	}
	if (twins && !clear_seen(page, twins))
		return false;
	for (uint32_t i = head->first; i < head->end; i++)
		if (page->part[i].family)
			write_part(page, &page->part[i], out);
	return true;
}

static void write_comment(struct buffer *out, const char *keyword, const struct part *part,
			  const char *text, size_t length)
{
	buffer__append_text(out, keyword);
	buffer__append(out, part->name, part->name_length);
	buffer__append_char(out, ' ');
	buffer__append(out, text, length);
	buffer__append_char(out, '\n');
}

static void write_head(const struct page *page, const struct head *head, struct buffer *out)
{
	const char *type = exposed__type_name(head->type);
	const struct part *part = &page->part[head->first];

	for (uint32_t i = head->first; i < head->end; i++) {
		const struct part *with_help = &page->part[i];

		if (!with_help->family || !with_help->family->help_length)
			continue;
		write_comment(out, "# HELP ", part,
			      page->source[with_help->source].exposed->text +
				      with_help->family->help,
			      with_help->family->help_length);
		break;
	}
	write_comment(out, "# TYPE ", part, type, strlen(type));
}

void page__family(struct page *page, const char *name, enum exposed_type type, struct buffer *out)
{
	struct head *head = find_head(page, name, (uint32_t)strlen(name));

	if (!head || head->is_done)
		return;
	head->is_done = true;
	/* what an exporter calls a counter, the page that we stand on may call a gauge */
	if (head->type != type && !(is_plain(head->type) && is_plain(type)))
		leave_out_all(page, head);
	if (!write_lines(page, head, out) && out && !out->error)
		out->error = -ENOMEM;
}

void page__rest(struct page *page, struct buffer *out)
{
	for (uint32_t i = 0; i < page->head_count; i++) {
		struct head *head = &page->head[i];

		if (head->is_done || oldest(page, head) == UINT32_MAX)
			continue;
		head->is_done = true;
		if (out)
			write_head(page, head, out);
		if (!write_lines(page, head, out) && out && !out->error)
			out->error = -ENOMEM;
	}
}

const struct page_left_out *page__left_out(const struct page *page, size_t source)
{
	return &page->left_out[source];
}
