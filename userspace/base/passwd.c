// SPDX-License-Identifier: Apache-2.0
#include "base/passwd.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int passwd__find(const char *passwd, const char *user, uid_t *ret_uid)
{
	const size_t length = strlen(user);
	unsigned long number;
	char *end;

	if (user[0] >= '0' && user[0] <= '9') {
		number = strtoul(user, &end, 10);
		if (*end || length > 10 || number >= (uid_t)-1)
			return -ENOENT;
		*ret_uid = (uid_t)number;
		return 0;
	}
	for (const char *line = passwd; *line; line += strcspn(line, "\n"), line += *line == '\n') {
		const char *at = line + length;

		if (strncmp(line, user, length) != 0 || *at != ':')
			continue;
		at += 1 + strcspn(at + 1, ":\n");
		if (*at != ':' || at[1] < '0' || at[1] > '9')
			return -ENOENT;
		number = strtoul(at + 1, &end, 10);
		if (*end != ':' || number >= (uid_t)-1)
			return -ENOENT;
		*ret_uid = (uid_t)number;
		return 0;
	}
	return -ENOENT;
}
