// SPDX-License-Identifier: Apache-2.0
/* Whom a cgroup belongs to that anybody could have made: real cgroups, and the state of runtimes
 * that are not there. */
#include <errno.h>
#include <ftw.h>
#include <sys/sysmacros.h>

#include "config/config.h"
#include "identity/identity.h"
#include "identity/instance_cgroup.h"
#include "identity/names.h"
#include "identity_host.h"

Suite *instance_cgroup_suite(void);

#define ID "4c01db0b339c4d2a9a5d5b3c1f0e8a7d6c5b4a39281706f5e4d3c2b1a0f9e8d7"
#define ID2 "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define USER 4242

static const char *const hierarchies[] = { "v2", HOST_V1 };

static struct config config;
static struct cgroup_mounts mounts;
static struct runtime_index *runtimes;
static struct cgroup_hierarchy *hierarchy;
static char path[256], dir[256]; /* of the cgroup that all is in */
static char state[64];
static bool ready;

static void setup(void)
{
	ready = false;
	strcpy(state, "/tmp/edgetap-owner-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(state));
}

static int remove_one(const char *file, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(file);
}

/* Of a cgroup, directories can be removed and nothing else. */
static int remove_dir(const char *file, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)ftw;
	if (type == FTW_DP)
		host__remove_cgroup(file);
	return 0;
}

static void teardown(void)
{
	nftw(state, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	if (!ready)
		return;
	runtime_index__free(runtimes);
	cgroup_hierarchy__close(hierarchy);
	nftw(dir, remove_dir, 8, FTW_DEPTH | FTW_PHYS);
}

static bool begin(const char *test, const char *name)
{
	const char *controller = strcmp(name, "v2") == 0 ? NULL : name;

	if (!host__make_cgroup(test, controller, path, dir))
		return false;
	host__mounts(&mounts);
	config = (struct config){
		.cgroup_hierarchy = (char *)name,
		.containerd_state = state,
		.docker_socket = (char *)"/nonexistent",
		.podman_socket = (char *)"/nonexistent",
		.crio_state = (char *)"/nonexistent",
	};
	ck_assert_int_eq(runtime_index__new(&runtimes, &config, "", &mounts), 0);
	ck_assert_int_eq(cgroup_hierarchy__open(&hierarchy, "",
						cgroup_mounts__find(&mounts, controller)->point,
						controller),
			 0);
	ready = true;
	return true;
}

/* Makes a cgroup, and those above, below ours. */
static void make(const char *below)
{
	char full[1024];
	size_t start = strlen(dir) + 1;

	snprintf(full, sizeof(full), "%s/%s/", dir, below);
	for (char *slash = strchr(full + start, '/'); slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		ck_assert(mkdir(full, 0755) == 0 || errno == EEXIST);
		*slash = '/';
	}
}

static void give(const char *below, uid_t user, mode_t mode)
{
	char full[1024];

	snprintf(full, sizeof(full), "%s/%s", dir, below);
	ck_assert_int_eq(chmod(full, mode), 0);
	ck_assert_int_eq(chown(full, user, user), 0);
}

/* As containerd writes down where a container of its is. */
static void write_down(const char *id, const char *below)
{
	char file[512];
	FILE *out;

	snprintf(file, sizeof(file), "mkdir -p %s/io.containerd.runtime.v2.task/moby/%s", state,
		 id);
	ck_assert_int_eq(system(file), 0);
	snprintf(file, sizeof(file), "%s/io.containerd.runtime.v2.task/moby/%s/config.json", state,
		 id);
	out = fopen(file, "w");
	ck_assert_ptr_nonnull(out);
	fprintf(out, "{\"linux\":{\"cgroupsPath\":\"%s/%s\"}}", path, below);
	fclose(out);
}

/* The instance label of a cgroup below ours; "" if it is shared, "gone". */
static const char *owner(const char *below, enum instance_cgroup_look look, size_t *ret_root_len)
{
	static char label[LABEL_BYTES];
	struct cgroup_path class;
	char full[1024];

	snprintf(full, sizeof(full), "%s/%s", path, below);
	if (instance_cgroup__find(runtimes, hierarchy, full, look, &class) < 0)
		return "gone";
	if (ret_root_len)
		*ret_root_len = class.root_len - strlen(path) - 1;
	if (class.kind == CGROUP_SHARED)
		return "";
	cgroup_path__instance(&class, label);
	return label;
}

START_TEST(test_outermost)
{
	static const char *const inner[] = {
		"docker-" ID2 ".scope",
		ID2,
		"cri-containerd-" ID2 ".scope/x",
		"libpod-" ID2 ".scope/container",
		"kubepods/besteffort/pod0dbb1b0a-5a0c-4f0a/" ID2,
		"lxc/web",
		"machine-web.scope",
		"web.service",
		"user@0.service/app.slice/web.service",
		"system.slice:docker:" ID2,
	};
	char below[512];
	size_t root_len;

	if (!begin("outermost", hierarchies[_i]))
		return;
	for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++) {
		snprintf(below, sizeof(below), "docker-" ID ".scope/%s", inner[i]);
		make(below);
		ck_assert_str_eq(owner(below, LOOK_NOW, &root_len), "4c01db0b339c");
		ck_assert_uint_eq(root_len, strlen("docker-" ID ".scope"));
		snprintf(below, sizeof(below), "own.service/%s", inner[i]);
		make(below);
		ck_assert_str_eq(owner(below, LOOK_NOW, &root_len), "own.service");
		ck_assert_uint_eq(root_len, strlen("own.service"));
	}
}
END_TEST

