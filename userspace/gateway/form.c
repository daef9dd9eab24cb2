// SPDX-License-Identifier: Apache-2.0
#include "gateway/form.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* A decoded, terminated copy; NULL with the reason, or without one when out of memory. */
static char *decode(const char *text, size_t length, const char **ret_reason)
{
	char *copy = malloc(length + 1), *out = copy;

	if (!copy)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		char c = text[i] == '+' ? ' ' : text[i];

		if (c == '%') {
			int high = i + 2 < length ? hex_value(text[i + 1]) : -1;
			int low = i + 2 < length ? hex_value(text[i + 2]) : -1;

			if (high < 0 || low < 0) {
				*ret_reason = "bad percent-encoding";
				free(copy);
				return NULL;
			}
			c = (char)(high << 4 | low);
			i += 2;
		}
		if (!c) {
			*ret_reason = "a NUL byte in a parameter";
			free(copy);
			return NULL;
		}
		*out++ = c;
	}
	*out = '\0';
	return copy;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return true;
	return false;
}

static int add(struct form *form, const char *piece, size_t length, const char **ret_reason)
{
	const char *equals = memchr(piece, '=', length);
	size_t name_length = equals ? (size_t)(equals - piece) : length;
	struct form_field *field;

	if (form->count == FORM_MAX_FIELDS) {
		*ret_reason = "too many parameters";
		return -E2BIG;
	}
	if (!form->fields)
		form->fields = calloc(FORM_MAX_FIELDS, sizeof(*form->fields));
	if (!form->fields)
		return -ENOMEM;
	field = &form->fields[form->count];
	field->name = decode(piece, name_length, ret_reason);
	if (!field->name)
		return *ret_reason ? -EINVAL : -ENOMEM;
	form->count++;
	if (has_control(field->name)) {
		*ret_reason = "a control character in a parameter's name";
		return -EINVAL;
	}
	field->value = equals ? decode(equals + 1, length - name_length - 1, ret_reason)
			      : strdup("");
	if (!field->value)
		return *ret_reason ? -EINVAL : -ENOMEM;
	return 0;
}

int form__parse(struct form *form, const char *text, size_t length, const char **ret_reason)
{
	const char *end = text + length;

	*ret_reason = NULL;
	while (text < end) {
		const char *stop = memchr(text, '&', (size_t)(end - text));
		size_t piece = (size_t)((stop ? stop : end) - text);
		int err = piece ? add(form, text, piece, ret_reason) : 0;

		if (err)
			return err;
		text += piece + 1;
	}
	return 0;
}

void form__free(struct form *form)
{
	for (size_t i = 0; i < form->count; i++) {
		free(form->fields[i].name);
		free(form->fields[i].value);
	}
	free(form->fields);
	memset(form, 0, sizeof(*form));
}

const char *form__get(const struct form *form, const char *name, size_t *ret_count)
{
	const char *first = NULL;
	size_t count = 0;

	for (size_t i = 0; i < form->count; i++) {
		if (strcmp(form->fields[i].name, name))
			continue;
		if (!count++)
			first = form->fields[i].value;
	}
	if (ret_count)
		*ret_count = count;
	return first;
}

static void put_encoded(struct buffer *out, const char *text)
{
	static const char hex[] = "0123456789ABCDEF";

	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if ((c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
		    strchr("-._~", c)) {
			buffer__append_char(out, (char)c);
			continue;
		}
		buffer__append_char(out, '%');
		buffer__append_char(out, hex[c >> 4]);
		buffer__append_char(out, hex[c & 15]);
	}
}

void form__put(struct buffer *out, const char *name, const char *value)
{
	if (out->length)
		buffer__append_char(out, '&');
	put_encoded(out, name);
	buffer__append_char(out, '=');
	put_encoded(out, value);
}
