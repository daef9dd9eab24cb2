// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/memory_limit.h"

Suite *memory_limit_suite(void);

#define MIB (1ULL << 20)
#define GIB (1ULL << 30)

static char root[] = "/tmp/edgetap-limit-XXXXXX";

/* Files below root, as a container or a host would show them; a limit with "" has no file. */
static void make(const char *cgroup, const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "mkdir -p %s%s", root, cgroup);
	ck_assert_int_eq(system(path), 0);
	snprintf(path, sizeof(path), "%s%s/%s", root, cgroup, file);
	if (*text) {
		FILE *out = fopen(path, "w");

		ck_assert_ptr_nonnull(out);
		fprintf(out, "%s\n", text);
		fclose(out);
	}
}

static void setup(void)
{
	strcpy(root + strlen(root) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(root));
}

static void teardown(void)
{
	char command[64];

	snprintf(command, sizeof(command), "rm -r %s", root);
	ck_assert_int_eq(system(command), 0);
}

static uint64_t limit_of(const char *mounted, const char *type, const char *cgroups)
{
	char mountinfo[512];

	snprintf(mountinfo, sizeof(mountinfo), "30 23 0:26 %s %s rw - %s x rw%s\n", mounted, root,
		 type, strcmp(type, "cgroup") == 0 ? ",memory" : "");
	return memory_limit__of(mountinfo, cgroups);
}

START_TEST(the_least_of_all_levels)
{
	make("/kubepods/pod1/me", "memory.max", "max");
	make("/kubepods/pod1", "memory.max", "268435456");
	make("/kubepods", "memory.max", "8589934592");
	ck_assert_uint_eq(limit_of("/", "cgroup2", "0::/kubepods/pod1/me\n"), 256 * MIB);
	make("/kubepods/pod1/me", "memory.max", "134217728");
	ck_assert_uint_eq(limit_of("/", "cgroup2", "0::/kubepods/pod1/me\n"), 128 * MIB);
	ck_assert_uint_eq(limit_of("/", "cgroup2", "0::/kubepods\n"), 8 * GIB);
	ck_assert_uint_eq(limit_of("/", "cgroup2", "0::/\n"), UINT64_MAX);
	ck_assert_uint_eq(limit_of("/", "cgroup2", "0::/elsewhere\n"), UINT64_MAX);
}
END_TEST

START_TEST(version_1)
{
	const char *cgroups = "4:memory:/docker/me\n1:cpu:/\n0::/docker/me\n";

	make("/docker/me", "memory.limit_in_bytes", "9223372036854771712");
	ck_assert_uint_eq(limit_of("/", "cgroup", cgroups), UINT64_MAX);
	make("/docker/me", "memory.limit_in_bytes", "134217728");
	make("/docker", "memory.limit_in_bytes", "9223372036854771712");
	ck_assert_uint_eq(limit_of("/", "cgroup", cgroups), 128 * MIB);
}
END_TEST

/* A container that sees its own part of the hierarchy only. */
START_TEST(mounted_in_part)
{
	make("", "memory.max", "134217728");
	ck_assert_uint_eq(limit_of("/", "cgroup2", "0::/\n"), 128 * MIB);
	make("", "memory.limit_in_bytes", "67108864");
	ck_assert_uint_eq(limit_of("/docker/me", "cgroup", "4:memory:/docker/me\n"), 64 * MIB);
}
END_TEST

START_TEST(what_is_no_limit)
{
	make("/me", "memory.max", "");
	ck_assert_uint_eq(limit_of("/", "cgroup2", "0::/me\n"), UINT64_MAX);
	make("/me", "memory.max", "nonsense");
	ck_assert_uint_eq(limit_of("/", "cgroup2", "0::/me\n"), UINT64_MAX);
	ck_assert_uint_eq(limit_of("/", "ext4", "0::/me\n"), UINT64_MAX);
	ck_assert_uint_eq(limit_of("/", "cgroup2", ""), UINT64_MAX);
	ck_assert_uint_eq(memory_limit__of("", ""), UINT64_MAX);
}
END_TEST

START_TEST(shares)
{
	ck_assert_uint_eq(memory_limit__share(256 * MIB, 64 * GIB), 64 * MIB);
	ck_assert_uint_eq(memory_limit__share(128 * MIB, 64 * GIB), 32 * MIB);
	ck_assert_uint_eq(memory_limit__share(8 * MIB, 64 * GIB), 4 * MIB);
	ck_assert_uint_eq(memory_limit__share(UINT64_MAX, 64 * GIB), 256 * MIB);
	ck_assert_uint_eq(memory_limit__share(UINT64_MAX, 2 * GIB), 64 * MIB);
	/* a limit beyond what the machine has is none */
	ck_assert_uint_eq(memory_limit__share(1024 * GIB, 2 * GIB), 64 * MIB);
	ck_assert_uint_eq(memory_limit__share(UINT64_MAX, 64 * MIB), 4 * MIB);
	ck_assert_uint_eq(memory_limit__custom(256 * MIB), 32 * MIB);
	ck_assert_uint_eq(memory_limit__custom(UINT64_MAX), 64 * MIB);
	ck_assert_uint_eq(memory_limit__custom(1 * MIB), 4 * MIB);
}
END_TEST

Suite *memory_limit_suite(void)
{
	Suite *suite = suite_create("memory_limit");
	TCase *core = tcase_create("core");

	tcase_add_checked_fixture(core, setup, teardown);
	tcase_add_test(core, the_least_of_all_levels);
	tcase_add_test(core, version_1);
	tcase_add_test(core, mounted_in_part);
	tcase_add_test(core, what_is_no_limit);
	tcase_add_test(core, shares);
	suite_add_tcase(suite, core);
	return suite;
}
