/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of struct page, for the files that implement page.h. */
#ifndef EDGETAP_COLLECT_ENDPOINTS_PAGE_INTERNAL_H
#define EDGETAP_COLLECT_ENDPOINTS_PAGE_INTERNAL_H

#include "collect/endpoints/page.h"

/* One source's part of a family of the page. */
struct part {
	const char *name;
	uint32_t name_length;
	uint32_t source;
	const struct exposed_family *family;
	bool is_split; /* of the family's lines only those that are called like the part */
};

/* A family of the page: a range of parts. */
struct head {
	uint32_t first, end;
	enum exposed_type type;
	bool is_mixed;	   /* sources disagree: untyped, without a HELP */
	bool is_contested; /* while types are chosen: another has a name of it */
	bool is_done;
};

/* A series of a family. Those of other families count as free, so nothing is ever emptied. */
struct seen {
	uint64_t value;
	uint32_t head; /* index + 1 */
};

struct page {
	const struct page_source *source;
	size_t source_count;
	uint32_t *twin; /* the first source of the same owner; itself, mostly */
	bool *has_twin;
	struct page_tally *tally;
	struct part *part;
	uint32_t part_count;
	struct head *head;
	uint32_t head_count;
	uint64_t key[2];
	struct seen *seen;
	uint32_t seen_slots;
};

/* Length of the name with which a line begins. */
static inline size_t line_name(const char *line)
{
	size_t length = 0;

	while (line[length] != '{' && line[length] != ' ')
		length++;
	return length;
}

/* The family of this name, or NULL. */
struct head *page__find(const struct page *page, const char *name, size_t length);

#endif
