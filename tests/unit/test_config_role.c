// SPDX-License-Identifier: Apache-2.0
/* What of a configuration is the agent's, and what the gateway's. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "config/option.h"
#include "config/role.h"
#include "config/warnings.h"

Suite *config_role_suite(void);

static struct config config;
static struct config_error error;
static char said[1024];

static void setup(void)
{
	ck_assert_int_eq(config__init(&config, &error), 0);
	said[0] = '\0';
}

static void teardown(void)
{
	config__free(&config);
}

static int parse(enum config_role role, const char *text)
{
	config__free(&config);
	ck_assert_int_eq(config__init(&config, &error), 0);
	config.role = role;
	return config__parse(&config, text, strlen(text), "c", &error);
}

static void say(void *ctx, const char *sentence)
{
	size_t used = strlen(said);

	(void)ctx;
	snprintf(said + used, sizeof(said) - used, "%s\n", sentence);
}

static const char *warnings(void)
{
	said[0] = '\0';
	config_warnings__each(&config, say, NULL);
	return said;
}

/* From a flag and a variable, over an empty file. */
static int load(enum config_role role, const char *name, const char *value, char *variable)
{
	const struct config_flag flag = { name, value };
	char *environment[] = { variable, NULL };
	const struct config_sources sources = {
		.role = role,
		.path = "/dev/null",
		.flags = &flag,
		.flag_count = name ? 1 : 0,
		.environment = environment,
	};

	config__free(&config);
	return config__load(&config, &sources, &error);
}

#define LEFT                                                                                       \
	": the query API is no longer served by `edgetap serve`: run `edgetap gateway` with the "  \
	"same options beside it"

START_TEST(test_agent_refuses_queries)
{
	char variable[] = "EDGETAP_QUERY_URL=http://h:1",
	     none[] = "X=", org[] = "EDGETAP_QUERY_ORG=o";

	ck_assert_int_eq(load(CONFIG_AGENT, "query_url", "http://h:1", none), -EINVAL);
	ck_assert_str_eq(error.text, "--query-url" LEFT);
	ck_assert_int_eq(load(CONFIG_AGENT, NULL, NULL, variable), -EINVAL);
	ck_assert_str_eq(error.text, "EDGETAP_QUERY_URL" LEFT);
	ck_assert_int_eq(parse(CONFIG_AGENT, "region: x\nquery_url: http://h:1\n"), -EINVAL);
	ck_assert_str_eq(error.text, "c:2: query_url" LEFT);
	/* whatever it is */
	ck_assert_int_eq(parse(CONFIG_AGENT, "query_url: []\n"), -EINVAL);
	ck_assert_str_eq(error.text, "c:1: query_url" LEFT);
	/* the other ones can only be meant for it as flags */
	ck_assert_int_eq(load(CONFIG_AGENT, "query_threads", "1", none), -EINVAL);
	ck_assert_str_eq(error.text, "--query-threads" LEFT);
	ck_assert_msg(load(CONFIG_AGENT, NULL, NULL, org) == 0, "%s", error.text);
}
END_TEST

START_TEST(test_gateway_refuses_flags)
{
	char none[] = "X=", variable[] = "EDGETAP_MAX_APPS=5",
	     url[] = "EDGETAP_QUERY_URL=http://h:1";

	ck_assert_int_eq(load(CONFIG_GATEWAY, "max_apps", "5", url), -EINVAL);
	ck_assert_str_eq(error.text,
			 "--max-apps: an option of `edgetap serve`, not of the gateway");
	ck_assert_int_eq(load(CONFIG_GATEWAY, "query_url", "http://h:1", variable), 0);
	ck_assert_str_eq(config.query_url, "http://h:1");
	ck_assert_str_eq(config.listen, "127.0.0.1:9778");
	ck_assert_int_eq(load(CONFIG_GATEWAY, "listen", "[::1]:1", none), -EDESTADDRREQ);
	ck_assert_ptr_nonnull(strstr(error.text, "query_url: expected the Prometheus"));
	ck_assert_int_eq(load(CONFIG_GATEWAY, "listen", "[::1]:1", url), 0);
	ck_assert_str_eq(config.listen, "[::1]:1");
}
END_TEST

