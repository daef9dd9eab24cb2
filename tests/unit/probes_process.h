/* SPDX-License-Identifier: Apache-2.0 */
/* Processes that map a library with TLS, for tests of probes. */
#ifndef EDGETAP_TESTS_PROBES_PROCESS_H
#define EDGETAP_TESTS_PROBES_PROCESS_H

#include <sys/types.h>

#define PROBES_PATH_BYTES 128

/*
 * Compiles a library of the name libssl.so.9 that has SSL_read, SSL_write and the
 * further functions of source (C) into a new directory. Fails the test if it cannot.
 */
void probes_library__make(char path[PROBES_PATH_BYTES], const char *source);

/* Copies the file to a new name in its directory. */
void probes_library__copy(const char *path, const char *name, char copy[PROBES_PATH_BYTES]);

/* Makes a library one whose strings are so many that reading them takes a good part of a second. */
void probes_library__swell(const char *path);

/* Removes the directory of the library, with all in it. */
void probes_library__remove(const char *path);

/*
 * Starts a process that maps count files (at most 16) as executable and waits, until
 * probes_process__end. pid 0: any; else this one (which takes privileges; -1 if it cannot be
 * had). It has mapped them when this returns. A byte in go_on lets it execute `sleep`.
 */
pid_t probes_process__start(const char *const *paths, size_t count, pid_t pid, int *ret_go_on);
void probes_process__end(pid_t pid);

#endif
