/* SPDX-License-Identifier: Apache-2.0 */
/* A file that may come in pieces. */
#ifndef EDGETAP_BASE_READ_ALL_H
#define EDGETAP_BASE_READ_ALL_H

#include <errno.h>
#include <stddef.h>
#include <unistd.h>

/* Reads up to the end of the file, or size bytes. Returns 0 or a negative errno. */
static inline int read_all(int fd, char *buffer, size_t size, size_t *ret_length)
{
	size_t length = 0;

	while (length < size) {
		ssize_t n = read(fd, buffer + length, size - length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	*ret_length = length;
	return 0;
}

#endif
