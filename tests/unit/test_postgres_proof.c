// SPDX-License-Identifier: Apache-2.0
/* Who a server is, by what it cannot choose; and which rules give a password to anybody. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/passwd.h"
#include "collect/postgres/proof.h"
#include "config/config.h"
#include "config/databases.h"
#include "config/warnings.h"
#include "identity/cgroup_path.h"

Suite *postgres_proof_suite(void);

#define UID 4242
#define HEX "abababababababababababababababababababababababababababababababab"
#define OTHER "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"

static const struct {
	const char *path;
	size_t length; /* 0: it is not in the unit db.service */
} units[] = {
	{ "/system.slice/db.service", 24 },
	{ "/db.service", 11 },
	{ "/system.slice/system-db.slice/db.service", 40 },
	{ "/system.slice/db.service/sub", 24 },
	{ "/system.slice/adb.service", 0 },
	{ "/system.slice/db.service.d", 0 },
	{ "/system.slice", 0 },
	{ "/", 0 },
	{ "", 0 },
	/* a user's own manager has units of any name */
	{ "/user.slice/user-1000.slice/user@1000.service/app.slice/db.service", 0 },
	{ "/user.slice/user-1000.slice/user@1000.service/db.service", 0 },
	{ "/user.slice/user-1000.slice/session-1.scope/db.service", 0 },
	/* and so has one in a container, or in a unit that may make cgroups */
	{ "/system.slice/docker-" HEX ".scope/system.slice/db.service", 0 },
	{ "/docker/" HEX "/system.slice/db.service", 0 },
	{ "/lxc.payload.a/system.slice/db.service", 0 },
	{ "/system.slice/runner.service/db.service", 0 },
	{ "/system.slice/runner.service/x.slice/db.service", 0 },
	{ "/custom/db.service", 0 },
	{ "/system.slice/../db.service", 0 },
	/* a container of the unit's is not the unit */
	{ "/system.slice/db.service/libpod-payload-" HEX, 0 },
};

START_TEST(test_units)
{
	ck_assert_msg(proof__in_unit(units[_i].path, "db.service") == units[_i].length, "%s",
		      units[_i].path);
}
END_TEST

static const struct {
	const char *path, *id; /* NULL: none that counts */
} containers[] = {
	{ "/docker/" HEX, HEX },
	{ "/system.slice/docker-" HEX ".scope", HEX },
	{ "/machine.slice/libpod-" HEX ".scope/container", HEX },
	{ "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod12345678.slice/"
	  "cri-containerd-" HEX ".scope",
	  HEX },
	{ "/kubepods/burstable/pod12345678-1234/" HEX, HEX },
	{ "/runc-shop-db.scope", "shop-db" },
	{ "/lxc.payload.shop", "shop" },
	{ "/docker/" HEX "/system.slice/x.service", HEX },
	{ "/system.slice/db.service", NULL },
	{ "/user.slice/user-1000.slice/user@1000.service/docker-" HEX ".scope", NULL },
	{ "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" HEX ".scope", NULL },
	{ "/user.slice/user-1000.slice/session-3.scope/docker/" HEX, NULL },
	{ "/system.slice/runner.service/docker/" HEX, NULL },
	{ "/a/../docker/" HEX, NULL },
	{ "/", NULL },
	{ "", NULL },
};

START_TEST(test_containers)
{
	char id[CGROUP_NAME_BYTES] = "";
	size_t length = proof__in_container(containers[_i].path, id);

	ck_assert_msg((length != 0) == (containers[_i].id != NULL), "%s", containers[_i].path);
	if (length)
		ck_assert_str_eq(id, containers[_i].id);
}
END_TEST

/* Whoever may make cgroups in his container is still in that, or in none that counts. */
START_TEST(test_inner_container)
{
	static const char *const paths[] = { "/docker/" OTHER "/docker-" HEX ".scope",
					     "/docker/" OTHER "/docker/" HEX,
					     "/lxc.payload.mine/docker/" HEX };
	char id[CGROUP_NAME_BYTES];

	for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
		memset(id, 0, sizeof(id));
		ck_assert_msg(!proof__in_container(paths[i], id) || strcmp(id, HEX) != 0, "%s",
			      paths[i]);
	}
}
END_TEST

