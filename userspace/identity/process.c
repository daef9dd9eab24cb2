// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "files/foreign.h"
#include "identity/process.h"

#define PROC_PATH_BYTES 64

static void cut_deleted(char *path)
{
	static const char mark[] = " (deleted)";
	size_t len = strlen(path);

	if (len > sizeof(mark) - 1 && strcmp(path + len - (sizeof(mark) - 1), mark) == 0)
		path[len - (sizeof(mark) - 1)] = '\0';
}

static ssize_t read_proc(pid_t pid, const char *file, char *text, size_t size)
{
	char path[PROC_PATH_BYTES];
	ssize_t len = 0, n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	while ((size_t)len < size - 1) {
		n = read(fd, text + len, size - 1 - (size_t)len);
		if (n < 0) {
			len = -errno;
			break;
		}
		if (n == 0)
			break;
		len += n;
	}
	close(fd);
	text[len > 0 ? len : 0] = '\0';
	return len;
}

int process__exe(pid_t pid, struct process_exe *ret_exe, char *path)
{
	char link[PROC_PATH_BYTES];
	struct foreign_facts facts;
	int err;

	snprintf(link, sizeof(link), "/proc/%d/exe", (int)pid);
	if (path) {
		ssize_t n = readlink(link, path, PATH_MAX - 1);

		if (n < 0)
			return -errno;
		path[n] = '\0';
		cut_deleted(path);
	}
	/*
	 * Follows the magic link, so it finds the file of another mount namespace or a deleted one.
	 * stat(2) would ask the server of a network or FUSE file system, and hang with it.
	 */
	err = foreign__look(AT_FDCWD, link, &facts);
	if (err)
		return err;
	ret_exe->dev = facts.dev;
	ret_exe->inode = facts.inode;
	return 0;
}

/* True if `list`, comma-separated and len bytes long, has `controller`. */
static int list_has(const char *list, size_t len, const char *controller)
{
	size_t want = strlen(controller);

	while (len > 0) {
		const char *comma = memchr(list, ',', len);
		size_t n = comma ? (size_t)(comma - list) : len;

		if (n == want && memcmp(list, controller, n) == 0)
			return 1;
		if (!comma)
			break;
		len -= n + 1;
		list += n + 1;
	}
	return 0;
}

int process__parse_cgroup(const char *text, const char *controller, char *path, size_t size)
{
	/* cgroups(7): hierarchy-ID:controller-list:cgroup-path */
	for (const char *line = text; *line;) {
		size_t len = strcspn(line, "\n");
		const char *list = memchr(line, ':', len);
		const char *name = list ? memchr(list + 1, ':', len - (size_t)(list + 1 - line))
					: NULL;

		if (name) {
			size_t list_len = (size_t)(name - list - 1);
			size_t name_len = len - (size_t)(name + 1 - line);
			int found = controller ? list_has(list + 1, list_len, controller)
					       : list_len == 0 && line[0] == '0';

			if (found) {
				if (name_len >= size)
					return -ENAMETOOLONG;
				memcpy(path, name + 1, name_len);
				path[name_len] = '\0';
				cut_deleted(path);
				return 0;
			}
		}
		line += len;
		if (*line)
			line++;
	}
	return -ENOENT;
}

int process__cgroup(pid_t pid, const char *controller, char *path, size_t size)
{
	size_t room = 16 * 1024; /* up to 14 lines of one path each; a deep one must still fit */
	char *text = malloc(room);
	ssize_t len;
	int err;

	if (!text)
		return -ENOMEM;
	len = read_proc(pid, "cgroup", text, room);
	err = len < 0 ? (int)len : process__parse_cgroup(text, controller, path, size);
	free(text);
	return err;
}

pid_t process__parent(pid_t pid)
{
	char text[1024];
	ssize_t len = read_proc(pid, "stat", text, sizeof(text));
	const char *at;
	int parent;

	if (len < 0)
		return (pid_t)len;
	/* proc(5): pid (comm) state ppid; comm may hold anything, also parentheses */
	at = strrchr(text, ')');
	if (!at || sscanf(at + 1, " %*c %d", &parent) != 1)
		return -EINVAL;
	return parent;
}

static uint64_t namespace_of(const char *process, const char *name)
{
	struct foreign_facts facts;
	char path[PROC_PATH_BYTES];

	snprintf(path, sizeof(path), "/proc/%s/ns/%s", process, name);
	return foreign__look(AT_FDCWD, path, &facts) ? 0 : facts.inode;
}

/* Whether the process is in this namespace of init's, or of the agent's. */
static bool shares(pid_t pid, const char *name)
{
	char process[16];
	uint64_t its;

	snprintf(process, sizeof(process), "%d", (int)pid);
	its = namespace_of(process, name);
	return its && (its == namespace_of("1", name) || its == namespace_of("self", name));
}

/* Real, effective and saved. */
static int read_uids(pid_t pid, unsigned int ret_uids[3])
{
	char text[4096];
	ssize_t len = read_proc(pid, "status", text, sizeof(text));
	const char *at;

	if (len < 0)
		return (int)len;
	/* the name, before it, may hold anything but a line's end */
	at = strstr(text, "\nUid:");
	return at && sscanf(at, " Uid: %u %u %u", &ret_uids[0], &ret_uids[1], &ret_uids[2]) == 3
		       ? 0
		       : -EINVAL;
}

int process__uid(pid_t pid, uid_t *ret_uid)
{
	unsigned int uids[3];
	int err = read_uids(pid, uids);

	if (!err)
		*ret_uid = uids[0];
	return err;
}

bool process__is_hosts(pid_t pid)
{
	unsigned int uids[3];

	return shares(pid, "user") && shares(pid, "mnt") && read_uids(pid, uids) == 0 && !uids[0] &&
	       !uids[1] && !uids[2];
}

ssize_t process__cmdline(pid_t pid, char *args, size_t size)
{
	return read_proc(pid, "cmdline", args, size);
}

const char *process__option(const char *args, size_t len, const char *brief, const char *full)
{
	size_t full_len = strlen(full);

	for (size_t at = 0; at < len;) {
		const char *arg = args + at;
		size_t arg_len = strnlen(arg, len - at);

		if (arg_len > full_len && memcmp(arg, full, full_len) == 0 && arg[full_len] == '=')
			return arg + full_len + 1;
		at += arg_len + 1;
		if ((strcmp(arg, brief) == 0 || strcmp(arg, full) == 0) && at < len)
			return args + at;
	}
	return NULL;
}
