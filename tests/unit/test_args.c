// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "cli/args.h"
#include "config/option.h"

Suite *args_suite(void);

static struct args args;
static char error[ARGS_ERROR_BYTES];

/* Parses a line of words; "" between two blanks is none. */
static int parse(const char *line)
{
	static char words[512];
	static char *argv[64];
	char *rest;
	int argc = 0;

	snprintf(words, sizeof(words), "%s", line);
	for (char *word = strtok_r(words, " ", &rest); word; word = strtok_r(NULL, " ", &rest))
		argv[argc++] = word;
	argv[argc] = NULL;
	error[0] = '\0';
	memset(&args, 0, sizeof(args));
	return args__parse(&args, argc, argv, error);
}

static const struct {
	const char *line;
	enum command command;
	bool help;
	bool json;
} good[] = {
	{ "edgetap", COMMAND_SERVE, false, false },
	{ "edgetap serve", COMMAND_SERVE, false, false },
	{ "edgetap --listen 127.0.0.1:1", COMMAND_SERVE, false, false },
	{ "edgetap serve --help", COMMAND_SERVE, true, false },
	{ "edgetap gateway --query-url http://h:1 --allow-root", COMMAND_GATEWAY, false, false },
	{ "edgetap doctor --json", COMMAND_DOCTOR, false, true },
	{ "edgetap doctor -h", COMMAND_DOCTOR, true, false },
	{ "edgetap check-config", COMMAND_CHECK_CONFIG, false, false },
	{ "edgetap version", COMMAND_VERSION, false, false },
	{ "edgetap --version", COMMAND_VERSION, false, false },
	{ "edgetap -V --json", COMMAND_VERSION, false, true },
	{ "edgetap help", COMMAND_HELP, false, false },
	{ "edgetap --help", COMMAND_HELP, false, false },
	{ "edgetap help serve", COMMAND_SERVE, true, false },
	{ "edgetap token inspect --json", COMMAND_TOKEN, false, true },
	{ "edgetap token --help", COMMAND_TOKEN, true, false },
};

START_TEST(test_good)
{
	ck_assert_msg(parse(good[_i].line) == 0, "%s: %s", good[_i].line, error);
	ck_assert_int_eq(args.command, good[_i].command);
	ck_assert_int_eq(args.help, good[_i].help);
	ck_assert_int_eq(args.json, good[_i].json);
}
END_TEST

static const struct {
	const char *line;
	const char *message;
} bad[] = {
	{ "edgetap \x1b[2J\n", "unknown command \"\\x1b[2J\\x0a\"; see `edgetap help`" },
	{ "edgetap serve --\x1b\xe2\x80\xae",
	  "unknown option --\\x1b\\u202e; see `edgetap serve --help`" },
	{ "edgetap serve \xff", "unexpected argument \"\\xff\"; see `edgetap serve --help`" },
	{ "edgetap observe", "unknown command \"observe\"; see `edgetap help`" },
	{ "edgetap help me", "unknown command \"me\"; see `edgetap help`" },
	{ "edgetap serve --lisen x", "unknown option --lisen; see `edgetap serve --help`" },
	{ "edgetap -x", "unknown option -x; see `edgetap serve --help`" },
	{ "edgetap serve --json", "unknown option --json; see `edgetap serve --help`" },
	{ "edgetap serve --allow-root", "unknown option --allow-root; see `edgetap serve --help`" },
	{ "edgetap gateway --max-apps 5",
	  "unknown option --max-apps; see `edgetap gateway --help`" },
	{ "edgetap version --listen x", "unknown option --listen; see `edgetap version --help`" },
	{ "edgetap serve --listen", "option --listen needs a value" },
	{ "edgetap serve -c", "option -c needs a value" },
	{ "edgetap doctor --json=yes", "option --json=yes takes no value" },
	{ "edgetap serve --no-collector.tls=true",
	  "option --no-collector.tls=true takes no value" },
	{ "edgetap serve --no-listen", "unknown option --no-listen; see `edgetap serve --help`" },
	{ "edgetap serve extra", "unexpected argument \"extra\"; see `edgetap serve --help`" },
	{ "edgetap check-config a b",
	  "unexpected argument \"b\"; see `edgetap check-config --help`" },
	{ "edgetap token inspect a b", "unexpected argument \"b\"; see `edgetap token --help`" },
	{ "edgetap token create --app", "option --app needs a value" },
	{ "edgetap token create --listen x",
	  "unknown option --listen; see `edgetap token --help`" },
	{ "edgetap serve --key-file x", "unknown option --key-file; see `edgetap serve --help`" },
	{ "edgetap check-config -c a b",
	  "unexpected argument \"b\"; see `edgetap check-config --help`" },
};

