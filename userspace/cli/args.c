// SPDX-License-Identifier: Apache-2.0
#include "cli/args.h"

#include <errno.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/printable.h"
#include "config/option.h"
#include "config/role.h"

enum {
	TAKES_CONFIG = 1, /* --config and every option of the configuration */
	TAKES_JSON = 2,
	TAKES_TOKEN = 4,
	TAKES_ROOT = 8,	    /* --allow-root */
	TAKES_GATEWAY = 16, /* --gateway */
};

static const struct {
	const char *name;
	const char *summary;
	const char *usage;
	unsigned int takes;
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

/* getopt_long's values: those from FIRST_OPTION on are indices into the options. */
enum { FIRST_OPTION = 256 };

/* The token's options, by their short spelling. */
static const struct option token_options[] = {
	{ "key-file", required_argument, NULL, 'k' }, { "app", required_argument, NULL, 'a' },
	{ "org", required_argument, NULL, 'o' },      { "expires", required_argument, NULL, 'e' },
	{ "read-only", no_argument, NULL, 'r' },
};

#define TOKEN_OPTIONS (sizeof(token_options) / sizeof(token_options[0]))

struct long_options {
	char name[ARGS_MAX_FLAGS][OPTION_SPELLING_BYTES];
	struct option option[ARGS_MAX_FLAGS + 1];
};

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

static enum config_role role_of(enum command command)
{
	return command == COMMAND_GATEWAY ? CONFIG_GATEWAY : CONFIG_AGENT;
}

/* Those of the gateway are known to all, who then say that they are its. */
static bool command__knows(enum command command, const char *option)
{
	return command != COMMAND_GATEWAY || config_role__takes(CONFIG_GATEWAY, option);
}

static void build_options(struct long_options *table, enum command command)
{
	const unsigned int takes = commands[command].takes;
	const struct config_option *options;
	size_t count = config_option__all(&options), used = 0;

	memset(table, 0, sizeof(*table));
	table->option[used++] = (struct option){ "help", no_argument, NULL, 'h' };
	if (takes & TAKES_JSON)
		table->option[used++] = (struct option){ "json", no_argument, NULL, 'j' };
	if (takes & TAKES_ROOT)
		table->option[used++] = (struct option){ "allow-root", no_argument, NULL, 'R' };
	if (takes & TAKES_GATEWAY)
		table->option[used++] = (struct option){ "gateway", no_argument, NULL, 'g' };
	for (size_t i = 0; (takes & TAKES_TOKEN) && i < TOKEN_OPTIONS; i++)
		table->option[used++] = token_options[i];
	if (!(takes & TAKES_CONFIG))
		return;
	table->option[used++] = (struct option){ "config", required_argument, NULL, 'c' };
	for (size_t i = 0; i < count && used < ARGS_MAX_FLAGS; i++) {
		if (!command__knows(command, options[i].name))
			continue;
		config_option__flag(&options[i], table->name[used]);
		table->option[used] = (struct option){
			.name = table->name[used],
			.has_arg = options[i].type == OPTION_BOOL ? optional_argument
								  : required_argument,
			.val = FIRST_OPTION + (int)i,
		};
		used++;
	}
}

/* The last one given counts. */
static void add_flag(struct args *args, const struct config_option *option, const char *value)
{
	struct config_flag *flag = args->flags;

	while (flag < args->flags + args->flag_count && strcmp(flag->name, option->name) != 0)
		flag++;
	if (flag == args->flags + args->flag_count)
		args->flag_count++;
	*flag = (struct config_flag){ option->name, value ? value : "true" };
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
	const struct config_option *options;
	int found;

	config_option__all(&options);
	build_options(&table, args->command);
	opterr = 0;
	/* 0, not 1: getopt keeps more state than optind between two lists (GNU). */
	optind = 0;
	while ((found = getopt_long(argc, argv,
				    commands[args->command].takes & TAKES_CONFIG ? ":hc:" : ":h",
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
		else if (found >= FIRST_OPTION)
			add_flag(args, &options[found - FIRST_OPTION], optarg);
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

static void print_options(enum command command)
{
	const unsigned int takes = commands[command].takes;
	const enum config_role role = role_of(command);
	const struct config_option *options;
	size_t count = config_option__all(&options);

	printf("\nOptions:\n");
	if (takes & TAKES_CONFIG)
		printf("  -c, --config FILE                the configuration (%s)\n",
		       role == CONFIG_GATEWAY ? CONFIG_GATEWAY_FILE : CONFIG_DEFAULT_FILE);
	for (size_t i = 0; (takes & TAKES_CONFIG) && i < count; i++) {
		char flag[OPTION_SPELLING_BYTES], spelling[2 * OPTION_SPELLING_BYTES];

		if (!config_role__takes(role, options[i].name))
			continue;
		config_option__flag(&options[i], flag);
		snprintf(spelling, sizeof(spelling), "--%s%s%s%s", flag,
			 options[i].type == OPTION_BOOL ? "[=" : " ", options[i].argument,
			 options[i].type == OPTION_BOOL ? "]" : "");
		printf("      %-28s %s\n", spelling, options[i].help);
	}
	if (takes & TAKES_TOKEN)
		printf("      --key-file FILE              the keys; the first of them signs\n"
		       "      --app NAME                   only this app; may be given repeatedly\n"
		       "      --org NAME                   only this organisation\n"
		       "      --expires TIME               not after this time (24h, 30d) from now on\n"
		       "      --read-only                  no request that changes anything\n");
	if (takes & TAKES_ROOT)
		printf("      %-28s %s\n", "--allow-root", "run as root, which it has no use for");
	if (takes & TAKES_GATEWAY)
		printf("      %-28s %s\n", "--gateway",
		       "as `edgetap gateway` would read it, with its options");
	if (takes & TAKES_JSON)
		printf("      %-28s %s\n", "--json", "for a program to read");
	printf("  -h, %-28s %s\n", "--help", "print this text");
	if (takes & TAKES_CONFIG)
		printf("\nEach option of the configuration has the same name in the file\n"
		       "(http_timeout) and in the environment (EDGETAP_HTTP_TIMEOUT); the\n"
		       "environment is stronger than a flag, a flag than the file.\n");
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
