/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which UNIX stream sockets are listened on. A socket is counted once for each instance of which
 * a process holds it, however many do, but for the machine's init only if nobody else does: it
 * holds sockets for the units that it starts.
 */
#ifndef EDGETAP_COLLECT_UNIX_UNIX_SOCKETS_H
#define EDGETAP_COLLECT_UNIX_UNIX_SOCKETS_H

#include <stddef.h>

#include "unix_listener.h"

/*
 * Leaves of each socket one entry for each key, and none of init's beside others. Changes the
 * order. Returns how many are left. Pure.
 */
size_t unix_listeners__unique(struct unix_listener *listener, size_t count);

#endif
