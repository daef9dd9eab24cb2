// SPDX-License-Identifier: Apache-2.0
#include "config/reader.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/printable.h"
#include "config/option.h"
#include "config/value.h"

/* Writes "FILE:LINE: KEY". */
static void reader__where(const struct reader *r, size_t line, const char *path, const char *key,
			  char where[WHERE_BYTES])
{
	const char *name = r->name;
	size_t length = strlen(name);

	/* The end of a long path tells more than its start. */
	if (length > 120)
		for (name += length - 120; ((unsigned char)*name & 0xc0) == 0x80;)
			name++;
	if (path[0] || key[0])
		snprintf(where, WHERE_BYTES, "%s:%zu: %s%s", name, line, PRINTABLE(path),
			 PRINTABLE(key));
	else
		snprintf(where, WHERE_BYTES, "%s:%zu", name, line);
}

static int reader__fail_at(struct reader *r, size_t line, const char *message)
{
	char where[WHERE_BYTES];

	reader__where(r, line, "", "", where);
	return config_error__set(r->error, -EINVAL, where, "%s", message);
}

/* libyaml's complaint. The decoder below the scanner knows a byte offset, no line. */
static int reader__not_yaml(struct reader *r)
{
	const char *problem = r->yaml.problem ? r->yaml.problem : "unreadable";
	size_t line = r->yaml.problem_mark.line + 1;
	char message[256];

	if (r->yaml.error == YAML_MEMORY_ERROR)
		return config_error__set(r->error, -ENOMEM, r->name, "out of memory");
	if (r->yaml.error == YAML_READER_ERROR) {
		size_t end = r->yaml.problem_offset < r->length ? r->yaml.problem_offset
								: r->length;

		line = 1;
		for (size_t i = 0; i < end; i++)
			line += r->bytes[i] == '\n';
	}
	snprintf(message, sizeof(message), "expected YAML: %s", problem);
	return reader__fail_at(r, line, message);
}

/* The next event; the caller deletes it, also after a failure. */
static int reader__next(struct reader *r, yaml_event_t *event)
{
	yaml_event_delete(event);
	if (!yaml_parser_parse(&r->yaml, event)) {
		memset(event, 0, sizeof(*event));
		return reader__not_yaml(r);
	}
	return 0;
}

static bool is_plain(const yaml_event_t *event)
{
	return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
}

/* Whether the scalar stands for nothing: empty, ~ or null. */
static bool reader__is_null(const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;

	return event->type == YAML_SCALAR_EVENT && is_plain(event) &&
	       (text[0] == '\0' || strcmp(text, "~") == 0 || strcmp(text, "null") == 0);
}

static const char *event_name(const yaml_event_t *event)
{
	switch (event->type) {
	case YAML_MAPPING_START_EVENT:
		return "keys and values";
	case YAML_SEQUENCE_START_EVENT:
		return "a list";
	case YAML_ALIAS_EVENT:
		return "an alias";
	case YAML_SCALAR_EVENT:
		return reader__is_null(event) ? "nothing" : "a single value";
	default:
		return "the end";
	}
}

static int reader__wrong_type(struct reader *r, const yaml_event_t *event, const char *where,
			      const char *what)
{
	return config_error__set(r->error, -EINVAL, where, "expected %s, got %s", what,
				 event_name(event));
}

int reader__text(struct reader *r, const yaml_event_t *event, const char *where, const char *what,
		 bool quotes, const char **ret_text)
{
	const char *text;

	if (event->type != YAML_SCALAR_EVENT || reader__is_null(event))
		return reader__wrong_type(r, event, where, what);
	text = (const char *)event->data.scalar.value;
	if (event->data.scalar.tag)
		return config_error__set(r->error, -EINVAL, where, "expected %s, without a tag",
					 what);
	if (!quotes && !is_plain(event))
		return config_error__set(r->error, -EINVAL, where,
					 "expected %s, without quotes, got \"%s\" in quotes", what,
					 PRINTABLE(text));
	if (strlen(text) != event->data.scalar.length)
		return config_error__set(r->error, -EINVAL, where, "expected %s, without NUL",
					 what);
	*ret_text = text;
	return 0;
}

static int unknown_key(struct reader *r, const struct section *section, size_t line,
		       const char *key)
{
	char where[WHERE_BYTES], known[160] = "";
	size_t used = 0;

	for (size_t i = 0; i < section->key_count && used < sizeof(known); i++)
		used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s", i ? ", " : "",
					 section->keys[i]);
	reader__where(r, line, "", "", where);
	if (used >= sizeof(known))
		return config_error__set(r->error, -EINVAL, where,
					 "unknown key \"%s%s\"; %s lists the options",
					 section->path, PRINTABLE(key), r->help);
	return config_error__set(r->error, -EINVAL, where,
				 "unknown key \"%s%s\", expected one of %s", section->path,
				 PRINTABLE(key), known);
}

static size_t find_key(const struct section *section, const char *name)
{
	size_t i = 0;

	while (i < section->key_count && strcmp(section->keys[i], name) != 0)
		i++;
	return i;
}

