// SPDX-License-Identifier: Apache-2.0
#include "config/option.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/listen.h"
#include "base/printable.h"
#include "base/url.h"
#include "config/value.h"
#include "row.h"

#define NS_PER_MS 1000000ULL
#define NS_PER_S (1000 * NS_PER_MS)
#define NS_PER_DAY (86400ULL * 1000 * NS_PER_MS)

#define FIELD(field) offsetof(struct config, field)

/* clang-format off */
static const struct config_option options[] = {
	{ "listen", OPTION_LISTEN, FIELD(listen), 0, 0, "ADDR:PORT",
	  "where to serve" },
	{ "region", OPTION_LABEL, FIELD(region), 0, 0, "NAME",
	  "value of the label region; auto: as the surroundings tell" },
	{ "host", OPTION_LABEL, FIELD(host), 0, 0, "NAME",
	  "value of the label host (the machine's name)" },
	{ "retention", OPTION_DURATION, FIELD(retention_ns), 0, 30 * NS_PER_DAY, "TIME",
	  "how long the series of a dead instance stay" },
	{ "buckets", OPTION_BUCKETS, FIELD(bucket_ns), 0, 0, "SECONDS,...",
	  "upper bounds of the classic histogram buckets" },
	{ "status_by_code", OPTION_BOOL, FIELD(status_by_code), 0, 0, "true|false",
	  "histograms by exact status instead of its class" },
	{ "cgroup_hierarchy", OPTION_HIERARCHY, FIELD(cgroup_hierarchy), 0, 0, "NAME",
	  "auto, v2, or the v1 controller that tells containers apart" },
	{ "max_instances", OPTION_NUMBER, FIELD(max_instances), 2, 65536, "N",
	  "instances observed at once, __other__ included" },
	{ "max_statuses", OPTION_NUMBER, FIELD(max_statuses), 2, 1048576, "N",
	  "pairs of instance and status" },
	{ "max_groups", OPTION_NUMBER, FIELD(max_groups), 2, 65536, "N",
	  "groups of histogram rows" },
	{ "connection_memory", OPTION_BYTES, FIELD(connection_memory), 1U << 20, 1ULL << 40, "BYTES",
	  "kernel memory of what is remembered of connections; auto: a part of the cgroup's" },
	{ "max_destinations", OPTION_NUMBER, FIELD(max_destinations), 1, 1048576, "N",
	  "addresses connected to" },
	{ "max_rpcs", OPTION_NUMBER, FIELD(max_rpcs), 1, STATUS_RPC_MAX - 1, "N",
	  "pairs of instance and gRPC method" },
	{ "max_streams", OPTION_NUMBER, FIELD(max_streams), 16, 4194304, "N",
	  "HTTP/2 requests followed at once" },
	{ "max_apps", OPTION_NUMBER, FIELD(max_apps), 1, 65536, "N",
	  "apps whose totals outlive their instances" },
	{ "docker_socket", OPTION_PATH, FIELD(docker_socket), 0, 0, "PATH",
	  "Docker's API socket" },
	{ "podman_socket", OPTION_PATH, FIELD(podman_socket), 0, 0, "PATH",
	  "Podman's API socket" },
	{ "containerd_socket", OPTION_PATH, FIELD(containerd_socket), 0, 0, "PATH",
	  "containerd's API socket" },
	{ "containerd_state", OPTION_PATH, FIELD(containerd_state), 0, 0, "DIR",
	  "containerd's state directory" },
	{ "crio_state", OPTION_PATH, FIELD(crio_state), 0, 0, "DIR",
	  "CRI-O's state directory" },
	{ "state_dir", OPTION_PATH, FIELD(state_dir), 0, 0, "DIR",
	  "what one run leaves to the next" },
	{ "http_connections", OPTION_NUMBER, FIELD(http_connections), 1, 1024, "N",
	  "clients served at once" },
	{ "http_timeout", OPTION_TIMEOUT, FIELD(http_timeout_ms), 1000, 600000, "TIME",
	  "how long a client may take to ask" },
	{ "scrapers", OPTION_NETWORKS, FIELD(scrapers), 0, 0, "NETWORK,...",
	  "addresses that always find room, such as 10.0.0.7 or 2001:db8::/64" },
	{ "macaroon_key_file", OPTION_PATH, FIELD(macaroon_key_file), 0, 0, "PATH",
	  "keys of the tokens that `edgetap token` makes" },
	{ "web_config_file", OPTION_PATH, FIELD(web_config_file), 0, 0, "PATH",
	  "TLS and passwords, as Prometheus' exporters have it" },
	{ "query_url", OPTION_URL, FIELD(query_url), 0, 0, "URL",
	  "the Prometheus or VictoriaMetrics behind /prometheus/ORG/" },
	{ "query_org", OPTION_LABEL, FIELD(query_org), 0, 0, "NAME",
	  "ORG in that path" },
	{ "query_token_file", OPTION_PATH, FIELD(query_token_file), 0, 0, "PATH",
	  "the bearer token that it is asked with" },
	{ "query_ca_file", OPTION_PATH, FIELD(query_ca_file), 0, 0, "PATH",
	  "the authorities that prove who it is, instead of the system's" },
	{ "query_timeout", OPTION_TIMEOUT, FIELD(query_timeout_ms), 1000, 600000, "TIME",
	  "how long it may take to answer" },
	{ "query_threads", OPTION_NUMBER, FIELD(query_threads), 1, 16, "N",
	  "queries of one client asked at once" },
	{ "postgres", OPTION_BOOL, FIELD(postgres), 0, 0, "true|false",
	  "ask servers of Postgres for their statistics" },
	{ "postgres_interval", OPTION_DURATION, FIELD(postgres_interval_ns),
	  NS_PER_S, 30 * NS_PER_S, "TIME",
	  "how often each is asked" },
	{ "tls_uprobes", OPTION_BOOL, FIELD(tls_uprobes), 0, 0, "true|false",
	  "see the plain text inside TLS, through uprobes" },
	{ "tls_libraries", OPTION_SET, FIELD(tls_libraries), 0, 0, "NAME,...",
	  "in which libraries: openssl, gnutls, go (all)" },
	{ "custom_metrics", OPTION_BOOL, FIELD(custom_metrics), 0, 0, "true|false",
	  "ask instances for the metrics that they expose themselves" },
	{ "custom_interval", OPTION_DURATION, FIELD(custom_interval_ns), 1000 * NS_PER_MS,
	  3600 * 1000 * NS_PER_MS, "TIME", "how often they are asked" },
	{ "custom_endpoints", OPTION_NUMBER, FIELD(custom_endpoints), 1, 4096, "N",
	  "endpoints that are asked" },
	{ "custom_samples", OPTION_NUMBER, FIELD(custom_samples), 1, 1000000, "N",
	  "samples of one endpoint" },
	{ "custom_body_bytes", OPTION_NUMBER, FIELD(custom_body_bytes), 1024, 1U << 28, "N",
	  "bytes of one endpoint's answer, unpacked" },
	{ "custom_wire_bytes", OPTION_NUMBER, FIELD(custom_wire_bytes), 1024, 1U << 28, "N",
	  "bytes of one endpoint's answer, as they are sent" },
};
/* clang-format on */

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

