// SPDX-License-Identifier: Apache-2.0
#include "config/databases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/conninfo.h"
#include "config/option.h"
#include "config/server_match.h"

#define CONNINFO_BYTES 1024

/* The reader's ctx while the list is read. */
struct databases {
	struct config *config;
	struct config_postgres *rule;
};

static struct config_postgres *rule_of(struct reader *r)
{
	return ((struct databases *)r->ctx)->rule;
}

static int copy(struct reader *r, const char *text, const char *where, char **field)
{
	*field = strdup(text);
	return *field ? 0 : config_error__set(r->error, -ENOMEM, where, "out of memory");
}

static const char *const match_keys[] = { "app", "instance", "user", "unit", "exe", "container" };
enum { MATCH_APP, MATCH_INSTANCE, MATCH_USER, MATCH_UNIT, MATCH_EXE, MATCH_CONTAINER, MATCH_KEYS };

static const char *const match_wanted[MATCH_KEYS] = {
	[MATCH_USER] = "the name or the number of a user",
	[MATCH_UNIT] = "the whole name of a service, such as postgresql.service",
	[MATCH_EXE] = "the absolute path of an executable, without links, . and ..",
	[MATCH_CONTAINER] = "the name of a container, or twelve digits or more of its id",
};

/* None of these is a pattern: what looks like one is a mistake that would let nobody in. */
static bool is_match(size_t key, const char *text)
{
	switch (key) {
	case MATCH_USER:
		return server_match__is_user(text);
	case MATCH_UNIT:
		return server_match__is_unit(text);
	case MATCH_EXE:
		return server_match__is_path(text);
	}
	return server_match__is_container(text);
}

static int on_match(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	struct config_postgres *rule = rule_of(r);
	char **const fields[MATCH_KEYS] = { &rule->match_app,  &rule->match_instance,
					    &rule->match_user, &rule->match_unit,
					    &rule->match_exe,  &rule->match_container };
	const char *text;
	int err;

	if (key == MATCH_APP || key == MATCH_INSTANCE)
		return reader__label(r, event, where, fields[key]);
	err = reader__text(r, event, where, match_wanted[key], true, &text);
	if (err)
		return err;
	if (strlen(text) >= OPTION_VALUE_BYTES || !is_match(key, text))
		return config_error__set(r->error, -EINVAL, where, "expected %s",
					 match_wanted[key]);
	return copy(r, text, where, fields[key]);
}

static const struct section match_section = { "postgres.match.", match_keys, MATCH_KEYS, on_match };

/* Messages do not show it: somebody may have put a password there. */
static int on_conninfo(struct reader *r, yaml_event_t *event, const char *where)
{
	const char *text, *obstacle;
	int err = reader__text(r, event, where, "a connection string", true, &text);

	if (err)
		return err;
	obstacle = strlen(text) < CONNINFO_BYTES ? conninfo__obstacle(text) : "a shorter one";
	if (obstacle)
		return config_error__set(r->error, -EINVAL, where, "expected %s", obstacle);
	return copy(r, text, where, &rule_of(r)->conninfo);
}

static const char *const rule_keys[] = { "match", "conninfo", "password_file", "cleartext", "ask" };
enum { RULE_MATCH, RULE_CONNINFO, RULE_PASSWORD_FILE, RULE_CLEARTEXT, RULE_ASK, RULE_KEYS };

static int on_rule_key(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	bool is_asked = true;
	int err;

	switch (key) {
	case RULE_MATCH:
		return reader__enter(r, &match_section, event, where);
	case RULE_CONNINFO:
		return on_conninfo(r, event, where);
	case RULE_PASSWORD_FILE:
		return reader__path(r, event, where, &rule_of(r)->password_file);
	case RULE_CLEARTEXT:
		return reader__bool(r, event, where, &rule_of(r)->may_send_clear);
	}
	err = reader__bool(r, event, where, &is_asked);
	rule_of(r)->is_off = !is_asked;
	return err;
}

static const struct section rule_section = { "postgres.", rule_keys, RULE_KEYS, on_rule_key };

static int on_rule(struct reader *r, yaml_event_t *event, const char *where)
{
	struct databases *databases = r->ctx;
	struct config *config = databases->config;
	struct config_postgres *rules;
	int err;

	if (config->postgres_rule_count == CONFIG_MAX_DATABASES)
		return config_error__set(r->error, -E2BIG, where, "expected at most %d",
					 CONFIG_MAX_DATABASES);
	rules = reallocarray(config->postgres_rules, config->postgres_rule_count + 1,
			     sizeof(*rules));
	if (!rules)
		return config_error__set(r->error, -ENOMEM, where, "out of memory");
	config->postgres_rules = rules;
	databases->rule = &rules[config->postgres_rule_count++];
	memset(databases->rule, 0, sizeof(*databases->rule));
	err = reader__enter(r, &rule_section, event, where);
	if (!err && !databases->rule->is_off && !databases->rule->conninfo &&
	    !databases->rule->password_file)
		return config_error__set(r->error, -EINVAL, where,
					 "expected conninfo, password_file, or ask: false");
	return err;
}

int config_databases__read(struct reader *r, struct config *config, const yaml_event_t *start,
			   const char *where)
{
	struct databases databases = { .config = config };
	void *before = r->ctx;
	int err;

	r->ctx = &databases;
	err = reader__list(r, start, where, "postgres", "true, false, or a list", on_rule);
	r->ctx = before;
	return err;
}

/* By something that no process can choose for itself. */
static bool is_named(const struct config_postgres *rule)
{
	return rule->match_user || rule->match_unit || rule->match_container;
}

const char *config_databases__obstacle(const struct config_postgres *rule)
{
	const char *obstacle = NULL;

	if (rule->is_off || !rule->password_file)
		return NULL;
	if (!is_named(rule))
		return "its match must name the server by user, unit or container, too: what it is "
		       "called, anybody can choose";
	if (!rule->may_send_clear && rule->conninfo)
		obstacle = conninfo__password_obstacle(rule->conninfo);
	return obstacle;
}

static bool differ(const char *a, const char *b)
{
	return strcmp(a ? a : "", b ? b : "") != 0;
}

bool config_databases__differ(const struct config *config, const struct config *other)
{
	if (config->postgres_rule_count != other->postgres_rule_count)
		return true;
	for (size_t i = 0; i < config->postgres_rule_count; i++) {
		const struct config_postgres *a = &config->postgres_rules[i];
		const struct config_postgres *b = &other->postgres_rules[i];

		if (a->is_off != b->is_off || a->may_send_clear != b->may_send_clear ||
		    differ(a->match_app, b->match_app) ||
		    differ(a->match_instance, b->match_instance) ||
		    differ(a->match_user, b->match_user) || differ(a->match_unit, b->match_unit) ||
		    differ(a->match_exe, b->match_exe) ||
		    differ(a->match_container, b->match_container) ||
		    differ(a->conninfo, b->conninfo) || differ(a->password_file, b->password_file))
			return true;
	}
	return false;
}

void config_databases__free(struct config *config)
{
	for (size_t i = 0; i < config->postgres_rule_count; i++) {
		free(config->postgres_rules[i].match_app);
		free(config->postgres_rules[i].match_instance);
		free(config->postgres_rules[i].match_user);
		free(config->postgres_rules[i].match_unit);
		free(config->postgres_rules[i].match_exe);
		free(config->postgres_rules[i].match_container);
		free(config->postgres_rules[i].conninfo);
		free(config->postgres_rules[i].password_file);
	}
	free(config->postgres_rules);
}
