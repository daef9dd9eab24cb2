// SPDX-License-Identifier: Apache-2.0
/* From a request's credentials to what it may see. */
#include <errno.h>
#include <sodium.h>
#include <string.h>

#include "access/authorization.h"
#include "access/grant.h"
#include "access/rules.h"
#include "access/token.h"

/* Of whatever certificate: an address still tells them apart. */
#define HOLDER_OF_CERTIFICATE 1

#define ORG_PATH "/prometheus/"

static void deny(struct decision *ret, unsigned int status, const char *error, const char *why)
{
	*ret = (struct decision){
		.verdict = VERDICT_DENY,
		.status = status,
		.error = error,
		.why = why,
	};
}

static void deny_token(struct decision *ret, const char *why)
{
	deny(ret, 401, "invalid_token", why);
}

static void deny_scope(struct decision *ret, const char *why)
{
	deny(ret, 403, "insufficient_scope", why);
}

void rules__deny_password(struct decision *ret_decision)
{
	deny(ret_decision, 401, NULL, "the name or the password is wrong");
}

/* RFC 9110, 9.2.1; below ORG_PATH a POST is a query that is too long for a target. */
static bool is_read(const struct rules_request *request)
{
	if (strcmp(request->method, "POST") == 0)
		return strncmp(request->path, ORG_PATH, strlen(ORG_PATH)) == 0;
	return strcmp(request->method, "GET") == 0 || strcmp(request->method, "HEAD") == 0 ||
	       strcmp(request->method, "OPTIONS") == 0;
}

/* Whether the path is of another organisation than the scope's. */
static bool is_foreign(const char *path, const struct scope *scope)
{
	size_t length;

	if (!scope->org || strncmp(path, ORG_PATH, strlen(ORG_PATH)) != 0)
		return false;
	path += strlen(ORG_PATH);
	length = strcspn(path, "/");
	return strlen(scope->org) != length || memcmp(scope->org, path, length) != 0;
}

/* Never 0. */
static uint64_t hash_of(const void *bytes, size_t size)
{
	unsigned char digest[SECRET_DIGEST_BYTES];
	uint64_t hash;

	crypto_hash_sha256(digest, bytes, size);
	memcpy(&hash, digest, sizeof(hash));
	return hash ? hash : 1;
}

static int allow(struct decision *ret, const struct rules_request *request,
		 const struct scope *scope, uint64_t holder)
{
	struct scope *copy;

	if (is_foreign(request->path, scope)) {
		deny_scope(ret, "the token is for another organisation");
		return 0;
	}
	if (scope__copy(&copy, scope))
		return -ENOMEM;
	*ret = (struct decision){ .verdict = VERDICT_ALLOW, .scope = copy, .holder = holder };
	return 0;
}

/* All tokens are looked at, so that the time tells nothing about which one it is. */
static const struct scope *find_token(const struct rules *rules, const char *text, size_t length)
{
	unsigned char digest[SECRET_DIGEST_BYTES];
	const struct scope *found = NULL;

	crypto_hash_sha256(digest, (const unsigned char *)text, length);
	for (size_t i = 0; i < rules->token_count; i++)
		if (sodium_memcmp(digest, rules->tokens[i].digest, sizeof(digest)) == 0)
			found = rules->tokens[i].scope;
	return found;
}

static bool is_signed(const struct rules *rules, const struct token *token)
{
	bool found = false;

	for (size_t i = 0; i < rules->keys->count; i++)
		found |= token__is_signed(token, &rules->keys->key[i]);
	return found;
}

static int decide_macaroon(const struct rules *rules, const struct rules_request *request,
			   const char *text, size_t length, struct decision *ret)
{
	const char *apps[GRANT_APPS_MAX];
	struct token token;
	struct grant grant;
	struct scope scope;

	/* Nobody is told what is wrong with a token that is not ours. */
	if (token__parse(&token, text, length) || !is_signed(rules, &token)) {
		deny_token(ret, "the token is not valid");
		return 0;
	}
	grant__init(&grant);
	for (size_t i = 0; i < token.caveat_count; i++) {
		if (grant__narrow(&grant, token.caveat[i].bytes, token.caveat[i].size) == 0)
			continue;
		deny_token(ret, "the token has a caveat that is not understood here");
		return 0;
	}
	if (request->now >= grant.expires) {
		deny_token(ret, "the token has expired");
		return 0;
	}
	if (grant__is_empty(&grant)) {
		deny_scope(ret, "the token's caveats leave nothing that it allows");
		return 0;
	}
	if (grant.read_only && !is_read(request)) {
		deny_scope(ret, "the token is for reading only");
		return 0;
	}
	scope = grant__scope(&grant, apps);
	/* What is made of a token by narrowing it has the same identifier. */
	return allow(ret, request, &scope, hash_of(token.identifier.bytes, token.identifier.size));
}

