// SPDX-License-Identifier: Apache-2.0
/*
 * The thread. It alone has the list of endpoints and their transfers; the lock
 * guards what it shows to others (the last fields of struct endpoint), the list
 * itself while it changes, and the targets that wait to be taken over.
 */
#include "custom/custom.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "clock.h"
#include "custom/internal.h"

#define NS_PER_MS 1000000ULL
#define OWN_BYTES ((size_t)64 * 1024)
#define CONNECT_MS 3000
#define END_WAIT_S 5
#define NICE 10 /* of no hurry beside what it observes */
/* Connections that are kept: one for each endpoint, and a few of those that went. */
#define SPARE_CONNECTIONS 32
#define WAIT_MAX_MS 1000

int custom__new(struct custom **ret_custom, const struct custom_options *options)
{
	struct custom *custom = calloc(1, sizeof(*custom));

	/* nothing of TLS is needed, and no other thread may use curl meanwhile */
	if (!custom || curl_global_init(CURL_GLOBAL_NOTHING) != CURLE_OK) {
		free(custom);
		return -ENOMEM;
	}
	custom->options = *options;
	if (custom->options.timeout_ms > options->interval_ns / NS_PER_MS)
		custom->options.timeout_ms = (uint32_t)(options->interval_ns / NS_PER_MS);
	custom->limits = (struct fetch_limits){
		.body_bytes = options->max_body_bytes,
		.wire_bytes = options->max_wire_bytes,
		.timeout_ms = custom->options.timeout_ms,
		.connect_ms = CONNECT_MS,
	};
	custom->memory = (struct memory){ .own = OWN_BYTES, .common = options->max_common_bytes };
	if (getrandom(custom->key, sizeof(custom->key), 0) != sizeof(custom->key))
		custom->key[0] =
			clock__now_ns(); /* never: the pool is ready long before any agent */
	pthread_mutex_init(&custom->lock, NULL);
	custom->multi = curl_multi_init();
	if (!custom->multi || listener_cache__new(&custom->listeners)) {
		custom__free(custom);
		return -ENOMEM;
	}
	curl_multi_setopt(custom->multi, CURLMOPT_MAXCONNECTS,
			  (long)options->max_endpoints + SPARE_CONNECTIONS);
	*ret_custom = custom;
	return 0;
}

static void free_targets(struct endpoint_target **targets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		endpoint_target__free(targets[i]);
	free(targets);
}

static void free_endpoint(struct custom *custom, struct endpoint *endpoint)
{
	fetch__cancel(&endpoint->fetch, custom->multi);
	fetch__free(&endpoint->fetch);
	memory__resize(&custom->memory, &endpoint->fetch.held, 0);
	exposed__unref(endpoint->exposed);
	endpoint_target__free(endpoint->target);
	free(endpoint);
}

void custom__free(struct custom *custom)
{
	struct timespec until;

	if (!custom)
		return;
	pthread_mutex_lock(&custom->lock);
	custom->is_ending = true;
	pthread_mutex_unlock(&custom->lock);
	if (custom->multi)
		curl_multi_wakeup(custom->multi);
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += END_WAIT_S;
	/* one that hangs in somebody's /proc is left alone, with its memory */
	if (custom->is_started && pthread_timedjoin_np(custom->thread, NULL, &until))
		return;
	for (size_t i = 0; i < custom->count; i++)
		free_endpoint(custom, custom->endpoint[i]);
	free(custom->endpoint);
	if (custom->is_wanted)
		free_targets(custom->wanted, custom->wanted_count);
	if (custom->multi)
		curl_multi_cleanup(custom->multi);
	listener_cache__free(custom->listeners);
	pthread_mutex_destroy(&custom->lock);
	free(custom);
}

int custom__set_targets(struct custom *custom, const struct custom_target *targets, size_t count)
{
	size_t taken = count < custom->options.max_endpoints ? count
							     : custom->options.max_endpoints;
	struct endpoint_target **copies = calloc(taken + 1, sizeof(*copies));

	for (size_t i = 0; copies && i < taken; i++) {
		copies[i] = endpoint_target__new(&targets[i]);
		if (!copies[i]) {
			free_targets(copies, i);
			copies = NULL;
		}
	}
	if (!copies)
		return -ENOMEM;
	pthread_mutex_lock(&custom->lock);
	if (custom->is_wanted)
		free_targets(custom->wanted, custom->wanted_count);
	custom->wanted = copies;
	custom->wanted_count = taken;
	custom->wanted_left_out = (uint32_t)(count - taken);
	custom->is_wanted = true;
	pthread_mutex_unlock(&custom->lock);
	curl_multi_wakeup(custom->multi);
	return 0;
}

/* Spread over the interval by what they are, so that not all are asked at one moment. */
static uint64_t first_ns(const struct custom *custom, uint64_t id)
{
	return clock__now_ns() + (id * 0x9e3779b97f4a7c15) % custom->options.interval_ns;
}

