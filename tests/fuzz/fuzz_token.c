// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as the field Authorization, as a token or as a caveat. The first
 * byte chooses. With 't' the rest are a token's packets, so that the fuzzer need
 * not find base64 first.
 */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "access/authorization.h"
#include "access/grant.h"
#include "access/rules.h"
#include "access/token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct secret_key key = { .bytes = "0123456789abcdef0123456789abcdef", .size = 32 };

static const char *text_of(const struct token_field *field)
{
	return memchr(field->bytes, '\0', field->size)
		       ? NULL
		       : strndup((const char *)field->bytes, field->size);
}

/* What was parsed is what is written of the same fields, to the last byte before the signature. */
static void check_one_text(const struct token *token)
{
	const char *identifier = text_of(&token->identifier), *caveats[TOKEN_CAVEATS_MAX];
	static struct token again;
	bool is_text = identifier;
	char *text;

	for (size_t i = 0; i < token->caveat_count; i++) {
		caveats[i] = text_of(&token->caveat[i]);
		is_text &= caveats[i] != NULL;
	}
	if (is_text) {
		if (token__make(&text, &key, identifier, caveats, token->caveat_count) ||
		    token__parse(&again, text, strlen(text)) || !token__is_signed(&again, &key) ||
		    again.unsigned_size != token->unsigned_size ||
		    memcmp(again.bytes, token->bytes, token->unsigned_size) != 0)
			abort();
		free(text);
	}
	for (size_t i = 0; i < token->caveat_count; i++)
		free((char *)caveats[i]);
	free((char *)identifier);
}

/* A parsed token stays within its bounds, and nothing but our key's signature is good. */
static void check_token(const char *text, size_t length)
{
	static const char *const more[] = { "op = read" };
	static struct token token, narrower;
	char *longer;
	bool is_signed;

	if (token__parse(&token, text, length))
		return;
	if (token.caveat_count > TOKEN_CAVEATS_MAX || token.signature.size != TOKEN_SIGNATURE_BYTES)
		abort();
	check_one_text(&token);
	is_signed = token__is_signed(&token, &key);
	if (token__attenuate(&longer, &token, more, 1))
		return;
	if (token__parse(&narrower, longer, strlen(longer)) ||
	    narrower.caveat_count != token.caveat_count + 1 ||
	    token__is_signed(&narrower, &key) != is_signed)
		abort();
	free(longer);
}

static void check_packets(const uint8_t *data, size_t size)
{
	const size_t prefix = strlen(TOKEN_PREFIX);
	size_t room = sodium_base64_encoded_len(size, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	char *text = malloc(prefix + room);

	if (!text)
		return;
	memcpy(text, TOKEN_PREFIX, prefix);
	sodium_bin2base64(text + prefix, room, data, size,
			  sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	check_token(text, strlen(text));
	free(text);
}

/* Lines as caveats: what is allowed behind one was allowed before it. */
static void check_caveats(const char *text)
{
	static struct grant grant, before;

	grant__init(&grant);
	for (;;) {
		size_t length = strcspn(text, "\n");

		before = grant;
		if (grant__narrow(&grant, text, length))
			return;
		for (size_t i = 0; i < grant.app_count; i++) {
			const char *apps[GRANT_APPS_MAX];
			struct scope scope = grant__scope(&before, apps);

			if (!before.no_org && !scope__allows(&scope, grant.app[i]))
				abort();
		}
		if ((grant.all && !before.all) || grant.expires > before.expires ||
		    (before.read_only && !grant.read_only) ||
		    (grant__is_empty(&before) && !grant__is_empty(&grant)))
			abort();
		if (!text[length])
			return;
		text += length + 1;
	}
}

/* Nobody gets in without a good token. */
static void check_field(const char *text)
{
	static struct secret_keys keys = { .count = 1 };
	static struct password_memory passwords;
	const struct rules rules = { .keys = &keys };
	const struct rules_request request = {
		.method = "GET",
		.path = "/metrics",
		.authorization = text,
		.authorization_count = 1,
		.passwords = &passwords,
	};
	struct decision decision;

	keys.key[0] = key;
	if (rules__decide(&rules, &request, &decision) == 0 && decision.verdict == VERDICT_ALLOW)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text;

	if (!size || sodium_init() < 0)
		return 0;
	if (data[0] == 't') {
		check_packets(data + 1, size - 1);
		return 0;
	}
	/* A copy of its own size, so that reading past the end is seen. */
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	if (data[0] == 'c')
		check_caveats(text);
	else if (data[0] == 'b')
		check_token(text, size - 1);
	else
		check_field(text);
	free(text);
	return 0;
}
