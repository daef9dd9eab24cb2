// SPDX-License-Identifier: Apache-2.0
/* The hierarchies of this machine, whichever it has. */
#include <errno.h>
#include <linux/capability.h>
#include <sys/syscall.h>

#include "identity/cgroup_hierarchy.h"
#include "identity_host.h"

Suite *cgroup_hierarchy_suite(void);

static const char *const controllers[] = { NULL, HOST_V1 };

/* The point of the hierarchy whose directory is `dir` for the cgroup `path`. */
static struct cgroup_hierarchy *open_for(const char *controller)
{
	struct cgroup_hierarchy *hierarchy;
	struct cgroup_mounts mounts;

	host__mounts(&mounts);
	ck_assert_int_eq(cgroup_hierarchy__open(&hierarchy, "",
						cgroup_mounts__find(&mounts, controller)->point,
						controller),
			 0);
	return hierarchy;
}

/* What the kernel itself gives as the id of a cgroup, rather than stat(2). */
static uint64_t handle_id(const char *dir)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + 128];
	} u = { .handle = { .handle_bytes = 128 } };
	uint64_t id;
	int mount;

	ck_assert_int_eq(name_to_handle_at(AT_FDCWD, dir, &u.handle, &mount, 0), 0);
	ck_assert_uint_eq(u.handle.handle_bytes, sizeof(id));
	memcpy(&id, u.room + offsetof(struct file_handle, f_handle), sizeof(id));
	return id;
}

static void give_up_read_search(void)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	ck_assert_int_eq((int)syscall(SYS_capget, &header, data), 0);
	data[0].effective &= ~(1u << CAP_DAC_READ_SEARCH);
	ck_assert_int_eq((int)syscall(SYS_capset, &header, data), 0);
}

static void check_paths(struct cgroup_hierarchy *hierarchy, const char *path, uint64_t id)
{
	char found[CGROUP_PATH_BYTES];
	pid_t pid;

	ck_assert_uint_eq(cgroup_hierarchy__id(hierarchy, path), id);
	ck_assert_int_eq(cgroup_hierarchy__path(hierarchy, id, 0, found, sizeof(found)), 0);
	ck_assert_str_eq(found, path);
	/* a process that is not in it must not mislead */
	pid = getpid();
	ck_assert_int_eq(cgroup_hierarchy__path(hierarchy, id, pid, found, sizeof(found)), 0);
	ck_assert_str_eq(found, path);
	ck_assert_int_eq(cgroup_hierarchy__path(hierarchy, id, pid, found, 3), -ENAMETOOLONG);
	ck_assert_int_eq(cgroup_hierarchy__path(hierarchy, id + 1000000007, pid, found,
						sizeof(found)),
			 -ENOENT);
	ck_assert_int_eq(cgroup_hierarchy__path(hierarchy, cgroup_hierarchy__id(hierarchy, "/"), 0,
						found, sizeof(found)),
			 0);
	ck_assert_str_eq(found, "/");
}

/* With file handles, and without the capability that they need. */
START_TEST(test_ids_and_paths)
{
	const char *controller = controllers[_i / 2];
	bool by_handle = _i % 2 == 0;
	char path[256], dir[256], below[300];
	struct cgroup_hierarchy *hierarchy;
	uint64_t id;

	if (!host__make_cgroup("ids_and_paths", controller, path, dir))
		return;
	if (!by_handle)
		give_up_read_search();
	hierarchy = open_for(controller);
	if (!by_handle)
		ck_assert(!cgroup_hierarchy__by_handle(hierarchy));
	else if (!cgroup_hierarchy__by_handle(hierarchy))
		printf("SKIP ids_and_paths: no CAP_DAC_READ_SEARCH, handles not tried\n");
	id = handle_id(dir);
	check_paths(hierarchy, path, id);
	cgroup_hierarchy__close(hierarchy);

	/* a hierarchy that was walked before the cgroup was there */
	hierarchy = open_for(controller);
	snprintf(below, sizeof(below), "%s/a b", dir);
	ck_assert_int_eq(mkdir(below, 0755), 0);
	id = handle_id(below);
	ck_assert_int_eq(rmdir(below), 0);
	ck_assert_int_eq(cgroup_hierarchy__path(hierarchy, id, 0, below, sizeof(below)), -ENOENT);
	cgroup_hierarchy__close(hierarchy);
	host__remove_cgroup(dir);
}
END_TEST

