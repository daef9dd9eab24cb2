// SPDX-License-Identifier: Apache-2.0
#include "http/dispatch.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/network.h"
#include "http/framing.h"
#include "http/header.h"
#include "http/server_internal.h"

/*
 * Content that nobody asked for is read up to here before it is refused: a
 * close with unread bytes would be a reset, and the client might never see the
 * answer. A client with more is refused at once.
 */
#define CONTENT_MAX_BYTES (64 * 1024)

#define NS_PER_MS 1000000ULL

bool library__is_strict(void)
{
	return atoi(MHD_get_version()) >= 1;
}

const struct http_server *dispatch__server(const struct http_request *request)
{
	return request->server;
}

static struct client *client_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info;

	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
	return info ? info->socket_context : NULL;
}

static uint64_t in_ms(uint32_t ms)
{
	return clock__now_ns() + ms * NS_PER_MS;
}

static bool is_scraper(const struct http_server *server, const struct in6_addr *address)
{
	for (size_t i = 0; i < server->options.scraper_count; i++)
		if (network__has(&server->options.scrapers[i], address))
			return true;
	return false;
}

enum MHD_Result dispatch__accept(void *cls, const struct sockaddr *sockaddr, socklen_t length)
{
	struct http_server *server = cls;
	const struct http_server_options *options = &server->options;
	struct in6_addr address = network__of(sockaddr);
	struct owner *owner = owner_table__get(&server->owners, &address, 0);
	bool is_admitted;

	(void)length;
	if (!owner)
		return MHD_NO;
	is_admitted = client_table__admit(&server->clients, owner, is_scraper(server, &address),
					  options->wants_credentials &&
						  options->wants_credentials(options->before_ctx));
	owner__unref(owner);
	return is_admitted ? MHD_YES : MHD_NO;
}

static struct client *add_client(struct http_server *server, struct MHD_Connection *connection,
				 int fd)
{
	const union MHD_ConnectionInfo *info;
	struct in6_addr address;
	struct owner *owner;

	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	address = network__of(info ? info->client_addr : NULL);
	owner = owner_table__get(&server->owners, &address, 0);
	return owner ? client_table__add(&server->clients, fd,
					 in_ms(server->options.request_timeout_ms), owner,
					 is_scraper(server, &address))
		     : NULL;
}

void dispatch__connection(void *cls, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code)
{
	struct http_server *server = cls;
	const union MHD_ConnectionInfo *info;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (*socket_context)
			client_table__remove(&server->clients, *socket_context);
		*socket_context = NULL;
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	*socket_context = add_client(server, connection, info->connect_fd);
	/* Never a connection without a deadline. */
	if (!*socket_context)
		shutdown(info->connect_fd, SHUT_RDWR);
}

/*
 * A percent-encoded NUL would end the path early ("/metrics%00x"), and bytes
 * below the space have no place in a target (RFC 9112, 3.2).
 */
static bool target_is_bad(const char *target)
{
	if (!target)
		return true;
	for (; *target; target++)
		if ((unsigned char)*target <= ' ' || *target == 0x7f || !strncmp(target, "%00", 3))
			return true;
	return false;
}

/* The library hands out decoded arguments only. 0 or -ENOMEM. */
static int keep_query(struct http_request *request, const char *target)
{
	const char *query = strchr(target, '?');

	if (!query)
		return 0;
	request->raw_query = strdup(query + 1);
	return request->raw_query ? 0 : -ENOMEM;
}

static void request_free(struct http_request *request)
{
	if (request->response)
		MHD_destroy_response(request->response);
	for (size_t i = 0; i < request->given_count; i++) {
		free(request->given[i].name);
		free(request->given[i].value);
	}
	owner__unref(request->owner);
	free(request->scope);
	free(request->raw_query);
	free(request->content);
	free(request);
}

void *dispatch__target(void *cls, const char *target, struct MHD_Connection *connection)
{
	struct http_server *server = cls;
	struct client *client = client_of(connection);
	struct http_request *request;

	if (!client)
		return NULL;
	request = calloc(1, sizeof(*request));
	if (!request)
		return NULL;
	request->server = server;
	request->connection = connection;
	request->client = client;
	request->owner = owner__ref(client->owner);
	request->arrived_ns = clock__now_ns();
	request->target_length = target ? strlen(target) : 0;
	request->bad_target = target_is_bad(target) || keep_query(request, target);
	/* A first request has its deadline from the connect. */
	if (client->requests++)
		client_table__enter(&server->clients, client, CLIENT_REQUEST,
				    in_ms(server->options.request_timeout_ms));
	return request;
}

void dispatch__completed(void *cls, struct MHD_Connection *connection, void **request_context,
			 enum MHD_RequestTerminationCode code)
{
	struct http_server *server = cls;
	struct http_request *request = *request_context;

