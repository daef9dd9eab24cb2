/* SPDX-License-Identifier: Apache-2.0 */
/* Giving up what a process does not need: capabilities(7), setrlimit(2), landlock(7), descriptors. */
#ifndef EDGETAP_BROKER_CONFINE_H
#define EDGETAP_BROKER_CONFINE_H

#include <stdint.h>
#include <sys/types.h>

/* What this thread has. 0 or a negative errno. */
int confine__capabilities(uint64_t *ret_effective, uint64_t *ret_permitted);

/*
 * Gives up every capability but these (bits 1 << number) for this thread and those it starts
 * later: effective, permitted, inheritable, ambient and bounding sets; no execve may ever gain
 * any (no_new_privs). 0 or a negative errno; after an error less may have been given up.
 */
int confine__keep(uint64_t kept);

/*
 * Becomes another user for good, with one group and no capability. Not root: -EPERM. 0 or a
 * negative errno, after which the process must end.
 */
int confine__become(uid_t uid, gid_t gid);

/*
 * For a process that does one small thing: seconds of CPU time, bytes of data, few descriptors,
 * no file that grows, no core.
 */
int confine__limit(unsigned int cpu_s, uint64_t data_bytes);

/*
 * From now on this thread, and those that it starts later, may read files but make, write, remove
 * and execute none, listen on no TCP port (6.7), and signal nobody else (6.12): Landlock. What is
 * open stays. no_new_privs must be set. 0, -EOPNOTSUPP where the kernel, or the filter of a
 * container, does not offer it, or another negative errno.
 */
int confine__read_only(void);

/* Closes every descriptor from first on. */
void confine__close_from(unsigned int first);

#endif