START_TEST(test_ids)
{
	ck_assert(proof__is_id(HEX, HEX));
	ck_assert(proof__is_id(HEX, "abababababab"));
	ck_assert(!proof__is_id(HEX, "ababababab"));
	ck_assert(!proof__is_id(HEX, "abababababac"));
	ck_assert(!proof__is_id(HEX, ""));
	ck_assert(!proof__is_id(HEX, HEX "ab"));
	ck_assert(proof__is_id("shop-db", "shop-db"));
	ck_assert(!proof__is_id("shop-db-with-a-long-name", "shop-db-with-a-long"));
	/* a name that begins like an id is no id */
	ck_assert(!proof__is_id("abababababab-db", "abababababab"));
}
END_TEST

START_TEST(test_users)
{
	static const char passwd[] =
		"root:x:0:0:root:/root:/bin/sh\n\nbroken\npostgres2:x:7:7::/:\n"
		"postgres:x:26:26:P:/var/lib:/bin/sh\nempty:x::1::/:\n"
		"odd:x:5a:1::/:\nlast:x:999:1::/:";
	uid_t uid;

	ck_assert_int_eq(passwd__find(passwd, "postgres", &uid), 0);
	ck_assert_uint_eq(uid, 26);
	ck_assert_int_eq(passwd__find(passwd, "last", &uid), 0);
	ck_assert_uint_eq(uid, 999);
	ck_assert_int_eq(passwd__find("", "0", &uid), 0);
	ck_assert_uint_eq(uid, 0);
	ck_assert_int_eq(passwd__find("", "4294967294", &uid), 0);
	ck_assert_int_eq(passwd__find("", "4294967295", &uid), -ENOENT);
	ck_assert_int_eq(passwd__find("", "26a", &uid), -ENOENT);
	for (const char *const *name = (const char *const[]){ "postgre", "broken", "empty", "odd",
							      "nobody", "x", NULL };
	     *name; name++)
		ck_assert_int_eq(passwd__find(passwd, *name, &uid), -ENOENT);
	ck_assert(proof__has_user("Name:\tx\nUid:\t26\t26\t26\t26\nGid:\t0\t0\t0\t0\n", 26));
	/* a program that is set-uid, or on its way to another user */
	ck_assert(!proof__has_user("Name:\tx\nUid:\t9\t26\t26\t26\n", 26));
	ck_assert(!proof__has_user("Name:\tx\nUid:\t26\t9\t26\t26\n", 26));
	ck_assert(!proof__has_user("Name:\tx\nUid:\t26\t26\t9\t26\n", 26));
	ck_assert(!proof__has_user("Name:\tx\nUid:\t26\t26\t26\t9\n", 26));
	ck_assert(!proof__has_user("Name:\tUid:\t26\t26\t26\t26\n", 26));
	ck_assert(!proof__has_user("", 26));
}
END_TEST

/* A process of a user, in another PID namespace if that is wanted; its directory in /proc. */
static pid_t start(uid_t uid, bool is_contained, const char *program, int *ret_process)
{
	struct clone_args args = { .flags = is_contained ? CLONE_NEWPID : 0,
				   .exit_signal = SIGCHLD };
	char path[64], byte;
	int ready[2];
	pid_t pid;

	ck_assert_int_eq(pipe2(ready, O_CLOEXEC), 0);
	pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	ck_assert_int_ge(pid, 0);
	if (!pid) {
		if (setresuid(uid, uid, uid))
			_exit(1);
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl(program, "sleep", "100", (char *)NULL);
		_exit(2);
	}
	close(ready[1]);
	/* closed by the execve */
	ck_assert_int_eq(read(ready[0], &byte, 1), 0);
	close(ready[0]);
	snprintf(path, sizeof(path), "/proc/%d", (int)pid);
	*ret_process = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ck_assert_int_ge(*ret_process, 0);
	return pid;
}

