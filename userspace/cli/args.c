// SPDX-License-Identifier: Apache-2.0
#include "cli/args.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/printable.h"
#include "config/option.h"
#include "config/role.h"

enum {
	TAKES_CONFIG = 1, /* --config and every option of the configuration */
	TAKES_JSON = 2,
	TAKES_TOKEN = 4,
	TAKES_HELP = 8, /* every command */
	TAKES_ROOT = 16,
	TAKES_GATEWAY = 32,
};

static const struct {
	const char *name;
	const char *summary;
	const char *usage;
	unsigned int takes; /* TAKES_HELP goes without saying */
} commands[COMMAND_N] = {
	[COMMAND_SERVE] = { "serve", "observe this machine and serve its metrics (the default)",
			    "[serve] [OPTION]...", TAKES_CONFIG },
	[COMMAND_GATEWAY] = { "gateway",
			      "serve a Prometheus' query API, narrowed to what each reader may see",
			      "gateway --query-url URL [OPTION]...", TAKES_CONFIG | TAKES_ROOT },
	[COMMAND_DOCTOR] = { "doctor", "tell what this kernel offers, and what is missing",
			     "doctor [OPTION]...", TAKES_CONFIG | TAKES_JSON },
	[COMMAND_CHECK_CONFIG] = { "check-config", "read the configuration and say what is wrong",
				   "check-config [OPTION]... [FILE]",
				   TAKES_CONFIG | TAKES_JSON | TAKES_GATEWAY },
	[COMMAND_TOKEN] = { "token", "make, narrow and show tokens that restrict who asks",
			    "token key|create|attenuate|inspect [OPTION]... [FILE]",
			    TAKES_TOKEN | TAKES_JSON },
	[COMMAND_VERSION] = { "version", "print the version", "version [OPTION]...", TAKES_JSON },
	[COMMAND_HELP] = { "help", "print this text", "help [COMMAND]", 0 },
};

/* What is no option of the configuration. */
static const struct {
	const char *name;
	int letter; /* what getopt_long returns */
	const char *argument;
	const char *help;
	unsigned int takes; /* the commands that have it */
} own_options[] = {
	{ "config", 'c', "FILE", "the configuration", TAKES_CONFIG },
	{ "key-file", 'k', "FILE", "the keys; the first of them signs", TAKES_TOKEN },
	{ "app", 'a', "NAME", "only this app; may be given repeatedly", TAKES_TOKEN },
	{ "org", 'o', "NAME", "only this organisation", TAKES_TOKEN },
	{ "expires", 'e', "TIME", "not after this time (24h, 30d) from now on", TAKES_TOKEN },
	{ "read-only", 'r', NULL, "no request that changes anything", TAKES_TOKEN },
	{ "allow-root", 'R', NULL, "run as root, which it has no use for", TAKES_ROOT },
	{ "gateway", 'g', NULL, "as `edgetap gateway` would read it, with its options",
	  TAKES_GATEWAY },
	{ "json", 'j', NULL, "for a program to read", TAKES_JSON },
	{ "help", 'h', NULL, "print this text", TAKES_HELP },
};

#define OWN_OPTIONS (sizeof(own_options) / sizeof(own_options[0]))

/* getopt_long's values: those from FIRST_FLAG on are indices into the flags. */
enum { FIRST_FLAG = 256, MAX_FLAGS = 4 * OPTION_MAX };

/* The options of the configuration as getopt_long wants them: each name, with and without no-. */
struct long_options {
	size_t count;
	struct option option[MAX_FLAGS + 1];
	char text[MAX_FLAGS][OPTION_SPELLING_BYTES];
	struct config_flag flag[MAX_FLAGS]; /* value: where the flag has none */
};

static unsigned int takes(enum command command)
{
	return commands[command].takes | TAKES_HELP;
}

const char *command__name(enum command command)
{
	return commands[command].name;
}

static bool command__find(const char *name, enum command *ret_command)
{
	for (int i = 0; i < COMMAND_N; i++) {
		if (strcmp(commands[i].name, name) == 0) {
			*ret_command = (enum command)i;
			return true;
		}
	}
	return false;
}

static void add_long(struct long_options *table, const char *spelling, const char *prefix,
		     int has_arg, const char *value)
{
	char flag[OPTION_SPELLING_BYTES];
	size_t i = table->count;

	if (i == MAX_FLAGS)
		return;
	config_option__flag(spelling, flag);
	snprintf(table->text[i], OPTION_SPELLING_BYTES, "%s%s", prefix, flag);
	table->flag[i] = (struct config_flag){ spelling, value };
	table->option[i] = (struct option){ .name = table->text[i],
					    .has_arg = has_arg,
					    .val = FIRST_FLAG + (int)i };
	table->count++;
}

