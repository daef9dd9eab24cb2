// SPDX-License-Identifier: Apache-2.0
#include "files/patience.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <time.h>

#include "base/clock.h"

#define NS_PER_S 1000000000ULL
#define NS_PER_MS 1000000ULL
#define STACK_BYTES (256U << 10)
#define BRIEF_PART 5

struct call {
	struct patience *patience;
	struct patience_work work;
	bool is_done;
	bool is_left; /* alone */
};

struct patience {
	uint64_t wait_ns;
	pthread_mutex_t lock; /* of everything below, and of each call's flags */
	pthread_cond_t done;
	bool is_closed;
	struct call *hanging[PATIENCE_MAX];
	size_t count;
};

int patience__new(struct patience **ret_patience, uint64_t wait_ms)
{
	struct patience *patience = calloc(1, sizeof(*patience));
	pthread_condattr_t attributes;

	if (!patience)
		return -ENOMEM;
	patience->wait_ns = wait_ms * NS_PER_MS;
	pthread_mutex_init(&patience->lock, NULL);
	pthread_condattr_init(&attributes);
	pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
	pthread_cond_init(&patience->done, &attributes);
	pthread_condattr_destroy(&attributes);
	*ret_patience = patience;
	return 0;
}

static void destroy(struct patience *patience)
{
	pthread_cond_destroy(&patience->done);
	pthread_mutex_destroy(&patience->lock);
	free(patience);
}

void patience__free(struct patience *patience)
{
	bool is_last;

	if (!patience)
		return;
	pthread_mutex_lock(&patience->lock);
	patience->is_closed = true;
	is_last = !patience->count;
	pthread_mutex_unlock(&patience->lock);
	if (is_last)
		destroy(patience);
}

/* Takes out a call that has come back after all. Holds the lock. */
static void forget(struct patience *patience, const struct call *call)
{
	for (size_t i = 0; i < patience->count; i++)
		if (patience->hanging[i] == call)
			patience->hanging[i] = patience->hanging[--patience->count];
}

static void *call__run(void *ctx)
{
	struct call *call = ctx;
	struct patience *patience = call->patience;
	bool is_left, is_last = false;

	call->work.run(call->work.ctx);
	pthread_mutex_lock(&patience->lock);
	is_left = call->is_left;
	call->is_done = true;
	if (is_left) {
		forget(patience, call);
		is_last = patience->is_closed && !patience->count;
	} else {
		pthread_cond_broadcast(&patience->done);
	}
	pthread_mutex_unlock(&patience->lock);
	if (!is_left)
		return NULL;
	call->work.drop(call->work.ctx);
	free(call);
	if (is_last)
		destroy(patience);
	return NULL;
}

/* Whether the process may be waited for. Holds the lock. */
static bool may_wait(const struct patience *patience, const struct patience_work *work)
{
	size_t of_owner = 0;

	for (size_t i = 0; i < patience->count; i++) {
		if (patience->hanging[i]->work.pid == work->pid)
			return false;
		of_owner += patience->hanging[i]->work.owner == work->owner;
	}
	if (work->is_brief && of_owner)
		return false;
	return of_owner < PATIENCE_MAX - patience->count;
}

static int start(struct call *call)
{
	pthread_attr_t attributes;
	pthread_t thread;
	int err;

	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	err = pthread_create(&thread, &attributes, call__run, call);
	pthread_attr_destroy(&attributes);
	return -err;
}

int patience__do(struct patience *patience, const struct patience_work *work)
{
	const uint64_t due_ns =
		clock__now_ns() + patience->wait_ns / (work->is_brief ? BRIEF_PART : 1);
	const struct timespec until = { .tv_sec = (time_t)(due_ns / NS_PER_S),
					.tv_nsec = (long)(due_ns % NS_PER_S) };
	struct call *call = calloc(1, sizeof(*call));
	int err = call ? 0 : -ENOMEM;

	if (err)
		return err;
	call->patience = patience;
	call->work = *work;
	pthread_mutex_lock(&patience->lock);
	err = may_wait(patience, work) ? start(call) : -EBUSY;
	while (!err && !call->is_done)
		if (pthread_cond_timedwait(&patience->done, &patience->lock, &until) == ETIMEDOUT &&
		    !call->is_done)
			err = -ETIMEDOUT;
	if (err == -ETIMEDOUT) {
		call->is_left = true;
		patience->hanging[patience->count++] = call;
	}
	pthread_mutex_unlock(&patience->lock);
	if (err != -ETIMEDOUT)
		free(call);
	return err;
}
