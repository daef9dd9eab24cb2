// SPDX-License-Identifier: Apache-2.0
/*
 * The YAML form. Read as a stream of events, because each of them knows its
 * line, and held against what the place allows: nothing is built from a key
 * that is not expected there, so the input's depth and size cost nothing.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#include "config/config.h"
#include "config/option.h"
#include "config/value.h"

#define WHERE_BYTES 320
#define MAX_KEYS 64

struct reader {
	yaml_parser_t yaml;
	const char *bytes;
	size_t length;
	const char *name;
	struct config *config;
	struct config_error *error;
	struct config_rule *rule;
	bool rule_decides; /* the current rule has set or drop */
	bool rule_matches; /* the current rule has match */
	bool rule_sets;	   /* its set is not empty */
};

/* Keys of one mapping, and what to do with the value that event starts. */
struct section {
	const char *path; /* before the key in messages; empty at the top */
	const char *const *keys;
	size_t key_count;
	int (*on_value)(struct reader *r, size_t key, yaml_event_t *event, const char *where);
};

#define _cleanup_event_ __attribute__((cleanup(yaml_event_delete)))

static void reader__where(const struct reader *r, size_t line, const char *path, const char *key,
			  char where[WHERE_BYTES])
{
	const char *name = r->name;
	size_t length = strlen(name);

	/* The end of a long path tells more than its start. */
	if (length > 120)
		name += length - 120;
	if (path[0] || key[0])
		snprintf(where, WHERE_BYTES, "%s:%zu: %.40s%.40s", name, line, path, key);
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

static bool is_null(const yaml_event_t *event)
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
		return is_null(event) ? "nothing" : "a single value";
	default:
		return "the end";
	}
}

static int wrong_type(struct reader *r, const yaml_event_t *event, const char *where,
		      const char *what)
{
	return config_error__set(r->error, -EINVAL, where, "expected %s, got %s", what,
				 event_name(event));
}

/*
 * The text of a scalar, owned by event. quotes tells whether the text may be
 * quoted, which numbers, truth values and lists of them may not.
 */
static int scalar_text(struct reader *r, const yaml_event_t *event, const char *where,
		       const char *what, bool quotes, const char **ret_text)
{
	const char *text;

	if (event->type != YAML_SCALAR_EVENT || is_null(event))
		return wrong_type(r, event, where, what);
	text = (const char *)event->data.scalar.value;
	if (event->data.scalar.tag)
		return config_error__set(r->error, -EINVAL, where, "expected %s without a tag",
					 what);
	if (!quotes && !is_plain(event))
		return config_error__set(r->error, -EINVAL, where, "expected %s without quotes",
					 what);
	if (strlen(text) != event->data.scalar.length)
		return config_error__set(r->error, -EINVAL, where, "expected %s without NUL", what);
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
					 "unknown key \"%s%.48s\"; `edgetap serve --help` lists "
					 "the options",
					 section->path, key);
	return config_error__set(r->error, -EINVAL, where,
				 "unknown key \"%s%.48s\", expected one of %s", section->path, key,
				 known);
}

/* Reads keys and values up to the mapping's end; its start has been read. */
static int reader__mapping(struct reader *r, const struct section *section)
{
	_cleanup_event_ yaml_event_t key = { 0 };
	_cleanup_event_ yaml_event_t value = { 0 };
	bool seen[MAX_KEYS] = { false };

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
		err = scalar_text(r, &key, where, "a key", true, &name);
		if (err)
			return err;
		for (i = 0; i < section->key_count; i++)
			if (strcmp(section->keys[i], name) == 0)
				break;
		if (i == section->key_count)
			return unknown_key(r, section, line, name);
		reader__where(r, line, section->path, name, where);
		if (seen[i])
			return config_error__set(r->error, -EINVAL, where,
						 "expected once, given again");
		seen[i] = true;
		err = reader__next(r, &value);
		if (err)
			return err;
		reader__where(r, value.start_mark.line + 1, section->path, name, where);
		err = section->on_value(r, i, &value, where);
		if (err)
			return err;
	}
}

static int enter_mapping(struct reader *r, const struct section *section, const yaml_event_t *event,
			 const char *where)
{
	if (event->type != YAML_MAPPING_START_EVENT)
		return wrong_type(r, event, where, "keys and values");
	return reader__mapping(r, section);
}

