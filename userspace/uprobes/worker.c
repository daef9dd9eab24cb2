// SPDX-License-Identifier: Apache-2.0
#include "uprobes/worker.h"
#include "base/clock.h"
#include "base/priority.h"
#include "uprobes/pace.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NS_PER_S 1000000000ULL
#define NS_PER_MS 1000000L
#define END_WAIT_MS 750

/* One of the threads, and who waits for it. */
struct lane {
	pthread_t thread;
	bool is_started;
	bool is_woken; /* though nobody waits */
	pthread_cond_t wake;
	struct serving *ring;
	uint32_t head; /* of the ring */
	uint32_t count;
};

struct worker {
	struct attached *attached;
	uint64_t sweep_ns;
	struct pace pace;     /* the prompt thread's */
	pthread_mutex_t lock; /* of everything below */
	bool is_ending;
	struct lane prompt;
	struct lane background;
	struct attached_stats stats;
};

static int lane__init(struct lane *lane)
{
	pthread_condattr_t attributes;

	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&lane->wake, &attributes);
	pthread_condattr_destroy(&attributes);
	lane->ring = calloc(WORKER_MAX_WAITING, sizeof(*lane->ring));
	return lane->ring ? 0 : -ENOMEM;
}

/* Its thread has ended. */
static void lane__close(struct lane *lane)
{
	pthread_cond_destroy(&lane->wake);
	free(lane->ring);
}

/* Under the worker's lock, as are the next two. */
static void lane__push(struct lane *lane, const struct serving *serving)
{
	if (lane->count == WORKER_MAX_WAITING)
		return;
	lane->ring[(lane->head + lane->count++) % WORKER_MAX_WAITING] = *serving;
	pthread_cond_signal(&lane->wake);
}

static void lane__wake(struct lane *lane)
{
	lane->is_woken = true;
	pthread_cond_signal(&lane->wake);
}

/* Waits for something to do until due_ns, or until it is woken. Returns true with one in
 * ret_serving. */
static bool lane__next(struct worker *worker, struct lane *lane, uint64_t due_ns,
		       struct serving *ret_serving)
{
	const struct timespec until = { .tv_sec = (time_t)(due_ns / NS_PER_S),
					.tv_nsec = (long)(due_ns % NS_PER_S) };

	while (!lane->count && !lane->is_woken && !worker->is_ending && clock__now_ns() < due_ns)
		if (pthread_cond_timedwait(&lane->wake, &worker->lock, &until) == ETIMEDOUT)
			break;
	lane->is_woken = false;
	if (!lane->count || worker->is_ending)
		return false;
	*ret_serving = lane->ring[lane->head];
	lane->head = (lane->head + 1) % WORKER_MAX_WAITING;
	lane->count--;
	return true;
}

int worker__new(struct worker **ret_worker, struct attached *attached, uint64_t sweep_ns)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	int err;

	if (!worker) {
		attached__free(attached);
		return -ENOMEM;
	}
	worker->attached = attached;
	worker->sweep_ns = sweep_ns;
	pthread_mutex_init(&worker->lock, NULL);
	err = lane__init(&worker->prompt);
	if (lane__init(&worker->background) || err) {
		worker__free(worker);
		return -ENOMEM;
	}
	*ret_worker = worker;
	return 0;
}

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

/* -EAGAIN: it is for the other thread. */
static int look_briefly(struct worker *worker, const struct serving *serving)
{
	const uint64_t owner = serving__owner(serving), begun_cpu_ns = cpu_ns();
	const uint64_t begun_ns = clock__now_ns();
	uint64_t now_ns;
	int err;

	if (!pace__may(&worker->pace, owner, begun_ns))
		return -EAGAIN;
	err = attached__process_briefly(worker->attached, serving, begun_ns);
	now_ns = clock__now_ns();
	pace__spend(&worker->pace, owner, now_ns - begun_ns, cpu_ns() - begun_cpu_ns, now_ns);
	return err;
}

static void *run_prompt(void *ctx)
{
	struct worker *worker = ctx;
	struct attached_stats stats;
	struct serving serving;

	priority__prompt();
	pthread_mutex_lock(&worker->lock);
	while (!worker->is_ending) {
		int err;

		if (!lane__next(worker, &worker->prompt, UINT64_MAX, &serving))
			continue;
		pthread_mutex_unlock(&worker->lock);
		err = look_briefly(worker, &serving);
		attached__stats(worker->attached, &stats);
		pthread_mutex_lock(&worker->lock);
		worker->stats = stats;
		if (err == -EAGAIN)
			lane__push(&worker->background, &serving);
		else if (err == -ESRCH)
			lane__wake(&worker->background); /* to look for successors */
	}
	pthread_mutex_unlock(&worker->lock);
	return NULL;
}

static void *run_background(void *ctx)
{
	struct worker *worker = ctx;
	uint64_t due_ns = clock__now_ns() + worker->sweep_ns;

	priority__background();
	pthread_mutex_lock(&worker->lock);
	while (!worker->is_ending) {
		uint64_t successors_ns = attached__due_ns(worker->attached);
		struct attached_stats stats;
		struct serving serving;
		bool has = lane__next(worker, &worker->background,
				      successors_ns < due_ns ? successors_ns : due_ns, &serving);

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

static int lane__start(struct worker *worker, struct lane *lane, void *(*run)(void *ctx))
{
	int err;

	if (lane->is_started)
		return 0;
	err = pthread_create(&lane->thread, NULL, run, worker);
	lane->is_started = err == 0;
	return -err;
}

int worker__start(struct worker *worker)
{
	int err = lane__start(worker, &worker->background, run_background);

	return err ? err : lane__start(worker, &worker->prompt, run_prompt);
}

bool worker__is_started(const struct worker *worker)
{
	return worker->prompt.is_started && worker->background.is_started;
}

void worker__push(struct worker *worker, const struct serving *serving)
{
	pthread_mutex_lock(&worker->lock);
	lane__push(&worker->prompt, serving);
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

/* Returns false if its thread hangs. */
static bool lane__join(struct lane *lane, const struct timespec *until)
{
	return !lane->is_started || pthread_timedjoin_np(lane->thread, NULL, until) == 0;
}

bool worker__free(struct worker *worker)
{
	struct timespec until;

	if (!worker)
		return true;
	pthread_mutex_lock(&worker->lock);
	worker->is_ending = true;
	pthread_cond_signal(&worker->prompt.wake);
	pthread_cond_signal(&worker->background.wake);
	pthread_mutex_unlock(&worker->lock);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += END_WAIT_MS * NS_PER_MS;
	until.tv_sec += until.tv_nsec / (long)NS_PER_S;
	until.tv_nsec %= (long)NS_PER_S;
	if (!lane__join(&worker->prompt, &until) || !lane__join(&worker->background, &until))
		return false;
	attached__free(worker->attached);
	lane__close(&worker->prompt);
	lane__close(&worker->background);
	pthread_mutex_destroy(&worker->lock);
	free(worker);
	return true;
}
