// SPDX-License-Identifier: Apache-2.0
#include "http/server.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/listen.h"
#include "http/dispatch.h"
#include "http/page.h"
#include "http/server_internal.h"

/* Request line and header section of one request, and the response's header section. */
#define CONNECTION_MEMORY_BYTES (16 * 1024)
#define NETWORK_STACK_BYTES (512 * 1024)

/*
 * Connections that have lost their place stay the library's until their request was taken out
 * of a queue: no more than may wait there.
 */
#define CUT_CONNECTIONS 256

/* Routes of our own: the landing page and /-/healthy. */
#define BUILT_IN_ROUTES 2

static _Thread_local char message[160];

void http_server_options__defaults(struct http_server_options *options)
{
	*options = (struct http_server_options){
		.listen_fd = -1,
		.max_connections_per_address = 16,
		.max_requests_per_connection = 1000,
		.max_waiting = 16,
		.max_waiting_slow = 16,
		.max_waiting_check = 16,
		.max_response_bytes = 16UL * 1024 * 1024,
		.idle_timeout_ms = 75 * 1000,
		.send_timeout_ms = 30 * 1000,
		.render_timeout_ms = 10 * 1000,
	};
}

static int handle_healthy(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	(void)request;
	return http_reply__text(reply, 200, "healthy\n");
}

static int handle_landing(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	reply->body = strdup(dispatch__server(request)->landing);
	if (!reply->body)
		return -ENOMEM;
	reply->size = strlen(reply->body);
	reply->content_type = "text/html; charset=utf-8";
	return http_reply__field(reply, "Content-Security-Policy",
				 "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; "
				 "form-action 'none'; frame-ancestors 'none'");
}

static const struct http_route built_in[BUILT_IN_ROUTES] = {
	{ .path = "/-/healthy",
	  .description = "200 while the agent runs",
	  .handle = handle_healthy,
	  .quick = true },
	{ .path = "/", .handle = handle_landing, .quick = true },
};

static int make_routes(struct http_server *server, const struct http_route *routes, size_t count)
{
	struct http_route *all = calloc(count + BUILT_IN_ROUTES, sizeof(*all));

	if (!all)
		return -ENOMEM;
	if (count)
		memcpy(all, routes, count * sizeof(*all));
	/* The first route that fits is taken, so the caller's win. */
	memcpy(all + count, built_in, sizeof(built_in));
	server->routes = all;
	server->route_count = count + BUILT_IN_ROUTES;
	server->landing = page__landing(server->options.version, server->options.observed, all,
					server->route_count);
	server->not_found = page__not_found(all, server->route_count);
	return server->landing && server->not_found ? 0 : -ENOMEM;
}

static struct MHD_Daemon *start_daemon(struct http_server *server, int fd)
{
	const struct http_server_options *options = &server->options;
	const struct http_tls *tls = options->tls;

	uint32_t places = options->max_connections;

	if (options->max_connections_per_address)
		places += CUT_CONNECTIONS;
	/* The library closes the socket it was given, in most of its failures too. */
	fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (fd < 0)
		return NULL;
	return MHD_start_daemon(MHD_USE_EPOLL_INTERNAL_THREAD | MHD_USE_ITC |
					MHD_ALLOW_SUSPEND_RESUME | (tls ? MHD_USE_TLS : 0),
				0, dispatch__accept, server, dispatch__request, server,
				/* */
				MHD_OPTION_LISTEN_SOCKET, fd,
				/* */
				MHD_OPTION_NOTIFY_CONNECTION, dispatch__connection, server,
				/* */
				MHD_OPTION_URI_LOG_CALLBACK, dispatch__target, server,
				/* */
				MHD_OPTION_NOTIFY_COMPLETED, dispatch__completed, server,
				/* */
				MHD_OPTION_CONNECTION_LIMIT, (unsigned int)places,
				/* */
				MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)CONNECTION_MEMORY_BYTES,
				/* */
				MHD_OPTION_THREAD_STACK_SIZE, (size_t)NETWORK_STACK_BYTES,
				/* What an older one lets through is refused in framing.c. */
				MHD_OPTION_STRICT_FOR_CLIENT, library__is_strict() ? 1 : 0,
				/* */
				tls ? MHD_OPTION_HTTPS_PRIORITIES : MHD_OPTION_END,
				tls ? tls->priorities : NULL,
				/* */
				MHD_OPTION_HTTPS_CERT_CALLBACK2, tls ? tls->certificates : NULL,
				/* */
				MHD_OPTION_END);
}

/* No connection may be suspended when the daemon stops: the library aborts on that. */
static void stop_queues(struct http_server *server)
{
	render_queue__stop(&server->checks);
	render_queue__stop(&server->slow);
	render_queue__stop(&server->queue);
}

