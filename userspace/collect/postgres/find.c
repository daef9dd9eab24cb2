// SPDX-License-Identifier: Apache-2.0
#include "collect/postgres/find.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_DEPTH 8

int find__parse(const char *text, struct find_stat *ret_stat)
{
	const char *open = strchr(text, '('), *close = strrchr(text, ')'), *at;
	struct find_stat stat = {};
	unsigned long long ticks;
	size_t length;
	int parent;

	if (!open || !close || close < open)
		return -EBADMSG;
	length = (size_t)(close - open - 1);
	if (length >= sizeof(stat.name))
		return -EBADMSG;
	memcpy(stat.name, open + 1, length);
	if (sscanf(close + 1, " %c %d", &stat.state, &parent) != 2)
		return -EBADMSG;
	stat.parent = parent;
	at = close;
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	if (!at || sscanf(at, " %20llu", &ticks) != 1)
		return -EBADMSG;
	stat.start_ticks = ticks;
	*ret_stat = stat;
	return 0;
}

static ssize_t read_file(pid_t pid, const char *name, char *text, size_t size)
{
	char path[64];
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/%s", (long)pid, name);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return errno == ENOENT ? -ESRCH : -errno;
	got = read(fd, text, size - 1);
	close(fd);
	if (got <= 0)
		return -ESRCH;
	text[got] = '\0';
	return got;
}

int find__stat(pid_t pid, struct find_stat *ret_stat)
{
	char text[1024];
	ssize_t got = read_file(pid, "stat", text, sizeof(text));

	return got < 0 ? (int)got : find__parse(text, ret_stat);
}

static bool is_postgres(const struct find_stat *stat)
{
	return strcmp(stat->name, "postgres") == 0 && stat->state != 'Z';
}

pid_t find__server(pid_t pid, struct find_stat *ret_stat)
{
	struct find_stat stat, parent;

	if (find__stat(pid, &stat) || !is_postgres(&stat))
		return -ESRCH;
	for (int i = 0; i < MAX_DEPTH && stat.parent > 0; i++) {
		if (find__stat(stat.parent, &parent) || !is_postgres(&parent))
			break;
		pid = stat.parent;
		stat = parent;
	}
	*ret_stat = stat;
	return pid;
}

void find__each(void (*on_server)(void *ctx, pid_t pid, const struct find_stat *stat), void *ctx)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;

	while (proc && (entry = readdir(proc))) {
		pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;
		struct find_stat stat;
		char name[32];

		/* most are not: what tells that is the cheapest to read */
		if (pid > 0 && read_file(pid, "comm", name, sizeof(name)) > 0 &&
		    strcmp(name, "postgres\n") == 0 && find__server(pid, &stat) == pid)
			on_server(ctx, pid, &stat);
	}
	if (proc)
		closedir(proc);
}
