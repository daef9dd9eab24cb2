// SPDX-License-Identifier: Apache-2.0
#include "agent/routes.h"

#include <errno.h>
#include <string.h>

#include "agent/extra_series.h"
#include "base/parts.h"
#include "encoders/encoder.h"
#include "views/views.h"

static const struct view *find_view(const char *path)
{
	size_t count;
	const struct view *const *views = view__all(&count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(views[i]->path, path) == 0)
			return views[i];
	return NULL;
}

/* What an encoder writes before it is compressed. */
#define WINDOW_BYTES (32 * 1024)

struct sink {
	const struct http_request *request;
	struct http_reply *reply;
};

static int write_reply(void *ctx, const char *data, size_t length)
{
	const struct sink *sink = ctx;

	return http_reply__write(sink->reply, sink->request, data, length);
}

/* The page is the same for all who get it in the same format. */
static const void *variant_of_view(const struct http_request *request)
{
	const struct view *view = find_view(http_request__path(request));

	return view ? view__encoder(view, http_request__header(request, "Accept")) : NULL;
}

static const void *variant_of_custom(const struct http_request *request)
{
	(void)request;
	return &encoder_text;
}

static int handle_view(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const struct view *view = find_view(http_request__path(request));
	const struct encoder *encoder;
	struct sink sink = { request, reply };
	struct buffer out;
	int err;

	if (!view)
		return -ENOENT;
	encoder = view__encoder(view, http_request__header(request, "Accept"));
	reply->content_type = encoder->content_type;
	buffer__init_stream(&out, WINDOW_BYTES, write_reply, &sink);
	err = agent__render(ctx, view, encoder, http_request__scope(request), &out);
	buffer__free(&out);
	return err;
}

static int handle_custom(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	struct sink sink = { request, reply };
	struct buffer out;
	int err;

	reply->content_type = encoder_text.content_type;
	buffer__init_stream(&out, WINDOW_BYTES, write_reply, &sink);
	err = extra_series__render(ctx, http_request__scope(request), &out);
	buffer__free(&out);
	return err;
}

static int handle_ready(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const struct agent *agent = ctx;

	(void)request;
	if (agent->ready)
		return http_reply__text(reply, 200, "ready\n");
	return http_reply__text(reply, 503, "not ready\n");
}

size_t routes__fill(struct http_route ret_routes[ROUTES_MAX])
{
	size_t count, used = 0;
	const struct view *const *views = view__all(&count);

	for (size_t i = 0; i < count && used < ROUTES_MAX - 2; i++)
		ret_routes[used++] = (struct http_route){
			.path = views[i]->path,
			.description = views[i]->description,
			.handle = handle_view,
			.variant = variant_of_view,
		};
	if (parts__has("endpoints"))
		ret_routes[used++] = (struct http_route){
			.path = "/metrics/custom",
			.description = "What instances expose themselves, with the standard labels",
			.handle = handle_custom,
			.variant = variant_of_custom,
		};
	ret_routes[used++] = (struct http_route){
		.path = "/-/ready",
		.description = "200 while this machine is observed",
		.handle = handle_ready,
		.quick = true,
	};
	return used;
}