/* Whatever the path says: who owns a directory may have made what is in it. */
START_TEST(test_users)
{
	if (!begin("users", hierarchies[_i]))
		return;
	make("given/docker-" ID ".scope");
	make("given/more/nginx.service");
	make("given/user@0.service/nginx.service");
	make("user@1000.service/app.slice/nginx.service");
	make("nginx.service");
	ck_assert_str_eq(owner("given/docker-" ID ".scope", LOOK_NOW, NULL), "4c01db0b339c");
	give("given", USER, 0755);
	ck_assert_str_eq(owner("given/docker-" ID ".scope", LOOK_NOW, NULL), "4c01db0b339c@4242");
	ck_assert_str_eq(owner("given/more/nginx.service", LOOK_NOW, NULL), "nginx.service@4242");
	ck_assert_str_eq(owner("given/user@0.service/nginx.service", LOOK_NOW, NULL),
			 "nginx.service@4242");
	/* one that root has made for him to be in, and open to whom it is not given */
	give("nginx.service", USER, 0777);
	ck_assert_str_eq(owner("nginx.service", LOOK_NOW, NULL), "nginx.service");
	/* and one in which anybody may make some: who has made it */
	give("given", 0, 0777);
	give("given/docker-" ID ".scope", USER + 1, 0755);
	ck_assert_str_eq(owner("given/docker-" ID ".scope", LOOK_NOW, NULL), "4c01db0b339c@4243");
	/* by the name alone */
	ck_assert_str_eq(owner("user@1000.service/app.slice/nginx.service", LOOK_NOW, NULL),
			 "nginx.service@1000");
	ck_assert_str_eq(owner("gone/docker-" ID ".scope", LOOK_NOW, NULL), "gone");
}
END_TEST

/* What the host's runtime has written down is so, wherever it is. */
START_TEST(test_vouched)
{
	static const char *const places[] = {
		"docker-" ID ".scope/docker/" ID2,
		"web.service/libpod-payload-" ID2,
		"given/libpod-" ID2,
		"user@1000.service/docker-" ID2 ".scope",
	};
	char below[512];
	size_t root_len;

	if (!begin("vouched", hierarchies[_i]))
		return;
	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		make(places[i]);
		if (i == 2)
			give("given", USER, 0755);
		ck_assert_str_ne(owner(places[i], LOOK_NOW, NULL), "ffeeddccbbaa");
		write_down(ID2, places[i]);
		/* what is in it is part of it, and not who it says it is */
		snprintf(below, sizeof(below), "%s/docker-" ID ".scope", places[i]);
		for (int inside = 0; inside < 2; inside++) {
			const char *where = inside ? below : places[i];

			ck_assert_str_eq(owner(where, LOOK_NOW, &root_len), "ffeeddccbbaa");
			ck_assert_uint_eq(root_len, strlen(places[i]));
			owner(where, LOOK_BEFORE, &root_len);
			ck_assert_uint_eq(root_len, strlen(places[i]));
		}
		/* and the same id elsewhere is somebody else */
		ck_assert_str_eq(owner("own.service/" ID2, LOOK_NOW, NULL), "own.service");
	}
	/* one with a name of its own, in whose path nothing tells */
	make("redis/docker-" ID ".scope");
	write_down("redis", "redis");
	ck_assert_str_eq(owner("redis/docker-" ID ".scope", LOOK_NOW, &root_len), "redis");
	ck_assert_uint_eq(root_len, strlen("redis"));
	make("redis/lxc/redis");
	ck_assert_str_eq(owner("redis/lxc/redis", LOOK_NOW, &root_len), "redis");
	ck_assert_uint_eq(root_len, strlen("redis"));
}
END_TEST

