/* SPDX-License-Identifier: Apache-2.0 */
/* One connection to a server through libpq, and what it says to the queries. */
#ifndef EDGETAP_COLLECT_POSTGRES_ASK_H
#define EDGETAP_COLLECT_POSTGRES_ASK_H

#include <stdbool.h>
#include <sys/types.h>

#include "collect/postgres/result.h"

#define ASK_ROLES 4

struct ask {
	const char *host; /* the socket's directory, unless conninfo has a host */
	char port[8];
	const char *role[ASK_ROLES]; /* to try, unless conninfo has a user */
	unsigned int roles;
	const char *password; /* or NULL */
	bool may_send_clear;  /* the password: over TCP, to whoever is there */
	pid_t pid;	      /* who gets it through a UNIX socket, and nobody else: */
	uid_t uid;	      /* this process of this user */
	const char *conninfo; /* of the configuration, or NULL; stronger than the others */
};

/* Adds a role to try, unless it is "" or there already. It must stay. */
void ask__add_role(struct ask *ask, const char *role);

/* Connects, one role after the other, asks, and writes the result as result.h has it. */
void ask__run(const struct ask *ask, int fd);

#endif
