/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The web configuration file of Prometheus and its exporters (exporter-toolkit,
 * docs/web-configuration.md). What is not supported here is refused, never
 * ignored: a setting that does nothing looks like protection.
 */
#ifndef EDGETAP_ACCESS_WEB_CONFIG_H
#define EDGETAP_ACCESS_WEB_CONFIG_H

#include <stdbool.h>
#include <stddef.h>

#include "config/config.h"

#define WEB_CONFIG_MAX_BYTES (256 * 1024)
#define WEB_CONFIG_MAX_USERS 256
#define WEB_CONFIG_MAX_HEADERS 5
#define WEB_CONFIG_VALUE_BYTES 2048
#define WEB_CONFIG_NAME_BYTES 255
#define WEB_CONFIG_HASH_BYTES 61 /* of bcrypt, with the NUL */

/* What a client's certificate is asked for; the names are those of Go's crypto/tls. */
enum client_auth {
	CLIENT_AUTH_NONE,	      /* NoClientCert */
	CLIENT_AUTH_REQUEST,	      /* RequestClientCert: any, or none */
	CLIENT_AUTH_REQUIRE_ANY,      /* RequireAnyClientCert, RequireClientCert */
	CLIENT_AUTH_VERIFY_IF_GIVEN,  /* VerifyClientCertIfGiven */
	CLIENT_AUTH_REQUIRE_VERIFIED, /* RequireAndVerifyClientCert */
};

enum tls_version { TLS_1_0, TLS_1_1, TLS_1_2, TLS_1_3 };

struct web_user {
	char *name;
	char hash[WEB_CONFIG_HASH_BYTES];
};

struct web_header {
	const char *name; /* static */
	char *value;
};

struct web_config {
	bool has_tls;
	char *cert_file, *key_file; /* absolute, or relative to where the program runs */
	char *client_ca_file;	    /* NULL: none */
	enum client_auth client_auth;
	enum tls_version min_version, max_version;
	bool prefer_client;	    /* the client's order of ciphers counts */
	unsigned int cipher_suites; /* bits, in the order of web_cipher; 0: the library's choice */
	char *curves; /* GnuTLS' names with "+" before and ":" between; NULL: its choice */

	struct web_user *users;
	size_t user_count;
	struct web_header header[WEB_CONFIG_MAX_HEADERS];
	size_t header_count;
};

/* A cipher suite of TLS 1.2 and before, by its parts as GnuTLS names them. */
struct web_cipher {
	const char *name; /* as IANA has it */
	const char *exchange, *cipher, *mac;
};

extern const struct web_cipher web_ciphers[];
extern const size_t web_cipher_count;

/*
 * Parses a text. path stands in messages, and files are relative to its folder.
 * Nothing is opened. Returns 0, or a negative errno with the sentence in error,
 * which shows no hash; ret_config is safe to free either way.
 */
int web_config__parse(struct web_config *ret_config, const char *bytes, size_t length,
		      const char *path, struct config_error *error);

/* Frees what it points to and zeroes it. */
void web_config__free(struct web_config *config);

/*
 * GnuTLS' priority string for versions, ciphers and curves, from malloc; NULL
 * when out of memory.
 */
char *web_config__priorities(const struct web_config *config);

#endif
