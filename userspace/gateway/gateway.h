/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /prometheus/ORG/...: the query API of the Prometheus or VictoriaMetrics behind
 * us, on Fly.io's paths. What a reader may see is enforced here, on the query.
 */
#ifndef EDGETAP_GATEWAY_GATEWAY_H
#define EDGETAP_GATEWAY_GATEWAY_H

#include <stdint.h>

#include "http/request.h"

#define GATEWAY_PREFIX "/prometheus/"

/* More of an answer is nobody's dashboard. */
#define GATEWAY_MAX_RESPONSE_BYTES (64ULL * 1024 * 1024)

struct gateway_options {
	const char *url; /* of the upstream; NULL: there is none, and all is answered with 404 */
	const char *org; /* the organisation in the path */
	const char *token_file; /* for the upstream, or NULL */
	const char *ca_file;	/* whose certificates prove it; NULL: the system's */
};

/* Once before any thread is started. 0 or -ENOMEM. */
int gateway__init(void);

/*
 * Answers a request below GATEWAY_PREFIX, whatever comes of it: on a slow route.
 * Returns 0 or -ENOMEM.
 */
int gateway__handle(const struct gateway_options *options, const struct http_request *request,
		    struct http_reply *reply);

#endif
