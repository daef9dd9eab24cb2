/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ClientHellos whose handshakes have not ended: put together from their pieces,
 * then kept as the name that they ask for. Number and memory are bounded; the
 * oldest goes first.
 */
#ifndef EDGETAP_EVENTS_PENDING_H
#define EDGETAP_EVENTS_PENDING_H

#include <stdbool.h>

#include "events/hello.h"

#define TLS_PENDING_MAX 4096
#define TLS_PENDING_HELLO_MAX 16384	       /* bytes of one hello, in pieces or whole */
#define TLS_PENDING_PARTIAL_BYTES (256 * 1024) /* of all that are not complete */
#define TLS_PENDING_NAME_BYTES (192 * 1024)    /* of all names */

struct tls_pending;

struct tls_pending_counts {
	uint32_t now;	   /* hellos that wait for more, or for the end of their handshakes */
	uint64_t evicted;  /* the oldest, for want of room */
	uint64_t broken;   /* a piece was missing, or the hello too long to be kept */
	uint64_t bad;	   /* not a well-formed ClientHello */
	uint64_t nameless; /* server name that is no host name */
};

/* What a piece has brought about. */
enum tls_piece {
	TLS_PIECE_NOTHING,
	TLS_PIECE_HELLO, /* the hello is complete */
	TLS_PIECE_BAD,	 /* the hello is complete, and malformed */
};

/* Returns 0 or -ENOMEM. */
int tls_pending__new(struct tls_pending **ret_pending);
void tls_pending__free(struct tls_pending *pending);

/*
 * Adds the n bytes at `offset` of the hello `id`, of which earlier ones must
 * have come before. ret_alpn is written with TLS_PIECE_HELLO. Without memory
 * the hello is broken.
 */
enum tls_piece tls_pending__add(struct tls_pending *pending, uint32_t id, uint32_t offset,
				const uint8_t *bytes, size_t n, enum tls_alpn *ret_alpn);

/*
 * The handshake has ended: the hello is forgotten. True if its name is known,
 * which is "" if it had none that is valid; ret_name has TLS_SERVER_NAME_BYTES.
 */
bool tls_pending__take(struct tls_pending *pending, uint32_t id, char *ret_name);

/* Since the start, but for what is there now. */
const struct tls_pending_counts *tls_pending__counts(const struct tls_pending *pending);

#endif
