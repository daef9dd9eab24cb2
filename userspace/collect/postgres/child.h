/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process that asks one server: forked by the broker, it enters the server's
 * namespaces, becomes its user with nothing left of its privileges, says what it
 * was told (result.h) and ends.
 *
 * Nothing of the container is trusted or loaded: every library is there
 * before, libpq is told where to look for nothing (no password file, no service, no
 * environment), and once it talks no file can be opened at all (broker/filter.h).
 */
#ifndef EDGETAP_COLLECT_POSTGRES_CHILD_H
#define EDGETAP_COLLECT_POSTGRES_CHILD_H

#include "broker/broker.h"

struct config;

/* The rules that broker_server.rule counts in. Before the broker is started. */
void postgres_child__configure(const struct config *config);

/* As broker_options.postgres. */
void postgres_child__run(const struct broker_server *server, int socket);

#endif
