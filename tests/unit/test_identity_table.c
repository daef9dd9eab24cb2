// SPDX-License-Identifier: Apache-2.0
/* The table with real cgroups and processes; time is made by hand. */
#include <errno.h>
#include <sys/sysmacros.h>

#include "config/config.h"
#include "identity/identity.h"
#include "identity_host.h"

Suite *identity_table_suite(void);

#define SECOND 1000000000ull
#define ID "4c01db0b339c4d2a9a5d5b3c1f0e8a7d6c5b4a39281706f5e4d3c2b1a0f9e8d7"
#define SLOTS 16

static const char *const hierarchies[] = { "v2", HOST_V1 };

static struct config config;
static struct identity_table *table;
static char path[256], dir[256];
static char exe[64];
static uint32_t expired[SLOTS];
static size_t expired_count;

static void on_expired(void *ctx, uint32_t slot)
{
	ck_assert_ptr_eq(ctx, &config);
	ck_assert_uint_lt(expired_count, SLOTS);
	expired[expired_count++] = slot;
}

/* Sweeps at a time, and returns how many slots were reported. */
static size_t sweep(uint64_t now_s)
{
	expired_count = 0;
	identity_table__sweep(table, now_s * SECOND, on_expired, &config);
	return expired_count;
}

/* False, after saying so, where this hierarchy cannot be used. */
static bool begin(const char *test, const char *hierarchy)
{
	const char *controller = strcmp(hierarchy, "v2") == 0 ? NULL : hierarchy;

	if (!host__make_cgroup(test, controller, path, dir))
		return false;
	config = (struct config){
		.cgroup_hierarchy = (char *)hierarchy,
		.host = (char *)"node",
		.retention_ns = 30 * SECOND,
		/* the machine's own daemons are no part of this */
		.docker_socket = (char *)"/nonexistent",
		.podman_socket = (char *)"/nonexistent",
		.containerd_state = (char *)"/nonexistent",
		.crio_state = (char *)"/nonexistent",
	};
	ck_assert_int_eq(identity_table__new(&table, &config, SLOTS), 0);
	return true;
}

static void end(void)
{
	identity_table__free(table);
	host__remove_cgroup(dir);
}

static uint64_t inode(const char *file)
{
	struct stat st;

	ck_assert_int_eq(stat(file, &st), 0);
	return st.st_ino;
}

static struct event event_of(uint32_t slot, pid_t pid, const char *cgroup_dir, const char *comm)
{
	struct event event = {
		.kind = EVENT_INSTANCE_BORN,
		.slot = slot,
		.generation = 1,
		.tgid = (uint32_t)pid,
		.key = { .cgroup_id = inode(cgroup_dir) },
	};

	snprintf(event.comm, sizeof(event.comm), "%s", comm);
	return event;
}

/* An executable that nothing else on the machine runs. */
static void make_exe(void)
{
	char command[200];

	snprintf(exe, sizeof(exe), "/tmp/edgetap-srv-%d", (int)getpid());
	snprintf(command, sizeof(command), "cp -L /bin/sleep %s && chmod 755 %s", exe, exe);
	ck_assert_int_eq(system(command), 0);
}

static struct event event_of_exe(uint32_t slot, pid_t pid)
{
	struct event event = event_of(slot, pid, dir, strrchr(exe, '/') + 1);
	struct stat st;

	ck_assert_int_eq(stat(exe, &st), 0);
	event.key.exe_inode = st.st_ino;
	event.key.exe_dev = major(st.st_dev) << 20 | minor(st.st_dev);
	return event;
}

START_TEST(test_other)
{
	const struct identity *identity;

	if (!begin("other", hierarchies[_i]))
		return;
	identity = identity_table__get(table, 0);
	ck_assert_int_eq(identity->kind, INSTANCE_OTHER);
	ck_assert_str_eq(identity->app, "__other__");
	ck_assert_str_eq(identity->pod, "");
	ck_assert_ptr_null(identity_table__get(table, 1));
	ck_assert_ptr_null(identity_table__get(table, SLOTS));
	identity_table__forget(table, 1);
	identity_table__forget(table, SLOTS);
	ck_assert_int_eq(identity_table__born(table, &(struct event){ .slot = SLOTS }), -EINVAL);
	ck_assert_uint_eq(sweep(1), 0);
	end();
}
END_TEST

