// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/option.h"

Suite *config_suite(void);

static struct config config;
static struct config_error error;
static char *no_environment[] = { NULL };
static char names[CONFIG_NAMES_BYTES];

static void setup(void)
{
	memset(&error, 0, sizeof(error));
	ck_assert_int_eq(config__init(&config, &error), 0);
}

static void teardown(void)
{
	config__free(&config);
}

static int set(const struct config_option *option, const char *text)
{
	const struct config_source source = { "x", option->name, "/w" };

	return config_option__set(option, &config, text, &source, &error);
}

static int load(const char *path, const struct config_flag *flags, size_t count, char **environment)
{
	const struct config_sources sources = { .path = path,
						.directory = "/w",
						.flags = flags,
						.flag_count = count,
						.environment = environment };

	config__free(&config);
	return config__load(&config, &sources, &error);
}

static int parse(const char *text)
{
	return config__parse(&config, text, strlen(text), "edgetap.yaml", &error);
}

#define LABEL                                                                                      \
	"at most 128 bytes of UTF-8 text without control characters, and without blanks at its "   \
	"ends"

/* Every bad file fails with this message and no other. */
static const struct {
	const char *text;
	const char *message;
} bad[] = {
	{ "region: x\nbuckets: [0.1,\n  0.5, 0.5]\n",
	  "edgetap.yaml:3: buckets: expected numbers in ascending order, got \"0.5\"" },
	{ "buckets: []\n",
	  "edgetap.yaml:1: buckets: expected a list of numbers, got an empty one" },
	{ "buckets: 0.1\n",
	  "edgetap.yaml:1: buckets: expected a list of numbers, got a single value" },
	{ "buckets: [\"0.1\"]\n",
	  "edgetap.yaml:1: buckets: expected numbers, without quotes, got \"0.1\" in quotes" },
	{ "buckets: [0]\n",
	  "edgetap.yaml:1: buckets: expected seconds from 0.000000001 to 65536 as "
	  "decimal numbers, got \"0\"" },
	{ "buckets: [1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22]",
	  "edgetap.yaml:1: buckets: expected at most 21 numbers, got one more, \"22\"" },
	{ "\n\nlistn: x\n",
	  "edgetap.yaml:3: unknown key \"listn\"; `edgetap serve --help` lists the "
	  "options" },
	{ "region: a\nregion: b\n", "edgetap.yaml:2: region: expected once, given again" },
	{ "region:\n", "edgetap.yaml:1: region: expected " LABEL ", got nothing" },
	{ "region: [a]\n", "edgetap.yaml:1: region: expected " LABEL ", got a list" },
	{ "region: \"a\\0b\"\n", "edgetap.yaml:1: region: expected " LABEL ", without NUL" },
	{ "region: !!int 5\n", "edgetap.yaml:1: region: expected " LABEL ", without a tag" },
	{ "region: &x a\nhost: *x\n", "edgetap.yaml:2: host: expected " LABEL ", got an alias" },
	{ "listen: 9777\n",
	  "edgetap.yaml:1: listen: expected ADDRESS:PORT such as 127.0.0.1:9777 or "
	  "[::1]:9777, got \"9777\"" },
	{ "retention: 300\n",
	  "edgetap.yaml:1: retention: expected a time from 0s to 30d, such as 90s "
	  "or 5m, got \"300\"" },
	{ "http_timeout: 5ms\n",
	  "edgetap.yaml:1: http_timeout: expected a time from 1s to 10m, such as "
	  "90s or 5m, got \"5ms\"" },
	{ "query_url: https://h:1\n",
	  "edgetap.yaml:1: query_url: the query API is no longer served by `edgetap serve`: run "
	  "`edgetap gateway` with the same options beside it" },
	{ "status_by_code: yes\n",
	  "edgetap.yaml:1: status_by_code: expected true or false, got \"yes\"" },
	{ "status_by_code: \"true\"\n",
	  "edgetap.yaml:1: status_by_code: expected true or false, without quotes, got \"true\" in quotes" },
	{ "max_instances: 1\n",
	  "edgetap.yaml:1: max_instances: expected a whole number from 2 to 65536, got \"1\"" },
	{ "max_instances: 1e3\n",
	  "edgetap.yaml:1: max_instances: expected a whole number from 2 to 65536, got \"1e3\"" },
	{ "docker_socket: run/docker.sock\n",
	  "edgetap.yaml:1: docker_socket: expected an absolute path, as there is no directory to begin at, got "
	  "\"run/docker.sock\"" },
	{ "cgroup_hierarchy: V2\n",
	  "edgetap.yaml:1: cgroup_hierarchy: expected auto, v2 or the name "
	  "of a v1 controller, got \"V2\"" },
	{ "- a\n", "edgetap.yaml:1: expected keys and values such as `listen: 127.0.0.1:9777`" },
	{ "region: a\n---\nregion: b\n", "edgetap.yaml:2: expected a single document" },
	{ "[a]: b\n", "edgetap.yaml:1: expected a key, got a list" },
	{ "apps: 5\n", "edgetap.yaml:1: apps: expected keys and values, got a single value" },
	{ "apps:\n  rule: []\n",
	  "edgetap.yaml:2: unknown key \"apps.rule\", expected one of rules" },
	{ "metrics:\n  - path: /x\n", "edgetap.yaml:2: metrics: expected port" },
	{ "metrics:\n  - port: 0\n",
	  "edgetap.yaml:2: metrics.port: expected a port from 1 to 65535, got \"0\"" },
	{ "metrics:\n  - port: 1\n    path: x\n",
	  "edgetap.yaml:3: metrics.path: expected a path such as /metrics, got \"x\"" },
	{ "metrics:\n  - port: 1\n    scheme: https\n",
	  "edgetap.yaml:3: metrics.scheme: expected http, got \"https\"" },
	{ "metrics:\n  - port: 1\n    processes: [a, \"\"]\n",
	  "edgetap.yaml:3: metrics.processes: expected 1 to 128 bytes of text without control "
	  "characters" },
	{ "metrics:\n  - port: 1\n    match: {a: b}\n",
	  "edgetap.yaml:3: unknown key \"metrics.match.a\", expected one of app, instance, cgroup, "
	  "executable" },
	{ "metrics: {port: 1}\n",
	  "edgetap.yaml:1: metrics: expected a list of endpoints, got keys and values" },
	{ "apps:\n  rules:\n    - drop: true\n",
	  "edgetap.yaml:3: apps.rules: expected match, and set or drop" },
	{ "apps:\n  rules:\n    - match: {app: a}\n",
	  "edgetap.yaml:3: apps.rules: expected match, and set or drop" },
	{ "apps:\n  rules:\n    - match: {app: a}\n      drop: true\n      set: {app: b}\n",
	  "edgetap.yaml:5: apps.rules.set: expected either set or drop" },
	{ "apps:\n  rules:\n    - match: {ap: a}\n",
	  "edgetap.yaml:3: unknown key "
	  "\"apps.rules.match.ap\", expected one of app, "
	  "instance, cgroup, executable" },
	{ "apps:\n  rules:\n    - match: {app: \"\"}\n",
	  "edgetap.yaml:3: apps.rules.match.app: expected 1 to 128 bytes of text without control "
	  "characters" },
	{ "apps:\n  rules:\n    - match: {}\n      set: {app: __other__}\n",
	  "edgetap.yaml:4: apps.rules.set.app: names that begin and end with two underscores, as "
	  "__other__, are edgetap's own" },
	{ "apps:\n  rules:\n    - match: {}\n      set: {app: __x__}\n",
	  "edgetap.yaml:4: apps.rules.set.app: names that begin and end with two underscores, as "
	  "__other__, are edgetap's own" },
	{ "apps:\n  rules:\n    - match: {}\n      set: {}\n",
	  "edgetap.yaml:4: apps.rules.set: expected app: NAME, or uprobes: false" },
	{ "apps:\n  rules:\n    - match: {}\n      set: {uprobes: no}\n",
	  "edgetap.yaml:4: apps.rules.set.uprobes: expected true or false, got \"no\"" },
	{ "scrapers: 10.0.0.1\n",
	  "edgetap.yaml:1: scrapers: expected a list of addresses or networks, "
	  "got a single value" },
	{ "scrapers: []\n",
	  "edgetap.yaml:1: scrapers: expected a list of addresses or networks, got an empty one" },
	{ "scrapers:\n  - 10.0.0.0/8\n  - 10.0.0.1/8\n",
	  "edgetap.yaml:3: scrapers: expected addresses or networks whose bits behind the prefix are "
	  "0, such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32, got \"10.0.0.1/8\"" },
	{ "scrapers: ['::1', a.example]\n",
	  "edgetap.yaml:1: scrapers: expected addresses or networks whose bits behind the prefix are "
	  "0, such as 192.0.2.7, 10.0.0.0/8 or 2001:db8::/32, got \"a.example\"" },
	{ "scrapers: [0.0.0.1, 0.0.0.2, 0.0.0.3, 0.0.0.4, 0.0.0.5, 0.0.0.6, 0.0.0.7, 0.0.0.8, 1.0.0.1, "
	  "1.0.0.2, 1.0.0.3, 1.0.0.4, 1.0.0.5, 1.0.0.6, 1.0.0.7, 1.0.0.8, 2.0.0.1]\n",
	  "edgetap.yaml:1: scrapers: expected at most 16 addresses or networks, got one more, "
	  "\"2.0.0.1\"" },
	{ "tls_libraries: openssl\n",
	  "edgetap.yaml:1: tls_libraries: expected a list of names, got a single value" },
	{ "tls_libraries: []\n",
	  "edgetap.yaml:1: tls_libraries: expected a list of names, got an empty one" },
	{ "tls_libraries:\n  - go\n  - nss\n",
	  "edgetap.yaml:3: tls_libraries: expected names out of openssl, gnutls, go, got \"nss\"" },
	{ "tls_uprobes: 1\n", "edgetap.yaml:1: tls_uprobes: expected true or false, got \"1\"" },
	{ "region: \"a\n", "edgetap.yaml:2: expected YAML: found unexpected end of stream" },
	{ "region: a\nhost: \xff\n", "edgetap.yaml:2: expected YAML: invalid leading UTF-8 octet" },
};

