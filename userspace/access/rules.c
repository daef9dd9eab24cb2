// SPDX-License-Identifier: Apache-2.0
#include "access/rules.h"

#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int out_of_memory(struct secret_error *error)
{
	return secret__fail(error, -ENOMEM, "out of memory");
}

/* Notes a file before it is read, so that a change meanwhile is seen as one. */
static int note_file(struct rules *rules, const char *path, struct secret_error *error)
{
	struct rules_file *files =
		reallocarray(rules->files, rules->file_count + 1, sizeof(*files));

	if (!files)
		return out_of_memory(error);
	rules->files = files;
	files[rules->file_count].path = strdup(path);
	if (!files[rules->file_count].path)
		return out_of_memory(error);
	secret_stamp__take(&files[rules->file_count++].stamp, path);
	return 0;
}

/* ret_copy stays NULL for NULL. */
static int copy_text(char **ret_copy, const char *text)
{
	if (!text)
		return 0;
	*ret_copy = strdup(text);
	return *ret_copy ? 0 : -ENOMEM;
}

static struct rules *new_empty(size_t token_count)
{
	struct rules *rules = calloc(1, sizeof(*rules));

	if (!rules)
		return NULL;
	atomic_init(&rules->references, 1);
	if (token_count) {
		rules->tokens = calloc(token_count, sizeof(*rules->tokens));
		if (!rules->tokens) {
			free(rules);
			return NULL;
		}
	}
	return rules;
}

static int copy_token(struct rules_token *ret, const struct config_token *token)
{
	const struct scope scope = {
		.all = token->app_count == 0,
		.app = (const char *const *)token->apps,
		.app_count = token->app_count,
		.org = token->org,
	};
	size_t size;

	if (token->sha256 && sodium_hex2bin(ret->digest, sizeof(ret->digest), token->sha256,
					    strlen(token->sha256), NULL, &size, NULL))
		return -EINVAL;
	return copy_text(&ret->name, token->name) || copy_text(&ret->path, token->token_file) ||
			       scope__copy(&ret->scope, &scope)
		       ? -ENOMEM
		       : 0;
}

static int read_tokens(struct rules *rules, struct secret_error *error)
{
	for (size_t i = 0; i < rules->token_count; i++) {
		struct rules_token *token = &rules->tokens[i];
		int err = 0;

		if (token->path)
			err = note_file(rules, token->path, error);
		if (!err && token->path)
			err = secret__read_token(token->path, token->digest, error);
		if (err)
			return err;
	}
	/* Which of two scopes such a token had would depend on their order. */
	for (size_t i = 0; i < rules->token_count; i++)
		for (size_t j = 0; j < i; j++)
			if (memcmp(rules->tokens[i].digest, rules->tokens[j].digest,
				   SECRET_DIGEST_BYTES) == 0)
				return secret__fail(error, -EINVAL,
						    "tokens: the %zuth and the %zuth are the same",
						    j + 1, i + 1);
	return 0;
}

static int read_web(struct rules *rules, struct secret_error *error)
{
	struct config_error config_error;
	size_t length;
	char *text;
	int err = note_file(rules, rules->web_path, error);

	if (!err)
		err = secret__read(rules->web_path, WEB_CONFIG_MAX_BYTES, false, &text, &length,
				   error);
	if (err)
		return err;
	err = web_config__parse(&rules->web, text, length, rules->web_path, &config_error);
	sodium_free(text);
	if (err)
		return secret__fail(error, err, "%.*s", SECRET_ERROR_BYTES - 1, config_error.text);
	if (!rules->web.has_tls)
		return 0;
	err = note_file(rules, rules->web.cert_file, error);
	if (!err)
		err = note_file(rules, rules->web.key_file, error);
	if (!err && rules->web.client_ca_file)
		err = note_file(rules, rules->web.client_ca_file, error);
	return err ? err : tls_material__new(&rules->tls, &rules->web, error);
}

static int read_files(struct rules *rules, struct secret_error *error)
{
	int err = read_tokens(rules, error);

	if (!err && rules->key_path)
		err = note_file(rules, rules->key_path, error);
	if (!err && rules->key_path)
		err = secret__read_keys(rules->key_path, &rules->keys, error);
	if (!err && rules->web_path)
		err = read_web(rules, error);
	return err;
}

static int finish(struct rules **ret_rules, struct rules *rules, int err,
		  struct secret_error *error)
{
	if (err)
		secret__fail(error, err, "%s", strerror(-err));
	else
		err = read_files(rules, error);
	if (err) {
		rules__unref(rules);
		return err;
	}
	*ret_rules = rules;
	return 0;
}

int rules__new(struct rules **ret_rules, const struct config *config, struct secret_error *error)
{
	struct rules *rules = new_empty(config->token_count);
	int err = 0;

	if (!rules)
		return out_of_memory(error);
	for (size_t i = 0; i < config->token_count && !err; i++)
		err = copy_token(&rules->tokens[rules->token_count++], &config->tokens[i]);
	if (!err)
		err = copy_text(&rules->key_path, config->macaroon_key_file);
	if (!err)
		err = copy_text(&rules->web_path, config->web_config_file);
	return finish(ret_rules, rules, err, error);
}

int rules__again(struct rules **ret_rules, const struct rules *old, struct secret_error *error)
{
	struct rules *rules = new_empty(old->token_count);
	int err = 0;

	if (!rules)
		return out_of_memory(error);
	for (size_t i = 0; i < old->token_count && !err; i++) {
		struct rules_token *token = &rules->tokens[rules->token_count++];

		memcpy(token->digest, old->tokens[i].digest, sizeof(token->digest));
		err = copy_text(&token->name, old->tokens[i].name);
		if (!err)
			err = copy_text(&token->path, old->tokens[i].path);
		if (!err)
			err = scope__copy(&token->scope, old->tokens[i].scope);
	}
	if (!err)
		err = copy_text(&rules->key_path, old->key_path);
	if (!err)
		err = copy_text(&rules->web_path, old->web_path);
	return finish(ret_rules, rules, err, error);
}

struct rules *rules__ref(struct rules *rules)
{
	atomic_fetch_add(&rules->references, 1);
	return rules;
}

void rules__unref(struct rules *rules)
{
	if (!rules || atomic_fetch_sub(&rules->references, 1) != 1)
		return;
	for (size_t i = 0; i < rules->token_count; i++) {
		free(rules->tokens[i].name);
		free(rules->tokens[i].path);
		free(rules->tokens[i].scope);
	}
	for (size_t i = 0; i < rules->file_count; i++)
		free(rules->files[i].path);
	free(rules->tokens);
	free(rules->files);
	free(rules->key_path);
	free(rules->web_path);
	sodium_free(rules->keys);
	tls_material__free(rules->tls);
	web_config__free(&rules->web);
	free(rules);
}

bool rules__have_changed(const struct rules *rules)
{
	for (size_t i = 0; i < rules->file_count; i++) {
		struct secret_stamp stamp;

		secret_stamp__take(&stamp, rules->files[i].path);
		if (!secret_stamp__equal(&stamp, &rules->files[i].stamp))
			return true;
	}
	return false;
}

void rules__note_files(struct rules *rules)
{
	for (size_t i = 0; i < rules->file_count; i++)
		secret_stamp__take(&rules->files[i].stamp, rules->files[i].path);
}

bool rules__are_open(const struct rules *rules)
{
	return !rules->token_count && !rules->keys && !rules->web.user_count;
}

bool rules__verify_clients(const struct rules *rules)
{
	return rules->web.has_tls && rules->web.client_auth == CLIENT_AUTH_REQUIRE_VERIFIED;
}
