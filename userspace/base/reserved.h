/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Label values that stand for no one in particular: `__other__`, `__node__`,
 * `__unknown__`. Whatever begins and ends with two underscores is ours. What
 * others call so gets a '-' in front, and so does what would then be equal to
 * it: two names that differ stay different.
 */
#ifndef EDGETAP_BASE_RESERVED_H
#define EDGETAP_BASE_RESERVED_H

#include <stdbool.h>
#include <string.h>

#define RESERVED_MARK '-'

/* Whether a name of len bytes gets the mark: a reserved one, or one that has the mark already. */
static inline bool reserved__is(const char *name, size_t len)
{
	while (len && *name == RESERVED_MARK) {
		name++;
		len--;
	}
	return len > 4 && memcmp(name, "__", 2) == 0 && memcmp(name + len - 2, "__", 2) == 0;
}

#endif
