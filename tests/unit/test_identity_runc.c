// SPDX-License-Identifier: Apache-2.0
/* Containers that a real OCI runtime started, at cgroup paths that only it knows. */
#include <ctype.h>
#include <errno.h>
#include <linux/limits.h>
#include <stdarg.h>
#include <sys/types.h>

#include "config/config.h"
#include "identity/identity.h"
#include "identity/process.h"
#include "identity_host.h"

Suite *identity_runc_suite(void);

static char dir[64];
static bool ready;

__attribute__((format(printf, 1, 2))) static int run(const char *format, ...)
{
	char command[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(command, sizeof(command), format, args);
	va_end(args);
	return system(command);
}

static void container_name(char name[64], int i)
{
	snprintf(name, 64, "edgetap-unit-%d-%d", (int)getpid(), i);
}

/* A bundle around a static busybox. */
static void make_bundle(int i, const char *annotations)
{
	char name[64], path[128];
	FILE *file;

	container_name(name, i);
	ck_assert_int_eq(
		run("mkdir -p %s/%d/rootfs/bin %s/%d/rootfs/proc && cp -L $(command -v busybox) "
		    "%s/%d/rootfs/bin/sleep",
		    dir, i, dir, i, dir, i),
		0);
	snprintf(path, sizeof(path), "%s/%d/config.json", dir, i);
	file = fopen(path, "w");
	ck_assert_ptr_nonnull(file);
	fprintf(file,
		"{\"ociVersion\":\"1.0.2\",\"process\":{\"terminal\":false,\"user\":{\"uid\":0,\"gid\":0},"
		"\"args\":[\"sleep\",\"1000\"],\"env\":[\"PATH=/bin\"],\"cwd\":\"/\"},"
		"\"root\":{\"path\":\"rootfs\"},"
		"\"mounts\":[{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":\"proc\"}],"
		"\"annotations\":{%s},"
		"\"linux\":{\"cgroupsPath\":\"/%s-path\",\"namespaces\":[{\"type\":\"pid\"},"
		"{\"type\":\"mount\"},{\"type\":\"ipc\"},{\"type\":\"uts\"}]}}",
		annotations, name);
	fclose(file);
}

/* Starts a container and returns the pid of its process; 0 if runc will not. */
static pid_t start(int i)
{
	char name[64], path[128], text[32] = "";
	FILE *file;

	container_name(name, i);
	if (run("cd %s/%d && runc run -d --pid-file %s/%d/pid %s </dev/null >%s/log 2>&1", dir, i,
		dir, i, name, dir) != 0)
		return 0;
	snprintf(path, sizeof(path), "%s/%d/pid", dir, i);
	file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	ck_assert_ptr_nonnull(fgets(text, sizeof(text), file));
	fclose(file);
	return (pid_t)atoi(text);
}

static void setup(void)
{
	ready = false;
	strcpy(dir, "/tmp/edgetap-runc-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	if (geteuid() != 0)
		printf("SKIP identity_runc: not root\n");
	else if (run("command -v runc >/dev/null") != 0)
		printf("SKIP identity_runc: no runc\n");
	else if (run("file -L $(command -v busybox) 2>/dev/null | grep -q 'statically' || "
		     "ldd $(command -v busybox) 2>&1 | grep -q 'not a dynamic'") != 0)
		printf("SKIP identity_runc: no static busybox\n");
	else
		ready = true;
}

static void teardown(void)
{
	char name[64];

	for (int i = 0; ready && i < 2; i++) {
		container_name(name, i);
		run("runc delete -f %s >/dev/null 2>&1", name);
	}
	run("rm -rf %s", dir);
}

static void on_expired(void *ctx, uint32_t slot)
{
	*(uint64_t *)ctx |= 1ull << slot;
}

/* As the kernel side announces it: the id of the process's cgroup in the chosen hierarchy. */
static struct event event_of(const struct identity_table *table, uint32_t slot, pid_t pid)
{
	struct event event = {
		.slot = slot, .generation = 1, .tgid = (uint32_t)pid, .comm = "sleep"
	};
	const char *controller = NULL;
	struct cgroup_mounts mounts;
	char path[PATH_MAX], full[2 * PATH_MAX];
	struct stat st;

	identity_table__hierarchy(table, &controller);
	host__mounts(&mounts);
	ck_assert_int_eq(process__cgroup(pid, controller, path, sizeof(path)), 0);
	snprintf(full, sizeof(full), "%s%s", cgroup_mounts__find(&mounts, controller)->point, path);
	ck_assert_int_eq(stat(full, &st), 0);
	event.key.cgroup_id = st.st_ino;
	return event;
}

/* One container before the agent and one after, at paths that tell nothing. */
START_TEST(test_two_containers)
{
	struct config config = { .retention_ns = 0,
				 .docker_socket = (char *)"/nonexistent",
				 .podman_socket = (char *)"/nonexistent" };
	const struct identity *identity;
	struct identity_table *table;
	struct event event[2];
	char name[64];
	uint64_t expired = 0;
	pid_t pid;

	if (!ready)
		return;
	make_bundle(0, "");
	make_bundle(1, "\"app.kubernetes.io/name\":\"shop\"");
	pid = start(0);
	if (!pid) {
		printf("SKIP identity_runc: runc cannot start a container here\n");
		run("cat %s/log", dir);
		return;
	}
	ck_assert_int_eq(identity_table__new(&table, &config, 8), 0);
	event[0] = event_of(table, 1, pid);
	ck_assert_int_eq(identity_table__born(table, &event[0]), 0);
	pid = start(1);
	ck_assert_int_gt(pid, 0);
	event[1] = event_of(table, 2, pid);
	ck_assert_int_eq(identity_table__born(table, &event[1]), 0);
	ck_assert_uint_ne(event[0].key.cgroup_id, event[1].key.cgroup_id);

	for (int i = 0; i < 2; i++) {
		container_name(name, i);
		identity = identity_table__get(table, 1 + (uint32_t)i);
		ck_assert_int_eq(identity->kind, INSTANCE_CONTAINER);
		ck_assert_str_eq(identity->instance, name);
		ck_assert_str_eq(identity->runtime, "runc");
		ck_assert_str_eq(identity->app, i ? "shop" : name);
	}
	identity_table__sweep(table, 1, on_expired, &expired);
	ck_assert_uint_eq(expired, 0);

	/* killed, but not deleted: runc keeps the cgroup, empty */
	container_name(name, 0);
	ck_assert_int_eq(run("runc kill %s KILL", name), 0);
	for (uint64_t s = 2; s < 500 && !expired; s++) {
		usleep(10000);
		identity_table__sweep(table, s, on_expired, &expired);
	}
	ck_assert_uint_eq(expired, 1 << 1);
	container_name(name, 1);
	ck_assert_int_eq(run("runc delete -f %s", name), 0);
	for (uint64_t s = 500; s < 1000 && expired == 1 << 1; s++) {
		usleep(10000);
		identity_table__sweep(table, s, on_expired, &expired);
	}
	ck_assert_uint_eq(expired, 1 << 1 | 1 << 2);
	identity_table__free(table);
}
END_TEST

Suite *identity_runc_suite(void)
{
	Suite *suite = suite_create("identity_runc");
	TCase *tcase = tcase_create("runc");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_two_containers);
	suite_add_tcase(suite, tcase);
	return suite;
}
