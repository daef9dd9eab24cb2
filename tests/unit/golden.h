/* SPDX-License-Identifier: Apache-2.0 */
/* Texts as they were read by a person, in files beside the tests. */
#ifndef EDGETAP_TESTS_GOLDEN_H
#define EDGETAP_TESTS_GOLDEN_H

#include <stddef.h>
#include <stdio.h>

/* A file beside the tests, as a path from where they are run; valid until the next call. */
char *golden__path(const char *name);

/* Writes a whole file; fails the test if it cannot. */
void golden__write(const char *path, const char *data, size_t length);

/* Reads to the end into a string from malloc. */
char *golden__read_all(FILE *file);

/*
 * Fails the test unless the file of this name has just this text, and shows the first line
 * that differs. With EDGETAP_WRITE_GOLDEN=1 the file is written anew, to be read before it is
 * committed.
 */
void golden__check(const char *name, const char *got);

#endif
