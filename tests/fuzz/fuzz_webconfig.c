// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a web configuration: parsed or refused with one line, and GnuTLS takes the rest. */
#include <gnutls/gnutls.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "access/web_config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct web_config *config)
{
	char *priorities = web_config__priorities(config);
	gnutls_priority_t cache;

	if (!priorities)
		return;
	if (gnutls_priority_init(&cache, priorities, NULL))
		abort();
	gnutls_priority_deinit(cache);
	free(priorities);
	if (config->has_tls && (!config->cert_file || !config->key_file))
		abort();
	for (size_t i = 0; i < config->user_count; i++)
		if (strlen(config->users[i].hash) != WEB_CONFIG_HASH_BYTES - 1)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_error error = { .text = "" };
	struct web_config config;

	if (web_config__parse(&config, (const char *)data, size, "/etc/web.yml", &error) == 0)
		check(&config);
	else if (error.text[0] == '\0' || strchr(error.text, '\n'))
		abort();
	web_config__free(&config);
	return 0;
}
