/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The collectors that run, and what they have read: once or twice a second, in a thread of
 * its own, so that files are read while counts are rendered. All is called with the
 * agent's lock held.
 */
#ifndef EDGETAP_COLLECT_COLLECTORS_H
#define EDGETAP_COLLECT_COLLECTORS_H

#include <stddef.h>

#include "collect/collector.h"

/*
 * Starts those of the table that are not off, in its order, which is the order of their
 * readings; of env, collectors is filled in. Returns 0 or -ENOMEM; what could not start
 * otherwise is said in the log, and missing.
 */
int collectors__new(struct collectors **ret_collectors, const struct collector *const *table,
		    size_t count, const struct collector_env *env);
void collectors__free(struct collectors *collectors);

/* The state of one of them, NULL if it does not run. */
void *collectors__state(const struct collectors *collectors, const struct collector *collector);

/* As the functions of struct collector, for each. next_ns: UINT64_MAX if there is nothing to do. */
void collectors__tick(struct collectors *collectors, uint64_t now_ns);
uint64_t collectors__next_ns(const struct collectors *collectors);
void collectors__sweep(struct collectors *collectors);
void collectors__born(struct collectors *collectors, uint64_t now_ns);
void collectors__listening(struct collectors *collectors, const struct event *event,
			   const struct identity *identity);
void collectors__relabel(struct collectors *collectors, bool all);
void collectors__leave_to_exporter(struct collectors *collectors, const char *app);
const struct identity *collectors__identity(const struct collectors *collectors,
					    uint64_t cgroup_id);

/* Each writes its part of what the agent counts about itself. */
void collectors__count(struct collectors *collectors, uint64_t counts[OWN_COUNTS]);

/* What was read last. */
struct readings *collectors__readings(struct collectors *collectors);

/*
 * Begins to read what is wanted, if it was not within the last second; what was read then for
 * who wanted less is read as a whole, so that there are two readings a second at most. The lock
 * is held, and the scope stays, until collectors__finish_reading has returned.
 */
void collectors__start_reading(struct collectors *collectors, const struct readings_wanted *wanted);

/* Waits until it is read; ctx is the collectors. */
void collectors__finish_reading(void *ctx);

#endif
