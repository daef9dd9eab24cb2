// SPDX-License-Identifier: Apache-2.0
#include "config/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/printable.h"
#include "config/option.h"
#include "config/value.h"

#define DEFAULT_PATH "/metrics"
#define PATH_MAX_BYTES 256

/* The reader's ctx meanwhile. */
struct list {
	struct config *config;
	struct config_metrics *item;
};

static struct list *list_of(struct reader *r)
{
	return r->ctx;
}

bool config_metrics__is_path(const char *text)
{
	size_t length = strlen(text);

	if (text[0] != '/' || length > PATH_MAX_BYTES)
		return false;
	for (size_t i = 0; i < length; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("\"#<>\\^`{|}", text[i]))
			return false;
	return true;
}

static const char *const match_keys[] = { "app", "instance", "cgroup", "executable" };

static int on_match(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	struct config_rule *match = &list_of(r)->item->match;
	char **field[] = { &match->match_app, &match->match_instance, &match->match_cgroup,
			   &match->match_exe };

	return reader__label(r, event, where, field[key]);
}

static const struct section match_section = { "metrics.match.", match_keys, 4, on_match };

static int on_process(struct reader *r, yaml_event_t *event, const char *where)
{
	struct config_metrics *item = list_of(r)->item;
	char **processes;

	if (item->process_count == CONFIG_MAX_PROCESSES)
		return config_error__set(r->error, -E2BIG, where, "expected at most %d names",
					 CONFIG_MAX_PROCESSES);
	processes = reallocarray(item->processes, item->process_count + 1, sizeof(char *));
	if (!processes)
		return config_error__set(r->error, -ENOMEM, where, "out of memory");
	item->processes = processes;
	processes[item->process_count] = NULL;
	item->process_count++;
	return reader__label(r, event, where, &processes[item->process_count - 1]);
}

static int read_port(struct reader *r, const yaml_event_t *event, const char *where)
{
	const char *text;
	uint32_t port;
	int err = reader__text(r, event, where, "a port", false, &text);

	if (err)
		return err;
	if (value__u32(text, 1, 65535, &port))
		return config_error__set(r->error, -EINVAL, where,
					 "expected a port from 1 to 65535, got \"%s\"",
					 PRINTABLE(text));
	list_of(r)->item->port = (uint16_t)port;
	return 0;
}

static int read_path(struct reader *r, const yaml_event_t *event, const char *where)
{
	struct config_metrics *item = list_of(r)->item;
	const char *text;
	int err = reader__text(r, event, where, "a path", true, &text);

	if (err)
		return err;
	if (!config_metrics__is_path(text))
		return config_error__set(r->error, -EINVAL, where,
					 "expected a path such as /metrics, got \"%s\"",
					 PRINTABLE(text));
	free(item->path);
	item->path = strdup(text);
	return item->path ? 0 : config_error__set(r->error, -ENOMEM, where, "out of memory");
}

static int read_scheme(struct reader *r, const yaml_event_t *event, const char *where)
{
	const char *text;
	int err = reader__text(r, event, where, "a scheme", true, &text);

	if (!err && strcmp(text, "http") != 0)
		return config_error__set(r->error, -EINVAL, where, "expected http, got \"%s\"",
					 PRINTABLE(text));
	return err;
}

static const char *const item_keys[] = { "match", "port", "path", "processes", "scheme" };
enum { ITEM_MATCH, ITEM_PORT, ITEM_PATH, ITEM_PROCESSES, ITEM_SCHEME };

static int on_item_key(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	switch (key) {
	case ITEM_MATCH:
		return reader__enter(r, &match_section, event, where);
	case ITEM_PORT:
		return read_port(r, event, where);
	case ITEM_PATH:
		return read_path(r, event, where);
	case ITEM_PROCESSES:
		return reader__list(r, event, where, "metrics.processes", "a list of names",
				    on_process);
	default:
		return read_scheme(r, event, where);
	}
}

static const struct section item_section = { "metrics.", item_keys, 5, on_item_key };

static int on_item(struct reader *r, yaml_event_t *event, const char *where)
{
	struct config *config = list_of(r)->config;
	struct config_metrics *metrics;
	int err;

	if (config->metrics_count == CONFIG_MAX_METRICS)
		return config_error__set(r->error, -E2BIG, where, "expected at most %d endpoints",
					 CONFIG_MAX_METRICS);
	metrics = reallocarray(config->metrics, config->metrics_count + 1, sizeof(*metrics));
	if (!metrics)
		return config_error__set(r->error, -ENOMEM, where, "out of memory");
	config->metrics = metrics;
	list_of(r)->item = &metrics[config->metrics_count++];
	*list_of(r)->item = (struct config_metrics){ .path = strdup(DEFAULT_PATH) };
	if (!list_of(r)->item->path)
		return config_error__set(r->error, -ENOMEM, where, "out of memory");
	err = reader__enter(r, &item_section, event, where);
	if (!err && !list_of(r)->item->port)
		return config_error__set(r->error, -EINVAL, where, "expected port");
	return err;
}

int config_metrics__read(struct reader *r, const yaml_event_t *start, const char *where,
			 struct config *config)
{
	struct list list = { .config = config };
	void *ctx = r->ctx;
	int err;

	r->ctx = &list;
	err = reader__list(r, start, where, "metrics", "a list of endpoints", on_item);
	r->ctx = ctx;
	return err;
}
