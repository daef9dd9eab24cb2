// SPDX-License-Identifier: Apache-2.0
#include "agent/run.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define NAME "proxy_id"
#define NEW_NAME NAME ".new"

static const char *const colours[] = { "blue", "green" };

/* Index of the colour in the file, or -1. Whatever lies there instead, this does not wait. */
static int read_colour(int dir)
{
	int fd = openat(dir, NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	char text[16] = "";
	struct stat stat;
	ssize_t got = 0;

	if (fd < 0)
		return -1;
	if (!fstat(fd, &stat) && S_ISREG(stat.st_mode))
		got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got > 0 && text[got - 1] == '\n')
		text[got - 1] = '\0';
	for (int i = 0; i < 2; i++)
		if (!strcmp(text, colours[i]))
			return i;
	return -1;
}

/* As a whole or not at all. */
static int write_colour(int dir, int colour)
{
	int fd = openat(dir, NEW_NAME,
			O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0644);
	int err = 0;

	if (fd < 0)
		return -errno;
	if (dprintf(fd, "%s\n", colours[colour]) < 0)
		err = -errno;
	if (close(fd) && !err)
		err = -errno;
	if (!err && renameat(dir, NEW_NAME, dir, NAME))
		err = -errno;
	if (err)
		unlinkat(dir, NEW_NAME, 0);
	return err;
}

const char *run__take(const char *path, int *ret_err)
{
	int dir, err, colour = 0;

	mkdir(path, 0755);
	dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0) {
		err = -errno;
	} else {
		colour = read_colour(dir) == 0 ? 1 : 0;
		err = write_colour(dir, colour);
		close(dir);
	}
	*ret_err = err;
	return colours[err ? time(NULL) & 1 : colour];
}
