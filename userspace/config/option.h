/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The scalar options. Each has one name with three spellings: max_instances in
 * the file, --max-instances as a flag, EDGETAP_MAX_INSTANCES in the environment.
 */
#ifndef EDGETAP_CONFIG_OPTION_H
#define EDGETAP_CONFIG_OPTION_H

#include "config/config.h"

#define OPTION_SPELLING_BYTES 40
#define OPTION_VALUE_BYTES 1024

enum option_type {
	OPTION_LISTEN,
	OPTION_LABEL, /* char * */
	OPTION_PATH,  /* char *, absolute; NULL: not set */
	OPTION_URL,   /* char *, of a server; NULL: not set */
	OPTION_HIERARCHY,
	OPTION_DURATION, /* uint64_t, ns */
	OPTION_TIMEOUT,	 /* uint32_t, ms */
	OPTION_NUMBER,	 /* uint32_t */
	OPTION_BYTES,	 /* uint64_t; 0: auto */
	OPTION_BOOL,
	OPTION_BUCKETS,	 /* bucket_ns, bucket_count */
	OPTION_NETWORKS, /* scrapers, scraper_count */
	OPTION_SET,	 /* uint32_t, one bit for each of option_set's names */
};

struct config_option {
	const char *name; /* as in the file */
	enum option_type type;
	size_t offset;	   /* in struct config */
	uint64_t min, max; /* in the field's unit */
	const char *argument;
	const char *help;
};

/* All of them, in static storage, in the order of the help text. Returns their number. */
size_t config_option__all(const struct config_option **ret_options);

/* NULL if there is none of that name. */
const struct config_option *config_option__find(const char *name);

/* Writes the flag's name without the dashes, or the variable's. size: OPTION_SPELLING_BYTES. */
void config_option__flag(const struct config_option *option, char *buffer);
void config_option__variable(const struct config_option *option, char *buffer);

/*
 * Sets one option from its text. where begins the error message: a flag, a
 * variable, or file, line and key. 0 or a negative errno.
 */
int config_option__set(const struct config_option *option, struct config *config, const char *text,
		       const char *where, struct config_error *error);

/* The value as a text that config_option__set accepts; empty for what is not set. */
void config_option__format(const struct config_option *option, const struct config *config,
			   char buffer[OPTION_VALUE_BYTES]);

/*
 * A list of buckets under construction: begin, add each, then the new list is
 * in config. A failed add leaves the bounds before it.
 */
void config_buckets__clear(struct config *config);
int config_buckets__add(struct config *config, const char *text, const char *where,
			struct config_error *error);

/* The same for a list of networks. */
void config_networks__clear(struct config *config);
int config_networks__add(struct config *config, const char *text, const char *where,
			 struct config_error *error);

/* The names of an OPTION_SET's bits, from the lowest; NULL behind the last. Static. */
const char *const *config_option__set_names(const struct config_option *option);

/* Adds one name to a set. The caller begins with an empty one. 0 or a negative errno. */
int config_option__add(const struct config_option *option, struct config *config, const char *name,
		       const char *where, struct config_error *error);

/* Writes "where: message", one line, control characters replaced. Returns err. */
__attribute__((format(printf, 4, 5))) int
config_error__set(struct config_error *error, int err, const char *where, const char *format, ...);

#endif
