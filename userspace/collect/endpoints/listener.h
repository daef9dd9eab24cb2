/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who listens on a port, where several instances share a network namespace: the
 * machine's own, a pod's. What a neighbour exposes must not be told as one's own.
 */
#ifndef EDGETAP_COLLECT_ENDPOINTS_LISTENER_H
#define EDGETAP_COLLECT_ENDPOINTS_LISTENER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct listener_cache;

/* Returns 0 or -ENOMEM. */
int listener_cache__new(struct listener_cache **ret_cache);
void listener_cache__free(struct listener_cache *cache);

/* The instance that shall be the one that listens. */
struct listener_owner {
	pid_t pid;	    /* a process of it */
	const char *cgroup; /* below the hierarchy's mount; "": not known */
	bool by_executable; /* all its processes run the same file */
};

/*
 * Whether a socket that listens on the port, in the network namespace of the owner's
 * process, may be the owner's: true too if nobody listens there, or whose it is cannot
 * be seen. False only if it is known to be another's.
 */
bool listener__is_of(struct listener_cache *cache, const struct listener_owner *owner,
		     uint16_t port);

/* Reads a line of /proc/net/tcp. Returns the inode of a socket that listens on port, else 0. Pure. */
uint64_t listener__parse_line(const char *line, uint16_t port);

#endif
