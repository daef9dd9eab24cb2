// SPDX-License-Identifier: Apache-2.0
/*
 * Uprobes through perf events (perf_event_open(2), type `uprobe`, since 4.17) and
 * links of them (since 5.15). Not through libbpf, which keeps two descriptors
 * open for each probe: the link holds the event, so one will do.
 */
#include "loader/probes.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loader/internal.h"

#define UPROBE_DIRECTORY "/sys/bus/event_source/devices/uprobe/"

void probes__set_autoload(struct bpf_object *object, bool wanted)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object)
		if (probes__is_uprobe(program))
			bpf_program__set_autoload(program, wanted);
}

bool probes__is_uprobe(const struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program);

	return !strncmp(section, "uprobe", 6) || !strncmp(section, "uretprobe", 9);
}

/* A number from one of the kernel's files, or a negative errno. */
static int read_number(const char *path, const char *format)
{
	FILE *file = fopen(path, "re");
	int value, matched;

	if (!file)
		return -errno;
	matched = fscanf(file, format, &value);
	fclose(file);
	return matched == 1 && value >= 0 ? value : -EINVAL;
}

/* A disabled event at a place in the file, in every process that maps it. */
static int open_event(const char *path, uint64_t offset, bool is_return)
{
	int type = read_number(UPROBE_DIRECTORY "type", "%d");
	int bit = is_return ? read_number(UPROBE_DIRECTORY "format/retprobe", "config:%d") : 0;
	struct perf_event_attr attr = {
		.size = sizeof(attr),
		.type = (uint32_t)type,
		.config = is_return ? 1ULL << bit : 0,
		.config1 = (uint64_t)(uintptr_t)path, /* uprobe_path */
		.config2 = offset,		      /* probe_offset */
	};
	int fd;

	if (type < 0 || bit < 0 || bit > 63)
		return -EOPNOTSUPP;
	/* a probe is in the file, not on a CPU: any one of them will do */
	fd = (int)syscall(SYS_perf_event_open, &attr, -1, 0, -1, PERF_FLAG_FD_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

bool loader__has_probe(const struct loader *loader, const char *program)
{
	const struct bpf_program *found =
		loader->skeleton ? bpf_object__find_program_by_name(loader->skeleton->obj, program)
				 : NULL;

	return found && bpf_program__fd(found) >= 0;
}

int loader__probe(const struct loader *loader, const char *path, uint64_t offset,
		  const char *program, bool is_return, int *ret_link)
{
	const struct bpf_program *found =
		bpf_object__find_program_by_name(loader->skeleton->obj, program);
	int event, link, err = 0;

	if (!found || bpf_program__fd(found) < 0)
		return -ENOENT;
	event = open_event(path, offset, is_return);
	if (event < 0)
		return event;
	link = bpf_link_create(bpf_program__fd(found), event, BPF_PERF_EVENT, NULL);
	if (link < 0)
		err = link;
	else if (ioctl(event, PERF_EVENT_IOC_ENABLE, 0))
		err = -errno;
	close(event);
	if (err) {
		if (link >= 0)
			close(link);
		return err;
	}
	*ret_link = link;
	return 0;
}

void loader__unprobe(int link)
{
	close(link);
}
