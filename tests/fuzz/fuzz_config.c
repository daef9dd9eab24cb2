// SPDX-License-Identifier: Apache-2.0
/* Any bytes as a configuration file: parsed or refused with one line, and always free of leaks. */
#include <stdlib.h>
#include <string.h>

#include "config/config.h"
#include "config/option.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_values(const struct config *config)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);
	char text[OPTION_VALUE_BYTES];

	for (size_t i = 0; i < count; i++)
		config_option__format(&options[i], config, text);
	for (size_t i = 1; i < config->bucket_count; i++)
		if (config->bucket_ns[i] <= config->bucket_ns[i - 1])
			abort();
	if (config->bucket_count > GRID_MAX_CLASSIC || config->max_instances < 2)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct config_error error = { .text = "" };
	struct config config;

	if (config__init(&config, &error))
		return 0;
	if (config__parse(&config, (const char *)data, size, "/etc/fuzz.yaml", &error) == 0)
		check_values(&config);
	else if (error.text[0] == '\0' || strchr(error.text, '\n'))
		abort();
	config__free(&config);
	return 0;
}
