/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that carry what they allow: macaroons (Birgisson et al., NDSS 2014) in
 * the first format of libmacaroons and pymacaroons, base64url without padding
 * behind "edgetap_". Each caveat narrows, and whoever has a token can add one
 * without the key, never take one away. Pure; a token has one text only.
 */
#ifndef EDGETAP_ACCESS_TOKEN_H
#define EDGETAP_ACCESS_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

#include "access/secret.h"

#define TOKEN_PREFIX "edgetap_"
#define TOKEN_TEXT_MAX 8192 /* with the prefix */
#define TOKEN_BYTES_MAX ((TOKEN_TEXT_MAX - (sizeof(TOKEN_PREFIX) - 1)) / 4 * 3) /* of packets */
#define TOKEN_CAVEATS_MAX 32
#define TOKEN_CAVEAT_BYTES 1024
#define TOKEN_ID_BYTES 128
#define TOKEN_SIGNATURE_BYTES 32

struct token_field {
	const unsigned char *bytes;
	size_t size;
};

/* A token taken apart. The fields point into it. */
struct token {
	unsigned char bytes[TOKEN_BYTES_MAX];
	size_t unsigned_size; /* of bytes: up to the signature's packet */
	struct token_field location, identifier, signature;
	struct token_field caveat[TOKEN_CAVEATS_MAX];
	size_t caveat_count;
};

/* Whether a text claims to be such a token, by its prefix. */
bool token__is_one(const char *text, size_t length);

/*
 * Takes a text apart. Returns 0, -EINVAL for what is none, -E2BIG for one over
 * the limits above, or -ENOTSUP for one with third-party caveats.
 */
int token__parse(struct token *ret_token, const char *text, size_t length);

/* Whether it was signed with the key. Takes the same time for any wrong signature. */
bool token__is_signed(const struct token *token, const struct secret_key *key);

/*
 * Makes a token with these caveats. identifier: a text that no other token of the
 * key has. The text is from malloc. Returns 0, -E2BIG for what is over the limits
 * above, -EINVAL for an empty identifier or caveat, or -ENOMEM.
 */
int token__make(char **ret_text, const struct secret_key *key, const char *identifier,
		const char *const *caveats, size_t count);

/* The same token with more caveats behind its own; the key is not needed. Errors as above. */
int token__attenuate(char **ret_text, const struct token *token, const char *const *caveats,
		     size_t count);

#endif