/* Root in a container that nobody knows of makes a cgroup of another's name. */
START_TEST(test_elsewhere)
{
	if (!begin("elsewhere", hierarchies[_i]))
		return;
	make("unknown/docker-" ID ".scope");
	make("unknown/" ID);
	make("docker/" ID "/below");
	write_down(ID, "docker/" ID);
	ck_assert_str_eq(owner("docker/" ID "/below", LOOK_NOW, NULL), "4c01db0b339c");
	ck_assert_str_eq(owner("unknown/docker-" ID ".scope", LOOK_NOW, NULL), "");
	ck_assert_str_eq(owner("unknown/" ID, LOOK_NOW, NULL), "");
	/* a place that is not in this hierarchy says nothing against this one */
	write_down(ID, "not/there");
	ck_assert_str_eq(owner("unknown/" ID, LOOK_NOW, NULL), "4c01db0b339c");
}
END_TEST

struct seen {
	char text[1024];
};

static int see(void *ctx, const char *where, uint64_t id, enum instance_kind kind)
{
	struct seen *seen = ctx;
	size_t len = strlen(seen->text);

	(void)id, (void)kind;
	if (strncmp(where, path, strlen(path)) == 0)
		snprintf(seen->text + len, sizeof(seen->text) - len, "%s ",
			 where + strlen(path) + 1);
	return 0;
}

/* What is read of instances is read of the same cgroups. */
START_TEST(test_walk)
{
	struct identity_table *table;
	struct seen seen = { "" };

	if (!begin("walk", hierarchies[_i]))
		return;
	make("docker-" ID ".scope/docker-" ID2 ".scope/web.service");
	ck_assert_int_eq(identity_table__new(&table, &config, 8), 0);
	ck_assert_int_eq(identity_table__walk(table, see, &seen), 0);
	ck_assert_str_eq(seen.text, "docker-" ID ".scope ");
	write_down(ID2, "docker-" ID ".scope/docker-" ID2 ".scope");
	seen.text[0] = '\0';
	ck_assert_int_eq(identity_table__walk(table, see, &seen), 0);
	ck_assert_str_eq(seen.text,
			 "docker-" ID ".scope docker-" ID ".scope/docker-" ID2 ".scope ");
	identity_table__free(table);
}
END_TEST

static uint64_t inode(const char *file)
{
	struct stat st;

	ck_assert_int_eq(stat(file, &st), 0);
	return st.st_ino;
}

/*
 * Starts what calls itself conmon in the cgroup with the directory `monitor`, or in ours (NULL),
 * and its child in the other. Returns the child; ends with *ret_conmon.
 */
static pid_t start_monitored(const char *monitor, const char *inside, pid_t *ret_conmon)
{
	char script[128], text[32] = "", command[512];
	FILE *file;

	snprintf(script, sizeof(script), "%s/script", state);
	file = fopen(script, "w");
	ck_assert_ptr_nonnull(file);
	fprintf(file, "sleep 1000 &\necho $! >%s/cgroup.procs\necho $! >%s/pid\nwait\n", inside,
		state);
	fclose(file);
	snprintf(command, sizeof(command), "%s/pid", state);
	unlink(command);
	*ret_conmon = fork();
	ck_assert_int_ge(*ret_conmon, 0);
	if (*ret_conmon == 0) {
		int null = open("/dev/null", O_RDWR);

		/* a test that fails must keep nobody waiting for what is written here */
		dup2(null, 1);
		dup2(null, 2);
		setpgid(0, 0);
		if (monitor) {
			snprintf(text, sizeof(text), "%d", (int)getpid());
			host__write(monitor, "cgroup.procs", text);
		}
		execl("/bin/sh", "conmon", script, "--cid", ID, "-n", "victim", NULL);
		_exit(127);
	}
	for (int i = 0; i < 1000; i++) {
		usleep(5000);
		file = fopen(command, "r");
		if (!file)
			continue;
		if (fgets(text, sizeof(text), file) && strchr(text, '\n')) {
			fclose(file);
			return (pid_t)atoi(text);
		}
		fclose(file);
	}
	ck_abort_msg("the process has not started");
}

