// SPDX-License-Identifier: Apache-2.0
/* Hosts with cgroup v1 and v2: which of the two tells containers apart. */
#include <sys/sysmacros.h>

#include "config/config.h"
#include "identity/identity.h"
#include "identity_host.h"

Suite *identity_hybrid_suite(void);

#define ID "4c01db0b339c4d2a9a5d5b3c1f0e8a7d6c5b4a39281706f5e4d3c2b1a0f9e8d7"

static struct config config = {
	.docker_socket = (char *)"/nonexistent",
	.podman_socket = (char *)"/nonexistent",
	.containerd_state = (char *)"/nonexistent",
	.crio_state = (char *)"/nonexistent",
};

static char path[256], dir[256], container[400];
static char v2_dir[400];
static pid_t pid;

/* A container in v1 alone. False, after saying so, on hosts that are not hybrid. */
static bool start_in_v1(const char *test)
{
	const struct cgroup_mount *v2;
	struct cgroup_mounts mounts;

	host__mounts(&mounts);
	v2 = cgroup_mounts__find(&mounts, NULL);
	if (!v2) {
		printf("SKIP %s: no cgroup v2\n", test);
		return false;
	}
	if (!host__make_cgroup(test, "memory", path, dir))
		return false;
	snprintf(container, sizeof(container), "%s/docker-" ID ".scope", dir);
	ck_assert_int_eq(mkdir(container, 0755), 0);
	pid = host__start("/bin/sleep", container);
	snprintf(v2_dir, sizeof(v2_dir), "%.200s%.100s", v2->point, path);
	return true;
}

static void stop(void)
{
	host__stop(pid);
	host__remove_cgroup(container);
	host__remove_cgroup(dir);
}

static bool describes(const struct identity_table *table, const char *text)
{
	const char *const *lines;
	size_t count = identity_table__describe(table, &lines);

	for (size_t i = 0; i < count; i++)
		if (strstr(lines[i], text))
			return true;
	return false;
}

START_TEST(test_v1_alone)
{
	struct identity_table *table;
	const char *controller = "";

	if (!start_in_v1("v1_alone"))
		return;
	ck_assert_int_eq(identity_table__new(&table, &config, 8), 0);
	ck_assert_int_eq(identity_table__hierarchy(table, &controller), 0);
	ck_assert_str_eq(controller, "memory");
	ck_assert(describes(table, "are not in v2"));
	identity_table__free(table);
	stop();
}
END_TEST

/* The same path in v2: that one is preferred. Other hierarchies may hold more; that is no reason. */
START_TEST(test_in_both)
{
	struct identity_table *table;
	const char *controller = "";
	char below[500], text[16];

	if (!start_in_v1("in_both"))
		return;
	snprintf(below, sizeof(below), "%s/docker-" ID ".scope", v2_dir);
	if (mkdir(v2_dir, 0755) < 0 || mkdir(below, 0755) < 0) {
		printf("SKIP in_both: cannot make %s\n", below);
		stop();
		return;
	}
	snprintf(text, sizeof(text), "%d", (int)pid);
	host__write(below, "cgroup.procs", text);
	ck_assert_int_eq(identity_table__new(&table, &config, 8), 0);
	ck_assert_int_eq(identity_table__hierarchy(table, &controller), -1);
	ck_assert(describes(table, "is in v2 too"));
	identity_table__free(table);
	stop();
	host__remove_cgroup(below);
	host__remove_cgroup(v2_dir);
}
END_TEST

/* The first such container comes when the choice has been made: said once. */
START_TEST(test_comes_later)
{
	struct event event = { .slot = 1, .generation = 1, .comm = "sleep" };
	struct identity_table *table;
	const char *controller = "", *first;
	struct cgroup_mounts mounts;
	char text[4096] = "";
	struct stat st;
	FILE *log;

	host__mounts(&mounts);
	if (!cgroup_mounts__find(&mounts, NULL) || !cgroup_mounts__find(&mounts, "memory")) {
		printf("SKIP comes_later: not a hybrid host\n");
		return;
	}
	ck_assert_int_eq(identity_table__new(&table, &config, 8), 0);
	if (identity_table__hierarchy(table, &controller) != -1) {
		printf("SKIP comes_later: this host's containers are in v1\n");
		identity_table__free(table);
		return;
	}
	if (!start_in_v1("comes_later"))
		return;
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
	stop();
	fclose(log);
}
END_TEST

Suite *identity_hybrid_suite(void)
{
	Suite *suite = suite_create("identity_hybrid");
	TCase *tcase = tcase_create("hybrid");

	tcase_set_timeout(tcase, 30);
	tcase_add_test(tcase, test_v1_alone);
	tcase_add_test(tcase, test_in_both);
	tcase_add_test(tcase, test_comes_later);
	suite_add_tcase(suite, tcase);
	return suite;
}
