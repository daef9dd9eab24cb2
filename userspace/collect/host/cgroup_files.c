// SPDX-License-Identifier: Apache-2.0
#include "collect/host/cgroup_files.h"

#include <stdio.h>
#include <string.h>

#include "collect/host/scan.h"

#define NS_PER_US 1000ULL
#define SECTOR_BYTES 512

static void add(struct readings *readings, int64_t owner, enum reading_kind kind, uint64_t value)
{
	readings__add(readings, owner, kind, value, NULL, NULL, NULL);
}

/* A list of "name number" lines, of which some are looked for; false for the others. */
struct named_number {
	const char *name; /* NULL: nobody says so in this version */
	uint64_t value;
	bool is_known;
};

static void read_names(const char *text, struct named_number *numbers, int count)
{
	for (; text && *text; text = scan__next_line(text)) {
		const char *at = text;
		char name[40];

		if (!scan__word(&at, "", name, sizeof(name)))
			continue;
		for (int i = 0; i < count; i++) {
			/* most differ in their first letters: what is read for each scrape is long */
			if (!numbers[i].name || name[0] != numbers[i].name[0] ||
			    numbers[i].is_known || strcmp(name, numbers[i].name) != 0)
				continue;
			numbers[i].is_known = scan__number(&at, &numbers[i].value);
		}
	}
}

static uint64_t sum(uint64_t a, uint64_t b)
{
	uint64_t both;

	return __builtin_add_overflow(a, b, &both) ? UINT64_MAX : both;
}

static uint64_t least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static uint64_t less(uint64_t from, uint64_t what)
{
	return from > what ? from - what : 0;
}

uint64_t cgroup_files__limit(const char *text)
{
	uint64_t limit;

	return text && scan__number(&text, &limit) ? limit : UINT64_MAX;
}

enum stat {
	STAT_FILE,
	STAT_ACTIVE_ANON,
	STAT_ACTIVE_FILE,
	STAT_INACTIVE_ANON,
	STAT_INACTIVE_FILE,
	STAT_DIRTY,
	STAT_WRITEBACK,
	STAT_SHMEM,
	STAT_SLAB,
	STAT_SLAB_RECLAIMABLE,
	STAT_SWAP_CACHED,
	STAT_SWAP,
	STAT_LIMIT,
	STAT_SWAP_LIMIT, /* of memory and swap together */
	STATS
};

/* In v1 a cgroup's own pages and those below it are told apart. */
static const char *const stat_names[2][STATS] = {
	{ "total_cache", "total_active_anon", "total_active_file", "total_inactive_anon",
	  "total_inactive_file", "total_dirty", "total_writeback", "total_shmem", NULL, NULL,
	  "total_swapcached", "total_swap", "hierarchical_memory_limit",
	  "hierarchical_memsw_limit" },
	{ "file", "active_anon", "active_file", "inactive_anon", "inactive_file", "file_dirty",
	  "file_writeback", "shmem", "slab", "slab_reclaimable", "swapcached", NULL, NULL, NULL },
};

static void add_stat(const struct named_number *stat, struct readings *readings, int64_t owner)
{
	static const struct {
		enum reading_kind kind;
		enum stat one, other; /* the same: it alone */
	} kinds[] = {
		{ READING_MEM_CACHED, STAT_FILE, STAT_FILE },
		{ READING_MEM_SWAP_CACHED, STAT_SWAP_CACHED, STAT_SWAP_CACHED },
		{ READING_MEM_ACTIVE, STAT_ACTIVE_ANON, STAT_ACTIVE_FILE },
		{ READING_MEM_INACTIVE, STAT_INACTIVE_ANON, STAT_INACTIVE_FILE },
		{ READING_MEM_DIRTY, STAT_DIRTY, STAT_DIRTY },
		{ READING_MEM_WRITEBACK, STAT_WRITEBACK, STAT_WRITEBACK },
		{ READING_MEM_SLAB, STAT_SLAB, STAT_SLAB },
		{ READING_MEM_SHMEM, STAT_SHMEM, STAT_SHMEM },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		const struct named_number *one = &stat[kinds[i].one];
		const struct named_number *other = &stat[kinds[i].other];

		if (one->is_known && other->is_known)
			add(readings, owner, kinds[i].kind,
			    one == other ? one->value : sum(one->value, other->value));
	}
}

/*
 * v1 limits swap only together with memory. What a VM would have as swap is the
 * difference, or all of the machine's.
 */
