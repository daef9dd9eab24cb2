// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "cli/commands.h"

int command__version(const struct args *args)
{
	if (args->json)
		printf("{\"name\": \"edgetap\", \"version\": \"%s\", \"revision\": \"%s\"}\n",
		       EDGETAP_VERSION, EDGETAP_REVISION);
	else
		printf("edgetap %s (%s)\n", EDGETAP_VERSION, EDGETAP_REVISION);
	return 0;
}
