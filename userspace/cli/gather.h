/* SPDX-License-Identifier: Apache-2.0 */
/* What user space reads for an exposition: one call for each that reads something. */
#ifndef EDGETAP_CLI_GATHER_H
#define EDGETAP_CLI_GATHER_H

#include "cli/agent.h"

/* Fills agent->readings anew. The agent's lock is held. */
void agent__read(struct agent *agent);

#endif
