// SPDX-License-Identifier: Apache-2.0
/* What holds for every row of the table of options, so also for the next one. */
#include <check.h>
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config/config.h"
#include "config/option.h"
#include "config/value.h"
#include "config/warnings.h"

Suite *option_suite(void);

#define HUGE_BYTES 100000

static struct config config;
static struct config_error error;
static char directory[] = "/tmp/edgetap-option-XXXXXX";
static char path[64];

static void setup(void)
{
	strcpy(directory + strlen(directory) - 6, "XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(directory));
	snprintf(path, sizeof(path), "%s/edgetap.yaml", directory);
	memset(&config, 0, sizeof(config));
}

static void teardown(void)
{
	config__free(&config);
	unlink(path);
	rmdir(directory);
}

static void write_file(const char *text)
{
	FILE *file = fopen(path, "w");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_ge(fputs(text, file), 0);
	ck_assert_int_eq(fclose(file), 0);
}

static enum config_role role_of(const struct config_option *option)
{
	return option->of == OF_GATEWAY ? CONFIG_GATEWAY : CONFIG_AGENT;
}

/* Each NULL: nothing from there. The file's text is a value of this name. */
static int load(const char *name, const char *in_file, const char *in_environment,
		const char *as_flag)
{
	const struct config_flag flag = { name, as_flag };
	const struct config_option *option = config_option__find(name);
	char upstream[] = "EDGETAP_QUERY_URL=http://any:1";
	char variable[OPTION_SPELLING_BYTES], *environment[] = { NULL, NULL, NULL };
	const struct config_sources sources = { .role = role_of(option),
						.path = path,
						.directory = "/working",
						.flags = &flag,
						.flag_count = as_flag != NULL,
						.environment = environment };
	bool is_list = config_option__list_of(option) != NULL;
	char *text = NULL;
	int err;

	config_option__variable(name, variable);
	if (in_environment)
		ck_assert_int_gt(asprintf(&environment[0], "%s=%s", variable, in_environment), 0);
	else
		environment[0] = strdup("NOTHING=");
	if (option->of == OF_GATEWAY && option->type != OPTION_URL)
		environment[1] = upstream; /* without one the gateway has nothing to do */
	ck_assert_int_ge(asprintf(&text, "%s%s%s%s%s\n", in_file ? name : "", in_file ? ": " : "",
				  is_list && in_file ? "[" : "", in_file ? in_file : "",
				  is_list && in_file ? "]" : ""),
			 0);
	write_file(text);
	free(text);
	config__free(&config);
	memset(&error, 0, sizeof(error));
	err = config__load(&config, &sources, &error);
	free(environment[0]);
	return err;
}

static const char *value_of(const struct config_option *option)
{
	static char text[OPTION_VALUE_BYTES];

	config_option__format(option, &config, text);
	return text;
}

/* Two values that any option of the type can have, as they are formatted. */
static const char *const values[][2] = {
	[OPTION_LISTEN] = { "127.0.0.1:1", "127.0.0.1:2" },
	[OPTION_LABEL] = { "one", "other" },
	[OPTION_PATH] = { "/one", "/other" },
	[OPTION_URL] = { "http://one:1", "http://other:1" },
	[OPTION_HIERARCHY] = { "v2", "memory" },
	[OPTION_DURATION] = { "2s", "3s" },
	[OPTION_TIMEOUT] = { "2s", "3s" },
	[OPTION_NUMBER] = { NULL, NULL }, /* the least and the largest */
	[OPTION_BYTES] = { "2MiB", "auto" },
	[OPTION_BOOL] = { "true", "false" },
	[OPTION_BUCKETS] = { "1,2,3", "0.5" },
	[OPTION_NETWORKS] = { "10.0.0.0/8,10.1.0.0/16", "10.2.0.1" },
	[OPTION_SET] = { "openssl,go", "gnutls" },
};

static const struct config_option *row(int i)
{
	const struct config_option *options;

	ck_assert_int_lt(i, (int)config_option__all(&options));
	return &options[i];
}

static const char *value(const struct config_option *option, int which)
{
	static char text[2][32];

	if (values[option->type][which])
		return values[option->type][which];
	snprintf(text[which], sizeof(text[which]), "%llu",
		 (unsigned long long)(which ? option->max : option->min));
	return text[which];
}

/* Flag > environment > file > default, by each name, whichever of two values is where. */
START_TEST(test_precedence)
{
	const struct config_option *option = row(_i);
	const char *name;

	for (size_t n = 0; (name = config_option__spelling(option, n)); n++) {
		for (int which = 0; which < 2; which++) {
			const char *weak = value(option, which), *strong = value(option, !which);

			ck_assert_msg(load(name, strong, NULL, NULL) == 0, "%s", error.text);
			ck_assert_str_eq(value_of(option), strong);
			ck_assert_msg(load(name, weak, strong, NULL) == 0, "%s", error.text);
			ck_assert_str_eq(value_of(option), strong);
			ck_assert_msg(load(name, weak, NULL, strong) == 0, "%s", error.text);
			ck_assert_str_eq(value_of(option), strong);
			ck_assert_msg(load(name, strong, weak, strong) == 0, "%s", error.text);
			ck_assert_str_eq(value_of(option), strong);
			ck_assert_msg(load(name, NULL, weak, strong) == 0, "%s", error.text);
			ck_assert_str_eq(value_of(option), strong);
		}
	}
	if (option->type == OPTION_URL) {
		ck_assert_int_eq(load(option->name, NULL, NULL, NULL), -EDESTADDRREQ);
		ck_assert(error.is_usage);
		return;
	}
	ck_assert_msg(load(option->name, NULL, NULL, NULL) == 0, "%s", error.text);
	if (option->standard && strcmp(option->name, "region") != 0) {
		char standard[OPTION_VALUE_BYTES];

		snprintf(standard, sizeof(standard), "%s", value_of(option));
		ck_assert_int_eq(load(option->name, NULL, NULL, option->standard), 0);
		ck_assert_str_eq(value_of(option), standard);
	}
	ck_assert_msg(!option->standard != !option->unset, "%s: one of both", option->name);
}
END_TEST

/* The text refuses, in one line that says where, what it is and what it could be. */
static void is_refused(const struct config_option *option, const char *text, const char *where,
		       const char *shown)
{
	ck_assert_msg(error.text[0], "%s: \"%.60s\" is taken", where, text);
	ck_assert_msg(strstr(error.text, where) != NULL, "no %s: %s", where, error.text);
	ck_assert_msg(strstr(error.text, ": expected ") != NULL, "%s", error.text);
	ck_assert_msg(strstr(error.text, shown) != NULL, "no %s: %s", shown, error.text);
	if (!config_option__list_of(option)) {
		char form[OPTION_VALUE_BYTES];

		config_option__form(option, form);
		ck_assert_msg(strstr(error.text, form) != NULL, "no %s: %s", form, error.text);
	}
	for (const char *p = error.text; *p; p++)
		ck_assert_msg(!iscntrl((unsigned char)*p), "%s", error.text);
}

/* As a flag, a variable, and where YAML leaves it alone in the file. */
static void refuse_everywhere(const struct config_option *option, const char *text, bool in_file,
			      const char *shown)
{
	char where[OPTION_SPELLING_BYTES + 2] = "--", line[128];

	config_option__flag(option->name, where + 2);
	ck_assert_msg(load(option->name, NULL, NULL, text) < 0, "%s \"%.60s\"", where, text);
	ck_assert(error.is_usage);
	is_refused(option, text, where, shown);
	config_option__variable(option->name, where);
	if (text[0]) { /* an empty one is not set */
		ck_assert_msg(load(option->name, NULL, text, NULL) < 0, "%s=%.60s", where, text);
		ck_assert(!error.is_usage);
		is_refused(option, text, where, shown);
	}
	if (!in_file)
		return;
	ck_assert_msg(load(option->name, text, NULL, NULL) < 0, "%s: %.60s", option->name, text);
	ck_assert(!error.is_usage);
	snprintf(line, sizeof(line), "edgetap.yaml:1: %s", option->name);
	is_refused(option, text, line, shown);
}

static const struct {
	const char *text, *shown;
	bool in_file; /* it reaches the option from there as it is */
	bool is_text; /* no text may be so either */
} absurd[] = {
	{ "", "got \"\"", false, false },
	{ " ", "got \" \"", false, true },
	{ " 5", "got \" 5\"", false, true },
	{ "5 ", "got \"5 \"", false, true },
	{ "-1", "got \"-1\"", true, false },
	{ "+1", "got \"+1\"", true, false },
	{ "1.5.1", "got \"1.5.1\"", true, false },
	{ "1e9", "got \"1e9\"", true, false },
	{ "0x10", "got \"0x10\"", true, false },
	{ "nan", "got \"nan\"", true, false },
	{ "inf", "got \"inf\"", true, false },
	{ "99999999999999999999999999", "got \"99999999999999999999999999\"", true, false },
	{ "18446744073709551617", "got \"18446744073709551617\"", true, false },
	{ "18446744073709551617s", "got \"18446744073709551617s\"", true, false },
	{ "1\n", "got \"1\\x0a\"", false, true },
	{ "\x1b[2J", "got \"\\x1b[2J\"", false, true },
	{ "1\xff", "got \"1\\xff\"", false, false },
	{ "\xe2\x80\xae", "got \"\\u202e\"", false, false },
};

/* A label may be any of these words, and a path nearly any. */
static bool takes_words(const struct config_option *option)
{
	return option->type == OPTION_LABEL || option->type == OPTION_PATH;
}

/* Names of controllers are not known: what could be one is taken. */
static bool is_word(const char *text)
{
	return text[0] && !text[strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789_")];
}

START_TEST(test_absurd_values)
{
	const struct config_option *option = row(_i);
	static char huge[HUGE_BYTES + 1];

	for (size_t i = 0; i < sizeof(absurd) / sizeof(absurd[0]); i++) {
		if (takes_words(option) && !absurd[i].is_text)
			continue;
		if (option->type == OPTION_HIERARCHY && is_word(absurd[i].text))
			continue;
		if (option->type == OPTION_NETWORKS && !absurd[i].text[0])
			continue; /* none */
		refuse_everywhere(option, absurd[i].text, absurd[i].in_file, absurd[i].shown);
	}
	memset(huge, '9', sizeof(huge) - 1);
	refuse_everywhere(option, huge, true, "got \"9999999999");
}
END_TEST

static void format(const struct config_option *option, uint64_t number, char text[64])
{
	switch (option->type) {
	case OPTION_DURATION:
		value__format_duration(number, text, 64);
		break;
	case OPTION_TIMEOUT:
		value__format_duration(number * 1000000, text, 64);
		break;
	case OPTION_BYTES:
		value__format_bytes(number, text, 64);
		break;
	default:
		snprintf(text, 64, "%llu", (unsigned long long)number);
	}
}

/* Just below, at and just above each bound. */
START_TEST(test_bounds)
{
	const struct config_option *option = row(_i);
	uint64_t step = option->type == OPTION_DURATION ? 1000000 : 1;
	const uint64_t at[] = { option->min, option->max };
	char text[64], shown[80];

	if (!option->max || config_option__list_of(option))
		return;
	for (int i = 0; i < 2; i++) {
		format(option, at[i], text);
		ck_assert_msg(load(option->name, text, NULL, NULL) == 0, "%s", error.text);
		ck_assert_str_eq(value_of(option), text);
		ck_assert_msg(load(option->name, NULL, text, text) == 0, "%s", error.text);
		ck_assert_str_eq(value_of(option), text);
		if (i == 0 && at[i] == 0)
			continue;
		format(option, i ? at[i] + step : at[i] - step, text);
		snprintf(shown, sizeof(shown), "got \"%s\"", text);
		refuse_everywhere(option, text, true, shown);
	}
}
END_TEST

/* A list may be full, and have no more than that. */
START_TEST(test_bounds_of_lists)
{
	const struct config_option *option = row(_i);
	char text[OPTION_VALUE_BYTES] = "", more[OPTION_VALUE_BYTES + 32];

	if (!config_option__list_of(option) || option->type == OPTION_SET)
		return;
	for (uint64_t i = 1; i <= option->max; i++)
		sprintf(text + strlen(text), option->type == OPTION_BUCKETS ? "%s%llu" : "%s::%llu",
			i > 1 ? "," : "", (unsigned long long)i);
	ck_assert_msg(load(option->name, NULL, text, text) == 0, "%s", error.text);
	ck_assert_str_eq(value_of(option), text);
	snprintf(more, sizeof(more), "%s,%s", text,
		 option->type == OPTION_BUCKETS ? "60000" : "::ffff");
	ck_assert_int_lt(load(option->name, NULL, NULL, more), 0);
	snprintf(text, sizeof(text), "expected at most %llu ", (unsigned long long)option->max);
	ck_assert_ptr_nonnull(strstr(error.text, text));
}
END_TEST

/* A label of 128 bytes, a path of 1,023, and nothing longer. */
START_TEST(test_bounds_of_texts)
{
	const struct config_option *option = row(_i);
	size_t most = option->type == OPTION_PATH ? OPTION_VALUE_BYTES - 1 : 128;
	char text[OPTION_VALUE_BYTES + 1];

	if (!takes_words(option))
		return;
	memset(text, 'a', sizeof(text));
	text[0] = '/';
	text[most] = '\0';
	ck_assert_msg(load(option->name, text, NULL, NULL) == 0, "%s", error.text);
	ck_assert_msg(load(option->name, NULL, text, text) == 0, "%s", error.text);
	ck_assert_str_eq(value_of(option), text);
	text[most] = 'a';
	text[most + 1] = '\0';
	refuse_everywhere(option, text, true, "got \"/aaaaaaa");
}
END_TEST

/* What a path stands for depends on where it stands, and not on where the process is. */
START_TEST(test_relative_paths)
{
	const struct config_option *option = row(_i);
	char want[sizeof(directory) + 16];

	if (option->type != OPTION_PATH)
		return;
	snprintf(want, sizeof(want), "%s/a/b", directory);
	ck_assert_msg(load(option->name, "a/b", NULL, NULL) == 0, "%s", error.text);
	ck_assert_str_eq(value_of(option), want);
	ck_assert_int_eq(load(option->name, "./a/b", NULL, NULL), 0);
	ck_assert_str_eq(value_of(option), want);
	ck_assert_int_eq(load(option->name, "/a/b", NULL, NULL), 0);
	ck_assert_str_eq(value_of(option), "/a/b");
	ck_assert_int_eq(load(option->name, NULL, "a/b", NULL), 0);
	ck_assert_str_eq(value_of(option), "/working/a/b");
	ck_assert_int_eq(load(option->name, NULL, NULL, "../b"), 0);
	ck_assert_str_eq(value_of(option), "/working/../b");
}
END_TEST

/* Those in lists of the file, and the file itself. */
START_TEST(test_relative_paths_elsewhere)
{
	char *environment[] = { NULL };
	struct config_sources sources = { .path = "edgetap.yaml",
					  .directory = directory,
					  .environment = environment };
	char want[sizeof(directory) + 16];

	write_file("tokens: [{token_file: a/t}]\npostgres: [{password_file: ./p}]\n");
	ck_assert_msg(config__load(&config, &sources, &error) == 0, "%s", error.text);
	ck_assert_str_eq(config.path, path);
	snprintf(want, sizeof(want), "%s/a/t", directory);
	ck_assert_str_eq(config.tokens[0].token_file, want);
	snprintf(want, sizeof(want), "%s/p", directory);
	ck_assert_str_eq(config.postgres_rules[0].password_file, want);
	config__free(&config);
	/* a directory that was removed has no name */
	sources.directory = NULL;
	sources.path = "/dev/null";
	sources.flags = &(struct config_flag){ "web_config_file", "web.yml" };
	sources.flag_count = 1;
	ck_assert_int_lt(config__load(&config, &sources, &error), 0);
	ck_assert_str_eq(error.text, "--web-config-file: expected an absolute path, as there is no "
				     "directory to begin at, got \"web.yml\"");
}
END_TEST

/* A row says whether a new value counts, and it does or is named. */
START_TEST(test_reload)
{
	const struct config_option *option = row(_i);
	char names[CONFIG_NAMES_BYTES];
	struct config running;

	ck_assert_int_eq(load(option->name, value(option, 0), NULL, NULL), 0);
	running = config;
	memset(&config, 0, sizeof(config));
	ck_assert_int_eq(load(option->name, value(option, 0), NULL, NULL), 0);
	ck_assert(!config__differs(&running, &config, names));
	ck_assert_str_eq(names, "");
	ck_assert_int_eq(load(option->name, value(option, 1), NULL, NULL), 0);
	ck_assert_int_eq(config__differs(&running, &config, names), !option->reloads);
	ck_assert_str_eq(names, option->reloads ? "" : option->name);
	config__reload(&running, &config);
	config__free(&config);
	config = running;
	ck_assert_str_eq(value_of(option), value(option, option->reloads));
}
END_TEST

/* Many differ: as many names as have room, and dots. */
START_TEST(test_reload_names_what_has_room)
{
	struct config other = { 0 };
	char names[CONFIG_NAMES_BYTES];

	ck_assert_int_eq(config__init(&config, &error), 0);
	ck_assert(config__differs(&config, &other, names));
	ck_assert_uint_gt(strlen(names), CONFIG_NAMES_BYTES / 2);
	ck_assert_str_eq(names + strlen(names) - 5, ", ...");
}
END_TEST

/* Two names of one option in one place contradict each other, or one is a mistake. */
START_TEST(test_both_names)
{
	char ours[] = "EDGETAP_COLLECTOR_POSTGRES=true", theirs[] = "EDGETAP_POSTGRES=true";
	char *environment[] = { ours, theirs, NULL };
	const struct config_sources sources = { .path = path, .environment = environment };

	write_file("");
	ck_assert_int_lt(config__load(&config, &sources, &error), 0);
	ck_assert_str_eq(error.text, "EDGETAP_POSTGRES: expected one of it and "
				     "EDGETAP_COLLECTOR_POSTGRES, which is the same");
	config__free(&config);
	environment[0] = NULL;
	write_file("region: a\npostgres: true\ncollector.postgres: false\n");
	ck_assert_int_lt(config__load(&config, &sources, &error), 0);
	ck_assert_ptr_nonnull(strstr(error.text, "edgetap.yaml:3: collector.postgres: expected one "
						 "of it and postgres, which is the same"));
	config__free(&config);
	/* the list is no switch, wherever it stands */
	write_file("collector.postgres: false\npostgres: [{ask: false}]\n");
	ck_assert_msg(config__load(&config, &sources, &error) == 0, "%s", error.text);
	ck_assert(!config.postgres);
	ck_assert_uint_eq(config.postgres_rule_count, 1);
}
END_TEST

static void keep(void *ctx, const char *sentence)
{
	strcat(ctx, sentence);
}

/* As of a row that has been renamed. */
START_TEST(test_old_name)
{
	struct config_option option = *config_option__find("max_apps");
	struct config_source source = { "--max-apps", "max_apps", NULL };
	char said[256] = "";

	option.name = "most_apps";
	option.old = "max_apps";
	ck_assert_str_eq(config_option__spelling(&option, 1), "max_apps");
	ck_assert_ptr_null(config_option__spelling(&option, 2));
	ck_assert_int_eq(config_option__set(&option, &config, "7", &source, &error), 0);
	ck_assert_uint_eq(config.max_apps, 7);
	config_warnings__each(&config, keep, said);
	ck_assert_str_eq(said, "--max-apps: is called most_apps now; the old name works for one "
			       "more release");
	source.spelling = "most_apps";
	ck_assert_int_eq(config_option__set(&option, &config, "7", &source, &error), 0);
	ck_assert_uint_eq(config.note_count, 1);
}
END_TEST

/* No two options have a name in common, however it is spelled. */
START_TEST(test_names_are_different)
{
	const struct config_option *option = row(_i);
	const struct config_option *options;
	size_t count = config_option__all(&options);
	char ours[OPTION_SPELLING_BYTES], theirs[OPTION_SPELLING_BYTES];
	const char *name, *other;

	for (size_t n = 0; (name = config_option__spelling(option, n)); n++) {
		ck_assert_uint_lt(strlen("EDGETAP_") + strlen(name), OPTION_SPELLING_BYTES);
		ck_assert_ptr_eq(config_option__find(name), option);
		config_option__variable(name, ours);
		for (size_t i = 0; i < count; i++) {
			for (size_t m = 0; (other = config_option__spelling(&options[i], m)); m++) {
				config_option__variable(other, theirs);
				ck_assert_msg((&options[i] == option && m == n) ||
						      strcmp(ours, theirs) != 0,
					      "%s", ours);
			}
		}
	}
}
END_TEST

static char *text_of(const char *name)
{
	static char text[128 * 1024];
	FILE *file = fopen(name, "r");

	ck_assert_msg(file != NULL, "%s: %s", name, strerror(errno));
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	return text;
}

/* The entry of the man page: what it begins with, and the line of facts that it ends with. */
static void entry_of(const struct config_option *option, enum config_role role, char *head,
		     char *facts)
{
	char flag[OPTION_SPELLING_BYTES], synonym[OPTION_SPELLING_BYTES] = "";

	config_option__flag(option->name, flag);
	if (option->synonym)
		config_option__flag(option->synonym, synonym);
	sprintf(head, "%s%s%s%s", option->type == OPTION_BOOL ? "Oo Cm no- Oc Ns Cm " : "", flag,
		option->synonym ? " , Fl Fl " : "", synonym);
	config_option__facts(option, role, facts);
	facts[0] = (char)toupper((unsigned char)facts[0]);
	strcat(facts, ".");
}

/* Which option the entry that begins here is of; it must end in the option's facts. */
static const struct config_option *check_entry(const char *at, const char *end,
					       enum config_role role)
{
	char head[128], facts[OPTION_FACTS_BYTES + 16], line[OPTION_FACTS_BYTES + 16];
	const struct config_option *options;
	size_t count = config_option__all(&options), i = 0;

	for (; i < count; i++) {
		entry_of(&options[i], role, head, facts);
		if (strncmp(at, head, strlen(head)) == 0 && strchr(" \n", at[strlen(head)]))
			break;
	}
	ck_assert_msg(i < count, "no option: %.40s", at);
	snprintf(line, sizeof(line), "\n%s\n.", facts);
	ck_assert_msg(options[i].type == OPTION_URL ||
			      (strstr(at, line) && (!end || strstr(at, line) < end)),
		      "%s is to end in \"%s\"", options[i].name, facts);
	return &options[i];
}

/* The entries of a list, from a sentence to the next section: how many are a role's own. */
static size_t check_entries(const char *sentence, bool is_gateway)
{
	static const char item[] = "\n.It Fl Fl ";
	char *at = strstr(text_of("deploy/edgetap.1"), sentence), *end;
	size_t found = 0;
	bool is_own;

	ck_assert_ptr_nonnull(at);
	end = strstr(at, "\n.Ss ");
	ck_assert_ptr_nonnull(end);
	*end = '\0';
	for (at = strstr(at, item); at; at = end) {
		at += strlen(item);
		end = strstr(at, item);
		/* no option of the configuration */
		if (strncmp(at, "allow-root\n", 11) == 0)
			continue;
		is_own = (check_entry(at, end, is_gateway ? CONFIG_GATEWAY : CONFIG_AGENT)->of ==
			  OF_GATEWAY) == is_gateway;
		/* again, as its default is another one */
		if (is_gateway && strncmp(at, "listen ", 7) == 0)
			continue;
		ck_assert(is_own);
		found++;
	}
	return found;
}

/*
 * deploy/edgetap.1 has an entry for each row with the same default and bounds, and no other.
 * Run from the top of the tree, as make does.
 */
START_TEST(test_man_page)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);

	ck_assert_uint_eq(check_entries("\nThe options below can be given", false) +
				  check_entries("\nThe options are\n.Fl Fl config", true),
			  count);
}
END_TEST

