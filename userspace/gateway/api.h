/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What of Prometheus' HTTP API is served, and what becomes of a request: the
 * request to the upstream, in which every selector has the reader's apps, or a
 * refusal. Pure.
 *
 * Only parameters of a list reach the upstream, so that those of VictoriaMetrics
 * that widen or replace a filter (extra_filters[], extra_label, trace ...) never do.
 */
#ifndef EDGETAP_GATEWAY_API_H
#define EDGETAP_GATEWAY_API_H

#include <stdbool.h>

#include "base/scope.h"
#include "encoders/buffer.h"
#include "gateway/form.h"

#define API_PATH_BYTES 192
#define API_MESSAGE_BYTES 320

/* A refusal, as Prometheus words one. */
struct api_error {
	unsigned int status; /* HTTP's */
	const char *type;    /* Prometheus' errorType: bad_data, not_found ... */
	char message[API_MESSAGE_BYTES];
};

struct api_call {
	char path[API_PATH_BYTES]; /* below the upstream's address: "/api/v1/query" */
	bool is_post;		   /* the parameters are a form, not in the target */
	struct buffer parameters;  /* encoded */
};

/*
 * rest is the path behind "/prometheus/ORG", decoded. Fills in the call, which
 * is then freed with api_call__free, or the error. Returns 0, -EINVAL with the
 * error, or -ENOMEM.
 */
int api__translate(struct api_call *ret_call, const char *rest, const struct form *form,
		   const struct scope *scope, struct api_error *error);

/* Frees what it holds. */
void api_call__free(struct api_call *call);

/* Fills in a refusal. Returns -EINVAL. */
__attribute__((format(printf, 4, 5))) int api_error__set(struct api_error *error,
							 unsigned int status, const char *type,
							 const char *format, ...);

/* The body of a refusal: Prometheus' JSON. From malloc; NULL when out of memory. */
char *api_error__body(const struct api_error *error);

#endif
