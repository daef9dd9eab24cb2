/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the kernel's, read one behind the other into memory that is used again.
 */
#ifndef EDGETAP_COLLECT_HOST_FILE_BUFFERS_H
#define EDGETAP_COLLECT_HOST_FILE_BUFFERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

/* Of one file; what is behind is left out, by whole lines. */
#define TEXT_MAX_BYTES (4U << 20)

struct file_buffers {
	char *bytes;
	size_t used, room;
};

/*
 * Appends what can be read at fd from its start, and a NUL. `at_once`: a file that
 * gives all of itself in one read (a cgroup's), so that it need not be asked for
 * more. Returns the place of the text, for file_buffers__at; or a negative errno.
 */
ssize_t file_buffers__read(struct file_buffers *buffers, int fd, bool at_once);

/* The same for a file below dir_fd, or an absolute path. */
ssize_t file_buffers__read_file(struct file_buffers *buffers, int dir_fd, const char *path,
				bool at_once);

/* The text at a place; NULL for what is negative. Valid until the next read. */
const char *file_buffers__at(const struct file_buffers *buffers, ssize_t place);

/* Forgets the buffers; the memory is kept for others until it is freed. */
void file_buffers__clear(struct file_buffers *buffers);
void file_buffers__free(struct file_buffers *buffers);

#endif
