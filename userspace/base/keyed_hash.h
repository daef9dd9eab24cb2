/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash for strings that others choose: without the key nobody finds two that
 * collide. SipHash-2-4 (Aumasson and Bernstein, 2012) as libsodium has it, which
 * needs no sodium_init() for it: there is one implementation to choose from.
 */
#ifndef EDGETAP_BASE_KEYED_HASH_H
#define EDGETAP_BASE_KEYED_HASH_H

#include <sodium/crypto_shorthash.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Of n bytes. The key is from getrandom(2), and not shown to anybody. */
static inline uint64_t keyed_hash(const uint64_t key[2], const void *bytes, size_t n)
{
	unsigned char hash[crypto_shorthash_BYTES];
	uint64_t value;

	_Static_assert(sizeof(value) == sizeof(hash), "64 bits");
	_Static_assert(2 * sizeof(key[0]) == crypto_shorthash_KEYBYTES, "a key of 128 bits");
	crypto_shorthash(hash, bytes, n, (const unsigned char *)key);
	memcpy(&value, hash, sizeof(value));
	return value;
}

#endif
