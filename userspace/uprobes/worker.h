/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads that attach: reading a program and placing probes take milliseconds, for which
 * neither events nor scrapes shall wait. One looks at who has just begun to serve, and never for
 * long: what takes long, whose owner has had his part, and all that is done for who has been there
 * before are left to the other, which has no hurry.
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
 * Starts the threads, which have the privileges of the caller as they are now. What
 * was pushed before is done then. 0 or a negative errno, after which it is to be freed.
 */
int worker__start(struct worker *worker);
bool worker__is_started(const struct worker *worker);

/* A server process was seen. Any thread; returns at once. */
void worker__push(struct worker *worker, const struct serving *serving);

/* As of the last thing done. Any thread. NULL gives zeros. */
void worker__stats(struct worker *worker, struct attached_stats *ret_stats);

/*
 * Ends the threads and detaches everything. A thread that hangs all the same is left
 * alone after three quarters of a second (all has two to end), with its memory; then
 * false is returned, and what its ops use must stay. NULL is allowed.
 */
bool worker__free(struct worker *worker);

#endif
