/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the serving stage share; nobody else includes it. */
#ifndef EDGETAP_HTTP_SERVER_INTERNAL_H
#define EDGETAP_HTTP_SERVER_INTERNAL_H

#include <microhttpd.h>
#include <pthread.h>
#include <stdatomic.h>

#include "http/client.h"
#include "http/owner.h"
#include "http/server.h"
#include "http/turns.h"

enum request_state {
	REQUEST_NEW,	   /* its request line was read */
	REQUEST_READING,   /* its header section was read */
	REQUEST_CHECKING,  /* suspended; the checking thread's until it resumes it */
	REQUEST_RENDERING, /* suspended; the render thread's until it resumes it */
};

struct given_field {
	char *name, *value;
};

struct http_request {
	struct turn turn; /* while it waits, and among those that share a rendering */
	struct http_server *server;
	struct MHD_Connection *connection;
	struct client *client;
	struct owner *owner; /* whose turns and memory; the client's until credentials came */
	uint64_t holder;     /* of credentials, 0: nobody */
	const struct http_route *route;
	const char *method;
	const char *path;
	enum request_state state;
	uint64_t arrived_ns;
	uint64_t deadline_ns;
	uint64_t render_until_ns; /* the latest deadline of those who share the rendering */
	bool is_for_plain;	  /* none of them takes gzip */
	const void *variant;	  /* what the route says of it */
	char *raw_query;	  /* NULL: none */
	char *content;		  /* of a route that takes a form */
	uint64_t content_bytes;	  /* kept in content, or of a body that nobody asked for */
	size_t target_length;	  /* as received */
	bool has_content;
	bool bad_target;
	bool is_last;	     /* the connection is closed behind the answer */
	struct scope *scope; /* from malloc; NULL: given none */
	bool is_answered;    /* and not to be rendered for; the render thread's */
	bool was_checked;    /* written by the checking thread */
	struct given_field given[HTTP_GIVEN_FIELDS_MAX];
	size_t given_count;

	/* Written by the render thread. */
	struct MHD_Response *response;
	unsigned int status;
};

#define RENDER_THREADS_MAX 32

/* Threads that render, and those who wait for one. */
struct render_queue {
	const char *name; /* of the threads */
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t threads[RENDER_THREADS_MAX];
	uint32_t thread_count; /* 0: not started */
	enum owner_line line;  /* of an owner: those who wait here */
	struct turns turns;
	_Atomic bool stopping;
};

struct http_server {
	struct http_server_options options;
	const struct http_route *routes; /* ours: built-in ones last */
	size_t route_count;
	void *ctx;
	uint16_t port;
	char *landing;
	char *not_found;
	struct MHD_Daemon *daemon;
	struct owner_table owners;
	struct client_table clients;
	struct render_queue queue;  /* one thread */
	struct render_queue slow;   /* of slow routes */
	struct render_queue checks; /* of the hook's check, one thread */

	_Atomic uint64_t requests;
	_Atomic uint64_t renderings;
	_Atomic uint64_t shared;
	_Atomic uint64_t refused_busy;
	_Atomic uint64_t refused_late;
	_Atomic uint64_t refused_memory;
	_Atomic uint64_t abandoned;
	_Atomic uint64_t response_bytes;
};

/*
 * dispatch.c: from 1.0 on the library itself refuses, if told to, every line of
 * a head or of chunked content that can be read in two ways.
 */
bool library__is_strict(void);

/*
 * render.c: starts and ends the threads of a queue, whose name, line and places are
 * set. Start returns 0 or a negative errno. After the stop no connection is
 * suspended in it and none will be. A queue that was not started may be stopped.
 */
int render_queue__start(struct render_queue *queue, uint32_t threads);
void render_queue__stop(struct render_queue *queue);

/* After the network thread has ended as well. */
void render_queue__destroy(struct render_queue *queue);

/* The queue that a request's route belongs to. */
struct render_queue *render_queue__of(const struct http_request *request);

/*
 * Suspends the request's connection and hands it to a thread of the queue. With
 * REQUEST_RENDERING it fills in response and status, with REQUEST_CHECKING it
 * runs the check; then it resumes it. -EBUSY: its owner has all the places that it may;
 * -ESHUTDOWN: the server is stopping.
 */
int render_queue__push(struct render_queue *queue, struct http_request *request,
		       enum request_state state);

/* response.c: a body that counts against the server's limit and the request's deadline. */
int response__open_stream(const struct http_request *request, struct gzip **ret_packed);

/* Makes the reply a 503 with this reason, and counts it. */
void response__refuse(struct http_reply *reply, _Atomic uint64_t *counter, const char *why);

/*
 * Lets a handler or the hook answer, turning its error into a 500, or a 503 if
 * it is the server's. Returns what it returned, or the error that its stream had.
 */
int response__run(const struct http_request *request, http_handle_fn handle,
		  struct http_reply *reply);

/* Makes the reply what an error of a rendering is to the client, and counts it. */
void response__fail(const struct http_request *request, int err, struct http_reply *reply);

/* Makes a stream of a large body, which can then be shared. */
void response__pack(const struct http_request *request, struct http_reply *reply);

/* A copy of a finished reply for another request, which shares its stream. 0 or -ENOMEM. */
int response__share(struct http_reply *ret_copy, const struct http_request *request,
		    const struct http_reply *reply);

/* Whether the client takes gzip, if the body is worth it. */
bool response__accepts_gzip(const struct http_request *request);

/* Whether the request's owner may have another body, and there is room for one. */
bool response__has_room(const struct http_request *request);

/* The second half of that, after a handler has returned err. */
int response__settle(const struct http_request *request, int err, struct http_reply *reply);

/*
 * Makes the library's response of a reply and takes its body,
 * compressed if the client likes that. Out of memory or over the server's
 * limit it makes a 503 instead; past the deadline too. NULL only when even that fails.
 */
struct MHD_Response *response__make(const struct http_request *request, struct http_reply *reply,
				    unsigned int *ret_status);

#endif