/* A pod that is met later, and what a kubelet makes before its first; never taken back. */
START_TEST(test_has_pods)
{
	static const char *const places[] = { "/" ID, "/kubepods", "/kubepods/" ID };
	char inner[3][400];
	bool before;

	if (!begin("has_pods", HOST_V1))
		return;
	before = identity_table__has_pods(table);
	for (uint32_t i = 0; i < 3; i++) {
		struct event event;

		snprintf(inner[i], sizeof(inner[i]), "%s%s", dir, places[i]);
		ck_assert_int_eq(mkdir(inner[i], 0755), 0);
		if (i == 1)
			continue;
		event = event_of(1 + i, 0, inner[i], "x");
		ck_assert_int_eq(identity_table__born(table, &event), 0);
		ck_assert_int_eq(identity_table__get(table, 1 + i)->kind, INSTANCE_CONTAINER);
		ck_assert_int_eq(identity_table__has_pods(table), before || i == 2);
	}
	rmdir(inner[2]);
	identity_table__forget(table, 3);
	ck_assert(identity_table__has_pods(table));
	identity_table__free(table);

	ck_assert_int_eq(identity_table__new(&table, &config, SLOTS), 0);
	ck_assert(identity_table__has_pods(table));
	identity_table__free(table);

	rmdir(inner[1]);
	rmdir(inner[0]);
	ck_assert_int_eq(setenv("KUBERNETES_SERVICE_HOST", "10.0.0.1", 1), 0);
	ck_assert_int_eq(identity_table__new(&table, &config, SLOTS), 0);
	ck_assert(identity_table__has_pods(table));
	end();
}
END_TEST

static bool is_shared(uint64_t id)
{
	const uint64_t *ids;
	size_t count = identity_table__shared_cgroups(table, &ids);

	for (size_t i = 0; i < count; i++)
		if (ids[i] == id)
			return true;
	return false;
}

/* The file that this process runs. */
static const char *own_name(void)
{
	static char path_of_exe[256];
	ssize_t n = readlink("/proc/self/exe", path_of_exe, sizeof(path_of_exe) - 1);

	ck_assert_int_gt(n, 0);
	path_of_exe[n] = '\0';
	return strrchr(path_of_exe, '/') + 1;
}

static uint64_t gone;
static unsigned int gone_count;

static void on_gone(void *ctx, uint64_t cgroup_id)
{
	ck_assert_ptr_eq(ctx, &gone);
	gone = cgroup_id;
	gone_count++;
}

START_TEST(test_shared)
{
	const struct identity *identity;
	const uint64_t *ids;
	struct event event;
	char below[300], root[256];
	uint64_t id;
	size_t count;

	if (!begin("shared", hierarchies[_i]))
		return;
	snprintf(root, sizeof(root), "%.*s", (int)(strlen(dir) - strlen(path)), dir);
	ck_assert(is_shared(inode(root)));
	ck_assert(is_shared(inode(dir)));

	/* one that was made later, and keyed by itself */
	snprintf(below, sizeof(below), "%s/plain", dir);
	ck_assert_int_eq(mkdir(below, 0755), 0);
	id = inode(below);
	ck_assert(!is_shared(id));
	event = event_of(3, getpid(), below, "x");
	ck_assert_int_eq(identity_table__born(table, &event), 1);
	ck_assert(is_shared(id));
	/* what it has counted until it is retired goes by the process that took it */
	identity = identity_table__get(table, 3);
	ck_assert_ptr_nonnull(identity);
	ck_assert_int_eq(identity->kind, INSTANCE_EXECUTABLE);
	ck_assert_str_eq(identity->app, own_name());
	count = identity_table__shared_cgroups(table, &ids);
	ck_assert_int_eq(identity_table__born(table, &event), 0); /* told twice */
	ck_assert_uint_eq(identity_table__shared_cgroups(table, &ids), count);
	event.generation++;
	ck_assert_int_eq(identity_table__born(table, &event), 1);
	ck_assert_uint_eq(identity_table__shared_cgroups(table, &ids), count);

	/* its end, by an event or, without one, by looking */
	for (size_t i = 0; i <= count; i++)
		identity_table__sweep_shared(table, on_gone, &gone);
	ck_assert_uint_eq(gone_count, 0);
	host__remove_cgroup(below);
	if (_i) {
		identity_table__cgroup_removed(table, id);
	} else {
		for (size_t i = 0; i <= count && !gone_count; i++)
			identity_table__sweep_shared(table, on_gone, &gone);
		ck_assert_uint_eq(gone_count, 1);
		ck_assert_uint_eq(gone, id);
	}
	ck_assert(!is_shared(id));
	ck_assert_uint_eq(identity_table__shared_cgroups(table, &ids), count - 1);
	end();
}
END_TEST

