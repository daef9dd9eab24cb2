// SPDX-License-Identifier: Apache-2.0
#include <fnmatch.h>
#include <string.h>

#include "config/config.h"
#include "identity/rules.h"

static bool fits(const char *pattern, const char *text)
{
	return !pattern || !*pattern || fnmatch(pattern, text, 0) == 0;
}

static bool fits_exe(const char *pattern, const char *exe)
{
	const char *slash = strrchr(exe, '/');

	if (pattern && !strchr(pattern, '/') && slash)
		exe = slash + 1;
	return fits(pattern, exe);
}

bool rules__fit(const struct config_rule *rule, const struct rules_subject *subject)
{
	return fits(rule->match_app, subject->app) &&
	       fits(rule->match_instance, subject->instance) &&
	       fits(rule->match_cgroup, subject->cgroup) && fits_exe(rule->match_exe, subject->exe);
}

const struct config_rule *rules__find(const struct config_rule *rules, size_t count,
				      const struct rules_subject *subject)
{
	for (size_t i = 0; i < count; i++)
		if (rules__fit(&rules[i], subject))
			return &rules[i];
	return NULL;
}
