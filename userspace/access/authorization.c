// SPDX-License-Identifier: Apache-2.0
#include "access/authorization.h"

#include <errno.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include "access/secret.h"

/* The longest that RFC 7617's base64 of name, colon and password can be. */
#define BASIC_BYTES (AUTHORIZATION_NAME_BYTES + AUTHORIZATION_PASSWORD_BYTES)

/* If the field begins with this scheme and a space, what stands behind it, else NULL. */
static const char *behind_scheme(const char *field, const char *scheme)
{
	size_t length = strlen(scheme);

	if (strncasecmp(field, scheme, length) != 0 || field[length] != ' ')
		return NULL;
	return field + length + strspn(field + length, " ");
}

static int parse_tokens(struct authorization *ret, const char *text, size_t max)
{
	ret->scheme = AUTHORIZATION_TOKENS;
	for (;;) {
		size_t length = max > 1 ? strcspn(text, ",") : strlen(text), shown = length;

		while (shown > 0 && text[shown - 1] == ' ')
			shown--;
		if (!secret__is_token(text, shown))
			return -EINVAL;
		if (ret->token_count == max)
			return -E2BIG;
		ret->token[ret->token_count].text = text;
		ret->token[ret->token_count++].length = shown;
		if (!text[length])
			return 0;
		text += length + 1;
		text += strspn(text, " ");
	}
}

static int split(struct authorization *ret, const char *plain, size_t length)
{
	const char *colon = memchr(plain, ':', length);
	size_t name_length, password_length;

	if (!colon || memchr(plain, '\0', length))
		return -EINVAL;
	name_length = (size_t)(colon - plain);
	password_length = length - name_length - 1;
	if (name_length >= sizeof(ret->name) || password_length >= sizeof(ret->password))
		return -E2BIG;
	memcpy(ret->name, plain, name_length);
	memcpy(ret->password, colon + 1, password_length);
	return 0;
}

static int parse_basic(struct authorization *ret, const char *text)
{
	char plain[BASIC_BYTES];
	const char *end;
	size_t length;
	int err;

	ret->scheme = AUTHORIZATION_BASIC;
	if (strlen(text) > sodium_base64_ENCODED_LEN(BASIC_BYTES, sodium_base64_VARIANT_ORIGINAL))
		return -E2BIG;
	if (!secret__is_ascii(text, strlen(text)))
		return -EINVAL;
	err = sodium_base642bin((unsigned char *)plain, sizeof(plain), text, strlen(text), NULL,
				&length, &end, sodium_base64_VARIANT_ORIGINAL);
	err = err || end[strspn(end, " ")] ? -EINVAL : split(ret, plain, length);
	sodium_memzero(plain, sizeof(plain));
	return err;
}

int authorization__parse(struct authorization *ret_authorization, const char *field)
{
	const char *text;

	memset(ret_authorization, 0, sizeof(*ret_authorization));
	text = behind_scheme(field, "Bearer");
	if (text)
		return parse_tokens(ret_authorization, text, 1);
	text = behind_scheme(field, "FlyV1");
	if (text)
		return parse_tokens(ret_authorization, text, AUTHORIZATION_TOKENS_MAX);
	text = behind_scheme(field, "Basic");
	if (text)
		return parse_basic(ret_authorization, text);
	return -ENOTSUP;
}

void authorization__wipe(struct authorization *authorization)
{
	sodium_memzero(authorization, sizeof(*authorization));
}
