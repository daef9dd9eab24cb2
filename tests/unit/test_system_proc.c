// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "collect/host/proc_files.h"
#include "collect/host/scan.h"
#include "system_seen.h"

Suite *system_proc_suite(void);

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

START_TEST(numbers_are_strict)
{
	const char *at = "  12x";
	uint64_t number = 7;

	ck_assert(scan__number(&at, &number));
	ck_assert_uint_eq(number, 12);
	ck_assert_str_eq(at, "x");
	ck_assert(!scan__number(&at, &number));
	at = "18446744073709551615";
	ck_assert(scan__number(&at, &number));
	ck_assert_uint_eq(number, UINT64_MAX);
	at = "18446744073709551616";
	ck_assert(!scan__number(&at, &number));
	ck_assert_uint_eq(number, UINT64_MAX);
	at = "-1";
	ck_assert(!scan__number(&at, &number));
	ck_assert_uint_eq(scan__scaled(UINT64_MAX, 2, 1), UINT64_MAX);
	ck_assert_uint_eq(scan__scaled(UINT64_MAX, 100, 100), UINT64_MAX);
}
END_TEST

START_TEST(meminfo)
{
	static const char text[] =
		"MemTotal:       24684096 kB\nMemFree:        22708588 kB\n"
		"Active:           794052 kB\nActive(anon):       1680 kB\n"
		"MemFree:               1 kB\nHugePages_Total:       0\n"
		"Slab:              12\nShmem: x kB\n"
		"Dirty: 99999999999999999999 kB\nVmallocTotal:   34359738367 kB\n";

	proc_files__meminfo(text, readings, owner);
	ck_assert_uint_eq(seen__value(readings, READING_MEM_TOTAL, NULL, NULL), 24684096ULL << 10);
	ck_assert_uint_eq(seen__value(readings, READING_MEM_FREE, NULL, NULL), 22708588ULL << 10);
	ck_assert_uint_eq(seen__value(readings, READING_MEM_ACTIVE, NULL, NULL), 794052ULL << 10);
	ck_assert_uint_eq(seen__value(readings, READING_MEM_VMALLOC_TOTAL, NULL, NULL),
			  34359738367ULL << 10);
	ck_assert_uint_eq(seen__all(readings), 4);
	ck_assert_uint_eq(proc_files__meminfo_bytes(text, "MemTotal"), 24684096ULL << 10);
	ck_assert_uint_eq(proc_files__meminfo_bytes(text, "Nothing"), 0);
}
END_TEST

START_TEST(loadavg)
{
	proc_files__loadavg("0.52 10.00 123.09 2/317 12345\n", readings, owner);
	ck_assert_uint_eq(seen__value(readings, READING_LOAD, "1", NULL), 52);
	ck_assert_uint_eq(seen__value(readings, READING_LOAD, "5", NULL), 1000);
	ck_assert_uint_eq(seen__value(readings, READING_LOAD, "15", NULL), 12309);
	readings__clear(readings);
	proc_files__loadavg("0.5 1.00 2.00 1/1 1\n", readings, seen__owner(readings));
	ck_assert_uint_eq(seen__all(readings), 0);
}
END_TEST

START_TEST(cpu_times_do_not_go_back)
{
	struct proc_cpu_floor floor = { 0 };

	proc_files__stat("cpu  9 9 9 9\ncpu0 100 1 2 3000 400 5 6 7 8 9\ncpu17 1 2 3\nintr 5\n",
			 100, &floor, readings, owner);
	ck_assert_uint_eq(seen__value(readings, READING_CPU, "0", "user"), 1000000000);
	ck_assert_uint_eq(seen__value(readings, READING_CPU, "0", "guest_nice"), 90000000);
	ck_assert_uint_eq(seen__value(readings, READING_CPU, "17", "system"), 30000000);
	ck_assert_uint_eq(seen__value(readings, READING_CPU, "17", "idle"), SEEN_NONE);
	ck_assert_uint_eq(seen__count(readings, READING_CPU), 13);
	/* a little back: it stays; far back: the CPU was away */
	readings__clear(readings);
	proc_files__stat("cpu0 100 1 2 100 399 5 6 7 8 9\n", 100, &floor, readings,
			 seen__owner(readings));
	ck_assert_uint_eq(seen__value(readings, READING_CPU, "0", "iowait"), 4000000000);
	ck_assert_uint_eq(seen__value(readings, READING_CPU, "0", "idle"), 1000000000);
	readings__clear(readings);
	proc_files__stat("cpu99999999999 1 2 3 4\ncpufreq 1\ncpu0", 100, &floor, readings,
			 seen__owner(readings));
	ck_assert_uint_eq(seen__all(readings), 0);
	free(floor.ticks);
}
END_TEST