static int decide_token(const struct rules *rules, const struct rules_request *request,
			const char *text, size_t length, struct decision *ret)
{
	const struct scope *scope = find_token(rules, text, length);

	if (scope)
		return allow(ret, request, scope, hash_of(text, length));
	if (rules->keys && token__is_one(text, length))
		return decide_macaroon(rules, request, text, length, ret);
	deny_token(ret, "the token is not valid");
	return 0;
}

/* The first of several that allows the request decides; if none does, the first's answer. */
static int decide_tokens(const struct rules *rules, const struct rules_request *request,
			 const struct authorization *authorization, struct decision *ret)
{
	for (size_t i = 0; i < authorization->token_count; i++) {
		struct decision one;
		int err = decide_token(rules, request, authorization->token[i].text,
				       authorization->token[i].length, &one);

		if (err)
			return err;
		if (i == 0 || one.verdict == VERDICT_ALLOW)
			*ret = one;
		if (one.verdict == VERDICT_ALLOW)
			break;
	}
	return 0;
}

/* NULL if there is no such user. */
static const struct web_user *find_user(const struct rules *rules, const char *name)
{
	for (size_t i = 0; i < rules->web.user_count; i++)
		if (strcmp(rules->web.users[i].name, name) == 0)
			return &rules->web.users[i];
	return NULL;
}

static int decide_password(const struct rules *rules, const struct rules_request *request,
			   const struct authorization *authorization, struct decision *ret)
{
	const struct web_user *user = find_user(rules, authorization->name);

	if (!rules->web.user_count) {
		rules__deny_password(ret);
		return 0;
	}
	if (user &&
	    password__is_known(request->passwords, user->name, user->hash, authorization->password))
		return allow(ret, request, &scope_all, hash_of(user->name, strlen(user->name)));
	*ret = (struct decision){ .verdict = VERDICT_UNSURE };
	return 0;
}

void rules__check_password(const struct rules *rules, const struct rules_request *request)
{
	struct authorization authorization;
	const struct web_user *user;

	if (!request->authorization || !rules->web.user_count)
		return;
	if (authorization__parse(&authorization, request->authorization) == 0 &&
	    authorization.scheme == AUTHORIZATION_BASIC) {
		user = find_user(rules, authorization.name);
		/* A name that there is not takes as long as one that there is. */
		if (user)
			password__check(request->passwords, user->name, user->hash,
					authorization.password);
		else
			password__compare(rules->web.users[0].hash, authorization.password);
	}
	authorization__wipe(&authorization);
}

int rules__decide(const struct rules *rules, const struct rules_request *request,
		  struct decision *ret_decision)
{
	struct authorization authorization;
	int err = 0;

	if (rules__are_open(rules))
		return allow(ret_decision, request, &scope_all,
			     rules__verify_clients(rules) ? HOLDER_OF_CERTIFICATE : 0);
	if (request->authorization_count == 0 || !request->authorization) {
		deny(ret_decision, 401, NULL, "credentials are needed");
		return 0;
	}
	if (request->authorization_count > 1) {
		deny(ret_decision, 400, "invalid_request", "more than one field Authorization");
		return 0;
	}
	err = authorization__parse(&authorization, request->authorization);
	if (err == -ENOTSUP)
		deny(ret_decision, 401, NULL, "another authentication scheme is needed");
	else if (err)
		deny(ret_decision, 400, "invalid_request", "the field Authorization is malformed");
	else if (authorization.scheme == AUTHORIZATION_BASIC)
		err = decide_password(rules, request, &authorization, ret_decision);
	else
		err = decide_tokens(rules, request, &authorization, ret_decision);
	authorization__wipe(&authorization);
	return err == -ENOMEM ? err : 0;
}
