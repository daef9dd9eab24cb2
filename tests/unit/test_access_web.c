// SPDX-License-Identifier: Apache-2.0
/* The web configuration file: what is read, and what is refused at which line. */
#include <check.h>
#include <errno.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/web_config.h"

Suite *access_web_suite(void);

#define HASH "$2y$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/VcEd00UAV/LDeSi"
#define TLS "tls_server_config:\n  cert_file: a.crt\n  key_file: /k/a.key\n"

static struct web_config config;
static struct config_error error;

static int parse(const char *text)
{
	return web_config__parse(&config, text, strlen(text), "/etc/x/web.yml", &error);
}

static void refused(const char *text, const char *message)
{
	ck_assert_int_ne(parse(text), 0);
	ck_assert_msg(strstr(error.text, message), "\"%s\" has no \"%s\"", error.text, message);
	ck_assert_ptr_null(strstr(error.text, HASH));
	web_config__free(&config);
}

START_TEST(everything_there_is)
{
	ck_assert_int_eq(parse(TLS "  client_auth_type: RequireAndVerifyClientCert\n"
				   "  client_ca_file: ca.crt\n"
				   "  min_version: TLS11\n"
				   "  max_version: TLS13\n"
				   "  prefer_server_cipher_suites: false\n"
				   "  cipher_suites:\n"
				   "    - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n"
				   "    - TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256\n"
				   "  curve_preferences: [CurveP256, X25519]\n"
				   "http_server_config:\n"
				   "  http2: false\n"
				   "  headers:\n"
				   "    X-Frame-Options: deny\n"
				   "    Content-Security-Policy: default-src 'none'\n"
				   "    X-XSS-Protection: ''\n"
				   "basic_auth_users:\n"
				   "  alice: " HASH "\n"
				   "  'bob b': " HASH "\n"),
			 0);
	ck_assert(config.has_tls);
	ck_assert_str_eq(config.cert_file, "/etc/x/a.crt");
	ck_assert_str_eq(config.key_file, "/k/a.key");
	ck_assert_str_eq(config.client_ca_file, "/etc/x/ca.crt");
	ck_assert_int_eq(config.client_auth, CLIENT_AUTH_REQUIRE_VERIFIED);
	ck_assert_int_eq(config.min_version, TLS_1_1);
	ck_assert_uint_eq(config.user_count, 2);
	ck_assert_str_eq(config.users[1].name, "bob b");
	ck_assert_str_eq(config.users[0].hash, HASH);
	ck_assert_uint_eq(config.header_count, 2);
	ck_assert_str_eq(config.header[1].value, "default-src 'none'");
	web_config__free(&config);
}
END_TEST

START_TEST(nothing_is_fine)
{
	ck_assert_int_eq(parse(""), 0);
	ck_assert(!config.has_tls && !config.user_count);
	ck_assert_int_eq(parse("# nothing\n"), 0);
	web_config__free(&config);
}
END_TEST

START_TEST(what_is_not_supported_is_refused_with_its_line)
{
	refused("tls_server_config:\n  cert: x\n", ":2: unknown key \"tls_server_config.cert\"");
	refused(TLS "  client_allowed_sans: [a]\n", ":4: unknown key");
	refused("rate_limit:\n  burst: 1\n", ":1: unknown key \"rate_limit\"");
	refused("http_server_config:\n  http2: true\n", ":2: http_server_config.http2: expected "
							"false");
	refused("http_server_config:\n  headers:\n    Server: x\n", ":3: unknown key");
	refused("tls_config:\n", ":1: unknown key");
	refused(TLS "  client_auth_type: Require\n", ":4");
	refused(TLS "  min_version: TLS14\n", ":4");
	refused(TLS "  min_version: SSL30\n", ":4");
	refused(TLS "  min_version: TLS13\n  max_version: TLS12\n", "expected min_version");
	refused(TLS "  cipher_suites: [TLS_RSA_WITH_RC4_128_SHA]\n", ":4");
	refused(TLS "  cipher_suites: []\n", ":4");
	refused(TLS "  curve_preferences: [CurveP256, CurveP256]\n", "once");
	refused(TLS "  curve_preferences: [secp256k1]\n", ":4");
	refused(TLS TLS, ":4: tls_server_config: expected once");
}
END_TEST

