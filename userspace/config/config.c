// SPDX-License-Identifier: Apache-2.0
#include "config/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/read_all.h"
#include "config/databases.h"
#include "config/host_name.h"
#include "config/option.h"
#include "config/region.h"
#include "config/role.h"

#define REGION_AUTO "auto"
#define VARIABLE_CONFIG "EDGETAP_CONFIG"

int config__init(struct config *config, struct config_error *error)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);
	char host[HOST_NAME_BYTES];

	host_name__find(host);
	*config = (struct config){ .host = strdup(host) };
	if (!config->host)
		return config_error__set(error, -ENOMEM, "configuration", "out of memory");
	for (size_t i = 0; i < count; i++) {
		const struct config_source source = { .where = options[i].name,
						      .spelling = options[i].name };
		int err = 0;

		if (options[i].standard)
			err = config_option__set(&options[i], config, options[i].standard, &source,
						 error);
		if (err)
			return err;
	}
	return 0;
}

static void free_rule(struct config_rule *rule)
{
	free(rule->match_app);
	free(rule->match_instance);
	free(rule->match_cgroup);
	free(rule->match_exe);
	free(rule->set_app);
}

static void free_metrics(struct config_metrics *metrics)
{
	free_rule(&metrics->match);
	free(metrics->path);
	for (size_t i = 0; i < metrics->process_count; i++)
		free(metrics->processes[i]);
	free(metrics->processes);
}

void config__free(struct config *config)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);

	for (size_t i = 0; i < config->rule_count; i++)
		free_rule(&config->rules[i]);
	for (size_t i = 0; i < config->metrics_count; i++)
		free_metrics(&config->metrics[i]);
	free(config->metrics);
	free(config->rules);
	for (size_t i = 0; i < config->token_count; i++) {
		free(config->tokens[i].name);
		free(config->tokens[i].token_file);
		free(config->tokens[i].sha256);
		free(config->tokens[i].org);
		for (size_t j = 0; j < config->tokens[i].app_count; j++)
			free(config->tokens[i].apps[j]);
		free(config->tokens[i].apps);
	}
	free(config->tokens);
	config_databases__free(config);
	for (size_t i = 0; i < count; i++)
		config_option__free(&options[i], config);
	for (size_t i = 0; i < config->note_count; i++)
		free(config->notes[i]);
	free(config->notes);
	free(config->path);
	memset(config, 0, sizeof(*config));
}

int config__read_file(struct config *config, const char *path, struct config_error *error)
{
	struct stat stat;
	size_t length = 0;
	char *bytes;
	int err = 0, fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 || fstat(fd, &stat))
		err = -errno;
	else if (S_ISDIR(stat.st_mode))
		err = -EISDIR;
	if (err) {
		if (fd >= 0)
			close(fd);
		return config_error__set(error, err, path, "cannot read it: %s", strerror(-err));
	}
	bytes = malloc(CONFIG_FILE_MAX_BYTES + 1);
	if (bytes)
		err = read_all(fd, bytes, CONFIG_FILE_MAX_BYTES + 1, &length);
	close(fd);
	if (!bytes)
		return config_error__set(error, -ENOMEM, path, "out of memory");
	if (err)
		config_error__set(error, err, path, "cannot read it: %s", strerror(-err));
	else if (length > CONFIG_FILE_MAX_BYTES)
		err = config_error__set(error, -EFBIG, path, "expected at most %d bytes",
					CONFIG_FILE_MAX_BYTES);
	else
		err = config__parse(config, bytes, length, path, error);
	free(bytes);
	return err;
}

/* A variable's value, or NULL. An empty one counts as not set, as a pass-through in a pod does. */
static const char *lookup(char *const *environment, const char *name)
{
	size_t length = strlen(name);

	for (; *environment; environment++)
		if (strncmp(*environment, name, length) == 0 && (*environment)[length] == '=')
			return (*environment)[length + 1] ? *environment + length + 1 : NULL;
	return NULL;
}

/*
 * Looks up each option's variables, not each variable's option: Kubernetes puts variables such
 * as EDGETAP_PORT into pods beside a service of the same name.
 */
static int apply_variables(struct config *config, const struct config_option *option,
			   const struct config_sources *sources, struct config_error *error)
{
	char used[OPTION_SPELLING_BYTES] = "", name[OPTION_SPELLING_BYTES];
	const char *spelling;

	for (size_t i = 0; (spelling = config_option__spelling(option, i)); i++) {
		const struct config_source source = { name, spelling, sources->directory };
		const char *value;
		int err;

		config_option__variable(spelling, name);
		value = lookup(sources->environment, name);
		if (!value)
			continue;
		if (used[0])
			return config_error__set(error, -EINVAL, name,
						 "expected one of it and %s, which is the same",
						 used);
		err = config_role__check(config, option->name, false, name, error);
		if (!err)
			err = config_option__set(option, config, value, &source, error);
		if (err)
			return err;
		memcpy(used, name, sizeof(used));
	}
	return 0;
}

static int apply_environment(struct config *config, const struct config_sources *sources,
			     struct config_error *error)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);
	int err = 0;

	for (size_t i = 0; i < count && !err; i++)
		err = apply_variables(config, &options[i], sources, error);
	return err;
}

static int apply_flags(struct config *config, const struct config_sources *sources,
		       struct config_error *error)
{
	int err = 0;

