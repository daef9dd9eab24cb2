/* SPDX-License-Identifier: Apache-2.0 */
/* What user space reads for an exposition: one call for each that reads something. */
#ifndef EDGETAP_AGENT_GATHER_H
#define EDGETAP_AGENT_GATHER_H

#include "agent/agent.h"

/*
 * Begins to fill agent->readings anew, in a thread of its own: files are read while
 * counts are rendered. The agent's lock is held until they are there.
 */
void agent__start_reading(struct agent *agent);

/* Waits until they are there; ctx is the agent. */
void agent__finish_reading(void *ctx);

#endif
