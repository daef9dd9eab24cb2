// SPDX-License-Identifier: Apache-2.0
/* What an option's type means: how a text becomes a value, what it may be, and how it is shown. */
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

#define NS_PER_MS 1000000ULL
#define NS_PER_S (1000 * NS_PER_MS)

/* An item of a list; the longest network and number are shorter. */
#define ITEM_BYTES 64

_Static_assert(OPTION_VALUE_BYTES == 1024, "as the form of a path says");

static const char *const library_names[] = { "openssl", "gnutls", "go" };

#define LIBRARY_COUNT (sizeof(library_names) / sizeof(library_names[0]))

/* What a value must be: before and behind its bounds. */
static const struct {
	const char *before, *behind;
	const char *list_of; /* what its items are called */
} forms[] = {
	[OPTION_LISTEN] = { "ADDRESS:PORT such as 127.0.0.1:9777 or [::1]:9777", "", NULL },
	[OPTION_LABEL] = { "at most 128 bytes of UTF-8 text without control characters, and "
			   "without blanks at its ends",
			   "", NULL },
	[OPTION_PATH] = { "a path of at most 1023 bytes, without control characters, and without "
			  "blanks at its ends",
			  "", NULL },
	[OPTION_URL] = { "http://HOST:PORT or https://HOST:PORT, perhaps with a path, without a "
			 "slash at the end",
			 "", NULL },
	[OPTION_HIERARCHY] = { "auto, v2 or the name of a v1 controller", "", NULL },
	[OPTION_DURATION] = { "a time from ", ", such as 90s or 5m", NULL },
	[OPTION_TIMEOUT] = { "a time from ", ", such as 90s or 5m", NULL },
	[OPTION_NUMBER] = { "a whole number from ", "", NULL },
	[OPTION_BYTES] = { "auto, or from ", ", such as 64MiB", NULL },
	[OPTION_BOOL] = { "true or false", "", NULL },
	[OPTION_BUCKETS] = { "seconds from 0.000000001 to 65536 as decimal numbers", "",
			     "numbers" },
	[OPTION_NETWORKS] = { "addresses or networks whose bits behind the prefix are 0, such as "
			      "192.0.2.7, 10.0.0.0/8 or 2001:db8::/32",
			      "", "addresses or networks" },
	[OPTION_SET] = { "names out of openssl, gnutls, go", "", "names" },
};

static void *field_of(const struct config_option *option, struct config *config)
{
	return (char *)config + option->offset;
}

static bool is_text(const struct config_option *option)
{
	return option->type <= OPTION_HIERARCHY;
}

const char *config_option__list_of(const struct config_option *option)
{
	return forms[option->type].list_of;
}

void config_option__flag(const char *spelling, char *buffer)
{
	snprintf(buffer, OPTION_SPELLING_BYTES, "%s", spelling);
	for (char *p = buffer; *p; p++)
		if (*p == '_')
			*p = '-';
}

