// SPDX-License-Identifier: Apache-2.0
#include "base/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/allowance.h"
#include "base/clock.h"
#include "base/printable.h"

#define LINE_BYTES 1024

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct allowance allowance;

/* One write for a line, so that lines of several threads do not mix. */
static void write_line(const char *format, va_list arguments)
{
	/* Longer than the line, so that it is cut there, between characters. */
	char text[LINE_BYTES + 8], line[LINE_BYTES];

	vsnprintf(text, sizeof(text), format, arguments);
	printable__copy(line, sizeof(line), text);
	fprintf(stderr, "edgetap: %s\n", line);
}

void log__info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line(format, arguments);
	va_end(arguments);
}

static void say_held_back(void *ctx, const char *format, uint32_t held_back)
{
	char text[LINE_BYTES];

	(void)ctx;
	allowance__describe(text, sizeof(text), format);
	log__info("%u more warnings of this kind were not shown: %s", held_back, text);
}

/* Whose fault it is, or NULL. */
static const char *source_of(const char *format, va_list arguments)
{
	const char *first = strchr(format, '%');

	return first && first[1] == 's' ? va_arg(arguments, const char *) : NULL;
}

void log__warn(const char *format, ...)
{
	va_list arguments;
	bool taken;

	pthread_mutex_lock(&lock);
	allowance__turn(&allowance, clock__now_ns(), say_held_back, NULL);
	va_start(arguments, format);
	taken = allowance__take(&allowance, format, source_of(format, arguments));
	va_end(arguments);
	if (taken) {
		va_start(arguments, format);
		write_line(format, arguments);
		va_end(arguments);
	}
	pthread_mutex_unlock(&lock);
}

void log__tick(void)
{
	pthread_mutex_lock(&lock);
	allowance__turn(&allowance, clock__now_ns(), say_held_back, NULL);
	pthread_mutex_unlock(&lock);
}

uint64_t log__held_back(void)
{
	uint64_t total;

	pthread_mutex_lock(&lock);
	total = allowance.held_back_total;
	pthread_mutex_unlock(&lock);
	return total;
}
