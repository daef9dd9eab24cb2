/* SPDX-License-Identifier: Apache-2.0 */
/* From an instance, its labels and the configuration to the endpoints that it has. Pure. */
#ifndef EDGETAP_COLLECT_ENDPOINTS_TARGETS_H
#define EDGETAP_COLLECT_ENDPOINTS_TARGETS_H

#include "collect/endpoints/custom.h"
#include "config/config.h"
#include "identity/identity.h"

/* What has been found so far; begins as zeros. The caller frees target. */
struct targets {
	struct custom_target *target;
	size_t count, room;
};

/*
 * Adds what the rules that fit the instance say, and what its own labels say; an endpoint
 * that both name once. exe: path of the executable of pid, "" if it is not known. The
 * targets point into the instance's identity and the rules. 0 or -ENOMEM.
 */
int targets__add(struct targets *targets, const struct identity_instance *instance, pid_t pid,
		 const char *exe, const struct config_metrics *metrics, size_t count);

#endif
