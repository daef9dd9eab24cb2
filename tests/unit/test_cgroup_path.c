// SPDX-License-Identifier: Apache-2.0
/* Paths as Docker, kubelet, CRI-O, Podman, LXC, systemd and others make them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity/cgroup_path.h"
#include "identity/names.h"

Suite *cgroup_path_suite(void);

#define ID "4c01db0b339c4d2a9a5d5b3c1f0e8a7d6c5b4a39281706f5e4d3c2b1a0f9e8d7"
#define ID2 "ffeeddccbbaa99887766554433221100ffeeddccbbaa99887766554433221100"
#define UID "0dbb1b0a-5a0c-4f0a-9d1a-6f3f1c2b3a4d"
#define UID_ "0dbb1b0a_5a0c_4f0a_9d1a_6f3f1c2b3a4d"
#define KUBE "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" UID_ ".slice"

static const struct row {
	const char *path;
	enum cgroup_kind kind;
	const char *runtime;
	const char *name; /* id or unit; a user's with "@UID" behind it */
	const char *pod_uid;
} rows[] = {
	/* nothing */
	{ "/", CGROUP_SHARED, "", "", "" },
	{ "", CGROUP_SHARED, "", "", "" },
	{ "/init.scope", CGROUP_SHARED, "", "", "" },
	{ "/system.slice", CGROUP_SHARED, "", "", "" },
	{ "/user.slice/user-1000.slice", CGROUP_SHARED, "", "", "" },
	{ "/user.slice/user-1000.slice/session-3.scope", CGROUP_SHARED, "", "", "" },
	{ "/user.slice/user-1000.slice/session-c1.scope/x", CGROUP_SHARED, "", "", "" },
	{ "/user.slice/user-1000.slice/user@1000.service", CGROUP_SHARED, "", "", "" },
	{ "/user.slice/user-1000.slice/user@1000.service/init.scope", CGROUP_SHARED, "", "", "" },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice", CGROUP_SHARED, "", "", "" },
	{ "/user.slice/user-1000.slice/user@1000.service/tmux-spawn-1b2c.scope", CGROUP_SHARED, "",
	  "", "" },
	{ "/process_api/5e330fa2c5c5e3ecce941998fb86ad24", CGROUP_SHARED, "", "", "" },
	{ "/my/own/tree", CGROUP_SHARED, "", "", "" },
	{ "/docker", CGROUP_SHARED, "", "", "" },
	{ "/docker/buildx", CGROUP_SHARED, "", "", "" },
	{ "/kubepods/burstable", CGROUP_SHARED, "", "", "" },
	{ "/kubepods/burstable/pod" UID, CGROUP_SHARED, "", "", UID },
	{ KUBE, CGROUP_SHARED, "", "", UID },
	{ "/../../x", CGROUP_SHARED, "", "", "" },

	/* Docker */
	{ "/docker/" ID, CGROUP_CONTAINER, "docker", ID, "" },
	{ "/system.slice/docker-" ID ".scope", CGROUP_CONTAINER, "docker", ID, "" },
	{ "/system.slice/docker-compose.scope", CGROUP_UNIT, "systemd", "docker-compose.scope",
	  "" },
	{ "/system.slice/docker.service", CGROUP_UNIT, "systemd", "docker.service", "" },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/docker-" ID ".scope",
	  CGROUP_CONTAINER, "docker", ID "@1000", "" },
	{ "/actions_job/" ID, CGROUP_CONTAINER, "", ID, "" },
	{ "/ecs/9f0c1a2b3c4d5e6f708192a3b4c5d6e7/" ID, CGROUP_CONTAINER, "", ID, "" },
	{ "/docker/" ID "/init.scope", CGROUP_CONTAINER, "docker", ID, "" },
	{ "/docker/" ID "/system.slice/nginx.service", CGROUP_CONTAINER, "docker", ID, "" },
	{ "/docker/4C01DB0B", CGROUP_SHARED, "", "", "" },
	{ "/docker/" ID "0", CGROUP_SHARED, "", "", "" },

	/* containerd and kubelet */
	{ KUBE "/cri-containerd-" ID ".scope", CGROUP_CONTAINER, "containerd", ID, UID },
	{ "/kubepods.slice/kubepods-pod" UID_ ".slice/cri-containerd-" ID ".scope",
	  CGROUP_CONTAINER, "containerd", ID, UID },
	{ "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" UID_
	  ".slice/docker-" ID ".scope",
	  CGROUP_CONTAINER, "docker", ID, UID },
	{ "/kubepods/burstable/pod" UID "/" ID, CGROUP_CONTAINER, "", ID, UID },
	{ "/kubepods/besteffort/pod" UID "/" ID, CGROUP_CONTAINER, "", ID, UID },
	{ "/kubepods/pod" UID "/" ID "/sub", CGROUP_CONTAINER, "", ID, UID },
	{ "/kubepods/pod3d5e7a1b9c2f4e6d8a0b1c2d3e4f5a6b/" ID, CGROUP_CONTAINER, "", ID,
	  "3d5e7a1b9c2f4e6d8a0b1c2d3e4f5a6b" },
	{ "/kubepods/pod" UID "/chosen-name", CGROUP_CONTAINER, "", "chosen-name", UID },
	{ "/system.slice/kubepods-burstable-pod" UID_ ".slice:cri-containerd:" ID, CGROUP_CONTAINER,
	  "containerd", ID, "" },
	{ "/system.slice/containerd.service/kubepods-burstable-pod" UID_
	  ".slice:cri-containerd:" ID,
	  CGROUP_UNIT, "systemd", "containerd.service", "" },
	{ "/k8s.io/" ID, CGROUP_CONTAINER, "", ID, "" },
	{ "/default/redis", CGROUP_SHARED, "", "", "" },
	{ "/system.slice/nerdctl-" ID ".scope", CGROUP_CONTAINER, "containerd", ID, "" },
	{ "/system.slice/newthing-" ID ".scope", CGROUP_CONTAINER, "", ID, "" },
	{ "/x/cri-containerd-web.scope", CGROUP_CONTAINER, "containerd", "web", "" },

	/* who is in a container may call a cgroup as he likes: kind's nodes are one container */
	{ "/docker/" ID "/kubelet/kubepods/burstable/pod" UID "/" ID2, CGROUP_CONTAINER, "docker",
	  ID, "" },
	{ "/system.slice/docker-" ID ".scope/kubelet.slice/kubelet-kubepods.slice/"
	  "kubelet-kubepods-burstable.slice/kubelet-kubepods-burstable-pod" UID_
	  ".slice/cri-containerd-" ID2 ".scope",
	  CGROUP_CONTAINER, "docker", ID, "" },
	{ "/system.slice/docker-" ID ".scope/kubelet.slice/kubelet.service", CGROUP_CONTAINER,
	  "docker", ID, "" },
	{ KUBE "/cri-containerd-" ID ".scope/docker/" ID2, CGROUP_CONTAINER, "containerd", ID,
	  UID },
	{ "/docker/" ID "/docker-" ID2 ".scope", CGROUP_CONTAINER, "docker", ID, "" },
	{ "/docker/" ID "/" ID2, CGROUP_CONTAINER, "docker", ID, "" },
	{ "/docker/" ID "/libpod-" ID2 ".scope/container", CGROUP_CONTAINER, "docker", ID, "" },
	{ "/docker/" ID "/system.slice:docker:" ID2, CGROUP_CONTAINER, "docker", ID, "" },
	{ "/docker/" ID "/machine-web.scope", CGROUP_CONTAINER, "docker", ID, "" },
	{ "/docker/" ID "/user@0.service/x.service", CGROUP_CONTAINER, "docker", ID, "" },
	{ KUBE "/cri-containerd-" ID ".scope" KUBE "/cri-containerd-" ID2 ".scope",
	  CGROUP_CONTAINER, "containerd", ID, UID },
	{ "/kubepods/pod" UID "/" ID "/kubepods/besteffort/podffffffff-5a0c-4f0a/" ID2,
	  CGROUP_CONTAINER, "", ID, UID },

	/* CRI-O */
	{ KUBE "/crio-" ID ".scope", CGROUP_CONTAINER, "cri-o", ID, UID },
	{ KUBE "/crio-" ID ".scope/container", CGROUP_CONTAINER, "cri-o", ID, UID },
	{ KUBE "/crio-conmon-" ID ".scope", CGROUP_SHARED, "", "", UID },
	{ "/kubepods/burstable/pod" UID "/crio-" ID, CGROUP_CONTAINER, "cri-o", ID, UID },
	{ "/kubepods/burstable/pod" UID "/crio-conmon-" ID, CGROUP_SHARED, "", "", UID },

	/* Podman */
	{ "/machine.slice/libpod-" ID ".scope", CGROUP_CONTAINER, "podman", ID, "" },
	{ "/machine.slice/libpod-" ID ".scope/container", CGROUP_CONTAINER, "podman", ID, "" },
	{ "/machine.slice/libpod-conmon-" ID ".scope", CGROUP_SHARED, "", "", "" },
	{ "/machine.slice/machine-libpod_pod_" ID2 ".slice/libpod-" ID ".scope", CGROUP_CONTAINER,
	  "podman", ID, "" },
	{ "/libpod_parent/libpod-" ID, CGROUP_CONTAINER, "podman", ID, "" },
	{ "/libpod_parent/libpod-" ID "/ctr", CGROUP_CONTAINER, "podman", ID, "" },
	{ "/libpod_parent/conmon", CGROUP_SHARED, "", "", "" },
	{ "/libpod_parent", CGROUP_SHARED, "", "", "" },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" ID ".scope/container",
	  CGROUP_CONTAINER, "podman", ID "@1000", "" },
	{ "/system.slice/web.service/libpod-payload-" ID, CGROUP_UNIT, "systemd", "web.service",
	  "" },
	{ "/libpod_parent/libpod-payload-" ID, CGROUP_CONTAINER, "podman", ID, "" },
	{ "/system.slice/web.service/runtime", CGROUP_UNIT, "systemd", "web.service", "" },

	/* runc, crun with systemd */
	{ "/system.slice/runc-web.scope", CGROUP_CONTAINER, "runc", "web", "" },
	{ "/system.slice/crun-web.scope", CGROUP_CONTAINER, "crun", "web", "" },
	{ "/system.slice/runc-.scope", CGROUP_UNIT, "systemd", "runc-.scope", "" },

	/* LXC, nspawn, virtual machines */
	{ "/lxc/web", CGROUP_CONTAINER, "lxc", "web", "" },
	{ "/lxc/101/ns/system.slice/nginx.service", CGROUP_CONTAINER, "lxc", "101", "" },
	{ "/lxc.payload.web/system.slice", CGROUP_CONTAINER, "lxc", "web", "" },
	{ "/lxc.payload/web", CGROUP_CONTAINER, "lxc", "web", "" },
	{ "/lxc.monitor.web", CGROUP_SHARED, "", "", "" },
	{ "/lxc", CGROUP_SHARED, "", "", "" },
	{ "/lxc/web/docker/" ID, CGROUP_CONTAINER, "lxc", "web", "" },
	{ "/lxc/web/lxc/inner", CGROUP_CONTAINER, "lxc", "web", "" },
	{ "/machine.slice/machine-web.scope/payload/lxc/inner", CGROUP_CONTAINER, "systemd-nspawn",
	  "web", "" },
	{ "/docker/" ID "/lxc/tmp", CGROUP_CONTAINER, "docker", ID, "" },
	{ "/machine.slice/machine-deb\\x2dian.scope/payload", CGROUP_CONTAINER, "systemd-nspawn",
	  "deb-ian", "" },
	{ "/machine.slice/systemd-nspawn@web.service/payload/system.slice/a.service",
	  CGROUP_CONTAINER, "systemd-nspawn", "web", "" },
	{ "/machine.slice/machine-qemu\\x2d1\\x2dvm.scope", CGROUP_UNIT, "systemd",
	  "machine-qemu\\x2d1\\x2dvm.scope", "" },

	/* systemd */
	{ "/system.slice/nginx.service", CGROUP_UNIT, "systemd", "nginx.service", "" },
	{ "/system.slice/nginx.service/workers", CGROUP_UNIT, "systemd", "nginx.service", "" },
	{ "/system.slice/system-postgresql.slice/postgresql@15-main.service", CGROUP_UNIT,
	  "systemd", "postgresql@15-main.service", "" },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/app-web.service", CGROUP_UNIT,
	  "systemd", "app-web.service@1000", "" },
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/app-org.gnome.Web-12.scope",
	  CGROUP_UNIT, "systemd", "app-org.gnome.Web-12.scope@1000", "" },
	{ "/user.slice/user-0.slice/user@0.service/app.slice/nginx.service", CGROUP_UNIT, "systemd",
	  "nginx.service@0", "" },
	{ "/user.slice/user-1000.slice/user@1000.service/user@0.service/nginx.service", CGROUP_UNIT,
	  "systemd", "nginx.service@1000", "" },
	{ "/user.slice/user-1000.slice/user@1000.service/kubepods/pod" UID "/web", CGROUP_SHARED,
	  "", "", "" },
	{ "/user.slice/user-1000.slice/user@1000.service" KUBE "/cri-containerd-" ID ".scope",
	  CGROUP_CONTAINER, "containerd", ID "@1000", "" },
	{ "/user@4294967296.service/a.service", CGROUP_UNIT, "systemd", "a.service", "" },
	{ "/user@.service/a.service", CGROUP_UNIT, "systemd", "a.service", "" },
	{ "/user@x.service/a.service", CGROUP_UNIT, "systemd", "a.service", "" },
	{ "/system.slice/foo.service/bar.service", CGROUP_UNIT, "systemd", "foo.service", "" },
	{ "/system.slice/foo.service/docker-" ID ".scope", CGROUP_UNIT, "systemd", "foo.service",
	  "" },
	{ "/system.slice/foo.service/lxc/web", CGROUP_UNIT, "systemd", "foo.service", "" },
	{ "/system.slice/foo.service/user@7.service/a.service", CGROUP_UNIT, "systemd",
	  "foo.service", "" },
	{ "/system.slice/run-u12.scope", CGROUP_UNIT, "systemd", "run-u12.scope", "" },
	{ "/../system.slice/ssh.service", CGROUP_UNIT, "systemd", "ssh.service", "" },
};

