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
#include "config/place.h"
#include "config/role.h"
#include "defaults.h"

#define DEFAULT_LISTEN "127.0.0.1:9777"
#define DEFAULT_GATEWAY_LISTEN "127.0.0.1:9778"
#define DEFAULT_RETENTION_NS (300ULL * 1000000000)
#define DEFAULT_STATE_DIR "/run/edgetap"
#define DEFAULT_POSTGRES_INTERVAL_NS (15ULL * 1000000000)
#define DEFAULT_MAX_APPS 2048
#define DEFAULT_HTTP_CONNECTIONS 64
#define DEFAULT_HTTP_TIMEOUT_MS 10000
#define DEFAULT_QUERY_ORG "personal"
#define DEFAULT_QUERY_TIMEOUT_MS 60000
#define DEFAULT_QUERY_THREADS 4
#define REGION_AUTO "auto"
#define DEFAULT_CUSTOM_INTERVAL_NS (15ULL * 1000000000)
#define DEFAULT_CUSTOM_ENDPOINTS 512
#define DEFAULT_CUSTOM_SAMPLES 50000
#define DEFAULT_CUSTOM_BODY_BYTES (10U << 20)
#define DEFAULT_CUSTOM_WIRE_BYTES (4U << 20)
#define VARIABLE_CONFIG "EDGETAP_CONFIG="

static const uint64_t default_bucket_ns[] = {
	100000,	  250000,    500000,	1000000,   2500000,    5000000,	   10000000,   25000000,
	50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000,
};

#define DEFAULT_BUCKETS (sizeof(default_bucket_ns) / sizeof(default_bucket_ns[0]))

_Static_assert(DEFAULT_BUCKETS <= GRID_MAX_CLASSIC, "the default fits the grid");

int config__init(struct config *config, struct config_error *error)
{
	char host[HOST_NAME_BYTES];

	host_name__find(host);
	*config = (struct config){
		.listen = strdup(DEFAULT_LISTEN),
		.region = strdup(REGION_AUTO),
		.host = strdup(host),
		.cgroup_hierarchy = strdup("auto"),
		.state_dir = strdup(DEFAULT_STATE_DIR),
		.retention_ns = DEFAULT_RETENTION_NS,
		.bucket_count = DEFAULT_BUCKETS,
		.max_instances = DEFAULT_MAX_INSTANCES,
		.max_statuses = DEFAULT_MAX_STATUSES,
		.max_groups = DEFAULT_MAX_GROUPS,
		.max_destinations = DEFAULT_MAX_DESTINATIONS,
		.max_rpcs = DEFAULT_MAX_RPCS,
		.max_streams = DEFAULT_MAX_STREAMS,
		.max_apps = DEFAULT_MAX_APPS,
		.http_connections = DEFAULT_HTTP_CONNECTIONS,
		.http_timeout_ms = DEFAULT_HTTP_TIMEOUT_MS,
		.postgres = true,
		.postgres_interval_ns = DEFAULT_POSTGRES_INTERVAL_NS,
		.tls_uprobes = true,
		.query_org = strdup(DEFAULT_QUERY_ORG),
		.query_timeout_ms = DEFAULT_QUERY_TIMEOUT_MS,
		.query_threads = DEFAULT_QUERY_THREADS,
		.tls_libraries = TLS_ALL,
		.custom_metrics = true,
		.custom_interval_ns = DEFAULT_CUSTOM_INTERVAL_NS,
		.custom_endpoints = DEFAULT_CUSTOM_ENDPOINTS,
		.custom_samples = DEFAULT_CUSTOM_SAMPLES,
		.custom_body_bytes = DEFAULT_CUSTOM_BODY_BYTES,
		.custom_wire_bytes = DEFAULT_CUSTOM_WIRE_BYTES,
	};
	memcpy(config->bucket_ns, default_bucket_ns, sizeof(default_bucket_ns));
	if (config->listen && config->region && config->host && config->cgroup_hierarchy &&
	    config->state_dir && config->query_org)
		return 0;
	return config_error__set(error, -ENOMEM, "configuration", "out of memory");
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
	free(config->macaroon_key_file);
	free(config->web_config_file);
	config_databases__free(config);
	free(config->listen);
	free(config->region);
	free(config->host);
	free(config->cgroup_hierarchy);
	free(config->state_dir);
	free(config->docker_socket);
	free(config->podman_socket);
	free(config->containerd_socket);
	free(config->containerd_state);
	free(config->crio_state);
	free(config->query_url);
	free(config->query_org);
	free(config->query_token_file);
	free(config->query_ca_file);
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

/* The value of NAME=, or NULL. An empty one counts as not set, as a pass-through in a pod does. */
static const char *lookup(char *const *environment, const char *name_equals)
{
	size_t length = strlen(name_equals);

	for (; *environment; environment++)
		if (strncmp(*environment, name_equals, length) == 0)
			return (*environment)[length] ? *environment + length : NULL;
	return NULL;
}

/*
 * Looks up each option's variable, not each variable's option: Kubernetes puts
 * variables such as EDGETAP_PORT into pods beside a service of the same name.
 */
static int apply_environment(struct config *config, char *const *environment,
			     struct config_error *error)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);

	for (size_t i = 0; i < count; i++) {
		char name[OPTION_SPELLING_BYTES + 1];
		const char *value;
		size_t length;
		int err;

		config_option__variable(&options[i], name);
		length = strlen(name);
		name[length] = '=';
		name[length + 1] = '\0';
		value = lookup(environment, name);
		if (!value)
			continue;
		name[length] = '\0';
		err = config_role__check(config, options[i].name, false, name, error);
		if (!err)
			err = config_option__set(&options[i], config, value, name, error);
		if (err)
			return err;
	}
	return 0;
}

