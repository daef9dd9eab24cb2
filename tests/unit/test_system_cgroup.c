// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "collect/host/cgroup_files.h"
#include "system_seen.h"

Suite *system_cgroup_suite(void);

#define MIB (1ULL << 20)

static struct readings *readings;
static int64_t owner;

static void setup(void)
{
	ck_assert_int_eq(readings__new(&readings), 0);
	owner = seen__owner(readings);
}

static void teardown(void)
{
	readings__free(readings);
}

static void forget(void)
{
	readings__clear(readings);
	owner = seen__owner(readings);
}

static uint64_t value(enum reading_kind kind)
{
	return seen__value(readings, kind, NULL, NULL);
}

static const char stat_v2[] =
	"anon 1048576\nfile 8388608\nkernel 0\nshmem 4096\nfile_dirty 512\n"
	"file_writeback 256\nswapcached 128\ninactive_anon 100\nactive_anon 200\n"
	"inactive_file 2097152\nactive_file 6291456\nslab_reclaimable 1048576\n"
	"slab_unreclaimable 3\nslab 1048579\n";

START_TEST(memory_v2_like_a_machine)
{
	struct cgroup_memory_texts texts = {
		.v2 = true,
		.usage = "16777216\n",
		.stat = stat_v2,
		.limit = "67108864\n",
		.swap_usage = "1048576\n",
		.swap_limit = "max\n",
		.limit_above = UINT64_MAX,
		.machine_bytes = 1024 * MIB,
		.machine_swap_bytes = 100 * MIB,
	};

	cgroup_files__memory(&texts, readings, owner);
	ck_assert_uint_eq(value(READING_MEM_TOTAL), 64 * MIB);
	ck_assert_uint_eq(value(READING_MEM_FREE), 48 * MIB);
	ck_assert_uint_eq(value(READING_MEM_AVAILABLE), 51 * MIB);
	ck_assert_uint_eq(value(READING_MEM_CACHED), 8 * MIB);
	ck_assert_uint_eq(value(READING_MEM_ACTIVE), 6 * MIB + 200);
	ck_assert_uint_eq(value(READING_MEM_INACTIVE), 2 * MIB + 100);
	ck_assert_uint_eq(value(READING_MEM_SLAB), MIB + 3);
	ck_assert_uint_eq(value(READING_MEM_DIRTY), 512);
	ck_assert_uint_eq(value(READING_MEM_WRITEBACK), 256);
	ck_assert_uint_eq(value(READING_MEM_SHMEM), 4096);
	ck_assert_uint_eq(value(READING_MEM_SWAP_CACHED), 128);
	ck_assert_uint_eq(value(READING_MEM_SWAP_TOTAL), 100 * MIB);
	ck_assert_uint_eq(value(READING_MEM_SWAP_FREE), 99 * MIB);
	ck_assert_uint_eq(value(READING_MEM_BUFFERS), SEEN_NONE);
	ck_assert_uint_eq(value(READING_MEM_VMALLOC_TOTAL), SEEN_NONE);

	/* a limit further out, or none at all */
	forget();
	texts.limit_above = 32 * MIB;
	cgroup_files__memory(&texts, readings, owner);
	ck_assert_uint_eq(value(READING_MEM_TOTAL), 32 * MIB);
	forget();
	texts.limit = "max\n";
	texts.limit_above = UINT64_MAX;
	texts.swap_limit = "2097152\n";
	cgroup_files__memory(&texts, readings, owner);
	ck_assert_uint_eq(value(READING_MEM_TOTAL), 1024 * MIB);
	ck_assert_uint_eq(value(READING_MEM_SWAP_FREE), MIB);

	/* a limit below what is used; and what could be reclaimed is no more than that */
	forget();
	texts.limit = "1048576\n";
	cgroup_files__memory(&texts, readings, owner);
	ck_assert_uint_eq(value(READING_MEM_FREE), 0);
	ck_assert_uint_eq(value(READING_MEM_AVAILABLE), MIB);
}
END_TEST

