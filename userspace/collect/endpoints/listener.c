// SPDX-License-Identifier: Apache-2.0
#include "collect/endpoints/listener.h"
#include "base/clock.h"
#include "identity/process.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Sockets on one port: more than one with SO_REUSEPORT only, or one for each address. */
#define SOCKETS_MAX 64
#define CACHE_SIZE 1024
/* Looking through every process costs up to a tenth of a second. */
#define KEPT_NS (60 * 1000000000ULL)
#define CGROUP_TEXT_BYTES 8192

struct listener_cache {
	struct verdict {
		uint64_t inode, until_ns;
		pid_t pid;
		bool is_of;
	} entry[CACHE_SIZE];
};

struct sockets {
	uint64_t inode[SOCKETS_MAX];
	size_t count;
};

int listener_cache__new(struct listener_cache **ret_cache)
{
	*ret_cache = calloc(1, sizeof(**ret_cache));
	return *ret_cache ? 0 : -ENOMEM;
}

void listener_cache__free(struct listener_cache *cache)
{
	free(cache);
}

uint64_t listener__parse_line(const char *line, uint16_t port)
{
	unsigned long long inode;
	unsigned int state, local;

	/* number, local and remote address, state (0A: LISTEN), queues, timer, retransmits, uid,
	 * timeout, inode (Documentation/networking/proc_net_tcp.rst) */
	if (sscanf(line,
		   " %*u: %*[0-9A-Fa-f]:%x %*[0-9A-Fa-f]:%*x %x %*x:%*x %*x:%*x %*x %*u %*u %llu",
		   &local, &state, &inode) != 3)
		return 0;
	return state == 0x0a && local == port ? inode : 0;
}

static void read_table(struct sockets *sockets, pid_t pid, const char *name, uint16_t port)
{
	char path[64], line[512];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/net/%s", (int)pid, name);
	file = fopen(path, "re");
	while (file && sockets->count < SOCKETS_MAX && fgets(line, sizeof(line), file)) {
		uint64_t inode = listener__parse_line(line, port);

		if (inode)
			sockets->inode[sockets->count++] = inode;
	}
	if (file)
		fclose(file);
}

static bool holds(pid_t pid, const struct sockets *sockets)
{
	char path[64], target[64];
	struct dirent *entry;
	bool found = false;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	directory = opendir(path);
	while (directory && !found && (entry = readdir(directory))) {
		ssize_t n = readlinkat(dirfd(directory), entry->d_name, target, sizeof(target) - 1);
		unsigned long long inode;

		target[n > 0 ? n : 0] = '\0';
		if (sscanf(target, "socket:[%llu]", &inode) != 1)
			continue;
		for (size_t i = 0; i < sockets->count && !found; i++)
			found = sockets->inode[i] == inode;
	}
	if (directory)
		closedir(directory);
	return found;
}

/* Whether any line of a /proc/PID/cgroup has this path, or one below it. */
static bool is_below(pid_t pid, const char *cgroup, bool exactly)
{
	size_t length = strlen(cgroup);
	char path[64], line[CGROUP_TEXT_BYTES];
	bool found = false;
	FILE *file;

	while (length && cgroup[length - 1] == '/')
		length--;
	snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	file = fopen(path, "re");
	while (file && !found && fgets(line, sizeof(line), file)) {
		const char *at = strchr(line, ':');

		at = at ? strchr(at + 1, ':') : NULL;
		if (!at || strncmp(at + 1, cgroup, length) != 0)
			continue;
		at += 1 + length;
		/* the root has no name but the slash */
		found = *at == '\n' || (*at == '/' && (!exactly || at[1] == '\n'));
	}
	if (file)
		fclose(file);
	return found;
}

static bool same_executable(pid_t a, pid_t b)
{
	struct process_exe one, two;

	return process__exe(a, &one, NULL) == 0 && process__exe(b, &two, NULL) == 0 &&
	       one.dev == two.dev && one.inode == two.inode;
}

static bool is_of(const struct listener_owner *owner, pid_t pid)
{
	return is_below(pid, owner->cgroup, owner->by_executable) &&
	       (!owner->by_executable || same_executable(pid, owner->pid));
}

/* Looks at every process that has one of the sockets. */
static bool look(const struct listener_owner *owner, const struct sockets *sockets)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	bool held = false, found = false;

	while (proc && !found && (entry = readdir(proc))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (end == entry->d_name || *end || pid <= 0 || !holds((pid_t)pid, sockets))
			continue;
		held = true;
		found = is_of(owner, (pid_t)pid);
	}
	if (proc)
		closedir(proc);
	return found || !held;
}

bool listener__is_of(struct listener_cache *cache, const struct listener_owner *owner,
		     uint16_t port)
{
	struct sockets sockets = { .count = 0 };
	struct verdict *verdict;

	read_table(&sockets, owner->pid, "tcp", port);
	read_table(&sockets, owner->pid, "tcp6", port);
	if (!sockets.count || holds(owner->pid, &sockets))
		return true;
	/* in a cgroup namespace of its own edgetap sees other paths than identity does */
	if (!owner->cgroup[0] || !is_of(owner, owner->pid))
		return true;
	verdict = &cache->entry[(sockets.inode[0] ^ (uint64_t)owner->pid * 0x9e3779b97f4a7c15) %
				CACHE_SIZE];
	if (verdict->inode != sockets.inode[0] || verdict->pid != owner->pid ||
	    verdict->until_ns < clock__now_ns()) {
		*verdict = (struct verdict){
			.inode = sockets.inode[0],
			.pid = owner->pid,
			.is_of = look(owner, &sockets),
			.until_ns = clock__now_ns() + KEPT_NS,
		};
	}
	return verdict->is_of;
}
