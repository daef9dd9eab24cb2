/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sentences on standard error, each on one line that starts with the program's
 * name, whatever stands in what it is made of (base/printable.h). Nothing else
 * writes there.
 */
#ifndef EDGETAP_BASE_LOG_H
#define EDGETAP_BASE_LOG_H

#include <stdint.h>

/* Something a user wants to know. */
__attribute__((format(printf, 1, 2))) void log__info(const char *format, ...);

/*
 * Something that goes wrong while observing, and may again. Each format is a
 * kind of its own, and where its first conversion is %s, that is whose fault it
 * is (an app, a file): a minute has so many lines of each (base/allowance.h), the
 * rest is counted and told of when it is over. The format must be static.
 */
__attribute__((format(printf, 1, 2))) void log__warn(const char *format, ...);

/* To be called now and then: a minute ends also if nothing happens. */
void log__tick(void);

/* Warnings that were not written since the start. */
uint64_t log__held_back(void);

#endif
