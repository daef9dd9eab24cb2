// SPDX-License-Identifier: Apache-2.0
/* Hosts with cgroup v1 and v2: which of the two tells containers apart. */
#include <sys/sysmacros.h>

#include "config/config.h"
#include "identity/hierarchy_choice.h"
#include "identity/table.h"
#include "identity_host.h"

Suite *identity_hybrid_suite(void);

#define ID "4c01db0b339c4d2a9a5d5b3c1f0e8a7d6c5b4a39281706f5e4d3c2b1a0f9e8d7"

static struct config config = {
	.docker_socket = (char *)"/nonexistent",
	.podman_socket = (char *)"/nonexistent",
	.containerd_state = (char *)"/nonexistent",
	.crio_state = (char *)"/nonexistent",
};

/*
 * Two hierarchies made of plain files below a directory: to look through them
 * takes no more than names and cgroup.procs, and no agent that starts meanwhile
 * sees containers that are none.
 */
static char top[] = "/tmp/edgetap-hybrid-XXXXXX";
static struct cgroup_mounts mounts;
static struct runtime_index *runtimes;
static struct hierarchy_choice choice;

static void make(const char *hierarchy, const char *cgroup, const char *procs)
{
	char command[512];

	snprintf(command, sizeof(command),
		 "mkdir -p '%s/%s/%s' && printf '%s' >'%s/%s/%s/cgroup.procs'", top, hierarchy,
		 cgroup, procs, top, hierarchy, cgroup);
	ck_assert_int_eq(system(command), 0);
}

static void setup(void)
{
	ck_assert_ptr_nonnull(mkdtemp(top));
	make("unified", ".", "1");
	make("memory", ".", "1");
	mounts = (struct cgroup_mounts){ .count = 2 };
	mounts.mount[0].v2 = true;
	snprintf(mounts.mount[0].point, sizeof(mounts.mount[0].point), "%s/unified", top);
	snprintf(mounts.mount[1].point, sizeof(mounts.mount[1].point), "%s/memory", top);
	snprintf(mounts.mount[1].controllers, sizeof(mounts.mount[1].controllers), "memory");
	ck_assert_int_eq(runtime_index__new(&runtimes, &config, "", &mounts), 0);
}

static void teardown(void)
{
	char command[64];

	cgroup_hierarchy__close(choice.hierarchy);
	runtime_index__free(runtimes);
	snprintf(command, sizeof(command), "rm -r %s", top);
	ck_assert_int_eq(system(command), 0);
}

static void choose(const char *wanted)
{
	ck_assert_int_eq(hierarchy_choice__make(&choice, wanted, "", &mounts, runtimes), 0);
}

START_TEST(test_v1_alone)
{
	make("memory", "docker/" ID, "4711\n");
	choose("auto");
	ck_assert_str_eq(choice.controller, "memory");
	ck_assert_ptr_null(choice.other);
	ck_assert_str_eq(choice.reason, "1 of 1 containers and units in v1 (memory) are not in v2");
}
END_TEST

/* What was left behind empty is no reason. */
START_TEST(test_v1_empty)
{
	make("memory", "docker/" ID, "");
	choose(NULL);
	ck_assert_ptr_null(choice.controller);
	ck_assert_str_eq(choice.other, "memory");
}
END_TEST

/* The same path in v2: that one is preferred. */
START_TEST(test_in_both)
{
	make("memory", "docker/" ID, "4711\n");
	make("unified", "docker/" ID, "4711\n");
	choose("auto");
	ck_assert_ptr_null(choice.controller);
	ck_assert_str_eq(choice.other, "memory");
	ck_assert_str_eq(choice.reason,
			 "each of the 1 containers and units in v1 (memory) is in v2 too");
}
END_TEST

/* What the user says is not looked into. */
START_TEST(test_as_configured)
{
	make("memory", "docker/" ID, "4711\n");
	choose("v2");
	ck_assert_ptr_null(choice.controller);
	ck_assert_ptr_null(choice.other);
}
END_TEST

START_TEST(test_v1_only_host)
{
	mounts.mount[0] = mounts.mount[1];
	mounts.count = 1;
	choose("auto");
	ck_assert_str_eq(choice.controller, "memory");
	ck_assert_ptr_null(choice.other);
}
END_TEST

/* The first such container comes when the choice has been made: said once. */
START_TEST(test_comes_later)
{
	struct event event = { .slot = 1, .generation = 1, .comm = "sleep" };
	char path[256], dir[256], container[400], text[4096] = "";
	struct identity_table *table;
	const char *first;
	struct stat st;
	pid_t pid;
	FILE *log;

	host__mounts(&mounts);
	if (!cgroup_mounts__find(&mounts, NULL)) {
		printf("SKIP comes_later: no cgroup v2\n");
		return;
	}
	if (!host__make_cgroup("comes_later", HOST_V1, path, dir))
		return;
	config.cgroup_hierarchy = (char *)"v2";
	ck_assert_int_eq(identity_table__new(&table, &config, 8), 0);
	table->other_controller = HOST_V1;
	snprintf(container, sizeof(container), "%s/docker-" ID ".scope", dir);
	ck_assert_int_eq(mkdir(container, 0755), 0);
	pid = host__start("/bin/sleep", container);

	log = tmpfile();
	ck_assert_ptr_nonnull(log);
	ck_assert_int_ge(dup2(fileno(log), STDERR_FILENO), 0);
	ck_assert_int_eq(stat(cgroup_mounts__find(&mounts, NULL)->point, &st), 0);
	event.key.cgroup_id = st.st_ino;
	ck_assert_int_eq(stat("/bin/sleep", &st), 0);
	event.key.exe_inode = st.st_ino;
	event.key.exe_dev = major(st.st_dev) << 20 | minor(st.st_dev);
	event.tgid = (uint32_t)pid;
	for (uint32_t i = 1; i < 4; i++) {
		event.slot = i;
		ck_assert_int_eq(identity_table__born(table, &event), 0);
	}
	rewind(log);
	ck_assert_uint_gt(fread(text, 1, sizeof(text) - 1, log), 0);
	first = strstr(text, "is in cgroup v1 only");
	ck_assert_ptr_nonnull(first);
	ck_assert_ptr_null(strstr(first + 1, "is in cgroup v1 only"));
	identity_table__free(table);
	host__stop(pid);
	host__remove_cgroup(container);
	host__remove_cgroup(dir);
	fclose(log);
}
END_TEST

Suite *identity_hybrid_suite(void)
{
	Suite *suite = suite_create("identity_hybrid");
	TCase *choice_tcase = tcase_create("choice"), *tcase = tcase_create("later");

	tcase_add_checked_fixture(choice_tcase, setup, teardown);
	tcase_add_test(choice_tcase, test_v1_alone);
	tcase_add_test(choice_tcase, test_v1_empty);
	tcase_add_test(choice_tcase, test_in_both);
	tcase_add_test(choice_tcase, test_as_configured);
	tcase_add_test(choice_tcase, test_v1_only_host);
	suite_add_tcase(suite, choice_tcase);
	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, test_comes_later);
	suite_add_tcase(suite, tcase);
	return suite;
}
