// SPDX-License-Identifier: Apache-2.0
#include "gateway/gateway.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/clock.h"
#include "gateway/api.h"
#include "gateway/upstream.h"

#define NS_PER_MS 1000000ULL
#define JSON_TYPE "application/json"
#define FORM_TYPE "application/x-www-form-urlencoded"

/* What is kept back of the time for an answer that says that there was none. */
#define SPARE_MS 200

struct answer {
	const struct http_request *request;
	struct http_reply *reply;
};

int gateway__init(void)
{
	return upstream__init();
}

static int refuse(struct http_reply *reply, const struct api_error *error)
{
	char *body = api_error__body(error);
	int err = body ? http_reply__text(reply, error->status, "%s\n", body) : -ENOMEM;

	free(body);
	reply->content_type = JSON_TYPE;
	if (error->status == 503)
		http_reply__field(reply, "Retry-After", "1");
	return err;
}

/* "application/x-www-form-urlencoded", in any case, perhaps with parameters behind it. */
static bool is_form(const char *type)
{
	size_t length = strlen(FORM_TYPE);

	if (!type || strncasecmp(type, FORM_TYPE, length))
		return false;
	type += length + strspn(type + length, " \t");
	return !*type || *type == ';';
}

/* The parameters of the target and of the form, together. */
static int read_form(const struct http_request *request, struct form *form, struct api_error *error)
{
	const char *raw = http_request__raw_query(request), *reason = NULL;
	size_t size;
	const char *content = http_request__content(request, &size);
	int err;

	if (size && (http_request__header_count(request, "Content-Type") != 1 ||
		     !is_form(http_request__header(request, "Content-Type"))))
		return api_error__set(error, 415, "bad_data",
				      "the content is read as one Content-Type only: " FORM_TYPE);
	err = form__parse(form, raw, strlen(raw), &reason);
	if (!err)
		err = form__parse(form, content, size, &reason);
	return reason ? api_error__set(error, 400, "bad_data", "%s", reason) : err;
}

/* The path behind the organisation, with its slash; NULL with the error. */
static const char *read_path(const struct gateway_options *options,
			     const struct http_request *request, struct api_error *error)
{
	const char *path = http_request__path(request);
	size_t length;

	if (!options->url || strncmp(path, GATEWAY_PREFIX, strlen(GATEWAY_PREFIX))) {
		api_error__set(error, 404, "not_found", "there is no query API here");
		return NULL;
	}
	path += strlen(GATEWAY_PREFIX);
	length = strcspn(path, "/");
	if (strlen(options->org) != length || memcmp(options->org, path, length)) {
		api_error__set(error, 404, "not_found", "there is no such organisation");
		return NULL;
	}
	if (!scope__allows_org(http_request__scope(request), options->org)) {
		api_error__set(error, 403, "forbidden", "this token is for another organisation");
		return NULL;
	}
	return path + length;
}

static int write_answer(void *ctx, const void *data, size_t size)
{
	const struct answer *answer = ctx;

	return http_reply__write(answer->reply, answer->request, data, size);
}

static bool answer_is_moot(void *ctx)
{
	const struct answer *answer = ctx;

	return http_request__is_moot(answer->request);
}

static uint64_t left_ms(const struct http_request *request)
{
	uint64_t now_ns = clock__now_ns(), deadline_ns = http_request__deadline_ns(request);
	uint64_t left = deadline_ns > now_ns ? (deadline_ns - now_ns) / NS_PER_MS : 0;

	return left > 2 * SPARE_MS ? left - SPARE_MS : 0;
}

static int explain(int err, const char *message, struct api_error *error)
{
	switch (err) {
	case -ETIMEDOUT:
	case -ETIME:
		return api_error__set(error, 504, "timeout", "the upstream did not answer in time");
	case -ENOBUFS:
		return api_error__set(error, 503, "unavailable",
				      "other answers hold all response memory; try again");
	case -ECANCELED:
		return api_error__set(error, 503, "canceled", "nobody waits for the answer");
	case -ENOMEM:
		return err;
	default:
		return api_error__set(error, 502, "internal", "%s", message);
	}
}

/* Passes on what the upstream says, in its words where it has some. */
static int ask(const struct gateway_options *options, const struct http_request *request,
	       const struct api_call *call, struct http_reply *reply, struct api_error *error)
{
	struct answer answer = { request, reply };
	struct upstream_request ask = {
		.base = options->url,
		.path = call->path,
		.parameters = call->parameters.data,
		.parameters_length = call->parameters.length,
		.is_post = call->is_post,
		.accept = http_request__header(request, "Accept"),
		.token_file = options->token_file,
		.ca_file = options->ca_file,
		.timeout_ms = left_ms(request),
		.max_bytes = GATEWAY_MAX_RESPONSE_BYTES,
		.write = write_answer,
		.is_moot = answer_is_moot,
		.ctx = &answer,
	};
	struct upstream_response response;
	char message[UPSTREAM_MESSAGE_BYTES] = "";
	int err = ask.timeout_ms ? upstream__ask(&ask, &response, message) : -ETIMEDOUT;

	if (err)
		return explain(err, message, error);
	/* Our own credentials, our own address: nothing that the reader could do about. */
	if (response.status == 401 || response.status == 403 || response.status == 407 ||
	    response.status < 200 || (response.status >= 300 && response.status < 400))
		return api_error__set(error, 502, "internal",
				      "the upstream answered with status %u", response.status);
	reply->status = response.status;
	memcpy(reply->type_text, response.content_type, sizeof(response.content_type));
	reply->content_type = reply->type_text[0] ? reply->type_text : NULL;
	return 0;
}

int gateway__handle(const struct gateway_options *options, const struct http_request *request,
		    struct http_reply *reply)
{
	struct api_error error = { .status = 0 };
	struct form form = {};
	struct api_call call = {};
	const char *rest = read_path(options, request, &error);
	int err = rest ? read_form(request, &form, &error) : -EINVAL;

	if (!err)
		err = api__translate(&call, rest, &form, http_request__scope(request), &error);
	form__free(&form);
	if (!err) {
		err = ask(options, request, &call, reply, &error);
		api_call__free(&call);
	}
	return err && error.status ? refuse(reply, &error) : err;
}
