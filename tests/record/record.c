// SPDX-License-Identifier: Apache-2.0
/*
 * edgetap itself, which writes down what its pages are made from whenever somebody asks for
 * /metrics in the text format, and whenever a slot is retired. The linker puts these functions in
 * place of those that they wrap. EDGETAP_RECORDING names the file, EDGETAP_RECORDED the beginning
 * of the names of those apps that are recorded.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "../unit/moment.h"
#include "../unit/recording.h"
#include "collect/endpoints/custom_internal.h"
#include "exposition/exposition.h"
#include "views/views.h"

#define ENDPOINTS_MAX 64

/* Declares what is wrapped, and by what. */
#define WRAP(type, name, ...)                                                                      \
	type __real_##name(__VA_ARGS__);                                                           \
	type __wrap_##name(__VA_ARGS__);                                                           \
	type __wrap_##name(__VA_ARGS__)

static FILE *file;
static json_t *records;
static struct exposition_options options;
static const char *apps;
static uint32_t max_apps, slot_count, scrapes, retired;
static struct custom *custom;

/* What endpoints answered last; the thread that asks them writes it. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct answer {
	uint64_t id;
	char *body;
	size_t length;
	bool is_openmetrics;
} answers[ENDPOINTS_MAX];

/* The endpoint's, or a free one. */
static struct answer *find_answer(const struct endpoint *endpoint)
{
	for (int i = 0; i < ENDPOINTS_MAX; i++)
		if (!answers[i].body || answers[i].id == endpoint->id)
			return &answers[i];
	abort();
}

static void add_endpoint(struct moment *moment, const struct endpoint *endpoint)
{
	const struct endpoint_target *target = endpoint->target;
	const struct answer *answer = find_answer(endpoint);

	if (!endpoint->exposed || !answer->body)
		return;
	moment->endpoint[moment->endpoint_count++] = (struct moment_endpoint){
		.slot = target->slot,
		.generation = target->generation,
		.port = target->port,
		.by_executable = target->by_executable,
		.is_openmetrics = answer->is_openmetrics,
		.path = target->path,
		.labels = target->labels,
		.body = answer->body,
		.length = answer->length,
	};
}

static void add_identities(struct moment *moment)
{
	for (uint32_t i = 0; i < slot_count; i++)
		moment->identity[i] = options.identities.get(options.identities.table, i);
}

static void record(const struct snapshot *snapshot, enum recording_event event, uint32_t number)
{
	struct moment_endpoint endpoint[ENDPOINTS_MAX];
	const struct identity *identity[slot_count];
	struct moment moment = {
		.region = options.region,
		.host = options.host,
		.version = "1.2.3",
		.revision = "abc",
		.run = options.run,
		.classic_count = options.classic_count,
		.max_apps = max_apps,
		.has_pods = options.identities.has_pods(options.identities.table),
		.snapshot = *snapshot,
		.identity = identity,
		.readings = options.readings,
		.endpoint = endpoint,
	};
	json_t *now;

	memcpy(moment.classic_ns, options.classic_ns,
	       options.classic_count * sizeof(*options.classic_ns));
	add_identities(&moment);
	options.own(options.own_ctx, moment.own);
	if (custom)
		pthread_mutex_lock(&custom->lock);
	pthread_mutex_lock(&lock);
	for (size_t i = 0; custom && i < custom->count; i++)
		add_endpoint(&moment, custom->endpoint[i]);
	now = moment__write(&moment, apps);
	pthread_mutex_unlock(&lock);
	if (custom)
		pthread_mutex_unlock(&custom->lock);
	recording__add(file, records, now, event, number);
	json_decref(now);
}

WRAP(int, rollup__new, struct rollup **ret_rollup, uint32_t most, uint32_t slots)
{
	max_apps = most;
	slot_count = slots;
	return __real_rollup__new(ret_rollup, most, slots);
}

WRAP(void, rollup__retire, struct rollup *rollup, const struct snapshot *snapshot, uint32_t slot,
     const struct model_identities *identities)
{
	const struct identity *identity = identities->get(identities->table, slot);
	bool is_recorded = identity && strncmp(identity->app, apps, strlen(apps)) == 0;

	if (is_recorded)
		record(snapshot, RECORDING_RETIRE, slot);
	__real_rollup__retire(rollup, snapshot, slot, identities);
	/* a scrape could come here, while the slot is still in use */
	if (is_recorded && !retired++)
		record(snapshot, RECORDING_SCRAPE, ++scrapes);
}

WRAP(int, custom__new, struct custom **ret_custom, const struct custom_options *how)
{
	int err = __real_custom__new(ret_custom, how);

	custom = err ? NULL : *ret_custom;
	return err;
}

WRAP(struct exposed *, endpoint__read, const struct endpoint *endpoint, uint32_t max_samples,
     const uint64_t key[2], enum custom_reason *ret_reason, uint32_t *ret_line,
     const char **ret_message)
{
	struct answer *answer;

	pthread_mutex_lock(&lock);
	answer = find_answer(endpoint);
	free(answer->body);
	answer->id = endpoint->id;
	answer->length = endpoint->fetch.length;
	answer->body = malloc(answer->length + 1);
	if (!answer->body)
		abort();
	memcpy(answer->body, endpoint->fetch.body, answer->length);
	answer->is_openmetrics = fetch__is_openmetrics(&endpoint->fetch);
	pthread_mutex_unlock(&lock);
	return __real_endpoint__read(endpoint, max_samples, key, ret_reason, ret_line, ret_message);
}

/* While there are all privileges. */
WRAP(int, exposition__new, struct exposition **ret_exposition, const struct exposition_options *how)
{
	const char *path = getenv("EDGETAP_RECORDING");

	apps = getenv("EDGETAP_RECORDED");
	options = *how;
	if (!file) {
		file = path && apps ? fopen(path, "we") : NULL;
		records = json_object();
	}
	return file ? __real_exposition__new(ret_exposition, how) : -ENOENT;
}

WRAP(int, exposition__render, struct exposition *exposition, const struct snapshot *snapshot,
     const struct view *view, const struct encoder *encoder, const struct scope *scope,
     struct buffer *out)
{
	int err = __real_exposition__render(exposition, snapshot, view, encoder, scope, out);

	if (!err && view == &view_native && encoder == &encoder_text)
		record(snapshot, RECORDING_SCRAPE, ++scrapes);
	return err;
}
