/* SPDX-License-Identifier: Apache-2.0 */
/* Between the agent, which knows the instances, and what asks their database servers. */
#ifndef EDGETAP_AGENT_DATABASES_H
#define EDGETAP_AGENT_DATABASES_H

#include "agent/agent.h"

struct report;

/* Makes agent->postgres, if that is wanted. Nothing runs yet. 0 or a negative errno. */
int databases__new(struct agent *agent);

/* Starts its thread, which gets the privileges of the caller. Later calls do nothing. */
void databases__start(struct agent *agent);

/* A process of the instance has a listening socket. */
void databases__listening(struct agent *agent, const struct event *event,
			  const struct identity *identity);

/* Tells the servers that were found whose they are. The agent's lock is held. */
void databases__resolve(struct agent *agent);

/* As exposition_options.databases; ctx is the agent. */
void databases__counts(void *ctx, uint64_t ret_counts[DATABASE_FIELDS]);

/* Looks for servers and asks each, for `doctor`: takes as long as they take to answer. */
void databases__report(struct report *report, const struct config *config);

#endif
