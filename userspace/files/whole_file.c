// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/foreign.h"
#include "files/whole_file.h"

#define ROOM_AT_FIRST 8192

static int read_fd(int fd, size_t room, size_t max, char **ret_text, size_t *ret_len)
{
	char *text = malloc(room);
	size_t len = 0;

	while (text) {
		ssize_t n;

		if (len + 1 == room) {
			char *grown;

			if (len >= max) {
				free(text);
				return -EFBIG;
			}
			room = room * 2 < max + 2 ? room * 2 : max + 2;
			grown = realloc(text, room);
			if (!grown)
				free(text);
			text = grown;
			continue;
		}
		n = read(fd, text + len, room - 1 - len);
		if (n < 0) {
			int err = -errno;

			free(text);
			return err;
		}
		if (n == 0)
			break;
		len += (size_t)n;
	}
	if (!text)
		return -ENOMEM;
	if (len > max) {
		free(text);
		return -EFBIG;
	}
	text[len] = '\0';
	*ret_text = text;
	*ret_len = len;
	return 0;
}

/* The open of a device has effects of its own, so what is there is looked at before. */
static int open_regular(const char *path)
{
	struct foreign_facts facts;
	int fd = open(path, O_PATH | O_CLOEXEC), opened, err;

	if (fd < 0)
		return -errno;
	err = foreign__look(fd, "", &facts);
	if (!err && !S_ISREG(facts.mode))
		err = -EINVAL;
	opened = err ? err : foreign__open(fd);
	close(fd);
	return opened;
}

int whole_file__read(const char *path, size_t max, char **ret_text, size_t *ret_len)
{
	struct stat st;
	int fd = open_regular(path), err;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		err = -errno;
	else if (st.st_size < 0 || (unsigned long long)st.st_size > max)
		err = -EFBIG;
	else
		err = read_fd(fd, (size_t)st.st_size + 2, max, ret_text, ret_len);
	close(fd);
	return err;
}

int whole_file__read_proc(const char *path, size_t max, char **ret_text, size_t *ret_len)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	int err;

	if (fd < 0)
		return -errno;
	err = read_fd(fd, ROOM_AT_FIRST, max, ret_text, ret_len);
	close(fd);
	return err;
}
