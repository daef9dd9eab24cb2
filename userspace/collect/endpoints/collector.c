// SPDX-License-Identifier: Apache-2.0
#include "collect/endpoints/endpoints.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "broker/broker.h"
#include "collect/collectors.h"
#include "collect/endpoints/custom.h"
#include "collect/endpoints/targets.h"
#include "config/config.h"
#include "identity/process.h"

/* An instance is asked that long after it was seen first, and another interval at most. */
#define TARGETS_NS 5000000000ULL
#define TIMEOUT_MS 10000

struct endpoints {
	struct collector_env env;
	struct custom *custom;
	uint64_t next_targets_ns; /* when it is told again what to ask */
};

static int open_socket(void *ctx, pid_t pid, int family)
{
	return broker__socket(ctx, pid, family);
}

static uint16_t own_port(const struct config *config)
{
	const char *colon = strrchr(config->listen, ':');

	return (uint16_t)(colon ? strtoul(colon + 1, NULL, 10) : 0);
}

static int start(void **ret_state, const struct collector_env *env)
{
	const struct custom_options options = {
		.interval_ns = env->config->custom_interval_ns,
		.timeout_ms = TIMEOUT_MS,
		.max_endpoints = env->config->custom_endpoints,
		.max_samples = env->config->custom_samples,
		.max_body_bytes = env->config->custom_body_bytes,
		.max_wire_bytes = env->config->custom_wire_bytes,
		.max_common_bytes = env->config->custom_memory_bytes,
		.own_port = own_port(env->config),
		.open_socket = open_socket,
		.open_ctx = env->broker,
		.warn = log__warn,
	};

	struct endpoints *endpoints;
	int err;

	if (!env->config->custom_metrics)
		return 1;
	endpoints = calloc(1, sizeof(*endpoints));
	err = endpoints ? custom__new(&endpoints->custom, &options) : -ENOMEM;
	if (err) {
		free(endpoints);
		return err;
	}
	endpoints->env = *env;
	*ret_state = endpoints;
	return 0;
}

static void end(void *state)
{
	struct endpoints *endpoints = state;

	custom__free(endpoints->custom);
	free(endpoints);
}

/* What one look at the instances collects. */
struct collection {
	const struct collector_env *env;
	struct targets targets;
	char exe[PATH_MAX];
};

static int add_instance(void *ctx, const struct identity_instance *instance)
{
	struct collection *collection = ctx;
	const struct collector_env *env = collection->env;
	const struct config *config = env->config;
	const struct identity *identity = instance->identity;
	struct process_exe exe;
	pid_t pid;

	if (instance->is_dead || identity->dropped ||
	    (!config->metrics_count && !identity->metrics_port))
		return 0;
	pid = identity_table__process(env->identity, instance->slot);
	/* not the one who asks */
	if (pid <= 0 || pid == getpid() || (env->broker && pid == broker__pid(env->broker)))
		return 0;
	if (!config->metrics_count || process__exe(pid, &exe, collection->exe))
		collection->exe[0] = '\0';
	return targets__add(&collection->targets, instance, pid, collection->exe, config->metrics,
			    config->metrics_count);
}

static void collect(struct endpoints *endpoints)
{
	struct collection *collection = calloc(1, sizeof(*collection));
	int err = -ENOMEM;

	if (collection) {
		collection->env = &endpoints->env;
		err = identity_table__each(endpoints->env.identity, add_instance, collection);
		if (!err)
			err = custom__set_targets(endpoints->custom, collection->targets.target,
						  collection->targets.count);
		free(collection->targets.target);
	}
	if (err)
		log__warn("no memory to ask instances for their own metrics");
	free(collection);
}

/* The app has an exporter for its database servers. */
static void leave_to_exporter(void *ctx, const char *app)
{
	collectors__leave_to_exporter(ctx, app);
}

static void tick(void *state, uint64_t now_ns)
{
	struct endpoints *endpoints = state;
	int err = 0;

	if (now_ns < endpoints->next_targets_ns)
		return;
	if (!custom__is_started(endpoints->custom))
		err = custom__start(endpoints->custom);
	if (err)
		log__warn("no thread to ask instances for their own metrics: %s", strerror(-err));
	else
		collect(endpoints);
	custom__exposers(endpoints->custom, ENDPOINTS_DATABASE_PREFIX, leave_to_exporter,
			 endpoints->env.collectors);
	endpoints->next_targets_ns = now_ns + TARGETS_NS;
}

static uint64_t next_ns(const void *state)
{
	const struct endpoints *endpoints = state;

	return endpoints->next_targets_ns;
}

static void read_state(void *ctx, const struct custom_state *state)
{
	static const char *const reasons[CUSTOM_REASON_N] = {
#define REASON_LABEL(id, label, words) [CUSTOM_##id] = (label),
		CUSTOM_REASONS(REASON_LABEL)
#undef REASON_LABEL
	};
	const struct {
		const char *reason;
		uint64_t count;
	} left_out[] = {
		{ "reserved_name", state->reserved },
		{ "labels_overwritten", state->coincident },
		{ "duplicate", state->duplicate },
	};
	struct readings *readings = ctx;
	int64_t owner = readings__owner(readings, state->labels);

	if (owner < 0 || !state->was_asked)
		return;
	readings__add(readings, owner, READING_CUSTOM_UP, state->is_up, state->endpoint, NULL,
		      NULL);
	readings__add(readings, owner, READING_CUSTOM_DURATION, state->duration_ns, state->endpoint,
		      NULL, NULL);
	readings__add(readings, owner, READING_CUSTOM_SAMPLES, state->samples, state->endpoint,
		      NULL, NULL);
	if (state->untyped)
		readings__add(readings, owner, READING_CUSTOM_UNTYPED, state->untyped,
			      state->endpoint, NULL, NULL);
	for (size_t i = 0; i < sizeof(left_out) / sizeof(left_out[0]); i++)
		if (left_out[i].count)
			readings__add(readings, owner, READING_CUSTOM_LEFT_OUT, left_out[i].count,
				      state->endpoint, left_out[i].reason, NULL);
	for (int i = 0; i < CUSTOM_REASON_N; i++)
		if (state->failures_total[i])
			readings__add(readings, owner, READING_CUSTOM_FAILURES,
				      state->failures_total[i], state->endpoint, reasons[i], NULL);
}

static void read_not_asked(void *ctx, const struct model_labels *labels, uint32_t count)
{
	struct readings *readings = ctx;
	int64_t owner = readings__owner(readings, labels);

	if (owner >= 0)
		readings__add(readings, owner, READING_CUSTOM_NOT_ASKED, count, NULL, NULL, NULL);
}

static void read_states(void *state, struct readings *readings)
{
	const struct endpoints *endpoints = state;

	custom__each(endpoints->custom, read_state, readings);
	custom__each_not_asked(endpoints->custom, read_not_asked, readings);
}

static void relabel(void *state, bool all)
{
	struct endpoints *endpoints = state;

	(void)all;
	endpoints->next_targets_ns = 0;
}

struct custom *endpoints__custom(void *state)
{
	struct endpoints *endpoints = state;

	return endpoints ? endpoints->custom : NULL;
}

const struct collector collector_endpoints = {
	.name = "endpoints",
	.start = start,
	.free = end,
	.tick = tick,
	.next_ns = next_ns,
	.read = read_states,
	.relabel = relabel,
};
