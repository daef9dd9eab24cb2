// SPDX-License-Identifier: Apache-2.0
#include "access/password.h"

#include <crypt.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(PASSWORD_DIGEST_BYTES == crypto_generichash_BYTES, "a digest is BLAKE2b's");

void password_memory__init(struct password_memory *memory)
{
	memset(memory, 0, sizeof(*memory));
	pthread_mutex_init(&memory->lock, NULL);
	randombytes_buf(memory->key, sizeof(memory->key));
}

void password_memory__destroy(struct password_memory *memory)
{
	pthread_mutex_destroy(&memory->lock);
	sodium_memzero(memory->key, sizeof(memory->key));
	sodium_memzero(memory->digest, sizeof(memory->digest));
}

/* The strings with their ends, so that no two triples have the same bytes. */
static void digest_of(const struct password_memory *memory, const char *name, const char *hash,
		      const char *password, unsigned char *ret_digest)
{
	crypto_generichash_state state;

	crypto_generichash_init(&state, memory->key, sizeof(memory->key), PASSWORD_DIGEST_BYTES);
	crypto_generichash_update(&state, (const unsigned char *)name, strlen(name) + 1);
	crypto_generichash_update(&state, (const unsigned char *)hash, strlen(hash) + 1);
	crypto_generichash_update(&state, (const unsigned char *)password, strlen(password) + 1);
	crypto_generichash_final(&state, ret_digest, PASSWORD_DIGEST_BYTES);
	sodium_memzero(&state, sizeof(state));
}

static bool has_digest(const struct password_memory *memory, const unsigned char *digest)
{
	bool known = false;

	for (size_t i = 0; i < memory->count; i++)
		known |= sodium_memcmp(memory->digest[i], digest, PASSWORD_DIGEST_BYTES) == 0;
	return known;
}

bool password__is_known(struct password_memory *memory, const char *name, const char *hash,
			const char *password)
{
	unsigned char digest[PASSWORD_DIGEST_BYTES];
	bool known;

	digest_of(memory, name, hash, password, digest);
	pthread_mutex_lock(&memory->lock);
	known = has_digest(memory, digest);
	pthread_mutex_unlock(&memory->lock);
	return known;
}

static void remember(struct password_memory *memory, const unsigned char *digest)
{
	pthread_mutex_lock(&memory->lock);
	if (!has_digest(memory, digest)) {
		memcpy(memory->digest[memory->next], digest, PASSWORD_DIGEST_BYTES);
		memory->next = (memory->next + 1) % PASSWORD_REMEMBERED;
		if (memory->count < PASSWORD_REMEMBERED)
			memory->count++;
	}
	pthread_mutex_unlock(&memory->lock);
}

bool password__compare(const char *hash, const char *password)
{
	struct crypt_data *data = calloc(1, sizeof(*data));
	const char *again;
	bool right;

	if (!data)
		return false;
	/* A failure of libxcrypt's begins with *, and is not as long as a hash. */
	again = crypt_r(password, hash, data);
	right = again && strlen(again) == strlen(hash) &&
		sodium_memcmp(again, hash, strlen(hash)) == 0;
	sodium_memzero(data, sizeof(*data));
	free(data);
	return right;
}

bool password__check(struct password_memory *memory, const char *name, const char *hash,
		     const char *password)
{
	unsigned char digest[PASSWORD_DIGEST_BYTES];
	bool right = password__compare(hash, password);

	if (right) {
		digest_of(memory, name, hash, password, digest);
		remember(memory, digest);
	}
	return right;
}
