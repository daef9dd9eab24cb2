/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Access control of the HTTP server: its hooks before dispatch and in the TLS
 * handshake. The files that hold credentials are looked at again when a request
 * or connection comes, at most once a second; if what they hold has become
 * unusable, what was read before stays in force, and a sentence says so.
 */
#ifndef EDGETAP_ACCESS_ACCESS_H
#define EDGETAP_ACCESS_ACCESS_H

#include "access/secret.h"
#include "config/config.h"
#include "http/server.h"

struct access;

/* Warns somebody who administrates: no secrets. */
typedef void (*access_warn_fn)(const char *format, ...) __attribute__((format(printf, 1, 2)));

/*
 * Reads everything. Returns 0, or a negative errno with the sentence in error.
 * With nothing configured everything is allowed to everybody.
 */
int access__new(struct access **ret_access, const struct config *config, access_warn_fn warn,
		struct secret_error *error);

/* After the server was stopped. NULL is fine. */
void access__free(struct access *access);

/* Sets the server's hooks, and TLS if it is configured. Only one server of a process can have it. */
void access__attach(struct access *access, struct http_server_options *options);

/* Whether TLS is configured. */
bool access__has_tls(const struct access *access);

/* Whether everything is allowed to everybody who can connect. */
bool access__is_open(struct access *access);

/*
 * Takes over another configuration, except for whether there is TLS, its
 * versions and ciphers, which take a restart. Errors as above; the rules then stay.
 */
int access__reload(struct access *access, const struct config *config, struct secret_error *error);

#endif
