// SPDX-License-Identifier: Apache-2.0
#include "collect/host/controllers.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "identity/cgroup_mounts.h"
#include "identity/cgroup_path.h"

#define DEPTH_MAX 8
#define DIRECTORIES_MAX 64 /* looked at for one process */

static const struct {
	enum controller controller;
	const char *v1, *v2;
} files[CGROUP_FILES] = {
	[FILE_MEMORY_USAGE] = { CONTROLLER_MEMORY, "memory.usage_in_bytes", "memory.current" },
	[FILE_MEMORY_STAT] = { CONTROLLER_MEMORY, "memory.stat", "memory.stat" },
	[FILE_MEMORY_LIMIT] = { CONTROLLER_MEMORY, NULL, "memory.max" },
	[FILE_SWAP_USAGE] = { CONTROLLER_MEMORY, NULL, "memory.swap.current" },
	[FILE_SWAP_LIMIT] = { CONTROLLER_MEMORY, NULL, "memory.swap.max" },
	[FILE_CPU_TIME] = { CONTROLLER_CPUACCT, "cpuacct.usage_all", "cpu.stat" },
	[FILE_CPU_THROTTLING] = { CONTROLLER_CPU, "cpu.stat", NULL },
	[FILE_PIDS] = { CONTROLLER_PIDS, "pids.current", "pids.current" },
	[FILE_IO] = { CONTROLLER_IO, "blkio.throttle.io_service_bytes_recursive", "io.stat" },
	[FILE_IO_OPERATIONS] = { CONTROLLER_IO, "blkio.throttle.io_serviced_recursive", NULL },
	[FILE_PRESSURE_CPU] = { CONTROLLER_PRESSURE, NULL, "cpu.pressure" },
	[FILE_PRESSURE_MEMORY] = { CONTROLLER_PRESSURE, NULL, "memory.pressure" },
	[FILE_PRESSURE_IO] = { CONTROLLER_PRESSURE, NULL, "io.pressure" },
};

static int open_root(const struct cgroup_mount *mount, const char *host_root)
{
	char path[PATH_MAX];

	if (!mount ||
	    snprintf(path, sizeof(path), "%s%s", host_root, mount->point) >= (int)sizeof(path))
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

void controllers__open(struct controllers *ret_controllers, const struct cgroup_mounts *mounts,
		       const char *host_root, const char *main_name)
{
	static const char *const v1_names[CONTROLLERS] = {
		[CONTROLLER_MEMORY] = "memory", [CONTROLLER_CPUACCT] = "cpuacct",
		[CONTROLLER_CPU] = "cpu",	[CONTROLLER_PIDS] = "pids",
		[CONTROLLER_IO] = "blkio",
	};

	for (int c = 0; c < CONTROLLERS; c++) {
		const struct cgroup_mount *mount = NULL;

		if (v1_names[c])
			mount = cgroup_mounts__find(mounts, v1_names[c]);
		ret_controllers->at[c].v2 = !mount;
		ret_controllers->at[c].name = mount ? v1_names[c] : NULL;
		/* what v1 has not is v2's; what it has not either is a file that does not exist */
		if (!mount)
			mount = cgroup_mounts__find(mounts, NULL);
		ret_controllers->at[c].root_fd = open_root(mount, host_root);
	}
	ret_controllers->main_name = main_name;
	ret_controllers->main_fd = open_root(cgroup_mounts__find(mounts, main_name), host_root);
}

void controllers__close(struct controllers *controllers)
{
	for (int c = 0; c < CONTROLLERS; c++)
		if (controllers->at[c].root_fd >= 0)
			close(controllers->at[c].root_fd);
	if (controllers->main_fd >= 0)
		close(controllers->main_fd);
}

enum controller controllers__of(enum cgroup_file file)
{
	return files[file].controller;
}

const char *controllers__file(const struct controllers *controllers, enum cgroup_file file)
{
	if (controllers->at[files[file].controller].root_fd < 0)
		return NULL;
	return controllers->at[files[file].controller].v2 ? files[file].v2 : files[file].v1;
}

const char *controllers__relative(const char *path)
{
	while (*path == '/')
		path++;
	return *path ? path : ".";
}

/* The first process of cgroup.procs; 0 stands for one that cannot be seen from here. */
static pid_t first_process(int dir_fd)
{
	int fd = openat(dir_fd, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	char text[16];
	ssize_t n;
	long pid;

	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	pid = strtol(text, NULL, 10);
	return pid > 0 && pid <= INT_MAX ? (pid_t)pid : 0;
}

struct search {
	bool everywhere; /* also in what is called as a container */
	int left;	 /* directories */
};

/* A container in it, which may be an instance of its own, if its runtime says so. */
static bool is_container(const char *name)
{
	char path[NAME_MAX + 2];
	struct cgroup_path class;

	snprintf(path, sizeof(path), "/%s", name);
	cgroup_path__classify(path, &class);
	return class.kind == CGROUP_CONTAINER;
}

static pid_t process_below(struct search *search, int dir_fd, int depth)
{
	pid_t pid = first_process(dir_fd);
	struct dirent *entry;
	DIR *dir;

	if (pid || depth == DEPTH_MAX || !(dir = fdopendir(dir_fd))) {
		close(dir_fd);
		return pid;
	}
	while (!pid && search->left > 0 && (entry = readdir(dir))) {
		int below;

		if (entry->d_type != DT_DIR || strcmp(entry->d_name, ".") == 0 ||
		    strcmp(entry->d_name, "..") == 0)
			continue;
		if (!search->everywhere && is_container(entry->d_name))
			continue;
		search->left--;
		below = openat(dir_fd, entry->d_name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		if (below >= 0)
			pid = process_below(search, below, depth + 1);
	}
	closedir(dir);
	return pid;
}

pid_t controllers__process(int root_fd, const char *path)
{
	pid_t pid = 0;

	for (int everywhere = 0; everywhere < 2 && !pid; everywhere++) {
		struct search search = { .everywhere = everywhere, .left = DIRECTORIES_MAX };
		int fd = openat(root_fd, controllers__relative(path),
				O_RDONLY | O_DIRECTORY | O_CLOEXEC);

		if (fd >= 0)
			pid = process_below(&search, fd, 0);
	}
	return pid;
}