START_TEST(test_container_lives_and_dies)
{
	const struct identity *identity;
	struct event event;
	char below[400];
	pid_t pid;

	if (!begin("container", hierarchies[_i]))
		return;
	snprintf(below, sizeof(below), "%s/docker-" ID ".scope", dir);
	ck_assert_int_eq(mkdir(below, 0755), 0);
	pid = host__start("/bin/sleep", below);
	event = event_of(5, pid, below, "sleep");
	ck_assert_int_eq(identity_table__born(table, &event), 0);
	identity = identity_table__get(table, 5);
	ck_assert_int_eq(identity->kind, INSTANCE_CONTAINER);
	ck_assert_str_eq(identity->instance, "4c01db0b339c");
	ck_assert_str_eq(identity->app, "4c01db0b339c");
	ck_assert_str_eq(identity->runtime, "docker");
	ck_assert(!identity->dropped);
	/* announced twice: nothing changes */
	ck_assert_int_eq(identity_table__born(table, &event), 0);
	ck_assert_ptr_eq(identity_table__get(table, 5), identity);

	ck_assert_uint_eq(sweep(100), 0);
	host__stop(pid);
	/* stopped, its cgroup left behind empty; dead from here on */
	for (int i = 0; i < 50; i++) {
		usleep(10000);
		ck_assert_uint_eq(sweep(110), 0);
	}
	/* started again before its time was up */
	ck_assert_uint_eq(sweep(139), 0);
	pid = host__start("/bin/sleep", below);
	ck_assert_uint_eq(sweep(141), 0);
	ck_assert_uint_eq(sweep(200), 0);
	host__stop(pid);
	host__remove_cgroup(below);
	identity_table__cgroup_removed(table, event.key.cgroup_id);
	ck_assert_uint_eq(sweep(210), 0);
	ck_assert_uint_eq(sweep(239), 0);
	ck_assert_uint_eq(sweep(240), 1);
	ck_assert_uint_eq(expired[0], 5);
	/* reported once; the labels are there until they are forgotten */
	ck_assert_uint_eq(sweep(300), 0);
	ck_assert_ptr_nonnull(identity_table__get(table, 5));
	identity_table__forget(table, 5);
	ck_assert_ptr_null(identity_table__get(table, 5));
	end();
}
END_TEST

