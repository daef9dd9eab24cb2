/* SPDX-License-Identifier: Apache-2.0 */
/*
 * YAML for configuration files. Read as a stream of events, because each of
 * them knows its line, and held against what the place allows: nothing is built
 * from a key that is not expected there, so the input's depth and size cost
 * nothing.
 */
#ifndef EDGETAP_CONFIG_READER_H
#define EDGETAP_CONFIG_READER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <yaml.h>

#include "config/config.h"

#define WHERE_BYTES 320
#define READER_MAX_KEYS 96

struct reader {
	yaml_parser_t yaml;
	const char *bytes;
	size_t length;
	const char *name;    /* stands in messages for the file */
	const char *such_as; /* a line of it, for the message that there are no keys and values */
	const char *help;    /* what lists its keys, where they are too many for a message */
	void *ctx;
	const char *key; /* the one whose value is being read */
	struct config_error *error;
};

/*
 * Keys of one mapping, and what to do with the value that event starts. Without
 * keys (NULL, 0) any key is allowed, also repeatedly: r->key tells.
 */
struct section {
	const char *path; /* before the key in messages; empty at the top */
	const char *const *keys;
	size_t key_count;
	int (*on_value)(struct reader *r, size_t key, yaml_event_t *event, const char *where);
};

#define _cleanup_event_ __attribute__((cleanup(yaml_event_delete)))

/*
 * Reads a whole text whose root is this mapping; an empty one is fine. bytes,
 * length, name, such_as, help, ctx and error are set. This and all below return 0 or
 * a negative errno with the sentence for the user in r->error.
 */
int reader__read(struct reader *r, const struct section *root);

/* Reads the keys and values of event, which must be a mapping's start, up to its end. */
int reader__enter(struct reader *r, const struct section *section, const yaml_event_t *event,
		  const char *where);

/* Calls on_item for each element of the list that start begins; what: "a list of rules". */
int reader__list(struct reader *r, const yaml_event_t *start, const char *where, const char *path,
		 const char *what,
		 int (*on_item)(struct reader *r, yaml_event_t *event, const char *where));

/*
 * The text of a scalar, owned by event. quotes tells whether the text may be
 * quoted, which numbers, truth values and lists of them may not.
 */
int reader__text(struct reader *r, const yaml_event_t *event, const char *where, const char *what,
		 bool quotes, const char **ret_text);

/* A text of 1 to 128 bytes without control characters, which replaces *field. */
int reader__label(struct reader *r, const yaml_event_t *event, const char *where, char **field);

/*
 * The directory in which relative paths of the file of that name begin; NULL if the name does not
 * tell.
 */
const char *reader__directory(const char *name, char buffer[PATH_MAX]);

/* A path, made absolute, which replaces *field. A relative one begins where the file is. */
int reader__path(struct reader *r, const yaml_event_t *event, const char *where, char **field);

/* true or false, nothing else. */
int reader__bool(struct reader *r, const yaml_event_t *event, const char *where, bool *ret_value);

#endif
