// SPDX-License-Identifier: Apache-2.0
#include "collect/collector.h"

#include <errno.h>
#include <stdlib.h>

#include "broker/broker.h"
#include "collect/host/system.h"
#include "config/config.h"

struct host {
	const struct config *config;
	struct system *system;
};

static int ask_thin(void *ctx, const char *device, uint64_t *ret_size_bytes,
		    uint64_t *ret_used_bytes)
{
	return broker__thin(ctx, device, ret_size_bytes, ret_used_bytes);
}

static int start(void **ret_state, const struct collector_env *env)
{
	const struct system_options options = {
		.identity = env->identity,
		.max_instances = env->config->max_instances,
		.thin = ask_thin,
		.thin_ctx = env->broker,
	};
	struct host *host;
	int err;

	if (!env->config->collect_host)
		return 1;
	host = calloc(1, sizeof(*host));
	err = host ? system__new(&host->system, &options) : -ENOMEM;

	if (err) {
		free(host);
		return err;
	}
	host->config = env->config;
	*ret_state = host;
	return 0;
}

static void end(void *state)
{
	struct host *host = state;

	system__free(host->system);
	free(host);
}

static void tick(void *state, uint64_t now_ns)
{
	const struct host *host = state;

	system__look(host->system, now_ns);
}

static uint64_t next_ns(const void *state)
{
	const struct host *host = state;

	return system__next_ns(host->system);
}

static void read_files(void *state, struct readings *readings)
{
	const struct host *host = state;

	system__read(host->system, host->config->host, readings);
}

static void relabel(void *state, bool all)
{
	const struct host *host = state;

	if (all)
		system__forget_labels(host->system);
}

static void born(void *state, uint64_t now_ns)
{
	const struct host *host = state;

	system__hint(host->system, now_ns);
}

static const struct identity *identity(const void *state, uint64_t cgroup_id)
{
	const struct host *host = state;

	return system__identity(host->system, cgroup_id);
}

const struct collector collector_host = {
	.name = "host",
	.is_of_the_living = true,
	.start = start,
	.free = end,
	.tick = tick,
	.next_ns = next_ns,
	.read = read_files,
	.born = born,
	.relabel = relabel,
	.identity = identity,
};
