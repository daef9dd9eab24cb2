/* SPDX-License-Identifier: Apache-2.0 */
/*
 * io.prometheus.client.MetricFamily messages, each after its length. The field
 * numbers are those of the Prometheus data model's metrics.proto as released (its
 * early drafts of native histograms had others); histograms carry native buckets
 * beside the classic ones.
 */
#include <stdbool.h>

#include "encoders/encoder.h"

/* Wire types of the protobuf encoding. */
enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2 };

enum { LABEL_NAME = 1, LABEL_VALUE = 2 };
enum { FAMILY_NAME = 1, FAMILY_HELP = 2, FAMILY_TYPE = 3, FAMILY_METRIC = 4 };
enum {
	METRIC_LABEL = 1,
	METRIC_GAUGE_FIELD = 2,
	METRIC_COUNTER_FIELD = 3,
	METRIC_HISTOGRAM_FIELD = 7
};
enum { SIMPLE_VALUE = 1 }; /* of Gauge and Counter */
enum { TYPE_COUNTER = 0, TYPE_GAUGE = 1, TYPE_HISTOGRAM = 4 };
enum { BUCKET_CUMULATIVE_COUNT = 1, BUCKET_UPPER_BOUND = 2 };
enum { SPAN_OFFSET = 1, SPAN_LENGTH = 2 };
enum {
	HISTOGRAM_COUNT = 1,
	HISTOGRAM_SUM = 2,
	HISTOGRAM_BUCKET = 3,
	HISTOGRAM_SCHEMA = 5,
	HISTOGRAM_ZERO_THRESHOLD = 6,
	HISTOGRAM_ZERO_COUNT = 7,
	HISTOGRAM_POSITIVE_SPAN = 12,
	HISTOGRAM_POSITIVE_DELTA = 13,
};

#define VARINT_BYTES 10
#define FIXED64_BYTES 9 /* with its tag */
#define ZERO_THRESHOLD (1.0 / (1 << -GRID_ZERO_EXPONENT))

_Static_assert(GRID_ZERO_EXPONENT < 0, "the threshold is a fraction");

static char *put_varint(char *p, uint64_t value)
{
	while (value >= 0x80) {
		*p++ = (char)(value | 0x80);
		value >>= 7;
	}
	*p++ = (char)value;
	return p;
}

static char *put_tag(char *p, unsigned int field, unsigned int wire)
{
	return put_varint(p, field << 3 | wire);
}