START_TEST(test_state)
{
	const char *controller = controllers[_i];
	char path[256], dir[256], below[300];
	struct cgroup_hierarchy *hierarchy;
	uint64_t id;
	pid_t pid;

	if (!host__make_cgroup("state", controller, path, dir))
		return;
	hierarchy = open_for(controller);
	id = cgroup_hierarchy__id(hierarchy, path);
	ck_assert_int_eq(cgroup_hierarchy__state(hierarchy, path, id, true), CGROUP_EMPTY);
	ck_assert_int_eq(cgroup_hierarchy__state(hierarchy, path, id, false), CGROUP_POPULATED);
	ck_assert_int_eq(cgroup_hierarchy__state(hierarchy, path, id + 1, false), CGROUP_GONE);

	/* a process in a sub-cgroup counts */
	snprintf(below, sizeof(below), "%s/below", dir);
	ck_assert_int_eq(mkdir(below, 0755), 0);
	ck_assert_int_eq(cgroup_hierarchy__state(hierarchy, path, id, true), CGROUP_EMPTY);
	pid = host__start("/bin/sleep", below);
	ck_assert_int_eq(cgroup_hierarchy__state(hierarchy, path, id, true), CGROUP_POPULATED);
	ck_assert_int_eq(cgroup_hierarchy__process(hierarchy, path), 0);
	strcat(path, "/below");
	ck_assert_int_eq(cgroup_hierarchy__process(hierarchy, path), pid);
	*strrchr(path, '/') = '\0';
	host__stop(pid);
	for (int i = 0;
	     i < 500 && cgroup_hierarchy__state(hierarchy, path, id, true) != CGROUP_EMPTY; i++)
		usleep(10000);
	ck_assert_int_eq(cgroup_hierarchy__state(hierarchy, path, id, true), CGROUP_EMPTY);

	host__remove_cgroup(below);
	host__remove_cgroup(dir);
	ck_assert_int_eq(cgroup_hierarchy__state(hierarchy, path, id, true), CGROUP_GONE);
	ck_assert_int_eq(cgroup_hierarchy__state(hierarchy, "/",
						 cgroup_hierarchy__id(hierarchy, "/"), true),
			 CGROUP_POPULATED);
	cgroup_hierarchy__close(hierarchy);
}
END_TEST

struct seen {
	const char *path;
	uint64_t id;
	size_t times, roots;
};

static int visit(void *ctx, const char *path, uint64_t id)
{
	struct seen *seen = ctx;

	seen->roots += strcmp(path, "/") == 0;
	if (strcmp(path, seen->path) == 0) {
		seen->times++;
		seen->id = id;
	}
	return 0;
}

static int refuse(void *ctx, const char *path, uint64_t id)
{
	(void)ctx, (void)path, (void)id;
	return -ECANCELED;
}

START_TEST(test_walk)
{
	const char *controller = controllers[_i];
	char path[256], dir[256], below[300];
	struct cgroup_hierarchy *hierarchy;
	struct seen seen = { 0 };

	if (!host__make_cgroup("walk", controller, path, dir))
		return;
	snprintf(below, sizeof(below), "%s/below", dir);
	ck_assert_int_eq(mkdir(below, 0755), 0);
	hierarchy = open_for(controller);
	strcat(path, "/below");
	seen.path = path;
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(cgroup_hierarchy__walk(hierarchy, visit, &seen), 0);
	ck_assert_uint_eq(seen.times, 2);
	ck_assert_uint_eq(seen.roots, 2);
	ck_assert_uint_eq(seen.id, handle_id(below));
	ck_assert_int_eq(cgroup_hierarchy__walk(hierarchy, refuse, NULL), -ECANCELED);
	cgroup_hierarchy__close(hierarchy);
	host__remove_cgroup(below);
	host__remove_cgroup(dir);
}
END_TEST

START_TEST(test_open_fails)
{
	struct cgroup_hierarchy *hierarchy = NULL;

	ck_assert_int_eq(cgroup_hierarchy__open(&hierarchy, "", "/nonexistent", NULL), -ENOENT);
	ck_assert_ptr_null(hierarchy);
	cgroup_hierarchy__close(NULL);
}
END_TEST

Suite *cgroup_hierarchy_suite(void)
{
	Suite *suite = suite_create("cgroup_hierarchy");
	TCase *tcase = tcase_create("hierarchy");

	tcase_set_timeout(tcase, 30);
	tcase_add_loop_test(tcase, test_ids_and_paths, 0, 4);
	tcase_add_loop_test(tcase, test_state, 0, 2);
	tcase_add_loop_test(tcase, test_walk, 0, 2);
	tcase_add_test(tcase, test_open_fails);
	suite_add_tcase(suite, tcase);
	return suite;
}
