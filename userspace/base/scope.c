// SPDX-License-Identifier: Apache-2.0
#include "base/scope.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

const struct scope scope_all = { .all = true };
const struct scope scope_none = { .all = false };

bool scope__allows(const struct scope *scope, const char *app)
{
	if (scope->all)
		return true;
	if (!app || !app[0])
		return false;
	for (size_t i = 0; i < scope->app_count; i++)
		if (strcmp(scope->app[i], app) == 0)
			return true;
	return false;
}

bool scope__allows_org(const struct scope *scope, const char *org)
{
	return !scope->org || (org && strcmp(scope->org, org) == 0);
}

static bool is_same_name(const char *name, const char *other)
{
	return name && other ? strcmp(name, other) == 0 : name == other;
}

bool scope__is_same(const struct scope *scope, const struct scope *other)
{
	if (scope->all != other->all || !is_same_name(scope->org, other->org) ||
	    scope->app_count != other->app_count)
		return false;
	for (size_t i = 0; i < scope->app_count; i++)
		if (strcmp(scope->app[i], other->app[i]) != 0)
			return false;
	return true;
}

static char *put(char **end, const char *text)
{
	char *start = *end;

	*end = stpcpy(start, text) + 1;
	return start;
}

int scope__copy(struct scope **ret_copy, const struct scope *scope)
{
	size_t size = sizeof(*scope) + scope->app_count * sizeof(*scope->app);
	struct scope *copy;
	const char **app;
	char *end;

	for (size_t i = 0; i < scope->app_count; i++)
		size += strlen(scope->app[i]) + 1;
	if (scope->org)
		size += strlen(scope->org) + 1;
	copy = malloc(size);
	if (!copy)
		return -ENOMEM;
	app = (const char **)(copy + 1);
	end = (char *)(app + scope->app_count);
	for (size_t i = 0; i < scope->app_count; i++)
		app[i] = put(&end, scope->app[i]);
	*copy = (struct scope){
		.all = scope->all,
		.app = app,
		.app_count = scope->app_count,
		.org = scope->org ? put(&end, scope->org) : NULL,
	};
	*ret_copy = copy;
	return 0;
}
