/* SPDX-License-Identifier: Apache-2.0 */
/* One GET to a container runtime's API over its unix socket, with a deadline. */
#ifndef EDGETAP_IDENTITY_UNIX_HTTP_H
#define EDGETAP_IDENTITY_UNIX_HTTP_H

#include <stddef.h>
#include <stdint.h>

/*
 * Asks for `target` and returns the body of a 200 in ret_body (for the caller
 * to free, NUL-terminated, at most max bytes) and its length. deadline_ns is
 * CLOCK_MONOTONIC; nothing blocks beyond it. Returns 0; -ENOENT for a 404;
 * -EBADMSG for any other answer; -EFBIG, -ETIMEDOUT, or the socket's error.
 */
int unix_http__get(const char *socket_path, const char *target, uint64_t deadline_ns, size_t max,
		   char **ret_body, size_t *ret_len);

/*
 * Takes a complete HTTP/1.x answer apart (RFC 9112), read up to the close of
 * the connection. Returns the status code and where the body is, or -EBADMSG:
 * not HTTP, a transfer coding, or fewer bytes than Content-Length says. Pure.
 */
int unix_http__parse(const char *answer, size_t len, const char **ret_body, size_t *ret_len);

#endif
