/* SPDX-License-Identifier: Apache-2.0 */
/* Parsers of the request header fields that the serving stage itself acts on. Pure. */
#ifndef EDGETAP_HTTP_HEADER_H
#define EDGETAP_HTTP_HEADER_H

#include <stdbool.h>
#include <stdint.h>

/*
 * Whether an Accept-Encoding field (RFC 9110, 12.5.3) takes gzip: named (as
 * gzip or x-gzip) or covered by `*` with a weight above 0; the name counts
 * before `*`. NULL (no field) and an empty one do not. A member whose weight
 * is malformed does not count, as plain bytes are always right.
 */
bool http_header__accepts_gzip(const char *accept_encoding);

/*
 * X-Prometheus-Scrape-Timeout-Seconds: a plain decimal such as "10" or "9.5",
 * above 0. More than an hour is taken as an hour. Returns 0, or -EINVAL.
 */
int http_header__scrape_timeout(uint64_t *ret_ns, const char *seconds);

#endif
