// SPDX-License-Identifier: Apache-2.0
#include "collect/postgres/result.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/printable.h"
#include "base/utf8.h"
#include "collect/postgres/queries.h"

#define LABEL_BYTES 256
#define FIELDS 5

static const char *const failure_name[POSTGRES_FAILURE_KINDS] = {
#define FAILURE_NAME(id, name) name,
	POSTGRES_FAILURES(FAILURE_NAME)
#undef FAILURE_NAME
};

const char *postgres_failure__name(enum postgres_failure failure)
{
	return failure_name[failure];
}

/* What is left of the text, and what is made of it. */
struct parser {
	const char *at, *end;
	struct postgres_result *result;
	size_t room, text_used, text_room;
};

struct field {
	const char *start;
	size_t length;
};

/* Takes a line, and cuts it at this byte: at most FIELDS. Returns their number, 0 for no line. */
static size_t parser__line(struct parser *p, char separator, struct field ret_field[FIELDS])
{
	const char *newline = memchr(p->at, '\n', (size_t)(p->end - p->at));
	size_t count = 0;

	if (!newline)
		return 0;
	while (count < FIELDS) {
		const char *cut = memchr(p->at, separator, (size_t)(newline - p->at));

		/* the last takes what is left */
		if (!cut || count == FIELDS - 1)
			cut = newline;
		ret_field[count++] = (struct field){ p->at, (size_t)(cut - p->at) };
		p->at = cut + 1;
		if (cut == newline)
			break;
	}
	return count;
}

static bool field__is(const struct field *field, const char *text)
{
	return field->length == strlen(text) && memcmp(field->start, text, field->length) == 0;
}

static bool field__number(const struct field *field, uint64_t most, uint64_t *ret_value)
{
	uint64_t value = 0;

	if (!field->length || field->length > 20 || (field->length > 1 && *field->start == '0'))
		return false;
	for (size_t i = 0; i < field->length; i++) {
		unsigned int digit = (unsigned char)field->start[i] - (unsigned int)'0';

		if (digit > 9 || value > (most - digit) / 10)
			return false;
		value = value * 10 + digit;
	}
	*ret_value = value;
	return true;
}

/* Copies what fits in size with its NUL; nothing that ends a text or a line may be in it. */
static bool field__text(const struct field *field, char *ret_text, size_t size)
{
	if (field->length >= size)
		return false;
	for (size_t i = 0; i < field->length; i++)
		if ((unsigned char)field->start[i] < ' ' || field->start[i] == 0x7f)
			return false;
	memcpy(ret_text, field->start, field->length);
	ret_text[field->length] = '\0';
	return true;
}

void postgres_text__clean(char text[POSTGRES_SENTENCE_BYTES])
{
	char raw[POSTGRES_SENTENCE_BYTES];

	memcpy(raw, text, strlen(text) + 1);
	printable__copy(text, POSTGRES_SENTENCE_BYTES, raw);
}

static int parser__reserve(struct parser *p)
{
	if (p->result->count == p->room) {
		size_t room = p->room ? p->room * 2 : 256;
		struct postgres_value *value = reallocarray(p->result->value, room, sizeof(*value));

		if (!value)
			return -ENOMEM;
		p->result->value = value;
		p->room = room;
	}
	if (p->text_used + 3 * (LABEL_BYTES * UTF8_REPAIR_GROWTH + 1) > p->text_room) {
		size_t room = p->text_room * 2 + 4096;
		char *text = realloc(p->result->text, room);

		if (!text)
			return -ENOMEM;
		p->result->text = text;
		p->text_room = room;
	}
	return 0;
}

static int parser__value(struct parser *p, const struct field *field, size_t count)
{
	int kind = postgres_kind__find(field[0].start, field[0].length), err;
	struct postgres_value *value;
	char label[LABEL_BYTES];

	if (kind < 0 || (int)count != 2 + postgres_kind__labels((enum reading_kind)kind))
		return -EBADMSG;
	if (p->result->count == POSTGRES_MAX_VALUES)
		return -E2BIG;
	err = parser__reserve(p);
	if (err)
		return err;
	value = &p->result->value[p->result->count];
	*value = (struct postgres_value){ .kind = (uint16_t)kind };
	if (!field__number(&field[1], UINT64_MAX, &value->value))
		return -EBADMSG;
	for (size_t i = 2; i < count; i++) {
		if (!field__text(&field[i], label, sizeof(label)))
			return -EBADMSG;
		if (!*label)
			continue;
		value->label[i - 2] = (uint32_t)p->text_used;
		p->text_used += utf8__repair(p->result->text + p->text_used, label) + 1;
	}
	p->result->count++;
	return 0;
}

