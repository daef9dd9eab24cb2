/* SPDX-License-Identifier: Apache-2.0 */
/* How the HTTP server is configured, for each command that has one. */
#ifndef EDGETAP_CLI_SERVER_OPTIONS_H
#define EDGETAP_CLI_SERVER_OPTIONS_H

struct access;
struct config;
struct http_server_options;

/* Fills in what the configuration, the socket (http_listen__open) and who may ask come to. */
void server_options__fill(struct http_server_options *ret_options, const struct config *config,
			  int listen_fd, struct access *access);

#endif