static void add_option(struct long_options *table, const struct config_option *option)
{
	const char *spelling;

	for (size_t i = 0; (spelling = config_option__spelling(option, i)); i++) {
		if (option->type != OPTION_BOOL) {
			add_long(table, spelling, "", required_argument, NULL);
			continue;
		}
		add_long(table, spelling, "", optional_argument, "true");
		add_long(table, spelling, "no-", no_argument, "false");
	}
}

static enum config_role role_of(enum command command)
{
	return command == COMMAND_GATEWAY ? CONFIG_GATEWAY : CONFIG_AGENT;
}

/* Those of the gateway are known to all, who then say that they are its. */
static bool command__knows(enum command command, const struct config_option *option)
{
	return command != COMMAND_GATEWAY || option->of != OF_AGENT;
}

static void build_options(struct long_options *table, enum command command)
{
	const unsigned int taken = takes(command);
	const struct config_option *options;
	size_t count = config_option__all(&options);

	memset(table, 0, sizeof(*table));
	for (size_t i = 0; (taken & TAKES_CONFIG) && i < count; i++)
		if (command__knows(command, &options[i]))
			add_option(table, &options[i]);
	for (size_t i = 0; i < OWN_OPTIONS && table->count < MAX_FLAGS; i++)
		if (taken & own_options[i].takes)
			table->option[table->count++] = (struct option){
				.name = own_options[i].name,
				.has_arg = own_options[i].argument ? required_argument
								   : no_argument,
				.val = own_options[i].letter,
			};
}

/* The last one given counts, by whatever name. */
static void add_flag(struct args *args, const struct config_flag *found, const char *value)
{
	const struct config_option *option = config_option__find(found->name);
	struct config_flag *flag = args->flags;

	while (flag < args->flags + args->flag_count && config_option__find(flag->name) != option)
		flag++;
	if (flag == args->flags + args->flag_count)
		args->flag_count++;
	*flag = (struct config_flag){ found->name, value ? value : found->value };
}

__attribute__((format(printf, 2, 3))) static int fail(char *error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(error, ARGS_ERROR_BYTES, format, arguments);
	va_end(arguments);
	return -EINVAL;
}

static int bad_option(enum command command, int found, char **argv, char *error)
{
	const char *text = argv[optind - 1];

	if (found == ':')
		return fail(error, "option %s needs a value", PRINTABLE(text));
	if (optopt >= ' ' && optopt < 127 && strncmp(text, "--", 2) != 0)
		return fail(error, "unknown option -%c; see `edgetap %s --help`", optopt,
			    command__name(command));
	if (optopt)
		return fail(error, "option %s takes no value", PRINTABLE(text));
	return fail(error, "unknown option %s; see `edgetap %s --help`", PRINTABLE(text),
		    command__name(command));
}

static int add_token_option(struct args_token *token, int found, char *error)
{
	if (found == 'a') {
		if (token->app_count == ARGS_MAX_APPS)
			return fail(error, "at most %d apps can be named", ARGS_MAX_APPS);
		token->app[token->app_count++] = optarg;
	} else if (found == 'k') {
		token->key_file = optarg;
	} else if (found == 'o') {
		token->org = optarg;
	} else if (found == 'e') {
		token->expires = optarg;
	} else {
		token->read_only = true;
	}
	return 0;
}

static int read_operands(struct args *args, int argc, char **argv, char *error)
{
	if (optind < argc && args->command == COMMAND_HELP) {
		if (!command__find(argv[optind], &args->command))
			return fail(error, "unknown command \"%s\"; see `edgetap help`",
				    PRINTABLE(argv[optind]));
		args->help = true;
		optind++;
	} else if (optind < argc && args->command == COMMAND_CHECK_CONFIG && !args->config_path) {
		args->config_path = argv[optind++];
	} else if (optind < argc && args->command == COMMAND_TOKEN) {
		args->token.action = argv[optind++];
		if (optind < argc)
			args->token.file = argv[optind++];
	}
	if (optind < argc)
		return fail(error, "unexpected argument \"%s\"; see `edgetap %s --help`",
			    PRINTABLE(argv[optind]), command__name(args->command));
	return 0;
}

static int read_options(struct args *args, int argc, char **argv, char *error)
{
	struct long_options table;
	int found;

	build_options(&table, args->command);
	opterr = 0;
	/* 0, not 1: getopt keeps more state than optind between two lists (GNU). */
	optind = 0;
	while ((found = getopt_long(argc, argv, takes(args->command) & TAKES_CONFIG ? ":hc:" : ":h",
				    table.option, NULL)) != -1) {
		if (found == 'h')
			args->help = true;
		else if (found == 'j')
			args->json = true;
		else if (found == 'R')
			args->allow_root = true;
		else if (found == 'g')
			args->gateway = true;
		else if (found == 'c')
			args->config_path = optarg;
		else if (found >= FIRST_FLAG)
			add_flag(args, &table.flag[found - FIRST_FLAG], optarg);
		else if (found == '?' || found == ':')
			return bad_option(args->command, found, argv, error);
		else if (add_token_option(&args->token, found, error))
			return -EINVAL;
	}
	return read_operands(args, argc, argv, error);
}

