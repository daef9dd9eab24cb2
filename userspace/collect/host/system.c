// SPDX-License-Identifier: Apache-2.0
#include "collect/host/system.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "collect/host/controllers.h"
#include "collect/host/instance_read.h"
#include "collect/host/instances.h"
#include "collect/host/node.h"

#define NS_PER_MS 1000000ULL
#define WALK_NS (10000 * NS_PER_MS)
#define HINT_NS (1000 * NS_PER_MS) /* many may come at once */
#define LOOK_NS (20 * NS_PER_MS)
/* others want the agent's lock, too */
#define PAUSE_NS (50 * NS_PER_MS)

struct system {
	struct system_options options;
	struct node node;
	struct controllers controllers;
	struct instances instances;
	struct file_buffers buffers;
	struct instance_reader reader;
	uint64_t next_walk_ns, next_ns;
};

/* What identity tells of the slots, by their cgroup. */
struct slot {
	uint64_t cgroup_id;
	const struct identity *identity;
};

struct slots {
	struct slot *slot;
	size_t count, room;
};

int system__new(struct system **ret_system, const struct system_options *options)
{
	struct system *system = calloc(1, sizeof(*system));
	const char *host_root = identity_table__host_root(options->identity), *controller = NULL;
	struct rlimit limit;
	int err;

	if (!system)
		return -ENOMEM;
	system->reader.owners = calloc(1, READINGS_MAX_OWNERS / 8 + 1);
	err = system->reader.owners ? node__open(&system->node, host_root) : -ENOMEM;
	if (err) {
		free(system->reader.owners);
		free(system);
		return err;
	}
	if (identity_table__hierarchy(options->identity, &controller) < 0)
		controller = NULL;
	controllers__open(&system->controllers, identity_table__mounts(options->identity),
			  host_root, controller);
	system->options = *options;
	system->instances = (struct instances){
		.identity = options->identity,
		.controllers = &system->controllers,
		.host_mounts = &system->node.mounts,
		.devices = &system->node.devices,
		.max = options->max_instances,
		.open_max = INSTANCES_OPEN_MAX,
	};
	/* others need descriptors, too: uprobes and connections */
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0 && limit.rlim_cur / 2 < INSTANCES_OPEN_MAX)
		system->instances.open_max = limit.rlim_cur / 2;
	*ret_system = system;
	return 0;
}

void system__free(struct system *system)
{
	if (!system)
		return;
	instances__free(&system->instances);
	controllers__close(&system->controllers);
	node__close(&system->node);
	file_buffers__free(&system->buffers);
	free(system->reader.owners);
	free(system);
}

/* Returns what the device mapper said, or who asks it. */
static int ask_thin(const struct system *system, struct instance_mount *mount)
{
	uint64_t size = 0, used = 0;
	char device[40];
	int err = -ENOSYS;

	snprintf(device, sizeof(device), "/dev/block/%u:%u", mount->major, mount->minor);
	if (system->options.thin)
		err = system->options.thin(system->options.thin_ctx, device, &size, &used);
	/* one that was thin is believed only when it says so again */
	if (!err)
		mount->thin = THIN;
	else
		mount->thin = mount->thin == THIN || mount->thin == THIN_LOST ? THIN_LOST
									      : THIN_NOT;
	mount->thin_size_bytes = size;
	mount->thin_used_bytes = used;
	return err;
}

static void ask_about_thin(struct system *system)
{
	struct instances *instances = &system->instances;

	for (size_t i = 0; i < instances->count; i++)
		for (size_t m = 0; m < instances->instance[i]->mount_count; m++) {
			struct instance_mount *mount = &instances->instance[i]->mount[m];

			if (!mount->volume || !mount->is_mapped || !mount->is_whole ||
			    mount->thin == THIN_NOT)
				continue;
			/* who waits once for nothing does not wait for each */
			if (ask_thin(system, mount) == -ETIMEDOUT)
				return;
		}
}

