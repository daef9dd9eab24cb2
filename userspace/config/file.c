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
	bool rule_decides;		    /* the current rule has set or drop */
	bool rule_matches;		    /* the current rule has match */
	bool rule_sets;			    /* its set is not empty */
	const struct config_option *option; /* the set whose names are read */
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

static int on_bucket(struct reader *r, yaml_event_t *event, const char *where)
{
	const char *text;
	int err = reader__text(r, event, where, "numbers", false, &text);

	return err ? err : config_buckets__add(file_of(r)->config, text, where, r->error);
}

static int read_buckets(struct reader *r, const yaml_event_t *start, const char *where)
{
	int err;

	if (start->type == YAML_SEQUENCE_START_EVENT)
		config_buckets__clear(file_of(r)->config);
	err = reader__list(r, start, where, "buckets", "a list of numbers", on_bucket);
	if (!err && file_of(r)->config->bucket_count == 0)
		return config_error__set(r->error, -EINVAL, where, "expected at least one number");
	return err;
}

static int on_network(struct reader *r, yaml_event_t *event, const char *where)
{
	const char *text;
	int err = reader__text(r, event, where, "an address or a network", true, &text);

	return err ? err : config_networks__add(file_of(r)->config, text, where, r->error);
}

static int read_networks(struct reader *r, const yaml_event_t *start, const char *where)
{
	int err;

	if (start->type == YAML_SEQUENCE_START_EVENT)
		config_networks__clear(file_of(r)->config);
	err = reader__list(r, start, where, "scrapers", "a list of addresses or networks",
			   on_network);
	if (!err && file_of(r)->config->scraper_count == 0)
		return config_error__set(r->error, -EINVAL, where,
					 "expected at least one address or network");
	return err;
}

static int on_name(struct reader *r, yaml_event_t *event, const char *where)
{
	const char *text;
	int err = reader__text(r, event, where, "a name", true, &text);

	return err ? err
		   : config_option__add(file_of(r)->option, file_of(r)->config, text, where,
					r->error);
}

static int read_set(struct reader *r, const struct config_option *option, const yaml_event_t *start,
		    const char *where)
{
	uint32_t *bits = (uint32_t *)((char *)file_of(r)->config + option->offset);
	int err;

	file_of(r)->option = option;
	if (start->type == YAML_SEQUENCE_START_EVENT)
		*bits = 0;
	err = reader__list(r, start, where, option->name, "a list of names", on_name);
	if (!err && *bits == 0)
		return config_error__set(r->error, -EINVAL, where, "expected at least one name");
	return err;
}

/* What a scalar of each type is called where something else stands in its place. */
static const char *const type_name[] = {
	[OPTION_LISTEN] = "ADDRESS:PORT",
	[OPTION_LABEL] = "a text",
	[OPTION_PATH] = "an absolute path",
	[OPTION_URL] = "an address such as http://127.0.0.1:9090",
	[OPTION_HIERARCHY] = "auto, v2 or the name of a v1 controller",
	[OPTION_DURATION] = "a time such as 90s or 5m",
	[OPTION_TIMEOUT] = "a time such as 90s or 5m",
	[OPTION_NUMBER] = "a whole number",
	[OPTION_BYTES] = "auto, or bytes such as 64MiB",
	[OPTION_BOOL] = "true or false",
};

/* Behind the options, in the order of on_root_key. */
static const char *const list_keys[] = { "apps", "tokens", "metrics" };

#define LIST_KEYS (sizeof(list_keys) / sizeof(list_keys[0]))

/* What is the other's has no effect, which is said later (config/warnings.h). */
static int check_role(struct reader *r, size_t key, const char *where)
{
	struct config *config = file_of(r)->config;
	const struct config_option *options;
	size_t count = config_option__all(&options);
	const char *name = key < count ? options[key].name : list_keys[key - count];

	if (!config_role__takes(config->role, name) && config->idle_count++ == 0)
		config->idle = name;
	return config_role__check(config, name, false, where, r->error);
}

/* Top-level keys: the options in their order, then the lists. */
static int on_root_key(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	const struct config_option *options;
	const char *text;
	bool quotes;
	int err = check_role(r, key, where);

	if (err)
		return err;
	if (key == config_option__all(&options))
		return reader__enter(r, &apps_section, event, where);
	if (key == config_option__all(&options) + 1)
		return config_tokens__read(r, file_of(r)->config, event, where);
	if (key == config_option__all(&options) + 2)
		return config_metrics__read(r, event, where, file_of(r)->config);
	if (options[key].offset == offsetof(struct config, postgres) &&
	    event->type == YAML_SEQUENCE_START_EVENT)
		return config_databases__read(r, file_of(r)->config, event, where);
	if (options[key].type == OPTION_BUCKETS)
		return read_buckets(r, event, where);
	if (options[key].type == OPTION_NETWORKS)
		return read_networks(r, event, where);
	if (options[key].type == OPTION_SET)
		return read_set(r, &options[key], event, where);
	quotes = options[key].type != OPTION_NUMBER && options[key].type != OPTION_BOOL &&
		 options[key].type != OPTION_BYTES;
	err = reader__text(r, event, where, type_name[options[key].type], quotes, &text);
	if (err)
		return err;
	return config_option__set(&options[key], file_of(r)->config, text, where, r->error);
}

static int read_root(struct reader *r)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);
	const char *keys[READER_MAX_KEYS];
	const struct section root = { "", keys, count + LIST_KEYS, on_root_key };

	for (size_t i = 0; i < count; i++)
		keys[i] = options[i].name;
	for (size_t i = 0; i < LIST_KEYS; i++)
		keys[count + i] = list_keys[i];
	return reader__read(r, &root);
}

int config__parse(struct config *config, const char *bytes, size_t length, const char *name,
		  struct config_error *error)
{
	struct file file = { .config = config };
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

	return read_root(&r);
}
