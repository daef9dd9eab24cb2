/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The listening socket: from the words of the configuration to a bound socket,
 * before anything touches the kernel's tracepoints, so that a port in use
 * leaves nothing attached.
 */
#ifndef EDGETAP_BASE_LISTEN_H
#define EDGETAP_BASE_LISTEN_H

#include <stdint.h>
#include <sys/socket.h>

struct listen_address {
	struct sockaddr_storage addr;
	socklen_t len;
};

/*
 * Parses "ADDR:PORT", "[V6ADDR]:PORT", "[V6ADDR%INTERFACE]:PORT" or
 * "localhost:PORT" (which is 127.0.0.1). Nothing is resolved: a metrics page
 * must not move because a name server says so. Port 0 lets the kernel choose.
 * Returns 0, or -EINVAL with one sentence in ret_message, which is valid until
 * this thread calls a function of this header again.
 */
int listen_address__parse(struct listen_address *ret_address, const char *listen,
			  const char **ret_message);

/*
 * Parses `listen`, binds and starts to listen. The caller owns the socket
 * (close-on-exec, non-blocking) and hands it to http_server__start or closes
 * it. "[::]:PORT" takes IPv4 clients too. Returns 0, or a negative errno with
 * one sentence in ret_message, lifetime as above.
 */
int listen__open(int *ret_fd, const char *listen, const char **ret_message);

/* The port a bound socket has (host byte order), or a negative errno. */
int listen__port(int fd);

#endif
