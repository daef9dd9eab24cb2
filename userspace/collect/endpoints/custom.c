// SPDX-License-Identifier: Apache-2.0
/*
 * The thread. It alone has the list of endpoints and their transfers; the lock
 * guards what it shows to others (the last fields of struct endpoint), the list
 * itself while it changes, and the targets that wait to be taken over.
 */
#include "collect/endpoints/custom.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "base/priority.h"
#include "collect/endpoints/custom_internal.h"

#define NS_PER_MS 1000000ULL
/* Of each endpoint, whatever others have. */
#define OWN_BYTES ((uint64_t)64 * 1024)
#define OWN_PACKED_BYTES ((uint64_t)4 * 1024)
/*
 * Of all apps beyond: a page that is written within a second or two, and whose compressed
 * form fits beside others into what the server holds (http/server.c).
 */
#define PAGE_BYTES ((uint64_t)128 << 20)
#define GZIP_BYTES ((uint64_t)6 << 20)
/* Of each interval, the time of the thread for those who need most; and for each app. */
#define TIME_SHARE 2
#define OWN_TIME_SHARE 64
/* What curl takes to receive and unpack a byte, about. */
#define RECEIVE_NS 4
/* The thread finds out what pages leave out in so small a part of its time. */
#define JUDGE_SHARE 20
#define CONNECT_MS 3000
#define END_WAIT_S 5
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
	custom->shares = (struct shares){
		.limit = {
			[SHARE_MEMORY] = { OWN_BYTES, options->max_common_bytes },
			[SHARE_PAGE] = { OWN_BYTES, PAGE_BYTES },
			[SHARE_PACKED] = { OWN_PACKED_BYTES, GZIP_BYTES },
		},
		.time = { options->interval_ns / OWN_TIME_SHARE, options->interval_ns / TIME_SHARE },
		.period_ns = options->interval_ns,
	};
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
	wanted__free(custom);
	if (custom->multi)
		curl_multi_cleanup(custom->multi);
	listener_cache__free(custom->listeners);
	pthread_mutex_destroy(&custom->lock);
	free(custom);
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
	endpoint->was_asked = true;
	endpoint->reason = reason;
	endpoint->duration_ns = now - endpoint->begun_ns;
	if (reason != CUSTOM_NONE)
		endpoint->failures[reason]++;
	pthread_mutex_unlock(&custom->lock);
	exposed__unref(old);
	custom->is_changed = true;
}

static void finish(struct custom *custom, struct endpoint *endpoint, enum custom_reason reason)
{
	struct exposed *exposed = NULL;
	const char *message = NULL;
	enum custom_reason held;
	uint32_t line = 0;

	if (reason == CUSTOM_NONE)
		exposed = endpoint__read(endpoint, custom->options.max_samples, custom->key,
					 &reason, &line, &message);
	fetch__drop_body(&endpoint->fetch);
	held = endpoint__hold(endpoint, exposed);
	if (held != CUSTOM_NONE) {
		exposed__unref(exposed);
		exposed = NULL;
		reason = held;
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

/* What the thread has used. */
static uint64_t thread_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static void begin(struct custom *custom, struct endpoint *endpoint)
{
	uint64_t now = clock__now_ns(), start_ns = thread_ns();
	struct share *share = endpoint->fetch.share;
	enum custom_reason reason;

	/* late by more than a whole interval: what was missed is not made up for */
	endpoint->next_ns += custom->options.interval_ns;
	if (endpoint->next_ns <= now)
		endpoint->next_ns = now + custom->options.interval_ns;
	if (endpoint->fetch.is_running)
		return;
	endpoint->begun_ns = now;
	reason = CUSTOM_TIME;
	if (share__has_time(&custom->shares, share, now))
		reason = find_way(custom, endpoint);
	if (reason == CUSTOM_NONE && fetch__begin(&endpoint->fetch, custom->multi))
		reason = CUSTOM_MEMORY;
	if (reason != CUSTOM_NONE)
		finish(custom, endpoint, reason);
	share__spend(&custom->shares, share, thread_ns() - start_ns);
}

static void take_results(struct custom *custom)
{
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(custom->multi, &left))) {
		CURLcode result = message->data.result;
		enum custom_reason reason;
		uint64_t start_ns = thread_ns(), received;
		struct endpoint *endpoint;
		void *fetch;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &fetch);
		endpoint = (struct endpoint *)((char *)fetch - offsetof(struct endpoint, fetch));
		received = endpoint->fetch.received;
		if (!fetch__end(&endpoint->fetch, custom->multi, result, &reason))
			finish(custom, endpoint, reason);
		share__spend(&custom->shares, endpoint->fetch.share,
			     thread_ns() - start_ns + received * RECEIVE_NS);
	}
}

/*
 * Finds out what a page makes of each, for who asks about endpoints only: when something
 * has changed, once a second at most, and less often where pages take long.
 */
static void judge(struct custom *custom)
{
	static const struct custom_place nowhere = { "", "", false };
	uint64_t start_ns = thread_ns(), wait_ns;
	struct custom_view *view;

	if (custom_view__new(&view, custom, &scope_all, &nowhere, NULL, 0) == 0) {
		page__rest(custom_view__page(view), NULL);
		custom_view__free(view);
	}
	wait_ns = JUDGE_SHARE * (thread_ns() - start_ns);
	custom->judge_from_ns = clock__now_ns() + (wait_ns > NS_PER_S ? wait_ns : NS_PER_S);
	custom->is_changed = false;
}

static void *run(void *ctx)
{
	struct custom *custom = ctx;

	priority__background();
	for (;;) {
		uint64_t now, next;
		bool is_ending;
		int running;

		pthread_mutex_lock(&custom->lock);
		is_ending = custom->is_ending;
		pthread_mutex_unlock(&custom->lock);
		if (is_ending)
			return NULL;
		wanted__take(custom);
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
		if (custom->is_changed && custom->judge_from_ns <= now)
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