size_t config_option__all(const struct config_option **ret_options)
{
	*ret_options = options;
	return OPTION_COUNT;
}

const struct config_option *config_option__find(const char *name)
{
	for (size_t i = 0; i < OPTION_COUNT; i++)
		if (strcmp(options[i].name, name) == 0)
			return &options[i];
	return NULL;
}

void config_option__flag(const struct config_option *option, char *buffer)
{
	snprintf(buffer, OPTION_SPELLING_BYTES, "%s", option->name);
	for (char *p = buffer; *p; p++)
		if (*p == '_')
			*p = '-';
}

void config_option__variable(const struct config_option *option, char *buffer)
{
	snprintf(buffer, OPTION_SPELLING_BYTES, "EDGETAP_%s", option->name);
	for (char *p = buffer; *p; p++)
		*p = (char)toupper((unsigned char)*p);
}

int config_error__set(struct config_error *error, int err, const char *where, const char *format,
		      ...)
{
	/* Longer than what is kept, which is cut between characters. */
	char message[CONFIG_ERROR_BYTES + 8], place[204];
	va_list arguments;
	int used;

	va_start(arguments, format);
	vsnprintf(message, sizeof(message), format, arguments);
	va_end(arguments);
	/* A path may be as long as it likes; what was expected must still be readable. */
	printable__copy(place, sizeof(place), where);
	used = snprintf(error->text, sizeof(error->text), "%s: ", place);
	printable__copy(error->text + used, sizeof(error->text) - (size_t)used, message);
	return err;
}

