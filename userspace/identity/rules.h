/* SPDX-License-Identifier: Apache-2.0 */
/* The user's rules on names: the last word. Pure. */
#ifndef EDGETAP_IDENTITY_RULES_H
#define EDGETAP_IDENTITY_RULES_H

#include <stdbool.h>
#include <stddef.h>

struct config_rule;

/* What rules look at; never NULL, "" if unknown. */
struct rules_subject {
	const char *app;
	const char *instance;
	const char *cgroup;
	const char *exe; /* whole path */
};

/* Whether all patterns of a rule fit. */
bool rules__fit(const struct config_rule *rule, const struct rules_subject *subject);

/*
 * The first rule whose patterns all fit, or NULL. Patterns are fnmatch(3)'s,
 * `*` matching slashes too; one for the executable that has no slash is
 * matched against its last component.
 */
const struct config_rule *rules__find(const struct config_rule *rules, size_t count,
				      const struct rules_subject *subject);

#endif
