// SPDX-License-Identifier: Apache-2.0
#include "uprobes/worker.h"
#include "base/clock.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define NS_PER_S 1000000000ULL
#define NS_PER_MS 1000000L
#define END_WAIT_MS 750
#define NICE 10 /* of no hurry beside what it observes */

struct worker {
	struct attached *attached; /* the thread's own, once it runs */
	uint64_t sweep_ns;
	pthread_t thread;
	bool is_started;
	pthread_mutex_t lock; /* of everything below */
	pthread_cond_t wake;
	bool is_ending;
	struct serving *ring;
	uint32_t head; /* of the ring */
	uint32_t count;
	struct attached_stats stats;
};

int worker__new(struct worker **ret_worker, struct attached *attached, uint64_t sweep_ns)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	pthread_condattr_t attributes;

	if (worker)
		worker->ring = calloc(WORKER_MAX_WAITING, sizeof(*worker->ring));
	if (!worker || !worker->ring) {
		free(worker);
		attached__free(attached);
		return -ENOMEM;
	}
	worker->attached = attached;
	worker->sweep_ns = sweep_ns;
	pthread_mutex_init(&worker->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&worker->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	*ret_worker = worker;
	return 0;
}

/* Waits for something to do until due_ns. Holds the lock. Returns true with one in ret_serving. */
static bool worker__next(struct worker *worker, uint64_t due_ns, struct serving *ret_serving)
{
	const struct timespec until = { .tv_sec = (time_t)(due_ns / NS_PER_S),
					.tv_nsec = (long)(due_ns % NS_PER_S) };

	while (!worker->count && !worker->is_ending && clock__now_ns() < due_ns)
		if (pthread_cond_timedwait(&worker->wake, &worker->lock, &until) == ETIMEDOUT)
			break;
	if (!worker->count || worker->is_ending)
		return false;
	*ret_serving = worker->ring[worker->head];
	worker->head = (worker->head + 1) % WORKER_MAX_WAITING;
	worker->count--;
	return true;
}

static void *worker__run(void *ctx)
{
	struct worker *worker = ctx;
	uint64_t due_ns = clock__now_ns() + worker->sweep_ns;

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	pthread_mutex_lock(&worker->lock);
	while (!worker->is_ending) {
		uint64_t successors_ns = attached__due_ns(worker->attached);
		struct attached_stats stats;
		struct serving serving;
		bool has = worker__next(worker, successors_ns < due_ns ? successors_ns : due_ns,
					&serving);

		if (worker->is_ending)
			break;
		pthread_mutex_unlock(&worker->lock);
		if (has)
			attached__process(worker->attached, &serving, clock__now_ns());
		else
			attached__inherit(worker->attached, clock__now_ns());
		if (clock__now_ns() >= due_ns) {
			attached__sweep(worker->attached, clock__now_ns());
			due_ns = clock__now_ns() + worker->sweep_ns;
		}
		attached__stats(worker->attached, &stats);
		pthread_mutex_lock(&worker->lock);
		worker->stats = stats;
	}
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

int worker__start(struct worker *worker)
{
	int err;

	if (worker->is_started)
		return 0;
	err = pthread_create(&worker->thread, NULL, worker__run, worker);
	worker->is_started = err == 0;
	return -err;
}

bool worker__is_started(const struct worker *worker)
{
	return worker->is_started;
}

void worker__push(struct worker *worker, const struct serving *serving)
{
	pthread_mutex_lock(&worker->lock);
	if (worker->count < WORKER_MAX_WAITING) {
		uint32_t i = (worker->head + worker->count++) % WORKER_MAX_WAITING;

		worker->ring[i] = *serving;
		pthread_cond_signal(&worker->wake);
	}
	pthread_mutex_unlock(&worker->lock);
}

void worker__stats(struct worker *worker, struct attached_stats *ret_stats)
{
	if (!worker) {
		*ret_stats = (struct attached_stats){};
		return;
	}
	pthread_mutex_lock(&worker->lock);
	*ret_stats = worker->stats;
	pthread_mutex_unlock(&worker->lock);
}

bool worker__free(struct worker *worker)
{
	struct timespec until;

	if (!worker)
		return true;
	pthread_mutex_lock(&worker->lock);
	worker->is_ending = true;
	pthread_cond_signal(&worker->wake);
	pthread_mutex_unlock(&worker->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += END_WAIT_MS * NS_PER_MS;
	until.tv_sec += until.tv_nsec / (long)NS_PER_S;
	until.tv_nsec %= (long)NS_PER_S;
	if (worker->is_started && pthread_timedjoin_np(worker->thread, NULL, &until))
		return false;
	attached__free(worker->attached);
	pthread_cond_destroy(&worker->wake);
	pthread_mutex_destroy(&worker->lock);
	free(worker->ring);
	free(worker);
	return true;
}
