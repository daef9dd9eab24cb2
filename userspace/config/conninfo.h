/* SPDX-License-Identifier: Apache-2.0 */
/* Connection strings as libpq has them. Pure. */
#ifndef EDGETAP_CONFIG_CONNINFO_H
#define EDGETAP_CONFIG_CONNINFO_H

#include <stdbool.h>

/*
 * What is wrong with a connection string of the configuration, NULL if nothing: it may have host,
 * hostaddr, port, user, dbname, sslmode and sslrootcert. Static.
 */
const char *conninfo__obstacle(const char *conninfo);

/*
 * Why no password may go along with a connection string that has no obstacle, unless the user says
 * that it may go to anybody; NULL if it may. Static.
 */
const char *conninfo__password_obstacle(const char *conninfo);

/*
 * Whether it names a host (then the server is not reached through its own socket), names a user,
 * or demands TLS that shows who is there, not only that somebody is. NULL does none of it.
 */
bool conninfo__has_host(const char *conninfo);
bool conninfo__has_user(const char *conninfo);
bool conninfo__is_verified(const char *conninfo);

#endif
