// SPDX-License-Identifier: Apache-2.0
/* From a handler's reply to the library's response: fields, gzip, accounting. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/printable.h"
#include "http/gzip.h"
#include "http/header.h"
#include "http/server_internal.h"

/* Below this the gzip header and a second packet saved do not pay. */
#define GZIP_MIN_BYTES 1400

/*
 * Bodies up to this size are never refused: there is at most one per
 * connection, and /-/healthy must answer while slow clients hold all the rest.
 */
#define SMALL_BODY_BYTES 4096

/* What of a stream is made ready to be sent at once, per connection. */
#define SEND_BYTES (32 * 1024)

/* A body on its way to a client, counted until the library lets go of it. */
struct body {
	struct http_server *server;
	struct owner *owner;
	size_t size;
	char *bytes;
};

static void body_free(void *cls)
{
	struct body *body = cls;

	atomic_fetch_sub(&body->server->response_bytes, body->size);
	atomic_fetch_sub(&body->owner->response_bytes, body->size);
	owner__unref(body->owner);
	free(body->bytes);
	free(body);
}

/* Takes the reply's body whatever happens. Returns NULL if there is no room for it. */
static struct MHD_Response *take_body(const struct http_request *request, struct http_reply *reply)
{
	struct http_server *server = request->server;
	struct body *body = malloc(sizeof(*body));
	struct MHD_Response *response;
	uint64_t before, own;

	if (!body) {
		free(reply->body);
		reply->body = NULL;
		return NULL;
	}
	*body = (struct body){ server, owner__ref(request->owner), reply->size, reply->body };
	reply->body = NULL;
	before = atomic_fetch_add(&server->response_bytes, body->size);
	own = atomic_fetch_add(&body->owner->response_bytes, body->size);
	if (body->size > SMALL_BODY_BYTES &&
	    !share__has_room(before, own, body->size, server->options.max_response_bytes)) {
		atomic_fetch_add(&server->refused_memory, 1);
		body_free(body);
		return NULL;
	}
	response = MHD_create_response_from_buffer_with_free_callback_cls(body->size, body->bytes,
									  body_free, body);
	if (!response)
		body_free(body);
	return response;
}

static struct MHD_Response *unavailable(void)
{
	static char text[] = "out of memory for responses; try again\n";

	return MHD_create_response_from_buffer(sizeof(text) - 1, text, MHD_RESPMEM_PERSISTENT);
}

int response__open_stream(const struct http_request *request, struct gzip **ret_packed)
{
	struct http_server *server = request->server;
	uint64_t limit = server->options.max_response_bytes;
	bool slow = request->route && request->route->slow;
	uint64_t until_ns = request->render_until_ns;
	struct gzip *packed;
	int err;

	/* What others answer shall never leave no room for a scrape. */
	err = gzip__new(&packed, &server->response_bytes, slow ? limit / 2 : limit,
			until_ns ? until_ns : request->deadline_ns,
			request->is_for_plain ? GZIP_FOR_MEMORY : GZIP_FOR_ANYBODY);
	if (err)
		return err;
	gzip__set_owner(packed, &request->owner->response_bytes);
	*ret_packed = packed;
	return 0;
}

bool response__has_room(const struct http_request *request)
{
	struct http_server *server = request->server;

	return share__has_room(atomic_load(&server->response_bytes),
			       atomic_load(&request->owner->response_bytes), 1,
			       server->options.max_response_bytes);
}

void response__refuse(struct http_reply *reply, _Atomic uint64_t *counter, const char *why)
{
	atomic_fetch_add(counter, 1);
	reply->field_count = 0;
	http_reply__field(reply, "Retry-After", "1");
	http_reply__text(reply, 503, "%s\n", why);
}

bool response__accepts_gzip(const struct http_request *request)
{
	return http_header__accepts_gzip(http_request__header(request, "Accept-Encoding"));
}

static bool accepts_gzip(const struct http_request *request, uint64_t size)
{
	return size >= GZIP_MIN_BYTES && response__accepts_gzip(request);
}

/* An error that a stream may have becomes a 503. Returns false for any other. */
static bool refuse_stream(const struct http_request *request, int err, struct http_reply *reply)
{
	struct http_server *server = request->server;

	if (err == -ETIME)
		response__refuse(reply, &server->refused_late,
				 "the scrape timeout passed while rendering");
	else if (err == -ENOBUFS)
		response__refuse(reply, &server->refused_memory,
				 "slow clients hold all response memory");
	return err == -ETIME || err == -ENOBUFS;
}

int response__run(const struct http_request *request, http_handle_fn handle,
		  struct http_reply *reply)
{
	return response__settle(request, handle(request->server->ctx, request, reply), reply);
}

void response__fail(const struct http_request *request, int err, struct http_reply *reply)
{
	if (refuse_stream(request, err, reply))
		return;
	reply->field_count = 0;
	http_reply__text(reply, 500, "%s: %s\n", PRINTABLE(request->path), strerror(-err));
}

int response__settle(const struct http_request *request, int err, struct http_reply *reply)
{
	if (err >= 0 && reply->stream) {
		int finish_err = gzip__finish(reply->stream);

		err = finish_err ? finish_err : err;
	}
	if (err < 0 && reply->stream && gzip__error(reply->stream))
		err = gzip__error(reply->stream);
	if (err < 0)
		response__fail(request, err, reply);
	return err;
}

/* A body in one piece that others need too. */
static int copy_body(struct http_reply *copy, const struct http_reply *reply)
{
	copy->body = malloc(reply->size + 1);
	if (!copy->body)
		return -ENOMEM;
	memcpy(copy->body, reply->body, reply->size);
	return 0;
}