START_TEST(test_bad)
{
	ck_assert_int_eq(parse(bad[_i].line), -EINVAL);
	ck_assert_str_eq(error, bad[_i].message);
}
END_TEST

START_TEST(test_values)
{
	ck_assert_int_eq(
		parse("edgetap serve --config=/c --max-apps 5 --status-by-code --max-apps=6"), 0);
	ck_assert_str_eq(args.config_path, "/c");
	ck_assert_uint_eq(args.flag_count, 2);
	ck_assert_str_eq(args.flags[0].name, "max_apps");
	ck_assert_str_eq(args.flags[0].value, "6");
	ck_assert_str_eq(args.flags[1].name, "status_by_code");
	ck_assert_str_eq(args.flags[1].value, "true");
	ck_assert_int_eq(parse("edgetap check-config /d --status-by-code=false"), 0);
	ck_assert_str_eq(args.config_path, "/d");
	ck_assert_str_eq(args.flags[0].value, "false");
}
END_TEST

START_TEST(test_token)
{
	ck_assert_int_eq(parse("edgetap token create --app a --key-file /k --app b --org o "
			       "--expires 1h --read-only"),
			 0);
	ck_assert_str_eq(args.token.action, "create");
	ck_assert_ptr_null(args.token.file);
	ck_assert_uint_eq(args.token.app_count, 2);
	ck_assert_str_eq(args.token.app[1], "b");
	ck_assert_str_eq(args.token.key_file, "/k");
	ck_assert_str_eq(args.token.org, "o");
	ck_assert_str_eq(args.token.expires, "1h");
	ck_assert(args.token.read_only);
	ck_assert_int_eq(parse("edgetap token attenuate /t"), 0);
	ck_assert_str_eq(args.token.file, "/t");
}
END_TEST

/* No option of the configuration is without a flag, by any of its names. */
START_TEST(test_every_option_is_a_flag)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);
	const char *name;

	for (size_t i = 0; i < count; i++) {
		for (size_t n = 0; (name = config_option__spelling(&options[i], n)); n++) {
			char flag[OPTION_SPELLING_BYTES], line[128];

			config_option__flag(name, flag);
			snprintf(line, sizeof(line), "edgetap serve --%s=v", flag);
			ck_assert_msg(parse(line) == 0, "%s: %s", line, error);
			ck_assert_uint_eq(args.flag_count, 1);
			ck_assert_str_eq(args.flags[0].name, name);
			ck_assert_str_eq(args.flags[0].value, "v");
			snprintf(line, sizeof(line), "edgetap serve --no-%s", flag);
			ck_assert_msg((parse(line) == 0) == (options[i].type == OPTION_BOOL), "%s",
				      line);
			if (options[i].type == OPTION_BOOL)
				ck_assert_str_eq(args.flags[0].value, "false");
		}
	}
}
END_TEST

/* By whatever name: the last one given counts. */
START_TEST(test_names_of_one_option)
{
	ck_assert_int_eq(parse("edgetap serve --no-collector.postgres --max-apps 1 --postgres"), 0);
	ck_assert_uint_eq(args.flag_count, 2);
	ck_assert_str_eq(args.flags[0].name, "postgres");
	ck_assert_str_eq(args.flags[0].value, "true");
	ck_assert_int_eq(parse("edgetap serve --postgres --no-collector.postgres"), 0);
	ck_assert_uint_eq(args.flag_count, 1);
	ck_assert_str_eq(args.flags[0].name, "collector.postgres");
	ck_assert_str_eq(args.flags[0].value, "false");
}
END_TEST

#define ROWS(table) ((int)(sizeof(table) / sizeof((table)[0])))

Suite *args_suite(void)
{
	Suite *suite = suite_create("args");
	TCase *tc = tcase_create("args");

	tcase_add_loop_test(tc, test_good, 0, ROWS(good));
	tcase_add_loop_test(tc, test_bad, 0, ROWS(bad));
	tcase_add_test(tc, test_values);
	tcase_add_test(tc, test_token);
	tcase_add_test(tc, test_every_option_is_a_flag);
	tcase_add_test(tc, test_names_of_one_option);
	suite_add_tcase(suite, tc);
	return suite;
}