static void add_swap(const struct cgroup_memory_texts *texts, const struct named_number *stat,
		     uint64_t limit, struct readings *readings, int64_t owner)
{
	uint64_t total = texts->machine_swap_bytes, used;
	const char *at = texts->swap_usage;

	if (texts->v2) {
		if (!at || !scan__number(&at, &used))
			return;
		total = least(total, cgroup_files__limit(texts->swap_limit));
	} else {
		if (!stat[STAT_SWAP].is_known || !stat[STAT_SWAP_LIMIT].is_known)
			return;
		used = stat[STAT_SWAP].value;
		/* none is written as the largest multiple of a page */
		if (stat[STAT_SWAP_LIMIT].value < INT64_MAX - 65536)
			total = least(total, less(stat[STAT_SWAP_LIMIT].value, limit));
	}
	add(readings, owner, READING_MEM_SWAP_TOTAL, total);
	add(readings, owner, READING_MEM_SWAP_FREE, less(total, used));
}

void cgroup_files__memory(const struct cgroup_memory_texts *texts, struct readings *readings,
			  int64_t owner)
{
	uint64_t usage, limit = least(texts->limit_above, texts->machine_bytes);
	struct named_number stat[STATS];
	const char *at = texts->usage;

	if (!at || !scan__number(&at, &usage))
		return;
	for (int i = 0; i < STATS; i++)
		stat[i] = (struct named_number){ .name = stat_names[texts->v2][i] };
	read_names(texts->stat, stat, STATS);
	if (texts->v2)
		limit = least(limit, cgroup_files__limit(texts->limit));
	else if (stat[STAT_LIMIT].is_known)
		limit = least(limit, stat[STAT_LIMIT].value);
	add(readings, owner, READING_MEM_TOTAL, limit);
	add(readings, owner, READING_MEM_FREE, less(limit, usage));
	if (stat[STAT_INACTIVE_FILE].is_known) {
		uint64_t reclaimable =
			sum(stat[STAT_INACTIVE_FILE].value, stat[STAT_SLAB_RECLAIMABLE].value);

		/* what is reclaimed cannot be more than what is used */
		add(readings, owner, READING_MEM_AVAILABLE,
		    sum(less(limit, usage), least(reclaimable, least(usage, limit))));
	}
	add_stat(stat, readings, owner);
	add_swap(texts, stat, limit, readings, owner);
}

static void add_throttling(const struct named_number *periods, const struct named_number *throttled,
			   const struct named_number *time, uint64_t unit_ns,
			   struct readings *readings, int64_t owner)
{
	if (!periods->is_known || !throttled->is_known || !time->is_known)
		return;
	add(readings, owner, READING_CPU_PERIODS, periods->value);
	add(readings, owner, READING_CPU_THROTTLED_PERIODS, throttled->value);
	add(readings, owner, READING_CPU_THROTTLED, scan__scaled(time->value, unit_ns, 1));
}

static void add_cpu(const char *cpu, uint64_t user_ns, uint64_t system_ns,
		    struct readings *readings, int64_t owner)
{
	readings__add(readings, owner, READING_CPU, user_ns, cpu, "user", NULL);
	readings__add(readings, owner, READING_CPU, system_ns, cpu, "system", NULL);
}

void cgroup_files__cpu_v2(const char *stat, struct readings *readings, int64_t owner)
{
	enum { USER, SYSTEM, PERIODS, THROTTLED, THROTTLED_TIME, NUMBERS };
	struct named_number number[NUMBERS] = {
		[USER] = { .name = "user_usec" },
		[SYSTEM] = { .name = "system_usec" },
		[PERIODS] = { .name = "nr_periods" },
		[THROTTLED] = { .name = "nr_throttled" },
		[THROTTLED_TIME] = { .name = "throttled_usec" },
	};

	read_names(stat, number, NUMBERS);
	if (number[USER].is_known && number[SYSTEM].is_known)
		add_cpu(CGROUP_CPU_ALL, scan__scaled(number[USER].value, NS_PER_US, 1),
			scan__scaled(number[SYSTEM].value, NS_PER_US, 1), readings, owner);
	add_throttling(&number[PERIODS], &number[THROTTLED], &number[THROTTLED_TIME], NS_PER_US,
		       readings, owner);
}

void cgroup_files__cpu_v1(const char *stat, struct readings *readings, int64_t owner)
{
	enum { PERIODS, THROTTLED, THROTTLED_TIME, NUMBERS };
	struct named_number number[NUMBERS] = {
		[PERIODS] = { .name = "nr_periods" },
		[THROTTLED] = { .name = "nr_throttled" },
		[THROTTLED_TIME] = { .name = "throttled_time" },
	};

	read_names(stat, number, NUMBERS);
	add_throttling(&number[PERIODS], &number[THROTTLED], &number[THROTTLED_TIME], 1, readings,
		       owner);
}

