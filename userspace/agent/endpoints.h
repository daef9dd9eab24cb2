/* SPDX-License-Identifier: Apache-2.0 */
/* Which instances expose metrics of their own, and what became of asking them. */
#ifndef EDGETAP_AGENT_ENDPOINTS_H
#define EDGETAP_AGENT_ENDPOINTS_H

#include "agent/agent.h"

/* Makes agent->custom, unless the configuration says no. 0 or -ENOMEM. */
int endpoints__new(struct agent *agent);

/* Tells it what to ask, and starts its thread at first. The agent's lock is held. */
void endpoints__tick(struct agent *agent, uint64_t now_ns);

/* Adds what is known of endpoints to the readings. The agent's lock is held. */
void endpoints__read(struct agent *agent);

/* Appends the page of everything that instances expose and the scope allows. Any thread. */
int endpoints__render(struct agent *agent, const struct scope *scope, struct buffer *out);

/*
 * Makes what instances expose the guest of the next expositions on a view, in the labels of
 * that of Fly.io, until endpoints__see_off. The agent's lock is held for both. 0 or -ENOMEM.
 */
int endpoints__invite(struct agent *agent, const struct view *on, const struct scope *scope,
		      struct exposition_guest *ret_guest);
void endpoints__see_off(struct agent *agent, struct exposition_guest *guest);

#endif
