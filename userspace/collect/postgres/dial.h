/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Connecting through libpq, which answers whatever it is asked for, whoever asks. Where a password
 * goes along, this looks at who is there before libpq reads a byte:
 *
 * a UNIX socket	must be the server's own: of its process and its user, as the kernel has it
 *			of the socket that was connected to (SO_PEERCRED of unix(7));
 * TCP			must be TLS that proves the server, which libpq sees to; or what the server
 *			says until it has let us in passes gate.h, one message at a time, on its
 *			way through a pair of sockets.
 *
 * That it passes before libpq can read it, and is not only looked at beside, is the point: what
 * comes a moment after a look, libpq would read as well.
 */
#ifndef EDGETAP_COLLECT_POSTGRES_DIAL_H
#define EDGETAP_COLLECT_POSTGRES_DIAL_H

#include <libpq-fe.h>
#include <stdbool.h>
#include <sys/types.h>

#include "collect/postgres/result.h"

/* All that connecting and being let in may take. */
#define DIAL_MS 4000

struct dial {
	const char *const *name, *const *value; /* as of PQconnectStartParams; one host */
	bool has_password;
	bool may_send_clear; /* over TCP: TLS proves the server, or the user says so */
	pid_t pid;	     /* whose a UNIX socket must be */
	uid_t uid;
};

/*
 * Connects. *ret_connection is for PQfinish in any case, NULL without memory. Returns
 * POSTGRES_NONE, or else why not with a sentence: static, or the connection's.
 */
enum postgres_failure dial__connect(const struct dial *dial, PGconn **ret_connection,
				    const char **ret_sentence);

#endif
