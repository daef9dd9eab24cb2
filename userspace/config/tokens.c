// SPDX-License-Identifier: Apache-2.0
#include "config/tokens.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "config/option.h"

#define SHA256_DIGITS 64

static const char *const token_keys[] = { "name", "token_file", "sha256", "apps", "org" };
enum { TOKEN_NAME, TOKEN_FILE, TOKEN_SHA256, TOKEN_APPS, TOKEN_ORG, TOKEN_KEYS };

/* While the list is read the reader's ctx is the configuration. */
static struct config_token *last_token(struct reader *r)
{
	struct config *config = r->ctx;

	return &config->tokens[config->token_count - 1];
}

/* The message does not repeat the text: it may be the token itself, put in the wrong place. */
static int read_digest(struct reader *r, const yaml_event_t *event, const char *where, char **field)
{
	static const char what[] = "the token's SHA-256 as 64 hexadecimal digits";
	const char *text;
	int err = reader__text(r, event, where, what, true, &text);

	if (err)
		return err;
	if (strlen(text) != SHA256_DIGITS ||
	    strspn(text, "0123456789abcdefABCDEF") != SHA256_DIGITS)
		return config_error__set(r->error, -EINVAL, where, "expected %s", what);
	*field = strdup(text);
	if (!*field)
		return config_error__set(r->error, -ENOMEM, where, "out of memory");
	for (char *p = *field; *p; p++)
		if (*p >= 'A' && *p <= 'F')
			*p = (char)(*p - 'A' + 'a');
	return 0;
}

static int on_app(struct reader *r, yaml_event_t *event, const char *where)
{
	struct config_token *token = last_token(r);
	char **apps;

	if (token->app_count == CONFIG_MAX_TOKEN_APPS)
		return config_error__set(r->error, -E2BIG, where, "expected at most %d apps",
					 CONFIG_MAX_TOKEN_APPS);
	apps = reallocarray(token->apps, token->app_count + 1, sizeof(*apps));
	if (!apps)
		return config_error__set(r->error, -ENOMEM, where, "out of memory");
	token->apps = apps;
	apps[token->app_count++] = NULL;
	return reader__label(r, event, where, &apps[token->app_count - 1]);
}

/* An empty list must not be mistaken for none, which allows all apps. */
static int read_apps(struct reader *r, const yaml_event_t *event, const char *where)
{
	int err = reader__list(r, event, where, "tokens.apps", "a list of names of apps", on_app);

	if (!err && last_token(r)->app_count == 0)
		return config_error__set(
			r->error, -EINVAL, where,
			"expected at least one app; without `apps` all are allowed");
	return err;
}

static int on_token_key(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	struct config_token *token = last_token(r);

	switch (key) {
	case TOKEN_NAME:
		return reader__label(r, event, where, &token->name);
	case TOKEN_FILE:
		return reader__path(r, event, where, &token->token_file);
	case TOKEN_SHA256:
		return read_digest(r, event, where, &token->sha256);
	case TOKEN_APPS:
		return read_apps(r, event, where);
	default:
		return reader__label(r, event, where, &token->org);
	}
}

static const struct section token_section = { "tokens.", token_keys, TOKEN_KEYS, on_token_key };

static int on_token(struct reader *r, yaml_event_t *event, const char *where)
{
	struct config *config = r->ctx;
	struct config_token *tokens;
	int err;

	if (config->token_count == CONFIG_MAX_TOKENS)
		return config_error__set(r->error, -E2BIG, where, "expected at most %d tokens",
					 CONFIG_MAX_TOKENS);
	tokens = reallocarray(config->tokens, config->token_count + 1, sizeof(*tokens));
	if (!tokens)
		return config_error__set(r->error, -ENOMEM, where, "out of memory");
	config->tokens = tokens;
	tokens[config->token_count++] = (struct config_token){ 0 };
	err = reader__enter(r, &token_section, event, where);
	if (err)
		return err;
	if (!last_token(r)->token_file == !last_token(r)->sha256)
		return config_error__set(r->error, -EINVAL, where,
					 "expected either token_file or sha256");
	return 0;
}

int config_tokens__read(struct reader *r, struct config *config, const yaml_event_t *start,
			const char *where)
{
	void *ctx = r->ctx;
	int err;

	r->ctx = config;
	err = reader__list(r, start, where, "tokens", "a list of tokens", on_token);
	r->ctx = ctx;
	if (!err && config->token_count == 0)
		return config_error__set(r->error, -EINVAL, where, "expected at least one token");
	return err;
}
