// SPDX-License-Identifier: Apache-2.0
/*
 * Uprobes, in the better of two ways that the kernel has: a link for all places
 * of one program in one file (6.6), or a perf event for each place, and a link of
 * it (5.15). Neither through libbpf: its version 1.1 does not know the first, and
 * keeps two descriptors open for each of the second, where the link alone holds
 * the event.
 */
#include "loader/probes.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/bpf.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "loader/loader_internal.h"

#define UPROBE_DIRECTORY "/sys/bus/event_source/devices/uprobe/"

/* include/uapi/linux/bpf.h since 6.6; the distribution's may be older than its kernel. */
#define ATTACH_UPROBE_MULTI 48 /* BPF_TRACE_UPROBE_MULTI */
#define LINK_UPROBE_MULTI 12   /* BPF_LINK_TYPE_UPROBE_MULTI */
#define UPROBE_MULTI_RETURN 1U /* BPF_F_UPROBE_MULTI_RETURN */

/* The part of union bpf_attr for BPF_LINK_CREATE of many uprobes. */
struct link_create {
	uint32_t program_fd;
	uint32_t target_fd;
	uint32_t attach_type;
	uint32_t flags;
	uint64_t path;
	uint64_t offsets;
	uint64_t reference_counters;
	uint64_t cookies;
	uint32_t count;
	uint32_t multi_flags;
	uint32_t pid;
	uint32_t pad;
};

_Static_assert(sizeof(struct link_create) == 64, "as the kernel lays it out");

bool probes__has_links(const struct btf *btf)
{
	return btf__find_by_name_kind(btf, "bpf_uprobe_multi_link", BTF_KIND_STRUCT) > 0;
}

bool probes__is_probe(const struct bpf_program *program)
{
	const char *section = bpf_program__section_name(program);

	return !strncmp(section, "uprobe", 6) || !strncmp(section, "uretprobe", 9);
}

void probes__prepare(struct bpf_object *object, bool wanted, bool by_links)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, object) {
		if (!probes__is_probe(program))
			continue;
		bpf_program__set_autoload(program, wanted);
		if (by_links)
			bpf_program__set_expected_attach_type(program, ATTACH_UPROBE_MULTI);
	}
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
		.config = is_return ? 1ULL << (bit & 63) : 0,
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

/* 0 and a link, or a negative errno. */
static int link_event(int program_fd, const char *path, uint64_t offset, bool is_return,
		      int *ret_link)
{
	int event = open_event(path, offset, is_return);
	int link, err = 0;

	if (event < 0)
		return event;
	link = bpf_link_create(program_fd, event, BPF_PERF_EVENT, NULL);
	if (link < 0)
		err = link;
	else if (ioctl(event, PERF_EVENT_IOC_ENABLE, 0))
		err = -errno;
	close(event);
	if (err && link >= 0)
		close(link);
	if (!err)
		*ret_link = link;
	return err;
}

static int link_all(int program_fd, const char *path, const uint64_t *offsets, size_t count,
		    bool is_return, int *ret_link)
{
	struct link_create attr = {
		.program_fd = (uint32_t)program_fd,
		.attach_type = ATTACH_UPROBE_MULTI,
		.path = (uint64_t)(uintptr_t)path,
		.offsets = (uint64_t)(uintptr_t)offsets,
		.count = (uint32_t)count,
		.multi_flags = is_return ? UPROBE_MULTI_RETURN : 0,
	};
	int link = (int)syscall(SYS_bpf, BPF_LINK_CREATE, &attr, sizeof(attr));

	if (link < 0)
		return -errno;
	*ret_link = link;
	return 1;
}

static int program_fd(const struct loader *loader, const char *name)
{
	const struct bpf_program *program =
		loader->skeleton ? bpf_object__find_program_by_name(loader->skeleton->obj, name)
				 : NULL;
	int fd = program ? bpf_program__fd(program) : -1;

	return fd < 0 ? -ENOENT : fd;
}

bool loader__has_probe(const struct loader *loader, const char *program)
{
	return program_fd(loader, program) >= 0;
}

bool loader__probes_by_event(const struct loader *loader)
{
	return !loader->probe_links;
}

int loader__probe(const struct loader *loader, const char *path, const uint64_t *offsets,
		  size_t count, const char *program, bool is_return, int *ret_links)
{
	int fd = program_fd(loader, program);
	size_t done;
	int err = 0;

	if (fd < 0)
		return fd;
	if (loader->probe_links)
		return link_all(fd, path, offsets, count, is_return, ret_links);
	for (done = 0; done < count && !err; done++)
		err = link_event(fd, path, offsets[done], is_return, &ret_links[done]);
	if (!err)
		return (int)count;
	/* the last one was not made */
	for (size_t i = 0; i + 1 < done; i++)
		close(ret_links[i]);
	return err;
}

/* Whether one of the object's uprobe programs is called so; the kernel keeps 15 characters. */
static bool is_name_of_ours(const struct loader *loader, const char *name)
{
	struct bpf_program *program;

	bpf_object__for_each_program(program, loader->skeleton->obj)
		if (probes__is_probe(program) &&
		    !strncmp(bpf_program__name(program), name, BPF_OBJ_NAME_LEN - 1))
			return true;
	return false;
}

/* The id of a link's program if the link is of uprobes, else 0. */
static uint32_t program_of_uprobes(uint32_t link_id)
{
	struct bpf_link_info info = {};
	uint32_t size = sizeof(info);
	int fd = bpf_link_get_fd_by_id(link_id), err;

	if (fd < 0)
		return 0;
	err = bpf_obj_get_info_by_fd(fd, &info, &size);
	close(fd);
	if (err || (info.type != LINK_UPROBE_MULTI && info.type != BPF_LINK_TYPE_PERF_EVENT))
		return 0;
	return info.prog_id;
}

int loader__count_probes(const struct loader *loader)
{
	uint32_t id = 0;
	int count = 0;

	if (!loader->skeleton)
		return -EINVAL;
	while (bpf_link_get_next_id(id, &id) == 0) {
		struct bpf_prog_info info = {};
		uint32_t size = sizeof(info), program = program_of_uprobes(id);
		int fd = program ? bpf_prog_get_fd_by_id(program) : -1;

		if (fd < 0)
			continue;
		if (!bpf_obj_get_info_by_fd(fd, &info, &size))
			count += is_name_of_ours(loader, info.name);
		close(fd);
	}
	return errno == ENOENT ? count : -errno;
}

void loader__unprobe(int link)
{
	close(link);
}
