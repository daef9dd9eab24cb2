/* SPDX-License-Identifier: Apache-2.0 */
/* A sentence for a user who waits, written only if the wait is long. */
#ifndef EDGETAP_AGENT_PROGRESS_H
#define EDGETAP_AGENT_PROGRESS_H

#include <pthread.h>
#include <stdbool.h>

struct progress {
	pthread_mutex_t lock;
	pthread_cond_t wake;
	pthread_t thread;
	bool running; /* there is a thread */
	bool stopping;
	const char *line;
};

/*
 * After PROGRESS_FIRST_S seconds, and every PROGRESS_EVERY_S from then on,
 * writes line, unless it was stopped before. Without a thread to do so it
 * writes nothing.
 */
#define PROGRESS_FIRST_S 5
#define PROGRESS_EVERY_S 15
void progress__start(struct progress *progress, const char *line);

/* Its thread has ended when this returns. */
void progress__stop(struct progress *progress);

#endif
