// SPDX-License-Identifier: Apache-2.0
#include "uprobes/lineage.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "identity/cgroup_hierarchy.h"
#include "identity/cgroup_path.h"
#include "identity/process.h"

bool process_stat__parse(struct process_stat *ret_stat, const char *text)
{
	struct process_stat stat = {};
	unsigned long long start;
	const char *name = strchr(text, '('), *end = strrchr(text, ')');
	size_t length;
	char state;
	long threads;
	int group, session;

	/* the name, field 2, may hold anything; the start is field 22 */
	if (!name || !end || end < name ||
	    sscanf(end + 1,
		   " %c %*d %d %d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %ld %*d %llu",
		   &state, &group, &session, &threads, &start) != 5)
		return false;
	length = (size_t)(end - name - 1);
	if (length >= sizeof(stat.comm))
		length = sizeof(stat.comm) - 1;
	memcpy(stat.comm, name + 1, length);
	stat.start = start;
	stat.group = group;
	stat.session = session;
	/* a zombie's other threads may go on */
	stat.has_ended = (state == 'Z' && threads <= 1) || state == 'X' || state == 'x';
	*ret_stat = stat;
	return true;
}

int process_stat__read(struct process_stat *ret_stat, pid_t pid)
{
	char path[64], text[1024];
	struct process_stat stat;
	ssize_t n;
	int fd, err;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read(fd, text, sizeof(text) - 1);
	err = n < 0 ? -errno : -ESRCH;
	close(fd);
	if (n <= 0)
		return err;
	text[n] = '\0';
	if (!process_stat__parse(&stat, text))
		return -EINVAL;
	if (stat.has_ended)
		return -ESRCH;
	*ret_stat = stat;
	return 0;
}

static int read_cgroup(pid_t pid, const char *controller, struct cgroup_path *ret_class, char *path)
{
	int err = process__cgroup(pid, controller, path, CGROUP_PATH_BYTES);

	if (!err)
		cgroup_path__classify(path, ret_class);
	return err;
}

static uint64_t hash(const char *text)
{
	uint64_t value = 0xcbf29ce484222325ULL; /* FNV-1a */

	for (const char *at = text; *at; at++)
		value = (value ^ (uint8_t)*at) * 0x100000001b3ULL;
	return value;
}

uint64_t lineage__cgroup(pid_t pid, const char *controller)
{
	char path[CGROUP_PATH_BYTES];
	struct cgroup_path class;

	if (read_cgroup(pid, controller, &class, path))
		return 0;
	/* sub-cgroups belong to the container or unit around them */
	if (class.kind != CGROUP_SHARED)
		path[class.root_len] = '\0';
	return hash(path);
}

int lineage__read(struct lineage *ret_kin, pid_t pid, const char *controller)
{
	struct process_exe exe;
	struct process_stat stat;
	int err = process_stat__read(&stat, pid);

	if (!err)
		err = process__exe(pid, &exe, NULL);
	if (err)
		return err;
	*ret_kin = (struct lineage){
		.program = { exe.dev, exe.inode },
		.cgroup = lineage__cgroup(pid, controller),
		.leads = stat.session == pid || stat.group == pid,
	};
	return 0;
}

bool lineage__has_memory(pid_t pid)
{
	struct process_exe exe;

	/* the link goes with the memory, before the process is a zombie (fs/proc/base.c) */
	return process__exe(pid, &exe, NULL) == 0;
}

/* An executable goes by its file's name; one that had ended before anybody looked, by its comm. */
static bool runs_it(const struct serving *serving, pid_t pid, const struct process_stat *stat)
{
	char path[PATH_MAX];
	struct process_exe exe;
	const char *slash;

	if (strcmp(stat->comm, serving->comm) == 0 &&
	    names__is_executable(serving->instance, stat->comm))
		return true;
	if (process__exe(pid, &exe, path))
		return false;
	slash = strrchr(path, '/');
	return names__is_executable(serving->instance, slash ? slash + 1 : path);
}

uint64_t serving__owner(const struct serving *serving)
{
	const char *at = strrchr(serving->instance, '@');
	uid_t user = 0;

	if (at && at[1] && strspn(at + 1, "0123456789") == strlen(at + 1))
		user = (uid_t)strtoul(at + 1, NULL, 10);
	else if (serving->kind == INSTANCE_EXECUTABLE)
		process__uid(serving->pid, &user);
	return user ? user : hash(serving->instance);
}

bool serving__has(const struct serving *serving, pid_t pid, const struct process_stat *stat,
		  const char *controller)
{
	char path[CGROUP_PATH_BYTES], label[LABEL_BYTES];
	struct cgroup_path class;
	bool is_kin = stat->session == serving->pid || stat->group == serving->pid ||
		      strcmp(stat->comm, serving->comm) == 0;

	if (serving->kind == INSTANCE_EXECUTABLE ? !runs_it(serving, pid, stat) : !is_kin)
		return false;
	if (read_cgroup(pid, controller, &class, path))
		return false;
	switch (serving->kind) {
	case INSTANCE_EXECUTABLE:
		return class.kind == CGROUP_SHARED;
	case INSTANCE_UNIT:
		cgroup_path__instance(&class, label);
		return class.kind == CGROUP_UNIT && strcmp(label, serving->instance) == 0;
	case INSTANCE_CONTAINER:
		cgroup_path__instance(&class, label);
		if (class.kind == CGROUP_CONTAINER)
			return strcmp(label, serving->instance) == 0;
		/* one whose cgroup only its runtime knows; its path has the id, mostly */
		return strlen(serving->instance) == 12 && strstr(path, serving->instance);
	case INSTANCE_OTHER:
		break;
	}
	return false;
}
