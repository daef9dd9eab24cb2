/* SPDX-License-Identifier: Apache-2.0 */
/* What the pages are made from, for agent.c and pages.c; the lock is held. */
#ifndef EDGETAP_AGENT_PAGES_H
#define EDGETAP_AGENT_PAGES_H

#include "agent/agent.h"

/* Makes agent->exposition anew, from the configuration as it is. 0 or a negative errno. */
int agent__new_exposition(struct agent *agent);

/* The counts as they are now, the kernel's and those of names; NULL if they cannot be read. */
const struct snapshot *agent__snapshot(struct agent *agent);

#endif
