// SPDX-License-Identifier: Apache-2.0
#include "agent/gather.h"

#include "agent/endpoints.h"
#include "base/clock.h"
#include "metrics/readings.h"

/*
 * Being an owner of readings makes an instance known. Containers and units become
 * one when they are read, which finds that one has ended sooner than a sweep does.
 */
static int own(void *ctx, const struct identity_instance *instance)
{
	const struct identity *identity = instance->identity;
	const struct model_labels labels = { {
		[MODEL_APP] = identity->app,
		[MODEL_NAMESPACE] = identity->namespace_,
		[MODEL_INSTANCE] = identity->instance,
		[MODEL_POD] = identity->pod,
		[MODEL_CONTAINER] = identity->container,
	} };

	if (identity->kind == INSTANCE_EXECUTABLE && !instance->is_dead && !identity->dropped)
		readings__owner(ctx, &labels);
	return 0;
}

/* Scrapes that follow each other closely share one reading. */
#define SHARED_NS 1000000000ULL

/* Whoever is there to be read is up: nobody adds readings of the dead. Volumes are an app's. */
static void read_up(struct readings *readings)
{
	size_t count = readings__owners(readings);

	for (size_t i = 0; i < count; i++)
		if (*readings__labels(readings, (uint32_t)i)->value[MODEL_INSTANCE])
			readings__add(readings, (int64_t)i, READING_UP, 1, NULL, NULL, NULL);
}

static void *read_all(void *ctx)
{
	struct agent *agent = ctx;
	struct readings *readings = agent->readings;

	readings__clear(readings);
	identity_table__each(agent->identity, own, readings);
	system__read(agent->system, agent->config.host, readings);
	/* Here others add theirs. */
	postgres__read(agent->postgres, readings);
	read_up(readings);
	endpoints__read(agent);
	unix_sockets__read(agent->unix_sockets, agent);
	return NULL;
}

void agent__start_reading(struct agent *agent)
{
	uint64_t now_ns = clock__now_ns();

	if (agent->read_ns && now_ns - agent->read_ns < SHARED_NS)
		return;
	agent->read_ns = now_ns;
	agent->is_reading = pthread_create(&agent->reader, NULL, read_all, agent) == 0;
	if (!agent->is_reading)
		read_all(agent);
}

void agent__finish_reading(void *ctx)
{
	struct agent *agent = ctx;

	if (agent->is_reading)
		pthread_join(agent->reader, NULL);
	agent->is_reading = false;
}
