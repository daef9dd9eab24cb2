// SPDX-License-Identifier: Apache-2.0
#include "access/token.h"

#include <errno.h>
#include <macaroons.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

/* A packet: four hexadecimal digits of its own length, a name, a space, a value, a newline. */
#define HEADER_BYTES 4
#define LOCATION "edgetap"
#define NONCE_BYTES 16

_Static_assert(TOKEN_SIGNATURE_BYTES == crypto_auth_hmacsha256_BYTES, "signed by HMAC-SHA256");
_Static_assert(TOKEN_CAVEAT_BYTES < MACAROON_MAX_STRLEN && TOKEN_ID_BYTES < MACAROON_MAX_STRLEN,
	       "what libmacaroons asserts");

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

/* Takes the macaroon and returns it with one more caveat, or NULL. */
static struct macaroon *add_caveat(struct macaroon *macaroon, const unsigned char *caveat,
				   size_t size)
{
	enum macaroon_returncode code;
	struct macaroon *more = NULL;

	if (macaroon)
		more = macaroon_add_first_party_caveat(macaroon, caveat, size, &code);
	macaroon_destroy(macaroon);
	return more;
}

bool token__is_signed(const struct token *token, const struct secret_key *key)
{
	enum macaroon_returncode code;
	struct macaroon *macaroon = macaroon_create(token->location.bytes, token->location.size,
						    key->bytes, key->size, token->identifier.bytes,
						    token->identifier.size, &code);
	const unsigned char *signature;
	bool is_signed = false;
	size_t size;

	for (size_t i = 0; i < token->caveat_count; i++)
		macaroon = add_caveat(macaroon, token->caveat[i].bytes, token->caveat[i].size);
	if (macaroon) {
		macaroon_signature(macaroon, &signature, &size);
		is_signed = size == TOKEN_SIGNATURE_BYTES &&
			    sodium_memcmp(signature, token->signature.bytes, size) == 0;
	}
	macaroon_destroy(macaroon);
	return is_signed;
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

/* Puts the prefix before the library's text. */
static int write_text(char **ret_text, const struct macaroon *macaroon)
{
	const size_t prefix = strlen(TOKEN_PREFIX), room = macaroon_serialize_size_hint(macaroon);
	enum macaroon_returncode code;
	char *text = malloc(prefix + room + 1);

	if (!text)
		return -ENOMEM;
	memcpy(text, TOKEN_PREFIX, prefix);
	if (macaroon_serialize(macaroon, text + prefix, room, &code) ||
	    strlen(text) > TOKEN_TEXT_MAX) {
		free(text);
		return -E2BIG;
	}
	*ret_text = text;
	return 0;
}

int token__make(char **ret_text, const struct secret_key *key, const char *const *caveats,
		size_t count)
{
	unsigned char nonce[NONCE_BYTES];
	char id[2 * NONCE_BYTES + 1];
	enum macaroon_returncode code;
	struct macaroon *macaroon;
	int err = check_caveats(0, caveats, count);

	if (err)
		return err;
	randombytes_buf(nonce, sizeof(nonce));
	sodium_bin2hex(id, sizeof(id), nonce, sizeof(nonce));
	macaroon = macaroon_create((const unsigned char *)LOCATION, strlen(LOCATION), key->bytes,
				   key->size, (const unsigned char *)id, strlen(id), &code);
	for (size_t i = 0; i < count; i++)
		macaroon =
			add_caveat(macaroon, (const unsigned char *)caveats[i], strlen(caveats[i]));
	if (!macaroon)
		return -ENOMEM;
	err = write_text(ret_text, macaroon);
	macaroon_destroy(macaroon);
	return err;
}

/* Appends a packet. There is room: check_room. */
static size_t put_packet(unsigned char *out, const char *name, const void *value, size_t size)
{
	static const char digits[] = "0123456789abcdef";
	size_t name_size = strlen(name), whole = HEADER_BYTES + name_size + 1 + size + 1;

	for (int i = 0; i < HEADER_BYTES; i++)
		out[i] = (unsigned char)digits[whole >> (12 - 4 * i) & 15];
	memcpy(out + HEADER_BYTES, name, name_size);
	out[HEADER_BYTES + name_size] = ' ';
	memcpy(out + HEADER_BYTES + name_size + 1, value, size);
	out[whole - 1] = '\n';
	return whole;
}

static size_t room_for(const struct token *token, const char *const *caveats, size_t count)
{
	size_t room = token->unsigned_size + 64 + TOKEN_SIGNATURE_BYTES;

	for (size_t i = 0; i < count; i++)
		room += HEADER_BYTES + 8 + strlen(caveats[i]);
	return room;
}

/*
 * The library can add a caveat only to what it has parsed, so the two lines of
 * HMAC stand here: the old signature is the key of the new one.
 */
int token__attenuate(char **ret_text, const struct token *token, const char *const *caveats,
		     size_t count)
{
	const size_t prefix = strlen(TOKEN_PREFIX);
	unsigned char signature[TOKEN_SIGNATURE_BYTES], *bytes;
	size_t used = token->unsigned_size, length;
	char *text;
	int err = check_caveats(token->caveat_count, caveats, count);

	if (err)
		return err;
	bytes = malloc(room_for(token, caveats, count));
	if (!bytes)
		return -ENOMEM;
	memcpy(bytes, token->bytes, used);
	memcpy(signature, token->signature.bytes, sizeof(signature));
	for (size_t i = 0; i < count; i++) {
		size_t size = strlen(caveats[i]);

		crypto_auth_hmacsha256(signature, (const unsigned char *)caveats[i], size,
				       signature);
		used += put_packet(bytes + used, "cid", caveats[i], size);
	}
	used += put_packet(bytes + used, "signature", signature, sizeof(signature));
	length = sodium_base64_encoded_len(used, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	text = malloc(prefix + length);
	if (text) {
		memcpy(text, TOKEN_PREFIX, prefix);
		sodium_bin2base64(text + prefix, length, bytes, used,
				  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	}
	free(bytes);
	if (!text)
		return -ENOMEM;
	if (strlen(text) > TOKEN_TEXT_MAX) {
		free(text);
		return -E2BIG;
	}
	*ret_text = text;
	return 0;
}
