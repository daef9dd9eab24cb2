/* SPDX-License-Identifier: Apache-2.0 */
/* The pages that the serving stage writes itself, from the table of routes. */
#ifndef EDGETAP_HTTP_PAGE_H
#define EDGETAP_HTTP_PAGE_H

#include <stddef.h>

#include "http/request.h"

/*
 * A self-contained HTML page: name, version, what is observed (may be NULL)
 * and a link per listed route. From malloc; NULL when out of memory.
 */
char *page__landing(const char *version, const char *observed, const struct http_route *routes,
		    size_t count);

/* Plain text for a 404: what does exist. From malloc; NULL when out of memory. */
char *page__not_found(const struct http_route *routes, size_t count);

#endif