START_TEST(memory_v1_like_a_machine)
{
	struct cgroup_memory_texts texts = {
		.usage = "16777216\n",
		.stat = "cache 1\nshmem 2\nhierarchical_memory_limit 67108864\n"
			"hierarchical_memsw_limit 134217728\ntotal_cache 8388608\ntotal_shmem 4096\n"
			"total_dirty 1\ntotal_writeback 2\ntotal_swap 1048576\n"
			"total_inactive_anon 3\ntotal_active_anon 4\ntotal_inactive_file 2097152\n"
			"total_active_file 5\n",
		.limit_above = UINT64_MAX,
		.machine_bytes = 1024 * MIB,
		.machine_swap_bytes = 1024 * MIB,
	};

	cgroup_files__memory(&texts, readings, owner);
	ck_assert_uint_eq(value(READING_MEM_TOTAL), 64 * MIB);
	ck_assert_uint_eq(value(READING_MEM_FREE), 48 * MIB);
	ck_assert_uint_eq(value(READING_MEM_AVAILABLE), 50 * MIB);
	ck_assert_uint_eq(value(READING_MEM_CACHED), 8 * MIB);
	ck_assert_uint_eq(value(READING_MEM_ACTIVE), 9);
	ck_assert_uint_eq(value(READING_MEM_SWAP_TOTAL), 64 * MIB);
	ck_assert_uint_eq(value(READING_MEM_SWAP_FREE), 63 * MIB);
	ck_assert_uint_eq(value(READING_MEM_SLAB), SEEN_NONE);

	/* no limit is a number that no machine has */
	forget();
	texts.stat = "hierarchical_memory_limit 9223372036854771712\n"
		     "hierarchical_memsw_limit 9223372036854771712\ntotal_swap 1048576\n";
	cgroup_files__memory(&texts, readings, owner);
	ck_assert_uint_eq(value(READING_MEM_TOTAL), 1024 * MIB);
	ck_assert_uint_eq(value(READING_MEM_SWAP_TOTAL), 1024 * MIB);
	ck_assert_uint_eq(value(READING_MEM_AVAILABLE), SEEN_NONE);
}
END_TEST

START_TEST(what_is_missing_is_absent)
{
	struct cgroup_memory_texts texts = { .v2 = true, .stat = stat_v2, .machine_bytes = MIB };

	cgroup_files__memory(&texts, readings, owner);
	texts.usage = "";
	cgroup_files__memory(&texts, readings, owner);
	cgroup_files__cpu_v2(NULL, readings, owner);
	cgroup_files__cpu_v2("user_usec 5\n", readings, owner);
	cgroup_files__cpu_v1("nr_periods 5\nnr_throttled x\nthrottled_time 1\n", readings, owner);
	cgroup_files__cpuacct("0 5 6\n", readings, owner);
	cgroup_files__pids("max\n", readings, owner);
	cgroup_files__io_v2(NULL, NULL, NULL, readings, owner);
	cgroup_files__io_v1(NULL, NULL, NULL, NULL, readings, owner);
	ck_assert_uint_eq(seen__all(readings), 0);
}
END_TEST