void config_option__variable(const char *spelling, char *buffer)
{
	snprintf(buffer, OPTION_SPELLING_BYTES, "EDGETAP_%s", spelling);
	for (char *p = buffer; *p; p++)
		*p = *p == '.' ? '_' : (char)toupper((unsigned char)*p);
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

/* The longest, a time of five units, has 40 bytes. */
#define NUMBER_BYTES 48

static void format_number(const struct config_option *option, uint64_t number,
			  char buffer[NUMBER_BYTES])
{
	switch (option->type) {
	case OPTION_DURATION:
		value__format_duration(number, buffer, NUMBER_BYTES);
		break;
	case OPTION_TIMEOUT:
		value__format_duration(number * NS_PER_MS, buffer, NUMBER_BYTES);
		break;
	case OPTION_BYTES:
		value__format_bytes(number, buffer, NUMBER_BYTES);
		break;
	default:
		snprintf(buffer, NUMBER_BYTES, "%llu", (unsigned long long)number);
	}
}

#define BOUNDS_BYTES (2 * NUMBER_BYTES + 8)

/* "2 to 65536"; empty where there are none. */
static void format_bounds(const struct config_option *option, char buffer[BOUNDS_BYTES])
{
	char low[NUMBER_BYTES], high[NUMBER_BYTES];

	format_number(option, option->min, low);
	format_number(option, option->max, high);
	buffer[0] = '\0';
	if (option->max && config_option__list_of(option))
		snprintf(buffer, BOUNDS_BYTES, "at most %s", high);
	else if (option->max)
		snprintf(buffer, BOUNDS_BYTES, "%s to %s", low, high);
}

void config_option__form(const struct config_option *option, char buffer[OPTION_VALUE_BYTES])
{
	char bounds[BOUNDS_BYTES] = "";

	if (!config_option__list_of(option))
		format_bounds(option, bounds);
	snprintf(buffer, OPTION_VALUE_BYTES, "%s%s%s", forms[option->type].before, bounds,
		 forms[option->type].behind);
}

void config_option__facts(const struct config_option *option, enum config_role role,
			  char buffer[OPTION_FACTS_BYTES])
{
	const char *standard = role == CONFIG_GATEWAY && option->standard_of_gateway
				       ? option->standard_of_gateway
				       : option->standard;
	char bounds[BOUNDS_BYTES];

	format_bounds(option, bounds);
	snprintf(buffer, OPTION_FACTS_BYTES, "default: %s%s%s%s",
		 standard ? standard : option->unset, bounds[0] ? "; " : "", bounds,
		 option->reloads ? "; reloadable" : "");
}

static int expected_form(const struct config_option *option, int err, const char *where,
			 const char *text, struct config_error *error)
{
	char form[OPTION_VALUE_BYTES];

	config_option__form(option, form);
	return expected(error, err, where, form, text);
}

void config_option__clear(const struct config_option *option, struct config *config)
{
	if (option->type == OPTION_BUCKETS)
		config->bucket_count = 0;
	else if (option->type == OPTION_NETWORKS)
		config->scraper_count = 0;
	else
		*(uint32_t *)field_of(option, config) = 0;
}

static int too_many(const struct config_option *option, const char *text, const char *where,
		    struct config_error *error)
{
	return config_error__set(error, -E2BIG, where,
				 "expected at most %llu %s, got one more, \"%s\"",
				 (unsigned long long)option->max, config_option__list_of(option),
				 PRINTABLE(text));
}

static int add_bucket(const struct config_option *option, struct config *config, const char *text,
		      const char *where, struct config_error *error)
{
	const uint64_t top_ns = (1ULL << GRID_TOP_EXPONENT) * NS_PER_S;
	uint64_t ns;

	if (value__seconds(text, &ns) || ns == 0 || ns > top_ns)
		return expected_form(option, -EINVAL, where, text, error);
	if (config->bucket_count == option->max)
		return too_many(option, text, where, error);
	if (config->bucket_count > 0 && ns <= config->bucket_ns[config->bucket_count - 1])
		return expected(error, -EINVAL, where, "numbers in ascending order", text);
	config->bucket_ns[config->bucket_count++] = ns;
	return 0;
}

static int add_network(const struct config_option *option, struct config *config, const char *text,
		       const char *where, struct config_error *error)
{
	struct network network;

	if (network__parse(&network, text))
		return expected_form(option, -EINVAL, where, text, error);
	if (config->scraper_count == option->max)
		return too_many(option, text, where, error);
	config->scrapers[config->scraper_count++] = network;
	return 0;
}

static int add_name(const struct config_option *option, struct config *config, const char *text,
		    const char *where, struct config_error *error)
{
	for (size_t i = 0; i < LIBRARY_COUNT; i++) {
		if (strcmp(library_names[i], text) != 0)
			continue;
		*(uint32_t *)field_of(option, config) |= 1U << i;
		return 0;
	}
	return expected_form(option, -EINVAL, where, text, error);
}

int config_option__add(const struct config_option *option, struct config *config, const char *text,
		       const char *where, struct config_error *error)
{
	if (option->type == OPTION_BUCKETS)
		return add_bucket(option, config, text, where, error);
	if (option->type == OPTION_NETWORKS)
		return add_network(option, config, text, where, error);
	return add_name(option, config, text, where, error);
}

/* Adds what stands between commas, each. */
static int set_list(const struct config_option *option, struct config *config, const char *text,
		    const char *where, struct config_error *error)
{
	config_option__clear(option, config);
	/* As it is formatted where there are none. */
	if (!text[0] && option->unset)
		return 0;
	for (;;) {
		char item[ITEM_BYTES];
		size_t length = strcspn(text, ",");
		int err;

		if (length >= sizeof(item))
			return expected_form(option, -EINVAL, where, text, error);
		memcpy(item, text, length);
		item[length] = '\0';
		err = config_option__add(option, config, item, where, error);
		if (err)
			return err;
		if (text[length] == '\0')
			return 0;
		text += length + 1;
	}
}

static bool is_hierarchy(const char *text)
{
	size_t length = strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_");

	return length > 0 && length <= 32 && text[length] == '\0';
}

static int set_text(const struct config_option *option, void *field, const char *text,
		    const char *directory)
{
	struct listen_address address;
	char path[OPTION_VALUE_BYTES];
	const char *message;
	char *copy;
	int err = 0;

	switch (option->type) {
	case OPTION_LISTEN:
		if (listen_address__parse(&address, text, &message))
			return -EINVAL;
		break;
	case OPTION_PATH:
		err = value__path(text, directory, path, sizeof(path));
		text = path;
		break;
	case OPTION_URL:
		if (!url__is_base(text))
			return -EINVAL;
		break;
	case OPTION_HIERARCHY:
		err = is_hierarchy(text) ? 0 : -EINVAL;
		break;
	default:
		err = value__is_label(text) && value__has_no_blank_ends(text) ? 0 : -EINVAL;
	}
	if (err)
		return err;
	copy = strdup(text);
	if (!copy)
		return -ENOMEM;
	free(*(char **)field);
	*(char **)field = copy;
	return 0;
}

static int set_time(const struct config_option *option, void *field, const char *text)
{
	uint64_t unit = option->type == OPTION_TIMEOUT ? NS_PER_MS : 1, ns;

	if (value__duration(text, &ns) || ns < option->min * unit || ns > option->max * unit)
		return -EINVAL;
	if (option->type == OPTION_TIMEOUT)
		*(uint32_t *)field = (uint32_t)(ns / NS_PER_MS);
	else
		*(uint64_t *)field = ns;
	return 0;
}

/* Everything but lists. */
static int set_value(const struct config_option *option, void *field, const char *text,
		     const char *directory)
{
	switch (option->type) {
	case OPTION_DURATION:
	case OPTION_TIMEOUT:
		return set_time(option, field, text);
	case OPTION_NUMBER:
		return value__u32(text, (uint32_t)option->min, (uint32_t)option->max, field);
	case OPTION_BYTES:
		if (strcmp(text, "auto") != 0)
			return value__bytes(text, option->min, option->max, field);
		*(uint64_t *)field = 0;
		return 0;
	case OPTION_BOOL:
		return value__bool(text, field);
	default:
		return set_text(option, field, text, directory);
	}
}

int config_option__note(const struct config_option *option, struct config *config,
			const struct config_source *source, struct config_error *error)
{
	char **notes, *note;

	if (!option->old || strcmp(source->spelling, option->old) != 0)
		return 0;
	notes = reallocarray(config->notes, config->note_count + 1, sizeof(*notes));
	if (notes)
		config->notes = notes;
	if (!notes || asprintf(&note,
			       "%s: is called %s now; the old name works for one more "
			       "release",
			       source->where, option->name) < 0)
		return config_error__set(error, -ENOMEM, source->where, "out of memory");
	config->notes[config->note_count++] = note;
	return 0;
}

int config_option__set(const struct config_option *option, struct config *config, const char *text,
		       const struct config_source *source, struct config_error *error)
{
	int err;

	if (config_option__list_of(option)) {
		err = set_list(option, config, text, source->where, error);
		return err ? err : config_option__note(option, config, source, error);
	}
	err = set_value(option, field_of(option, config), text, source->directory);
	if (err == -ENOMEM)
		return config_error__set(error, err, source->where, "out of memory");
	if (err == -ENOENT)
		return expected(error, err, source->where,
				"an absolute path, as there is no directory to begin at", text);
	if (err)
		return expected_form(option, -EINVAL, source->where, text, error);
	return config_option__note(option, config, source, error);
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

static void format_set(uint32_t bits, char buffer[OPTION_VALUE_BYTES])
{
	size_t used = 0;

	buffer[0] = '\0';
	for (size_t i = 0; i < LIBRARY_COUNT; i++)
		if (bits >> i & 1)
			used += (size_t)snprintf(buffer + used, OPTION_VALUE_BYTES - used, "%s%s",
						 used ? "," : "", library_names[i]);
}

void config_option__format(const struct config_option *option, const struct config *config,
			   char buffer[OPTION_VALUE_BYTES])
{
	const void *field = (const char *)config + option->offset;

	switch (option->type) {
	case OPTION_BYTES:
		snprintf(buffer, OPTION_VALUE_BYTES, "auto");
		if (*(const uint64_t *)field)
			format_number(option, *(const uint64_t *)field, buffer);
		break;
	case OPTION_DURATION:
		format_number(option, *(const uint64_t *)field, buffer);
		break;
	case OPTION_TIMEOUT:
	case OPTION_NUMBER:
		format_number(option, *(const uint32_t *)field, buffer);
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
		format_set(*(const uint32_t *)field, buffer);
		break;
	default:
		snprintf(buffer, OPTION_VALUE_BYTES, "%s",
			 *(char *const *)field ? *(char *const *)field : "");
	}
}

static size_t size_of(const struct config_option *option)
{
	switch (option->type) {
	case OPTION_TIMEOUT:
	case OPTION_NUMBER:
		return sizeof(uint32_t);
	case OPTION_BOOL:
		return sizeof(bool);
	default:
		return sizeof(uint64_t);
	}
}

_Static_assert(sizeof(char *) == sizeof(uint64_t), "a text is as large as a time");

void config_option__exchange(const struct config_option *option, struct config *a, struct config *b)
{
	size_t size = size_of(option);
	uint64_t kept;

	memcpy(&kept, field_of(option, a), size);
	memcpy(field_of(option, a), field_of(option, b), size);
	memcpy(field_of(option, b), &kept, size);
}

void config_option__free(const struct config_option *option, struct config *config)
{
	if (is_text(option))
		free(*(char **)field_of(option, config));
}
