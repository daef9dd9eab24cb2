// SPDX-License-Identifier: Apache-2.0
#include "collect/host/texts.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ROOM_AT_FIRST (64U << 10)
#define ROOM_OF_ONE (8U << 10) /* more than most files have */

static int grow(struct texts *texts, size_t wanted)
{
	size_t room = texts->room ? texts->room : ROOM_AT_FIRST;
	char *bytes;

	while (room < wanted)
		room *= 2;
	if (room == texts->room)
		return 0;
	bytes = realloc(texts->bytes, room);
	if (!bytes)
		return -ENOMEM;
	texts->bytes = bytes;
	texts->room = room;
	return 0;
}

ssize_t texts__read(struct texts *texts, int fd, bool at_once)
{
	size_t start = texts->used, len = 0;

	for (;;) {
		size_t room;
		ssize_t n;
		int err = grow(texts, start + len + ROOM_OF_ONE);

		if (err)
			return err;
		room = texts->room - start - len - 1;
		n = pread(fd, texts->bytes + start + len, room, (off_t)len);
		if (n < 0)
			return -errno;
		len += (size_t)n;
		if (n == 0 || (at_once && (size_t)n < room))
			break;
		if (len > TEXT_MAX_BYTES) {
			while (len && texts->bytes[start + len - 1] != '\n')
				len--;
			break;
		}
	}
	texts->bytes[start + len] = '\0';
	texts->used = start + len + 1;
	return (ssize_t)start;
}

ssize_t texts__read_file(struct texts *texts, int dir_fd, const char *path, bool at_once)
{
	int fd = openat(dir_fd, path, O_RDONLY | O_CLOEXEC);
	ssize_t place;

	if (fd < 0)
		return -errno;
	place = texts__read(texts, fd, at_once);
	close(fd);
	return place;
}

const char *texts__at(const struct texts *texts, ssize_t place)
{
	return place < 0 ? NULL : texts->bytes + place;
}

void texts__clear(struct texts *texts)
{
	texts->used = 0;
}

void texts__free(struct texts *texts)
{
	free(texts->bytes);
	*texts = (struct texts){ 0 };
}
