// SPDX-License-Identifier: Apache-2.0
/* The YAML form of the configuration. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/reserved.h"
#include "config/config.h"
#include "config/databases.h"
#include "config/metrics.h"
#include "config/option.h"
#include "config/reader.h"
#include "config/role.h"
#include "config/tokens.h"
#include "config/value.h"

/* The reader's ctx. */
struct file {
	struct config *config;
	struct config_rule *rule;
	bool rule_decides; /* the current rule has set or drop */
	bool rule_matches; /* the current rule has match */
	bool rule_sets;	   /* its set is not empty */

	/* every name of every option, and three more */
	const char *keys[READER_MAX_KEYS];
	const struct config_option *option_of[READER_MAX_KEYS];
	bool given[READER_MAX_KEYS];
	size_t key_count;		    /* of options */
	const struct config_option *option; /* the one that is read */
	const char *directory;		    /* in which the file's relative paths begin */
};

static struct file *file_of(struct reader *r)
{
	return r->ctx;
}

static const char *const match_keys[] = { "app", "instance", "cgroup", "executable" };

static int on_match(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	char **field[] = { &file_of(r)->rule->match_app, &file_of(r)->rule->match_instance,
			   &file_of(r)->rule->match_cgroup, &file_of(r)->rule->match_exe };

	return reader__label(r, event, where, field[key]);
}

static const struct section match_section = { "apps.rules.match.", match_keys, 4, on_match };

static const char *const set_keys[] = { "app", "uprobes" };
enum { SET_APP, SET_UPROBES };

static int on_set_app(struct reader *r, yaml_event_t *event, const char *where)
{
	struct config_rule *rule = file_of(r)->rule;
	int err = reader__label(r, event, where, &rule->set_app);

	if (!err && reserved__is(rule->set_app, strlen(rule->set_app)))
		return config_error__set(r->error, -EINVAL, where,
					 "names that begin and end with two underscores, as "
					 "__other__, are edgetap's own");
	return err;
}

static int on_set(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	bool uprobes = true;
	int err;

	file_of(r)->rule_sets = true;
	if (key == SET_APP)
		return on_set_app(r, event, where);
	err = reader__bool(r, event, where, &uprobes);
	file_of(r)->rule->no_uprobes = !uprobes;
	return err;
}

static const struct section set_section = { "apps.rules.set.", set_keys, 2, on_set };

static const char *const rule_keys[] = { "match", "set", "drop" };
enum { RULE_MATCH, RULE_SET, RULE_DROP };

static int on_rule_key(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	int err;

	if (key == RULE_MATCH) {
		file_of(r)->rule_matches = true;
		return reader__enter(r, &match_section, event, where);
	}
	if (file_of(r)->rule_decides)
		return config_error__set(r->error, -EINVAL, where, "expected either set or drop");
	file_of(r)->rule_decides = true;
	if (key == RULE_SET) {
		err = reader__enter(r, &set_section, event, where);
		if (!err && !file_of(r)->rule_sets)
			return config_error__set(r->error, -EINVAL, where,
						 "expected app: NAME, or uprobes: false");
		return err;
	}
	return reader__bool(r, event, where, &file_of(r)->rule->drop);
}

static const struct section rule_section = { "apps.rules.", rule_keys, 3, on_rule_key };

static int append_rule(struct reader *r, const char *where)
{
	struct config *config = file_of(r)->config;
	struct config_rule *rules;

	if (config->rule_count == CONFIG_MAX_RULES)
		return config_error__set(r->error, -E2BIG, where, "expected at most %d rules",
					 CONFIG_MAX_RULES);
	rules = reallocarray(config->rules, config->rule_count + 1, sizeof(*rules));
	if (!rules)
		return config_error__set(r->error, -ENOMEM, where, "out of memory");
	config->rules = rules;
	file_of(r)->rule = &rules[config->rule_count++];
	memset(file_of(r)->rule, 0, sizeof(*file_of(r)->rule));
	return 0;
}

static int on_rule(struct reader *r, yaml_event_t *event, const char *where)
{
	struct file *file = file_of(r);
	int err = append_rule(r, where);

	if (err)
		return err;
	file->rule_matches = false;
	file->rule_decides = false;
	file->rule_sets = false;
	err = reader__enter(r, &rule_section, event, where);
	if (err)
		return err;
	if (!file->rule_matches || !file->rule_decides)
		return config_error__set(r->error, -EINVAL, where,
					 "expected match, and set or drop");
	return 0;
}

static const char *const apps_keys[] = { "rules" };

static int on_apps_key(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	(void)key;
	return reader__list(r, event, where, "apps.rules", "a list of rules", on_rule);
}

static const struct section apps_section = { "apps.", apps_keys, 1, on_apps_key };

