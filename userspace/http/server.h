/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The serving stage: a table of routes over HTTP/1.x.
 *
 * Threads, all asleep while nobody asks: the network thread (the library's
 * epoll loop; also runs quick routes), the render thread (the other routes one
 * at a time, so that many scrapers cost no more than one, and a scrape never
 * delays /-/healthy), the deadline thread, which cuts clients that are slow to
 * ask or slow to read, and, if there are slow routes, a few for those. All of
 * them block every signal.
 */
#ifndef EDGETAP_HTTP_SERVER_H
#define EDGETAP_HTTP_SERVER_H

#include <stddef.h>
#include <stdint.h>

#include "base/network.h"
#include "http/request.h"

struct http_tls {
	const char *priorities; /* GnuTLS' versions and ciphers */
	/*
	 * Chooses the certificate in each handshake, on the network thread: GnuTLS'
	 * gnutls_certificate_retrieve_function3, of which nothing is known here.
	 */
	void (*certificates)(void);
};

struct http_server_options {
	/*
	 * What to listen on, as listen__open takes it; or NULL and a
	 * socket that listen__open gave earlier, whose clients wait until
	 * the server starts. The server closes it when it stops; if the start
	 * fails it stays the caller's.
	 */
	const char *listen;
	int listen_fd;

	const char *version;  /* on the landing page */
	const char *observed; /* on the landing page: a sentence on what is observed, or NULL */

	/*
	 * Clients of one address (or 64 bits of IPv6): beside those that have shown credentials.
	 * When there are max_connections, who has fewest gets a place of who has most. 0: no such
	 * limit, and who comes then waits.
	 */
	uint32_t max_connections;
	uint32_t max_connections_per_address;
	uint32_t max_requests_per_connection; /* then it is closed; 0: no such limit */

	/* Of one owner (see owner.h). There is twice as much in all, so that others find room. */
	uint32_t max_waiting;	    /* requests that wait for the render thread */
	uint32_t slow_threads;	    /* slow routes answered at once, 1 .. 16 */
	uint32_t max_waiting_check; /* requests whose credentials take long to check */
	uint32_t max_waiting_slow;  /* requests that wait for one of those threads */

	/* Memory of bodies not yet taken by their clients, in all; an owner may have what is free. */
	size_t max_response_bytes;

	/* Clients for whom places are kept, as they are for those with credentials. */
	const struct network *scrapers;
	size_t scraper_count;

	/*
	 * Absolute, unlike an inactivity timeout, which a byte now and then
	 * defeats. request: from the connect, or from the request line of a
	 * later request, to the end of the request. idle: from the end of a
	 * response to the next request line. send: from the reply to its last byte.
	 */
	uint32_t request_timeout_ms;
	uint32_t idle_timeout_ms;
	uint32_t send_timeout_ms;
	uint32_t render_timeout_ms; /* where the client names none */
	uint32_t slow_timeout_ms;   /* of slow routes */

	/*
	 * Runs on the network thread before a request is looked at any
	 * further, unknown paths included: the place of access control.
	 * Returns 0 to go on; 1 if it filled in the reply, which is then sent;
	 * or a negative errno (500). May be NULL. ctx is before_ctx.
	 */
	http_before_fn before;
	/* On a thread of its own, after the hook has asked for it; then the hook is asked again. */
	void (*check)(void *ctx, const struct http_request *request);
	/*
	 * Whether clients have to show credentials, of the network thread: one that has not may
	 * then lose its connection to another of its address. NULL: they have not.
	 */
	bool (*wants_credentials)(void *ctx);
	void *before_ctx;

	const struct http_tls *tls; /* NULL: plain HTTP. Outlives the server. */
};

/* Monotonic, except the last two, which are the present state. */
struct http_server_stats {
	uint64_t requests;	      /* answered, whatever the status */
	uint64_t connections;	      /* accepted */
	uint64_t renderings;	      /* each for one request or more */
	uint64_t shared;	      /* requests that got what was rendered for another */
	uint64_t refused_busy;	      /* 503: its owner had its share of the places to wait */
	uint64_t refused_late;	      /* 503: the deadline passed before or while rendering */
	uint64_t refused_memory;      /* 503: max_response_bytes reached */
	uint64_t abandoned;	      /* not rendered, as the client had gone */
	uint64_t refused_connections; /* closed, as their address had its share */
	uint64_t displaced;   /* connections cut, as another had a better right to the place */
	uint64_t cut_request; /* connections cut for a request that took too long */
	uint64_t cut_send;    /* connections cut for a response read too slowly */
	uint64_t open_connections;
	uint64_t response_bytes; /* bodies not yet taken by their clients */
};

struct http_server;

/*
 * Sets the limits and timeouts that a node agent wants and that are no options of a user's;
 * everything else to zero: listen, max_connections, slow_threads, request_timeout_ms and
 * slow_timeout_ms are the caller's.
 */
void http_server_options__defaults(struct http_server_options *options);

/*
 * Starts to answer: the routes, /-/healthy (200 from now on) and a landing page at "/"
 * unless the table has them, 404 for the rest. The routes and what the
 * options point to must outlive the server; ctx goes to every handler.
 * Returns 0, or a negative errno with one sentence in ret_message, which is
 * valid until this thread calls a function of the serving stage again.
 */
int http_server__start(struct http_server **ret_server, const struct http_server_options *options,
		       const struct http_route *routes, size_t route_count, void *ctx,
		       const char **ret_message);

/*
 * Waits for a handler in progress, closes every connection and the listening
 * socket. NULL is fine.
 */
void http_server__stop(struct http_server *server);

/* The port that is listened on, host byte order. */
uint16_t http_server__port(const struct http_server *server);

/* From any thread. The counters are read one by one, not as one instant. */
void http_server__stats(const struct http_server *server, struct http_server_stats *ret_stats);

#endif
