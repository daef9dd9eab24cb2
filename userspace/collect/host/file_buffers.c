// SPDX-License-Identifier: Apache-2.0
#include "collect/host/file_buffers.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM_AT_FIRST (64U << 10)
#define ROOM_OF_ONE (8U << 10) /* more than most files have */

static int grow(struct file_buffers *buffers, size_t wanted)
{
	size_t room = buffers->room ? buffers->room : ROOM_AT_FIRST;
	char *bytes;

	while (room < wanted)
		room *= 2;
	if (room == buffers->room)
		return 0;
	bytes = realloc(buffers->bytes, room);
	if (!bytes)
		return -ENOMEM;
	buffers->bytes = bytes;
	buffers->room = room;
	return 0;
}

ssize_t file_buffers__read(struct file_buffers *buffers, int fd, bool at_once)
{
	size_t start = buffers->used, len = 0;

	for (;;) {
		size_t room;
		ssize_t n;
		int err = grow(buffers, start + len + ROOM_OF_ONE);

		if (err)
			return err;
		room = buffers->room - start - len - 1;
		n = pread(fd, buffers->bytes + start + len, room, (off_t)len);
		if (n < 0)
			return -errno;
		len += (size_t)n;
		if (n == 0 || (at_once && (size_t)n < room))
			break;
		if (len > TEXT_MAX_BYTES) {
			while (len && buffers->bytes[start + len - 1] != '\n')
				len--;
			break;
		}
	}
	buffers->bytes[start + len] = '\0';
	buffers->used = start + len + 1;
	return (ssize_t)start;
}

ssize_t file_buffers__read_file(struct file_buffers *buffers, int dir_fd, const char *path,
				bool at_once)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t place;

	if (fd < 0)
		return -errno;
	place = file_buffers__read(buffers, fd, at_once);
	close(fd);
	return place;
}

const char *file_buffers__at(const struct file_buffers *buffers, ssize_t place)
{
	return place < 0 ? NULL : buffers->bytes + place;
}

void file_buffers__clear(struct file_buffers *buffers)
{
	buffers->used = 0;
}

void file_buffers__free(struct file_buffers *buffers)
{
	free(buffers->bytes);
	*buffers = (struct file_buffers){ 0 };
}