/* The shipped file shows each, if need be as a comment. */
START_TEST(test_example)
{
	const struct config_option *option = row(_i);
	const char *page = text_of(option->of == OF_GATEWAY ? "deploy/edgetap-gateway.yaml"
							    : "deploy/edgetap.yaml");
	char line[64], comment[64];

	snprintf(line, sizeof(line), "\n%s: ", option->name);
	snprintf(comment, sizeof(comment), "\n# %s: ", option->name);
	ck_assert_msg(strstr(page, line) || strstr(page, comment), "%s", option->name);
}
END_TEST

Suite *option_suite(void)
{
	Suite *suite = suite_create("option");
	TCase *tc = tcase_create("option");
	const struct config_option *options;
	int count = (int)config_option__all(&options);

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_precedence, 0, count);
	tcase_add_loop_test(tc, test_absurd_values, 0, count);
	tcase_add_loop_test(tc, test_bounds, 0, count);
	tcase_add_loop_test(tc, test_bounds_of_lists, 0, count);
	tcase_add_loop_test(tc, test_bounds_of_texts, 0, count);
	tcase_add_loop_test(tc, test_relative_paths, 0, count);
	tcase_add_test(tc, test_relative_paths_elsewhere);
	tcase_add_loop_test(tc, test_reload, 0, count);
	tcase_add_test(tc, test_reload_names_what_has_room);
	tcase_add_test(tc, test_both_names);
	tcase_add_test(tc, test_old_name);
	tcase_add_loop_test(tc, test_names_are_different, 0, count);
	tcase_add_test(tc, test_man_page);
	tcase_add_loop_test(tc, test_example, 0, count);
	suite_add_tcase(suite, tc);
	return suite;
}