START_TEST(test_unit_and_rules)
{
	struct config_rule rules[] = {
		{ .match_cgroup = (char *)"*/web.service", .set_app = (char *)"shop\n" },
		{ .match_exe = (char *)"sleep", .drop = true },
	};
	const struct identity *identity;
	struct event event;
	char below[2][300];
	pid_t pid;

	if (!begin("unit", hierarchies[_i]))
		return;
	config.rules = rules;
	config.rule_count = 2;
	snprintf(below[0], sizeof(below[0]), "%s/web.service", dir);
	snprintf(below[1], sizeof(below[1]), "%s/db.service", dir);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(mkdir(below[i], 0755), 0);
		pid = host__start("/bin/sleep", below[i]);
		/* the second event's process has ended; another in the cgroup tells as well */
		event = event_of(1 + (uint32_t)i, i ? 0x3fffffff : pid, below[i], "sleep");
		ck_assert_int_eq(identity_table__born(table, &event), 0);
		host__stop(pid);
	}
	identity = identity_table__get(table, 1);
	ck_assert_int_eq(identity->kind, INSTANCE_UNIT);
	ck_assert_str_eq(identity->instance, "web.service");
	ck_assert_str_eq(identity->app, "shop_");
	ck_assert_str_eq(identity->runtime, "systemd");
	ck_assert(!identity->dropped);
	identity = identity_table__get(table, 2);
	ck_assert_str_eq(identity->app, "db");
	ck_assert(identity->dropped);

	/* both gone at once, without a hint */
	host__remove_cgroup(below[0]);
	host__remove_cgroup(below[1]);
	ck_assert_uint_eq(sweep(10), 0);
	ck_assert_uint_eq(sweep(40), 2);
	end();
}
END_TEST

/* A cgroup that nobody saw: only what the kernel noted is left. */
START_TEST(test_gone_before_seen)
{
	const struct identity *identity;
	struct event event;

	if (!begin("gone", hierarchies[_i]))
		return;
	event = event_of(1, 0x3fffffff, dir, "curl\n");
	event.key.cgroup_id += 1000000007;
	ck_assert_int_eq(identity_table__born(table, &event), 0);
	identity = identity_table__get(table, 1);
	ck_assert_int_eq(identity->kind, INSTANCE_EXECUTABLE);
	ck_assert_str_eq(identity->app, "curl_");
	ck_assert_uint_eq(sweep(10), 0);
	ck_assert_uint_eq(sweep(40), 1);
	end();
}
END_TEST

START_TEST(test_executable)
{
	const struct identity *identity;
	struct event event;
	pid_t pid[3];

	if (!begin("executable", hierarchies[_i]))
		return;
	make_exe();
	pid[0] = host__start(exe, NULL);
	pid[1] = host__start(exe, NULL);
	event = event_of_exe(7, pid[0]);
	ck_assert_int_eq(identity_table__born(table, &event), 0);
	identity = identity_table__get(table, 7);
	ck_assert_int_eq(identity->kind, INSTANCE_EXECUTABLE);
	ck_assert_str_eq(identity->app, strrchr(exe, '/') + 1);
	ck_assert_str_eq(identity->instance, identity->app);
	ck_assert_str_eq(identity->runtime, "");

	/* the process that was known ends, another goes on */
	ck_assert_uint_eq(sweep(1000), 0);
	host__stop(pid[0]);
	identity_table__executable_exited(table, 7);
	ck_assert_uint_eq(sweep(1010), 0);
	ck_assert_uint_eq(sweep(1200), 0);

	/* the last one ends; it is started again before its time is up, its file replaced by then */
	host__stop(pid[1]);
	identity_table__executable_exited(table, 7);
	ck_assert_uint_eq(sweep(1300), 0);
	pid[2] = host__start(exe, NULL);
	ck_assert_int_eq(unlink(exe), 0);
	ck_assert_uint_eq(sweep(1400), 0);
	ck_assert_uint_eq(sweep(1500), 0);

	/* and ends for good, without a hint: the minute's check finds it */
	host__stop(pid[2]);
	ck_assert_uint_eq(sweep(1600), 0);
	ck_assert_uint_eq(sweep(1629), 0);
	ck_assert_uint_eq(sweep(1700), 1);
	ck_assert_uint_eq(expired[0], 7);
	end();
}
END_TEST

