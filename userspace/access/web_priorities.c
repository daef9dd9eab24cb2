// SPDX-License-Identifier: Apache-2.0
/* Versions, ciphers and curves of the web configuration in GnuTLS' words. */
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access/web_config.h"

enum part { PART_EXCHANGE, PART_CIPHER, PART_MAC };

#define ECDHE_RSA "ECDHE-RSA"
#define ECDHE_ECDSA "ECDHE-ECDSA"

const struct web_cipher web_ciphers[] = {
	{ "TLS_RSA_WITH_AES_128_CBC_SHA", "RSA", "AES-128-CBC", "SHA1" },
	{ "TLS_RSA_WITH_AES_256_CBC_SHA", "RSA", "AES-256-CBC", "SHA1" },
	{ "TLS_RSA_WITH_AES_128_GCM_SHA256", "RSA", "AES-128-GCM", "AEAD" },
	{ "TLS_RSA_WITH_AES_256_GCM_SHA384", "RSA", "AES-256-GCM", "AEAD" },
	{ "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", ECDHE_RSA, "AES-128-CBC", "SHA1" },
	{ "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", ECDHE_RSA, "AES-256-CBC", "SHA1" },
	{ "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", ECDHE_RSA, "AES-128-GCM", "AEAD" },
	{ "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", ECDHE_RSA, "AES-256-GCM", "AEAD" },
	{ "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", ECDHE_RSA, "CHACHA20-POLY1305", "AEAD" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", ECDHE_ECDSA, "AES-128-CBC", "SHA1" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", ECDHE_ECDSA, "AES-256-CBC", "SHA1" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", ECDHE_ECDSA, "AES-128-GCM", "AEAD" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", ECDHE_ECDSA, "AES-256-GCM", "AEAD" },
	{ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", ECDHE_ECDSA, "CHACHA20-POLY1305",
	  "AEAD" },
};

const size_t web_cipher_count = sizeof(web_ciphers) / sizeof(web_ciphers[0]);

_Static_assert(sizeof(web_ciphers) / sizeof(web_ciphers[0]) <= 32, "a bit each");

static const char *part_of(const struct web_cipher *cipher, enum part part)
{
	return part == PART_EXCHANGE ? cipher->exchange
	       : part == PART_CIPHER ? cipher->cipher
				     : cipher->mac;
}

/* Appends "+NAME" once for each different part of the chosen suites. */
static void print_parts(FILE *out, unsigned int suites, enum part part)
{
	for (size_t i = 0; i < web_cipher_count; i++) {
		const char *name = part_of(&web_ciphers[i], part);
		bool seen = !(suites >> i & 1);

		for (size_t j = 0; j < i && !seen; j++)
			seen = suites >> j & 1 && strcmp(part_of(&web_ciphers[j], part), name) == 0;
		if (!seen)
			fprintf(out, ":+%s", name);
	}
}

char *web_config__priorities(const struct web_config *config)
{
	static const char *const versions[] = { "VERS-TLS1.0", "VERS-TLS1.1", "VERS-TLS1.2",
						"VERS-TLS1.3" };
	char *text = NULL;
	size_t length;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return NULL;
	fprintf(out, "NORMAL:-VERS-ALL");
	for (int i = config->max_version; i >= (int)config->min_version; i--)
		fprintf(out, ":+%s", versions[i]);
	if (config->cipher_suites) {
		fprintf(out, ":-KX-ALL:-CIPHER-ALL:-MAC-ALL:+AEAD");
		print_parts(out, config->cipher_suites, PART_EXCHANGE);
		print_parts(out, config->cipher_suites, PART_CIPHER);
		print_parts(out, config->cipher_suites, PART_MAC);
	}
	if (config->curves)
		fprintf(out, ":-GROUP-ALL%s", config->curves);
	if (!config->prefer_client)
		fprintf(out, ":%%SERVER_PRECEDENCE");
	if (fclose(out)) {
		free(text);
		return NULL;
	}
	return text;
}