static int expected(struct config_error *error, int err, const char *where, const char *what,
		    const char *text)
{
	return config_error__set(error, err, where, "expected %s, got \"%s\"", what,
				 PRINTABLE(text));
}

void config_buckets__clear(struct config *config)
{
	config->bucket_count = 0;
}

int config_buckets__add(struct config *config, const char *text, const char *where,
			struct config_error *error)
{
	const uint64_t top_ns = (1ULL << GRID_TOP_EXPONENT) * 1000 * NS_PER_MS;
	uint64_t ns;

	if (value__seconds(text, &ns) || ns == 0 || ns > top_ns)
		return expected(error, -EINVAL, where,
				"seconds from 0.000000001 to 65536 as decimal numbers", text);
	if (config->bucket_count == GRID_MAX_CLASSIC)
		return config_error__set(error, -E2BIG, where, "expected at most %d numbers",
					 GRID_MAX_CLASSIC);
	if (config->bucket_count > 0 && ns <= config->bucket_ns[config->bucket_count - 1])
		return expected(error, -EINVAL, where, "numbers in ascending order", text);
	config->bucket_ns[config->bucket_count++] = ns;
	return 0;
}

void config_networks__clear(struct config *config)
{
	config->scraper_count = 0;
}

int config_networks__add(struct config *config, const char *text, const char *where,
			 struct config_error *error)
{
	struct network network;

	if (network__parse(&network, text))
		return expected(error, -EINVAL, where,
				"addresses or networks whose bits behind the prefix are 0, such as "
				"192.0.2.7, 10.0.0.0/8 or 2001:db8::/32",
				text);
	if (config->scraper_count == CONFIG_MAX_SCRAPERS)
		return config_error__set(error, -E2BIG, where, "expected at most %d networks",
					 CONFIG_MAX_SCRAPERS);
	config->scrapers[config->scraper_count++] = network;
	return 0;
}

/* Adds what stands between commas, each. */
static int add_items(struct config *config, const char *text, const char *where, const char *what,
		     int (*add)(struct config *config, const char *text, const char *where,
				struct config_error *error),
		     struct config_error *error)
{
	for (;;) {
		char item[64];
		size_t length = strcspn(text, ",");
		int err;

		if (length >= sizeof(item))
			return expected(error, -EINVAL, where, what, text);
		memcpy(item, text, length);
		item[length] = '\0';
		err = add(config, item, where, error);
		if (err)
			return err;
		if (text[length] == '\0')
			return 0;
		text += length + 1;
	}
}

static const char *const library_names[] = { "openssl", "gnutls", "go", NULL };

const char *const *config_option__set_names(const struct config_option *option)
{
	return option->type == OPTION_SET ? library_names : NULL;
}

int config_option__add(const struct config_option *option, struct config *config, const char *name,
		       const char *where, struct config_error *error)
{
	uint32_t *field = (uint32_t *)((char *)config + option->offset);

	for (size_t i = 0; library_names[i]; i++) {
		if (strcmp(library_names[i], name) != 0)
			continue;
		*field |= 1U << i;
		return 0;
	}
	return expected(error, -EINVAL, where, "names out of openssl, gnutls, go", name);
}