START_TEST(test_bad_file_names_line_and_expectation)
{
	ck_assert_int_lt(parse(bad[_i].text), 0);
	ck_assert_str_eq(error.text, bad[_i].message);
}
END_TEST

START_TEST(test_nothing_changes_nothing)
{
	static const char *const empty[] = { "", "\n", "# only this\n", "---\n", "~\n", "{}\n" };
	struct config fresh;

	for (size_t i = 0; i < sizeof(empty) / sizeof(empty[0]); i++)
		ck_assert_msg(parse(empty[i]) == 0, "%s: %s", empty[i], error.text);
	ck_assert_int_eq(config__init(&fresh, &error), 0);
	ck_assert_msg(!config__differs(&fresh, &config, names), "%s", names);
	config__free(&fresh);
}
END_TEST

START_TEST(test_defaults)
{
	char host[256], text[OPTION_VALUE_BYTES];

	ck_assert_int_eq(gethostname(host, sizeof(host)), 0);
	ck_assert_str_eq(config.listen, "127.0.0.1:9777");
	ck_assert_str_eq(config.region, "auto");
	ck_assert_str_eq(config.host, host);
	ck_assert_str_eq(config.cgroup_hierarchy, "auto");
	ck_assert_uint_eq(config.retention_ns, 300000000000ULL);
	ck_assert_uint_eq(config.rule_count, 0);
	ck_assert_ptr_null(config.docker_socket);
	config_option__format(config_option__find("buckets"), &config, text);
	ck_assert_str_eq(text, "0.0001,0.00025,0.0005,0.001,0.0025,0.005,0.01,0.025,0.05,0.1,0.25,"
			       "0.5,1,2.5,5,10");
}
END_TEST