START_TEST(cpu_time)
{
	cgroup_files__cpu_v2(
		"usage_usec 12\nuser_usec 7\nsystem_usec 5\nnice_usec 1\nnr_periods 4\n"
		"nr_throttled 3\nthrottled_usec 2\n",
		readings, owner);
	ck_assert_uint_eq(seen__value(readings, READING_CPU, "all", "user"), 7000);
	ck_assert_uint_eq(seen__value(readings, READING_CPU, "all", "system"), 5000);
	ck_assert_uint_eq(seen__count(readings, READING_CPU), 2);
	ck_assert_uint_eq(value(READING_CPU_PERIODS), 4);
	ck_assert_uint_eq(value(READING_CPU_THROTTLED_PERIODS), 3);
	ck_assert_uint_eq(value(READING_CPU_THROTTLED), 2000);
	forget();
	cgroup_files__cpuacct("cpu user system\n0 10 20\n1 30 40\n", readings, owner);
	cgroup_files__cpu_v1("nr_periods 1\nnr_throttled 2\nthrottled_time 3\n", readings, owner);
	ck_assert_uint_eq(seen__value(readings, READING_CPU, "1", "user"), 30);
	ck_assert_uint_eq(seen__value(readings, READING_CPU, "0", "system"), 20);
	ck_assert_uint_eq(value(READING_CPU_THROTTLED), 3);
}
END_TEST

START_TEST(many_cpus_are_shown_as_one)
{
	char *text = NULL;
	size_t size;
	FILE *file = open_memstream(&text, &size);

	fprintf(file, "cpu user system\n");
	for (int cpu = 0; cpu <= CGROUP_CPUS_MAX; cpu++)
		fprintf(file, "%d 2 3\n", cpu);
	fclose(file);
	cgroup_files__cpuacct(text, readings, owner);
	free(text);
	ck_assert_uint_eq(seen__value(readings, READING_CPU, "all", "user"),
			  2 * (CGROUP_CPUS_MAX + 1));
	ck_assert_uint_eq(seen__count(readings, READING_CPU), 2);
}
END_TEST

static const char *name(void *ctx, unsigned int major, unsigned int minor)
{
	(void)ctx;
	return major == 254 && minor == 0 ? "vda" : NULL;
}

START_TEST(disks)
{
	cgroup_files__io_v2("254:0 rbytes=1024 wbytes=4096 rios=3 wios=4 dbytes=5 dios=6\n"
			    "7:0 rbytes=1 wbytes=2 rios=3 wios=4\n254:0\n",
			    name, NULL, readings, owner);
	ck_assert_uint_eq(seen__value(readings, READING_DISK_SECTORS_READ, "vda", NULL), 2);
	ck_assert_uint_eq(seen__value(readings, READING_DISK_SECTORS_WRITTEN, "vda", NULL), 8);
	ck_assert_uint_eq(seen__value(readings, READING_DISK_READS, "vda", NULL), 3);
	ck_assert_uint_eq(seen__value(readings, READING_DISK_WRITES, "vda", NULL), 4);
	ck_assert_uint_eq(seen__all(readings), 4);
	forget();
	cgroup_files__io_v1("254:0 Read 1024\n254:0 Write 4096\n254:0 Sync 1\n254:0 Total 5120\n"
			    "7:0 Read 1\nTotal 5120\n",
			    "254:0 Read 3\n254:0 Write 4\nTotal 7\n", name, NULL, readings, owner);
	ck_assert_uint_eq(seen__value(readings, READING_DISK_SECTORS_READ, "vda", NULL), 2);
	ck_assert_uint_eq(seen__value(readings, READING_DISK_SECTORS_WRITTEN, "vda", NULL), 8);
	ck_assert_uint_eq(seen__value(readings, READING_DISK_READS, "vda", NULL), 3);
	ck_assert_uint_eq(seen__value(readings, READING_DISK_WRITES, "vda", NULL), 4);
	ck_assert_uint_eq(seen__all(readings), 4);
}
END_TEST

Suite *system_cgroup_suite(void)
{
	Suite *suite = suite_create("system_cgroup");
	TCase *tc = tcase_create("texts");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, memory_v2_like_a_machine);
	tcase_add_test(tc, memory_v1_like_a_machine);
	tcase_add_test(tc, what_is_missing_is_absent);
	tcase_add_test(tc, cpu_time);
	tcase_add_test(tc, many_cpus_are_shown_as_one);
	tcase_add_test(tc, disks);
	suite_add_tcase(suite, tc);
	return suite;
}
