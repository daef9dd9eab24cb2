/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that are left to a process which talks over a socket and does nothing else. */
#ifndef EDGETAP_BROKER_FILTER_H
#define EDGETAP_BROKER_FILTER_H

/*
 * From now on (seccomp(2)) no file can be opened, nothing executed and no process made or
 * touched; sockets of family AF_UNIX can. What is forbidden fails with EACCES. no_new_privs must
 * be set. Returns 0; -ENOSYS on an architecture that it does not know; or a negative errno.
 */
int filter__talk_only(void);

#endif
