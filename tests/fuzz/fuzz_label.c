// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes become a label value that is UTF-8, and that a reader of the text
 * and of the protobuf format gets back unchanged.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "encoders/encoder.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int condition)
{
	if (!condition)
		abort();
}

/* Reads name="value" as a scraper does and compares. */
static void check_text(const struct buffer *labels, const char *value)
{
	const char *p = labels->data, *end = p + labels->length;

	need(labels->length >= 4 && !memcmp(p, "n=\"", 3));
	for (p += 3; p < end && *p != '"'; p++) {
		char c = *p;

		need(c != '\n');
		if (c == '\\') {
			need(++p < end);
			c = *p == 'n' ? '\n' : *p;
			need(*p == 'n' || *p == '\\' || *p == '"');
		}
		need(c == *value++);
	}
	need(!*value && p + 1 == end);
}

static uint64_t varint(const char **p)
{
	uint64_t value = 0;
	int shift = 0, more;

	do {
		value |= (uint64_t)(**p & 0x7f) << shift;
		shift += 7;
		more = *(*p)++ & 0x80;
	} while (more);
	return value;
}

/* Field 1 with the fields 1, name, and 2, value. */
static void check_protobuf(const struct buffer *labels, const char *value)
{
	const char *p = labels->data, *end = p + labels->length;

	need(*p++ == 0x0a);
	need(varint(&p) == (uint64_t)(end - p));
	need(!memcmp(p, "\x0a\x01n\x12", 4));
	p += 4;
	need(varint(&p) == strlen(value));
	need((size_t)(end - p) == strlen(value) && !memcmp(p, value, strlen(value)));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1), *repaired = malloc(UTF8_REPAIR_GROWTH * size + 1);
	char *again = malloc(UTF8_REPAIR_GROWTH * UTF8_REPAIR_GROWTH * size + 1);
	struct buffer labels;
	size_t length;

	buffer__init(&labels);
	if (!text || !repaired || !again)
		goto out;
	if (size)
		memcpy(text, data, size);
	text[size] = '\0';

	length = utf8__repair(repaired, text);
	need(length == strlen(repaired) && length <= UTF8_REPAIR_GROWTH * strlen(text));
	need(utf8__valid(repaired));
	need(utf8__valid(text) == !strcmp(text, repaired));
	utf8__repair(again, repaired);
	need(!strcmp(again, repaired));

	encoder_text.label(&labels, "n", repaired);
	check_text(&labels, repaired);
	buffer__clear(&labels);
	encoder_protobuf.label(&labels, "n", repaired);
	check_protobuf(&labels, repaired);
out:
	buffer__free(&labels);
	free(text);
	free(repaired);
	free(again);
	return 0;
}