static int read_text(struct reader *r, const yaml_event_t *event, const char *where, char **field)
{
	const char *text;
	char *copy;
	int err = scalar_text(r, event, where, "a text", true, &text);

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

static const char *const match_keys[] = { "app", "instance", "cgroup", "executable" };

static int on_match(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	char **field[] = { &r->rule->match_app, &r->rule->match_instance, &r->rule->match_cgroup,
			   &r->rule->match_exe };

	return read_text(r, event, where, field[key]);
}

static const struct section match_section = { "apps.rules.match.", match_keys, 4, on_match };

static int read_bool(struct reader *r, const yaml_event_t *event, const char *where,
		     bool *ret_value)
{
	const char *text;
	int err = scalar_text(r, event, where, "true or false", false, &text);

	if (err)
		return err;
	if (value__bool(text, ret_value))
		return config_error__set(r->error, -EINVAL, where,
					 "expected true or false, got \"%.48s\"", text);
	return 0;
}

static const char *const set_keys[] = { "app", "uprobes" };
enum { SET_APP, SET_UPROBES };

static int on_set(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	bool uprobes = true;
	int err;

	r->rule_sets = true;
	if (key == SET_APP)
		return read_text(r, event, where, &r->rule->set_app);
	err = read_bool(r, event, where, &uprobes);
	r->rule->no_uprobes = !uprobes;
	return err;
}

static const struct section set_section = { "apps.rules.set.", set_keys, 2, on_set };

static const char *const rule_keys[] = { "match", "set", "drop" };
enum { RULE_MATCH, RULE_SET, RULE_DROP };

static int on_rule_key(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	int err;

	if (key == RULE_MATCH) {
		r->rule_matches = true;
		return enter_mapping(r, &match_section, event, where);
	}
	if (r->rule_decides)
		return config_error__set(r->error, -EINVAL, where, "expected either set or drop");
	r->rule_decides = true;
	if (key == RULE_SET) {
		err = enter_mapping(r, &set_section, event, where);
		if (!err && !r->rule_sets)
			return config_error__set(r->error, -EINVAL, where,
						 "expected app: NAME, or uprobes: false");
		return err;
	}
	return read_bool(r, event, where, &r->rule->drop);
}

static const struct section rule_section = { "apps.rules.", rule_keys, 3, on_rule_key };

static int append_rule(struct reader *r, const char *where)
{
	struct config *config = r->config;
	struct config_rule *rules;

	if (config->rule_count == CONFIG_MAX_RULES)
		return config_error__set(r->error, -E2BIG, where, "expected at most %d rules",
					 CONFIG_MAX_RULES);
	rules = reallocarray(config->rules, config->rule_count + 1, sizeof(*rules));
	if (!rules)
		return config_error__set(r->error, -ENOMEM, where, "out of memory");
	config->rules = rules;
	r->rule = &rules[config->rule_count++];
	memset(r->rule, 0, sizeof(*r->rule));
	return 0;
}

static int read_rules(struct reader *r, const yaml_event_t *start, const char *where)
{
	_cleanup_event_ yaml_event_t event = { 0 };

	if (start->type != YAML_SEQUENCE_START_EVENT)
		return wrong_type(r, start, where, "a list of rules");
	for (;;) {
		char here[WHERE_BYTES];
		int err = reader__next(r, &event);

		if (err)
			return err;
		if (event.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		reader__where(r, event.start_mark.line + 1, "apps.rules", "", here);
		err = append_rule(r, here);
		if (err)
			return err;
		r->rule_matches = false;
		r->rule_decides = false;
		r->rule_sets = false;
		err = enter_mapping(r, &rule_section, &event, here);
		if (err)
			return err;
		if (!r->rule_matches || !r->rule_decides)
			return config_error__set(r->error, -EINVAL, here,
						 "expected match, and set or drop");
	}
}

static const char *const apps_keys[] = { "rules" };

static int on_apps_key(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	(void)key;
	return read_rules(r, event, where);
}

static const struct section apps_section = { "apps.", apps_keys, 1, on_apps_key };

static int read_buckets(struct reader *r, const yaml_event_t *start, const char *where)
{
	_cleanup_event_ yaml_event_t event = { 0 };

	if (start->type != YAML_SEQUENCE_START_EVENT)
		return wrong_type(r, start, where, "a list of numbers");
	config_buckets__clear(r->config);
	for (;;) {
		char here[WHERE_BYTES];
		const char *text;
		int err = reader__next(r, &event);

		if (err)
			return err;
		if (event.type == YAML_SEQUENCE_END_EVENT)
			break;
		reader__where(r, event.start_mark.line + 1, "buckets", "", here);
		err = scalar_text(r, &event, here, "numbers", false, &text);
		if (err)
			return err;
		err = config_buckets__add(r->config, text, here, r->error);
		if (err)
			return err;
	}
	if (r->config->bucket_count == 0)
		return config_error__set(r->error, -EINVAL, where, "expected at least one number");
	return 0;
}

static int read_set(struct reader *r, const struct config_option *option, const yaml_event_t *start,
		    const char *where)
{
	_cleanup_event_ yaml_event_t event = { 0 };
	size_t count = 0;

	if (start->type != YAML_SEQUENCE_START_EVENT)
		return wrong_type(r, start, where, "a list of names");
	memset((char *)r->config + option->offset, 0, sizeof(uint32_t));
	for (;; count++) {
		char here[WHERE_BYTES];
		const char *text;
		int err = reader__next(r, &event);

		if (err)
			return err;
		if (event.type == YAML_SEQUENCE_END_EVENT)
			break;
		reader__where(r, event.start_mark.line + 1, option->name, "", here);
		err = scalar_text(r, &event, here, "a name", true, &text);
		if (err)
			return err;
		err = config_option__add(option, r->config, text, here, r->error);
		if (err)
			return err;
	}
	if (count == 0)
		return config_error__set(r->error, -EINVAL, where, "expected at least one name");
	return 0;
}

/* What a scalar of each type is called where something else stands in its place. */
static const char *const type_name[] = {
	[OPTION_LISTEN] = "ADDRESS:PORT",
	[OPTION_LABEL] = "a text",
	[OPTION_PATH] = "an absolute path",
	[OPTION_HIERARCHY] = "auto, v2 or the name of a v1 controller",
	[OPTION_DURATION] = "a time such as 90s or 5m",
	[OPTION_TIMEOUT] = "a time such as 90s or 5m",
	[OPTION_NUMBER] = "a whole number",
	[OPTION_BOOL] = "true or false",
};

/* Top-level keys: the options in their order, then apps. */
static int on_root_key(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	const struct config_option *options;
	const char *text;
	bool quotes;
	int err;

	if (key == config_option__all(&options))
		return enter_mapping(r, &apps_section, event, where);
	if (options[key].type == OPTION_BUCKETS)
		return read_buckets(r, event, where);
	if (options[key].type == OPTION_SET)
		return read_set(r, &options[key], event, where);
	quotes = options[key].type != OPTION_NUMBER && options[key].type != OPTION_BOOL;
	err = scalar_text(r, event, where, type_name[options[key].type], quotes, &text);
	if (err)
		return err;
	return config_option__set(&options[key], r->config, text, where, r->error);
}

static int read_root(struct reader *r)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);
	const char *keys[MAX_KEYS];
	struct section root = { "", keys, count + 1, on_root_key };

	for (size_t i = 0; i < count; i++)
		keys[i] = options[i].name;
	keys[count] = "apps";
	return reader__mapping(r, &root);
}

static int read_stream(struct reader *r)
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
		err = read_root(r);
	else if (!is_null(&event))
		return reader__fail_at(r, event.start_mark.line + 1,
				       "expected keys and values such as `listen: 127.0.0.1:9777`");
	if (!err)
		err = reader__next(r, &event); /* document end */
	if (!err)
		err = reader__next(r, &event);
	if (!err && event.type != YAML_STREAM_END_EVENT)
		return reader__fail_at(r, event.start_mark.line + 1, "expected a single document");
	return err;
}

int config__parse(struct config *config, const char *bytes, size_t length, const char *name,
		  struct config_error *error)
{
	struct reader r = {
		.bytes = bytes,
		.length = length,
		.name = name,
		.config = config,
		.error = error,
	};
	int err;

	if (!yaml_parser_initialize(&r.yaml))
		return config_error__set(error, -ENOMEM, name, "out of memory");
	yaml_parser_set_input_string(&r.yaml, (const unsigned char *)bytes, length);
	err = read_stream(&r);
	yaml_parser_delete(&r.yaml);
	return err;
}