/* One file for both is fine, but for query_url; what is idle in it is said. */
START_TEST(test_shared_file)
{
	ck_assert_int_eq(parse(CONFIG_GATEWAY, "tokens: [{token_file: /t}]\nlisten: 127.0.0.1:1\n"),
			 0);
	ck_assert_str_eq(warnings(), "");
	ck_assert_int_eq(parse(CONFIG_AGENT,
			       "tokens: [{token_file: /t}]\nlisten: 127.0.0.1:1\nregion: x\n"),
			 0);
	ck_assert_str_eq(warnings(), "");
	ck_assert_int_eq(parse(CONFIG_AGENT, "query_org: o\n"), 0);
	ck_assert_str_eq(warnings(), "query_org: an option of `edgetap gateway`, which has no "
				     "effect here\n");
	ck_assert_int_eq(
		parse(CONFIG_GATEWAY,
		      "metrics: [{port: 1}]\napps: {rules: [{match: {}, drop: true}]}\nregion: x\n"),
		0);
	ck_assert_str_eq(warnings(), "metrics and 2 more: options of `edgetap serve`, which have "
				     "no effect here\n");
	ck_assert_int_eq(parse(CONFIG_GATEWAY, "max_apps: none\n"), -EINVAL);
	ck_assert_int_eq(parse(CONFIG_GATEWAY, "nothing: 1\n"), -EINVAL);
	ck_assert_str_eq(
		error.text,
		"c:1: unknown key \"nothing\"; `edgetap gateway --help` lists the options");
}
END_TEST

START_TEST(test_file_of_the_gateway)
{
	ck_assert_msg(parse(CONFIG_GATEWAY,
			    "query_url: https://h:1/p\nquery_org: o\n"
			    "query_token_file: /t\nquery_ca_file: /c\nquery_timeout: 2m\n"
			    "query_threads: 16\n") == 0,
		      "%s", error.text);
	ck_assert_str_eq(config.query_url, "https://h:1/p");
	ck_assert_str_eq(config.query_org, "o");
	ck_assert_str_eq(config.query_token_file, "/t");
	ck_assert_str_eq(config.query_ca_file, "/c");
	ck_assert_uint_eq(config.query_timeout_ms, 120000);
	ck_assert_uint_eq(config.query_threads, 16);
	ck_assert_str_eq(warnings(), "");
	ck_assert_int_eq(parse(CONFIG_GATEWAY, "query_url: ftp://x\n"), -EINVAL);
	ck_assert_str_eq(error.text,
			 "c:1: query_url: expected http://HOST:PORT or https://HOST:PORT, perhaps "
			 "with a path, without a slash at the end, got \"ftp://x\"");
}
END_TEST

START_TEST(test_token_in_clear_text)
{
	ck_assert_int_eq(parse(CONFIG_GATEWAY, "query_url: http://h:1\n"), 0);
	ck_assert_str_eq(warnings(), "");
	ck_assert_int_eq(parse(CONFIG_GATEWAY, "query_url: http://h:1\nquery_token_file: /t\n"), 0);
	ck_assert_ptr_nonnull(strstr(warnings(), "http://h:1"));
}
END_TEST

/* Run from the top of the tree, as make does. What is shown is the default, but for the URL. */
START_TEST(test_shipped_example)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);
	char none[] = "X=";
	struct config shipped = { 0 };
	char *environment[] = { none, NULL };
	const struct config_sources sources = {
		.role = CONFIG_GATEWAY,
		.path = "deploy/edgetap-gateway.yaml",
		.environment = environment,
	};

	ck_assert_msg(config__load(&shipped, &sources, &error) == 0, "%s", error.text);
	ck_assert_uint_eq(shipped.idle_count, 0);
	ck_assert_int_eq(load(CONFIG_GATEWAY, "query_url", shipped.query_url, none), 0);
	for (size_t i = 0; i < count; i++) {
		char ours[OPTION_VALUE_BYTES], theirs[OPTION_VALUE_BYTES];

		config_option__format(&options[i], &shipped, ours);
		config_option__format(&options[i], &config, theirs);
		ck_assert_str_eq(ours, theirs);
	}
	config__free(&shipped);
}
END_TEST

Suite *config_role_suite(void)
{
	Suite *suite = suite_create("config_role");
	TCase *tests = tcase_create("role");

	tcase_add_checked_fixture(tests, setup, teardown);
	tcase_add_test(tests, test_agent_refuses_queries);
	tcase_add_test(tests, test_gateway_refuses_flags);
	tcase_add_test(tests, test_shared_file);
	tcase_add_test(tests, test_file_of_the_gateway);
	tcase_add_test(tests, test_token_in_clear_text);
	tcase_add_test(tests, test_shipped_example);
	suite_add_tcase(suite, tests);
	return suite;
}
