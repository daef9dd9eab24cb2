/* SPDX-License-Identifier: Apache-2.0 */
/* Sentences on standard error, each on one line that starts with the program's name. */
#ifndef EDGETAP_CLI_LOG_H
#define EDGETAP_CLI_LOG_H

/* Something a user wants to know. */
__attribute__((format(printf, 1, 2))) void log__info(const char *format, ...);

/*
 * Something that goes wrong while observing, and may again: at most
 * LOG_WARNINGS_PER_MINUTE are written, the others are counted and told of later.
 */
#define LOG_WARNINGS_PER_MINUTE 20
__attribute__((format(printf, 1, 2))) void log__warn(const char *format, ...);

#endif