	for (size_t i = 0; i < sources->flag_count && !err; i++) {
		const struct config_flag *flag = &sources->flags[i];
		const struct config_option *option = config_option__find(flag->name);
		char where[OPTION_SPELLING_BYTES + 2] = "--";
		const struct config_source source = { where, flag->name, sources->directory };

		if (option) {
			config_option__flag(flag->name, where + 2);
			err = config_role__check(config, option->name, true, where, error);
			if (!err)
				err = config_option__set(option, config, flag->value, &source,
							 error);
		} else {
			err = config_error__set(error, -EINVAL, flag->name, "unknown option");
		}
	}
	error->is_usage = err && err != -ENOMEM;
	return err;
}

static int find_region(struct config *config, char *const *environment, struct config_error *error)
{
	char region[REGION_BYTES];
	char *copy;

	if (strcmp(config->region, REGION_AUTO) != 0)
		return 0;
	region__find(region, environment, REGION_CLOUD_INIT);
	copy = strdup(region);
	if (!copy)
		return config_error__set(error, -ENOMEM, "region", "out of memory");
	free(config->region);
	config->region = copy;
	return 0;
}

/* Where the file is, or would be. */
static int find_file(struct config *config, const struct config_sources *sources, const char *given,
		     struct config_error *error)
{
	bool begins = given[0] != '/' && sources->directory;
	int length = asprintf(&config->path, "%s%s%s", begins ? sources->directory : "",
			      begins ? "/" : "", given);

	if (length >= 0)
		return 0;
	config->path = NULL;
	return config_error__set(error, -ENOMEM, given, "out of memory");
}

static const char *const default_file[] = {
	[CONFIG_AGENT] = CONFIG_DEFAULT_FILE,
	[CONFIG_GATEWAY] = CONFIG_GATEWAY_FILE,
};

static int apply_file(struct config *config, const struct config_sources *sources,
		      struct config_error *error)
{
	const char *variable = lookup(sources->environment, VARIABLE_CONFIG);
	const char *given = sources->path ? sources->path : variable;
	int err;

	if (given && !given[0]) {
		error->is_usage = true;
		return config_error__set(error, -EINVAL, "--config", "expected a path, got \"\"");
	}
	err = find_file(config, sources, given ? given : default_file[config->role], error);
	if (!err)
		err = config__read_file(config, config->path, error);
	if (err != -ENOENT || given)
		return err;
	free(config->path);
	config->path = NULL;
	return 0;
}

/* Before anything else: some defaults of the gateway are others. */
static int take_role(struct config *config, enum config_role role, struct config_error *error)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);
	int err = 0;

	config->role = role;
	for (size_t i = 0; i < count && role == CONFIG_GATEWAY && !err; i++) {
		const struct config_source source = { .where = options[i].name,
						      .spelling = options[i].name };

		if (options[i].standard_of_gateway)
			err = config_option__set(&options[i], config,
						 options[i].standard_of_gateway, &source, error);
	}
	return err;
}

static int find_upstream(const struct config *config, struct config_error *error)
{
	if (config->query_url)
		return 0;
	error->is_usage = true;
	return config_error__set(error, -EDESTADDRREQ, "query_url",
				 "expected the Prometheus or VictoriaMetrics to ask, "
				 "such as http://127.0.0.1:9090");
}

int config__load(struct config *config, const struct config_sources *sources,
		 struct config_error *error)
{
	int err;

	error->is_usage = false;
	err = config__init(config, error);
	if (!err)
		err = take_role(config, sources->role, error);
	if (!err)
		err = apply_file(config, sources, error);
	if (!err)
		err = apply_environment(config, sources, error);
	if (!err)
		err = apply_flags(config, sources, error);
	if (!err)
		err = sources->role == CONFIG_GATEWAY
			      ? find_upstream(config, error)
			      : find_region(config, sources->environment, error);
	return err;
}

static void add_name(char names[CONFIG_NAMES_BYTES], const char *name)
{
	size_t used = strlen(names);

	if (used + strlen(name) + sizeof(", ...") < CONFIG_NAMES_BYTES)
		snprintf(names + used, CONFIG_NAMES_BYTES - used, "%s%s", used ? ", " : "", name);
	else if (used < 3 || strcmp(names + used - 3, "...") != 0)
		snprintf(names + used, CONFIG_NAMES_BYTES - used, ", ...");
}

bool config__differs(const struct config *config, const struct config *other,
		     char ret_names[CONFIG_NAMES_BYTES])
{
	char names[CONFIG_NAMES_BYTES] = "";
	const struct config_option *options;
	size_t count = config_option__all(&options);

	for (size_t i = 0; i < count; i++) {
		char ours[OPTION_VALUE_BYTES], theirs[OPTION_VALUE_BYTES];

		if (options[i].reloads)
			continue;
		config_option__format(&options[i], config, ours);
		config_option__format(&options[i], other, theirs);
		if (strcmp(ours, theirs) != 0)
			add_name(names, options[i].name);
	}
	if (config_databases__differ(config, other))
		add_name(names, "postgres");
	memcpy(ret_names, names, sizeof(names));
	return names[0] != '\0';
}

#define EXCHANGE(field)                                                                            \
	do {                                                                                       \
		__typeof__(config->field) kept = config->field;                                    \
                                                                                                   \
		config->field = other->field;                                                      \
		other->field = kept;                                                               \
	} while (0)

void config__reload(struct config *config, struct config *other)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);

	for (size_t i = 0; i < count; i++)
		if (options[i].reloads)
			config_option__exchange(&options[i], config, other);
	EXCHANGE(rules);
	EXCHANGE(rule_count);
	EXCHANGE(tokens);
	EXCHANGE(token_count);
	EXCHANGE(metrics);
	EXCHANGE(metrics_count);
}