/* Ended before it could be looked at: another of its kind tells the name, else its comm. */
START_TEST(test_executable_ended)
{
	struct event event;
	pid_t pid;

	if (!begin("executable_ended", hierarchies[_i]))
		return;
	make_exe();
	event = event_of_exe(1, 0x3fffffff);
	strcpy(event.comm, "renamed");
	ck_assert_int_eq(identity_table__born(table, &event), 0);
	ck_assert_str_eq(identity_table__get(table, 1)->app, "renamed");
	/* it runs something else by now: not to be believed */
	event = event_of_exe(2, getpid());
	ck_assert_int_eq(identity_table__born(table, &event), 0);
	ck_assert_str_eq(identity_table__get(table, 2)->app, event.comm);

	pid = host__start(exe, NULL);
	event = event_of_exe(3, pid);
	ck_assert_int_eq(identity_table__born(table, &event), 0);
	event = event_of_exe(4, 0x3fffffff);
	strcpy(event.comm, "renamed");
	ck_assert_int_eq(identity_table__born(table, &event), 0);
	ck_assert_str_eq(identity_table__get(table, 4)->app, strrchr(exe, '/') + 1);
	/* the same file: while one runs, none has died */
	ck_assert_uint_eq(sweep(1000), 0);
	ck_assert_uint_eq(sweep(2000), 0);
	host__stop(pid);
	identity_table__executable_exited(table, 3);
	ck_assert_uint_eq(sweep(3000), 0);
	ck_assert_uint_eq(sweep(4000), 4);
	unlink(exe);
	end();
}
END_TEST

/* A slot that has changed hands is another instance, even if its key is the same. */
START_TEST(test_slot_changes_hands)
{
	struct event event;
	char below[2][300];

	if (!begin("slot", hierarchies[_i]))
		return;
	snprintf(below[0], sizeof(below[0]), "%s/a.service", dir);
	snprintf(below[1], sizeof(below[1]), "%s/b.service", dir);
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(mkdir(below[i], 0755), 0);
		event = event_of(1, 0, below[i], "x");
		event.generation = 1 + (uint32_t)i;
		ck_assert_int_eq(identity_table__born(table, &event), 0);
	}
	ck_assert_str_eq(identity_table__get(table, 1)->app, "b");
	host__remove_cgroup(below[0]);
	ck_assert_uint_eq(sweep(1), 0);
	host__remove_cgroup(below[1]);
	end();
}
END_TEST

START_TEST(test_hierarchy)
{
	const char *controller = "untouched";
	const char *const *lines;
	struct cgroup_mounts mounts;
	size_t count;
	bool found = false;

	if (!begin("hierarchy", hierarchies[_i]))
		return;
	if (_i == 0) {
		ck_assert_int_eq(identity_table__hierarchy(table, &controller), -1);
		ck_assert_str_eq(controller, "untouched");
	} else {
		ck_assert_int_eq(identity_table__hierarchy(table, &controller), 0);
		ck_assert_str_eq(controller, HOST_V1);
	}
	host__mounts(&mounts);
	count = identity_table__describe(table, &lines);
	ck_assert_uint_ge(count, mounts.count + 3);
	for (size_t i = 0; i < count; i++)
		found |= strstr(lines[i], "chosen: ") != NULL;
	ck_assert(found);
	end();

	/* what cannot be is refused, with one sentence on stderr */
	config.cgroup_hierarchy = (char *)"v3";
	ck_assert_int_eq(identity_table__new(&table, &config, SLOTS), -EINVAL);
	if (!cgroup_mounts__find(&mounts, "net_prio")) {
		config.cgroup_hierarchy = (char *)"net_prio";
		ck_assert_int_eq(identity_table__new(&table, &config, SLOTS), -ENOENT);
	}
}
END_TEST

Suite *identity_table_suite(void)
{
	Suite *suite = suite_create("identity_table");
	TCase *tcase = tcase_create("table");

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, test_other, 0, 2);
	tcase_add_test(tcase, test_has_pods);
	tcase_add_loop_test(tcase, test_shared, 0, 2);
	tcase_add_loop_test(tcase, test_container_lives_and_dies, 0, 2);
	tcase_add_loop_test(tcase, test_unit_and_rules, 0, 2);
	tcase_add_loop_test(tcase, test_gone_before_seen, 0, 2);
	tcase_add_loop_test(tcase, test_executable, 0, 2);
	tcase_add_loop_test(tcase, test_executable_ended, 0, 2);
	tcase_add_loop_test(tcase, test_slot_changes_hands, 0, 2);
	tcase_add_loop_test(tcase, test_hierarchy, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}
