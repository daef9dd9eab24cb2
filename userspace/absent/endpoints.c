// SPDX-License-Identifier: Apache-2.0
/* In place of what a build leaves out: see PARTS in the Makefile. */
#include <stddef.h>

#include "agent/extra_series.h"
#include "collect/endpoints/endpoints.h"

static int start(void **ret_state, const struct collector_env *env)
{
	(void)ret_state;
	(void)env;
	return 1;
}

const struct collector collector_endpoints = { .name = "endpoints", .start = start };

int extra_series__render(struct agent *agent, const struct scope *scope, struct buffer *out)
{
	(void)agent;
	(void)scope;
	return buffer__flush(out);
}

int extra_series__begin(struct agent *agent, const struct view *on, const struct scope *scope,
			struct exposition_extra *ret_extra)
{
	(void)agent;
	(void)on;
	(void)scope;
	*ret_extra = (struct exposition_extra){ 0 };
	return 0;
}

void extra_series__end(struct agent *agent, struct exposition_extra *extra)
{
	(void)agent;
	(void)extra;
}