START_TEST(test_file_sets_everything)
{
	static const char text[] = "listen: \"[::1]:0\"\nregion: eu\nhost: h1\nretention: 1h30m\n"
				   "buckets:\n  - 0.000000001\n  - 0.1\n  - 65536\n"
				   "status_by_code: true\ncgroup_hierarchy: memory\n"
				   "max_instances: 2\nmax_statuses: 3\nmax_groups: 4\n"
				   "connection_memory: 16MiB\nmax_destinations: 6\nmax_apps: 7\n"
				   "max_rpcs: 28671\nmax_streams: 17\n"
				   "docker_socket: /a\npodman_socket: /b\ncontainerd_state: /c\n"
				   "crio_state: /d\nhttp_connections: 8\nhttp_timeout: 2500ms\n"
				   "tls_uprobes: false\ntls_libraries: [go, openssl]\n"
				   "apps:\n  rules:\n"
				   "    - match: {app: \"a*\", instance: i, cgroup: /c/*,"
				   " executable: e}\n"
				   "      set: {app: web, uprobes: false}\n"
				   "    - match: {}\n      drop: true\n";

	ck_assert_msg(parse(text) == 0, "%s", error.text);
	ck_assert_str_eq(config.listen, "[::1]:0");
	ck_assert_str_eq(config.region, "eu");
	ck_assert_str_eq(config.host, "h1");
	ck_assert_uint_eq(config.retention_ns, 5400000000000ULL);
	ck_assert_uint_eq(config.bucket_count, 3);
	ck_assert_uint_eq(config.bucket_ns[0], 1);
	ck_assert_uint_eq(config.bucket_ns[1], 100000000);
	ck_assert_uint_eq(config.bucket_ns[2], 65536000000000ULL);
	ck_assert(config.status_by_code);
	ck_assert_str_eq(config.cgroup_hierarchy, "memory");
	ck_assert_uint_eq(config.max_instances, 2);
	ck_assert_uint_eq(config.max_statuses, 3);
	ck_assert_uint_eq(config.max_groups, 4);
	ck_assert_uint_eq(config.connection_memory, 16U << 20);
	ck_assert_uint_eq(config.max_destinations, 6);
	ck_assert_uint_eq(config.max_apps, 7);
	ck_assert_uint_eq(config.max_rpcs, 28671);
	ck_assert_uint_eq(config.max_streams, 17);
	ck_assert_str_eq(config.docker_socket, "/a");
	ck_assert_str_eq(config.podman_socket, "/b");
	ck_assert_str_eq(config.containerd_state, "/c");
	ck_assert_str_eq(config.crio_state, "/d");
	ck_assert_uint_eq(config.http_connections, 8);
	ck_assert_uint_eq(config.http_timeout_ms, 2500);
	ck_assert_uint_eq(config.rule_count, 2);
	ck_assert_str_eq(config.rules[0].match_app, "a*");
	ck_assert_str_eq(config.rules[0].match_instance, "i");
	ck_assert_str_eq(config.rules[0].match_cgroup, "/c/*");
	ck_assert_str_eq(config.rules[0].match_exe, "e");
	ck_assert_str_eq(config.rules[0].set_app, "web");
	ck_assert(!config.rules[0].drop);
	ck_assert(config.rules[0].no_uprobes);
	ck_assert(!config.rules[1].no_uprobes);
	ck_assert(!config.tls_uprobes);
	ck_assert_uint_eq(config.tls_libraries, TLS_GO | TLS_OPENSSL);
	ck_assert_ptr_null(config.rules[1].match_app);
	ck_assert_ptr_null(config.rules[1].set_app);
	ck_assert(config.rules[1].drop);
}
END_TEST

