/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Formats of the exposition. A view pushes families and their series through
 * one of them; which one, the client's Accept header decides.
 */
#ifndef EDGETAP_ENCODERS_ENCODER_H
#define EDGETAP_ENCODERS_ENCODER_H

#include <stddef.h>
#include <stdint.h>

#include "encoders/buffer.h"
#include "encoders/number.h"
#include "metrics/histogram.h"

enum metric_type {
	METRIC_COUNTER, /* name ends in _total */
	METRIC_GAUGE,
	METRIC_HISTOGRAM,
	METRIC_INFO, /* name ends in _info, value 1 */
};

/* What is said once about a family. */
struct metric_head {
	const char *name; /* as in text 0.0.4, so with _total or _info */
	const char *help;
	const char *unit; /* base unit, last word of the name before _total; "" for none */
	enum metric_type type;
	unsigned int scale; /* values are divided by 10^scale; for histograms: from ns */
};

/* Labels of one series, rendered by the encoder's label function. */
struct metric_labels {
	const char *data;
	size_t length;
};

/* One `le` in the form of the encoder, with what follows it up to the value. */
#define ENCODING_LE_BYTES (NUMBER_BYTES + 8)

/* State of one exposition being written; the members after layout are the encoders' own. */
struct encoding {
	struct buffer *out;
	const struct grid_layout *layout;
	struct metric_head head;
	struct buffer prefix; /* in text what a series' lines begin with; in protobuf the family */
	char le[GRID_MAX_CLASSIC + 1][ENCODING_LE_BYTES];
	uint8_t le_length[GRID_MAX_CLASSIC + 1];
};

struct encoder {
	const char *name;
	const char *content_type;

	/*
	 * Appends a label to rendered labels, which are empty or were made by
	 * this function. value is UTF-8.
	 */
	void (*label)(struct buffer *labels, const char *name, const char *value);

	void (*begin_family)(struct encoding *encoding, const struct metric_head *head);
	void (*value)(struct encoding *encoding, struct metric_labels labels, uint64_t value);
	void (*histogram)(struct encoding *encoding, struct metric_labels labels,
			  const struct histogram *histogram);
	void (*end_family)(struct encoding *encoding);
	void (*end)(struct encoding *encoding); /* of the whole exposition */
};

extern const struct encoder encoder_text;	 /* Prometheus text 0.0.4 */
extern const struct encoder encoder_openmetrics; /* OpenMetrics 1.0 */
extern const struct encoder encoder_protobuf;	 /* io.prometheus.client, delimited */

/* Ready for any encoder, for one exposition after the other; out and layout are the caller's. */
void encoding__init(struct encoding *encoding);
void encoding__free(struct encoding *encoding);

/*
 * The encoder for an Accept header (RFC 9110 section 12.5.1: the most specific
 * range gives a format its quality; of equal ones the first named wins). NULL,
 * or nothing that is known: text 0.0.4, which every client understands.
 */
const struct encoder *encoder__negotiate(const char *accept);

#endif
