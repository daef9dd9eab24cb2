/* SPDX-License-Identifier: Apache-2.0 */
/* Asks the runtimes' own state, on disk and over their sockets, about a container. */
#ifndef EDGETAP_IDENTITY_RUNTIME_LOOKUP_H
#define EDGETAP_IDENTITY_RUNTIME_LOOKUP_H

#include <sys/types.h>

#include "identity/cgroup_path.h"
#include "identity/runtime_facts.h"

struct config;
struct runtime_lookup;

/* What one look-up may take at most, over all sockets. */
#define RUNTIME_LOOKUP_MS 300

/*
 * host_root is "" or the root directory of the host's mount namespace. config
 * must outlive the look-up. Returns 0 or -ENOMEM.
 */
int runtime_lookup__new(struct runtime_lookup **ret_lookup, const struct config *config,
			const char *host_root);
void runtime_lookup__free(struct runtime_lookup *lookup);

/*
 * Fills facts about a container with what its runtime says; monitor is the
 * process outside of it that started it, or 0. Where the path did not tell the
 * runtime, the one that knows the id. Of a user's container nothing is taken but
 * the name that its monitor has. Returns the runtime's name (static; "" if nobody
 * knows).
 */
const char *runtime_lookup__find(struct runtime_lookup *lookup, const struct cgroup_path *class,
				 pid_t monitor, struct runtime_facts *ret_facts);

#endif
