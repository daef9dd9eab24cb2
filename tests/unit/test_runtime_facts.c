// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "identity/runtime_facts.h"

Suite *runtime_facts_suite(void);

#define ID "4c01db0b339c4d2a9a5d5b3c1f0e8a7d6c5b4a39281706f5e4d3c2b1a0f9e8d7"

START_TEST(test_docker)
{
	static const char json[] =
		"{\"Id\":\"" ID
		"\",\"Name\":\"/shop-web-1\",\"Config\":{\"Hostname\":\"x\",\"Labels\":{"
		"\"com.docker.compose.project\":\"shop\",\"com.docker.compose.service\":\"web\"}}}";
	struct runtime_facts facts = { 0 };

	ck_assert_int_eq(runtime_facts__docker(&facts, json, strlen(json)), 0);
	ck_assert_str_eq(facts.name, "shop-web-1");
	ck_assert_str_eq(facts.app, "web");
	ck_assert_str_eq(facts.pod, "");
}
END_TEST

START_TEST(test_docker_in_kubernetes)
{
	static const char json[] =
		"{\"Name\":\"/k8s_c_p\",\"Config\":{\"Labels\":{\"app\":\"weak\","
		"\"io.kubernetes.pod.name\":\"web-0\",\"io.kubernetes.pod.namespace\":\"prod\","
		"\"io.kubernetes.container.name\":\"c\",\"app.kubernetes.io/name\":\"strong\","
		"\"k8s-app\":\"weakest\"}}}";
	struct runtime_facts facts = { 0 };

	ck_assert_int_eq(runtime_facts__docker(&facts, json, strlen(json)), 0);
	ck_assert_str_eq(facts.app, "strong");
	ck_assert_str_eq(facts.pod, "web-0");
	ck_assert_str_eq(facts.namespace_, "prod");
	ck_assert_str_eq(facts.container, "c");
}
END_TEST

START_TEST(test_cri_containerd)
{
	static const char json[] =
		"{\"ociVersion\":\"1.0.2\",\"annotations\":{\"io.kubernetes.cri.container-name\":\"nginx\","
		"\"io.kubernetes.cri.container-type\":\"container\",\"io.kubernetes.cri.sandbox-id\":\"" ID
		"\",\"io.kubernetes.cri.sandbox-name\":\"web-5d59d67564-8xk2p\","
		"\"io.kubernetes.cri.sandbox-namespace\":\"shop\"}}";
	struct runtime_facts facts = { 0 };

	ck_assert_int_eq(runtime_facts__oci(&facts, json, strlen(json)), 0);
	ck_assert_str_eq(facts.container, "nginx");
	ck_assert_str_eq(facts.pod, "web-5d59d67564-8xk2p");
	ck_assert_str_eq(facts.namespace_, "shop");
	ck_assert_str_eq(facts.sandbox_id, ID);
	ck_assert_str_eq(facts.app, "");
}
END_TEST

/* CRI-O packs labels into a string that is JSON again. */
START_TEST(test_crio)
{
	static const char json[] =
		"{\"annotations\":{\"io.kubernetes.cri-o.Labels\":\"{\\\"app.kubernetes.io/name\\\":"
		"\\\"cart\\\",\\\"io.kubernetes.container.name\\\":\\\"c\\\"}\","
		"\"io.kubernetes.pod.name\":\"cart-0\",\"io.kubernetes.pod.namespace\":\"shop\"}}";
	struct runtime_facts facts = { 0 };

	ck_assert_int_eq(runtime_facts__oci(&facts, json, strlen(json)), 0);
	ck_assert_str_eq(facts.app, "cart");
	ck_assert_str_eq(facts.container, "c");
	ck_assert_str_eq(facts.pod, "cart-0");
}
END_TEST

START_TEST(test_podman_list)
{
	static const char json[] = "[{\"id\":\"aa\",\"names\":[\"one\"]},7,{\"id\":\"" ID
				   "\",\"names\":[\"two\",\"zwei\"],\"metadata\":\"{}\"}]";
	struct runtime_facts facts = { 0 };

	ck_assert_int_eq(runtime_facts__storage(&facts, json, strlen(json), ID), 0);
	ck_assert_str_eq(facts.name, "two");
	ck_assert_int_eq(runtime_facts__storage(&facts, json, strlen(json), "none"), -ENOENT);
}
END_TEST

START_TEST(test_runc)
{
	static const char json[] = "{\"id\":\"web\",\"config\":{\"labels\":[\"bundle=/srv/b\","
				   "\"app.kubernetes.io/name=shop=1\",5,\"odd\"]}}";
	struct runtime_facts facts = { 0 };

	ck_assert_int_eq(runtime_facts__runc(&facts, json, strlen(json)), 0);
	ck_assert_str_eq(facts.name, "web");
	ck_assert_str_eq(facts.bundle, "/srv/b");
	ck_assert_str_eq(facts.app, "shop=1");
}
END_TEST

