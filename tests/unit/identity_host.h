/* SPDX-License-Identifier: Apache-2.0 */
/* Real cgroups and processes for the tests of the identity stage. */
#ifndef EDGETAP_TESTS_IDENTITY_HOST_H
#define EDGETAP_TESTS_IDENTITY_HOST_H

#include <check.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "files/whole_file.h"
#include "identity/cgroup_mounts.h"

/*
 * A v1 hierarchy that an agent never chooses by itself: what looks like a
 * container there misleads none that starts while a test runs.
 */
#define HOST_V1 "blkio"

/* The mounted hierarchies of this machine, as the test sees them. */
static inline void host__mounts(struct cgroup_mounts *mounts)
{
	char *text;
	size_t len;

	ck_assert_int_eq(whole_file__read_proc("/proc/self/mountinfo", 1 << 22, &text, &len), 0);
	cgroup_mounts__parse(text, mounts);
	free(text);
}

/*
 * Makes a cgroup of our own at the top of a hierarchy (NULL: v2), its path
 * below the mount in path, its directory in dir (both 256 bytes). False, after
 * saying so, where that cannot be done.
 */
static inline bool host__make_cgroup(const char *test, const char *controller, char *path,
				     char *dir)
{
	struct cgroup_mounts mounts;
	const struct cgroup_mount *mount;

	host__mounts(&mounts);
	mount = cgroup_mounts__find(&mounts, controller);
	if (!mount) {
		printf("SKIP %s: no cgroup hierarchy %s\n", test, controller ? controller : "v2");
		return false;
	}
	snprintf(path, 256, "/edgetap-unit-%d", (int)getpid());
	snprintf(dir, 256, "%.200s%.50s", mount->point, path);
	if (mkdir(dir, 0755) < 0) {
		printf("SKIP %s: cannot make %s\n", test, dir);
		return false;
	}
	return true;
}

static inline void host__write(const char *dir, const char *file, const char *text)
{
	char path[1024];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	ck_assert_msg(fd >= 0, "%s", path);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

/* Starts `file` ("sleep 1000") in the cgroup with this directory, or in ours (NULL). */
static inline pid_t host__start(const char *file, const char *dir)
{
	int ready[2];
	char text[16] = "";
	pid_t pid;

	/* closes at exec: then the process is what it is meant to be */
	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		if (dir) {
			snprintf(text, sizeof(text), "%d", (int)getpid());
			host__write(dir, "cgroup.procs", text);
		}
		execl(file, "sleep", "1000", NULL);
		_exit(127);
	}
	close(ready[1]);
	ck_assert_int_eq(read(ready[0], text, 1), 0);
	close(ready[0]);
	return pid;
}

static inline void host__stop(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

/* A cgroup can be removed once the kernel is done with its last process. */
static inline void host__remove_cgroup(const char *dir)
{
	for (int i = 0; i < 500 && rmdir(dir) < 0 && access(dir, F_OK) == 0; i++)
		usleep(10000);
	ck_assert_msg(access(dir, F_OK) < 0, "%s stays", dir);
}

#endif
