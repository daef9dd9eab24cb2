// SPDX-License-Identifier: Apache-2.0
#include "access/token.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A packet: four hexadecimal digits of its own length, a name, a space, a value, a newline. */
#define HEADER_BYTES 4
#define LOCATION "edgetap"

/* The key of the first signature is the secret's HMAC under this text, in every library. */
#define KEY_GENERATOR "macaroons-key-generator"

_Static_assert(TOKEN_SIGNATURE_BYTES == crypto_auth_hmacsha256_BYTES, "signed by HMAC-SHA256");
_Static_assert(TOKEN_SIGNATURE_BYTES == crypto_auth_hmacsha256_KEYBYTES, "a signature is a key");
_Static_assert(TOKEN_BYTES_MAX <= 0xffff, "a packet's length has four digits");

/* What is left of the bytes. */
struct cursor {
	const unsigned char *at, *end;
};

bool token__is_one(const char *text, size_t length)
{
	return length >= strlen(TOKEN_PREFIX) &&
	       memcmp(text, TOKEN_PREFIX, strlen(TOKEN_PREFIX)) == 0;
}

static int hex_digit(unsigned char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Takes the next packet if it has this name. Returns false, having taken nothing, for any other. */
static bool take_packet(struct cursor *cursor, const char *name, struct token_field *ret_value)
{
	size_t left = (size_t)(cursor->end - cursor->at), size = 0, name_size = strlen(name);

	if (left < HEADER_BYTES)
		return false;
	for (int i = 0; i < HEADER_BYTES; i++) {
		int digit = hex_digit(cursor->at[i]);

		if (digit < 0)
			return false;
		size = size * 16 + (size_t)digit;
	}
	if (size > left || size < HEADER_BYTES + name_size + 2)
		return false;
	if (memcmp(cursor->at + HEADER_BYTES, name, name_size) != 0 ||
	    cursor->at[HEADER_BYTES + name_size] != ' ' || cursor->at[size - 1] != '\n')
		return false;
	ret_value->bytes = cursor->at + HEADER_BYTES + name_size + 1;
	ret_value->size = size - HEADER_BYTES - name_size - 2;
	cursor->at += size;
	return true;
}

static int take_caveats(struct token *token, struct cursor *cursor)
{
	struct token_field value;

	while (take_packet(cursor, "cid", &value)) {
		if (token->caveat_count == TOKEN_CAVEATS_MAX || value.size > TOKEN_CAVEAT_BYTES)
			return -E2BIG;
		if (value.size == 0)
			return -EINVAL;
		token->caveat[token->caveat_count++] = value;
	}
	return take_packet(cursor, "vid", &value) || take_packet(cursor, "cl", &value) ? -ENOTSUP
										       : 0;
}

int token__parse(struct token *ret_token, const char *text, size_t length)
{
	const size_t prefix = strlen(TOKEN_PREFIX);
	struct cursor cursor;
	size_t size;
	int err;

	if (!token__is_one(text, length))
		return -EINVAL;
	if (length > TOKEN_TEXT_MAX)
		return -E2BIG;
	/* Refuses a last digit with bits to spare, so that a token has one text only. */
	if (!secret__is_ascii(text, length) ||
	    sodium_base642bin(ret_token->bytes, sizeof(ret_token->bytes), text + prefix,
			      length - prefix, NULL, &size, NULL,
			      sodium_base64_VARIANT_URLSAFE_NO_PADDING))
		return -EINVAL;
	ret_token->caveat_count = 0;
	cursor = (struct cursor){ ret_token->bytes, ret_token->bytes + size };
	if (!take_packet(&cursor, "location", &ret_token->location) ||
	    !take_packet(&cursor, "identifier", &ret_token->identifier))
		return -EINVAL;
	/* The location is not signed; with any other a token would have many texts. */
	if (ret_token->location.size != strlen(LOCATION) ||
	    memcmp(ret_token->location.bytes, LOCATION, strlen(LOCATION)) != 0)
		return -EINVAL;
	if (ret_token->identifier.size > TOKEN_ID_BYTES)
		return -E2BIG;
	err = take_caveats(ret_token, &cursor);
	if (err)
		return err;
	ret_token->unsigned_size = (size_t)(cursor.at - ret_token->bytes);
	if (!take_packet(&cursor, "signature", &ret_token->signature) || cursor.at != cursor.end ||
	    ret_token->signature.size != TOKEN_SIGNATURE_BYTES || ret_token->identifier.size == 0)
		return -EINVAL;
	return 0;
}

static void sign_identifier(unsigned char ret_signature[TOKEN_SIGNATURE_BYTES],
			    const struct secret_key *key, const void *identifier, size_t size)
{
	unsigned char derived[crypto_auth_hmacsha256_BYTES];
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, (const unsigned char *)KEY_GENERATOR,
				    strlen(KEY_GENERATOR));
	crypto_auth_hmacsha256_update(&state, key->bytes, key->size);
	crypto_auth_hmacsha256_final(&state, derived);
	crypto_auth_hmacsha256(ret_signature, identifier, size, derived);
	sodium_memzero(&state, sizeof(state));
	sodium_memzero(derived, sizeof(derived));
}

