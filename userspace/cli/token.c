// SPDX-License-Identifier: Apache-2.0
/*
 * token: makes keys and tokens, narrows and shows tokens. A token is read from
 * a file or standard input, never from the command line, which others can see.
 */
#include "access/token.h"

#include <errno.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "access/grant.h"
#include "base/log.h"
#include "base/printable.h"
#include "cli/commands.h"
#include "cli/json_text.h"
#include "config/value.h"

#define NS_PER_S 1000000000ULL
#define CAVEATS 4
#define NONCE_BYTES 16

/* The caveats that the command line asks for. */
struct caveats {
	char text[CAVEATS][GRANT_TEXT_BYTES];
	const char *pointer[CAVEATS];
	size_t count;
};

__attribute__((format(printf, 2, 3))) static int end_with(int status, const char *format, ...)
{
	char text[512];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	log__info("%s", text);
	return status;
}

#define fail(...) end_with(1, __VA_ARGS__)
#define misuse(...) end_with(EXIT_USAGE, __VA_ARGS__)

static int add_expiry(struct caveats *caveats, const char *expires)
{
	char *text = caveats->text[caveats->count];
	uint64_t ns;

	if (value__duration(expires, &ns) || ns < NS_PER_S ||
	    caveat__expires(text, time(NULL) + (int64_t)(ns / NS_PER_S)))
		return misuse(
			"--expires: expected a time from 1s to 3650d such as 24h or 30d, got \"%s\"",
			PRINTABLE(expires));
	caveats->pointer[caveats->count++] = text;
	return 0;
}

/* Returns an exit status. */
static int make_caveats(struct caveats *ret, const struct args_token *args)
{
	int err = 0;

	ret->count = 0;
	if (args->app_count) {
		err = caveat__apps(ret->text[ret->count], args->app, args->app_count);
		if (err)
			return misuse(err == -E2BIG
					      ? "--app: the names are too many or too long"
					      : "--app: expected names of 1 to 128 bytes; one "
						"with a comma only alone");
		ret->pointer[ret->count] = ret->text[ret->count];
		ret->count++;
	}
	if (args->org) {
		if (caveat__org(ret->text[ret->count], args->org))
			return misuse("--org: expected a name of 1 to 128 bytes");
		ret->pointer[ret->count] = ret->text[ret->count];
		ret->count++;
	}
	if (args->read_only)
		ret->pointer[ret->count++] = CAVEAT_READ;
	return args->expires ? add_expiry(ret, args->expires) : 0;
}

static int print_token(int err, char *text)
{
	if (err == -E2BIG)
		return fail("the token would be too long, or have more than %d caveats",
			    TOKEN_CAVEATS_MAX);
	if (err)
		return fail("the token cannot be made: %s", strerror(-err));
	puts(text);
	sodium_memzero(text, strlen(text));
	free(text);
	return 0;
}

static int make_key(void)
{
	unsigned char key[SECRET_KEY_MIN_BYTES];
	char text[2 * sizeof(key) + 1];
	struct stat out;

	if (fstat(STDOUT_FILENO, &out) == 0 && S_ISREG(out.st_mode) && (out.st_mode & 077))
		log__info("others can read this file; `chmod 0600` it, or `umask 077` first");
	randombytes_buf(key, sizeof(key));
	sodium_bin2hex(text, sizeof(text), key, sizeof(key));
	puts(text);
	sodium_memzero(key, sizeof(key));
	sodium_memzero(text, sizeof(text));
	return 0;
}

static int create(const struct args_token *args)
{
	unsigned char nonce[NONCE_BYTES];
	char identifier[2 * NONCE_BYTES + 1];
	struct secret_error error;
	struct secret_keys *keys;
	struct caveats caveats;
	char *text = NULL;
	int err;

	if (!args->key_file || !args->key_file[0])
		return misuse("token create needs --key-file; `edgetap token key` makes a key");
	err = make_caveats(&caveats, args);
	if (err)
		return err;
	if (secret__read_keys(args->key_file, &keys, &error))
		return fail("%s", error.text);
	randombytes_buf(nonce, sizeof(nonce));
	sodium_bin2hex(identifier, sizeof(identifier), nonce, sizeof(nonce));
	err = token__make(&text, &keys->key[0], identifier, caveats.pointer, caveats.count);
	sodium_free(keys);
	return print_token(err, text);
}

