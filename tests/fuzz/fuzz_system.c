// SPDX-License-Identifier: Apache-2.0
/*
 * The kernel's texts, of which hostile containers choose parts (names of devices, mount
 * points, volumes): the first byte says which parser is given the rest.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "collect/host/cgroup_files.h"
#include "collect/host/dm_thin.h"
#include "collect/host/mounts.h"
#include "collect/host/proc_files.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool wanted(void *ctx, unsigned int major, unsigned int minor, const char *name)
{
	(void)ctx;
	return *name && (major ^ minor) != 3;
}

static const char *name_device(void *ctx, unsigned int major, unsigned int minor)
{
	(void)ctx;
	return (major ^ minor) == 3 ? NULL : "sda";
}

static void read_mounts(const char *text)
{
	struct mount_list list;
	char name[32];

	if (mount_list__read(&list, text, 64))
		return;
	for (size_t i = 0; i < list.count; i++) {
		if (list.mount[i].point[0] != '/' || list.count > 64)
			abort();
		if (mounts__volume_name(list.mount[i].root, name, sizeof(name)) && !*name)
			abort();
		mounts__is_below(list.mount[i].point, list.mount[0].root);
	}
	mount_list__free(&list);
}

/* One text is split at 0x01 into as many as memory takes. */
static void read_memory(char *text, struct readings *readings, int64_t owner, bool v2)
{
	const char *part[4] = { NULL };
	struct cgroup_memory_texts texts = { .v2 = v2,
					     .limit_above = UINT64_MAX,
					     .machine_bytes = 1ULL << 34,
					     .machine_swap_bytes = 1ULL << 30 };
	const struct reading *total, *available;

	for (int i = 0; i < 4 && text; i++)
		part[i] = strsep(&text, "\x01");
	texts.usage = part[0];
	texts.stat = part[1];
	texts.limit = part[2];
	texts.swap_usage = texts.swap_limit = part[3];
	cgroup_files__memory(&texts, readings, owner);
	if (readings__of(readings, READING_MEM_AVAILABLE, &available) &&
	    readings__of(readings, READING_MEM_TOTAL, &total) && available->value > total->value)
		abort();
}

static void read_text(int which, char *text, struct readings *readings, int64_t owner)
{
	struct proc_cpu_floor floor = { 0 };
	uint64_t mapped;

	switch (which) {
	case 0:
		proc_files__meminfo(text, readings, owner);
		proc_files__meminfo_bytes(text, "MemTotal");
		break;
	case 1:
		proc_files__loadavg(text, readings, owner);
		proc_files__file_nr(text, readings, owner);
		break;
	case 2:
		proc_files__stat(text, 100, &floor, readings, owner);
		proc_files__stat(text, 1000, &floor, readings, owner);
		free(floor.ticks);
		break;
	case 3:
		proc_files__diskstats(text, wanted, NULL, readings, owner);
		break;
	case 4:
		proc_files__net_dev(text, readings, owner);
		break;
	case 5:
		proc_files__pressure(text, "cpu", readings, owner);
		break;
	case 6:
	case 7:
		read_memory(text, readings, owner, which == 7);
		break;
	case 8:
		cgroup_files__cpu_v2(text, readings, owner);
		cgroup_files__cpu_v1(text, readings, owner);
		cgroup_files__cpuacct(text, readings, owner);
		cgroup_files__pids(text, readings, owner);
		break;
	case 9:
		cgroup_files__io_v2(text, name_device, NULL, readings, owner);
		cgroup_files__io_v1(text, text, name_device, NULL, readings, owner);
		break;
	case 10:
		read_mounts(text);
		break;
	default:
		dm_thin__parse(text, &mapped);
		break;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct model_labels labels = { { "app", "", "instance", "", "" } };
	static struct readings *readings;
	char *text;

	if (!size || (!readings && readings__new(&readings)))
		return 0;
	readings__clear(readings);
	text = malloc(size);
	if (!text)
		return 0;
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	read_text(data[0] % 12, text, readings, readings__owner(readings, &labels));
	free(text);
	return 0;
}
