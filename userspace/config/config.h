/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration. Each source overrides the ones before it: defaults, file,
 * flags, environment.
 */
#ifndef EDGETAP_CONFIG_H
#define EDGETAP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "grid.h"

/* A rule: the first whose patterns (fnmatch, empty matches all) all fit decides. */
struct config_rule {
	char *match_app;
	char *match_instance;
	char *match_cgroup; /* path below the hierarchy's mount */
	char *match_exe;
	char *set_app; /* NULL: unchanged */
	bool drop;
};

struct config {
	char *listen; /* ADDR:PORT, [V6]:PORT */
	char *region;
	char *host;
	char *cgroup_hierarchy; /* "auto", "v2", or a v1 controller */
	uint64_t retention_ns;	/* how long a dead instance's series stay */
	bool status_by_code;	/* histograms by exact status instead of class */

	uint64_t bucket_ns[GRID_MAX_CLASSIC]; /* classic `le` bounds, ascending */
	size_t bucket_count;

	uint32_t max_instances;
	uint32_t max_statuses;
	uint32_t max_groups;
	uint32_t max_sockets;
	uint32_t max_destinations;
	uint32_t max_apps; /* roll-ups of retired instances */

	char *docker_socket; /* NULL: the usual places */
	char *podman_socket;
	char *containerd_state; /* directory */
	char *crio_state;

	uint32_t http_connections; /* clients at once */
	uint32_t http_timeout_ms;

	struct config_rule *rules;
	size_t rule_count;
};

#endif
