/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The options, one row each (options.c). Each has one name with three spellings: max_instances
 * in the file, --max-instances as a flag, EDGETAP_MAX_INSTANCES in the environment. Their order,
 * what `--help` and check-config print and what messages say come from the rows alone.
 */
#ifndef EDGETAP_CONFIG_OPTION_H
#define EDGETAP_CONFIG_OPTION_H

#include "config/config.h"

#define OPTION_MAX 64 /* no more rows than that */
#define OPTION_SPELLING_BYTES 40
#define OPTION_VALUE_BYTES 1024
#define OPTION_FACTS_BYTES (OPTION_VALUE_BYTES + 128)

enum option_type {
	OPTION_LISTEN, /* this to OPTION_HIERARCHY: char *; NULL: not set */
	OPTION_LABEL,
	OPTION_PATH, /* absolute whatever was given */
	OPTION_URL,  /* of a server */
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

/* Whose an option is: serve's with doctor and check-config, the gateway's, or of both. */
enum option_owner {
	OF_AGENT,
	OF_GATEWAY,
	OF_BOTH,
};

struct config_option {
	const char *name; /* as in the file; collector.NAME and family.NAME are switches */
	enum option_type type;
	size_t offset;	      /* in struct config */
	uint64_t min, max;    /* in the field's unit; of a list: how many it may have */
	const char *standard; /* the default, as it would be given; NULL: it is not set */
	const char *standard_of_gateway; /* its default, if that is another one; or NULL */
	const char *unset;		 /* what that means, for people */
	enum option_owner of;
	bool reloads; /* a new value counts when the configuration is read again */
	const char *argument;
	const char *help;
	const char *begins;  /* the heading of the rows from here on; NULL: as before */
	const char *synonym; /* another name, as good as this; NULL: none */
	const char *old;     /* what an earlier release called it, which works with a warning */
};

/* Where a value stands. */
struct config_source {
	const char *where;    /* begins messages: a flag, a variable, or file, line and key */
	const char *spelling; /* the name that was used there, as in the file */
	const char *
		directory; /* in which relative paths begin, absolute; NULL: they cannot be given */
};

/* All of them, in static storage, in the order of the help text. Returns their number. */
size_t config_option__all(const struct config_option **ret_options);

/* That of a name, a synonym or an old name; NULL: there is none. */
const struct config_option *config_option__find(const char *name);

/* The names that an option is given by, its own first; NULL behind the last. */
const char *config_option__spelling(const struct config_option *option, size_t i);

/* Writes such a name as a flag without the dashes, or as a variable. size: OPTION_SPELLING_BYTES. */
void config_option__flag(const char *spelling, char *buffer);
void config_option__variable(const char *spelling, char *buffer);

/* What a value must be: "a whole number from 2 to 65536". Of a list: what each of its items. */
void config_option__form(const struct config_option *option, char buffer[OPTION_VALUE_BYTES]);

/* The default, the bounds, and whether it reloads: "default: 5m; 0s to 30d; reloadable". */
void config_option__facts(const struct config_option *option, enum config_role role,
			  char buffer[OPTION_FACTS_BYTES]);

/* Sets one option from its text. 0 or a negative errno. */
int config_option__set(const struct config_option *option, struct config *config, const char *text,
		       const struct config_source *source, struct config_error *error);

/* The value as a text that config_option__set accepts; empty for what is not set. */
void config_option__format(const struct config_option *option, const struct config *config,
			   char buffer[OPTION_VALUE_BYTES]);

/* What a list has in it: "numbers". NULL: the option is no list. Static. */
const char *config_option__list_of(const struct config_option *option);

/*
 * A list under construction: begin with an empty one, add each item. A failed add leaves those
 * before it.
 */
void config_option__clear(const struct config_option *option, struct config *config);
int config_option__add(const struct config_option *option, struct config *config, const char *text,
		       const char *where, struct config_error *error);

/* Keeps a sentence for config_warnings__each if the option was given by its old name. */
int config_option__note(const struct config_option *option, struct config *config,
			const struct config_source *source, struct config_error *error);

/* Gives each configuration the other's value. Not of lists. */
void config_option__exchange(const struct config_option *option, struct config *a,
			     struct config *b);

/* Frees what the value points to. */
void config_option__free(const struct config_option *option, struct config *config);

/* Writes "where: message", one line, control characters replaced. Returns err. */
__attribute__((format(printf, 4, 5))) int
config_error__set(struct config_error *error, int err, const char *where, const char *format, ...);

#endif
