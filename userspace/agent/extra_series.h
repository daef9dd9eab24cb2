/* SPDX-License-Identifier: Apache-2.0 */
/* What instances expose themselves, on a page of its own and on those of views. */
#ifndef EDGETAP_AGENT_EXTRA_SERIES_H
#define EDGETAP_AGENT_EXTRA_SERIES_H

#include "agent/agent.h"

/* Appends the page of everything that instances expose and the scope allows. Any thread. */
int extra_series__render(struct agent *agent, const struct scope *scope, struct buffer *out);

/*
 * Makes what instances expose part of the next expositions of a view, under its labels, until
 * extra_series__end. The agent's lock is held for both. 0 or -ENOMEM.
 */
int extra_series__begin(struct agent *agent, const struct view *on, const struct scope *scope,
			struct exposition_extra *ret_extra);
void extra_series__end(struct agent *agent, struct exposition_extra *extra);

#endif
