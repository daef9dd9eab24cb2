/* SPDX-License-Identifier: Apache-2.0 */
/* gzip (RFC 1952) of a whole response body. */
#ifndef EDGETAP_HTTP_COMPRESS_H
#define EDGETAP_HTTP_COMPRESS_H

#include <stddef.h>
#include <stdint.h>

/*
 * Compresses size bytes into a buffer from malloc that the caller frees, at
 * the level that is fastest (metrics text still shrinks about twelvefold).
 * Gives up with -ETIME once CLOCK_MONOTONIC has passed deadline_ns; other
 * errors: -ENOMEM, -EINVAL (no bytes).
 */
int http_compress__gzip(char **ret_gzip, size_t *ret_size, const char *body, size_t size,
			uint64_t deadline_ns);

#endif