/* Whoever writes these files may not be our friend. */
START_TEST(test_hostile)
{
	static const char *const json[] = {
		"",
		"{",
		"[]",
		"null",
		"7",
		"\"x\"",
		"{\"Name\":7}",
		"{\"Name\":null,\"Config\":[]}",
		"{\"annotations\":7}",
		"{\"annotations\":{\"io.kubernetes.cri-o.Labels\":\"{{\"}}",
		"{\"annotations\":{\"io.kubernetes.cri-o.Labels\":\"[1]\"}}",
		"{\"id\":\"x\",\"config\":{\"labels\":{\"a\":1}}}",
		"[[[[{\"id\":{}}]]]]",
		"{\"cgroup_paths\":[],\"linux\":7,\"cgroup-path\":{}}",
	};

	for (size_t i = 0; i < sizeof(json) / sizeof(json[0]); i++) {
		struct runtime_facts facts = { 0 };

		runtime_facts__docker(&facts, json[i], strlen(json[i]));
		runtime_facts__oci(&facts, json[i], strlen(json[i]));
		runtime_facts__runc(&facts, json[i], strlen(json[i]));
		runtime_facts__storage(&facts, json[i], strlen(json[i]), ID);
		ck_assert_str_eq(facts.app, "");
		ck_assert_str_eq(facts.pod, "");
	}
}
END_TEST

START_TEST(test_names_are_cleaned)
{
	static const char json[] =
		"{\"Name\":\"/a\\u0000b\\nc\",\"Config\":{\"Labels\":{\"app\":\"\\u0007\"}}}";
	struct runtime_facts facts = { 0 };

	ck_assert_int_eq(runtime_facts__docker(&facts, json, strlen(json)), 0);
	ck_assert_str_eq(facts.app, "_");
	ck_assert_str_eq(facts.name, "a");
}
END_TEST

START_TEST(test_depth_and_size)
{
	struct runtime_facts facts = { 0 };
	char *json = malloc(RUNTIME_DOCUMENT_MAX + 2);

	ck_assert_ptr_nonnull(json);
	memset(json, '[', RUNTIME_DOCUMENT_MAX + 1);
	ck_assert_int_eq(runtime_facts__oci(&facts, json, RUNTIME_DOCUMENT_MAX), -EBADMSG);
	/* well-formed, but too large to be looked at */
	memset(json, ' ', RUNTIME_DOCUMENT_MAX + 1);
	memcpy(json, "{}", 2);
	ck_assert_int_eq(runtime_facts__oci(&facts, json, RUNTIME_DOCUMENT_MAX), 0);
	ck_assert_int_eq(runtime_facts__oci(&facts, json, RUNTIME_DOCUMENT_MAX + 1), -EBADMSG);
	free(json);
}
END_TEST

static const char *strip(void *ctx, const char *file)
{
	size_t len = strlen(ctx);

	return strncmp(file, ctx, len) == 0 ? file + len : NULL;
}

