// SPDX-License-Identifier: Apache-2.0
/* Each test runs in a process of its own (Check forks), so that giving up is no loss to the next. */
#include <check.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/privileges.h"
#include "broker/confine.h"

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
	ck_assert_int_eq(privileges__drop(USE(UPROBES) | USE(UPROBE_EVENTS)), 0);
	ck_assert_uint_eq(status_field("CapEff"),
			  held & (BPF_PERFMON_PTRACE_READ | restore | admin));
	ck_assert_int_eq(privileges__drop(USE(UPROBES)), 0);
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
	struct privilege privileges[CAPABILITY_COUNT];
	int kept = 0, required = 0;

	if (geteuid() == 0)
		ck_assert_int_eq(privileges__drop(0), 0);
	ck_assert_int_eq(privileges__read(0, privileges), 0);
	for (int i = 0; i < CAPABILITY_COUNT; i++) {
		const struct capability *capability = privileges[i].capability;
		bool held = status_field("CapEff") >> capability->number & 1;

		ck_assert_int_eq(privileges[i].state == PRIVILEGE_HELD, held);
		kept += capability->agent & USE(ALWAYS) ? 1 : 0;
		required += capability->required;
	}
	ck_assert_int_eq(kept, 4);
	ck_assert_int_eq(required, 2);
}
END_TEST

static enum privilege_state state_of(const char *name, unsigned int uses)
{
	struct privilege privileges[CAPABILITY_COUNT];

	ck_assert_int_eq(privileges__read(uses, privileges), 0);
	for (int i = 0; i < CAPABILITY_COUNT; i++)
		if (strcmp(privileges[i].capability->name, name) == 0)
			return privileges[i].state;
	ck_abort_msg("no %s", name);
}

/* CAP_SYS_ADMIN stands for another only if it is not going to be given up. */
START_TEST(test_admin_stands_only_while_it_is_kept)
{
	const uint64_t bpf = 1ULL << 39, perfmon = 1ULL << 38, admin = 1ULL << 21;
	const uint64_t had = status_field("CapEff");

	if ((had & (bpf | perfmon | admin)) != (bpf | perfmon | admin)) {
		fprintf(stderr, "SKIP privileges: not root, nothing to give up\n");
		return;
	}
	ck_assert_int_eq(confine__keep(bpf | perfmon | admin), 0);
	ck_assert_int_eq(state_of("CAP_CHECKPOINT_RESTORE", USE(UPROBES)), PRIVILEGE_MISSING);
	ck_assert_int_eq(state_of("CAP_CHECKPOINT_RESTORE", USE(UPROBES) | USE(UPROBE_EVENTS)),
			 PRIVILEGE_STOOD_FOR);
	ck_assert_int_eq(confine__keep(bpf | admin), 0);
	ck_assert_int_eq(state_of("CAP_PERFMON", 0), PRIVILEGE_STOOD_FOR);
	ck_assert_int_eq(state_of("CAP_SYS_ADMIN", 0), PRIVILEGE_HELD);
	ck_assert_ptr_null(privileges__obstacle());
	/* what stands for a required one stays */
	ck_assert_int_eq(privileges__drop(USE(UPROBES)), 0);
	ck_assert_uint_eq(status_field("CapEff"), bpf | admin);
	ck_assert_int_eq(confine__keep(bpf), 0);
	ck_assert_str_eq(privileges__obstacle(), "CAP_PERFMON");
}
END_TEST

/* A text file of the repository, in static storage. */
static const char *text_of(const char *path)
{
	static char text[131072];
	FILE *file;
	size_t length;

	file = fopen(path, "re");
	ck_assert_msg(file, "%s cannot be read", path);
	length = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	ck_assert_uint_lt(length, sizeof(text) - 1);
	text[length] = '\0';
	return text;
}

#define SOURCE(path) (strcpy(source, __FILE__), dirname(source), strcat(source, "/../../" path))

START_TEST(test_unit_has_the_table)
{
	char source[512], want[512] = "\nCapabilityBoundingSet=", got[512];
	const char *line = strstr(text_of(SOURCE("deploy/edgetap.service.in")), want);

	ck_assert_ptr_nonnull(line);
	snprintf(got, sizeof(got), "%.*s", (int)strcspn(line + 1, "\n"), line + 1);
	for (int i = 0; i < CAPABILITY_COUNT; i++)
		sprintf(want + strlen(want), "%s%s", i ? " " : "", capabilities[i].name);
	ck_assert_str_eq(got, want + 1);
}
END_TEST

/* As mdoc(7) has it in the list between the marks. */
static void page_of_table(char *ret_text)
{
	for (int i = 0; i < CAPABILITY_COUNT; i++) {
		const struct capability *capability = &capabilities[i];

		ret_text += sprintf(ret_text, ".It Dv %s Pq %s%s\nTo %s.\n", capability->name,
				    capability->required ? "required; " : "",
				    !capability->agent	  ? "helper process"
				    : !capability->broker ? "agent"
							  : "agent and helper process",
				    capability->purpose);
		ret_text += sprintf(ret_text, "Without it %s.\n", capability->without);
	}
}

START_TEST(test_page_has_the_table)
{
	static const char begin[] = ".\\\" capabilities: begin\n";
	static char want[8192], got[8192];
	char source[512];
	const char *page = text_of(SOURCE("deploy/edgetap.1"));
	const char *at = strstr(page, begin), *end;

	ck_assert_ptr_nonnull(at);
	at += strlen(begin);
	end = strstr(at, ".\\\" capabilities: end\n");
	ck_assert_ptr_nonnull(end);
	ck_assert_uint_lt(end - at, sizeof(got));
	snprintf(got, sizeof(got), "%.*s", (int)(end - at), at);
	page_of_table(want);
	ck_assert_msg(strcmp(got, want) == 0, "deploy/edgetap.1 is to have, between its marks:\n%s",
		      want);
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
	tcase_add_test(tc, test_admin_stands_only_while_it_is_kept);
	tcase_add_test(tc, test_unit_has_the_table);
	tcase_add_test(tc, test_page_has_the_table);
	suite_add_tcase(suite, tc);
	return suite;
}
