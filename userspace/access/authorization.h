/* SPDX-License-Identifier: Apache-2.0 */
/* The field Authorization (RFC 9110, 11.6.2) taken apart. Pure. */
#ifndef EDGETAP_ACCESS_AUTHORIZATION_H
#define EDGETAP_ACCESS_AUTHORIZATION_H

#include <stddef.h>

#define AUTHORIZATION_TOKENS_MAX 8
#define AUTHORIZATION_NAME_BYTES 256
#define AUTHORIZATION_PASSWORD_BYTES 256

enum authorization_scheme {
	AUTHORIZATION_TOKENS, /* "Bearer T" (RFC 6750), or "FlyV1 T,T" with several */
	AUTHORIZATION_BASIC,  /* RFC 7617 */
};

struct authorization {
	enum authorization_scheme scheme;

	/* Point into the field. */
	struct {
		const char *text;
		size_t length;
	} token[AUTHORIZATION_TOKENS_MAX];
	size_t token_count;

	/* NUL-terminated; to be wiped by authorization__wipe. */
	char name[AUTHORIZATION_NAME_BYTES];
	char password[AUTHORIZATION_PASSWORD_BYTES];
};

/*
 * Parses the field's value. Returns 0, -ENOTSUP for another scheme, -EINVAL for
 * another syntax, or -E2BIG for more tokens or bytes than fit. Names of schemes
 * are in any case. A password may contain colons, a name not.
 */
int authorization__parse(struct authorization *ret_authorization, const char *field);

/* Overwrites name and password. */
void authorization__wipe(struct authorization *authorization);

#endif
