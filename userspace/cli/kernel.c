// SPDX-License-Identifier: Apache-2.0
#include "cli/kernel.h"

#include <string.h>

enum lockdown kernel__lockdown(const char *text)
{
	if (strstr(text, "[none]"))
		return LOCKDOWN_NONE;
	if (strstr(text, "[integrity]"))
		return LOCKDOWN_INTEGRITY;
	if (strstr(text, "[confidentiality]"))
		return LOCKDOWN_CONFIDENTIALITY;
	return LOCKDOWN_UNKNOWN;
}

char kernel__config_value(const char *text, const char *option)
{
	size_t length = strlen(option);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, option, length) == 0 && line[length] == '=')
			return line[length + 1] == 'm' ? 'm' : 'y';
	}
	return 'n';
}
