// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <string.h>

#include "identity/names.h"

Suite *identity_names_suite(void);

static const struct {
	const char *pod;
	const char *owner;
} pods[] = {
	/* Deployments: a hash of digits in apimachinery's alphabet, and five random characters */
	{ "web-5d59d67564-8xk2p", "web" },
	{ "coredns-66bc5c9577-pkzgw", "coredns" },
	{ "my-long-name-957c9d6ff-2vdcx", "my-long-name" },
	{ "web-v2-6c4f9b8d57-zxcvb", "web-v2" },
	/* DaemonSets, Jobs, bare ReplicaSets */
	{ "kube-proxy-bx7gz", "kube-proxy" },
	{ "fluent-bit-4jd2r", "fluent-bit" },
	/* a segment that is no hash stays: it is part of the name */
	{ "web-primary-4jd2r", "web-primary" },
	{ "cache-abcdef1234-4jd2r", "cache-abcdef1234" },
	/* CronJobs */
	{ "backup-28391040-x7wlq", "backup" },
	{ "backup-1614556800-x7wlq", "backup" },
	/* StatefulSets */
	{ "db-0", "db" },
	{ "kafka-broker-12", "kafka-broker" },
	{ "pg-main-20240101", "pg-main-20240101" },
	/* static pods carry the node's name */
	{ "etcd-node-1.example.org", "etcd" },
	{ "kube-apiserver-node-1.example.org", "kube-apiserver" },
	/* no pattern: vowels, wrong lengths, nothing left over */
	{ "redis", "redis" },
	{ "my-store", "my-store" },
	{ "my-redis", "my-redis" },
	{ "bx7gz", "bx7gz" },
	{ "-bx7gz", "-bx7gz" },
	{ "-0", "-0" },
	{ "node-1.example.org", "node-1.example.org" },
	{ "", "" },
	{ "a-", "a-" },
};

START_TEST(test_pod_owner)
{
	char owner[LABEL_BYTES];

	names__pod_owner(owner, pods[_i].pod, "node-1.example.org");
	ck_assert_str_eq(owner, pods[_i].owner);
}
END_TEST

START_TEST(test_pod_owner_unknown_node)
{
	char owner[LABEL_BYTES];

	names__pod_owner(owner, "etcd-control", NULL);
	ck_assert_str_eq(owner, "etcd-control");
	names__pod_owner(owner, "etcd-control", "");
	ck_assert_str_eq(owner, "etcd-control");
}
END_TEST

START_TEST(test_clean)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{ "plain", "plain" },
		{ "tab\tnl\n\x7f", "tab_nl__" },
		{ "caf\xc3\xa9", "caf\xc3\xa9" },
		{ "\xf0\x9f\x90\xb3", "\xf0\x9f\x90\xb3" },
		{ "\xc3", "_" },		/* cut short */
		{ "\xc0\xaf", "__" },		/* overlong */
		{ "\xe0\x80\xaf", "___" },	/* overlong */
		{ "\xed\xa0\x80", "___" },	/* surrogate */
		{ "\xf4\x90\x80\x80", "____" }, /* above U+10FFFF */
		{ "\xff\xfe", "__" },
		{ "\xc2\x85", "__" }, /* a control character */
		{ "a\xe2\x82z", "a__z" },
	};
	char to[LABEL_BYTES];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		names__clean(to, rows[i].from, strlen(rows[i].from));
		ck_assert_str_eq(to, rows[i].to);
	}
	names__clean(to, "a\0b", 3);
	ck_assert_str_eq(to, "a_b");
}
END_TEST

