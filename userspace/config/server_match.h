/* SPDX-License-Identifier: Apache-2.0 */
/* Whether a text can be what a rule demands of a server; none is a pattern. Pure. */
#ifndef EDGETAP_CONFIG_SERVER_MATCH_H
#define EDGETAP_CONFIG_SERVER_MATCH_H

#include <stdbool.h>

/* The name or the number of a user. */
bool server_match__is_user(const char *text);

/* The whole name of a service of systemd. */
bool server_match__is_unit(const char *text);

/* An absolute path, without links to see. */
bool server_match__is_path(const char *text);

/* A container's name, or its id or the beginning of it. */
bool server_match__is_container(const char *text);

#endif
