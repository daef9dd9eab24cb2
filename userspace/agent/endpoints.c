// SPDX-License-Identifier: Apache-2.0
#include "agent/endpoints.h"

#include <errno.h>
#include <linux/limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/listen.h"
#include "base/log.h"
#include "collect/endpoints/targets.h"
#include "identity/process.h"
#include "views/fly/host_id.h"

/* An instance is asked that long after it was seen first, and another interval at most. */
#define TARGETS_NS 5000000000ULL
#define POSTGRES_PREFIX "pg_"
#define TIMEOUT_MS 10000

static int open_socket(void *ctx, pid_t pid, int family)
{
	const struct agent *agent = ctx;

	return broker__socket(agent->broker, pid, family);
}

static uint16_t own_port(const struct agent *agent)
{
	const char *colon = strrchr(agent->config.listen, ':');

	return (uint16_t)(colon ? strtoul(colon + 1, NULL, 10) : 0);
}

int endpoints__new(struct agent *agent)
{
	const struct custom_options options = {
		.interval_ns = agent->config.custom_interval_ns,
		.timeout_ms = TIMEOUT_MS,
		.max_endpoints = agent->config.custom_endpoints,
		.max_samples = agent->config.custom_samples,
		.max_body_bytes = agent->config.custom_body_bytes,
		.max_wire_bytes = agent->config.custom_wire_bytes,
		.max_common_bytes = agent->config.custom_memory_bytes,
		.own_port = own_port(agent),
		.open_socket = open_socket,
		.open_ctx = agent,
		.warn = log__warn,
	};

	return agent->config.custom_metrics ? custom__new(&agent->custom, &options) : 0;
}

/* What one look at the instances collects. */
struct collection {
	struct agent *agent;
	struct targets targets;
	char exe[PATH_MAX];
};

static int add_instance(void *ctx, const struct identity_instance *instance)
{
	struct collection *collection = ctx;
	struct agent *agent = collection->agent;
	const struct config *config = &agent->config;
	const struct identity *identity = instance->identity;
	struct process_exe exe;
	pid_t pid;

	if (instance->is_dead || identity->dropped ||
	    (!config->metrics_count && !identity->metrics_port))
		return 0;
	pid = identity_table__process(agent->identity, instance->slot);
	/* not the one who asks */
	if (pid <= 0 || pid == getpid() || (agent->broker && pid == broker__pid(agent->broker)))
		return 0;
	if (!config->metrics_count || process__exe(pid, &exe, collection->exe))
		collection->exe[0] = '\0';
	return targets__add(&collection->targets, instance, pid, collection->exe, config->metrics,
			    config->metrics_count);
}

static void collect(struct agent *agent)
{
	struct collection *collection = calloc(1, sizeof(*collection));
	int err = -ENOMEM;

	if (collection) {
		collection->agent = agent;
		err = identity_table__each(agent->identity, add_instance, collection);
		if (!err)
			err = custom__set_targets(agent->custom, collection->targets.target,
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
	struct agent *agent = ctx;

	postgres__leave_to_exporter(agent->postgres, app);
	agent->read_ns = 0;
}

void endpoints__tick(struct agent *agent, uint64_t now_ns)
{
	int err = 0;

	if (!agent->custom || now_ns < agent->next_targets_ns)
		return;
	if (!custom__is_started(agent->custom))
		err = custom__start(agent->custom);
	if (err)
		log__warn("no thread to ask instances for their own metrics: %s", strerror(-err));
	else
		collect(agent);
	custom__exposers(agent->custom, POSTGRES_PREFIX, leave_to_exporter, agent);
	agent->next_targets_ns = now_ns + TARGETS_NS;
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

void endpoints__read(struct agent *agent)
{
	if (!agent->custom)
		return;
	custom__each(agent->custom, read_state, agent->readings);
	custom__each_not_asked(agent->custom, read_not_asked, agent->readings);
}

/* Copies, as a reload may change them. NULL without memory. */
static char *copy_place(struct agent *agent, struct custom_place *ret_place)
{
	size_t region, host;
	char *text;

	pthread_mutex_lock(&agent->lock);
	region = strlen(agent->config.region) + 1;
	host = strlen(agent->config.host) + 1;
	text = malloc(region + host);
	if (text) {
		memcpy(text, agent->config.region, region);
		memcpy(text + region, agent->config.host, host);
		*ret_place = (struct custom_place){ text, text + region,
						    identity_table__has_pods(agent->identity) };
	}
	pthread_mutex_unlock(&agent->lock);
	return text;
}

int endpoints__render(struct agent *agent, const struct scope *scope, struct buffer *out)
{
	struct custom_place place;
	struct custom_view *view;
	char *text;
	int err;

	if (!agent->custom)
		return buffer__flush(out);
	text = copy_place(agent, &place);
	err = text ? custom_view__new(&view, agent->custom, scope, &place, NULL, 0) : -ENOMEM;
	free(text);
	if (err)
		return err;
	page__rest(custom_view__page(view), out);
	err = buffer__flush(out);
	custom_view__free(view);
	return err;
}

static void guest_family(void *ctx, const struct metric_head *head, struct buffer *out)
{
	page__family(custom_view__page(ctx), head->name, out);
}

static void guest_rest(void *ctx, struct buffer *out)
{
	page__rest(custom_view__page(ctx), out);
}

/* Names of the families that the view may have itself. The caller frees them; NULL: no memory. */
static const char **list_families(const struct view *view, size_t *ret_count)
{
	size_t more = view->readings ? view->readings->count : 0;
	const char **name = calloc(view->family_count + more + 1, sizeof(*name));

	if (!name)
		return NULL;
	for (size_t i = 0; i < view->family_count; i++)
		name[i] = view->family[i].head.name;
	for (size_t i = 0; i < more; i++)
		name[view->family_count + i] = view->readings->family[i].head.name;
	*ret_count = view->family_count + more;
	return name;
}

int endpoints__invite(struct agent *agent, const struct view *on, const struct scope *scope,
		      struct exposition_guest *ret_guest)
{
	char host[HOST_ID_BYTES];
	const struct custom_place place = { agent->config.region, host,
					    identity_table__has_pods(agent->identity) };
	struct custom_view *view;
	const char **taken;
	size_t taken_count;
	int err;

	*ret_guest = (struct exposition_guest){ 0 };
	if (!agent->custom)
		return 0;
	host_id__of(host, agent->config.host);
	taken = list_families(on, &taken_count);
	err = taken ? custom_view__new(&view, agent->custom, scope, &place, taken, taken_count)
		    : -ENOMEM;
	free(taken);
	if (err)
		return err;
	/* now: what they expose must not stand beside what the server says itself */
	custom_view__exposers(view, POSTGRES_PREFIX, leave_to_exporter, agent);
	*ret_guest = (struct exposition_guest){ guest_family, guest_rest, view };
	exposition__invite(agent->exposition, ret_guest);
	return 0;
}

void endpoints__see_off(struct agent *agent, struct exposition_guest *guest)
{
	exposition__invite(agent->exposition, NULL);
	custom_view__free(guest->ctx);
	guest->ctx = NULL;
}
