// SPDX-License-Identifier: Apache-2.0
#include "cli/server_options.h"

#include "access/access.h"
#include "base/version.h"
#include "config/config.h"
#include "http/server.h"

void server_options__fill(struct http_server_options *ret_options, const struct config *config,
			  int listen_fd, struct access *access)
{
	http_server_options__defaults(ret_options);
	ret_options->listen = NULL;
	ret_options->listen_fd = listen_fd;
	ret_options->version = version_number;
	ret_options->max_connections = config->http_connections;
	if (ret_options->max_connections_per_address > config->http_connections)
		ret_options->max_connections_per_address = config->http_connections;
	ret_options->request_timeout_ms = config->http_timeout_ms;
	ret_options->scrapers = config->scrapers;
	ret_options->scraper_count = config->scraper_count;
	access__attach(access, ret_options);
}
