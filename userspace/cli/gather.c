// SPDX-License-Identifier: Apache-2.0
#include "cli/gather.h"

#include "readings/readings.h"

/* Being an owner of readings makes an instance known; what is read of it comes later. */
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

	if (!instance->is_dead && !identity->dropped)
		readings__owner(ctx, &labels);
	return 0;
}

/* Whoever is there to be read is up: nobody adds readings of the dead. Volumes are an app's. */
static void read_up(struct readings *readings)
{
	size_t count = readings__owners(readings);

	for (size_t i = 0; i < count; i++)
		if (*readings__labels(readings, (uint32_t)i)->value[MODEL_INSTANCE])
			readings__add(readings, (int64_t)i, READING_UP, 1, NULL, NULL, NULL);
}

void agent__read(struct agent *agent)
{
	struct readings *readings = agent->readings;

	readings__clear(readings);
	identity_table__each(agent->identity, own, readings);
	/* Here others add theirs. */
	postgres__read(agent->postgres, readings);
	read_up(readings);
}
