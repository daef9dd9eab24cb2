/* SPDX-License-Identifier: Apache-2.0 */
/* Where a server can be reached and as whom, from files that its container controls. Pure. */
#ifndef EDGETAP_COLLECT_POSTGRES_SERVER_FILES_H
#define EDGETAP_COLLECT_POSTGRES_SERVER_FILES_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "collect/postgres/result.h"

#define SERVER_FILES_PATH_BYTES 108 /* as sun_path; what is longer is no socket's */

struct postmaster {
	unsigned int port;
	char socket_directory[SERVER_FILES_PATH_BYTES]; /* absolute, or "": it has none */
	bool is_ready;					/* says that it takes connections */
};

/*
 * postmaster.pid of the data directory (miscadmin.h of PostgreSQL: line 2 the directory, 4 the
 * port, 5 the first socket directory, 8 since 10 the state). Returns 0 or -EBADMSG.
 */
int server_files__postmaster(const char *text, struct postmaster *ret_postmaster);

/* The name of a user in passwd(5). Returns 0 or -ENOENT. */
int server_files__user(const char *passwd, uid_t uid, char ret_name[POSTGRES_ROLE_BYTES]);

/* What a uid is called inside a user namespace (user_namespaces(7), uid_map), or -ENOENT. */
int server_files__inside(const char *uid_map, uid_t uid, uid_t *ret_inside);

/* A variable of an environment, NUL-separated, if it may be a role's name. 0 or -ENOENT. */
int server_files__variable(const char *environment, size_t length, const char *name,
			   char ret_value[POSTGRES_ROLE_BYTES]);

/* Effective ids of /proc/PID/status (proc(5)). 0 or -EBADMSG. */
int server_files__ids(const char *status, uid_t *ret_uid, gid_t *ret_gid);

#endif
