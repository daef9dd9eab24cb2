/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Passwords against bcrypt hashes. A check takes tens of milliseconds on
 * purpose, so those that were right are remembered, by a keyed digest, and each
 * costs that time once.
 */
#ifndef EDGETAP_ACCESS_PASSWORD_H
#define EDGETAP_ACCESS_PASSWORD_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define PASSWORD_REMEMBERED 64
#define PASSWORD_DIGEST_BYTES 32

struct password_memory {
	pthread_mutex_t lock;
	unsigned char key[PASSWORD_DIGEST_BYTES]; /* made at the start, so digests tell nothing */
	unsigned char digest[PASSWORD_REMEMBERED][PASSWORD_DIGEST_BYTES];
	size_t count, next; /* the oldest gives way */
};

/* An empty one with a key of its own. */
void password_memory__init(struct password_memory *memory);

/* Overwrites it. */
void password_memory__destroy(struct password_memory *memory);

/* Whether this has been checked before, and was right. Quick. */
bool password__is_known(struct password_memory *memory, const char *name, const char *hash,
			const char *password);

/* Whether a password is the hash's. Takes its time. */
bool password__compare(const char *hash, const char *password);

/* Whether it is right, which takes its time; if so it is remembered. Any thread. */
bool password__check(struct password_memory *memory, const char *name, const char *hash,
		     const char *password);

#endif
