/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two text formats. They differ in what is said about a family, in how a
 * `le` is spelt, and in the end mark; the lines of values are the same.
 */
#include <stdbool.h>

#include "encoders/encoder.h"

/* Backslash and line feed as the formats want them; quotes too where they would end a value. */
static void append_escaped(struct buffer *out, const char *text, bool quotes)
{
	const char *special = quotes ? "\\\n\"" : "\\\n";

	for (;;) {
		size_t plain = strcspn(text, special);

		buffer__append(out, text, plain);
		text += plain;
		if (!*text)
			return;
		buffer__append_char(out, '\\');
		buffer__append_char(out, *text == '\n' ? 'n' : *text);
		text++;
	}
}

static void text__label(struct buffer *labels, const char *name, const char *value)
{
	if (labels->length)
		buffer__append_char(labels, ',');
	buffer__append_text(labels, name);
	buffer__append(labels, "=\"", 2);
	append_escaped(labels, value, true);
	buffer__append_char(labels, '"');
}

static bool ends_with(const char *text, const char *suffix)
{
	size_t length = strlen(text), tail = strlen(suffix);

	return length > tail && !strcmp(text + length - tail, suffix);
}

/* Text of every `le` with what surrounds it, once per family. */
static void prepare_bounds(struct encoding *encoding, bool openmetrics)
{
	const struct grid_layout *layout = encoding->layout;

	for (uint32_t i = 0; i <= layout->classic_count; i++) {
		char *start = encoding->le[i], *p = start;

		memcpy(p, "le=\"", 4);
		p += 4;
		if (i < layout->classic_count) {
			p = number__bound(p, layout->classic_ns[i], encoding->head.scale,
					  openmetrics);
		} else {
			memcpy(p, "+Inf", 4);
			p += 4;
		}
		memcpy(p, "\"} ", 3);
		p += 3;
		encoding->le_length[i] = (uint8_t)(p - start);
	}
}

static void comment(struct buffer *out, const char *keyword, const char *name, size_t name_length)
{
	buffer__append(out, "# ", 2);
	buffer__append_text(out, keyword);
	buffer__append_char(out, ' ');
	buffer__append(out, name, name_length);
	buffer__append_char(out, ' ');
}

static void text__begin_family(struct encoding *encoding, const struct metric_head *head)
{
	static const char *const types[] = {
		[METRIC_COUNTER] = "counter",
		[METRIC_GAUGE] = "gauge",
		[METRIC_HISTOGRAM] = "histogram",
		[METRIC_INFO] = "gauge", /* the format has no info */
	};
	size_t length = strlen(head->name);

	encoding->head = *head;
	comment(encoding->out, "HELP", head->name, length);
	append_escaped(encoding->out, head->help, false);
	buffer__append_char(encoding->out, '\n');
	comment(encoding->out, "TYPE", head->name, length);
	buffer__append_text(encoding->out, types[head->type]);
	buffer__append_char(encoding->out, '\n');
	if (head->type == METRIC_HISTOGRAM)
		prepare_bounds(encoding, false);
}

/* OpenMetrics names a family without the suffix that its type gives to its samples. */
static void openmetrics__begin_family(struct encoding *encoding, const struct metric_head *head)
{
	size_t length = strlen(head->name);
	const char *type = "gauge";

	if (head->type == METRIC_COUNTER && ends_with(head->name, "_total")) {
		type = "counter";
		length -= strlen("_total");
	} else if (head->type == METRIC_COUNTER) {
		type = "unknown"; /* a counter without _total is not allowed */
	} else if (head->type == METRIC_INFO) {
		type = "info";
		length -= strlen("_info");
	} else if (head->type == METRIC_HISTOGRAM) {
		type = "histogram";
	}

	encoding->head = *head;
	comment(encoding->out, "TYPE", head->name, length);
	buffer__append_text(encoding->out, type);
	buffer__append_char(encoding->out, '\n');
	if (*head->unit) {
		comment(encoding->out, "UNIT", head->name, length);
		buffer__append_text(encoding->out, head->unit);
		buffer__append_char(encoding->out, '\n');
	}
	comment(encoding->out, "HELP", head->name, length);
	append_escaped(encoding->out, head->help, true);
	buffer__append_char(encoding->out, '\n');
	if (head->type == METRIC_HISTOGRAM)
		prepare_bounds(encoding, true);
}