/* The old signature is the key of the new one: who has it needs no other to narrow a token. */
static void sign_caveat(unsigned char signature[TOKEN_SIGNATURE_BYTES], const void *caveat,
			size_t size)
{
	unsigned char longer[TOKEN_SIGNATURE_BYTES];

	crypto_auth_hmacsha256(longer, caveat, size, signature);
	memcpy(signature, longer, sizeof(longer));
	sodium_memzero(longer, sizeof(longer));
}

bool token__is_signed(const struct token *token, const struct secret_key *key)
{
	unsigned char signature[TOKEN_SIGNATURE_BYTES];
	bool is_signed;

	sign_identifier(signature, key, token->identifier.bytes, token->identifier.size);
	for (size_t i = 0; i < token->caveat_count; i++)
		sign_caveat(signature, token->caveat[i].bytes, token->caveat[i].size);
	is_signed = sodium_memcmp(signature, token->signature.bytes, sizeof(signature)) == 0;
	sodium_memzero(signature, sizeof(signature));
	return is_signed;
}

/* A token while it is made: its packets, and the signature of those that are in it. */
struct draft {
	unsigned char bytes[TOKEN_BYTES_MAX];
	size_t size;
	bool is_full; /* something found no room */
	unsigned char signature[TOKEN_SIGNATURE_BYTES];
};

static void put(struct draft *draft, const void *bytes, size_t size)
{
	draft->is_full |= size > sizeof(draft->bytes) - draft->size;
	if (draft->is_full)
		return;
	memcpy(draft->bytes + draft->size, bytes, size);
	draft->size += size;
}

static void put_packet(struct draft *draft, const char *name, const void *value, size_t size)
{
	char header[HEADER_BYTES + 1];

	snprintf(header, sizeof(header), "%04x",
		 (unsigned int)(HEADER_BYTES + strlen(name) + 1 + size + 1) & 0xffff);
	put(draft, header, HEADER_BYTES);
	put(draft, name, strlen(name));
	put(draft, " ", 1);
	put(draft, value, size);
	put(draft, "\n", 1);
}

static int write_text(char **ret_text, const struct draft *draft)
{
	const size_t prefix = strlen(TOKEN_PREFIX);
	size_t room =
		sodium_base64_encoded_len(draft->size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *text = malloc(prefix + room);

	if (!text)
		return -ENOMEM;
	memcpy(text, TOKEN_PREFIX, prefix);
	sodium_bin2base64(text + prefix, room, draft->bytes, draft->size,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	*ret_text = text;
	return 0;
}

/* Adds the caveats and the signature behind what is there, and writes all of it. */
static int finish(char **ret_text, struct draft *draft, const char *const *caveats, size_t count)
{
	int err;

	for (size_t i = 0; i < count; i++) {
		size_t size = strlen(caveats[i]);

		put_packet(draft, "cid", caveats[i], size);
		sign_caveat(draft->signature, caveats[i], size);
	}
	put_packet(draft, "signature", draft->signature, sizeof(draft->signature));
	err = draft->is_full ? -E2BIG : write_text(ret_text, draft);
	sodium_memzero(draft, sizeof(*draft));
	return err;
}

static int check_caveats(size_t before, const char *const *caveats, size_t count)
{
	if (before + count > TOKEN_CAVEATS_MAX)
		return -E2BIG;
	for (size_t i = 0; i < count; i++) {
		if (!caveats[i][0])
			return -EINVAL;
		if (strlen(caveats[i]) > TOKEN_CAVEAT_BYTES)
			return -E2BIG;
	}
	return 0;
}

int token__make(char **ret_text, const struct secret_key *key, const char *identifier,
		const char *const *caveats, size_t count)
{
	struct draft draft = { .size = 0 };
	size_t size = strlen(identifier);
	int err = check_caveats(0, caveats, count);

	if (err)
		return err;
	if (size == 0 || size > TOKEN_ID_BYTES)
		return size ? -E2BIG : -EINVAL;
	put_packet(&draft, "location", LOCATION, strlen(LOCATION));
	put_packet(&draft, "identifier", identifier, size);
	sign_identifier(draft.signature, key, identifier, size);
	return finish(ret_text, &draft, caveats, count);
}

int token__attenuate(char **ret_text, const struct token *token, const char *const *caveats,
		     size_t count)
{
	struct draft draft = { .size = 0 };
	int err = check_caveats(token->caveat_count, caveats, count);

	if (err)
		return err;
	put(&draft, token->bytes, token->unsigned_size);
	memcpy(draft.signature, token->signature.bytes, sizeof(draft.signature));
	return finish(ret_text, &draft, caveats, count);
}
