// SPDX-License-Identifier: Apache-2.0
#include "base/url.h"

#include <string.h>

bool url__is_base(const char *text)
{
	size_t scheme = !strncmp(text, "http://", 7) ? 7 : !strncmp(text, "https://", 8) ? 8 : 0;
	size_t length = strlen(text);

	if (!scheme || length > 400 || text[scheme] == '/' || !text[scheme] ||
	    text[length - 1] == '/')
		return false;
	for (const char *p = text; *p; p++)
		if (*p <= ' ' || *p >= 0x7f || strchr("?#@\"\\<>", *p))
			return false;
	return true;
}
