/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the process that asked a server says, as text. It ran as the server's user and
 * talked to it, so what it says is anybody's. Pure.
 *
 *	edgetap 1
 *	up <server version> <role>
 *	<kind> TAB <value> [TAB <label>]...
 *	missing <number of queries that the server refused>
 *	end
 *
 * or, in place of the middle, `down <reason> <sentence>`.
 */
#ifndef EDGETAP_COLLECT_POSTGRES_RESULT_H
#define EDGETAP_COLLECT_POSTGRES_RESULT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "metrics/own.h"

#define POSTGRES_RESULT_MAX_BYTES (1U << 20)
#define POSTGRES_ROLE_BYTES 64 /* NAMEDATALEN of a server that was not rebuilt */
#define POSTGRES_SENTENCE_BYTES 256

/* Why a server did not answer. Names stand in the text and in a label. */
#define POSTGRES_FAILURES(X) X(NONE, "none") OWN_POSTGRES_FAILED(X)

enum postgres_failure {
#define POSTGRES_FAILURE(id, name) POSTGRES_##id,
	POSTGRES_FAILURES(POSTGRES_FAILURE)
#undef POSTGRES_FAILURE
		POSTGRES_FAILURE_KINDS
};

/* As it stands in the text. */
const char *postgres_failure__name(enum postgres_failure failure);

struct postgres_value {
	uint16_t kind;	   /* enum reading_kind */
	uint32_t label[3]; /* where in text they start; 0: none */
	uint64_t value;
};

struct postgres_result {
	enum postgres_failure failure;		/* POSTGRES_NONE: up */
	char sentence[POSTGRES_SENTENCE_BYTES]; /* why; printable */
	char role[POSTGRES_ROLE_BYTES];		/* that was let in */
	int version;
	unsigned int missing;	      /* queries */
	unsigned int repeated;	      /* values that were there already, left out */
	char *text;		      /* labels, UTF-8; text[0] is '\0' */
	struct postgres_value *value; /* ordered; no two have the same kind and labels */
	size_t count;
};

/*
 * Reads one, all of it or nothing. Returns 0, -EBADMSG if anything is not as it
 * must be, -E2BIG for too many values, or -ENOMEM.
 */
int postgres_result__parse(const char *bytes, size_t length, struct postgres_result *ret_result);

/* Frees what it points to and zeroes it. */
void postgres_result__free(struct postgres_result *result);

/* Makes a sentence printable (base/printable.h), and cuts what has no room then. */
void postgres_text__clean(char text[POSTGRES_SENTENCE_BYTES]);

#endif
