/* SPDX-License-Identifier: Apache-2.0 */
/* System calls that are left to a process which talks over a socket and does nothing else. */
#ifndef EDGETAP_BROKER_FILTER_H
#define EDGETAP_BROKER_FILTER_H

/*
 * From now on (seccomp(2)) no file can be opened, nothing executed and no process made or
 * touched; sockets of family AF_UNIX can. What is forbidden fails with EACCES; a call by the
 * number of another architecture ends the process. Sets no_new_privs. Allocates, so not between
 * the fork of a process that has threads and an exec. Returns 0 or a negative errno.
 */
int filter__talk_only(void);

#endif
