// SPDX-License-Identifier: Apache-2.0
/* Each test runs in a process of its own (Check forks), so that giving up is no loss to the next. */
#include <check.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/privileges.h"

Suite *privileges_suite(void);

#define BPF_PERFMON_PTRACE_READ (1ULL << 39 | 1ULL << 38 | 1ULL << 19 | 1ULL << 2)

static unsigned long long status_field(const char *name)
{
	FILE *file = fopen("/proc/self/status", "r");
	char line[256];
	unsigned long long value = 0;
	bool found = false;

	ck_assert_ptr_nonnull(file);
	while (!found && fgets(line, sizeof(line), file)) {
		size_t length = strlen(name);

		if (strncmp(line, name, length) == 0 && line[length] == ':') {
			value = strtoull(line + length + 1, NULL,
					 strcmp(name, "NoNewPrivs") ? 16 : 10);
			found = true;
		}
	}
	fclose(file);
	ck_assert_msg(found, "no %s in /proc/self/status", name);
	return value;
}

START_TEST(test_drop_keeps_four)
{
	unsigned long long held = status_field("CapPrm") & BPF_PERFMON_PTRACE_READ;

	if (geteuid() != 0) {
		fprintf(stderr, "SKIP privileges: not root, nothing to give up\n");
		return;
	}
	ck_assert_int_eq(privileges__drop(0), 0);
	ck_assert_uint_eq(status_field("CapEff"), held);
	ck_assert_uint_eq(status_field("CapPrm"), held);
	ck_assert_uint_eq(status_field("CapInh"), 0);
	ck_assert_uint_eq(status_field("CapAmb"), 0);
	ck_assert_uint_eq(status_field("CapBnd") & ~BPF_PERFMON_PTRACE_READ, 0);
	ck_assert_uint_eq(status_field("NoNewPrivs"), 1);
	/* Twice is as good as once. */
	ck_assert_int_eq(privileges__drop(0), 0);
	ck_assert_uint_eq(status_field("CapEff"), held);
}
END_TEST

/* What uprobes take is kept for them alone. */
START_TEST(test_drop_keeps_what_uprobes_take)
{
	const unsigned long long restore = 1ULL << 40, admin = 1ULL << 21;
	unsigned long long held = status_field("CapPrm");

	if (geteuid() != 0) {
		fprintf(stderr, "SKIP privileges: not root, nothing to give up\n");
		return;
	}
	ck_assert_int_eq(privileges__drop(1U << USE_UPROBES | 1U << USE_UPROBE_EVENTS), 0);
	ck_assert_uint_eq(status_field("CapEff"),
			  held & (BPF_PERFMON_PTRACE_READ | restore | admin));
	ck_assert_int_eq(privileges__drop(1U << USE_UPROBES), 0);
	ck_assert_uint_eq(status_field("CapEff"), held & (BPF_PERFMON_PTRACE_READ | restore));
	ck_assert_int_eq(privileges__drop(0), 0);
	ck_assert_uint_eq(status_field("CapEff"), held & BPF_PERFMON_PTRACE_READ);
}
END_TEST

/* root may read any file; what is left may still read, but no longer write. */
START_TEST(test_dropped_is_gone)
{
	char path[] = "/tmp/edgetap-privileges-XXXXXX";
	int fd;

	if (geteuid() != 0) {
		fprintf(stderr, "SKIP privileges: not root, nothing to give up\n");
		return;
	}
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(chown(path, 65534, 65534), 0);
	ck_assert_int_eq(privileges__drop(0), 0);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_lt(open(path, O_WRONLY | O_CLOEXEC), 0);
	ck_assert_int_ne(chown(path, 0, 0), 0);
	ck_assert_int_ne(sethostname("x", 1), 0);
	unlink(path);
}
END_TEST

START_TEST(test_read_tells_what_is_held)
{
	struct capability capabilities[CAPABILITY_COUNT];
	int kept = 0, required = 0;

	if (geteuid() == 0)
		ck_assert_int_eq(privileges__drop(0), 0);
	ck_assert_int_eq(privileges__read(capabilities), 0);
	for (int i = 0; i < CAPABILITY_COUNT; i++) {
		bool held = status_field("CapEff") >> capabilities[i].number & 1;

		ck_assert_int_eq(capabilities[i].held, held);
		kept += capabilities[i].kept & 1U << USE_ALWAYS ? 1 : 0;
		required += capabilities[i].required;
	}
	ck_assert_int_eq(kept, 4);
	ck_assert_int_eq(required, 2);
}
END_TEST

Suite *privileges_suite(void)
{
	Suite *suite = suite_create("privileges");
	TCase *tc = tcase_create("privileges");

	tcase_add_test(tc, test_drop_keeps_four);
	tcase_add_test(tc, test_drop_keeps_what_uprobes_take);
	tcase_add_test(tc, test_dropped_is_gone);
	tcase_add_test(tc, test_read_tells_what_is_held);
	suite_add_tcase(suite, tc);
	return suite;
}
