/* SPDX-License-Identifier: Apache-2.0 */
/* Entering the namespaces of a process (namespaces(7), setns(2)). */
#ifndef EDGETAP_BROKER_ENTER_H
#define EDGETAP_BROKER_ENTER_H

#include <stdint.h>
#include <sys/types.h>

/*
 * Opens the directory of a process in /proc: it stays that of this process, whatever becomes of
 * its number. start_ticks is field 22 of its stat, or 0 for any. Returns the descriptor,
 * -ESRCH if there is no such process, or another negative errno.
 */
int enter__open(pid_t pid, uint64_t start_ticks);

/* Enters its network namespace. 0, -ESRCH if it has ended, or another negative errno. */
int enter__network(int process);

/*
 * Enters its mount namespace, at the root directory that it sees. The directory of a process
 * stays usable; the host's files are gone.
 */
int enter__mount(int process);

/*
 * Reads a file, of at most size - 1 bytes, relative to a directory, if it is a regular one that is
 * no link; neither a pipe nor a device holds it up. Returns the
 * length, with a NUL behind it, -EFBIG, or another negative errno.
 */
ssize_t enter__read(int directory, const char *path, char *ret_text, size_t size);

#endif