/* The names between commas. */
static int set_names(const struct config_option *option, struct config *config, const char *text,
		     const char *where, struct config_error *error)
{
	*(uint32_t *)((char *)config + option->offset) = 0;
	for (;;) {
		char item[64];
		size_t length = strcspn(text, ",");
		int err;

		snprintf(item, sizeof(item), "%.*s", (int)(length < 63 ? length : 63), text);
		err = config_option__add(option, config, item, where, error);
		if (err)
			return err;
		if (text[length] == '\0')
			return 0;
		text += length + 1;
	}
}

static int set_string(char **field, const char *text, const char *where, struct config_error *error)
{
	char *copy = strdup(text);

	if (!copy)
		return config_error__set(error, -ENOMEM, where, "out of memory");
	free(*field);
	*field = copy;
	return 0;
}

static bool is_hierarchy(const char *text)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return length > 0 && length <= 32 && text[length] == '\0';
}

static int set_time(const struct config_option *option, void *field, const char *text,
		    const char *where, struct config_error *error)
{
	uint64_t unit = option->type == OPTION_TIMEOUT ? NS_PER_MS : 1;
	char what[160], low[48], high[48];
	uint64_t ns;

	if (value__duration(text, &ns) || ns < option->min * unit || ns > option->max * unit) {
		value__format_duration(option->min * unit, low, sizeof(low));
		value__format_duration(option->max * unit, high, sizeof(high));
		snprintf(what, sizeof(what), "a time from %s to %s, such as 90s or 5m", low, high);
		return expected(error, -EINVAL, where, what, text);
	}
	if (option->type == OPTION_TIMEOUT)
		*(uint32_t *)field = (uint32_t)(ns / NS_PER_MS);
	else
		*(uint64_t *)field = ns;
	return 0;
}

int config_option__set(const struct config_option *option, struct config *config, const char *text,
		       const char *where, struct config_error *error)
{
	void *field = (char *)config + option->offset;
	struct listen_address address;
	const char *message;
	char what[128];

	switch (option->type) {
	case OPTION_LISTEN:
		if (listen_address__parse(&address, text, &message))
			return expected(error, -EINVAL, where,
					"ADDRESS:PORT such as 127.0.0.1:9777 or [::1]:9777", text);
		return set_string(field, text, where, error);
	case OPTION_LABEL:
		if (!value__is_label(text))
			return expected(
				error, -EINVAL, where,
				"at most 128 bytes of UTF-8 text without control characters", text);
		return set_string(field, text, where, error);
	case OPTION_PATH:
		if (text[0] != '/' || strlen(text) >= OPTION_VALUE_BYTES)
			return expected(error, -EINVAL, where, "an absolute path", text);
		return set_string(field, text, where, error);
	case OPTION_URL:
		if (!url__is_base(text))
			return expected(error, -EINVAL, where,
					"http://HOST:PORT or https://HOST:PORT, perhaps with a "
					"path, without a slash at the end",
					text);
		return set_string(field, text, where, error);
	case OPTION_HIERARCHY:
		if (!is_hierarchy(text))
			return expected(error, -EINVAL, where,
					"auto, v2 or the name of a v1 controller", text);
		return set_string(field, text, where, error);
	case OPTION_DURATION:
	case OPTION_TIMEOUT:
		return set_time(option, field, text, where, error);
	case OPTION_NUMBER:
		if (value__u32(text, (uint32_t)option->min, (uint32_t)option->max, field) == 0)
			return 0;
		snprintf(what, sizeof(what), "a whole number from %llu to %llu",
			 (unsigned long long)option->min, (unsigned long long)option->max);
		return expected(error, -EINVAL, where, what, text);
	case OPTION_BYTES:
		if (strcmp(text, "auto") == 0) {
			*(uint64_t *)field = 0;
			return 0;
		}
		if (value__bytes(text, option->min, option->max, field) == 0)
			return 0;
		return expected(error, -EINVAL, where,
				"auto, or from 1MiB to 1024GiB, such as 64MiB", text);
	case OPTION_BOOL:
		if (value__bool(text, field) == 0)
			return 0;
		return expected(error, -EINVAL, where, "true or false", text);
	case OPTION_BUCKETS:
		config_buckets__clear(config);
		return add_items(config, text, where, "numbers separated by commas",
				 config_buckets__add, error);
	case OPTION_NETWORKS:
		config_networks__clear(config);
		/* As it is formatted where there are none. */
		if (!text[0])
			return 0;
		return add_items(config, text, where, "networks separated by commas",
				 config_networks__add, error);
	case OPTION_SET:
		return set_names(option, config, text, where, error);
	}
	return -EINVAL;
}