/* Run from the top of the tree, as make does. The rules are shown as comments: read them too. */
START_TEST(test_shipped_example_is_the_default)
{
	FILE *file = fopen("deploy/edgetap.yaml", "r");
	static char text[8192];
	struct config fresh;
	char *rules;

	ck_assert_msg(file != NULL, "deploy/edgetap.yaml: %s", strerror(errno));
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	ck_assert_msg(parse(text) == 0, "%s", error.text);
	ck_assert_int_eq(config__init(&fresh, &error), 0);
	ck_assert_str_eq(config.region, fresh.region);
	ck_assert_uint_eq(config.retention_ns, fresh.retention_ns);
	ck_assert_str_eq(config.host, fresh.host);
	ck_assert_msg(!config__differs(&fresh, &config, names), "%s", names);
	config__free(&fresh);
	rules = strstr(text, "# apps:");
	ck_assert_ptr_nonnull(rules);
	for (char *p = rules; p; p = strchr(p, '\n') ? strchr(p, '\n') + 1 : NULL)
		if (*p == '#')
			memset(p, ' ', 2);
	/* Two blanks more in front of every line are still the same YAML. */
	ck_assert_msg(parse(rules) == 0, "%s", error.text);
	ck_assert_uint_eq(config.rule_count, 2);
}
END_TEST

