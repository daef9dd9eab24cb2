/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a token allows after its caveats. A grant begins with everything; each
 * caveat takes away, so their order does not matter and none can widen another.
 * Pure.
 *
 *   app = NAME           only this app
 *   app in NAME,NAME     only these
 *   org = NAME           only this organisation
 *   op = read            no request that changes anything
 *   time < YYYY-MM-DDThh:mm:ssZ   not from then on
 */
#ifndef EDGETAP_ACCESS_GRANT_H
#define EDGETAP_ACCESS_GRANT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"

#define GRANT_APPS_MAX 64
#define GRANT_NAME_BYTES 128
#define GRANT_TEXT_BYTES 1024

struct grant {
	bool all; /* apps */
	size_t app_count;
	char app[GRANT_APPS_MAX][GRANT_NAME_BYTES + 1];
	bool has_org;
	bool no_org; /* two that exclude each other */
	char org[GRANT_NAME_BYTES + 1];
	bool read_only;
	int64_t expires; /* seconds since 1970; INT64_MAX: never */
};

/* Everything. */
void grant__init(struct grant *grant);

/*
 * Narrows it by a caveat. Returns 0, -EINVAL for one that is not understood, or
 * -E2BIG for more than GRANT_APPS_MAX apps; the token then allows nothing.
 */
int grant__narrow(struct grant *grant, const void *caveat, size_t size);

/* Whether it allows nothing at all, whatever the time. */
bool grant__is_empty(const struct grant *grant);

/*
 * What may be seen with it. apps is the caller's memory, and holds as long as
 * the grant and it are not changed.
 */
struct scope grant__scope(const struct grant *grant, const char *apps[GRANT_APPS_MAX]);

/*
 * Write a caveat as text, at most GRANT_TEXT_BYTES with its end. Return 0,
 * -EINVAL for a name that no caveat can hold, or -E2BIG.
 */
int caveat__apps(char *text, const char *const *apps, size_t count);
int caveat__org(char *text, const char *org);
int caveat__expires(char *text, int64_t expires);

#define CAVEAT_READ "op = read"

#endif