void system__look(struct system *system, uint64_t now_ns)
{
	if (now_ns < system->next_ns)
		return;
	if (now_ns >= system->next_walk_ns) {
		node__look(&system->node, &system->buffers);
		instances__walk(&system->instances);
		system->next_walk_ns = now_ns + WALK_NS;
	}
	if (instances__look(&system->instances, now_ns, LOOK_NS)) {
		system->next_ns = now_ns + LOOK_NS + PAUSE_NS;
		return;
	}
	ask_about_thin(system);
	system->next_ns = system->next_walk_ns;
}

void system__hint(struct system *system, uint64_t now_ns)
{
	if (system->next_walk_ns > now_ns + HINT_NS)
		system->next_walk_ns = now_ns + HINT_NS;
	if (system->next_ns > system->next_walk_ns)
		system->next_ns = system->next_walk_ns;
}

uint64_t system__next_ns(const struct system *system)
{
	return system->next_ns;
}

static int remember_slot(void *ctx, const struct identity_instance *instance)
{
	struct slots *slots = ctx;

	if (instance->is_dead || (instance->identity->kind != INSTANCE_CONTAINER &&
				  instance->identity->kind != INSTANCE_UNIT))
		return 0;
	if (slots->count == slots->room) {
		size_t room = slots->room ? slots->room * 2 : 64;
		struct slot *grown = reallocarray(slots->slot, room, sizeof(*grown));

		if (!grown)
			return -ENOMEM;
		slots->slot = grown;
		slots->room = room;
	}
	slots->slot[slots->count++] = (struct slot){ instance->cgroup_id, instance->identity };
	return 0;
}

static int by_cgroup(const void *a, const void *b)
{
	const struct slot *x = a, *y = b;

	return x->cgroup_id < y->cgroup_id ? -1 : x->cgroup_id > y->cgroup_id;
}

/* What the slot of this cgroup says goes first, so that both have the same labels. */
static const struct identity *labels_of(const struct slots *slots, const struct instance *instance)
{
	const struct slot wanted = { .cgroup_id = instance->id }, *found = NULL;

	if (slots->count)
		found = bsearch(&wanted, slots->slot, slots->count, sizeof(wanted), by_cgroup);
	return found ? found->identity : instance->identity;
}

void system__read(struct system *system, const char *host, struct readings *readings)
{
	struct instance_reader *reader = &system->reader;
	struct slots slots = { 0 };

	node__read(&system->node, &system->buffers, host, readings);
	if (!readings__wants(readings, READINGS_OF_INSTANCES))
		return;
	reader->instances = &system->instances;
	reader->buffers = &system->buffers;
	reader->readings = readings;
	reader->host_root_fd = system->node.root_fd;
	reader->machine_bytes = system->node.memory_bytes;
	reader->machine_swap_bytes = system->node.swap_bytes;
	reader->host_network = net_dev__network(system->node.fd[NODE_NET_DEV]);
	memset(reader->owners, 0, READINGS_MAX_OWNERS / 8 + 1);
	identity_table__each(system->options.identity, remember_slot, &slots);
	if (slots.count)
		qsort(slots.slot, slots.count, sizeof(*slots.slot), by_cgroup);
	for (size_t i = 0; i < system->instances.count; i++) {
		struct instance *instance = system->instances.instance[i];
		const struct identity *identity = labels_of(&slots, instance);

		if (identity && !identity->dropped && readings__wants_app(readings, identity->app))
			instance__read(reader, instance, identity);
	}
	free(slots.slot);
}

static int by_instance(const void *wanted, const void *element)
{
	const struct instance *instance = *(struct instance *const *)element;
	uint64_t id = *(const uint64_t *)wanted;

	return id < instance->id ? -1 : id > instance->id;
}

const struct identity *system__identity(const struct system *system, uint64_t cgroup_id)
{
	const struct instances *instances = &system->instances;
	struct instance *const *found = NULL;

	if (instances->count)
		found = bsearch(&cgroup_id, instances->instance, instances->count, sizeof(*found),
				by_instance);
	return found ? (*found)->identity : NULL;
}

void system__forget_labels(struct system *system)
{
	instances__forget_labels(&system->instances);
	system->next_ns = 0;
}
