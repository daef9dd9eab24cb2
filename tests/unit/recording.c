// SPDX-License-Identifier: Apache-2.0
#include "recording.h"

#include <stdlib.h>
#include <string.h>

static const char *const event_name[RECORDING_EVENTS] = {
	[RECORDING_RETIRE] = "retire",
	[RECORDING_SCRAPE] = "scrape",
};

/* Whether the key is an event's name. */
static bool is_event(const char *key, enum recording_event *ret_event)
{
	for (int i = 0; i < RECORDING_EVENTS; i++) {
		if (strcmp(event_name[i], key))
			continue;
		*ret_event = (enum recording_event)i;
		return true;
	}
	return false;
}

/* NULL at the end of the file. */
static json_t *read_line(FILE *file)
{
	json_error_t error;
	json_t *line;
	int c;

	while ((c = getc(file)) == '\n')
		;
	if (c == EOF)
		return NULL;
	ungetc(c, file);
	line = json_loadf(file, JSON_DISABLE_EOF_CHECK, &error);
	if (line && json_object_size(line) == 1)
		return line;
	fprintf(stderr, "recording: byte %ld is in no line: %s\n", ftell(file), error.text);
	abort();
}

bool recording__next(FILE *file, json_t *records, enum recording_event *ret_event,
		     uint32_t *ret_number)
{
	json_t *line, *value;
	const char *key;

	while ((line = read_line(file))) {
		void *first = json_object_iter(line);

		key = json_object_iter_key(first);
		value = json_object_iter_value(first);
		if (is_event(key, ret_event)) {
			*ret_number = (uint32_t)strtoul(json_string_value(value), NULL, 10);
			json_decref(line);
			return true;
		}
		if (json_is_null(value))
			json_object_del(records, key);
		else
			json_object_set(records, key, value);
		json_decref(line);
	}
	return false;
}

static void write_line(FILE *file, const char *key, json_t *value)
{
	json_t *line = json_pack("{s:O}", key, value);

	if (!line || json_dumpf(line, file, JSON_COMPACT) || fputc('\n', file) == EOF)
		abort();
	json_decref(line);
}

void recording__add(FILE *file, json_t *records, const json_t *now, enum recording_event event,
		    uint32_t number)
{
	json_t *value, *what;
	const char *key;
	void *next;

	json_object_foreach_safe(records, next, key, value)
	{
		if (json_object_get(now, key))
			continue;
		write_line(file, key, json_null());
		json_object_del(records, key);
	}
	json_object_foreach((json_t *)now, key, value) {
		if (json_equal(json_object_get(records, key), value))
			continue;
		write_line(file, key, value);
		json_object_set(records, key, value);
	}
	what = json_sprintf("%u", number);
	write_line(file, event_name[event], what);
	json_decref(what);
	fflush(file);
}
