/* SPDX-License-Identifier: Apache-2.0 */
/* Facts about one process from /proc. Every call may find that it has just ended. */
#ifndef EDGETAP_IDENTITY_PROCESS_H
#define EDGETAP_IDENTITY_PROCESS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* An executable's file, as stat(2) sees it. */
struct process_exe {
	uint64_t dev;
	uint64_t inode;
};

/*
 * The executable of a process. path (PATH_MAX bytes, may be NULL) is without
 * the kernel's " (deleted)". Returns 0; -ENOENT or -ESRCH for processes that
 * have ended and kernel threads; -EACCES without CAP_SYS_PTRACE.
 */
int process__exe(pid_t pid, struct process_exe *ret_exe, char *path);

/*
 * The path of the process's cgroup as /proc/PID/cgroup has it, for cgroup v2
 * (controller NULL) or a v1 controller ("name=systemd" too). size bounds path.
 * Returns 0, -ENOENT where there is no such hierarchy, or another negative errno.
 */
int process__cgroup(pid_t pid, const char *controller, char *path, size_t size);

/* The same from the text of a /proc/PID/cgroup; text is NUL-terminated. Pure. */
int process__parse_cgroup(const char *text, const char *controller, char *path, size_t size);

/* The parent's pid, or a negative errno. */
pid_t process__parent(pid_t pid);

/* Its real uid, which it cannot hide as it can the owner of /proc/PID. 0 or a negative errno. */
int process__uid(pid_t pid, uid_t *ret_uid);

/*
 * Whether it is root's, and has the mounts and users that init has, or the agent: no container's,
 * so that it is believed.
 * Others are not even asked for what is in their memory (their command line, their environment):
 * the answer may be a page of a FUSE file, and not even SIGKILL ends the wait for that.
 */
bool process__is_hosts(pid_t pid);

/*
 * Reads the command line of such a process, arguments separated by NUL, at most size - 1 bytes.
 * Returns its length, or a negative errno.
 */
ssize_t process__cmdline(pid_t pid, char *args, size_t size);

/*
 * The value that follows any of two spellings of an option ("-n" and "--name",
 * also "--name=X"), or NULL. args as from process__cmdline. Pure.
 */
const char *process__option(const char *args, size_t len, const char *brief, const char *full);

#endif
