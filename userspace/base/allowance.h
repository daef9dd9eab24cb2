/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How many warnings of a kind, and of whose fault it is, are written in a
 * minute: who makes many of them shall not hide those of others. Of fixed size,
 * and pure: the caller has the clock and the lock.
 */
#ifndef EDGETAP_BASE_ALLOWANCE_H
#define EDGETAP_BASE_ALLOWANCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ALLOWANCE_PER_KIND 20  /* in a minute */
#define ALLOWANCE_PER_SOURCE 5 /* of them */
#define ALLOWANCE_KINDS 64     /* further ones share the last */
#define ALLOWANCE_SOURCE_BYTES 129

struct allowance_source {
	char name[ALLOWANCE_SOURCE_BYTES];
	uint32_t written;
};

/* Only who was heard has a source, and there are never more than were written. */
struct allowance_kind {
	const char *format; /* tells it from others by its address; NULL: free */
	uint32_t written, held_back;
	struct allowance_source source[ALLOWANCE_PER_KIND];
	size_t source_count;
};

/* {} is one to begin with. */
struct allowance {
	uint64_t minute_ns; /* its begin */
	uint64_t held_back_total;
	struct allowance_kind kind[ALLOWANCE_KINDS];
};

/*
 * Whether a warning of this kind (the format, static) and source (NULL: nobody's,
 * else its first 128 bytes tell it) may be written now.
 */
bool allowance__take(struct allowance *allowance, const char *format, const char *source);

/*
 * Begins another minute if this one is over; before, say is told how many of
 * each kind were held back.
 */
void allowance__turn(struct allowance *allowance, uint64_t now_ns,
		     void (*say)(void *ctx, const char *format, uint32_t held_back), void *ctx);

/* What all of a kind have in common: its format, with dots for what differs. room: at least 4. */
void allowance__describe(char *to, size_t room, const char *format);

#endif