static struct endpoint *new_endpoint(struct custom *custom, struct endpoint_target *target)
{
	struct endpoint *endpoint = calloc(1, sizeof(*endpoint));

	if (!endpoint)
		return NULL;
	endpoint->id = custom->next_id++;
	endpoint->reason = CUSTOM_NONE;
	if (fetch__init(&endpoint->fetch, endpoint->id, target->port, target->path, &custom->limits,
			&custom->memory)) {
		free(endpoint);
		return NULL;
	}
	endpoint->fetch.open_ctx = custom->options.open_ctx;
	endpoint->target = target;
	endpoint->next_ns = first_ns(custom, endpoint->id);
	return endpoint;
}

static struct endpoint_target *find_wanted(struct custom *custom, const struct endpoint *endpoint)
{
	for (size_t i = 0; i < custom->wanted_count; i++)
		if (endpoint_target__same(custom->wanted[i], endpoint->target))
			return custom->wanted[i];
	return NULL;
}

/* Those that stay keep what is known of them. Holds the lock. */
static void take_targets(struct custom *custom)
{
	struct endpoint **fresh = calloc(custom->wanted_count + 1, sizeof(*fresh));
	size_t count = 0;

	if (!fresh)
		return; /* the next time */
	for (size_t i = 0; i < custom->count; i++) {
		struct endpoint *endpoint = custom->endpoint[i];
		struct endpoint_target *target = find_wanted(custom, endpoint);

		if (!target || target->is_taken) {
			free_endpoint(custom, endpoint);
			continue;
		}
		target->is_taken = true;
		endpoint_target__free(endpoint->target);
		endpoint->target = target;
		fresh[count++] = endpoint;
	}
	for (size_t i = 0; i < custom->wanted_count; i++) {
		struct endpoint *endpoint;

		if (custom->wanted[i]->is_taken)
			continue;
		endpoint = new_endpoint(custom, custom->wanted[i]);
		if (endpoint)
			fresh[count++] = endpoint;
		else
			endpoint_target__free(custom->wanted[i]);
	}
	free(custom->endpoint);
	free(custom->wanted);
	custom->endpoint = fresh;
	custom->count = count;
	custom->left_out = custom->wanted_left_out;
	custom->wanted = NULL;
	custom->wanted_count = 0;
	custom->is_wanted = false;
}

/* Says it when an endpoint goes down or comes back, or fails for another reason. */
static void tell(const struct custom *custom, const struct endpoint *endpoint,
		 enum custom_reason reason, uint32_t line, const char *message)
{
	const struct model_labels *labels = &endpoint->target->labels;

	/* that an instance ends is no news of its endpoint */
	if (!custom->options.warn || endpoint->reason == reason || reason == CUSTOM_GONE)
		return;
	if (reason == CUSTOM_NONE)
		custom->options.warn("metrics of %s %s at %s are back", labels->value[MODEL_APP],
				     labels->value[MODEL_INSTANCE], endpoint->target->name);
	else if (message)
		custom->options.warn("no metrics of %s %s at %s: line %u: %s",
				     labels->value[MODEL_APP], labels->value[MODEL_INSTANCE],
				     endpoint->target->name, line, message);
	else
		custom->options.warn("no metrics of %s %s at %s: %s", labels->value[MODEL_APP],
				     labels->value[MODEL_INSTANCE], endpoint->target->name,
				     custom_reason__words(reason));
}

/* exposed: taken over; NULL with a reason. */
static void publish(struct custom *custom, struct endpoint *endpoint, struct exposed *exposed,
		    enum custom_reason reason)
{
	uint64_t now = clock__now_ns();
	struct exposed *old;

	pthread_mutex_lock(&custom->lock);
	old = endpoint->exposed;
	endpoint->exposed = exposed;
	endpoint->exposed_ns = now;
	endpoint->left_out = (struct page_left_out){ 0 };
	endpoint->was_asked = true;
	endpoint->reason = reason;
	endpoint->duration_ns = now - endpoint->begun_ns;
	if (reason != CUSTOM_NONE)
		endpoint->failures[reason]++;
	pthread_mutex_unlock(&custom->lock);
	exposed__unref(old);
	custom->next_judge_ns = custom->next_judge_ns ? custom->next_judge_ns : now + NS_PER_S;
}

static void finish(struct custom *custom, struct endpoint *endpoint, enum custom_reason reason)
{
	struct exposed *exposed = NULL;
	const char *message = NULL;
	uint32_t line = 0;
	size_t kept = 0;

	if (reason == CUSTOM_NONE)
		exposed = endpoint__read(endpoint, custom->options.max_samples, custom->key,
					 &reason, &line, &message);
	fetch__drop_body(&endpoint->fetch);
	/* what was kept goes, what comes takes its place */
	if (exposed)
		kept = exposed->bytes;
	if (!memory__resize(&custom->memory, &endpoint->fetch.held, kept)) {
		exposed__unref(exposed);
		exposed = NULL;
		reason = CUSTOM_MEMORY;
		memory__resize(&custom->memory, &endpoint->fetch.held, 0);
	}
	tell(custom, endpoint, reason, line, message);
	publish(custom, endpoint, exposed, reason);
}