/* What check-config prints can be read back, for every option. */
START_TEST(test_format_is_what_set_reads)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);
	char before[OPTION_VALUE_BYTES], after[OPTION_VALUE_BYTES];

	for (size_t i = 0; i < count; i++) {
		config_option__format(&options[i], &config, before);
		if ((options[i].type == OPTION_PATH || options[i].type == OPTION_URL) &&
		    !before[0]) /* not set */
			continue;
		ck_assert_msg(set(&options[i], before) == 0, "%s", error.text);
		config_option__format(&options[i], &config, after);
		ck_assert_str_eq(before, after);
	}
}
END_TEST

START_TEST(test_networks)
{
	static const char longest[] = "ffff:ffff:ffff:ffff:ffff:ffff:ffff:fffe/127";
	const struct config_option *option = config_option__find("scrapers");
	char text[OPTION_VALUE_BYTES], all[OPTION_VALUE_BYTES] = "";

	ck_assert_uint_eq(config.scraper_count, 0);
	ck_assert_int_eq(set(option, "10.0.0.0/8,::1"), 0);
	ck_assert_uint_eq(config.scraper_count, 2);
	config_option__format(option, &config, text);
	ck_assert_str_eq(text, "10.0.0.0/8,::1");
	ck_assert_int_lt(set(option, "10.0.0.1,"), 0);
	ck_assert_int_lt(set(option, "10.0.0.1, ::1"), 0);
	for (int i = 0; i < CONFIG_MAX_SCRAPERS; i++) {
		strcat(all, i ? "," : "");
		strcat(all, longest);
	}
	ck_assert_int_eq(set(option, all), 0);
	config_option__format(option, &config, text);
	ck_assert_str_eq(text, all);
	ck_assert_int_eq(set(option, ""), 0);
	ck_assert_uint_eq(config.scraper_count, 0);
}
END_TEST

/* The text form of flags and variables. */
START_TEST(test_sets_of_names)
{
	const struct config_option *option = config_option__find("tls_libraries");
	char text[OPTION_VALUE_BYTES];

	ck_assert(config.tls_uprobes);
	config_option__format(option, &config, text);
	ck_assert_str_eq(text, "openssl,gnutls,go");
	ck_assert_int_eq(set(option, "go,gnutls,go"), 0);
	ck_assert_uint_eq(config.tls_libraries, TLS_GNUTLS | TLS_GO);
	config_option__format(option, &config, text);
	ck_assert_str_eq(text, "gnutls,go");
	ck_assert_int_lt(set(option, "go,"), 0);
	ck_assert_int_lt(set(option, ""), 0);
	ck_assert_int_lt(set(option, "Go"), 0);
	ck_assert_str_eq(error.text, "x: expected names out of openssl, gnutls, go, "
				     "got \"Go\"");
}
END_TEST

static char *write_file(const char *text)
{
	static char path[] = "/tmp/edgetap-config-XXXXXX";
	int fd;

	strcpy(path + strlen(path) - 6, "XXXXXX");
	fd = mkstemp(path);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	return path;
}

