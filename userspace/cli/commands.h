/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The commands. Each prints what it has to say and returns the process's exit
 * status: 0, or after one sentence on standard error 1, or EXIT_USAGE if it is
 * the command line that is wrong.
 */
#ifndef EDGETAP_CLI_COMMANDS_H
#define EDGETAP_CLI_COMMANDS_H

#include "cli/args.h"

#define EXIT_USAGE 2

/* Observes until a signal ends it. */
int command__serve(const struct args *args);

/* Serves the query API of a Prometheus until a signal ends it. */
int command__gateway(const struct args *args);

/* 0 if serve would start; what was found goes to standard output either way. */
int command__doctor(const struct args *args);

/* 0 if the configuration can be used; prints what would be. */
int command__check_config(const struct args *args);

/* Keys and tokens: access/token.h. */
int command__token(const struct args *args);

/* Always 0. */
int command__version(const struct args *args);

#endif
