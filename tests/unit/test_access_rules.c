// SPDX-License-Identifier: Apache-2.0
/* From files and requests to decisions: every refusal, and what a change of a file does. */
#include <check.h>
#include <errno.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "access/authorization.h"
#include "access/grant.h"
#include "access/rules.h"
#include "access/token.h"

Suite *access_rules_suite(void);

#define STATIC_TOKEN "static-token-0123456789"
#define WEB_TOKEN "web-token-0123456789"
#define KEY "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define OTHER_KEY "ff0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define NOW 1800000000

static char directory[] = "/tmp/edgetap-access-XXXXXX";
static struct secret_error error;
static struct rules *rules;
static struct password_memory passwords;
static struct decision decision;

static char *path_of(const char *name)
{
	static char paths[8][128];
	static unsigned int next;
	char *path = paths[next++ % 8];

	snprintf(path, sizeof(paths[0]), "%s/%s", directory, name);
	return path;
}

static char *write_file(const char *name, const char *text)
{
	char *path = path_of(name);
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert(fputs(text, file) >= 0);
	ck_assert_int_eq(fclose(file), 0);
	ck_assert_int_eq(chmod(path, 0600), 0);
	return path;
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(directory));
	ck_assert_int_ge(sodium_init(), 0);
	password_memory__init(&passwords);
}

static void teardown(void)
{
	char command[160];

	rules__unref(rules);
	password_memory__destroy(&passwords);
	snprintf(command, sizeof(command), "rm -r %s", directory);
	ck_assert_int_eq(system(command), 0);
}

/* Two static tokens, two keys and a user. */
static void make_rules(void)
{
	static char *apps[] = { "web" };
	/* "secret", by htpasswd, at a cost that does not make the tests slow */
	static const char hash[] = "$2y$04$v.UQaz0CjSuZNsrQsFh3YuM7TnvNeZ4KzdQQbM.j.65adaPDGiCpC";
	char web[200];
	struct config_token tokens[] = {
		{ .token_file = write_file("token", STATIC_TOKEN "\n") },
		{ .token_file = write_file("web-token", WEB_TOKEN),
		  .apps = apps,
		  .app_count = 1,
		  .org = "personal" },
	};
	struct config config = {
		.tokens = tokens,
		.token_count = 2,
		.macaroon_key_file = write_file("keys", "# keys\n" KEY "\n\n" OTHER_KEY "\n"),
	};

	snprintf(web, sizeof(web), "basic_auth_users:\n  alice: %s\n", hash);
	config.web_config_file = write_file("web.yml", web);
	ck_assert_msg(rules__new(&rules, &config, &error) == 0, "%s", error.text);
}

static void ask(const char *method, const char *path, const char *authorization)
{
	const struct rules_request request = {
		.method = method,
		.path = path,
		.authorization = authorization,
		.authorization_count = authorization ? 1 : 0,
		.now = NOW,
		.passwords = &passwords,
	};

	free(decision.scope);
	decision.scope = NULL;
	ck_assert_int_eq(rules__decide(rules, &request, &decision), 0);
	if (decision.verdict != VERDICT_UNSURE)
		return;
	rules__check_password(rules, &request);
	ck_assert_int_eq(rules__decide(rules, &request, &decision), 0);
	if (decision.verdict == VERDICT_UNSURE)
		rules__deny_password(&decision);
}

static void denied(const char *authorization, unsigned int status, const char *code)
{
	ask("GET", "/metrics", authorization);
	ck_assert_int_eq(decision.verdict, VERDICT_DENY);
	ck_assert_uint_eq(decision.status, status);
	if (code)
		ck_assert_str_eq(decision.error, code);
	else
		ck_assert_ptr_null(decision.error);
}

static void allowed(const char *authorization)
{
	ask("GET", "/metrics", authorization);
	ck_assert_msg(decision.verdict == VERDICT_ALLOW, "%s: %s", authorization, decision.why);
}

