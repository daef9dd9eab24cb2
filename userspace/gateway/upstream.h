/* SPDX-License-Identifier: Apache-2.0 */
/* One request to the Prometheus or VictoriaMetrics behind us, by libcurl. */
#ifndef EDGETAP_GATEWAY_UPSTREAM_H
#define EDGETAP_GATEWAY_UPSTREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPSTREAM_MESSAGE_BYTES 256
#define UPSTREAM_TYPE_BYTES 128

struct upstream_request {
	const char *base;	/* http://127.0.0.1:9090, without a slash at the end */
	const char *path;	/* "/api/v1/query" */
	const char *parameters; /* encoded */
	size_t parameters_length;
	bool is_post;
	const char *accept;	/* of the client, or NULL; left out if it is not printable ASCII */
	const char *token_file; /* its content is the bearer token; NULL: none */
	const char *ca_file;	/* PEM; NULL: the system's authorities */
	uint64_t timeout_ms;
	uint64_t max_bytes; /* of the response's body, decompressed */

	/* Takes a piece of the body. 0, or a negative errno that ends the request. */
	int (*write)(void *ctx, const void *data, size_t size);
	/* Asked about once a second: whether nobody waits any more. */
	bool (*is_moot)(void *ctx);
	void *ctx;
};

struct upstream_response {
	unsigned int status;
	char content_type[UPSTREAM_TYPE_BYTES]; /* "" if it has none that could be passed on */
};

/* Once before any thread is started. 0 or -ENOMEM. */
int upstream__init(void);

/*
 * Asks. Returns 0 with the upstream's status; or -ETIMEDOUT, -ECANCELED (moot),
 * -EFBIG (max_bytes), -ECONNREFUSED (no answer: refused, broken, TLS ...),
 * -EACCES (the token cannot be read), what write returned, or -ENOMEM, with one
 * sentence in ret_message, which has no secret in it.
 */
int upstream__ask(const struct upstream_request *request, struct upstream_response *ret_response,
		  char ret_message[UPSTREAM_MESSAGE_BYTES]);

#endif