static bool not_sdb(void *ctx, unsigned int major, unsigned int minor, const char *name)
{
	(void)ctx;
	ck_assert_uint_eq(major, 8);
	ck_assert_uint_eq(minor, (unsigned int)(name[2] - 'a') * 16);
	return strcmp(name, "sdb") != 0;
}

START_TEST(diskstats)
{
	proc_files__diskstats("   8       0 sda 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17\n"
			      "   8      16 sdb 1 2 3 4 5 6 7 8 9 10 11\n"
			      "   8      32 sdc 1 2 3\n   8 x sdd 1\n",
			      not_sdb, NULL, readings, owner);
	ck_assert_uint_eq(seen__value(readings, READING_DISK_READS, "sda", NULL), 1);
	ck_assert_uint_eq(seen__value(readings, READING_DISK_SECTORS_READ, "sda", NULL), 3);
	ck_assert_uint_eq(seen__value(readings, READING_DISK_TIME_READING, "sda", NULL), 4000000);
	ck_assert_uint_eq(seen__value(readings, READING_DISK_IO_IN_PROGRESS, "sda", NULL), 9);
	ck_assert_uint_eq(seen__value(readings, READING_DISK_TIME_IO_WEIGHTED, "sda", NULL),
			  11000000);
	ck_assert_uint_eq(seen__value(readings, READING_DISK_READS, "sdb", NULL), SEEN_NONE);
	ck_assert_uint_eq(seen__value(readings, READING_DISK_READS, "sdc", NULL), 1);
	ck_assert_uint_eq(seen__all(readings), 14);
}
END_TEST

START_TEST(net_dev)
{
	proc_files__net_dev(
		"Inter-|   Receive      |  Transmit\n face |bytes packets|bytes\n"
		"    lo: 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16\n"
		"eth0:100       0    0    0    0     0          0         0 3205033   4 0 0 0 0 0 0\n"
		"eth1: 1 2 3\n",
		readings, owner);
	ck_assert_uint_eq(seen__value(readings, READING_NET_RECV_BYTES, "lo", NULL), 1);
	ck_assert_uint_eq(seen__value(readings, READING_NET_RECV_MULTICAST, "lo", NULL), 8);
	ck_assert_uint_eq(seen__value(readings, READING_NET_SENT_BYTES, "lo", NULL), 9);
	ck_assert_uint_eq(seen__value(readings, READING_NET_SENT_COLLS, "lo", NULL), 14);
	ck_assert_uint_eq(seen__value(readings, READING_NET_SENT_COMPRESSED, "lo", NULL), 16);
	ck_assert_uint_eq(seen__value(readings, READING_NET_RECV_BYTES, "eth0", NULL), 100);
	ck_assert_uint_eq(seen__value(readings, READING_NET_SENT_BYTES, "eth0", NULL), 3205033);
	ck_assert_uint_eq(seen__all(readings), 32);
}
END_TEST

START_TEST(pressure_and_descriptors)
{
	proc_files__pressure("some avg10=12.81 avg60=29.38 avg300=10.17 total=3201653810\n"
			     "full avg10=0.00 avg60=0.00 avg300=0.00 total=7\nsome total=1\n",
			     "cpu", readings, owner);
	ck_assert_uint_eq(seen__value(readings, READING_PRESSURE, "cpu", "some"), 3201653810000);
	ck_assert_uint_eq(seen__value(readings, READING_PRESSURE, "cpu", "full"), 7000);
	proc_files__pressure("some avg10=0.00\nfull total=1\n", "io", readings, owner);
	ck_assert_uint_eq(seen__value(readings, READING_PRESSURE, "io", "some"), SEEN_NONE);
	ck_assert_uint_eq(seen__value(readings, READING_PRESSURE, "io", "full"), 1000);
	proc_files__file_nr("1589\t0\t9223372036854775807\n", readings, owner);
	ck_assert_uint_eq(seen__value(readings, READING_FILEFD_ALLOCATED, NULL, NULL), 1589);
	ck_assert_uint_eq(seen__value(readings, READING_FILEFD_MAXIMUM, NULL, NULL), INT64_MAX);
}
END_TEST

Suite *system_proc_suite(void)
{
	Suite *suite = suite_create("system_proc");
	TCase *tc = tcase_create("texts");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, numbers_are_strict);
	tcase_add_test(tc, meminfo);
	tcase_add_test(tc, loadavg);
	tcase_add_test(tc, cpu_times_do_not_go_back);
	tcase_add_test(tc, diskstats);
	tcase_add_test(tc, net_dev);
	tcase_add_test(tc, pressure_and_descriptors);
	suite_add_tcase(suite, tc);
	return suite;
}