/* name, suffix and labels of a sample, up to the value. */
static void sample_start(struct encoding *encoding, const char *suffix, struct metric_labels labels)
{
	struct buffer *out = encoding->out;

	buffer__append_text(out, encoding->head.name);
	buffer__append_text(out, suffix);
	if (labels.length) {
		buffer__append_char(out, '{');
		buffer__append(out, labels.data, labels.length);
		buffer__append_char(out, '}');
	}
	buffer__append_char(out, ' ');
}

static void sample_end(struct encoding *encoding, uint64_t value, unsigned int scale)
{
	char *p = buffer__reserve(encoding->out, NUMBER_BYTES + 1);

	if (!p)
		return;
	p = scale ? number__decimal(p, value, scale) : number__integer(p, value);
	*p++ = '\n';
	buffer__commit(encoding->out, p);
}

static void text__value(struct encoding *encoding, struct metric_labels labels, uint64_t value)
{
	sample_start(encoding, "", labels);
	sample_end(encoding, value, encoding->head.scale);
}

static void text__histogram(struct encoding *encoding, struct metric_labels labels,
			    const struct histogram *histogram)
{
	uint32_t buckets = encoding->layout->classic_count + 1;
	uint64_t cumulative[GRID_MAX_CLASSIC + 1];
	struct buffer *prefix = &encoding->prefix;
	char *p;

	histogram__classic(histogram, encoding->layout, cumulative);

	/* The same for every bucket of the series, so put together once. */
	buffer__clear(prefix);
	buffer__append_text(prefix, encoding->head.name);
	buffer__append(prefix, "_bucket{", 8);
	buffer__append(prefix, labels.data, labels.length);
	if (labels.length)
		buffer__append_char(prefix, ',');

	p = buffer__reserve(encoding->out,
			    buckets * (prefix->length + ENCODING_LE_BYTES + NUMBER_BYTES + 1));
	if (!p || prefix->error) {
		encoding->out->error = encoding->out->error ? encoding->out->error : prefix->error;
		return;
	}
	for (uint32_t i = 0; i < buckets; i++) {
		memcpy(p, prefix->data, prefix->length);
		p += prefix->length;
		memcpy(p, encoding->le[i], encoding->le_length[i]);
		p += encoding->le_length[i];
		p = number__integer(p, cumulative[i]);
		*p++ = '\n';
	}
	buffer__commit(encoding->out, p);

	sample_start(encoding, "_sum", labels);
	sample_end(encoding, histogram->sum_ns, encoding->head.scale);
	sample_start(encoding, "_count", labels);
	sample_end(encoding, histogram->count, 0);
}

static void text__end_family(struct encoding *encoding)
{
	(void)encoding;
}

static void text__end(struct encoding *encoding)
{
	(void)encoding;
}

static void openmetrics__end(struct encoding *encoding)
{
	buffer__append_text(encoding->out, "# EOF\n");
}

const struct encoder encoder_text = {
	.name = "text",
	.content_type = "text/plain; version=0.0.4; charset=utf-8",
	.label = text__label,
	.begin_family = text__begin_family,
	.value = text__value,
	.histogram = text__histogram,
	.end_family = text__end_family,
	.end = text__end,
};

const struct encoder encoder_openmetrics = {
	.name = "openmetrics",
	.content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8",
	.label = text__label,
	.begin_family = openmetrics__begin_family,
	.value = text__value,
	.histogram = text__histogram,
	.end_family = text__end_family,
	.end = openmetrics__end,
};