/* The field with a token of these caveats, signed by a key of 64 digits. */
static const char *field_of(const char *scheme, const char *hex, const char *const *caveats,
			    size_t count)
{
	static char field[TOKEN_TEXT_MAX + 16];
	struct secret_key key;
	char *text;

	ck_assert_int_eq(sodium_hex2bin(key.bytes, sizeof(key.bytes), hex, strlen(hex), NULL,
					&key.size, NULL),
			 0);
	ck_assert_int_eq(token__make(&text, &key, "id", caveats, count), 0);
	snprintf(field, sizeof(field), "%s %s", scheme, text);
	free(text);
	return field;
}

static const char *with_caveat(const char *caveat)
{
	return field_of("Bearer", KEY, &caveat, 1);
}

START_TEST(nothing_configured_is_open)
{
	const struct config config = { .token_count = 0 };

	ck_assert_int_eq(rules__new(&rules, &config, &error), 0);
	ck_assert(rules__are_open(rules));
	allowed(NULL);
	ck_assert(decision.scope->all);
	allowed("Bearer nonsense");
}
END_TEST

START_TEST(static_tokens)
{
	make_rules();
	allowed("Bearer " STATIC_TOKEN);
	ck_assert(decision.scope->all);
	allowed("bearer  " STATIC_TOKEN);
	allowed("FlyV1 " STATIC_TOKEN);
	allowed("Bearer " WEB_TOKEN);
	ck_assert(scope__allows(decision.scope, "web") && !scope__allows(decision.scope, "db"));
	ck_assert(!scope__allows(decision.scope, NULL));
	ask("GET", "/prometheus/personal/api/v1/query", "Bearer " WEB_TOKEN);
	ck_assert_int_eq(decision.verdict, VERDICT_ALLOW);
	ask("GET", "/prometheus/other/api/v1/query", "Bearer " WEB_TOKEN);
	ck_assert_uint_eq(decision.status, 403);
	ask("GET", "/prometheus/persona/", "Bearer " WEB_TOKEN);
	ck_assert_uint_eq(decision.status, 403);
	ask("GET", "/prometheus/", "Bearer " WEB_TOKEN);
	ck_assert_uint_eq(decision.status, 403);
}
END_TEST

START_TEST(several_tokens_in_one_field)
{
	make_rules();
	allowed("FlyV1 nonsense," STATIC_TOKEN);
	ck_assert(decision.scope->all);
	allowed("FlyV1 nonsense , " WEB_TOKEN "," STATIC_TOKEN);
	ck_assert(!decision.scope->all);
	denied("FlyV1 a,b", 401, "invalid_token");
	denied("FlyV1 a,b,c,d,e,f,g,h," STATIC_TOKEN, 400, "invalid_request");
	denied("FlyV1 a,," STATIC_TOKEN, 400, "invalid_request");
	denied("FlyV1 " STATIC_TOKEN ",", 400, "invalid_request");
	denied("Bearer nonsense," STATIC_TOKEN, 400, "invalid_request");
}
END_TEST

START_TEST(refusals)
{
	make_rules();
	denied(NULL, 401, NULL);
	denied("", 401, NULL);
	denied("Bearer", 401, NULL);
	denied(STATIC_TOKEN, 401, NULL);
	denied("Digest " STATIC_TOKEN, 401, NULL);
	denied("Bearer ", 400, "invalid_request");
	denied("Bearer " STATIC_TOKEN " x", 400, "invalid_request");
	denied("Bearer " STATIC_TOKEN "\t", 400, "invalid_request");
	denied("Bearer =", 400, "invalid_request");
	denied("Bearer static-token-012345678", 401, "invalid_token");
	denied("Bearer " STATIC_TOKEN "9", 401, "invalid_token");
	denied("Bearer edgetap_", 401, "invalid_token");
	denied("Bearer edgetap_MDAx", 401, "invalid_token");
	denied("Basic", 401, NULL);
	denied("Basic !", 400, "invalid_request");
	denied("Basic YQ==", 400, "invalid_request");	  /* no colon */
	denied("Basic YTpiAGM=", 400, "invalid_request"); /* NUL */
}
END_TEST

START_TEST(two_fields)
{
	const struct rules_request request = {
		.method = "GET",
		.path = "/metrics",
		.authorization = "Bearer " STATIC_TOKEN,
		.authorization_count = 2,
		.now = NOW,
		.passwords = &passwords,
	};

	make_rules();
	ck_assert_int_eq(rules__decide(rules, &request, &decision), 0);
	ck_assert_uint_eq(decision.status, 400);
}
END_TEST

