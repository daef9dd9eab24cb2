// SPDX-License-Identifier: Apache-2.0
#include "config/server_match.h"

#include <limits.h>
#include <string.h>
#include <sys/types.h>

#include "base/passwd.h"

#define NAME_BYTES (NAME_MAX + 1) /* of a cgroup's directory, with its NUL */

static bool has_only(const char *text, const char *more)
{
	static const char common[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				     "0123456789_.-";

	for (; *text; text++)
		if (!strchr(common, *text) && !strchr(more, *text))
			return false;
	return true;
}

bool server_match__is_user(const char *text)
{
	uid_t uid;

	if (text[0] >= '0' && text[0] <= '9')
		return passwd__find("", text, &uid) == 0;
	return text[0] && text[0] != '-' && has_only(text, "$");
}

bool server_match__is_unit(const char *text)
{
	static const char suffix[] = ".service";
	size_t length = strlen(text);

	return length >= sizeof(suffix) && length < NAME_BYTES &&
	       strcmp(text + length - (sizeof(suffix) - 1), suffix) == 0 && has_only(text, "@:\\");
}

bool server_match__is_path(const char *text)
{
	size_t length = strlen(text);

	return text[0] == '/' && length > 1 && length < PATH_MAX && text[length - 1] != '/' &&
	       !strstr(text, "//") && !strstr(text, "/./") && !strstr(text, "/../") &&
	       !strpbrk(text, "*?[");
}

bool server_match__is_container(const char *text)
{
	return text[0] && text[0] != '.' && text[0] != '-' && strlen(text) < NAME_BYTES &&
	       has_only(text, "+");
}