static int on_list_item(struct reader *r, yaml_event_t *event, const char *where)
{
	const struct config_option *option = file_of(r)->option;
	bool quotes = option->type != OPTION_BUCKETS;
	const char *text;
	int err = reader__text(r, event, where, config_option__list_of(option), quotes, &text);

	return err ? err : config_option__add(option, file_of(r)->config, text, where, r->error);
}

static int read_list(struct reader *r, const yaml_event_t *start, const char *where)
{
	const struct config_option *option = file_of(r)->option;
	char what[64], got[OPTION_VALUE_BYTES];
	int err;

	snprintf(what, sizeof(what), "a list of %s", config_option__list_of(option));
	if (start->type == YAML_SEQUENCE_START_EVENT)
		config_option__clear(option, file_of(r)->config);
	err = reader__list(r, start, where, option->name, what, on_list_item);
	config_option__format(option, file_of(r)->config, got);
	if (!err && !got[0])
		return config_error__set(r->error, -EINVAL, where, "expected %s, got an empty one",
					 what);
	return err;
}

static int read_scalar(struct reader *r, const yaml_event_t *event,
		       const struct config_source *source)
{
	const struct config_option *option = file_of(r)->option;
	bool quotes = option->type != OPTION_NUMBER && option->type != OPTION_BOOL &&
		      option->type != OPTION_BYTES;
	char form[OPTION_VALUE_BYTES];
	const char *text;
	int err;

	config_option__form(option, form);
	err = reader__text(r, event, source->where, form, quotes, &text);
	return err ? err : config_option__set(option, file_of(r)->config, text, source, r->error);
}

static int read_option(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	struct file *file = file_of(r);
	const struct config_source source = { where, file->keys[key], file->directory };
	int err;

	file->option = file->option_of[key];
	for (size_t i = 0; i < file->key_count; i++)
		if (file->given[i] && file->option_of[i] == file->option)
			return config_error__set(r->error, -EINVAL, where,
						 "expected one of it and %s, which is the same",
						 file->keys[i]);
	file->given[key] = true;
	if (!config_option__list_of(file->option))
		return read_scalar(r, event, &source);
	err = read_list(r, event, where);
	return err ? err : config_option__note(file->option, file->config, &source, r->error);
}

/* The switch of the collector, or how servers are asked. */
static bool is_databases(const struct config_option *option, const yaml_event_t *event)
{
	return option->offset == offsetof(struct config, postgres) &&
	       event->type == YAML_SEQUENCE_START_EVENT;
}

/* What is the other's has no effect, which is said later (config/warnings.h). */
static int check_role(struct reader *r, size_t key, const char *where)
{
	struct file *file = file_of(r);
	const char *name = key < file->key_count ? file->option_of[key]->name : file->keys[key];

	if (!config_role__takes(file->config->role, name) && file->config->idle_count++ == 0)
		file->config->idle = name;
	return config_role__check(file->config, name, false, where, r->error);
}

/* Top-level keys: the options by all their names, then apps, tokens and metrics. */
static int on_root_key(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	struct file *file = file_of(r);
	int err = check_role(r, key, where);

	if (err)
		return err;
	switch (key - file->key_count) {
	case 0:
		return reader__enter(r, &apps_section, event, where);
	case 1:
		return config_tokens__read(r, file->config, event, where);
	case 2:
		return config_metrics__read(r, event, where, file->config);
	}
	if (is_databases(file->option_of[key], event))
		return config_databases__read(r, file->config, event, where);
	return read_option(r, key, event, where);
}

static void name_keys(struct file *file)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);
	const char *spelling;

	for (size_t i = 0; i < count; i++) {
		for (size_t n = 0; (spelling = config_option__spelling(&options[i], n)) &&
				   file->key_count + 3 < READER_MAX_KEYS;
		     n++) {
			file->option_of[file->key_count] = &options[i];
			file->keys[file->key_count++] = spelling;
		}
	}
	file->keys[file->key_count] = "apps";
	file->keys[file->key_count + 1] = "tokens";
	file->keys[file->key_count + 2] = "metrics";
}

int config__parse(struct config *config, const char *bytes, size_t length, const char *name,
		  struct config_error *error)
{
	char directory[PATH_MAX];
	struct file file = { .config = config, .directory = reader__directory(name, directory) };
	struct section root = { "", file.keys, 0, on_root_key };
	struct reader r = {
		.bytes = bytes,
		.length = length,
		.name = name,
		.such_as = "listen: 127.0.0.1:9777",
		.help = config->role == CONFIG_GATEWAY ? "`edgetap gateway --help`"
						       : "`edgetap serve --help`",
		.ctx = &file,
		.error = error,
	};

	name_keys(&file);
	root.key_count = file.key_count + 3;
	return reader__read(&r, &root);
}