START_TEST(test_cgroup)
{
	static const struct {
		const char *json;
		int err;
		const char *path;
	} rows[] = {
		{ "{\"cgroup_paths\":{\"\":\"/cg/unified/a\",\"memory\":\"/cg/unified/b\"}}", 0,
		  "/a" },
		{ "{\"cgroup_paths\":{\"\":\"/elsewhere/a\",\"memory\":\"/cg/unified/b/\"}}", 0,
		  "/b" },
		{ "{\"cgroup_paths\":{\"memory\":\"/elsewhere/b\"}}", -ENOENT, NULL },
		{ "{\"cgroup-path\":\"/c\",\"pid\":1}", 0, "/c" },
		{ "{\"linux\":{\"cgroupsPath\":\"/default/redis\"}}", 0, "/default/redis" },
		{ "{\"linux\":{\"cgroupsPath\":\"no/slash\"}}", 0, "/no/slash" },
		{ "{\"linux\":{\"cgroupsPath\":\"a.slice:runc:x\"}}", -ENOENT, NULL },
		{ "{\"linux\":{\"cgroupsPath\":\"\"}}", -ENOENT, NULL },
		{ "{\"linux\":{}}", -ENOENT, NULL },
		{ "[]", -EBADMSG, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char path[64];
		int err = runtime_facts__cgroup(rows[i].json, strlen(rows[i].json), strip,
						"/cg/unified", path, sizeof(path));

		ck_assert_msg(err == rows[i].err, "row %zu: %d", i, err);
		if (!err)
			ck_assert_str_eq(path, rows[i].path);
	}
}
END_TEST

/* Where labels ask to be scraped: all of them, or nowhere. */
START_TEST(test_metrics)
{
#define LABELS(more) "{\"Name\":\"/a\",\"Config\":{\"Labels\":{" more "}}}"
#define SCRAPE "\"prometheus.io/scrape\":\"true\""
	static const struct {
		const char *json;
		uint16_t port;
		const char *path;
	} rows[] = {
		{ LABELS(SCRAPE ",\"prometheus.io/port\":\"9100\""), 9100, "/metrics" },
		{ LABELS(SCRAPE ",\"prometheus.io/port\":\"1\",\"prometheus.io/path\":\"/x?y=z\","
				"\"prometheus.io/scheme\":\"http\""),
		  1, "/x?y=z" },
		{ LABELS(SCRAPE), 0, NULL },
		{ LABELS("\"prometheus.io/port\":\"9100\""), 0, NULL },
		{ LABELS("\"prometheus.io/scrape\":\"false\",\"prometheus.io/port\":\"9100\""), 0,
		  NULL },
		{ LABELS(SCRAPE ",\"prometheus.io/port\":\"0\""), 0, NULL },
		{ LABELS(SCRAPE ",\"prometheus.io/port\":\"65536\""), 0, NULL },
		{ LABELS(SCRAPE ",\"prometheus.io/port\":\"910000000\""), 0, NULL },
		{ LABELS(SCRAPE ",\"prometheus.io/port\":\"9100x\""), 0, NULL },
		{ LABELS(SCRAPE ",\"prometheus.io/port\":9100"), 0, NULL },
		{ LABELS(SCRAPE ",\"prometheus.io/port\":\"91\\u000000\""), 0, NULL },
		{ LABELS(SCRAPE ",\"prometheus.io/port\":\"1\",\"prometheus.io/scheme\":\"https\""),
		  0, NULL },
		{ LABELS(SCRAPE ",\"prometheus.io/port\":\"1\",\"prometheus.io/path\":\"metrics\""),
		  0, NULL },
		{ LABELS(SCRAPE ",\"prometheus.io/port\":\"1\",\"prometheus.io/path\":\"/a b\""), 0,
		  NULL },
		{ LABELS(SCRAPE ",\"prometheus.io/port\":\"1\","
				"\"prometheus.io/path\":\"/a\\r\\nHost: x\""),
		  0, NULL },
	};
	struct runtime_facts facts = { 0 };
	char json[1024];
	const char *path;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		facts = (struct runtime_facts){ 0 };
		ck_assert_int_eq(runtime_facts__docker(&facts, rows[i].json, strlen(rows[i].json)),
				 0);
		ck_assert_msg(runtime_facts__metrics(&facts, &path) == rows[i].port, "%s",
			      rows[i].json);
		if (rows[i].port)
			ck_assert_str_eq(path, rows[i].path);
	}
	/* a path that is too long is none, not a shorter one */
	facts = (struct runtime_facts){ 0 };
	snprintf(json, sizeof(json),
		 LABELS(SCRAPE ",\"prometheus.io/port\":\"1\",\"prometheus.io/path\":\"/%0300d\""),
		 1);
	ck_assert_int_eq(runtime_facts__docker(&facts, json, strlen(json)), 0);
	ck_assert_uint_eq(runtime_facts__metrics(&facts, &path), 0);
	/* CRI-O packs a pod's annotations into one, as a text */
	facts = (struct runtime_facts){ 0 };
	snprintf(
		json, sizeof(json),
		"{\"annotations\":{\"io.kubernetes.cri-o.Annotations\":\"{\\\"prometheus.io/scrape\\\":"
		"\\\"true\\\",\\\"prometheus.io/port\\\":\\\"8080\\\"}\"}}");
	ck_assert_int_eq(runtime_facts__oci(&facts, json, strlen(json)), 0);
	ck_assert_uint_eq(runtime_facts__metrics(&facts, &path), 8080);
}
END_TEST

Suite *runtime_facts_suite(void)
{
	Suite *suite = suite_create("runtime_facts");
	TCase *tcase = tcase_create("documents");

	tcase_add_test(tcase, test_docker);
	tcase_add_test(tcase, test_docker_in_kubernetes);
	tcase_add_test(tcase, test_cri_containerd);
	tcase_add_test(tcase, test_crio);
	tcase_add_test(tcase, test_podman_list);
	tcase_add_test(tcase, test_runc);
	tcase_add_test(tcase, test_hostile);
	tcase_add_test(tcase, test_names_are_cleaned);
	tcase_add_test(tcase, test_depth_and_size);
	tcase_add_test(tcase, test_cgroup);
	tcase_add_test(tcase, test_metrics);
	suite_add_tcase(suite, tcase);
	return suite;
}
