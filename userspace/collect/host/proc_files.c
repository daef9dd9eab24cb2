// SPDX-License-Identifier: Apache-2.0
#include "collect/host/proc_files.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "collect/host/scan.h"

#define NS_PER_S 1000000000ULL
#define NS_PER_MS 1000000ULL
#define NS_PER_US 1000ULL

/* CPU numbers beyond are not believed. */
#define CPUS_MAX 65536
#define FALL_SECONDS 3

static const struct {
	const char *name;
	enum reading_kind kind;
} meminfo_fields[] = {
	{ "MemTotal", READING_MEM_TOTAL },
	{ "MemFree", READING_MEM_FREE },
	{ "MemAvailable", READING_MEM_AVAILABLE },
	{ "Buffers", READING_MEM_BUFFERS },
	{ "Cached", READING_MEM_CACHED },
	{ "SwapCached", READING_MEM_SWAP_CACHED },
	{ "Active", READING_MEM_ACTIVE },
	{ "Inactive", READING_MEM_INACTIVE },
	{ "SwapTotal", READING_MEM_SWAP_TOTAL },
	{ "SwapFree", READING_MEM_SWAP_FREE },
	{ "Dirty", READING_MEM_DIRTY },
	{ "Writeback", READING_MEM_WRITEBACK },
	{ "Slab", READING_MEM_SLAB },
	{ "Shmem", READING_MEM_SHMEM },
	{ "VmallocTotal", READING_MEM_VMALLOC_TOTAL },
	{ "VmallocUsed", READING_MEM_VMALLOC_USED },
	{ "VmallocChunk", READING_MEM_VMALLOC_CHUNK },
};

#define MEMINFO_FIELDS (sizeof(meminfo_fields) / sizeof(meminfo_fields[0]))

/* "Name:   123 kB" */
static bool meminfo_line(const char *line, char *name, size_t size, uint64_t *ret_bytes)
{
	uint64_t kb;

	if (!scan__word(&line, ":", name, size) || !scan__skip(&line, ":") ||
	    !scan__number(&line, &kb) || !scan__skip(&line, " kB"))
		return false;
	*ret_bytes = scan__scaled(kb, 1024, 1);
	return true;
}

void proc_files__meminfo(const char *text, struct readings *readings, int64_t owner)
{
	bool seen[MEMINFO_FIELDS] = { false };
	uint64_t bytes;
	char name[32];

	for (; *text; text = scan__next_line(text)) {
		if (!meminfo_line(text, name, sizeof(name), &bytes))
			continue;
		for (size_t i = 0; i < MEMINFO_FIELDS; i++) {
			if (seen[i] || strcmp(name, meminfo_fields[i].name) != 0)
				continue;
			seen[i] = true;
			readings__add(readings, owner, meminfo_fields[i].kind, bytes, NULL, NULL,
				      NULL);
		}
	}
}

uint64_t proc_files__meminfo_bytes(const char *text, const char *field)
{
	uint64_t bytes;
	char name[32];

	for (; *text; text = scan__next_line(text))
		if (meminfo_line(text, name, sizeof(name), &bytes) && strcmp(name, field) == 0)
			return bytes;
	return 0;
}

void proc_files__loadavg(const char *text, struct readings *readings, int64_t owner)
{
	static const char *const minutes[] = { "1", "5", "15" };

	for (int i = 0; i < 3; i++) {
		uint64_t whole, hundredths;

		/* always two digits behind the point (fs/proc/loadavg.c) */
		if (!scan__number(&text, &whole) || !scan__skip(&text, ".") || text[0] < '0' ||
		    text[0] > '9' || text[1] < '0' || text[1] > '9')
			return;
		hundredths = (uint64_t)(text[0] - '0') * 10 + (uint64_t)(text[1] - '0');
		text += 2;
		if (*text != ' ' || whole > UINT64_MAX / 100 - 1)
			return;
		readings__add(readings, owner, READING_LOAD, whole * 100 + hundredths, minutes[i],
			      NULL, NULL);
	}
}

/* Room for this CPU's floor; NULL without memory. */
static uint64_t *floor__of(struct proc_cpu_floor *floor, uint64_t cpu)
{
	size_t count = floor->count ? floor->count : 8;
	uint64_t(*ticks)[PROC_CPU_MODES];

	if (cpu >= floor->count) {
		while (count <= cpu)
			count *= 2;
		ticks = realloc(floor->ticks, count * sizeof(*ticks));
		if (!ticks)
			return NULL;
		memset(ticks + floor->count, 0, (count - floor->count) * sizeof(*ticks));
		floor->ticks = ticks;
		floor->count = count;
	}
	return floor->ticks[cpu];
}

void proc_files__stat(const char *text, uint64_t ticks_per_second, struct proc_cpu_floor *floor,
		      struct readings *readings, int64_t owner)
{
	static const char *const modes[PROC_CPU_MODES] = {
		"user", "nice",	   "system", "idle",  "iowait",
		"irq",	"softirq", "steal",  "guest", "guest_nice",
	};