static uint64_t net_namespace(const char *process)
{
	char path[64];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/%s/ns/net", process);
	return stat(path, &st) ? 0 : st.st_ino;
}

/* How the endpoint is reached. Returns CUSTOM_NONE, or why it cannot be. */
static enum custom_reason find_way(struct custom *custom, struct endpoint *endpoint)
{
	struct fetch *fetch = &endpoint->fetch;
	uint64_t own = net_namespace("self"), theirs;
	const struct listener_owner owner = {
		.pid = endpoint->target->pid,
		.cgroup = endpoint->target->cgroup,
		.by_executable = endpoint->target->by_executable,
	};
	char pid[16];

	snprintf(pid, sizeof(pid), "%d", (int)endpoint->target->pid);
	theirs = net_namespace(pid);
	if (!theirs)
		return errno == ENOENT ? CUSTOM_GONE : CUSTOM_NAMESPACE;
	fetch->pid = endpoint->target->pid;
	fetch->open_socket = theirs == own ? NULL : custom->options.open_socket;
	if (theirs != own && !fetch->open_socket)
		return CUSTOM_NAMESPACE;
	if (theirs == own && endpoint->target->port == custom->options.own_port)
		return CUSTOM_ITSELF;
	if (!listener__is_of(custom->listeners, &owner, endpoint->target->port))
		return CUSTOM_OTHER_OWNER;
	return CUSTOM_NONE;
}

static void begin(struct custom *custom, struct endpoint *endpoint)
{
	uint64_t now = clock__now_ns();
	enum custom_reason reason;

	/* late by more than a whole interval: what was missed is not made up for */
	endpoint->next_ns += custom->options.interval_ns;
	if (endpoint->next_ns <= now)
		endpoint->next_ns = now + custom->options.interval_ns;
	if (endpoint->fetch.is_running)
		return;
	endpoint->begun_ns = now;
	reason = find_way(custom, endpoint);
	if (reason == CUSTOM_NONE && fetch__begin(&endpoint->fetch, custom->multi))
		reason = CUSTOM_MEMORY;
	if (reason != CUSTOM_NONE)
		finish(custom, endpoint, reason);
}

static void take_results(struct custom *custom)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(custom->multi, &left))) {
		CURLcode result = message->data.result;
		enum custom_reason reason;
		struct endpoint *endpoint;
		void *fetch;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch);
		endpoint = (struct endpoint *)((char *)fetch - offsetof(struct endpoint, fetch));
		if (!fetch__end(&endpoint->fetch, custom->multi, result, &reason))
			finish(custom, endpoint, reason);
	}
}

/*
 * Finds out what a page would leave out, for who asks about endpoints only. Once a
 * second at most, when something has changed.
 */
static void judge(struct custom *custom)
{
	static const struct custom_place nowhere = { "", "", false };
	struct custom_view *view;

	custom->next_judge_ns = 0;
	if (custom_view__new(&view, custom, &scope_all, &nowhere) == 0) {
		page__rest(custom_view__page(view), NULL);
		custom_view__free(view);
	}
}

static void *run(void *ctx)
{
	struct custom *custom = ctx;

	setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
	for (;;) {
		uint64_t now, next;
		bool is_ending;
		int running;

		pthread_mutex_lock(&custom->lock);
		is_ending = custom->is_ending;
		if (!is_ending && custom->is_wanted)
			take_targets(custom);
		pthread_mutex_unlock(&custom->lock);
		if (is_ending)
			return NULL;
		now = clock__now_ns();
		next = now + WAIT_MAX_MS * NS_PER_MS;
		for (size_t i = 0; i < custom->count; i++) {
			if (custom->endpoint[i]->next_ns <= now)
				begin(custom, custom->endpoint[i]);
			if (custom->endpoint[i]->next_ns < next)
				next = custom->endpoint[i]->next_ns;
		}
		curl_multi_perform(custom->multi, &running);
		take_results(custom);
		now = clock__now_ns();
		if (custom->next_judge_ns && custom->next_judge_ns <= now)
			judge(custom);
		curl_multi_poll(custom->multi, NULL, 0,
				next > now ? (int)((next - now) / NS_PER_MS) + 1 : 0, NULL);
	}
}

int custom__start(struct custom *custom)
{
	int err = pthread_create(&custom->thread, NULL, run, custom);

	custom->is_started = err == 0;
	return -err;
}

bool custom__is_started(const struct custom *custom)
{
	return custom->is_started;
}
