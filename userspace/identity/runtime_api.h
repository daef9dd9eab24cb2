/* SPDX-License-Identifier: Apache-2.0 */
/* One question to a container runtime's API over its unix socket, with a deadline. */
#ifndef EDGETAP_IDENTITY_RUNTIME_API_H
#define EDGETAP_IDENTITY_RUNTIME_API_H

#include <stddef.h>
#include <stdint.h>

/* Before another thread uses libcurl. Returns 0 or -ENOMEM. */
int runtime_api__init(void);

/*
 * Asks for `target` by HTTP/1.1 and returns the body of a 200 in ret_body (for
 * the caller to free, NUL-terminated, at most max bytes) and its length.
 * deadline_ns is CLOCK_MONOTONIC; nothing blocks beyond it. Returns 0; -ENOENT
 * for a 404; -EBADMSG for any other answer; -ENOTCONN if nobody listens there;
 * -EFBIG, -ETIMEDOUT or -ENOMEM.
 */
int runtime_api__get(const char *socket_path, const char *target, uint64_t deadline_ns, size_t max,
		     char **ret_body, size_t *ret_len);

/*
 * A unary call of gRPC: sends one message to `method` ("/package.Service/Method")
 * and returns the one that comes back. As above; -ENOENT if there is no such
 * method, -EBADMSG for every other status that is not OK.
 */
int runtime_api__call(const char *socket_path, const char *method, const void *message, size_t len,
		      uint64_t deadline_ns, size_t max, char **ret_message, size_t *ret_len);

#endif