START_TEST(tls_that_protects_nothing_is_refused)
{
	refused("tls_server_config:\n  cert_file: a\n", "expected cert_file and key_file");
	refused("tls_server_config: {}\n", "expected cert_file and key_file");
	refused("tls_server_config:\n", "keys and values");
	refused(TLS "  client_ca_file: ca\n", "client_auth_type");
	refused(TLS "  client_auth_type: RequireAndVerifyClientCert\n", "client_ca_file");
	refused(TLS "  client_auth_type: VerifyClientCertIfGiven\n", "client_ca_file");
	ck_assert_int_eq(parse(TLS "  client_auth_type: RequireClientCert\n"), 0);
	ck_assert_int_eq(config.client_auth, CLIENT_AUTH_REQUIRE_ANY);
	web_config__free(&config);
}
END_TEST

START_TEST(users)
{
	refused("basic_auth_users: {}\n", "at least one user");
	refused("basic_auth_users:\n", "keys and values");
	refused("basic_auth_users:\n  a: secret\n", ":2: basic_auth_users.a: expected a bcrypt");
	refused("basic_auth_users:\n  a: " HASH "\n  a: " HASH "\n", ":3");
	refused("basic_auth_users:\n  'a:b': " HASH "\n", "without colon");
	refused("basic_auth_users:\n  '': " HASH "\n", "without colon");
	refused("basic_auth_users:\n  a: " HASH "x\n", "bcrypt");
	refused("basic_auth_users:\n  a: $2x$10$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/"
		"VcEd00UAV/LDeSi\n",
		"bcrypt");
	refused("basic_auth_users:\n  a: $2y$31$QOauhQNbBCuQDKes6eFzPeMqBSjb7Mr5DUmpZ/"
		"VcEd00UAV/LDeSi\n",
		"cost from 4 to 16, got 31");
	refused("basic_auth_users:\n  a: [" HASH "]\n", "bcrypt");
}
END_TEST

START_TEST(headers)
{
	refused("http_server_config:\n  headers:\n    X-Frame-Options: allow\n",
		"expected deny or sameorigin");
	refused("http_server_config:\n  headers:\n    X-Content-Type-Options: sniff\n",
		"expected nosniff");
	refused("http_server_config:\n  headers:\n    X-XSS-Protection: \"a\\r\\nSet-Cookie: b\"\n",
		"control characters");
	refused("http_server_config:\n  headers:\n    X-XSS-Protection: a\n    X-XSS-Protection: b\n",
		":4");
}
END_TEST

/* GnuTLS multiplies key exchanges and ciphers: a list must be such a product. */
START_TEST(a_list_of_ciphers_is_a_product)
{
	char *priorities;
	gnutls_priority_t cache;

	refused(TLS "  cipher_suites:\n"
		    "    - TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n"
		    "    - TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384\n",
		"expected TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384, too");
	refused(TLS "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]\n", "for TLS 1.3");
	ck_assert_int_eq(parse(TLS "  max_version: TLS12\n"
				   "  cipher_suites: [TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA]\n"),
			 0);
	priorities = web_config__priorities(&config);
	ck_assert_str_eq(priorities, "NORMAL:-VERS-ALL:+VERS-TLS1.2:-KX-ALL:-CIPHER-ALL:-MAC-ALL:"
				     "+AEAD:+ECDHE-RSA:+AES-128-CBC:+SHA1:%SERVER_PRECEDENCE");
	ck_assert_int_eq(gnutls_priority_init(&cache, priorities, NULL), 0);
	gnutls_priority_deinit(cache);
	free(priorities);
	web_config__free(&config);
}
END_TEST

START_TEST(not_yaml)
{
	refused("tls_server_config: {", "YAML");
	refused("- a\n", "keys and values such as");
	refused("a\n", "keys and values such as");
	refused("{}\n---\n{}\n", "single document");
	refused("basic_auth_users: &a\n  b: *a\n", ":2");
}
END_TEST

Suite *access_web_suite(void)
{
	Suite *suite = suite_create("access_web");
	TCase *tcase = tcase_create("file");

	tcase_add_test(tcase, everything_there_is);
	tcase_add_test(tcase, nothing_is_fine);
	tcase_add_test(tcase, what_is_not_supported_is_refused_with_its_line);
	tcase_add_test(tcase, tls_that_protects_nothing_is_refused);
	tcase_add_test(tcase, users);
	tcase_add_test(tcase, headers);
	tcase_add_test(tcase, a_list_of_ciphers_is_a_product);
	tcase_add_test(tcase, not_yaml);
	suite_add_tcase(suite, tcase);
	return suite;
}