int args__parse(struct args *ret_args, int argc, char **argv, char error[ARGS_ERROR_BYTES])
{
	struct args args = { .command = COMMAND_SERVE };
	int err;

	if (!getcwd(args.directory, sizeof(args.directory)) || args.directory[0] != '/')
		args.directory[0] = '\0';
	if (argc > 1 && (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0)) {
		args.command = COMMAND_VERSION;
		argc--;
		argv++;
	} else if (argc > 1 && (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)) {
		args.command = COMMAND_HELP;
		argc--;
		argv++;
	} else if (argc > 1 && argv[1][0] != '-') {
		if (!command__find(argv[1], &args.command))
			return fail(error, "unknown command \"%s\"; see `edgetap help`",
				    PRINTABLE(argv[1]));
		argc--;
		argv++;
	}
	err = read_options(&args, argc, argv, error);
	if (err)
		return err;
	*ret_args = args;
	return 0;
}

int args__load(const struct args *args, struct config *config, struct config_error *error)
{
	const struct config_sources sources = {
		.role = args->gateway ? CONFIG_GATEWAY : role_of(args->command),
		.path = args->config_path,
		.directory = args->directory[0] ? args->directory : NULL,
		.flags = args->flags,
		.flag_count = args->flag_count,
		.environment = environ,
	};

	return config__load(config, &sources, error);
}

static void print_option(const struct config_option *option, enum config_role role)
{
	char flag[OPTION_SPELLING_BYTES], left[2 * OPTION_SPELLING_BYTES];
	char facts[OPTION_FACTS_BYTES];

	config_option__flag(option->name, flag);
	config_option__facts(option, role, facts);
	if (option->type == OPTION_BOOL)
		snprintf(left, sizeof(left), "[no-]%s", flag);
	else
		snprintf(left, sizeof(left), "%s %s", flag, option->argument);
	if (option->begins)
		printf("\n%s:\n", option->begins);
	printf("      --%-30s %s (%s)\n", left, option->help, facts);
	if (!option->synonym)
		return;
	config_option__flag(option->synonym, flag);
	snprintf(left, sizeof(left), "%s[=true|false]", flag);
	printf("      --%-30s the same\n", left);
}

static void print_options(enum command command)
{
	const enum config_role role = role_of(command);
	const unsigned int taken = takes(command);
	const struct config_option *options;
	size_t count = config_option__all(&options);

	printf("\nOptions:\n");
	for (size_t i = 0; i < OWN_OPTIONS; i++) {
		const char *argument = own_options[i].argument;
		char left[2 * OPTION_SPELLING_BYTES];

		if (!(taken & own_options[i].takes))
			continue;
		snprintf(left, sizeof(left), "%s%s%s", own_options[i].name, argument ? " " : "",
			 argument ? argument : "");
		if (strchr("ch", own_options[i].letter))
			printf("  -%c, ", own_options[i].letter);
		else
			printf("      ");
		printf("--%-30s %s", left, own_options[i].help);
		if (own_options[i].letter == 'c')
			printf(" (%s)",
			       role == CONFIG_GATEWAY ? CONFIG_GATEWAY_FILE : CONFIG_DEFAULT_FILE);
		putchar('\n');
	}
	if (!(taken & TAKES_CONFIG))
		return;
	for (size_t i = 0; i < count; i++)
		if (config_role__takes(role, options[i].name))
			print_option(&options[i], role);
	printf("\nIn brackets: the default, what is allowed, and whether SIGHUP changes it. Each\n"
	       "of these has the same name in the file (http_timeout) and in the environment\n"
	       "(EDGETAP_HTTP_TIMEOUT). A flag is stronger than the environment, and that than\n"
	       "the file. Relative paths begin in the working directory, in the file where it is.\n");
}

void args__print_help(enum command command)
{
	if (command != COMMAND_HELP) {
		printf("Usage: edgetap %s\n%s\n", commands[command].usage,
		       commands[command].summary);
		print_options(command);
		return;
	}
	printf("Usage: edgetap [COMMAND] [OPTION]...\n"
	       "HTTP and TCP metrics of every container and process on this machine, from the\n"
	       "kernel, with nothing restarted or changed.\n\nCommands:\n");
	for (int i = 0; i < COMMAND_N; i++)
		printf("  %-14s %s\n", commands[i].name, commands[i].summary);
	printf("\n`edgetap COMMAND --help` lists the options of a command; edgetap(1) says more.\n");
}
