/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that attaches: reading a program and placing probes take
 * milliseconds, for which neither events nor scrapes shall wait.
 */
#ifndef EDGETAP_UPROBES_WORKER_H
#define EDGETAP_UPROBES_WORKER_H

#include "uprobes/attached.h"

/* Processes that wait to be looked at. One too many is left out, and told of again. */
#define WORKER_MAX_WAITING 4096

struct worker;

/* Nothing runs yet. Takes attached over, also when it fails. 0 or -ENOMEM. */
int worker__new(struct worker **ret_worker, struct attached *attached, uint64_t sweep_ns);

/*
 * Starts the thread, which has the privileges of the caller as they are now. What
 * was pushed before is done then. 0 or a negative errno.
 */
int worker__start(struct worker *worker);
bool worker__is_started(const struct worker *worker);

/* A server process was seen. Any thread; returns at once. */
void worker__push(struct worker *worker, const struct serving *serving);

/* As of the last thing done. Any thread. NULL gives zeros. */
void worker__stats(struct worker *worker, struct attached_stats *ret_stats);

/*
 * Ends the thread and detaches everything. A thread that hangs all the same is left
 * alone after three quarters of a second (all has two to end), with its memory; then
 * false is returned, and what its ops use must stay. NULL is allowed.
 */
bool worker__free(struct worker *worker);

#endif
