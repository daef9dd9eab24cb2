/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes listen for TCP connections now, from /proc: for `doctor`, which loads nothing. */
#ifndef EDGETAP_UPROBES_LISTENERS_H
#define EDGETAP_UPROBES_LISTENERS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Beyond these, listeners are passed over. */
#define LISTENERS_MAX_SOCKETS 65536
#define LISTENERS_MAX_NAMESPACES 1024

/*
 * The inode of the listening socket that a line of /proc/PID/net/tcp or tcp6 shows; 0 for a
 * line that shows none. Pure.
 */
uint64_t listener__parse(const char *line);

/*
 * Calls on_process once for every process that has a listening socket open, in any
 * network namespace. Those that may not be looked into are left out. Returns how
 * many were called for, or a negative errno.
 */
int listeners__each(void (*on_process)(void *ctx, pid_t pid), void *ctx);

#endif
