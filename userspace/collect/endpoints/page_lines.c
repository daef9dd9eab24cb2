// SPDX-License-Identifier: Apache-2.0
/* A page's families, line by line. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/keyed_hash.h"
#include "collect/endpoints/page_internal.h"

/* `# HELP  \n`, `# TYPE  histogram\n`, and what stands around labels. */
#define HEAD_BYTES 32
#define LINE_BYTES 3

/* Labels without a value: namespace, pod, container. */
#define BARE_BYTES 36

/* Room for so many series, and a set of which none is in the family. */
static bool reserve_seen(struct page *page, size_t count)
{
	uint32_t slots = page->seen_slots ? page->seen_slots : 64;

	while (slots < 2 * count)
		slots *= 2;
	if (slots == page->seen_slots)
		return true;
	free(page->seen);
	page->seen = calloc(slots, sizeof(*page->seen));
	page->seen_slots = page->seen ? slots : 0;
	return page->seen;
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
		sum += keyed_hash(page->key, start, (size_t)(at - start));
		at++; /* comma or brace */
	}
	return sum;
}

/* Whether a twin has shown the series of the family; else it is from now on. */
static bool was_seen(struct page *page, const struct head *head, const struct page_source *source,
		     uint32_t twin, const char *line, size_t length)
{
	const uint64_t key[2] = { page->key[0], page->key[1] + twin + 1 };
	uint32_t mask = page->seen_slots - 1, index = (uint32_t)(head - page->head) + 1, i;
	size_t name = line_name(line);
	uint64_t value = keyed_hash(key, line, name);
	/* values and timestamps have no brace */
	const char *brace = line[name] == '{' ? memrchr(line, '}', length) : NULL;

	value += hash_labels(page, source->labels, source->labels + strlen(source->labels));
	if (brace)
		value += hash_labels(page, line + name + 1, brace);
	for (i = (uint32_t)value & mask; page->seen[i].head == index; i = (i + 1) & mask)
		if (page->seen[i].value == value)
			return true;
	page->seen[i] = (struct seen){ value, index };
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

/* Those without a value that the line has not; length: of the whole line, name: of its name. */
static void write_bare(struct buffer *out, unsigned int bare, const char *line, size_t length,
		       size_t name)
{
	/* values and timestamps have no brace */
	const char *brace = line[name] == '{' ? memrchr(line, '}', length) : NULL;

	for (int i = 0; bare >> i; i++) {
		const char *label = model_label__of_targets((enum model_label)i);

		if (!(bare & 1U << i) || (brace && has_label(line + name + 1, brace, label)))
			continue;
		buffer__append_char(out, ',');
		buffer__append_text(out, label);
		buffer__append(out, "=\"\"", 3);
	}
}

static void write_line(struct buffer *out, const struct page_source *source, size_t labels_length,
		       const char *line, size_t length)
{
	size_t name = line_name(line);

	buffer__append(out, line, name);
	buffer__append_char(out, '{');
	buffer__append(out, source->labels, labels_length);
	if (source->bare)
		write_bare(out, source->bare, line, length, name);
	if (line[name] == '{')
		buffer__append_char(out, ',');
	else
		buffer__append_char(out, '}');
	name += line[name] == '{';
	buffer__append(out, line + name, length - name);
}

static bool is_shown(const struct part *part, const char *line)
{
	return !part->is_split || line_name(line) == part->name_length;
}

static void write_part(struct page *page, const struct head *head, const struct part *part,
		       bool has_twin, struct buffer *out)
{
	const struct page_source *source = &page->source[part->source];
	const char *line = source->exposed->text + part->family->lines;
	const char *end = line + part->family->lines_length;
	size_t labels_length = strlen(source->labels);

	while (line < end && !(out && out->error)) {
		size_t length =
			(size_t)((const char *)memchr(line, '\n', (size_t)(end - line)) + 1 - line);

		if (!is_shown(part, line)) {
			line += length;
			continue;
		}
		if (has_twin &&
		    was_seen(page, head, source, page->twin[part->source], line, length))
			page->tally[part->source].duplicate++;
		else if (out)
			write_line(out, source, labels_length, line, length);
		line += length;
	}
}

/* Returns false without memory to see what is there twice. */
static bool write_lines(struct page *page, const struct head *head, struct buffer *out)
{
	size_t twins = 0, samples = 0;

	for (uint32_t i = head->first; i < head->end; i++) {
		if (!page->has_twin[page->part[i].source])
			continue;
		twins++;
		samples += page->part[i].family->samples;
	}
	/* one part alone has no series twice */
	if (twins > 1 && !reserve_seen(page, samples))
		return false;
	for (uint32_t i = head->first; i < head->end; i++)
		write_part(page, head, &page->part[i],
			   twins > 1 && page->has_twin[page->part[i].source], out);
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

	for (uint32_t i = head->first; i < head->end && !head->is_mixed; i++) {
		const struct part *with_help = &page->part[i];

		if (!with_help->family->help_length)
			continue;
		write_comment(out, "# HELP ", part,
			      page->source[with_help->source].exposed->text +
				      with_help->family->help,
			      with_help->family->help_length);
		break;
	}
	write_comment(out, "# TYPE ", part, type, strlen(type));
}

void page__family(struct page *page, const char *name, struct buffer *out)
{
	struct head *head = page__find(page, name, strlen(name));

	if (!head || head->is_done)
		return;
	head->is_done = true;
	if (!write_lines(page, head, out) && !out->error)
		out->error = -ENOMEM;
}

void page__rest(struct page *page, struct buffer *out)
{
	for (uint32_t i = 0; i < page->head_count; i++) {
		struct head *head = &page->head[i];

		if (head->is_done)
			continue;
		head->is_done = true;
		if (out)
			write_head(page, head, out);
		if (!write_lines(page, head, out) && out && !out->error)
			out->error = -ENOMEM;
	}
}

uint64_t page__bytes(const struct exposed *exposed, size_t labels)
{
	uint64_t bytes = (uint64_t)exposed->samples * (labels + LINE_BYTES + BARE_BYTES);

	for (uint32_t i = 0; i < exposed->family_count; i++)
		bytes += 2 * exposed->family[i].name_length + exposed->family[i].help_length +
			 exposed->family[i].lines_length + HEAD_BYTES;
	return bytes;
}

uint64_t page__memory(const struct exposed *exposed)
{
	return exposed->family_count * (sizeof(struct part) + sizeof(struct head)) +
	       exposed->samples * sizeof(struct seen);
}