static int compare(const void *left, const void *right, void *text)
{
	const struct postgres_value *a = left, *b = right;
	int order = (a->kind > b->kind) - (a->kind < b->kind);

	for (int i = 0; i < 3 && !order; i++)
		order = strcmp((char *)text + a->label[i], (char *)text + b->label[i]);
	return order;
}

/* Two that would be one series: the smaller stays, whatever order they came in. */
static int compare_all(const void *left, const void *right, void *text)
{
	const struct postgres_value *a = left, *b = right;
	int order = compare(left, right, text);

	return order ? order : (a->value > b->value) - (a->value < b->value);
}

static void drop_repeated(struct postgres_result *result)
{
	size_t kept = 0;

	if (!result->count)
		return;
	qsort_r(result->value, result->count, sizeof(*result->value), compare_all, result->text);
	for (size_t i = 1; i < result->count; i++) {
		if (compare(&result->value[kept], &result->value[i], result->text))
			result->value[++kept] = result->value[i];
		else
			result->repeated++;
	}
	result->count = kept + 1;
}

static int parser__down(struct parser *p, const struct field *field, size_t count)
{
	struct field rest;
	int failure = 1;

	if (count < 3)
		return -EBADMSG;
	while (failure < POSTGRES_FAILURE_KINDS && !field__is(&field[1], failure_name[failure]))
		failure++;
	if (failure == POSTGRES_FAILURE_KINDS)
		return -EBADMSG;
	/* the sentence has spaces */
	rest.start = field[2].start;
	rest.length = (size_t)(p->at - 1 - rest.start);
	if (!field__text(&rest, p->result->sentence, sizeof(p->result->sentence)))
		return -EBADMSG;
	postgres_text__clean(p->result->sentence);
	p->result->failure = (enum postgres_failure)failure;
	return 0;
}

static int parser__up(struct parser *p, const struct field *field, size_t count)
{
	struct field rest;
	uint64_t version;

	if (count < 3 || !field__number(&field[1], 10000000, &version))
		return -EBADMSG;
	/* a role's name may have spaces */
	rest.start = field[2].start;
	rest.length = (size_t)(p->at - 1 - rest.start);
	if (!rest.length || !field__text(&rest, p->result->role, sizeof(p->result->role)))
		return -EBADMSG;
	p->result->version = (int)version;
	return 0;
}

static int parser__values(struct parser *p)
{
	for (;;) {
		struct field field[FIELDS];
		size_t count = parser__line(p, '\t', field);
		uint64_t missing;
		int err;

		if (!count)
			return -EBADMSG;
		if (count == 1 && field__is(&field[0], "end"))
			return 0;
		if (count == 2 && field__is(&field[0], "missing")) {
			if (!field__number(&field[1], 100, &missing))
				return -EBADMSG;
			p->result->missing = (unsigned int)missing;
			continue;
		}
		err = parser__value(p, field, count);
		if (err)
			return err;
	}
}

static int parser__all(struct parser *p)
{
	struct field field[FIELDS];
	size_t count;
	int err;

	if (parser__line(p, ' ', field) != 2 || !field__is(&field[0], "edgetap") ||
	    !field__is(&field[1], "1"))
		return -EBADMSG;
	count = parser__line(p, ' ', field);
	if (!count)
		return -EBADMSG;
	if (field__is(&field[0], "down")) {
		err = parser__down(p, field, count);
		if (!err && (parser__line(p, ' ', field) != 1 || !field__is(&field[0], "end")))
			err = -EBADMSG;
	} else if (field__is(&field[0], "up")) {
		err = parser__up(p, field, count);
		if (!err)
			err = parser__values(p);
	} else {
		err = -EBADMSG;
	}
	if (!err && p->at != p->end)
		err = -EBADMSG;
	return err;
}

int postgres_result__parse(const char *bytes, size_t length, struct postgres_result *ret_result)
{
	struct postgres_result result = {};
	struct parser p = {
		.at = bytes,
		.end = bytes + length,
		.result = &result,
		.text_used = 1,
	};
	int err = parser__reserve(&p);

	if (!err) {
		result.text[0] = '\0';
		err = parser__all(&p);
	}
	if (err) {
		postgres_result__free(&result);
		return err;
	}
	drop_repeated(&result);
	*ret_result = result;
	return 0;
}

void postgres_result__free(struct postgres_result *result)
{
	free(result->text);
	free(result->value);
	*result = (struct postgres_result){};
}