START_TEST(test_table)
{
	const struct row *row = &rows[_i];
	char name[CGROUP_NAME_BYTES + 16];
	struct cgroup_path class;
	int len;

	cgroup_path__classify(row->path, &class);
	len = snprintf(name, sizeof(name), "%s", class.kind == CGROUP_UNIT ? class.unit : class.id);
	if (class.is_users)
		snprintf(name + len, sizeof(name) - (size_t)len, "@%u", class.user);
	ck_assert_msg(class.kind == row->kind, "%s: kind %d, not %d", row->path, class.kind,
		      row->kind);
	ck_assert_str_eq(class.runtime, row->runtime);
	ck_assert_str_eq(name, row->name);
	ck_assert_str_eq(class.kind == CGROUP_UNIT ? class.id : class.unit, "");
	ck_assert_str_eq(class.pod_uid, row->pod_uid);
}
END_TEST

START_TEST(test_instance)
{
	static const char *const labels[][2] = {
		{ "/docker/" ID, "4c01db0b339c" },
		{ "/lxc/web", "web" },
		{ "/lxc/__other__", "-__other__" },
		{ "/system.slice/nginx.service", "nginx.service" },
		{ "/user@1000.service/app.slice/nginx.service", "nginx.service@1000" },
		{ "/user@1000.service/docker-" ID ".scope", "4c01db0b339c@1000" },
		{ "/user@4294967295.service/lxc/web", "web@4294967295" },
	};
	char path[512], label[LABEL_BYTES];
	struct cgroup_path class;

	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		cgroup_path__classify(labels[i][0], &class);
		cgroup_path__instance(&class, label);
		ck_assert_str_eq(label, labels[i][1]);
	}
	/* whose it is stays, however long the name */
	snprintf(path, sizeof(path), "/user@1000.service/%0200d.service", 0);
	cgroup_path__classify(path, &class);
	cgroup_path__instance(&class, label);
	ck_assert_uint_eq(strlen(label), LABEL_BYTES - 1);
	ck_assert_str_eq(label + LABEL_BYTES - 1 - 5, "@1000");
}
END_TEST

