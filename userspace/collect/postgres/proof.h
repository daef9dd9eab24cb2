/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a server is the one that a rule names, by what no process can choose for itself. Its app
 * and its instance are names: any user can give them to an executable, and a container's to
 * whatever runs in it. What counts is
 *
 *	its unit	a service of the system's manager, by its cgroup;
 *	its container	by its cgroup, the outermost if one is in another;
 *	its user	outside containers, where root could become any.
 *
 * Its executable may be demanded besides, and proves nothing: anybody may run the file, with a
 * library of his own in it.
 */
#ifndef EDGETAP_COLLECT_POSTGRES_PROOF_H
#define EDGETAP_COLLECT_POSTGRES_PROOF_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "collect/postgres/result.h"

struct config_postgres;

/* Whether the real, effective, saved and file system's uid of /proc/PID/status are all this one. */
bool proof__has_user(const char *status, uid_t uid);

/*
 * Whether the cgroup at a path is of a service, with nothing above it but slices: a unit of a
 * user's own manager is below the service of that, one in a container below the container.
 * Returns the bytes of the path that name the service's cgroup; 0 if it is not.
 */
size_t proof__in_unit(const char *path, const char *unit);

/*
 * The container that a cgroup is in, unless it is one that is in another container or a service.
 * Returns the bytes of the path that name the container's cgroup, 0 if there is none; ret_id has
 * CGROUP_NAME_BYTES.
 */
size_t proof__in_container(const char *path, char *ret_id);

/* Whether a container's id is the one that is wanted, or begins with it. */
bool proof__is_id(const char *id, const char *wanted);

/*
 * Finds out where the host's files and cgroup hierarchies are. To be called before proof__check,
 * in the same process or one that it was forked from.
 */
void proof__prepare(void);

/*
 * Demands of a process all that a rule does; process is its directory in /proc. If the rule has a
 * password, one thing at least must be among it that counts. Returns 0, or -EPERM with a sentence.
 */
int proof__check(int process, const struct config_postgres *rule,
		 char ret_sentence[POSTGRES_SENTENCE_BYTES]);

#endif
