/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A collector reads or asks what the kernel's programs do not count, and gives it as
 * readings of instances. It is a struct of functions, collector_NAME, in the folder
 * collect/NAME, which is all that makes it known; functions that it has no use for are
 * NULL. All but start and free are called with the agent's lock held, so they do not
 * wait for anybody; what takes long runs in a thread of the collector's own.
 */
#ifndef EDGETAP_COLLECT_COLLECTOR_H
#define EDGETAP_COLLECT_COLLECTOR_H

#include <stdbool.h>
#include <stdint.h>

#include "event.h"
#include "identity/identity.h"
#include "metrics/own.h"
#include "metrics/readings.h"

struct broker;
struct collectors;
struct config;
struct loader;

/* What a collector works with; all of it outlives it. */
struct collector_env {
	const struct config *config; /* its texts change at a reload */
	struct identity_table *identity;
	const struct loader *loader;
	struct broker *broker; /* NULL: nobody can enter containers */
	struct collectors *collectors;
};

struct collector {
	const char *name; /* as options have it */

	/* Whether whoever owns its readings is alive, and so is up. */
	bool is_of_the_living;

	/*
	 * Makes its state; nothing runs yet. Returns 0, 1 if the configuration says that it is off
	 * or what it needs is not there, or a negative errno.
	 */
	int (*start)(void **ret_state, const struct collector_env *env);
	void (*free)(void *state);

	/*
	 * Does what is due. At the first call it may start threads, which have the privileges that
	 * the caller has then. next_ns: when there is something to do next, CLOCK_MONOTONIC.
	 */
	void (*tick)(void *state, uint64_t now_ns);
	uint64_t (*next_ns)(const void *state);

	/* Some seconds have passed, in which instances were born and died. */
	void (*sweep)(void *state);

	/* Adds what is so now. In a thread of its own, while the agent's lock is held. */
	void (*read)(void *state, struct readings *readings);

	/* Writes its part of what the agent counts about itself. */
	void (*count)(void *state, uint64_t counts[OWN_COUNTS]);

	/* There is an instance that was not there before. */
	void (*born)(void *state, uint64_t now_ns);

	/* A process of an instance has a listening socket. */
	void (*listening)(void *state, const struct event *event, const struct identity *identity);

	/* Labels were found anew; all of them, if the configuration was read again. */
	void (*relabel)(void *state, bool all);

	/* The app exposes, of itself, what this collector would ask for: it is left alone. */
	void (*leave_to_exporter)(void *state, const char *app);

	/* The labels of the instance whose own cgroup this is, if it is known already; or NULL. */
	const struct identity *(*identity)(const void *state, uint64_t cgroup_id);
};

#endif