static uint64_t zigzag(int64_t value)
{
	return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static char *put_unsigned(char *p, unsigned int field, uint64_t value)
{
	return put_varint(put_tag(p, field, WIRE_VARINT), value);
}

static char *put_signed(char *p, unsigned int field, int64_t value)
{
	return put_unsigned(p, field, zigzag(value));
}

static char *put_double(char *p, unsigned int field, double value)
{
	uint64_t bits;

	p = put_tag(p, field, WIRE_FIXED64);
	memcpy(&bits, &value, sizeof(bits));
	for (int i = 0; i < 8; i++)
		*p++ = (char)(bits >> 8 * i);
	return p;
}

static size_t varint_length(uint64_t value)
{
	size_t length = 1;

	for (; value >= 0x80; value >>= 7)
		length++;
	return length;
}

static void append_bytes(struct buffer *out, unsigned int field, const void *data, size_t length)
{
	char *p = buffer__reserve(out, 2 * VARINT_BYTES + length);

	if (!p)
		return;
	p = put_varint(put_tag(p, field, WIRE_BYTES), length);
	if (length)
		memcpy(p, data, length);
	buffer__commit(out, p + length);
}

/* A label is a whole field of Metric, so that rendered labels go into one as they are. */
static void protobuf__label(struct buffer *labels, const char *name, const char *value)
{
	size_t name_length = strlen(name), value_length = strlen(value);
	char *p = buffer__reserve(labels, name_length + value_length + 6 * VARINT_BYTES);

	if (!p)
		return;
	p = put_tag(p, METRIC_LABEL, WIRE_BYTES);
	p = put_varint(p, 2 + varint_length(name_length) + name_length +
				  varint_length(value_length) + value_length);
	p = put_varint(put_tag(p, LABEL_NAME, WIRE_BYTES), name_length);
	memcpy(p, name, name_length);
	p = put_varint(put_tag(p + name_length, LABEL_VALUE, WIRE_BYTES), value_length);
	memcpy(p, value, value_length);
	buffer__commit(labels, p + value_length);
}

static void protobuf__begin_family(struct encoding *encoding, const struct metric_head *head)
{
	static const unsigned int types[] = {
		[METRIC_COUNTER] = TYPE_COUNTER,
		[METRIC_GAUGE] = TYPE_GAUGE,
		[METRIC_HISTOGRAM] = TYPE_HISTOGRAM,
		[METRIC_INFO] = TYPE_GAUGE,
	};
	struct buffer *family = &encoding->prefix;
	char *p;

	encoding->head = *head;
	buffer__clear(family);
	append_bytes(family, FAMILY_NAME, head->name, strlen(head->name));
	append_bytes(family, FAMILY_HELP, head->help, strlen(head->help));
	p = buffer__reserve(family, 2 * VARINT_BYTES);
	if (p)
		buffer__commit(family, put_unsigned(p, FAMILY_TYPE, types[head->type]));
}

/* A metric of the family: its labels, and a message with its value. */
static void append_metric(struct encoding *encoding, struct metric_labels labels,
			  unsigned int field, const char *value, size_t length)
{
	struct buffer *family = &encoding->prefix;
	size_t inner = labels.length + 1 + varint_length(length) + length;
	char *p = buffer__reserve(family, inner + 4 * VARINT_BYTES);

	if (!p)
		return;
	p = put_varint(put_tag(p, FAMILY_METRIC, WIRE_BYTES), inner);
	if (labels.length)
		memcpy(p, labels.data, labels.length);
	p = put_varint(put_tag(p + labels.length, field, WIRE_BYTES), length);
	memcpy(p, value, length);
	buffer__commit(family, p + length);
}

static void protobuf__value(struct encoding *encoding, struct metric_labels labels, uint64_t value)
{
	bool counter = encoding->head.type == METRIC_COUNTER;
	char message[FIXED64_BYTES];

	put_double(message, SIMPLE_VALUE, number__double(value, encoding->head.scale));
	append_metric(encoding, labels, counter ? METRIC_COUNTER_FIELD : METRIC_GAUGE_FIELD,
		      message, sizeof(message));
}

static char *put_classic(char *p, const struct encoding *encoding,
			 const struct histogram *histogram)
{
	const struct grid_layout *layout = encoding->layout;
	uint64_t cumulative[GRID_MAX_CLASSIC + 1];

	histogram__classic(histogram, layout, cumulative);
	/* +Inf is left out: it is the count. */
	for (uint32_t i = 0; i < layout->classic_count; i++) {
		double bound = number__double(layout->classic_ns[i], encoding->head.scale);

		p = put_tag(p, HISTOGRAM_BUCKET, WIRE_BYTES);
		p = put_varint(p, 1 + varint_length(cumulative[i]) + FIXED64_BYTES);
		p = put_unsigned(p, BUCKET_CUMULATIVE_COUNT, cumulative[i]);
		p = put_double(p, BUCKET_UPPER_BOUND, bound);
	}
	return p;
}

/* Schema 3 with its bounds in seconds; a view in another unit has classic buckets only. */
static char *put_native(char *p, const struct encoding *encoding, const struct histogram *histogram)
{
	struct native_histogram native;

	histogram__native(histogram, encoding->layout, &native);
	p = put_signed(p, HISTOGRAM_SCHEMA, GRID_SCHEMA);
	p = put_double(p, HISTOGRAM_ZERO_THRESHOLD, ZERO_THRESHOLD);
	p = put_unsigned(p, HISTOGRAM_ZERO_COUNT, native.zero_count);
	for (uint32_t i = 0; i < native.span_count; i++) {
		const struct native_span *span = &native.span[i];

		p = put_tag(p, HISTOGRAM_POSITIVE_SPAN, WIRE_BYTES);
		p = put_varint(p, 2 + varint_length(zigzag(span->offset)) +
					  varint_length(span->length));
		p = put_signed(p, SPAN_OFFSET, span->offset);
		p = put_unsigned(p, SPAN_LENGTH, span->length);
	}
	/* One by one, as the message is proto2 and does not pack. */
	for (uint32_t i = 0; i < native.delta_count; i++)
		p = put_signed(p, HISTOGRAM_POSITIVE_DELTA, native.delta[i]);
	return p;
}

/* A histogram at its largest. */
#define HISTOGRAM_BYTES                                                                            \
	(8 * VARINT_BYTES + 2 * FIXED64_BYTES + GRID_MAX_CLASSIC * (3 * VARINT_BYTES + 9) +        \
	 NATIVE_MAX_SPANS * 5 * VARINT_BYTES + NATIVE_BUCKETS * (1 + VARINT_BYTES))

static void protobuf__histogram(struct encoding *encoding, struct metric_labels labels,
				const struct histogram *histogram)
{
	char message[HISTOGRAM_BYTES], *p = message;

	p = put_unsigned(p, HISTOGRAM_COUNT, histogram->count);
	p = put_double(p, HISTOGRAM_SUM, number__double(histogram->sum_ns, encoding->head.scale));
	p = put_classic(p, encoding, histogram);
	if (encoding->head.scale == 9)
		p = put_native(p, encoding, histogram);
	append_metric(encoding, labels, METRIC_HISTOGRAM_FIELD, message, (size_t)(p - message));
}

static void protobuf__end_family(struct encoding *encoding)
{
	struct buffer *family = &encoding->prefix;
	char *p = buffer__reserve(encoding->out, VARINT_BYTES);

	if (p)
		buffer__commit(encoding->out, put_varint(p, family->length));
	buffer__append(encoding->out, family->data, family->length);
	if (family->error && !encoding->out->error)
		encoding->out->error = family->error;
}

static void protobuf__end(struct encoding *encoding)
{
	(void)encoding;
}

const struct encoder encoder_protobuf = {
	.name = "protobuf",
	.content_type = "application/vnd.google.protobuf; "
			"proto=io.prometheus.client.MetricFamily; encoding=delimited",
	.label = protobuf__label,
	.begin_family = protobuf__begin_family,
	.value = protobuf__value,
	.histogram = protobuf__histogram,
	.end_family = protobuf__end_family,
	.end = protobuf__end,
};
