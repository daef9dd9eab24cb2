/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request may see. Whoever makes a reply asks here for every series, so
 * that there is one place where this is decided. Pure.
 */
#ifndef EDGETAP_BASE_SCOPE_H
#define EDGETAP_BASE_SCOPE_H

#include <stdbool.h>
#include <stddef.h>

struct scope {
	bool all;		/* every series, those without an app included */
	const char *const *app; /* else the series of these apps, and no others */
	size_t app_count;
	const char *org; /* NULL: any organisation; else this one only */
};

/* What who may see everything has, and who may see nothing. */
extern const struct scope scope_all;
extern const struct scope scope_none;

/*
 * Whether a series with this label `app` may be shown. NULL and "" are a series
 * without the label, such as the agent's own. Names are compared byte by byte.
 */
bool scope__allows(const struct scope *scope, const char *app);

/* Whether an organisation of this name may be asked about. */
bool scope__allows_org(const struct scope *scope, const char *org);

/* Whether whoever has the one may see just what who has the other may. */
bool scope__is_same(const struct scope *scope, const struct scope *other);

/* A copy with all it points to in one piece of memory, to be freed by free(). 0 or -ENOMEM. */
int scope__copy(struct scope **ret_copy, const struct scope *scope);

#endif