START_TEST(tokens_with_caveats)
{
	static const char *const both[] = { "app in web,db", "app = web" };
	static const char *const apart[] = { "app = web", "app = db" };

	make_rules();
	allowed(field_of("Bearer", KEY, NULL, 0));
	ck_assert(decision.scope->all);
	allowed(field_of("FlyV1", OTHER_KEY, NULL, 0));
	allowed(field_of("Bearer", KEY, both, 2));
	ck_assert(scope__allows(decision.scope, "web") && !scope__allows(decision.scope, "db"));
	denied(field_of("Bearer", KEY, apart, 2), 403, "insufficient_scope");
	denied(field_of("Bearer",
			"aa0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f", both,
			2),
	       401, "invalid_token");
	denied(with_caveat("colour = blue"), 401, "invalid_token");
	denied(with_caveat("op = write"), 401, "invalid_token");
	allowed(with_caveat("time < 2027-01-15T08:00:01Z"));
	denied(with_caveat("time < 2027-01-15T08:00:00Z"), 401, "invalid_token");
}
END_TEST

START_TEST(organisations_and_methods)
{
	make_rules();
	ask("GET", "/prometheus/other/api/v1/query", with_caveat("org = personal"));
	ck_assert_uint_eq(decision.status, 403);
	ask("GET", "/prometheus/personal/api/v1/query", with_caveat("org = personal"));
	ck_assert_int_eq(decision.verdict, VERDICT_ALLOW);
	ask("DELETE", "/metrics", with_caveat("op = read"));
	ck_assert_uint_eq(decision.status, 403);
	ck_assert_str_eq(decision.error, "insufficient_scope");
	ask("POST", "/metrics", with_caveat("op = read"));
	ck_assert_uint_eq(decision.status, 403);
	ask("POST", "/prometheus/personal/api/v1/query", with_caveat("op = read"));
	ck_assert_int_eq(decision.verdict, VERDICT_ALLOW);
	ask("HEAD", "/metrics", with_caveat("op = read"));
	ck_assert_int_eq(decision.verdict, VERDICT_ALLOW);
}
END_TEST

START_TEST(names_and_passwords)
{
	make_rules();
	allowed("Basic YWxpY2U6c2VjcmV0"); /* alice:secret */
	ck_assert(decision.scope->all);
	ck_assert_uint_eq(passwords.count, 1);
	denied("Basic YWxpY2U6c2VjcmV0cw==", 401, NULL); /* alice:secrets */
	denied("Basic Ym9iOnNlY3JldA==", 401, NULL);	 /* bob:secret */
	denied("Basic OnNlY3JldA==", 401, NULL);	 /* :secret */
	denied("Basic YWxpY2U6", 401, NULL);		 /* alice: */
	allowed("Basic YWxpY2U6c2VjcmV0");
	ck_assert_uint_eq(passwords.count, 1);
}
END_TEST

START_TEST(files_that_others_can_touch)
{
	unsigned char digest[SECRET_DIGEST_BYTES];
	char *path = write_file("token", STATIC_TOKEN);

	ck_assert_int_eq(secret__read_token(path, digest, &error), 0);
	ck_assert_int_eq(chmod(path, 0640), 0);
	ck_assert_int_eq(secret__read_token(path, digest, &error), 0);
	ck_assert_int_eq(chmod(path, 0604), 0);
	ck_assert_int_eq(secret__read_token(path, digest, &error), -EPERM);
	ck_assert_ptr_nonnull(strstr(error.text, "chmod 0600"));
	ck_assert_int_eq(chmod(path, 0620), 0);
	ck_assert_int_eq(secret__read_token(path, digest, &error), -EPERM);
	ck_assert_int_eq(chmod(path, 0602), 0);
	ck_assert_int_eq(secret__read_token(path, digest, &error), -EPERM);
	ck_assert_int_eq(chmod(path, 0600), 0);
	if (geteuid() == 0) {
		ck_assert_int_eq(chown(path, 12345, 12345), 0);
		ck_assert_int_eq(secret__read_token(path, digest, &error), -EPERM);
	}
	ck_assert_int_eq(secret__read_token(path_of("none"), digest, &error), -ENOENT);
	ck_assert_int_eq(secret__read_token(directory, digest, &error), -EINVAL);
	ck_assert_int_eq(mkfifo(path_of("fifo"), 0600), 0);
	ck_assert_int_eq(secret__read_token(path_of("fifo"), digest, &error), -EINVAL);
	ck_assert_ptr_null(strstr(error.text, STATIC_TOKEN));
}
END_TEST

