/* SPDX-License-Identifier: Apache-2.0 */
/*
 * UNIX stream sockets that are listened on, by instance: what is not observed is to be seen. They
 * are looked for at a scrape. A socket is counted once for each instance of which a process holds
 * it, however many do, but for the machine's init only if nobody else does: it holds sockets for
 * the units that it starts.
 */
#ifndef EDGETAP_AGENT_UNIX_SOCKETS_H
#define EDGETAP_AGENT_UNIX_SOCKETS_H

#include <stddef.h>

#include "unix_listener.h"

struct agent;
struct unix_sockets;

/* Returns 0 or -ENOMEM. */
int unix_sockets__new(struct unix_sockets **ret_sockets);
void unix_sockets__free(struct unix_sockets *sockets);

/* Adds what is so now to the agent's readings; nothing where this kernel cannot tell. */
void unix_sockets__read(struct unix_sockets *sockets, struct agent *agent);

/* The rules on labels have changed. */
void unix_sockets__forget_labels(struct unix_sockets *sockets);

/*
 * Leaves of each socket one entry for each key, and none of init's beside others. Changes the
 * order. Returns how many are left. Pure.
 */
size_t unix_listeners__unique(struct unix_listener *listener, size_t count);

#endif