static void format_buckets(const struct config *config, char buffer[OPTION_VALUE_BYTES])
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < config->bucket_count && used < OPTION_VALUE_BYTES; i++) {
		char number[40];

		value__format_seconds(config->bucket_ns[i], number, sizeof(number));
		used += (size_t)snprintf(buffer + used, OPTION_VALUE_BYTES - used, "%s%s",
					 i ? "," : "", number);
	}
}

static void format_networks(const struct config *config, char buffer[OPTION_VALUE_BYTES])
{
	size_t used = 0;

	_Static_assert(CONFIG_MAX_SCRAPERS * (NETWORK_BYTES + 1) <= OPTION_VALUE_BYTES,
		       "all of them fit");
	buffer[0] = '\0';
	for (size_t i = 0; i < config->scraper_count; i++) {
		char text[NETWORK_BYTES];

		network__format(&config->scrapers[i], text);
		used += (size_t)snprintf(buffer + used, OPTION_VALUE_BYTES - used, "%s%s",
					 i ? "," : "", text);
	}
}

static void format_set(const struct config_option *option, uint32_t bits,
		       char buffer[OPTION_VALUE_BYTES])
{
	const char *const *names = config_option__set_names(option);
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; names[i]; i++)
		if (bits >> i & 1)
			used += (size_t)snprintf(buffer + used, OPTION_VALUE_BYTES - used, "%s%s",
						 used ? "," : "", names[i]);
}

void config_option__format(const struct config_option *option, const struct config *config,
			   char buffer[OPTION_VALUE_BYTES])
{
	const void *field = (const char *)config + option->offset;
	const char *text;

	switch (option->type) {
	case OPTION_LISTEN:
	case OPTION_LABEL:
	case OPTION_PATH:
	case OPTION_URL:
	case OPTION_HIERARCHY:
		text = *(char *const *)field;
		snprintf(buffer, OPTION_VALUE_BYTES, "%s", text ? text : "");
		break;
	case OPTION_DURATION:
		value__format_duration(*(const uint64_t *)field, buffer, OPTION_VALUE_BYTES);
		break;
	case OPTION_TIMEOUT:
		value__format_duration(*(const uint32_t *)field * NS_PER_MS, buffer,
				       OPTION_VALUE_BYTES);
		break;
	case OPTION_NUMBER:
		snprintf(buffer, OPTION_VALUE_BYTES, "%u", *(const uint32_t *)field);
		break;
	case OPTION_BYTES:
		snprintf(buffer, OPTION_VALUE_BYTES, "auto");
		if (*(const uint64_t *)field)
			value__format_bytes(*(const uint64_t *)field, buffer, OPTION_VALUE_BYTES);
		break;
	case OPTION_BOOL:
		snprintf(buffer, OPTION_VALUE_BYTES, "%s", *(const bool *)field ? "true" : "false");
		break;
	case OPTION_BUCKETS:
		format_buckets(config, buffer);
		break;
	case OPTION_NETWORKS:
		format_networks(config, buffer);
		break;
	case OPTION_SET:
		format_set(option, *(const uint32_t *)field, buffer);
		break;
	}
}