	(void)connection;
	(void)code;
	if (!request)
		return;
	client_table__enter(&server->clients, request->client, CLIENT_IDLE,
			    in_ms(server->options.idle_timeout_ms));
	request_free(request);
	*request_context = NULL;
}

static enum MHD_Result send_response(struct http_request *request, unsigned int status,
				     struct MHD_Response *response)
{
	struct http_server *server = request->server;
	enum MHD_Result result;

	if (!response)
		return MHD_NO;
	atomic_fetch_add(&server->requests, 1);
	client_table__enter(&server->clients, request->client, CLIENT_SEND,
			    in_ms(server->options.send_timeout_ms));
	result = MHD_queue_response(request->connection, status, response);
	MHD_destroy_response(response);
	return result;
}

static enum MHD_Result answer(struct http_request *request, struct http_reply *reply)
{
	unsigned int status = 0;
	struct MHD_Response *response = response__make(request, reply, &status);

	return send_response(request, status, response);
}

static enum MHD_Result refuse(struct http_request *request, unsigned int status, const char *why)
{
	struct http_reply reply = {};

	if (status == 405)
		http_reply__field(&reply, "Allow",
				  request->route->takes_form ? "GET, HEAD, POST" : "GET, HEAD");
	if (status == 503)
		http_reply__field(&reply, "Retry-After", "1");
	http_reply__text(&reply, status, "%s\n", why);
	return answer(request, &reply);
}

/* A proxy's absolute-form, "GET http://host/path", means the path (RFC 9112, 3.2.2). */
static const char *path_of(const char *url)
{
	const char *slash;

	if (strncasecmp(url, "http://", 7))
		return url;
	slash = strchr(url + 7, '/');
	return slash ? slash : "/";
}

static const struct http_route *find_route(const struct http_server *server, const char *path)
{
	for (size_t i = 0; i < server->route_count; i++) {
		const struct http_route *route = &server->routes[i];

		if (route->prefix ? !strncmp(route->path, path, strlen(route->path))
				  : !strcmp(route->path, path))
			return route;
	}
	return NULL;
}

/* Sets the deadline. -EINVAL if the client's wish makes no sense. */
static int set_deadline(struct http_request *request)
{
	const char *wish = http_request__header(request, "X-Prometheus-Scrape-Timeout-Seconds");
	uint64_t timeout_ns = request->server->options.render_timeout_ms * NS_PER_MS;
	int err = wish ? http_header__scrape_timeout(&timeout_ns, wish) : 0;

	/* Who waits for others has longer than a scrape. */
	if (request->route && request->route->slow)
		timeout_ns = request->server->options.slow_timeout_ms * NS_PER_MS;
	request->deadline_ns = request->arrived_ns + timeout_ns;
	return err;
}

/* Hands the request to a thread; the library asks again when that resumes it. */
static enum MHD_Result hand_over(struct http_request *request, struct render_queue *queue,
				 enum request_state state)
{
	int err = render_queue__push(queue, request, state);

	if (err == -ESHUTDOWN)
		return refuse(request, 503, "shutting down");
	if (err) {
		atomic_fetch_add(&request->server->refused_busy, 1);
		return refuse(request, 503, "too many requests wait already");
	}
	return MHD_YES;
}

/* Who has shown credentials has turns of its own, and keeps its connection. 0 or -ENOMEM. */
static int know_holder(struct http_request *request)
{
	struct http_server *server = request->server;
	struct owner *owner;

	if (!request->holder)
		return 0;
	owner = owner_table__get(&server->owners, &request->client->owner->address,
				 request->holder);
	if (!owner)
		return -ENOMEM;
	owner__unref(request->owner);
	request->owner = owner;
	client_table__know(&server->clients, request->client, true);
	return 0;
}

static enum MHD_Result run_route(struct http_request *request)
{
	struct http_reply reply = {};

	if (!request->route->quick && request->route->variant)
		request->variant = request->route->variant(request);
	if (!request->route->quick)
		return hand_over(request, render_queue__of(request), REQUEST_RENDERING);
	response__run(request, request->route->handle, &reply);
	return answer(request, &reply);
}

/* Whether the route takes such a request; if not, it is answered and ret_result is set. */
static bool is_taken(struct http_request *request, enum MHD_Result *ret_result)
{
	bool is_get = !strcmp(request->method, "GET") || !strcmp(request->method, "HEAD");
	bool is_post = request->route->takes_form && !strcmp(request->method, "POST");

	if (!is_get && !is_post)
		*ret_result = refuse(request, 405,
				     request->route->takes_form
					     ? "only GET, HEAD and POST are served"
					     : "only GET and HEAD are served");
	else if (is_get && request->has_content)
		*ret_result = refuse(request, 413, "requests with content are not served");
	else
		return true;
	return false;
}