/* What stands for no one cannot be taken, and what differs still differs. */
START_TEST(test_reserved)
{
	static const struct {
		const char *from, *to;
	} rows[] = {
		{ "__other__", "-__other__" },
		{ "__node__", "-__node__" },
		{ "__unknown__", "-__unknown__" },
		{ "__\n__", "-_____" },
		{ "-__other__", "--__other__" },
		{ "--__other__", "---__other__" },
		{ "_other_", "_other_" },
		{ "__other", "__other" },
		{ "other__", "other__" },
		{ "____", "____" },
		{ "-", "-" },
		{ "--", "--" },
		{ "", "" },
	};
	char from[301], to[LABEL_BYTES];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		names__clean(to, rows[i].from, strlen(rows[i].from));
		ck_assert_str_eq(to, rows[i].to);
	}
	/* also one that becomes it by being cut */
	memset(from, '_', 300);
	from[300] = '\0';
	names__clean(to, from, 300);
	ck_assert_uint_eq(strlen(to), 128);
	ck_assert_int_eq(to[0], '-');
	names__unit_app(to, "__node__.service");
	ck_assert_str_eq(to, "-__node__");
	names__short_id(to, "__other__");
	ck_assert_str_eq(to, "-__other__");
	names__pod_owner(to, "__other__-4jd2r", NULL);
	ck_assert_str_eq(to, "-__other__");
}
END_TEST

/* Executables are called as no container or unit can be. */
START_TEST(test_executable)
{
	static const struct {
		const char *name, *label;
	} rows[] = {
		{ "nginx", "nginx" },
		{ "nginx.service", "./nginx.service" },
		{ "run-1.scope", "./run-1.scope" },
		{ "4c01db0b339c", "./4c01db0b339c" },
		{ "4c01db0b339c@1000", "./4c01db0b339c@1000" },
		{ "4c01db0b339", "4c01db0b339" },
		{ "4C01DB0B339C", "4C01DB0B339C" },
		{ "web@", "web@" },
		{ "web@x", "web@x" },
		{ "__other__", "-__other__" },
		{ "service", "service" },
	};
	char to[LABEL_BYTES];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		names__executable(to, rows[i].name);
		ck_assert_str_eq(to, rows[i].label);
		ck_assert(names__is_executable(to, rows[i].name));
		ck_assert(!names__is_executable(to, "other"));
	}
	ck_assert(names__is_executable("./nginx", "nginx"));
	ck_assert(!names__is_executable("./nginx", "ginx"));
}
END_TEST

/* 128 bytes, and never half a character. */
START_TEST(test_clean_cuts)
{
	char from[301], to[LABEL_BYTES];

	memset(from, 'x', 300);
	from[300] = '\0';
	names__clean(to, from, 300);
	ck_assert_uint_eq(strlen(to), 128);
	memcpy(from + 127, "\xc3\xa9", 2);
	names__clean(to, from, 300);
	ck_assert_uint_eq(strlen(to), 127);
}
END_TEST

START_TEST(test_short_id)
{
	char to[LABEL_BYTES];

	names__short_id(to, "4c01db0b339c4d2a9a5d5b3c1f0e8a7d6c5b4a39281706f5e4d3c2b1a0f9e8d7");
	ck_assert_str_eq(to, "4c01db0b339c");
	names__short_id(to, "edgetap-test-a");
	ck_assert_str_eq(to, "edgetap-test-a");
	names__short_id(to, "deadbeefdeadbeef");
	ck_assert_str_eq(to, "deadbeefdeadbeef");
}
END_TEST

START_TEST(test_unit_app)
{
	char to[LABEL_BYTES];

	names__unit_app(to, "nginx.service");
	ck_assert_str_eq(to, "nginx");
	names__unit_app(to, "app-org.gnome.Web-12.scope");
	ck_assert_str_eq(to, "app-org.gnome.Web-12");
	names__unit_app(to, "postgresql@15-main.service");
	ck_assert_str_eq(to, "postgresql@15-main");
	names__unit_app(to, ".service");
	ck_assert_str_eq(to, ".service");
}
END_TEST

Suite *identity_names_suite(void)
{
	Suite *suite = suite_create("identity_names");
	TCase *tcase = tcase_create("names");

	tcase_add_loop_test(tcase, test_pod_owner, 0, sizeof(pods) / sizeof(pods[0]));
	tcase_add_test(tcase, test_pod_owner_unknown_node);
	tcase_add_test(tcase, test_clean);
	tcase_add_test(tcase, test_reserved);
	tcase_add_test(tcase, test_executable);
	tcase_add_test(tcase, test_clean_cuts);
	tcase_add_test(tcase, test_short_id);
	tcase_add_test(tcase, test_unit_app);
	suite_add_tcase(suite, tcase);
	return suite;
}
