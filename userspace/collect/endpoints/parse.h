/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Readers of the two text formats. Pure: bytes in, a struct exposed or an error
 * out. A scrape is good as a whole or not at all.
 *
 * What both refuse, beyond what each format's grammar does: bytes that are no
 * UTF-8; a number that Go's ParseFloat and so Prometheus would not take (hex,
 * underscores, out of range); a label twice, or called __name__; a second HELP or
 * TYPE of a family, or a TYPE behind its samples; a bucket without a number as
 * `le`, a quantile likewise; and a series that is there twice.
 *
 * Text 0.0.4: "Exposition formats" of the Prometheus documentation, where that
 * and Prometheus' own lexer differ the stricter of both, except that lines of a
 * family may be apart: Prometheus takes them, and here they are put together.
 * OpenMetrics 1.0.0: the ABNF of the specification, and its suffixes. Exemplars
 * and units are checked and dropped: the text format has neither. Types that it
 * does not have become gauges (info, stateset, gaugehistogram), _created too.
 */
#ifndef EDGETAP_COLLECT_ENDPOINTS_PARSE_H
#define EDGETAP_COLLECT_ENDPOINTS_PARSE_H

#include "collect/endpoints/exposed.h"

/* Labels of one sample. */
#define PARSE_MAX_LABELS 64

struct parse_options {
	const char *const *overwritten; /* labels to take away */
	size_t overwritten_count;
	uint32_t max_samples; /* and as many families */
	uint64_t key[2];      /* of the hash, nobody else's to know */
};

struct parse_error {
	uint32_t line;	     /* from 1; 0: of the whole */
	const char *message; /* static */
	bool duplicate;	     /* a series was there twice */
	bool too_many;	     /* more than max_samples, or families */
};

/*
 * length is at most UINT32_MAX / 4; bytes may be NULL if it is 0. Returns 0, -EBADMSG with error
 * filled in, or -ENOMEM. *ret_exposed has one reference, the caller's.
 */
int parse__text(const char *bytes, size_t length, const struct parse_options *options,
		struct exposed **ret_exposed, struct parse_error *error);
int parse__openmetrics(const char *bytes, size_t length, const struct parse_options *options,
		       struct exposed **ret_exposed, struct parse_error *error);

#endif