/* Reads keys and values up to the mapping's end; its start has been read. */
static int reader__mapping(struct reader *r, const struct section *section)
{
	_cleanup_event_ yaml_event_t key = { 0 };
	_cleanup_event_ yaml_event_t value = { 0 };
	bool seen[READER_MAX_KEYS + 1] = { false };

	for (;;) {
		char where[WHERE_BYTES];
		const char *name;
		size_t line, i;
		int err = reader__next(r, &key);

		if (err)
			return err;
		if (key.type == YAML_MAPPING_END_EVENT)
			return 0;
		line = key.start_mark.line + 1;
		reader__where(r, line, section->path, "", where);
		err = reader__text(r, &key, where, "a key", true, &name);
		if (err)
			return err;
		reader__where(r, line, section->path, name, where);
		i = find_key(section, name);
		if (i == section->key_count && section->keys)
			return unknown_key(r, section, line, name);
		if (section->keys && seen[i])
			return config_error__set(r->error, -EINVAL, where,
						 "expected once, given again");
		seen[i] = true;
		err = reader__next(r, &value);
		if (err)
			return err;
		r->key = name;
		reader__where(r, value.start_mark.line + 1, section->path, name, where);
		err = section->on_value(r, i, &value, where);
		if (err)
			return err;
	}
}

int reader__enter(struct reader *r, const struct section *section, const yaml_event_t *event,
		  const char *where)
{
	if (event->type != YAML_MAPPING_START_EVENT)
		return reader__wrong_type(r, event, where, "keys and values");
	return reader__mapping(r, section);
}

int reader__label(struct reader *r, const yaml_event_t *event, const char *where, char **field)
{
	const char *text;
	char *copy;
	int err = reader__text(r, event, where, "a text", true, &text);

	if (err)
		return err;
	if (text[0] == '\0' || !value__is_label(text))
		return config_error__set(r->error, -EINVAL, where,
					 "expected 1 to 128 bytes of text without control "
					 "characters");
	copy = strdup(text);
	if (!copy)
		return config_error__set(r->error, -ENOMEM, where, "out of memory");
	free(*field);
	*field = copy;
	return 0;
}

const char *reader__directory(const char *name, char buffer[PATH_MAX])
{
	const char *slash = strrchr(name, '/');
	size_t length = slash ? (size_t)(slash - name) : 0;

	if (!slash || length >= PATH_MAX)
		return NULL;
	/* that of /x is / */
	snprintf(buffer, PATH_MAX, "%.*s", (int)(length ? length : 1), name);
	return buffer;
}

/* Messages do not repeat the text: files of secrets are named so, and it may be the secret itself. */
int reader__path(struct reader *r, const yaml_event_t *event, const char *where, char **field)
{
	static const char what[] = "a path without control characters, and without blanks at its "
				   "ends";
	char directory[PATH_MAX], path[OPTION_VALUE_BYTES];
	const char *text;
	int err = reader__text(r, event, where, what, true, &text);

	if (err)
		return err;
	err = value__path(text, reader__directory(r->name, directory), path, sizeof(path));
	if (err)
		return config_error__set(r->error, -EINVAL, where, "expected %s",
					 err == -ENOENT ? "an absolute path" : what);
	free(*field);
	*field = strdup(path);
	return *field ? 0 : config_error__set(r->error, -ENOMEM, where, "out of memory");
}

int reader__bool(struct reader *r, const yaml_event_t *event, const char *where, bool *ret_value)
{
	const char *text;
	int err = reader__text(r, event, where, "true or false", false, &text);

	if (err)
		return err;
	if (value__bool(text, ret_value))
		return config_error__set(r->error, -EINVAL, where,
					 "expected true or false, got \"%s\"", PRINTABLE(text));
	return 0;
}

int reader__list(struct reader *r, const yaml_event_t *start, const char *where, const char *path,
		 const char *what,
		 int (*on_item)(struct reader *r, yaml_event_t *event, const char *where))
{
	_cleanup_event_ yaml_event_t event = { 0 };

	if (start->type != YAML_SEQUENCE_START_EVENT)
		return reader__wrong_type(r, start, where, what);
	for (;;) {
		char here[WHERE_BYTES];
		int err = reader__next(r, &event);

		if (err || event.type == YAML_SEQUENCE_END_EVENT)
			return err;
		reader__where(r, event.start_mark.line + 1, path, "", here);
		err = on_item(r, &event, here);
		if (err)
			return err;
	}
}

static int not_mapping(struct reader *r, size_t line)
{
	char message[96];

	snprintf(message, sizeof(message), "expected keys and values such as `%s`", r->such_as);
	return reader__fail_at(r, line, message);
}

static int read_document(struct reader *r, const struct section *root)
{
	_cleanup_event_ yaml_event_t event = { 0 };
	int err = reader__next(r, &event); /* stream start */

	if (!err)
		err = reader__next(r, &event);
	if (err || event.type == YAML_STREAM_END_EVENT)
		return err;
	err = reader__next(r, &event); /* after the document's start */
	if (err)
		return err;
	if (event.type == YAML_MAPPING_START_EVENT)
		err = reader__mapping(r, root);
	else if (!reader__is_null(&event))
		return not_mapping(r, event.start_mark.line + 1);
	if (!err)
		err = reader__next(r, &event); /* document end */
	if (!err)
		err = reader__next(r, &event);
	if (!err && event.type != YAML_STREAM_END_EVENT)
		return reader__fail_at(r, event.start_mark.line + 1, "expected a single document");
	return err;
}

int reader__read(struct reader *r, const struct section *root)
{
	int err;

	if (!yaml_parser_initialize(&r->yaml))
		return config_error__set(r->error, -ENOMEM, r->name, "out of memory");
	yaml_parser_set_input_string(&r->yaml, (const unsigned char *)r->bytes, r->length);
	err = read_document(r, root);
	yaml_parser_delete(&r->yaml);
	return err;
}
