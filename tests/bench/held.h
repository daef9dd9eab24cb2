/* SPDX-License-Identifier: Apache-2.0 */
/* The BPF programs that a process holds, found from outside through /proc (root). */
#ifndef EDGETAP_BENCH_HELD_H
#define EDGETAP_BENCH_HELD_H

#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/*
 * Writes at most `most` file descriptors of this process, one for each program
 * that process `pid` holds, by itself or by a link; the caller closes them.
 * Returns how many, or a negative errno where the process cannot be looked at.
 */
static inline int held_programs(int pid, int *ret_fds, int most)
{
	unsigned int ids[256];
	char path[64], line[128];
	struct dirent *entry;
	DIR *directory;
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	directory = opendir(path);
	if (!directory)
		return -errno;
	if (most > (int)(sizeof(ids) / sizeof(ids[0])))
		most = (int)(sizeof(ids) / sizeof(ids[0]));
	while (found < most && (entry = readdir(directory))) {
		unsigned int id = 0;
		FILE *file;
		int fd;

		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.16s", pid, entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		while (fgets(line, sizeof(line), file))
			if (sscanf(line, "prog_id: %u", &id) == 1)
				break;
		fclose(file);
		for (int i = 0; i < found && id; i++)
			if (ids[i] == id)
				id = 0; /* a link's, too */
		fd = id ? bpf_prog_get_fd_by_id(id) : -1;
		if (fd < 0)
			continue;
		ids[found] = id;
		ret_fds[found++] = fd;
	}
	closedir(directory);
	return found;
}

/* What the kernel tells of a program: name (15 characters of it), type, runs, time. 0 or -1, errno.
 */
static inline int held_info(int fd, struct bpf_prog_info *ret_info)
{
	__u32 size = sizeof(*ret_info);

	memset(ret_info, 0, sizeof(*ret_info));
	return bpf_obj_get_info_by_fd(fd, ret_info, &size) ? -1 : 0;
}

#endif
