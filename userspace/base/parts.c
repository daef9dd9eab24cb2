// SPDX-License-Identifier: Apache-2.0
#include "base/parts.h"

#include <string.h>

#include "build.h" /* the Makefile's */

static const struct part parts[] = {
#define PART(name, is_built_in) { name, is_built_in },
	PARTS(PART)
#undef PART
};

#define COUNT (sizeof(parts) / sizeof(parts[0]))

const struct part *parts__all(size_t *ret_count)
{
	*ret_count = COUNT;
	return parts;
}

bool parts__has(const char *name)
{
	for (size_t i = 0; i < COUNT; i++)
		if (strcmp(parts[i].name, name) == 0)
			return parts[i].is_built_in;
	return false;
}