/* "cpu user system", then a line for each possible CPU, in ns. */
void cgroup_files__cpuacct(const char *usage_all, struct readings *readings, int64_t owner)
{
	uint64_t cpu, user, system, user_sum = 0, system_sum = 0;
	int count = 0;

	if (!usage_all || !scan__skip(&usage_all, "cpu user system\n"))
		return;
	for (const char *at = usage_all; *at; at = scan__next_line(at))
		count++;
	for (; *usage_all; usage_all = scan__next_line(usage_all)) {
		const char *at = usage_all;
		char name[24];

		if (!scan__number(&at, &cpu) || !scan__number(&at, &user) ||
		    !scan__number(&at, &system))
			continue;
		user_sum = sum(user_sum, user);
		system_sum = sum(system_sum, system);
		if (count > CGROUP_CPUS_MAX)
			continue;
		snprintf(name, sizeof(name), "%llu", (unsigned long long)cpu);
		add_cpu(name, user, system, readings, owner);
	}
	if (count > CGROUP_CPUS_MAX)
		add_cpu(CGROUP_CPU_ALL, user_sum, system_sum, readings, owner);
}

void cgroup_files__pids(const char *text, struct readings *readings, int64_t owner)
{
	uint64_t count;

	if (text && scan__number(&text, &count))
		add(readings, owner, READING_PROCESSES, count);
}

/* "MAJOR:MINOR" at the start of a line; the name of a device that is shown, or NULL. */
static const char *scan_device(const char **at, cgroup_device_name *name, void *ctx)
{
	uint64_t major, minor;

	if (!scan__number(at, &major) || !scan__skip(at, ":") || !scan__number(at, &minor) ||
	    major > UINT32_MAX || minor > UINT32_MAX)
		return NULL;
	return name(ctx, (unsigned int)major, (unsigned int)minor);
}

void cgroup_files__io_v2(const char *stat, cgroup_device_name *name, void *ctx,
			 struct readings *readings, int64_t owner)
{
	static const struct {
		const char *key;
		enum reading_kind kind;
		uint64_t divisor;
	} keys[] = {
		{ "rbytes", READING_DISK_SECTORS_READ, SECTOR_BYTES },
		{ "wbytes", READING_DISK_SECTORS_WRITTEN, SECTOR_BYTES },
		{ "rios", READING_DISK_READS, 1 },
		{ "wios", READING_DISK_WRITES, 1 },
	};

	for (; stat && *stat; stat = scan__next_line(stat)) {
		const char *at = stat, *device = scan_device(&at, name, ctx);
		char key[16];
		uint64_t value;

		/* 254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6 */
		while (device && scan__word(&at, "=", key, sizeof(key)) && scan__skip(&at, "=") &&
		       scan__number(&at, &value))
			for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
				if (strcmp(key, keys[i].key) == 0)
					readings__add(readings, owner, keys[i].kind,
						      value / keys[i].divisor, device, NULL, NULL);
	}
}

static void add_io_v1(const char *text, const enum reading_kind kinds[2], uint64_t divisor,
		      cgroup_device_name *name, void *ctx, struct readings *readings, int64_t owner)
{
	for (; text && *text; text = scan__next_line(text)) {
		const char *at = text, *device = scan_device(&at, name, ctx);
		char operation[16];
		uint64_t value;

		/* 254:0 Read 4096; "Total 4096" at the end */
		if (!device || !scan__word(&at, "", operation, sizeof(operation)) ||
		    !scan__number(&at, &value))
			continue;
		if (strcmp(operation, "Read") == 0 || strcmp(operation, "Write") == 0)
			readings__add(readings, owner, kinds[*operation == 'W'], value / divisor,
				      device, NULL, NULL);
	}
}

void cgroup_files__io_v1(const char *bytes, const char *operations, cgroup_device_name *name,
			 void *ctx, struct readings *readings, int64_t owner)
{
	static const enum reading_kind sectors[] = { READING_DISK_SECTORS_READ,
						     READING_DISK_SECTORS_WRITTEN };
	static const enum reading_kind completed[] = { READING_DISK_READS, READING_DISK_WRITES };

	add_io_v1(bytes, sectors, SECTOR_BYTES, name, ctx, readings, owner);
	add_io_v1(operations, completed, 1, name, ctx, readings, owner);
}