/* A process in a container that calls itself its monitor gives it no name. */
START_TEST(test_monitor)
{
	const char *const cgroup = "libpod-" ID ".scope";
	const struct identity *identity;
	struct identity_table *table;
	char inside[512], below[600];
	pid_t conmon;

	if (!begin("monitor", hierarchies[_i]))
		return;
	snprintf(inside, sizeof(inside), "%s/%s", dir, cgroup);
	snprintf(below, sizeof(below), "%s/deeper", inside);
	make("libpod-" ID ".scope/deeper");
	for (int i = 0; i < 3; i++) {
		struct event event = { .slot = 1, .generation = (uint32_t)i + 1 };
		const char *where = i == 2 ? below : inside;

		event.tgid = (uint32_t)start_monitored(i ? inside : NULL, where, &conmon);
		event.key.cgroup_id = inode(where);
		ck_assert_int_eq(identity_table__new(&table, &config, 8), 0);
		ck_assert_int_eq(identity_table__born(table, &event), 0);
		identity = identity_table__get(table, 1);
		ck_assert_str_eq(identity->instance, "4c01db0b339c");
		ck_assert_str_eq(identity->app, i ? "4c01db0b339c" : "victim");
		identity_table__free(table);
		killpg(conmon, SIGKILL);
		waitpid(conmon, NULL, 0);
	}
}
END_TEST

/* A cgroup in a container that has gone when it is looked at: by its process, if that lives. */
START_TEST(test_gone)
{
	struct event event = { .slot = 1, .generation = 1 };
	char outer[400], inner[500], text[16];
	struct identity_table *table;
	pid_t pid;

	if (!begin("gone", hierarchies[_i]))
		return;
	make("docker-" ID ".scope/x");
	snprintf(outer, sizeof(outer), "%s/docker-" ID ".scope", dir);
	snprintf(inner, sizeof(inner), "%s/x", outer);
	pid = host__start("/bin/sleep", inner);
	event.tgid = (uint32_t)pid;
	event.key.cgroup_id = inode(inner);
	strcpy(event.comm, "nginx");
	snprintf(text, sizeof(text), "%d", (int)pid);
	host__write(outer, "cgroup.procs", text);
	host__remove_cgroup(inner);
	ck_assert_int_eq(identity_table__new(&table, &config, 8), 0);
	ck_assert_int_eq(identity_table__born(table, &event), 0);
	ck_assert_str_eq(identity_table__get(table, 1)->instance, "4c01db0b339c");
	host__stop(pid);
	event.slot = 2;
	ck_assert_int_eq(identity_table__born(table, &event), 0);
	ck_assert_str_eq(identity_table__get(table, 2)->instance, "./nginx");
	identity_table__free(table);
}
END_TEST

/* An executable of a container's name, whichever was there first. */
START_TEST(test_executables_apart)
{
	struct event event = { .generation = 1, .tgid = 0x3fffffff };
	struct identity_table *table;
	char full[512];

	if (!begin("executables_apart", hierarchies[_i]))
		return;
	make("lxc/web");
	snprintf(full, sizeof(full), "%s/lxc/web", dir);
	ck_assert_int_eq(identity_table__new(&table, &config, 8), 0);
	for (uint32_t slot = 1; slot < 4; slot++) {
		event.slot = slot;
		event.key = (struct instance_key){ .cgroup_id = inode(slot == 2 ? full : dir) };
		if (slot != 2)
			event.key.exe_inode = slot;
		strcpy(event.comm, "web");
		if (slot == 2)
			ck_assert_str_eq(identity_table__get(table, 1)->instance, "web");
		ck_assert_int_eq(identity_table__born(table, &event), 0);
	}
	ck_assert_str_eq(identity_table__get(table, 1)->instance, "./web");
	ck_assert_str_eq(identity_table__get(table, 2)->instance, "web");
	ck_assert_str_eq(identity_table__get(table, 3)->instance, "./web");
	ck_assert_str_eq(identity_table__get(table, 3)->app, "web");
	/* and one that calls itself nothing at all */
	event.slot = 4;
	event.key.exe_inode = 4;
	event.comm[0] = '\0';
	ck_assert_int_eq(identity_table__born(table, &event), 0);
	ck_assert_str_eq(identity_table__get(table, 4)->app, "-");
	ck_assert_str_eq(identity_table__get(table, 4)->instance, "-");
	identity_table__free(table);
}
END_TEST

Suite *instance_cgroup_suite(void)
{
	Suite *suite = suite_create("instance_cgroup");
	TCase *tcase = tcase_create("owners");

	tcase_set_timeout(tcase, 60);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_loop_test(tcase, test_outermost, 0, 2);
	tcase_add_loop_test(tcase, test_users, 0, 2);
	tcase_add_loop_test(tcase, test_vouched, 0, 2);
	tcase_add_loop_test(tcase, test_elsewhere, 0, 2);
	tcase_add_loop_test(tcase, test_walk, 0, 2);
	tcase_add_loop_test(tcase, test_monitor, 0, 2);
	tcase_add_loop_test(tcase, test_gone, 0, 2);
	tcase_add_loop_test(tcase, test_executables_apart, 0, 2);
	suite_add_tcase(suite, tcase);
	return suite;
}
