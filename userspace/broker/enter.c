// SPDX-License-Identifier: Apache-2.0
#include "broker/enter.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Field 22 of stat(5); the name in field 2 may hold anything, so it is counted from its end. */
static int read_start(int process, uint64_t *ret_ticks)
{
	int fd = openat(process, "stat", O_RDONLY | O_CLOEXEC);
	char text[1024], *at, *end;
	ssize_t got;

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	got = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (got <= 0)
		return -ESRCH;
	text[got] = '\0';
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at)
		return -EBADMSG;
	*ret_ticks = strtoull(at + 1, &end, 10);
	return end == at + 1 ? -EBADMSG : 0;
}

int enter__open(pid_t pid, uint64_t start_ticks)
{
	uint64_t ticks;
	char path[32];
	int fd, err;

	snprintf(path, sizeof(path), "/proc/%ld", (long)pid);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	err = start_ticks ? read_start(fd, &ticks) : 0;
	if (!err && start_ticks && ticks != start_ticks)
		err = -ESRCH;
	if (!err)
		return fd;
	close(fd);
	return err;
}

static int enter(int process, const char *path, int type)
{
	int fd = openat(process, path, O_RDONLY | O_CLOEXEC), err;

	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	err = setns(fd, type) ? -errno : 0;
	close(fd);
	return err;
}

int enter__network(int process)
{
	return enter(process, "ns/net", CLONE_NEWNET);
}

int enter__mount(int process)
{
	int root = openat(process, "root", O_PATH | O_DIRECTORY | O_CLOEXEC), err;

	if (root < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	err = enter(process, "ns/mnt", CLONE_NEWNS);
	/* the namespace's root need not be the process's */
	if (!err && (fchdir(root) || chroot(".")))
		err = -errno;
	close(root);
	return err;
}

ssize_t enter__read(int directory, const char *path, char *ret_text, size_t size)
{
	int fd = openat(directory, path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat status;
	size_t used = 0;
	ssize_t got = 1;
	int err = 0;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &status) || !S_ISREG(status.st_mode))
		err = -EINVAL;
	while (!err && got > 0 && used < size) {
		got = read(fd, ret_text + used, size - used);
		if (got < 0)
			err = -errno;
		else
			used += (size_t)got;
	}
	close(fd);
	if (!err && used == size)
		err = -EFBIG;
	if (err)
		return err;
	ret_text[used] = '\0';
	return (ssize_t)used;
}