static enum MHD_Result take_field(void *cls, enum MHD_ValueKind kind, const char *name,
				  size_t name_length, const char *value, size_t value_length)
{
	if (kind == MHD_FOOTER_KIND)
		framing__trailer(cls, name, name_length, value, value_length);
	else
		framing__field(cls, name, name_length, value, value_length);
	return MHD_YES;
}

/* Whether what stands behind chunked content should not be there. */
static bool trailer_is_bad(const struct http_request *request, const char **ret_why)
{
	struct framing framing = {};

	MHD_get_connection_values_n(request->connection, MHD_FOOTER_KIND, take_field, &framing);
	*ret_why = framing.why;
	return framing.status;
}

/* The request is here in full. */
static enum MHD_Result dispatch(struct http_request *request)
{
	struct http_server *server = request->server;
	struct http_reply reply = {};
	enum MHD_Result result;
	const char *why;
	int timeout_err;

	timeout_err = set_deadline(request);
	client_table__enter(&server->clients, request->client, CLIENT_WORKING, 0);
	if (trailer_is_bad(request, &why))
		return refuse(request, 400, why);
	if (server->options.before) {
		int err = server->options.before(server->options.before_ctx, request, &reply);

		if (err == HTTP_BEFORE_CHECK)
			return hand_over(request, &server->checks, REQUEST_CHECKING);
		if (!err)
			err = know_holder(request);
		else if (err == 1)
			client_table__know(&server->clients, request->client, false);
		if (response__settle(request, err, &reply))
			return answer(request, &reply);
	}
	if (!request->route) {
		http_reply__text(&reply, 404, "%s", server->not_found);
		return answer(request, &reply);
	}
	if (!is_taken(request, &result))
		return result;
	if (timeout_err)
		return refuse(request, 400,
			      "X-Prometheus-Scrape-Timeout-Seconds: expected seconds above 0");
	return run_route(request);
}

static bool takes_content(const struct http_request *request)
{
	return request->route && request->route->takes_form && !strcmp(request->method, "POST");
}

/* What the head says of the message, and what is wrong with it. */
static void read_head(const struct http_request *request, const char *target, const char *version,
		      struct framing *ret_framing)
{
	const union MHD_ConnectionInfo *info;
	struct framing framing;

	framing__begin(&framing, !library__is_strict(), request->method, target,
		       request->target_length, version);
	MHD_get_connection_values_n(request->connection, MHD_HEADER_KIND, take_field, &framing);
	info = MHD_get_connection_info(request->connection,
				       MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE);
	framing__end(&framing, info ? info->header_size : 0);
	*ret_framing = framing;
}

/*
 * The header section is here; content may follow. An answer at this point ends
 * the connection: nothing more is read from it.
 */
static enum MHD_Result begin(struct http_request *request, const char *url, const char *method,
			     const char *version)
{
	struct framing framing;

	request->state = REQUEST_READING;
	request->method = method;
	request->path = path_of(url);
	request->deadline_ns = UINT64_MAX;
	read_head(request, url, version, &framing);
	if (framing.status)
		return refuse(request, framing.status, framing.why);
	if (request->bad_target || request->path[0] != '/')
		return refuse(request, 400, "the request target is no path");
	request->has_content = framing.is_chunked || framing.length;
	request->is_last = framing.is_chunked;
	request->route = find_route(request->server, request->path);
	/* Not wanted, so not waited for. */
	if (framing.length > CONTENT_MAX_BYTES ||
	    (request->has_content && !takes_content(request) &&
	     http_request__header(request, "Expect")))
		return refuse(request, 413,
			      takes_content(request) ? "the content is larger than 64 KiB"
						     : "requests with content are not served");
	return MHD_YES;
}

/* A piece of the content: kept if it was asked for. More than the limit ends the connection. */
static enum MHD_Result take_content(struct http_request *request, const char *content, size_t size)
{
	if (size > CONTENT_MAX_BYTES - request->content_bytes)
		return MHD_NO;
	if (takes_content(request)) {
		char *grown = realloc(request->content, request->content_bytes + size);

		if (!grown)
			return MHD_NO;
		memcpy(grown + request->content_bytes, content, size);
		request->content = grown;
	}
	request->content_bytes += size;
	return MHD_YES;
}

enum MHD_Result dispatch__request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *content,
				  size_t *content_size, void **request_context)
{
	struct http_request *request = *request_context;
	struct MHD_Response *response;
	enum MHD_Result result;

	(void)cls;
	(void)connection;
	if (!request)
		return MHD_NO;
	switch (request->state) {
	case REQUEST_NEW:
		return begin(request, url, method, version);
	case REQUEST_READING:
		if (!*content_size)
			return dispatch(request);
		result = take_content(request, content, *content_size);
		*content_size = 0;
		return result;
	case REQUEST_CHECKING:
		return dispatch(request);
	case REQUEST_RENDERING:
		response = request->response;
		request->response = NULL;
		return send_response(request, request->status, response);
	}
	return MHD_NO;
}