/* A sub-cgroup has the same root as the container or unit itself. */
START_TEST(test_root_len)
{
	struct cgroup_path class;

	cgroup_path__classify("/docker/" ID "/system.slice/a.service", &class);
	ck_assert_uint_eq(class.root_len, strlen("/docker/" ID));
	cgroup_path__classify("/docker/" ID, &class);
	ck_assert_uint_eq(class.root_len, strlen("/docker/" ID));
	cgroup_path__classify("/system.slice/a.service/b/c", &class);
	ck_assert_uint_eq(class.root_len, strlen("/system.slice/a.service"));
	cgroup_path__classify("/system.slice", &class);
	ck_assert_uint_eq(class.root_len, 0);
}
END_TEST

/* A component longer than any directory name says nothing, and does no harm. */
START_TEST(test_long_component)
{
	char path[2048] = "/system.slice/";
	struct cgroup_path class;

	memset(path + strlen(path), 'x', 1000);
	strcat(path, ".service");
	cgroup_path__classify(path, &class);
	ck_assert_int_eq(class.kind, CGROUP_SHARED);
	strcat(path, "/docker-" ID ".scope");
	cgroup_path__classify(path, &class);
	ck_assert_int_eq(class.kind, CGROUP_CONTAINER);
	ck_assert_str_eq(class.id, ID);
}
END_TEST

Suite *cgroup_path_suite(void)
{
	Suite *suite = suite_create("cgroup_path");
	TCase *tcase = tcase_create("paths");

	tcase_add_loop_test(tcase, test_table, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tcase, test_instance);
	tcase_add_test(tcase, test_root_len);
	tcase_add_test(tcase, test_long_component);
	suite_add_tcase(suite, tcase);
	return suite;
}
