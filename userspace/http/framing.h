/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a request can be read in one way only. Where it cannot, a proxy in
 * front of the agent may see an end of the message where the library sees none,
 * and what is behind it becomes a request that the proxy has never let through.
 * Such a request is refused, and its connection closed (RFC 9112, 2.2, 3, 5, 6).
 * Pure: it is given what the library has made of the head, line by line.
 */
#ifndef EDGETAP_HTTP_FRAMING_H
#define EDGETAP_HTTP_FRAMING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct framing {
	unsigned int status; /* 0: nothing is wrong so far; 400 or 501 */
	const char *why;     /* static */
	bool is_chunked;
	uint64_t length; /* of Content-Length; 0 without */

	/* What has been seen so far. */
	const char *head; /* NULL: the library's memory is not looked at */
	const char *at;	  /* where the next line must begin */
	bool is_http10;
	unsigned int hosts, lengths, codings;
};

/*
 * The request line. in_place: the library reads the head where it was received
 * and only ends its words with NUL, so that what it has skipped (the second of
 * two spaces, a bare LF, a folded line, what is behind a NUL) is a gap between
 * two words. target_length is that of the target as received, decoded or not.
 */
void framing__begin(struct framing *ret_framing, bool in_place, const char *method,
		    const char *target, size_t target_length, const char *version);

/* The fields, in their order. */
void framing__field(struct framing *framing, const char *name, size_t name_length,
		    const char *value, size_t value_length);

/* The empty line; head_bytes: of all, from the method on. After it all is known. */
void framing__end(struct framing *framing, size_t head_bytes);

/* A field behind chunked content. */
void framing__trailer(struct framing *framing, const char *name, size_t name_length,
		      const char *value, size_t value_length);

#endif
