/* SPDX-License-Identifier: Apache-2.0 */
/* What is served under which path. */
#ifndef EDGETAP_AGENT_ROUTES_H
#define EDGETAP_AGENT_ROUTES_H

#include "agent/agent.h"
#include "http/server.h"

#define ROUTES_MAX 16

/*
 * Fills in a route per view, and /-/ready. Their ctx is the agent. Returns their number.
 */
size_t routes__fill(struct http_route ret_routes[ROUTES_MAX]);

#endif
