/* SPDX-License-Identifier: Apache-2.0 */
/* Small files that others write, read whole and with care. */
#ifndef EDGETAP_FILES_WHOLE_FILE_H
#define EDGETAP_FILES_WHOLE_FILE_H

#include <stddef.h>

/*
 * Reads a regular file of at most max bytes into memory that the caller frees,
 * NUL-terminated. What is not a regular file is not even opened. Returns 0,
 * -EFBIG, -EINVAL for other kinds of file, or the error of open or read.
 */
int whole_file__read(const char *path, size_t max, char **ret_text, size_t *ret_len);

/* The same for a file in /proc, whose size is not known before. */
int whole_file__read_proc(const char *path, size_t max, char **ret_text, size_t *ret_len);

#endif
