// SPDX-License-Identifier: Apache-2.0
#include "collect/collectors.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"

/* Scrapes that follow each other closely share one reading. */
#define SHARED_NS 1000000000ULL

struct running {
	const struct collector *collector;
	void *state;
};

struct collectors {
	struct identity_table *identity;
	struct readings *readings;
	uint64_t read_ns; /* when they were read; 0: never, or they are no longer true */
	struct readings_wanted wanted; /* for whom; the scope only while they are */
	bool has_all_apps;
	pthread_t reader; /* reads them now, if is_reading */
	bool is_reading;
	size_t count;
	struct running running[];
};

static int start_all(struct collectors *collectors, const struct collector *const *table,
		     size_t count, const struct collector_env *env)
{
	struct collector_env own = *env;

	own.collectors = collectors;
	for (size_t i = 0; i < count; i++) {
		struct running running = { .collector = table[i] };
		int err = table[i]->start(&running.state, &own);

		if (err == -ENOMEM)
			return err;
		if (err < 0)
			log__warn("the collector %s cannot start: %s", table[i]->name,
				  strerror(-err));
		if (err == 0)
			collectors->running[collectors->count++] = running;
	}
	return 0;
}

int collectors__new(struct collectors **ret_collectors, const struct collector *const *table,
		    size_t count, const struct collector_env *env)
{
	struct collectors *collectors =
		calloc(1, sizeof(*collectors) + count * sizeof(collectors->running[0]));
	int err = collectors ? readings__new(&collectors->readings) : -ENOMEM;

	if (!err) {
		collectors->identity = env->identity;
		err = start_all(collectors, table, count, env);
	}
	if (err) {
		collectors__free(collectors);
		return err;
	}
	*ret_collectors = collectors;
	return 0;
}

void collectors__free(struct collectors *collectors)
{
	if (!collectors)
		return;
	for (size_t i = 0; i < collectors->count; i++)
		collectors->running[i].collector->free(collectors->running[i].state);
	readings__free(collectors->readings);
	free(collectors);
}

void *collectors__state(const struct collectors *collectors, const struct collector *collector)
{
	for (size_t i = 0; i < collectors->count; i++)
		if (collectors->running[i].collector == collector)
			return collectors->running[i].state;
	return NULL;
}

/* Calls a function of each that has it, with more arguments behind its state. */
#define EACH(collectors, function, ...)                                                            \
	do {                                                                                       \
		for (size_t i_ = 0; i_ < (collectors)->count; i_++)                                \
			if ((collectors)->running[i_].collector->function)                         \
				(collectors)                                                       \
					->running[i_]                                              \
					.collector->function((collectors)->running[i_].state,      \
							     ##__VA_ARGS__);                       \
	} while (0)

void collectors__tick(struct collectors *collectors, uint64_t now_ns)
{
	EACH(collectors, tick, now_ns);
}

uint64_t collectors__next_ns(const struct collectors *collectors)
{
	uint64_t next_ns = UINT64_MAX;

	for (size_t i = 0; i < collectors->count; i++) {
		const struct running *running = &collectors->running[i];
		uint64_t own_ns = running->collector->next_ns
					  ? running->collector->next_ns(running->state)
					  : UINT64_MAX;

		if (own_ns < next_ns)
			next_ns = own_ns;
	}
	return next_ns;
}

void collectors__sweep(struct collectors *collectors)
{
	EACH(collectors, sweep);
}

void collectors__born(struct collectors *collectors, uint64_t now_ns)
{
	EACH(collectors, born, now_ns);
}

void collectors__listening(struct collectors *collectors, const struct event *event,
			   const struct identity *identity)
{
	EACH(collectors, listening, event, identity);
}

void collectors__relabel(struct collectors *collectors, bool all)
{
	EACH(collectors, relabel, all);
	collectors->read_ns = 0;
}

void collectors__leave_to_exporter(struct collectors *collectors, const char *app)
{
	EACH(collectors, leave_to_exporter, app);
	collectors->read_ns = 0;
}

void collectors__count(struct collectors *collectors, uint64_t counts[OWN_COUNTS])
{
	EACH(collectors, count, counts);
}

const struct identity *collectors__identity(const struct collectors *collectors, uint64_t cgroup_id)
{
	for (size_t i = 0; i < collectors->count; i++) {
		const struct running *running = &collectors->running[i];
		const struct identity *identity =
			running->collector->identity
				? running->collector->identity(running->state, cgroup_id)
				: NULL;

		if (identity)
			return identity;
	}
	return NULL;
}

struct readings *collectors__readings(struct collectors *collectors)
{
	return collectors->readings;
}

/*
 * Being an owner of readings makes an instance known. Containers and units become
 * one when they are read, which finds that one has ended sooner than a sweep does.
 */
static int own(void *ctx, const struct identity_instance *instance)
{
	const struct identity *identity = instance->identity;
	const struct model_labels labels = model_labels__of(identity);

	if (identity->kind == INSTANCE_EXECUTABLE && !instance->is_dead && !identity->dropped)
		readings__owner(ctx, &labels);
	return 0;
}

/* Whoever is there to be read is up. Volumes are an app's. */
static void read_up(struct readings *readings)
{
	size_t count = readings__owners(readings);

	for (size_t i = 0; i < count; i++)
		if (*readings__labels(readings, (uint32_t)i)->value[MODEL_INSTANCE])
			readings__add(readings, (int64_t)i, READING_UP, 1, NULL, NULL, NULL);
}

static void read_each(struct collectors *collectors, bool of_the_living)
{
	for (size_t i = 0; i < collectors->count; i++) {
		const struct running *running = &collectors->running[i];

		if (running->collector->read &&
		    running->collector->is_of_the_living == of_the_living)
			running->collector->read(running->state, collectors->readings);
	}
}

static void *read_all(void *ctx)
{
	struct collectors *collectors = ctx;

	readings__clear(collectors->readings);
	readings__want(collectors->readings, &collectors->wanted);
	identity_table__each(collectors->identity, own, collectors->readings);
	read_each(collectors, true);
	read_up(collectors->readings);
	read_each(collectors, false);
	return NULL;
}

static bool has_read(const struct collectors *collectors, const struct readings_wanted *wanted)
{
	return collectors->has_all_apps && !(wanted->groups & ~collectors->wanted.groups);
}

void collectors__start_reading(struct collectors *collectors, const struct readings_wanted *wanted)
{
	uint64_t now_ns = clock__now_ns();
	bool is_recent = collectors->read_ns && now_ns - collectors->read_ns < SHARED_NS;

	if (is_recent && has_read(collectors, wanted))
		return;
	collectors->wanted = is_recent ? readings_all : *wanted;
	collectors->has_all_apps = collectors->wanted.scope->all;
	collectors->read_ns = now_ns;
	collectors->is_reading = pthread_create(&collectors->reader, NULL, read_all, collectors) ==
				 0;
	if (!collectors->is_reading)
		read_all(collectors);
}

void collectors__finish_reading(void *ctx)
{
	struct collectors *collectors = ctx;

	if (collectors->is_reading)
		pthread_join(collectors->reader, NULL);
	collectors->is_reading = false;
}
