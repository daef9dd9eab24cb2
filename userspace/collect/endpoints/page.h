/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page of what many endpoints expose: families of one name under one head, the
 * standard labels in front, no series twice. Pure; the work grows with families (n log n),
 * samples and bytes, whatever they are called and whoever has them.
 *
 * No source takes anything from another by what it declares. A family of which sources
 * declare different types is shown once, untyped and without a HELP, with the series
 * of all. So is a histogram or summary one of whose names (F_sum) is a family of its own
 * too: its samples are then untyped families, each by its name. Else the HELP is the
 * first there is, in the order of the sources, which is that of their age; of a series
 * of two sources of one owner the first is shown.
 */
#ifndef EDGETAP_COLLECT_ENDPOINTS_PAGE_H
#define EDGETAP_COLLECT_ENDPOINTS_PAGE_H

#include "collect/endpoints/exposed.h"
#include "encoders/buffer.h"
#include "metrics/rollup.h"

struct page_source {
	const char *labels; /* as in the text format, without braces; never empty */
	unsigned int bare;  /* bits of enum model_label: without a value where a line has none */
	const char *owner;  /* only sources with the same can have the same series */
	const struct exposed *exposed;
};

/* What a page does to a source. */
struct page_tally {
	uint32_t duplicate; /* samples left out: an older source of the owner has the series */
	uint32_t untyped;   /* families without the type declared, as sources disagree */
};

struct page;

/*
 * Sources must stay until the page is freed. key: as in parse_options. taken: names of
 * families that stand on the same page already, for page__family; each counts as declared
 * by one more. 0 or -ENOMEM.
 */
int page__new(struct page **ret_page, const struct page_source *source, size_t count,
	      const uint64_t key[2], const char *const *taken, size_t taken_count);
void page__free(struct page *page);

/*
 * Appends the lines of one family without HELP and TYPE, for a page that has written
 * these and lines of its own. The name must be one of those taken.
 */
void page__family(struct page *page, const char *name, struct buffer *out);

/* Appends every family that was not written yet, in the order of their names. out may be NULL. */
void page__rest(struct page *page, struct buffer *out);

/* Once everything is written. */
const struct page_tally *page__tally(const struct page *page, size_t source);

/* Bytes on a page, and of working memory while it is made, at most; labels: their length. */
uint64_t page__bytes(const struct exposed *exposed, size_t labels);
uint64_t page__memory(const struct exposed *exposed);

#endif
