// SPDX-License-Identifier: Apache-2.0
#include "agent/progress.h"

#include <errno.h>
#include <time.h>

#include "base/log.h"

static void *run(void *argument)
{
	struct progress *progress = argument;
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_sec += PROGRESS_FIRST_S;
	pthread_mutex_lock(&progress->lock);
	while (!progress->stopping) {
		if (pthread_cond_timedwait(&progress->wake, &progress->lock, &until) != ETIMEDOUT)
			continue;
		log__info("%s", progress->line);
		until.tv_sec += PROGRESS_EVERY_S;
	}
	pthread_mutex_unlock(&progress->lock);
	return NULL;
}

void progress__start(struct progress *progress, const char *line)
{
	pthread_condattr_t attributes;

	*progress = (struct progress){ .line = line };
	pthread_mutex_init(&progress->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&progress->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	progress->running = pthread_create(&progress->thread, NULL, run, progress) == 0;
}

void progress__stop(struct progress *progress)
{
	pthread_mutex_lock(&progress->lock);
	progress->stopping = true;
	pthread_cond_signal(&progress->wake);
	pthread_mutex_unlock(&progress->lock);
	if (progress->running)
		pthread_join(progress->thread, NULL);
	pthread_cond_destroy(&progress->wake);
	pthread_mutex_destroy(&progress->lock);
}
