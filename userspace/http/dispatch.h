/* SPDX-License-Identifier: Apache-2.0 */
/* The library's callbacks, all on the network thread: from a connection to a route. */
#ifndef EDGETAP_HTTP_DISPATCH_H
#define EDGETAP_HTTP_DISPATCH_H

#include <microhttpd.h>
#include <stddef.h>

#include "http/request.h"

struct http_server;

/* The server that a request came to, for the built-in routes. */
const struct http_server *dispatch__server(const struct http_request *request);

/* Whether a connection may come. */
enum MHD_Result dispatch__accept(void *cls, const struct sockaddr *address, socklen_t length);

/* A connection was accepted or is about to be closed. */
void dispatch__connection(void *cls, struct MHD_Connection *connection, void **socket_context,
			  enum MHD_ConnectionNotificationCode code);

/* A request line was read; returns the request that the later callbacks get. */
void *dispatch__target(void *cls, const char *target, struct MHD_Connection *connection);

/* The header section was read, then pieces of the content, then its end; and after a resume. */
enum MHD_Result dispatch__request(void *cls, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *content,
				  size_t *content_size, void **request_context);

/* The response was sent, or the connection broke. */
void dispatch__completed(void *cls, struct MHD_Connection *connection, void **request_context,
			 enum MHD_RequestTerminationCode code);

#endif
