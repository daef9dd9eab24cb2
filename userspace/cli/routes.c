// SPDX-License-Identifier: Apache-2.0
#include "cli/routes.h"

#include <errno.h>
#include <string.h>

#include "encoders/encoder.h"

static const struct view *find_view(const char *path)
{
	size_t count;
	const struct view *const *views = view__all(&count);

	for (size_t i = 0; i < count; i++)
		if (strcmp(views[i]->path, path) == 0)
			return views[i];
	return NULL;
}

static int handle_view(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const struct view *view = find_view(http_request__path(request));
	const struct encoder *encoder = encoder__negotiate(http_request__header(request, "Accept"));
	struct buffer out;
	int err;

	if (!view)
		return -ENOENT;
	buffer__init(&out);
	err = agent__render(ctx, view, encoder, &out);
	if (err) {
		buffer__free(&out);
		return err;
	}
	reply->content_type = encoder->content_type;
	reply->body = out.data;
	reply->size = out.length;
	return 0;
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

	for (size_t i = 0; i < count && used < ROUTES_MAX - 1; i++)
		ret_routes[used++] = (struct http_route){
			.path = views[i]->path,
			.description = views[i]->description,
			.handle = handle_view,
		};
	ret_routes[used++] = (struct http_route){
		.path = "/-/ready",
		.description = "200 while this machine is observed",
		.handle = handle_ready,
		.quick = true,
	};
	return used;
}
