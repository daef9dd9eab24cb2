/* SPDX-License-Identifier: Apache-2.0 */
/*
 * TLS handshakes by what their ClientHellos say: failed ones by server name,
 * side and reason, and hellos by the protocol that they offer first. It is fed
 * with the kernel's events and read by the metric model.
 *
 * Clients choose the names, so each bound is one that a client cannot turn
 * against others. A name with which a handshake has succeeded at an instance is
 * proven there and gets series of its own while there is room; names that are
 * not proven share a much smaller room. What finds none is `__other__`, and so
 * is what is not known. Nothing that fails is left uncounted.
 *
 * Not safe for threads.
 */
#ifndef EDGETAP_EVENTS_NAMES_H
#define EDGETAP_EVENTS_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "snapshot/snapshot.h"

/* Names that have series. */
#define TLS_NAMES_MAX 1024
#define TLS_NAMES_MAX_UNPROVEN 256 /* of these */
#define TLS_NAMES_MAX_OF_SLOT 64
#define TLS_NAMES_MAX_UNPROVEN_OF_SLOT 8 /* besides these */

/*
 * Series. Beyond the bound of a name its reason is `__other__`; beyond that of
 * an instance the name is as well; beyond that of all the instance is.
 */
#define TLS_ERRORS_MAX 3072
#define TLS_ERRORS_RESERVED 1024 /* for the second of these steps */
#define TLS_ERRORS_MAX_OF_SLOT 256
#define TLS_ERRORS_MAX_OF_NAME 24

struct tls_names;

/* About itself. All but hellos_pending only grow. */
struct tls_names_stats {
	uint32_t hellos_pending;    /* whose handshakes have not ended */
	uint64_t hellos_evicted;    /* forgotten before that, for want of room */
	uint64_t hellos_incomplete; /* of which an event was lost, or beyond 16 KiB */
	uint64_t hellos_malformed;  /* no ClientHello as the RFCs have it; its name is "" */
	uint64_t names_invalid;	    /* hellos whose server name is no host name; it is "" */
	uint64_t errors_unknown;    /* failures counted under `__other__`: hello not known */
	uint64_t errors_overflowed; /* failures counted under `__other__`: a bound was reached */
	uint64_t events_invalid;    /* not as event.h says */
};

/* Slots are below slot_count. Returns 0 or a negative errno. */
int tls_names__new(struct tls_names **ret_names, uint32_t slot_count);
void tls_names__free(struct tls_names *names);

/*
 * A piece of a ClientHello. Complete ones are counted once, malformed ones
 * under `__other__`. `bytes` is the length of the event as it was received.
 */
void tls_names__hello(struct tls_names *names, const struct event_tls_hello *event, size_t bytes);

/*
 * The end of a handshake, which names its hello: it proves the name, or is
 * counted as failed. The name is "" if the hello had none that is valid, or if
 * there was no hello (id 0).
 */
void tls_names__end(struct tls_names *names, const struct event_tls_end *event);

/*
 * The slot goes to another instance; its counts must have been added to the
 * roll-up. To be called between loader__slot_detach and loader__slot_reuse, with
 * the slot's generation in between: events of this generation and those before,
 * which may still be under way, count for `__other__`, slot 0.
 */
void tls_names__forget(struct tls_names *names, uint32_t slot, uint32_t generation);

/*
 * What was counted, for the snapshot: SERIES_TLS_ERRORS (server name in lower case, "" without one;
 * "client" or "server"; see reason.h) and SERIES_TLS_HELLOS. Any name may be `__other__`. Valid
 * until the next call that may change it.
 */
size_t tls_names__errors(const struct tls_names *names, const struct snapshot_series **ret_errors);
size_t tls_names__hellos(const struct tls_names *names, const struct snapshot_series **ret_hellos);

/* What it tells about itself. */
void tls_names__stats(const struct tls_names *names, struct tls_names_stats *ret_stats);

#endif
