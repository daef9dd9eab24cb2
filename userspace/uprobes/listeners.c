// SPDX-License-Identifier: Apache-2.0
#include "uprobes/listeners.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct listeners {
	uint64_t namespaces[LISTENERS_MAX_NAMESPACES];
	size_t namespace_count;
	uint64_t *inodes; /* sorted once all are there */
	size_t count;
	size_t room;
};

uint64_t listener__parse(const char *line)
{
	unsigned long long inode;
	unsigned int state;

	/* number, local and remote address, state (0A: LISTEN), queues, timer, retransmits, uid,
	 * timeout, inode (Documentation/networking/proc_net_tcp.rst) */
	if (sscanf(line,
		   " %*u: %*[0-9A-Fa-f]:%*x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %llu",
		   &state, &inode) != 2 ||
	    state != 0x0a)
		return 0;
	return inode;
}

static int add_inode(struct listeners *listeners, uint64_t inode)
{
	if (listeners->count == LISTENERS_MAX_SOCKETS)
		return 0;
	if (listeners->count == listeners->room) {
		size_t room = listeners->room ? 2 * listeners->room : 256;
		uint64_t *inodes = reallocarray(listeners->inodes, room, sizeof(*inodes));

		if (!inodes)
			return -ENOMEM;
		listeners->inodes = inodes;
		listeners->room = room;
	}
	listeners->inodes[listeners->count++] = inode;
	return 0;
}

static int read_table(struct listeners *listeners, pid_t pid, const char *name)
{
	char path[64], line[512];
	FILE *file;
	int err = 0;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)pid, name);
	file = fopen(path, "re");
	while (file && !err && fgets(line, sizeof(line), file)) {
		uint64_t inode = listener__parse(line);

		if (inode)
			err = add_inode(listeners, inode);
	}
	if (file)
		fclose(file);
	return err;
}

/* Reads the tables of the process's network namespace, unless another process has shown them. */
static int read_namespace(struct listeners *listeners, pid_t pid)
{
	char path[64];
	struct stat stat_;
	int err;

	snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
	if (stat(path, &stat_) || listeners->namespace_count == LISTENERS_MAX_NAMESPACES)
		return 0;
	for (size_t i = 0; i < listeners->namespace_count; i++)
		if (listeners->namespaces[i] == stat_.st_ino)
			return 0;
	listeners->namespaces[listeners->namespace_count++] = stat_.st_ino;
	err = read_table(listeners, pid, "tcp");
	return err ? err : read_table(listeners, pid, "tcp6");
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static bool has_listener(const struct listeners *listeners, pid_t pid)
{
	char path[64], target[64];
	struct dirent *entry;
	bool found = false;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	directory = opendir(path);
	while (directory && !found && (entry = readdir(directory))) {
		ssize_t n = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);
		unsigned long long number;
		uint64_t inode;

		target[n > 0 ? n : 0] = '\0';
		if (sscanf(target, "socket:[%llu]", &number) != 1)
			continue;
		inode = number;
		found = bsearch(&inode, listeners->inodes, listeners->count, sizeof(inode),
				compare);
	}
	if (directory)
		closedir(directory);
	return found;
}

/* The next process in an open /proc; 0 at the end. */
static pid_t next_process(DIR *proc)
{
	struct dirent *entry;

	while ((entry = readdir(proc))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (end != entry->d_name && *end == '\0' && pid > 0)
			return (pid_t)pid;
	}
	return 0;
}

int listeners__each(void (*on_process)(void *ctx, pid_t pid), void *ctx)
{
	struct listeners *listeners = calloc(1, sizeof(*listeners));
	DIR *proc = opendir("/proc");
	int err = 0, count = 0;
	pid_t pid;

	if (!listeners || !proc)
		err = listeners ? -errno : -ENOMEM;
	while (!err && (pid = next_process(proc)))
		err = read_namespace(listeners, pid);
	if (!err) {
		if (listeners->count)
			qsort(listeners->inodes, listeners->count, sizeof(uint64_t), compare);
		rewinddir(proc);
	}
	while (!err && listeners->count && (pid = next_process(proc))) {
		if (!has_listener(listeners, pid))
			continue;
		on_process(ctx, pid);
		count++;
	}
	if (proc)
		closedir(proc);
	if (listeners)
		free(listeners->inodes);
	free(listeners);
	return err ? err : count;
}
