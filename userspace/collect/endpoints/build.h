/* SPDX-License-Identifier: Apache-2.0 */
/* What the readers of both formats put together: families and their samples. Not for others. */
#ifndef EDGETAP_COLLECT_ENDPOINTS_BUILD_H
#define EDGETAP_COLLECT_ENDPOINTS_BUILD_H

#include "collect/endpoints/parse.h"
#include "collect/endpoints/scan.h"
#include "encoders/buffer.h"

struct build_label {
	struct slice name;
	struct slice value; /* escaped */
};

/* A family on its way. Slices point into the source. */
struct build_family {
	struct slice name;
	struct slice help;
	uint8_t type;
	bool has_help;
	bool has_type;
	bool is_reserved;
	uint32_t samples; /* those left out included */
	uint32_t lines;
	size_t lines_length;
};

struct build_sample {
	uint32_t family;
	uint32_t length;
	size_t line; /* offset in lines */
};

struct build {
	const struct parse_options *options;
	struct parse_error *error;
	uint32_t line; /* of the source, for messages */

	struct build_family *family;
	uint32_t family_count, family_room;
	uint32_t *family_index; /* open addressing, 0: free, else index + 1 */
	uint32_t family_slots;

	struct buffer lines;
	struct build_sample *sample;
	uint32_t sample_count, sample_room;

	uint64_t *series; /* hashes of names and labels, as they are kept; 0: free */
	uint64_t *given;  /* as they were given, where labels were taken away; 0: free */
	uint32_t series_count, series_slots;
	uint32_t given_count, given_slots;

	uint32_t total; /* samples, those left out included */
	uint32_t reserved, coincident;

	struct build_label label[PARSE_MAX_LABELS]; /* of the sample being read */
	size_t label_count;
};

/* Empty; options and error must stay. build__free in any case. */
void build__init(struct build *build, const struct parse_options *options,
		 struct parse_error *error);
void build__free(struct build *build);

/* Notes what is wrong, with the line. Returns -EBADMSG. */
int build__fail(struct build *build, const char *message);

/* The family of this name, or -1. */
int64_t build__find(const struct build *build, struct slice name);

/* The same, added if there is none. Index, -EBADMSG for too many, or -ENOMEM. */
int64_t build__family(struct build *build, struct slice name);

/*
 * Reads `name="value"` pairs up to and including the closing brace, into label, in
 * the order of their names. spaces: blanks
 * may stand between, and a comma before the brace. Returns 0 or -EBADMSG.
 */
int build__read_labels(struct build *build, const char **at, const char *end, bool spaces);

/* The value of a label of the sample being read, or NULL. */
const struct build_label *build__label(const struct build *build, const char *name);

/*
 * Adds the sample of which label has the labels. timestamp: decimal digits, or
 * empty. Returns 0, -EBADMSG for a series that is there already, or -ENOMEM.
 */
int build__sample(struct build *build, uint32_t family, struct slice name, struct slice number,
		  struct slice timestamp);

/* Puts it together. 0 or -ENOMEM. */
int build__finish(struct build *build, struct exposed **ret_exposed);

#endif
