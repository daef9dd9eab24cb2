// SPDX-License-Identifier: Apache-2.0
#include "cli/log.h"

#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <time.h>

#define LINE_BYTES 768

/* One write for a line, so that lines of several threads do not mix. */
static void write_line(const char *format, va_list arguments)
{
	char line[LINE_BYTES];

	vsnprintf(line, sizeof(line), format, arguments);
	fprintf(stderr, "edgetap: %s\n", line);
}

void log__info(const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	write_line(format, arguments);
	va_end(arguments);
}

void log__warn(const char *format, ...)
{
	static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
	static time_t minute_start;
	static unsigned int written, suppressed;
	struct timespec now;
	va_list arguments;

	clock_gettime(CLOCK_MONOTONIC, &now);
	pthread_mutex_lock(&lock);
	if (now.tv_sec - minute_start >= 60) {
		if (suppressed)
			log__info("%u more such warnings were not shown", suppressed);
		minute_start = now.tv_sec;
		written = suppressed = 0;
	}
	if (written < LOG_WARNINGS_PER_MINUTE) {
		written++;
		va_start(arguments, format);
		write_line(format, arguments);
		va_end(arguments);
	} else {
		suppressed++;
	}
	pthread_mutex_unlock(&lock);
}
