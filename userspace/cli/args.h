/* SPDX-License-Identifier: Apache-2.0 */
/* The command line. */
#ifndef EDGETAP_CLI_ARGS_H
#define EDGETAP_CLI_ARGS_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#include "config/option.h"

#define ARGS_ERROR_BYTES 160

enum command {
	COMMAND_SERVE,
	COMMAND_GATEWAY,
	COMMAND_DOCTOR,
	COMMAND_CHECK_CONFIG,
	COMMAND_TOKEN,
	COMMAND_VERSION,
	COMMAND_HELP,
	COMMAND_N
};

#define ARGS_MAX_APPS 64

/* Of `edgetap token`. */
struct args_token {
	const char *action;   /* NULL: not given */
	const char *file;     /* a token's; NULL: standard input */
	const char *key_file; /* this and below: NULL if not given */
	const char *org;
	const char *expires;
	const char *app[ARGS_MAX_APPS];
	size_t app_count;
	bool read_only;
};

struct args {
	enum command command;
	bool help; /* asked for the help of command; for COMMAND_HELP, for all of it */
	bool json;
	bool allow_root;	  /* of the gateway */
	bool gateway;		  /* check-config: as the gateway would read it */
	char directory[PATH_MAX]; /* the working directory at the start; "": it has no name */
	const char *config_path;  /* NULL: not given */
	struct config_flag flags[OPTION_MAX];
	size_t flag_count;
	struct args_token token;
};

/*
 * Reads the command line. No command is `serve`. Strings point into argv, which
 * is not reordered by more than getopt_long(3) does. Returns 0, or -EINVAL with
 * one sentence in error.
 */
int args__parse(struct args *ret_args, int argc, char **argv, char error[ARGS_ERROR_BYTES]);

/*
 * Reads the configuration that the command line, the environment and the file make; the same at
 * any time. As config__load.
 */
int args__load(const struct args *args, struct config *config, struct config_error *error);

/* As typed: "check-config". */
const char *command__name(enum command command);

/* The help text of a command, to standard output. COMMAND_HELP: the overview. */
void args__print_help(enum command command);

#endif