START_TEST(test_precedence)
{
	static const struct config_flag flags[] = { { "max_apps", "200" } };
	char variable[] = "EDGETAP_MAX_APPS=300", other[] = "EDGETAP_PORT=tcp://10.0.0.1:9777";
	char middle[] = "EDGETAP_MAX_GROUPS=300", empty[] = "EDGETAP_MAX_STATUSES=";
	char *environment[] = { other, variable, middle, empty, NULL };
	char *path = write_file("max_apps: 100\nmax_groups: 100\nmax_statuses: 100\n");

	ck_assert_msg(load(path, flags, 1, environment) == 0, "%s", error.text);
	ck_assert_str_eq(config.path, path);
	ck_assert_uint_eq(config.max_apps, 200);
	ck_assert_uint_eq(config.max_groups, 300);
	ck_assert_uint_eq(config.max_statuses, 100);
	ck_assert_uint_ne(config.max_streams, 100);
	unlink(path);
}
END_TEST

/* As any other: a flag is stronger. */
START_TEST(test_variable_names_the_file)
{
	char *path = write_file("region: there\n");
	char variable[64];
	char *environment[] = { variable, NULL };

	snprintf(variable, sizeof(variable), "EDGETAP_CONFIG=%s", path);
	ck_assert_int_eq(load(NULL, NULL, 0, environment), 0);
	ck_assert_str_eq(config.region, "there");
	ck_assert_int_eq(load("/nowhere.yaml", NULL, 0, environment), -ENOENT);
	ck_assert_str_eq(config.path, "/nowhere.yaml");
	ck_assert(!error.is_usage);
	unlink(path);
}
END_TEST

START_TEST(test_errors_name_their_source)
{
	static const struct config_flag flag = { "http_timeout", "fast" };
	char variable[] = "EDGETAP_MAX_APPS=many";
	char *environment[] = { variable, NULL };

	ck_assert_int_eq(load("/nowhere.yaml", NULL, 0, no_environment), -ENOENT);
	ck_assert_str_eq(error.text, "/nowhere.yaml: cannot read it: No such file or directory");
	ck_assert_int_eq(load("/", NULL, 0, no_environment), -EISDIR);
	ck_assert_str_eq(error.text, "/: cannot read it: Is a directory");
	ck_assert(!error.is_usage);
	ck_assert_int_lt(load("", NULL, 0, no_environment), 0);
	ck_assert_str_eq(error.text, "--config: expected a path, got \"\"");
	ck_assert(error.is_usage);
	ck_assert_int_lt(load("/dev/null", &flag, 1, no_environment), 0);
	ck_assert_str_eq(error.text,
			 "--http-timeout: expected a time from 1s to 10m, such as 90s or "
			 "5m, got \"fast\"");
	ck_assert(error.is_usage);
	ck_assert_int_lt(load("/dev/null", NULL, 0, environment), 0);
	ck_assert_str_eq(error.text,
			 "EDGETAP_MAX_APPS: expected a whole number from 1 to 65536, got \"many\"");
	ck_assert(!error.is_usage);
}
END_TEST

START_TEST(test_error_is_one_line)
{
	static const struct config_flag flag = { "region", "a\nb" };

	ck_assert_int_lt(load("/dev/null", &flag, 1, no_environment), 0);
	ck_assert_ptr_null(strchr(error.text, '\n'));
	ck_assert_ptr_nonnull(strstr(error.text, "got \"a\\x0ab\""));
}
END_TEST

START_TEST(test_buckets_from_text)
{
	const struct config_option *option = config_option__find("buckets");

	ck_assert_int_eq(set(option, "0.5,1,2.25"), 0);
	ck_assert_uint_eq(config.bucket_count, 3);
	ck_assert_uint_eq(config.bucket_ns[2], 2250000000ULL);
	ck_assert_int_lt(set(option, "0.5,,1"), 0);
	ck_assert_int_lt(set(option, ""), 0);
	ck_assert_int_lt(set(option, "1,2,"), 0);
	ck_assert_int_lt(set(option, "2,1"), 0);
}
END_TEST

