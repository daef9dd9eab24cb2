// SPDX-License-Identifier: Apache-2.0
#include "player.h"

#include <stdlib.h>
#include <string.h>

#include "agent/agent.h"
#include "agent/extra_series.h"
#include "base/clock.h"
#include "collect/endpoints/custom_internal.h"
#include "collect/endpoints/endpoints.h"
#include "collect/endpoints/parse.h"
#include "identity/table.h"

const struct player_page player_pages[] = {
	{ "native", &view_native, { &encoder_text, &encoder_openmetrics, &encoder_protobuf } },
	{ "apps", &view_apps, { &encoder_text, &encoder_openmetrics, &encoder_protobuf } },
	{ "fly", &view_fly, { &encoder_text } },
	{ "custom", NULL, { &encoder_text } },
};
const size_t player_page_count = sizeof(player_pages) / sizeof(player_pages[0]);

/* As much of an agent as makes pages. Its identities are the moment's. */
struct player {
	FILE *file;
	json_t *records;
	bool has_moment;
	struct moment moment;
	struct identity_table identity; /* says whether there are pods, and nothing else */
	struct agent agent;
};

/* Not for use without what it makes. */
static void need(bool good)
{
	if (!good)
		abort();
}

static const struct identity *get_identity(const struct identity_table *table, uint32_t slot)
{
	const struct player *player =
		(const void *)((const char *)table - offsetof(struct player, identity));

	return player->moment.identity[slot];
}

static struct model_identities identities_of(const struct player *player)
{
	return (struct model_identities){ get_identity, &player->identity,
					  identity_table__has_pods };
}

static void own_counts(void *ctx, uint64_t ret_counts[OWN_COUNTS])
{
	const struct player *player = ctx;

	memcpy(ret_counts, player->moment.own, sizeof(player->moment.own));
}

/* Nothing is asked: there is no loader, no broker, and nobody ticks. */
static void start_collectors(struct agent *agent)
{
	static const struct collector *const table[] = { &collector_endpoints };
	const struct collector_env env = { .config = &agent->config, .identity = agent->identity };

	agent->config.listen = strdup("127.0.0.1:9777");
	agent->config.custom_metrics = true;
	agent->config.custom_interval_ns = 3600 * NS_PER_S;
	agent->config.custom_endpoints = 512;
	agent->config.custom_samples = 50000;
	need(collectors__new(&agent->collectors, table, 1, &env) == 0);
}

struct player *player__new(FILE *file)
{
	struct player *player = calloc(1, sizeof(*player));

	need(player);
	player->file = file;
	player->records = json_object();
	pthread_mutex_init(&player->agent.lock, NULL);
	player->agent.identity = &player->identity;
	start_collectors(&player->agent);
	return player;
}

/* What the first moment says of the agent stays true for all. */
static void start_agent(struct player *player)
{
	const struct moment *moment = &player->moment;
	struct agent *agent = &player->agent;
	struct exposition_options exposition = {
		.region = moment->region,
		.host = moment->host,
		.run = moment->run,
		.version = moment->version,
		.revision = moment->revision,
		.classic_ns = moment->classic_ns,
		.classic_count = moment->classic_count,
		.identities = identities_of(player),
		.readings = collectors__readings(agent->collectors),
		.own = own_counts,
		.own_ctx = player,
	};

	agent->config.region = strdup(moment->region);
	agent->config.host = strdup(moment->host);
	need(rollup__new(&agent->rollup, moment->max_apps, moment->snapshot.slot_count) == 0);
	exposition.rollup = agent->rollup;
	need(exposition__new(&agent->exposition, &exposition) == 0);
}

static const struct moment_endpoint *find_endpoint(const struct player *player,
						   const struct endpoint_target *target)
{
	for (size_t i = 0; i < player->moment.endpoint_count; i++) {
		const struct moment_endpoint *endpoint = &player->moment.endpoint[i];

		if (endpoint->slot == target->slot && endpoint->generation == target->generation &&
		    endpoint->port == target->port && strcmp(endpoint->path, target->path) == 0)
			return endpoint;
	}
	return NULL;
}