	for (; *text; text = scan__next_line(text)) {
		const char *at = text;
		uint64_t cpu, ticks, *low;
		char name[24];

		/* "cpu " is their sum */
		if (!scan__skip(&at, "cpu") || *at < '0' || *at > '9' || !scan__number(&at, &cpu) ||
		    cpu >= CPUS_MAX)
			continue;
		low = floor__of(floor, cpu);
		snprintf(name, sizeof(name), "%llu", (unsigned long long)cpu);
		for (int mode = 0; mode < PROC_CPU_MODES && scan__number(&at, &ticks); mode++) {
			if (low && ticks < low[mode] &&
			    low[mode] - ticks < FALL_SECONDS * ticks_per_second)
				ticks = low[mode];
			if (low)
				low[mode] = ticks;
			readings__add(readings, owner, READING_CPU,
				      scan__scaled(ticks, NS_PER_S, ticks_per_second), name,
				      modes[mode], NULL);
		}
	}
}

void proc_files__diskstats(const char *text,
			   bool (*wanted)(void *ctx, unsigned int major, unsigned int minor,
					  const char *name),
			   void *ctx, struct readings *readings, int64_t owner)
{
	static const struct {
		enum reading_kind kind;
		uint64_t unit;
	} fields[] = {
		{ READING_DISK_READS, 1 },
		{ READING_DISK_READS_MERGED, 1 },
		{ READING_DISK_SECTORS_READ, 1 },
		{ READING_DISK_TIME_READING, NS_PER_MS },
		{ READING_DISK_WRITES, 1 },
		{ READING_DISK_WRITES_MERGED, 1 },
		{ READING_DISK_SECTORS_WRITTEN, 1 },
		{ READING_DISK_TIME_WRITING, NS_PER_MS },
		{ READING_DISK_IO_IN_PROGRESS, 1 },
		{ READING_DISK_TIME_IO, NS_PER_MS },
		{ READING_DISK_TIME_IO_WEIGHTED, NS_PER_MS },
	};

	for (; *text; text = scan__next_line(text)) {
		const char *at = text;
		char name[DEVICE_NAME_BYTES];
		uint64_t major, minor, value;

		if (!scan__number(&at, &major) || !scan__number(&at, &minor) ||
		    !scan__word(&at, "", name, sizeof(name)) || major > UINT32_MAX ||
		    minor > UINT32_MAX ||
		    !wanted(ctx, (unsigned int)major, (unsigned int)minor, name))
			continue;
		for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++) {
			if (!scan__number(&at, &value))
				break;
			readings__add(readings, owner, fields[i].kind,
				      scan__scaled(value, fields[i].unit, 1), name, NULL, NULL);
		}
	}
}

void proc_files__net_dev(const char *text, struct readings *readings, int64_t owner)
{
	enum { FIELDS = READING_NET_SENT_COMPRESSED - READING_NET_RECV_BYTES + 1 };

	/* the columns (net/core/net-procfs.c) are in the order of the kinds */
	_Static_assert(FIELDS == 16 && READING_NET_SENT_BYTES == READING_NET_RECV_BYTES + 8,
		       "order of the kinds");
	for (; *text; text = scan__next_line(text)) {
		const char *at = text;
		char name[DEVICE_NAME_BYTES];
		uint64_t value[FIELDS];
		int n = 0;

		/* the two lines of headings have bars */
		if (!scan__word(&at, ":|", name, sizeof(name)) || !scan__skip(&at, ":"))
			continue;
		while (n < FIELDS && scan__number(&at, &value[n]))
			n++;
		for (int i = 0; n == FIELDS && i < FIELDS; i++)
			readings__add(readings, owner,
				      (enum reading_kind)(READING_NET_RECV_BYTES + i), value[i],
				      name, NULL, NULL);
	}
}

void proc_files__file_nr(const char *text, struct readings *readings, int64_t owner)
{
	uint64_t allocated, unused, maximum;

	if (!scan__number(&text, &allocated) || !scan__number(&text, &unused) ||
	    !scan__number(&text, &maximum))
		return;
	readings__add(readings, owner, READING_FILEFD_ALLOCATED, allocated, NULL, NULL, NULL);
	readings__add(readings, owner, READING_FILEFD_MAXIMUM, maximum, NULL, NULL, NULL);
}

void proc_files__pressure(const char *text, const char *resource, struct readings *readings,
			  int64_t owner)
{
	bool seen[2] = { false };

	for (; *text; text = scan__next_line(text)) {
		const char *at = text, *total;
		uint64_t us;
		char kind[8];
		int which;

		/* some avg10=0.00 avg60=0.00 avg300=0.00 total=0 */
		if (!scan__word(&at, "", kind, sizeof(kind)))
			continue;
		which = strcmp(kind, "full") == 0;
		if ((!which && strcmp(kind, "some") != 0) || seen[which])
			continue;
		total = strstr(at, " total=");
		if (!total || total >= scan__next_line(text))
			continue;
		total += strlen(" total=");
		if (!scan__number(&total, &us))
			continue;
		seen[which] = true;
		readings__add(readings, owner, READING_PRESSURE, scan__scaled(us, NS_PER_US, 1),
			      resource, kind, NULL);
	}
}