START_TEST(test_reload_takes_what_may_change)
{
	struct config other;

	ck_assert_int_eq(config__init(&other, &error), 0);
	ck_assert_int_eq(parse("region: new\nretention: 1s\n"
			       "apps: {rules: [{match: {app: a}, set: {app: b}}]}\n"),
			 0);
	ck_assert(!config__differs(&other, &config, names));
	config__reload(&other, &config);
	ck_assert_str_eq(other.region, "new");
	ck_assert_uint_eq(other.retention_ns, 1000000000);
	ck_assert_uint_eq(other.rule_count, 1);
	ck_assert_uint_eq(config.rule_count, 0);
	ck_assert_int_eq(parse("listen: 127.0.0.1:1\nmax_apps: 1\n"
			       "postgres: [{conninfo: user=a}]\n"),
			 0);
	ck_assert(config__differs(&other, &config, names));
	ck_assert_str_eq(names, "listen, max_apps, postgres");
	config__reload(&other, &config);
	ck_assert_str_eq(other.listen, "127.0.0.1:9777");
	config__free(&other);
}
END_TEST

START_TEST(test_rules_are_bounded)
{
	static char text[CONFIG_MAX_RULES * 40 + 200];
	size_t used = (size_t)sprintf(text, "apps:\n  rules:\n");

	for (int i = 0; i < CONFIG_MAX_RULES + 1; i++)
		used += (size_t)sprintf(text + used, "    - {match: {}, drop: true}\n");
	ck_assert_int_eq(parse(text), -E2BIG);
	ck_assert_str_eq(error.text, "edgetap.yaml:1027: apps.rules: expected at most 1024 rules");
}
END_TEST

/* A large input that nests without end is refused at the first unexpected thing. */
START_TEST(test_depth_is_no_danger)
{
	static char text[100001];

	memset(text, '[', sizeof(text) - 1);
	ck_assert_int_lt(parse(text), 0);
	memcpy(text, "apps: ", 6);
	ck_assert_int_lt(parse(text), 0);
	ck_assert_str_eq(error.text, "edgetap.yaml:1: apps: expected keys and values, got a list");
}
END_TEST

START_TEST(test_metrics)
{
	ck_assert_int_eq(
		parse("metrics:\n  - port: 9091\n  - match: {app: \"web-*\", executable: e}\n"
		      "    port: 1\n    path: /a?b=c\n    processes: [web, \"x*\"]\n"
		      "    scheme: http\n"),
		0);
	ck_assert_uint_eq(config.metrics_count, 2);
	ck_assert_uint_eq(config.metrics[0].port, 9091);
	ck_assert_str_eq(config.metrics[0].path, "/metrics");
	ck_assert_uint_eq(config.metrics[0].process_count, 0);
	ck_assert_ptr_null(config.metrics[0].match.match_app);
	ck_assert_str_eq(config.metrics[1].match.match_app, "web-*");
	ck_assert_str_eq(config.metrics[1].match.match_exe, "e");
	ck_assert_str_eq(config.metrics[1].path, "/a?b=c");
	ck_assert_uint_eq(config.metrics[1].process_count, 2);
	ck_assert_str_eq(config.metrics[1].processes[1], "x*");
}
END_TEST

Suite *config_suite(void)
{
	Suite *suite = suite_create("config");
	TCase *tc = tcase_create("config");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_bad_file_names_line_and_expectation, 0,
			    (int)(sizeof(bad) / sizeof(bad[0])));
	tcase_add_test(tc, test_metrics);
	tcase_add_test(tc, test_nothing_changes_nothing);
	tcase_add_test(tc, test_defaults);
	tcase_add_test(tc, test_file_sets_everything);
	tcase_add_test(tc, test_shipped_example_is_the_default);
	tcase_add_test(tc, test_format_is_what_set_reads);
	tcase_add_test(tc, test_networks);
	tcase_add_test(tc, test_sets_of_names);
	tcase_add_test(tc, test_precedence);
	tcase_add_test(tc, test_variable_names_the_file);
	tcase_add_test(tc, test_errors_name_their_source);
	tcase_add_test(tc, test_error_is_one_line);
	tcase_add_test(tc, test_buckets_from_text);
	tcase_add_test(tc, test_reload_takes_what_may_change);
	tcase_add_test(tc, test_rules_are_bounded);
	tcase_add_test(tc, test_depth_is_no_danger);
	suite_add_tcase(suite, tc);
	return suite;
}