static struct exposed *expose(const struct moment_endpoint *from)
{
	static const char *const standard[] = { "app",	     "region", "host",	   "instance",
						"namespace", "pod",    "container" };
	const struct parse_options options = {
		.overwritten = standard,
		.overwritten_count = *from->labels.value[MODEL_POD] ? 7 : 4,
		.max_samples = 50000,
	};
	struct parse_error error;
	struct exposed *exposed;
	int (*parse)(const char *bytes, size_t length, const struct parse_options *options,
		     struct exposed **ret_exposed, struct parse_error *error) =
		from->is_openmetrics ? parse__openmetrics : parse__text;

	need(parse(from->body, from->length, &options, &exposed, &error) == 0);
	return exposed;
}

/* As if each endpoint had just been asked. */
static void take_endpoints(struct player *player)
{
	const struct moment *moment = &player->moment;
	struct custom_target *targets = calloc(moment->endpoint_count + 1, sizeof(*targets));
	struct custom *custom = endpoints__custom(
		collectors__state(player->agent.collectors, &collector_endpoints));

	need(targets);
	for (size_t i = 0; i < moment->endpoint_count; i++) {
		const struct moment_endpoint *from = &moment->endpoint[i];

		targets[i] = (struct custom_target){
			.slot = from->slot,
			.generation = from->generation,
			.cgroup = "",
			.by_executable = from->by_executable,
			.port = from->port,
			.path = from->path,
			.labels = from->labels,
		};
	}
	need(custom__set_targets(custom, targets, moment->endpoint_count) == 0);
	free(targets);
	wanted__take(custom);
	for (size_t i = 0; i < custom->count; i++) {
		struct endpoint *endpoint = custom->endpoint[i];

		exposed__unref(endpoint->exposed);
		endpoint->exposed = expose(find_endpoint(player, endpoint->target));
		endpoint->exposed_ns = clock__now_ns();
	}
}

bool player__next(struct player *player, enum recording_event *ret_event, uint32_t *ret_number)
{
	const struct model_identities identities = identities_of(player);

	if (!recording__next(player->file, player->records, ret_event, ret_number))
		return false;
	if (player->has_moment)
		moment__free(&player->moment);
	moment__read(&player->moment, player->records,
		     collectors__readings(player->agent.collectors));
	player->identity.has_pods = player->moment.has_pods;
	if (!player->has_moment)
		start_agent(player);
	player->has_moment = true;
	if (*ret_event == RECORDING_RETIRE)
		rollup__retire(player->agent.rollup, &player->moment.snapshot, *ret_number,
			       &identities);
	else
		take_endpoints(player);
	return true;
}

const struct moment *player__moment(const struct player *player)
{
	return &player->moment;
}

const json_t *player__records(const struct player *player)
{
	return player->records;
}

/* As agent__render does it. */
static int render_view(struct player *player, const struct view *view,
		       const struct encoder *encoder, struct buffer *out)
{
	struct exposition_extra extra = { 0 };
	struct agent *agent = &player->agent;
	int err = 0;

	if (view->has_extra)
		err = extra_series__begin(agent, view, &scope_all, &extra);
	if (!err)
		err = exposition__render(agent->exposition, &player->moment.snapshot, view, encoder,
					 &scope_all, out);
	extra_series__end(agent, &extra);
	return err;
}

char *player__render(struct player *player, const struct player_page *page,
		     const struct encoder *encoder, size_t *ret_length)
{
	struct buffer out;
	char *text;

	buffer__init(&out);
	need((page->view ? render_view(player, page->view, encoder, &out)
			 : extra_series__render(&player->agent, &scope_all, &out)) == 0);
	buffer__append_char(&out, '\0');
	text = buffer__take(&out, ret_length);
	need(text);
	--*ret_length;
	return text;
}

void player__free(struct player *player)
{
	struct agent *agent = &player->agent;

	collectors__free(agent->collectors);
	exposition__free(agent->exposition);
	rollup__free(agent->rollup);
	free(agent->config.region);
	free(agent->config.host);
	free(agent->config.listen);
	if (player->has_moment)
		moment__free(&player->moment);
	json_decref(player->records);
	free(player);
}