START_TEST(files_that_hold_something_else)
{
	static const char *const bad_tokens[] = { "", "short", "two words two words", "a\nb",
						  "sixteen\xff"
						  "characters" };
	static const char *const bad_keys[] = {
		"",
		"# none\n",
		"00",
		KEY "0\n",
		"x" KEY,
		KEY " " KEY,
		KEY "\n" KEY "\n" KEY "\n" KEY "\n" KEY "\n" KEY "\n" KEY "\n" KEY "\n" KEY "\n",
	};
	unsigned char digest[SECRET_DIGEST_BYTES];
	struct secret_keys *keys;

	for (size_t i = 0; i < sizeof(bad_tokens) / sizeof(bad_tokens[0]); i++)
		ck_assert_int_eq(secret__read_token(write_file("t", bad_tokens[i]), digest, &error),
				 -EINVAL);
	for (size_t i = 0; i < sizeof(bad_keys) / sizeof(bad_keys[0]); i++) {
		ck_assert_int_lt(secret__read_keys(write_file("k", bad_keys[i]), &keys, &error), 0);
		ck_assert_ptr_null(strstr(error.text, "0001"));
	}
	ck_assert_int_eq(secret__read_keys(write_file("k", KEY KEY "\r\n"), &keys, &error), 0);
	ck_assert_uint_eq(keys->count, 1);
	ck_assert_uint_eq(keys->key[0].size, 64);
	sodium_free(keys);
}
END_TEST

START_TEST(the_same_token_twice)
{
	struct config_token tokens[] = {
		{ .token_file = write_file("a", STATIC_TOKEN) },
		{ .token_file = write_file("b", STATIC_TOKEN "\n") },
	};
	const struct config config = { .tokens = tokens, .token_count = 2 };

	ck_assert_int_eq(rules__new(&rules, &config, &error), -EINVAL);
	ck_assert_ptr_null(strstr(error.text, STATIC_TOKEN));
}
END_TEST

START_TEST(a_changed_file_is_seen)
{
	struct rules *fresh;

	make_rules();
	ck_assert(!rules__have_changed(rules));
	write_file("token", "another-token-0123456789");
	ck_assert(rules__have_changed(rules));
	ck_assert_int_eq(rules__again(&fresh, rules, &error), 0);
	rules__unref(rules);
	rules = fresh;
	denied("Bearer " STATIC_TOKEN, 401, "invalid_token");
	allowed("Bearer another-token-0123456789");
	allowed("Bearer " WEB_TOKEN);
	ck_assert_str_eq(decision.scope->org, "personal");
	ck_assert(!rules__have_changed(rules));
	ck_assert_int_eq(unlink(path_of("token")), 0);
	ck_assert(rules__have_changed(rules));
	ck_assert_int_eq(rules__again(&fresh, rules, &error), -ENOENT);
}
END_TEST

Suite *access_rules_suite(void)
{
	Suite *suite = suite_create("access_rules");
	TCase *tcase = tcase_create("decisions");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, nothing_configured_is_open);
	tcase_add_test(tcase, static_tokens);
	tcase_add_test(tcase, several_tokens_in_one_field);
	tcase_add_test(tcase, refusals);
	tcase_add_test(tcase, two_fields);
	tcase_add_test(tcase, tokens_with_caveats);
	tcase_add_test(tcase, organisations_and_methods);
	tcase_add_test(tcase, names_and_passwords);
	tcase_add_test(tcase, files_that_others_can_touch);
	tcase_add_test(tcase, files_that_hold_something_else);
	tcase_add_test(tcase, the_same_token_twice);
	tcase_add_test(tcase, a_changed_file_is_seen);
	suite_add_tcase(suite, tcase);
	return suite;
}
