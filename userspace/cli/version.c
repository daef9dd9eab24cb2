// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "base/log.h"
#include "base/parts.h"
#include "base/version.h"
#include "cli/commands.h"
#include "loader/loader.h"

/* Names of the parts that are built in, or of the others, each in this format. */
static size_t print_parts(bool are_built_in, const char *first_format, const char *next_format)
{
	size_t count, printed = 0;
	const struct part *parts = parts__all(&count);

	for (size_t i = 0; i < count; i++)
		if (parts[i].is_built_in == are_built_in)
			printf(printed++ ? next_format : first_format, parts[i].name);
	return printed;
}

static void print_json(const char *abi)
{
	printf("{\"name\": \"edgetap\", \"version\": \"%s\", \"revision\": \"%s\", \"abi\": \"%s\", "
	       "\"built_in\": [",
	       version_number, version_revision, abi);
	print_parts(true, "\"%s\"", ", \"%s\"");
	printf("], \"left_out\": [");
	print_parts(false, "\"%s\"", ", \"%s\"");
	printf("]}\n");
}

int command__version(const struct args *args)
{
	char abi[LOADER_ABI_BYTES];

	if (loader__abi(abi)) {
		log__info("out of memory");
		return 1;
	}
	if (args->json) {
		print_json(abi);
		return 0;
	}
	printf("edgetap %s (%s), abi %s\n", version_number, version_revision, abi);
	if (print_parts(true, "built in: %s", " %s"))
		printf("\n");
	if (print_parts(false, "left out: %s", " %s"))
		printf("\n");
	return 0;
}
