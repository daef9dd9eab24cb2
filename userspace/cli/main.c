// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/args.h"
#include "cli/commands.h"

int main(int argc, char **argv)
{
	static int (*const run[COMMAND_N])(const struct args *args) = {
		[COMMAND_SERVE] = command__serve,   [COMMAND_GATEWAY] = command__gateway,
		[COMMAND_DOCTOR] = command__doctor, [COMMAND_CHECK_CONFIG] = command__check_config,
		[COMMAND_TOKEN] = command__token,   [COMMAND_VERSION] = command__version,
	};
	char error[ARGS_ERROR_BYTES];
	struct args args;
	int status = 0;

	if (args__parse(&args, argc, argv, error)) {
		log__info("%s", error);
		return EXIT_USAGE;
	}
	if (args.help || !run[args.command])
		args__print_help(args.command);
	else
		status = run[args.command](&args);
	/* A full disk behind a redirect must not look like success. */
	if (fflush(stdout) && status == 0) {
		log__info("standard output: %s", strerror(errno));
		status = 1;
	}
	return status;
}
