// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "base/version.h"
#include "cli/commands.h"

int command__version(const struct args *args)
{
	if (args->json)
		printf("{\"name\": \"edgetap\", \"version\": \"%s\", \"revision\": \"%s\"}\n",
		       version_number, version_revision);
	else
		printf("edgetap %s (%s)\n", version_number, version_revision);
	return 0;
}