static void destroy_queues(struct http_server *server)
{
	render_queue__destroy(&server->checks);
	render_queue__destroy(&server->slow);
	render_queue__destroy(&server->queue);
}

/* waiting and threads: of one owner. */
static int start_queue(struct render_queue *queue, const char *name, enum owner_line line,
		       uint32_t waiting, uint32_t threads)
{
	queue->name = name;
	queue->line = line;
	queue->turns.places = 2 * waiting;
	queue->turns.reserved = waiting;
	return render_queue__start(queue, threads);
}

/* Threads for slow routes only where there are any. */
static int start_queues(struct http_server *server)
{
	const struct http_server_options *options = &server->options;
	bool slow = false;
	int err;

	for (size_t i = 0; i < server->route_count; i++)
		slow |= server->routes[i].slow;
	err = start_queue(&server->queue, "http-render", LINE_RENDER, options->max_waiting, 1);
	if (!err && slow)
		err = start_queue(&server->slow, "http-slow", LINE_SLOW, options->max_waiting_slow,
				  2 * options->slow_threads);
	if (!err && options->check)
		err = start_queue(&server->checks, "http-check", LINE_CHECK,
				  options->max_waiting_check, 1);
	if (!err)
		return 0;
	stop_queues(server);
	destroy_queues(server);
	return err;
}

static int start_threads(struct http_server *server, int fd)
{
	const struct client_limits limits = { server->options.max_connections,
					      server->options.max_connections_per_address };
	sigset_t all, before;
	int err;

	/* Signals are for the thread that waits for them, never for ours. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	owner_table__init(&server->owners);
	err = client_table__start(&server->clients, &limits);
	if (err)
		goto restore;
	err = start_queues(server);
	if (err)
		goto stop_clients;
	server->daemon = start_daemon(server, fd);
	if (!server->daemon) {
		err = -errno;
		err = err ? err : -ENOMEM;
		goto stop_queue;
	}
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return 0;

stop_queue:
	stop_queues(server);
	destroy_queues(server);
stop_clients:
	client_table__stop(&server->clients);
	client_table__destroy(&server->clients);
restore:
	owner_table__destroy(&server->owners);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return err;
}

static void server_free(struct http_server *server)
{
	free((void *)server->routes);
	free(server->landing);
	free(server->not_found);
	free(server);
}

static int fail(const char **ret_message, int err)
{
	snprintf(message, sizeof(message), "the HTTP server cannot start: %s", strerror(-err));
	*ret_message = message;
	return err;
}

int http_server__start(struct http_server **ret_server, const struct http_server_options *options,
		       const struct http_route *routes, size_t route_count, void *ctx,
		       const char **ret_message)
{
	struct http_server *server = calloc(1, sizeof(*server));
	int fd = options->listen_fd, err;

	if (!server)
		return fail(ret_message, -ENOMEM);
	server->options = *options;
	server->ctx = ctx;
	err = make_routes(server, routes, route_count);
	if (err) {
		server_free(server);
		return fail(ret_message, err);
	}
	if (options->listen) {
		err = listen__open(&fd, options->listen, ret_message);
		if (err) {
			server_free(server);
			return err;
		}
	}
	err = listen__port(fd);
	if (err >= 0) {
		server->port = err;
		err = start_threads(server, fd);
	}
	if (err) {
		if (options->listen)
			close(fd);
		server_free(server);
		return fail(ret_message, err);
	}
	close(fd); /* the daemon has its own */
	*ret_server = server;
	return 0;
}

void http_server__stop(struct http_server *server)
{
	if (!server)
		return;
	stop_queues(server);
	MHD_stop_daemon(server->daemon);
	destroy_queues(server);
	client_table__stop(&server->clients);
	client_table__destroy(&server->clients);
	owner_table__destroy(&server->owners);
	server_free(server);
}

uint16_t http_server__port(const struct http_server *server)
{
	return server->port;
}

void http_server__stats(const struct http_server *server, struct http_server_stats *ret_stats)
{
	struct client_table *clients = (struct client_table *)&server->clients;
	struct http_server_stats stats = {
		.requests = atomic_load(&server->requests),
		.renderings = atomic_load(&server->renderings),
		.shared = atomic_load(&server->shared),
		.refused_busy = atomic_load(&server->refused_busy),
		.refused_late = atomic_load(&server->refused_late),
		.refused_memory = atomic_load(&server->refused_memory),
		.abandoned = atomic_load(&server->abandoned),
		.response_bytes = atomic_load(&server->response_bytes),
	};

	pthread_mutex_lock(&clients->lock);
	stats.connections = clients->opened;
	stats.open_connections = clients->open;
	stats.refused_connections = clients->refused;
	stats.displaced = clients->displaced;
	stats.cut_request = clients->cut_request;
	stats.cut_send = clients->cut_send;
	pthread_mutex_unlock(&clients->lock);
	*ret_stats = stats;
}
