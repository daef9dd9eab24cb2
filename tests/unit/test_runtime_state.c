// SPDX-License-Identifier: Apache-2.0
/* State directories as containerd, CRI-O and Docker's API leave them, in a directory of our own. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "config/config.h"
#include "fake_daemon.h"
#include "identity/runtime_index.h"
#include "identity/runtime_lookup.h"

Suite *runtime_state_suite(void);

#define ID "4c01db0b339c4d2a9a5d5b3c1f0e8a7d6c5b4a39281706f5e4d3c2b1a0f9e8d7"
#define POD_ID "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define TASKS "io.containerd.runtime.v2.task"

static char dir[64];
static char containerd[96], containerd_socket[96], storage[96], docker[96], podman[96];
static struct config config;
static const struct cgroup_mounts mounts = {
	.count = 1,
	.mount = { { .v2 = true, .whole = true, .point = "/sys/fs/cgroup" } },
};
static pid_t daemon_pid;

static void setup(void)
{
	strcpy(dir, "/tmp/edgetap-state-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(containerd, sizeof(containerd), "%s/containerd", dir);
	snprintf(containerd_socket, sizeof(containerd_socket), "%s/containerd.sock", dir);
	snprintf(storage, sizeof(storage), "%s/storage", dir);
	snprintf(docker, sizeof(docker), "%s/docker.sock", dir);
	snprintf(podman, sizeof(podman), "%s/podman.sock", dir);
	config = (struct config){
		.containerd_state = containerd,
		.containerd_socket = containerd_socket,
		.crio_state = storage,
		.docker_socket = docker,
		.podman_socket = podman,
	};
	daemon_pid = 0;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void teardown(void)
{
	fake_daemon__end(daemon_pid);
	nftw(dir, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* Writes a file below our directory, making the directories in between. */
