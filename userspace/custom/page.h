/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One page of what many endpoints expose: families of one name under one head, the
 * standard labels in front, no series twice. Pure.
 *
 * Sources come in the order of their age: the first that declares a type decides,
 * and a family of another that disagrees is left out, so that a newcomer takes
 * nothing from who was there before. So it is with names that a histogram or
 * summary gives to its samples, and with one series of two sources.
 */
#ifndef EDGETAP_CUSTOM_PAGE_H
#define EDGETAP_CUSTOM_PAGE_H

#include "custom/exposed.h"
#include "encoders/buffer.h"
#include "metrics/rollup.h"

struct page_source {
	const char *labels; /* as in the text format, without braces; never empty */
	unsigned int bare;  /* bits of enum model_label: without a value where a line has none */
	const char *owner;  /* only sources with the same can have the same series */
	const struct exposed *exposed;
};

/* What of a source the page does not show, in samples. */
struct page_left_out {
	uint32_t of_other_type;
	uint32_t duplicate; /* of an older source's series */
};

struct page;

/* Sources must stay until the page is freed. key: as in parse_options. 0 or -ENOMEM. */
int page__new(struct page **ret_page, const struct page_source *source, size_t count,
	      const uint64_t key[2]);
void page__free(struct page *page);

/*
 * Appends the lines of one family without HELP and TYPE, for a page that has written
 * these and lines of its own. Nothing if the type has other lines than that one.
 */
void page__family(struct page *page, const char *name, enum exposed_type type, struct buffer *out);

/* Appends every family that was not written yet, in the order of their names. out may be NULL. */
void page__rest(struct page *page, struct buffer *out);

/* Once everything is written. */
const struct page_left_out *page__left_out(const struct page *page, size_t source);

#endif