/* From the file or standard input, a single line. Returns an exit status. */
static int read_token(struct token *ret_token, const struct args_token *args)
{
	char text[TOKEN_TEXT_MAX + 2];
	FILE *in = args->file ? fopen(args->file, "re") : stdin;
	size_t length;
	int err;

	if (!in)
		return fail("%s: %s", args->file, strerror(errno));
	length = fread(text, 1, sizeof(text), in);
	if (args->file)
		fclose(in);
	while (length > 0 && strchr(" \t\r\n", text[length - 1]))
		length--;
	err = token__parse(ret_token, text, length);
	sodium_memzero(text, sizeof(text));
	if (err == -ENOTSUP)
		return fail("the token has third-party caveats, which are not supported");
	if (err)
		return fail("expected a token that begins with " TOKEN_PREFIX);
	return 0;
}

static int attenuate(const struct args_token *args)
{
	struct caveats caveats;
	struct token token;
	char *text = NULL;
	int err = make_caveats(&caveats, args);

	if (err)
		return err;
	if (caveats.count == 0)
		return misuse("token attenuate needs one of --app, --org, --expires, --read-only");
	if (read_token(&token, args))
		return 1;
	err = token__attenuate(&text, &token, caveats.pointer, caveats.count);
	return print_token(err, text);
}

/* Whoever made the token may have put anything into it, and this goes to a terminal. */
static void print_field(const char *label, const struct token_field *field)
{
	printf("%s", label);
	printable__write(stdout, (const char *)field->bytes, field->size);
	putchar('\n');
}

static json_t *json_of(const struct token_field *field)
{
	char text[TOKEN_CAVEAT_BYTES + 1];

	memcpy(text, field->bytes, field->size);
	text[field->size] = '\0';
	return json_text__new(text);
}

static int inspect_json(const struct token *token, const struct grant *grant, bool understood)
{
	json_t *root = json_object(), *caveats = json_array(), *apps = json_array();

	for (size_t i = 0; i < token->caveat_count; i++)
		json_array_append_new(caveats, json_of(&token->caveat[i]));
	for (size_t i = 0; i < grant->app_count; i++)
		json_array_append_new(apps, json_text__new(grant->app[i]));
	json_object_set_new(root, "id", json_of(&token->identifier));
	json_object_set_new(root, "location", json_of(&token->location));
	json_object_set_new(root, "caveats", caveats);
	json_object_set_new(root, "understood", json_boolean(understood));
	json_object_set_new(root, "empty", json_boolean(!understood || grant__is_empty(grant)));
	json_object_set_new(root, "apps", grant->all ? json_null() : json_incref(apps));
	json_decref(apps);
	json_object_set_new(root, "org", grant->has_org ? json_text__new(grant->org) : json_null());
	json_object_set_new(root, "read_only", json_boolean(grant->read_only));
	json_object_set_new(root, "expires",
			    grant->expires == INT64_MAX ? json_null()
							: json_integer(grant->expires));
	return json_text__print(root, stdout) ? fail("out of memory") : 0;
}

/* Says what a token claims. Whether it is signed with a key is not looked at. */
static int inspect(const struct args_token *args, bool json)
{
	struct token token;
	struct grant grant;
	bool understood = true;

	if (read_token(&token, args))
		return 1;
	grant__init(&grant);
	for (size_t i = 0; i < token.caveat_count; i++)
		understood &= grant__narrow(&grant, token.caveat[i].bytes, token.caveat[i].size) ==
			      0;
	if (json)
		return inspect_json(&token, &grant, understood);
	print_field("id: ", &token.identifier);
	for (size_t i = 0; i < token.caveat_count; i++)
		print_field("caveat: ", &token.caveat[i]);
	if (!understood)
		puts("It has a caveat that is not understood, and is refused.");
	else if (grant__is_empty(&grant))
		puts("Its caveats exclude each other: it allows nothing.");
	else if (grant.expires <= time(NULL))
		puts("It has expired.");
	return 0;
}

int command__token(const struct args *args)
{
	static const char actions[] = "expected one of key, create, attenuate, inspect";
	const struct args_token *token = &args->token;

	if (sodium_init() < 0)
		return fail("libsodium cannot be used");
	if (!token->action)
		return misuse("token: %s", actions);
	if (strcmp(token->action, "key") == 0 && !token->file)
		return make_key();
	if (strcmp(token->action, "create") == 0 && !token->file)
		return create(token);
	if (strcmp(token->action, "attenuate") == 0)
		return attenuate(token);
	if (strcmp(token->action, "inspect") == 0)
		return inspect(token, args->json);
	if (token->file)
		return misuse("token %s takes no file", PRINTABLE(token->action));
	return misuse("token: %s, got \"%s\"", actions, PRINTABLE(token->action));
}