static void put_file(const char *path, const char *text)
{
	char full[512];
	FILE *file;

	snprintf(full, sizeof(full), "%s/%s", dir, path);
	for (char *slash = strchr(full + strlen(dir) + 1, '/'); slash;
	     slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		ck_assert(mkdir(full, 0700) == 0 || errno == EEXIST);
		*slash = '/';
	}
	file = fopen(full, "w");
	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

static const char *look_up(struct cgroup_path *class, struct runtime_facts *facts)
{
	struct runtime_lookup *lookup;
	const char *runtime;

	/* a daemon of ours may take long on a busy machine */
	for (int i = 0; i < 10; i++) {
		ck_assert_int_eq(runtime_lookup__new(&lookup, &config, ""), 0);
		runtime = runtime_lookup__find(lookup, class, 0, facts);
		runtime_lookup__free(lookup);
		if (!facts->is_incomplete)
			break;
	}
	return runtime;
}

START_TEST(test_containerd)
{
	struct runtime_facts facts;
	struct cgroup_path class;

	put_file("containerd/" TASKS "/k8s.io/" ID "/config.json",
		 "{\"annotations\":{\"io.kubernetes.cri.container-name\":\"c\","
		 "\"io.kubernetes.cri.sandbox-name\":\"web-0\","
		 "\"io.kubernetes.cri.sandbox-namespace\":\"ns\"}}");
	cgroup_path__classify("/kubepods/burstable/pod0dbb1b0a-5a0c-4f0a/" ID, &class);
	ck_assert_str_eq(look_up(&class, &facts), "containerd");
	ck_assert_str_eq(facts.pod, "web-0");
	ck_assert_str_eq(facts.namespace_, "ns");
	ck_assert_str_eq(facts.container, "c");
}
END_TEST

/* Only its API has the pod's labels and annotations; the answer is test_cri's, in short. */
START_TEST(test_containerd_pod)
{
	static const char pod[] = "\012\132\012\100" POD_ID "\052\013\012\003app\022\004shop"
				  "\072\011untouched";
	struct grpc_answer answer;
	struct runtime_facts facts;
	struct cgroup_path class;
	uint8_t data[256];

	put_file("containerd/" TASKS "/k8s.io/" ID "/config.json",
		 "{\"annotations\":{\"io.kubernetes.cri.container-name\":\"c\","
		 "\"io.kubernetes.cri.sandbox-id\":\"" POD_ID "\","
		 "\"io.kubernetes.cri.sandbox-name\":\"web-0\"}}");
	cgroup_path__classify("/kubepods/burstable/pod0dbb1b0a-5a0c-4f0a/" ID, &class);
	grpc_answer__make(&answer, data, grpc_answer__frame(data, pod, sizeof(pod) - 1), "0");
	daemon_pid = fake_daemon__start(containerd_socket, POD_ID, strlen(POD_ID), grpc_answer__say,
					&answer);
	ck_assert_str_eq(look_up(&class, &facts), "containerd");
	ck_assert_str_eq(facts.app, "shop");
	ck_assert_str_eq(facts.pod, "web-0");
	ck_assert_str_eq(facts.container, "c");
}
END_TEST

/* The container's own document has its labels, only the sandbox's has the pod's. */
START_TEST(test_crio)
{
	struct runtime_facts facts;
	struct cgroup_path class;

	put_file("storage/overlay-containers/" ID "/userdata/config.json",
		 "{\"annotations\":{\"io.kubernetes.pod.name\":\"cart-0\","
		 "\"io.kubernetes.pod.namespace\":\"ns\",\"io.kubernetes.container.name\":\"c\","
		 "\"io.kubernetes.cri-o.SandboxID\":\"" POD_ID "\"}}");
	put_file("storage/overlay-containers/" POD_ID "/userdata/config.json",
		 "{\"annotations\":{\"io.kubernetes.cri-o.Labels\":"
		 "\"{\\\"app.kubernetes.io/name\\\":\\\"shop\\\"}\","
		 "\"io.kubernetes.container.name\":\"POD\"}}");
	cgroup_path__classify("/kubepods/pod0dbb1b0a-5a0c-4f0a/crio-" ID, &class);
	ck_assert_str_eq(look_up(&class, &facts), "cri-o");
	ck_assert_str_eq(facts.app, "shop");
	ck_assert_str_eq(facts.container, "c");
	/* and where the path does not tell that it is CRI-O's */
	cgroup_path__classify("/kubepods/pod0dbb1b0a-5a0c-4f0a/" ID, &class);
	ck_assert_str_eq(look_up(&class, &facts), "cri-o");
	ck_assert_str_eq(facts.app, "shop");
}
END_TEST

START_TEST(test_nobody_knows)
{
	struct runtime_facts facts;
	struct cgroup_path class;

	cgroup_path__classify("/kubepods/pod0dbb1b0a-5a0c-4f0a/" ID, &class);
	ck_assert_str_eq(look_up(&class, &facts), "");
	ck_assert_str_eq(facts.name, "");
	/* an id that would lead out of the state directory */
	put_file("containerd/config.json", "{\"annotations\":{\"nerdctl/name\":\"trap\"}}");
	put_file("containerd/" TASKS "/ns/x/config.json", "{}");
	cgroup_path__classify("/x/cri-containerd-...scope", &class);
	ck_assert_str_eq(class.id, "..");
	look_up(&class, &facts);
	ck_assert_str_eq(facts.name, "");
}
END_TEST

/* Not a regular file: must neither block nor be read. */
START_TEST(test_pipe)
{
	struct runtime_facts facts;
	struct cgroup_path class;
	char path[512];

	put_file("containerd/" TASKS "/k8s.io/" ID "/other", "");
	snprintf(path, sizeof(path), "%s/containerd/" TASKS "/k8s.io/" ID "/config.json", dir);
	ck_assert_int_eq(mkfifo(path, 0600), 0);
	cgroup_path__classify("/x/cri-containerd-" ID ".scope", &class);
	ck_assert_str_eq(look_up(&class, &facts), "containerd");
	ck_assert_str_eq(facts.container, "");
}
END_TEST

static void say(int fd, const void *ctx)
{
	const char *text = ctx;

	fake_daemon__say(fd, text, strlen(text));
}

static void hang(int fd, const void *ctx)
{
	(void)fd;
	(void)ctx;
	pause();
}

static void serve(const char *socket_path, const char *answer)
{
	static const char want[] = "GET /containers/" ID "/json ";

	daemon_pid =
		fake_daemon__start(socket_path, want, strlen(want), answer ? say : hang, answer);
}

START_TEST(test_docker_api)
{
	struct runtime_facts facts;
	struct cgroup_path class;

	serve(docker, "HTTP/1.0 200 OK\r\n\r\n{\"Name\":\"/shop-web-1\",\"Config\":{\"Labels\":"
		      "{\"com.docker.compose.service\":\"web\"}}}");
	cgroup_path__classify("/docker/" ID, &class);
	ck_assert_str_eq(look_up(&class, &facts), "docker");
	ck_assert_str_eq(facts.app, "web");
	ck_assert_str_eq(facts.name, "shop-web-1");
}
END_TEST

START_TEST(test_podman_api)
{
	struct runtime_facts facts;
	struct cgroup_path class;

	serve(podman, "HTTP/1.0 200 OK\r\n\r\n{\"Name\":\"web\",\"Config\":{\"Labels\":{}}}");
	cgroup_path__classify("/machine.slice/libpod-" ID ".scope/container", &class);
	ck_assert_str_eq(look_up(&class, &facts), "podman");
	ck_assert_str_eq(facts.name, "web");
}
END_TEST

/* What its files say, and that there may be more: it would be asked again. */
START_TEST(test_containerd_hangs)
{
	struct runtime_lookup *lookup;
	struct runtime_facts facts;
	struct cgroup_path class;

	put_file("containerd/" TASKS "/k8s.io/" ID "/config.json",
		 "{\"annotations\":{\"io.kubernetes.cri.sandbox-id\":\"" POD_ID "\","
		 "\"io.kubernetes.cri.sandbox-name\":\"web-0\"}}");
	cgroup_path__classify("/kubepods/burstable/pod0dbb1b0a-5a0c-4f0a/" ID, &class);
	ck_assert_int_eq(runtime_lookup__new(&lookup, &config, ""), 0);
	runtime_lookup__find(lookup, &class, 0, &facts);
	ck_assert(!facts.is_incomplete); /* there is nobody to ask */
	daemon_pid = fake_daemon__start(containerd_socket, POD_ID, strlen(POD_ID), hang, NULL);
	for (int i = 0; i < 50; i++) {
		ck_assert_str_eq(runtime_lookup__find(lookup, &class, 0, &facts), "containerd");
		ck_assert_str_eq(facts.pod, "web-0");
		ck_assert(facts.is_incomplete);
	}
	runtime_lookup__free(lookup);
}
END_TEST

/* A daemon that hangs costs its time once, not once per container. */
START_TEST(test_docker_hangs)
{
	struct runtime_lookup *lookup;
	struct runtime_facts facts;
	struct cgroup_path class;
	struct timespec before, after;

	serve(docker, NULL);
	cgroup_path__classify("/docker/" ID, &class);
	ck_assert_int_eq(runtime_lookup__new(&lookup, &config, ""), 0);
	clock_gettime(CLOCK_MONOTONIC, &before);
	for (int i = 0; i < 50; i++)
		ck_assert_str_eq(runtime_lookup__find(lookup, &class, 0, &facts), "docker");
	clock_gettime(CLOCK_MONOTONIC, &after);
	runtime_lookup__free(lookup);
	/* 50 times would be 15 s */
	ck_assert_int_lt(after.tv_sec - before.tv_sec, 5);
	ck_assert_str_eq(facts.name, "");
}
END_TEST

START_TEST(test_index)
{
	struct runtime_index *index;
	const struct runtime_container *found;
	char path[512];

	put_file("containerd/" TASKS "/default/redis/config.json",
		 "{\"linux\":{\"cgroupsPath\":\"/default/redis\"}}");
	put_file("containerd/" TASKS "/default/" ID "/config.json",
		 "{\"linux\":{\"cgroupsPath\":\"/default/hidden\"}}");
	ck_assert_int_eq(runtime_index__new(&index, &config, "", &mounts), 0);
	found = runtime_index__find(index, "/default/redis");
	ck_assert_ptr_nonnull(found);
	ck_assert_str_eq(found->id, "redis");
	ck_assert_str_eq(found->runtime, "containerd");
	found = runtime_index__find(index, "/default/redis/sub/cgroup");
	ck_assert_ptr_nonnull(found);
	ck_assert_str_eq(found->path, "/default/redis");
	ck_assert_ptr_null(runtime_index__find(index, "/default"));
	ck_assert_ptr_null(runtime_index__find(index, "/default/redis2"));
	ck_assert_ptr_null(runtime_index__find(index, "/"));

	/* one that comes later, in a namespace of its own; one whose document comes later still */
	put_file("containerd/" TASKS "/other/late/config.json",
		 "{\"linux\":{\"cgroupsPath\":\"/late\"}}");
	put_file("containerd/" TASKS "/other/later/not-yet", "");
	found = runtime_index__find(index, "/late");
	ck_assert_ptr_nonnull(found);
	ck_assert_ptr_null(runtime_index__find(index, "/later"));
	put_file("containerd/" TASKS "/other/later/config.json",
		 "{\"linux\":{\"cgroupsPath\":\"/later\"}}");
	for (int i = 0; i < 200 && !(found = runtime_index__find(index, "/later")); i++)
		usleep(10000);
	ck_assert_ptr_nonnull(found);
	ck_assert_str_eq(found->id, "later");

	/* and one that goes */
	snprintf(path, sizeof(path), "%s/containerd/" TASKS "/default/redis/config.json", dir);
	ck_assert_int_eq(unlink(path), 0);
	*strrchr(path, '/') = '\0';
	ck_assert_int_eq(rmdir(path), 0);
	for (int i = 0; i < 200 && (found = runtime_index__find(index, "/default/redis")); i++)
		usleep(10000);
	ck_assert_ptr_null(found);
	runtime_index__free(index);
}
END_TEST

Suite *runtime_state_suite(void)
{
	Suite *suite = suite_create("runtime_state");
	TCase *tcase = tcase_create("state");

	tcase_set_timeout(tcase, 20);
	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_containerd);
	tcase_add_test(tcase, test_containerd_pod);
	tcase_add_test(tcase, test_crio);
	tcase_add_test(tcase, test_nobody_knows);
	tcase_add_test(tcase, test_pipe);
	tcase_add_test(tcase, test_docker_api);
	tcase_add_test(tcase, test_podman_api);
	tcase_add_test(tcase, test_containerd_hangs);
	tcase_add_test(tcase, test_docker_hangs);
	tcase_add_test(tcase, test_index);
	suite_add_tcase(suite, tcase);
	return suite;
}