static int apply_flags(struct config *config, const struct config_flag *flags, size_t count,
		       struct config_error *error)
{
	for (size_t i = 0; i < count; i++) {
		const struct config_option *option = config_option__find(flags[i].name);
		char where[OPTION_SPELLING_BYTES + 2] = "--";
		int err;

		if (!option)
			return config_error__set(error, -EINVAL, flags[i].name, "unknown option");
		config_option__flag(option, where + 2);
		err = config_role__check(config, option->name, true, where, error);
		if (!err)
			err = config_option__set(option, config, flags[i].value, where, error);
		if (err)
			return err;
	}
	return 0;
}

static int find_region(struct config *config, char *const *environment, struct config_error *error)
{
	char region[PLACE_BYTES];
	char *copy;

	if (strcmp(config->region, REGION_AUTO) != 0)
		return 0;
	place__find_region(region, environment, PLACE_CLOUD_INIT);
	copy = strdup(region);
	if (!copy)
		return config_error__set(error, -ENOMEM, "region", "out of memory");
	free(config->region);
	config->region = copy;
	return 0;
}

/* From any file, the default one if path is NULL; over what config is at first. */
static int load(struct config *config, const char *path, const char *default_path,
		const struct config_flag *flags, size_t flag_count, char *const *environment,
		const char **ret_path, struct config_error *error)
{
	const char *variable = lookup(environment, VARIABLE_CONFIG);
	const char *used;
	int err;

	if (variable)
		path = variable;
	used = path ? path : default_path;
	err = config__read_file(config, used, error);
	if (err == -ENOENT && !path) {
		used = NULL;
		err = 0;
	}
	if (!err)
		err = apply_flags(config, flags, flag_count, error);
	if (!err)
		err = apply_environment(config, environment, error);
	if (!err && ret_path)
		*ret_path = used;
	return err;
}

int config__load(struct config *config, const char *path, const struct config_flag *flags,
		 size_t flag_count, char *const *environment, const char **ret_path,
		 struct config_error *error)
{
	int err = config__init(config, error);

	if (!err)
		err = load(config, path, CONFIG_DEFAULT_FILE, flags, flag_count, environment,
			   ret_path, error);
	return err ? err : find_region(config, environment, error);
}

int config__load_gateway(struct config *config, const char *path, const struct config_flag *flags,
			 size_t flag_count, char *const *environment, const char **ret_path,
			 struct config_error *error)
{
	int err = config__init(config, error);

	if (err)
		return err;
	config->role = CONFIG_GATEWAY;
	err = config_option__set(config_option__find("listen"), config, DEFAULT_GATEWAY_LISTEN,
				 "listen", error);
	if (!err)
		err = load(config, path, CONFIG_GATEWAY_FILE, flags, flag_count, environment,
			   ret_path, error);
	if (!err && !config->query_url)
		return config_error__set(error, -EDESTADDRREQ, "query_url",
					 "expected the Prometheus or VictoriaMetrics to ask, "
					 "such as http://127.0.0.1:9090");
	return err;
}

static bool option_reloads(const struct config_option *option)
{
	static const char *const names[] = { "region", "host", "retention", "macaroon_key_file",
					     "web_config_file" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(option->name, names[i]) == 0)
			return true;
	return false;
}

#define EXCHANGE(field)                                                                            \
	do {                                                                                       \
		__typeof__(config->field) kept = config->field;                                    \
                                                                                                   \
		config->field = other->field;                                                      \
		other->field = kept;                                                               \
	} while (0)

bool config__reload(struct config *config, struct config *other)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);
	bool differs = config_databases__differ(config, other);

	for (size_t i = 0; i < count; i++) {
		char ours[OPTION_VALUE_BYTES], theirs[OPTION_VALUE_BYTES];

		if (option_reloads(&options[i]))
			continue;
		config_option__format(&options[i], config, ours);
		config_option__format(&options[i], other, theirs);
		differs |= strcmp(ours, theirs) != 0;
	}
	EXCHANGE(region);
	EXCHANGE(host);
	EXCHANGE(retention_ns);
	EXCHANGE(rules);
	EXCHANGE(rule_count);
	EXCHANGE(tokens);
	EXCHANGE(token_count);
	EXCHANGE(macaroon_key_file);
	EXCHANGE(web_config_file);
	EXCHANGE(metrics);
	EXCHANGE(metrics_count);
	return differs;
}
