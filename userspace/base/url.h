/* SPDX-License-Identifier: Apache-2.0 */
/* Addresses of HTTP servers. */
#ifndef EDGETAP_BASE_URL_H
#define EDGETAP_BASE_URL_H

#include <stdbool.h>

/*
 * Whether a text is the address of a server, to which a path can be added: http
 * or https, a host, at most 400 bytes, no slash at the end, no query, user or
 * fragment.
 */
bool url__is_base(const char *text);

#endif
