// SPDX-License-Identifier: Apache-2.0
#include "probes/worker.h"
#include "clock.h"
#include "probes/turns.h"

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
#define RECENT 4096
#define RECENT_NS NS_PER_S	/* a process that is told of again has been looked at, or waits */
#define POLL_NS (NS_PER_S / 20) /* whether somebody's turn has come, while all have to wait */
#define NICE 10			/* of no hurry beside what it observes */

struct recent {
	pid_t pid;
	uint64_t owner;
	uint64_t pushed_ns;
};

struct worker {
	struct attached *attached; /* the thread's own, once it runs */
	uint64_t sweep_ns;
	pthread_t thread;
	bool is_started;
	pthread_mutex_t lock; /* of everything below */
	pthread_cond_t wake;
	bool is_ending;
	struct turns *turns;
	struct recent recent[RECENT]; /* by pid; one takes the place of another */
	struct worker_stats stats;
};

int worker__new(struct worker **ret_worker, struct attached *attached, uint64_t sweep_ns)
{
	struct worker *worker = calloc(1, sizeof(*worker));
	pthread_condattr_t attributes;

	if (!worker || turns__new(&worker->turns)) {
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

static uint64_t cost_of(void *ctx, uint64_t owner)
{
	const struct worker *worker = ctx;

	return attached__cost(worker->attached, owner, clock__now_ns());
}

/* Waits for something to do until due_ns. Holds the lock. Returns true with one in ret_serving. */
static bool worker__next(struct worker *worker, uint64_t due_ns, struct serving *ret_serving)
{
	while (!worker->is_ending) {
		uint64_t now_ns = clock__now_ns(), until_ns = due_ns;
		struct timespec until;

		if (turns__pop(worker->turns, cost_of, worker, ret_serving))
			return true;
		if (now_ns >= due_ns)
			return false;
		if (turns__count(worker->turns) && now_ns + POLL_NS < until_ns)
			until_ns = now_ns + POLL_NS;
		until = (struct timespec){ .tv_sec = (time_t)(until_ns / NS_PER_S),
					   .tv_nsec = (long)(until_ns % NS_PER_S) };
		pthread_cond_timedwait(&worker->wake, &worker->lock, &until);
	}
	return false;
}

/* It waits; if it must not, it is left out. Holds the lock. */
static void worker__add(struct worker *worker, const struct serving *serving)
{
	if (turns__push(worker->turns, serving))
		worker->stats.left_out_total++;
}

/* One piece of everything that there is to do. False if nothing of it is left. */
static bool worker__sweep(struct worker *worker, uint64_t *due_ns)
{
	attached__inherit(worker->attached, clock__now_ns());
	if (clock__now_ns() >= *due_ns) {
		attached__sweep(worker->attached, clock__now_ns());
		*due_ns = clock__now_ns() + worker->sweep_ns;
	}
	return attached__step(worker->attached, clock__now_ns());
}

static void *worker__run(void *ctx)
{
	struct worker *worker = ctx;
	uint64_t due_ns = clock__now_ns() + worker->sweep_ns;
	bool has_more = false;

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	pthread_mutex_lock(&worker->lock);
	while (!worker->is_ending) {
		uint64_t heirs_ns = attached__due_ns(worker->attached);
		uint64_t next_ns = heirs_ns < due_ns ? heirs_ns : due_ns;
		struct attached_stats stats;
		struct serving serving;
		bool has = worker__next(worker, has_more ? 0 : next_ns, &serving);
		bool comes_again = false;

		if (worker->is_ending)
			break;
		pthread_mutex_unlock(&worker->lock);
		if (has)
			comes_again = attached__process(worker->attached, &serving,
							clock__now_ns()) == -EAGAIN;
		has_more = worker__sweep(worker, &due_ns);
		attached__stats(worker->attached, &stats);
		pthread_mutex_lock(&worker->lock);
		if (comes_again)
			worker__add(worker, &serving);
		worker->stats.attached = stats;
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
	uint64_t now_ns = clock__now_ns();
	struct recent *recent;

	pthread_mutex_lock(&worker->lock);
	recent = &worker->recent[(uint32_t)serving->pid % RECENT];
	if (recent->pid != serving->pid || recent->owner != serving->owner ||
	    now_ns - recent->pushed_ns >= RECENT_NS) {
		*recent = (struct recent){ serving->pid, serving->owner, now_ns };
		worker__add(worker, serving);
		pthread_cond_signal(&worker->wake);
	}
	pthread_mutex_unlock(&worker->lock);
}

void worker__stats(struct worker *worker, struct worker_stats *ret_stats)
{
	if (!worker) {
		*ret_stats = (struct worker_stats){};
		return;
	}
	pthread_mutex_lock(&worker->lock);
	*ret_stats = worker->stats;
	ret_stats->waiting = turns__count(worker->turns);
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
	turns__free(worker->turns);
	free(worker);
	return true;
}