static void end(pid_t pid, int process)
{
	close(process);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static char sleep_path[4096]; /* without links */

static bool can_run(void)
{
	if (geteuid() == 0 && realpath("/bin/sleep", sleep_path))
		return true;
	fprintf(stderr, "SKIP postgres_proof: not root\n");
	return false;
}

/* What is demanded holds for the process or it does not, each alone and without a password. */
START_TEST(test_processes)
{
	struct config_postgres user = { .match_user = "4242" }, other = { .match_user = "4243" },
			       unit = { .match_unit = "db.service" },
			       container = { .match_container = HEX },
			       nobody = { .match_user = "no-such-user" }, anything = {},
			       exe = { .match_exe = sleep_path };
	char sentence[POSTGRES_SENTENCE_BYTES] = "";
	int process;
	pid_t pid;

	if (!can_run())
		return;
	proof__prepare();
	pid = start(UID, false, sleep_path, &process);
	ck_assert_int_eq(proof__check(process, &anything, sentence), 0);
	ck_assert_int_eq(proof__check(process, &user, sentence), 0);
	ck_assert_int_eq(proof__check(process, &exe, sentence), 0);
	ck_assert_str_eq(sentence, "");
	ck_assert_int_eq(proof__check(process, &other, sentence), -EPERM);
	ck_assert_ptr_nonnull(strstr(sentence, "4243"));
	ck_assert_int_eq(proof__check(process, &nobody, sentence), -EPERM);
	ck_assert_int_eq(proof__check(process, &unit, sentence), -EPERM);
	ck_assert_int_eq(proof__check(process, &container, sentence), -EPERM);
	/* all of it, not any of it */
	user.match_unit = "db.service";
	ck_assert_int_eq(proof__check(process, &user, sentence), -EPERM);
	end(pid, process);
	/* one that has ended is nobody */
	pid = start(UID, false, sleep_path, &process);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	user.match_unit = NULL;
	ck_assert_int_eq(proof__check(process, &user, sentence), -EPERM);
	close(process);
}
END_TEST

/* A password takes more than an executable, and in a container more than a user. */
START_TEST(test_passwords)
{
	struct config_postgres user = { .match_user = "4242", .password_file = "/x" },
			       exe = { .match_exe = sleep_path, .password_file = "/x" },
			       name = { .match_app = "shop-db", .password_file = "/x" };
	char sentence[POSTGRES_SENTENCE_BYTES];
	int process;
	pid_t pid;

	if (!can_run())
		return;
	proof__prepare();
	pid = start(UID, false, sleep_path, &process);
	ck_assert_int_eq(proof__check(process, &user, sentence), 0);
	ck_assert_int_eq(proof__check(process, &exe, sentence), -EPERM);
	ck_assert_int_eq(proof__check(process, &name, sentence), -EPERM);
	end(pid, process);
	pid = start(UID, true, sleep_path, &process);
	ck_assert_int_eq(proof__check(process, &user, sentence), -EPERM);
	ck_assert_ptr_nonnull(strstr(sentence, "container"));
	end(pid, process);
}
END_TEST

static void copy(const char *from, const char *to)
{
	static char bytes[1 << 20];
	int in = open(from, O_RDONLY | O_CLOEXEC);
	int out = open(to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0755);
	ssize_t got;

	ck_assert(in >= 0 && out >= 0);
	while ((got = read(in, bytes, sizeof(bytes))) > 0)
		ck_assert_int_eq(write(out, bytes, (size_t)got), got);
	close(in);
	close(out);
}

/* The file itself, where nobody but root could put another. */
START_TEST(test_executables)
{
	/* /run is root's alone, /tmp anybody's */
	char directory[] = "/run/edgetap-proof-XXXXXX", open_to_all[] = "/tmp/edgetap-proof-XXXXXX";
	char mine[64], link_to_it[64], another[64], loose[64], sentence[POSTGRES_SENTENCE_BYTES];
	struct config_postgres exe = {};
	int process;
	pid_t pid;

	if (!can_run())
		return;
	proof__prepare();
	ck_assert(mkdtemp(directory) && mkdtemp(open_to_all));
	snprintf(mine, sizeof(mine), "%s/sleep", directory);
	snprintf(another, sizeof(another), "%s/another", directory);
	snprintf(link_to_it, sizeof(link_to_it), "%s/link", directory);
	snprintf(loose, sizeof(loose), "%s/sleep", open_to_all);
	ck_assert_int_eq(chmod(directory, 0755), 0);
	copy(sleep_path, mine);
	copy(sleep_path, another);
	copy(sleep_path, loose);
	ck_assert_int_eq(symlink(mine, link_to_it), 0);

	pid = start(0, false, mine, &process);
	exe.match_exe = mine;
	ck_assert_int_eq(proof__check(process, &exe, sentence), 0);
	exe.match_exe = another;
	ck_assert_int_eq(proof__check(process, &exe, sentence), -EPERM);
	exe.match_exe = link_to_it;
	ck_assert_int_eq(proof__check(process, &exe, sentence), -EPERM);
	exe.match_exe = mine;
	ck_assert_int_eq(chown(mine, UID, 0), 0);
	ck_assert_int_eq(proof__check(process, &exe, sentence), -EPERM);
	ck_assert_int_eq(chown(mine, 0, 0), 0);
	ck_assert_int_eq(chmod(directory, 0775), 0);
	ck_assert_int_eq(proof__check(process, &exe, sentence), -EPERM);
	ck_assert_int_eq(chmod(directory, 0757), 0);
	ck_assert_int_eq(proof__check(process, &exe, sentence), -EPERM);
	ck_assert_int_eq(chmod(directory, 0755), 0);
	ck_assert_int_eq(chown(directory, UID, 0), 0);
	ck_assert_int_eq(proof__check(process, &exe, sentence), -EPERM);
	ck_assert_int_eq(chown(directory, 0, 0), 0);
	ck_assert_int_eq(proof__check(process, &exe, sentence), 0);
	/* another file has taken its place */
	ck_assert_int_eq(rename(another, mine), 0);
	ck_assert_int_eq(proof__check(process, &exe, sentence), -EPERM);
	end(pid, process);

	pid = start(0, false, loose, &process);
	exe.match_exe = loose;
	ck_assert_int_eq(proof__check(process, &exe, sentence), -EPERM);
	end(pid, process);
	unlink(mine);
	unlink(link_to_it);
	unlink(loose);
	rmdir(directory);
	rmdir(open_to_all);
}
END_TEST

static struct config config;
static struct config_error error;

static int parse(const char *text)
{
	config__free(&config);
	ck_assert_int_eq(config__init(&config, &error), 0);
	return config__parse(&config, text, strlen(text), "c", &error);
}

static const struct {
	const char *match, *expectation; /* NULL: good */
} matches[] = {
	{ "user: postgres", NULL },
	{ "user: 26", NULL },
	{ "user: \"26\"", NULL },
	{ "unit: postgresql@15-main.service", NULL },
	{ "exe: /usr/lib/postgresql/15/bin/postgres", NULL },
	{ "container: abababababab", NULL },
	{ "container: shop-db_1", NULL },
	{ "user: -1", "c:2: postgres.match.user: expected the name or the number of a user" },
	{ "user: 4294967295",
	  "c:2: postgres.match.user: expected the name or the number of a user" },
	{ "user: \"post*\"",
	  "c:2: postgres.match.user: expected the name or the number of a user" },
	{ "user: \"\"", "c:2: postgres.match.user: expected the name or the number of a user" },
	{ "unit: postgresql",
	  "c:2: postgres.match.unit: expected the whole name of a service, such as "
	  "postgresql.service" },
	{ "unit: \"postgresql@*.service\"",
	  "c:2: postgres.match.unit: expected the whole name of a service, such as "
	  "postgresql.service" },
	{ "unit: a/b.service",
	  "c:2: postgres.match.unit: expected the whole name of a service, such as "
	  "postgresql.service" },
	{ "unit: session-1.scope",
	  "c:2: postgres.match.unit: expected the whole name of a service, such as "
	  "postgresql.service" },
	{ "exe: postgres",
	  "c:2: postgres.match.exe: expected the absolute path of an executable, without links, . "
	  "and .." },
	{ "exe: /usr/*/postgres",
	  "c:2: postgres.match.exe: expected the absolute path of an executable, without links, . "
	  "and .." },
	{ "exe: /usr/../postgres",
	  "c:2: postgres.match.exe: expected the absolute path of an executable, without links, . "
	  "and .." },
	{ "container: \"shop-*\"",
	  "c:2: postgres.match.container: expected the name of a container, or twelve digits or "
	  "more of its id" },
	{ "container: [a]",
	  "c:2: postgres.match.container: expected the name of a container, or twelve digits or "
	  "more of its id, got a list" },
	{ "uid: 26",
	  "c:2: unknown key \"postgres.match.uid\", expected one of app, instance, user, unit, exe, "
	  "container" },
};

START_TEST(test_config)
{
	char text[512];
	int err;

	snprintf(text, sizeof(text),
		 "postgres:\n  - match: { app: a, %s }\n    password_file: /x\n",
		 matches[_i].match);
	err = parse(text);
	if (matches[_i].expectation) {
		ck_assert_int_lt(err, 0);
		ck_assert_str_eq(error.text, matches[_i].expectation);
	} else {
		ck_assert_msg(err == 0, "%s", error.text);
	}
	config__free(&config);
}
END_TEST

static char said[4096];

static void say(void *ctx, const char *sentence)
{
	(void)ctx;
	strcat(said, sentence);
	strcat(said, "\n");
}

static const struct {
	const char *rule;
	const char *warning; /* a part of it; NULL: none */
} rules[] = {
	{ "{ match: { app: a }, password_file: /x }", "user, unit or container" },
	{ "{ password_file: /x }", "user, unit or container" },
	{ "{ match: { instance: a, exe: /bin/a }, password_file: /x }", "user, unit or container" },
	{ "{ match: { app: a }, password_file: /x, cleartext: true }", "user, unit or container" },
	{ "{ match: { user: a }, password_file: /x }", NULL },
	{ "{ match: { unit: a.service }, password_file: /x }", NULL },
	{ "{ match: { container: a }, password_file: /x, conninfo: user=b }", NULL },
	{ "{ match: { app: a }, conninfo: user=b }", NULL },
	{ "{ match: { app: a }, password_file: /x, ask: false }", NULL },
	{ "{ match: { user: a }, password_file: /x, conninfo: host=127.0.0.1 }", "sslmode" },
	{ "{ match: { user: a }, password_file: /x, conninfo: hostaddr=127.0.0.1 }", "sslmode" },
	{ "{ match: { user: a }, password_file: /x, conninfo: \"host=h sslmode=require\" }",
	  "sslmode" },
	{ "{ match: { user: a }, password_file: /x, conninfo: \"host=h sslmode=prefer\" }",
	  "sslmode" },
	{ "{ match: { user: a }, password_file: /x, conninfo: \"host=/tmp hostaddr=127.0.0.1\" }",
	  "sslmode" },
	{ "{ match: { user: a }, password_file: /x, conninfo: \"host=h sslmode=verify-ca\" }",
	  NULL },
	{ "{ match: { user: a }, password_file: /x, conninfo: \"host=h sslmode=verify-full\" }",
	  NULL },
	{ "{ match: { user: a }, password_file: /x, conninfo: \"host=h sslmode=disable\" }", NULL },
	{ "{ match: { user: a }, password_file: /x, conninfo: host=/tmp }", NULL },
	{ "{ match: { user: a }, password_file: /x, conninfo: host=h, cleartext: true }", NULL },
	{ "{ match: { user: a }, password_file: /x, conninfo: \"host=/tmp,h sslmode=disable\" }",
	  "one host" },
	{ "{ match: { user: a }, password_file: /x, conninfo: \"host=h port=1,2 sslmode=disable\" }",
	  "one host" },
	{ "{ match: { user: a }, password_file: /x, conninfo: \"postgresql://h,i/?sslmode=disable\" "
	  "}",
	  "one host" },
};

/* What is not used is said, once for each, and the configuration can be loaded. */
START_TEST(test_warnings)
{
	char text[1024];

	snprintf(text, sizeof(text), "postgres:\n  - %s\n", rules[_i].rule);
	ck_assert_msg(parse(text) == 0, "%s", error.text);
	ck_assert_int_eq(config_databases__obstacle(config.postgres_rules) != NULL,
			 rules[_i].warning != NULL);
	said[0] = '\0';
	config_warnings__each(&config, say, NULL);
	if (rules[_i].warning)
		ck_assert_msg(strstr(said, "/x is not used") && strstr(said, rules[_i].warning) &&
				      strchr(said, '\n') == strrchr(said, '\n'),
			      "%s: %s", rules[_i].rule, said);
	else
		ck_assert_str_eq(said, "");
	config__free(&config);
}
END_TEST

#define COUNT(list) ((int)(sizeof(list) / sizeof((list)[0])))

Suite *postgres_proof_suite(void)
{
	Suite *suite = suite_create("postgres_proof");
	TCase *tests = tcase_create("proof");

	tcase_add_loop_test(tests, test_units, 0, COUNT(units));
	tcase_add_loop_test(tests, test_containers, 0, COUNT(containers));
	tcase_add_test(tests, test_inner_container);
	tcase_add_test(tests, test_ids);
	tcase_add_test(tests, test_users);
	tcase_add_test(tests, test_processes);
	tcase_add_test(tests, test_passwords);
	tcase_add_test(tests, test_executables);
	suite_add_tcase(suite, tests);
	tests = tcase_create("config");
	tcase_add_loop_test(tests, test_config, 0, COUNT(matches));
	tcase_add_loop_test(tests, test_warnings, 0, COUNT(rules));
	suite_add_tcase(suite, tests);
	return suite;
}