int response__share(struct http_reply *ret_copy, const struct http_request *request,
		    const struct http_reply *reply)
{
	struct http_reply copy = *reply;
	int err = 0;

	copy.body = NULL;
	copy.stream = NULL;
	if (reply->content_type == reply->type_text)
		copy.content_type = NULL;
	if (reply->stream)
		err = gzip__share(&copy.stream, reply->stream, &request->owner->response_bytes);
	else if (reply->body)
		err = copy_body(&copy, reply);
	if (err)
		return err;
	*ret_copy = copy;
	if (reply->content_type == reply->type_text)
		ret_copy->content_type = ret_copy->type_text;
	return 0;
}

/* Turns a body that was made in one piece into a stream, if there is room for one. */
static void pack(const struct http_request *request, struct http_reply *reply)
{
	if (response__open_stream(request, &reply->stream))
		return;
	gzip__write(reply->stream, reply->body, reply->size);
	if (!gzip__finish(reply->stream)) {
		free(reply->body);
		reply->body = NULL;
		reply->size = 0;
	} else if (!refuse_stream(request, gzip__error(reply->stream), reply)) {
		gzip__free(reply->stream);
		reply->stream = NULL;
	}
}

/* If that pays. */
static void compress(const struct http_request *request, struct http_reply *reply)
{
	if (!reply->stream && accepts_gzip(request, reply->size))
		pack(request, reply);
}

void response__pack(const struct http_request *request, struct http_reply *reply)
{
	if (!reply->stream && reply->size > SMALL_BODY_BYTES)
		pack(request, reply);
}

/* A stream on its way to a client. */
struct sent {
	struct gzip *stream;
	struct owner *owner; /* whose account it is on */
};

static ssize_t read_gzip(void *cls, uint64_t position, char *out, size_t size)
{
	struct sent *sent = cls;
	ssize_t n = gzip__read_packed(sent->stream, out, size);

	(void)position; /* only ever what was read last */
	return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static ssize_t read_plain(void *cls, uint64_t position, char *out, size_t size)
{
	struct sent *sent = cls;
	ssize_t n = gzip__read_plain(sent->stream, out, size);

	(void)position;
	return n > 0 ? n : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void free_stream(void *cls)
{
	struct sent *sent = cls;

	gzip__free(sent->stream);
	owner__unref(sent->owner);
	free(sent);
}

/* Takes the reply's stream whatever happens. */
static struct MHD_Response *take_stream(const struct http_request *request,
					struct http_reply *reply, bool gzip)
{
	struct sent *sent = malloc(sizeof(*sent));
	struct gzip *stream = reply->stream;
	struct MHD_Response *response;

	reply->stream = NULL;
	if (!sent) {
		gzip__free(stream);
		return NULL;
	}
	*sent = (struct sent){ stream, owner__ref(request->owner) };
	response = MHD_create_response_from_callback(
		gzip ? gzip__packed_bytes(stream) : gzip__plain_bytes(stream), SEND_BYTES,
		gzip ? read_gzip : read_plain, sent, free_stream);
	if (!response)
		free_stream(sent);
	return response;
}

/* Adds a field, unless the request was given one of this name. */
static int add_field(struct MHD_Response *response, const struct http_request *request,
		     const char *name, const char *value)
{
	for (size_t i = 0; i < request->given_count; i++)
		if (!strcasecmp(request->given[i].name, name))
			return MHD_YES;
	return MHD_add_response_header(response, name, value);
}

static int add_fields(struct MHD_Response *response, const struct http_request *request,
		      const struct http_reply *reply, bool gzip)
{
	const struct http_server_options *options = &request->server->options;
	const char *type = reply->content_type ? reply->content_type : "text/plain; charset=utf-8";
	int ok = 1;

	ok &= add_field(response, request, "Content-Type", type) == MHD_YES;
	ok &= add_field(response, request, "Cache-Control", "no-store") == MHD_YES;
	ok &= add_field(response, request, "X-Content-Type-Options", "nosniff") == MHD_YES;
	ok &= add_field(response, request, "Vary", "Accept, Accept-Encoding") == MHD_YES;
	if (gzip)
		ok &= add_field(response, request, "Content-Encoding", "gzip") == MHD_YES;
	if (request->is_last || (options->max_requests_per_connection &&
				 request->client->requests >= options->max_requests_per_connection))
		ok &= add_field(response, request, "Connection", "close") == MHD_YES;
	for (size_t i = 0; i < reply->field_count; i++)
		ok &= add_field(response, request, reply->fields[i].name, reply->fields[i].value) ==
		      MHD_YES;
	for (size_t i = 0; i < request->given_count; i++)
		ok &= MHD_add_response_header(response, request->given[i].name,
					      request->given[i].value) == MHD_YES;
	return ok ? 0 : -ENOMEM;
}

struct MHD_Response *response__make(const struct http_request *request, struct http_reply *reply,
				    unsigned int *ret_status)
{
	struct MHD_Response *response;
	unsigned int status;
	bool gzip;

	compress(request, reply);
	status = reply->status ? reply->status : 200;
	gzip = reply->stream && accepts_gzip(request, gzip__plain_bytes(reply->stream));
	if (reply->stream) {
		free(reply->body);
		response = take_stream(request, reply, gzip);
	} else {
		response = take_body(request, reply);
	}
	if (!response) {
		*reply = (struct http_reply){};
		http_reply__field(reply, "Retry-After", "1");
		gzip = false;
		status = 503;
		response = unavailable();
	}
	if (!response)
		return NULL;
	if (add_fields(response, request, reply, gzip)) {
		MHD_destroy_response(response);
		return NULL;
	}
	*ret_status = status;
	return response;
}
