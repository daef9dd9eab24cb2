// SPDX-License-Identifier: Apache-2.0
/* Which endpoints there are: from those that are to those that are wanted. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "collect/endpoints/allot.h"
#include "collect/endpoints/custom_internal.h"

static void free_targets(struct endpoint_target **targets, size_t count)
{
	for (size_t i = 0; i < count; i++)
		endpoint_target__unref(targets[i]);
	free(targets);
}

static void free_not_asked(struct not_asked *not_asked, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(not_asked[i].app);
		free(not_asked[i].namespace_);
	}
	free(not_asked);
}

static void free_endpoint(struct custom *custom, struct endpoint *endpoint)
{
	fetch__cancel(&endpoint->fetch, custom->multi);
	endpoint__hold(endpoint, NULL);
	fetch__free(&endpoint->fetch);
	share__put(&custom->shares, endpoint->fetch.share);
	exposed__unref(endpoint->exposed);
	endpoint_target__unref(endpoint->target);
	free(endpoint);
}

/* The apps that get less than they want. NULL without memory. */
static struct not_asked *list_not_asked(const struct allotment *allotment, size_t *ret_count)
{
	struct not_asked *list = calloc(allotment->app_count + 1, sizeof(*list));
	size_t count = 0;
	bool good = list;

	for (size_t i = 0; i < allotment->app_count && good; i++) {
		const struct allotted *app = &allotment->app[i];

		if (app->given == app->wanted)
			continue;
		list[count] = (struct not_asked){
			.app = strdup(app->labels->value[MODEL_APP]),
			.namespace_ = strdup(app->labels->value[MODEL_NAMESPACE]),
			.count = app->wanted - app->given,
		};
		good = list[count].app && list[count].namespace_;
		count++;
	}
	*ret_count = count;
	if (good)
		return list;
	free_not_asked(list, count);
	return NULL;
}

/* Copies of those that are given. NULL without memory. */
static struct endpoint_target **copy_targets(const struct custom_target *targets, size_t count,
					     const bool *is_given, size_t *ret_count)
{
	struct endpoint_target **copies = calloc(count + 1, sizeof(*copies));
	size_t n = 0;

	for (size_t i = 0; copies && i < count; i++) {
		if (!is_given[i])
			continue;
		copies[n] = endpoint_target__new(&targets[i]);
		if (!copies[n]) {
			free_targets(copies, n);
			return NULL;
		}
		n++;
	}
	*ret_count = n;
	return copies;
}

int custom__set_targets(struct custom *custom, const struct custom_target *targets, size_t count)
{
	struct endpoint_target **copies = NULL;
	struct not_asked *not_asked = NULL;
	struct allotment allotment;
	size_t taken = 0, apps = 0;

	if (allotment__make(&allotment, targets, count, custom->options.max_endpoints) == 0) {
		copies = copy_targets(targets, count, allotment.is_given, &taken);
		not_asked = copies ? list_not_asked(&allotment, &apps) : NULL;
	}
	allotment__free(&allotment);
	if (!not_asked) {
		free_targets(copies, taken);
		return -ENOMEM;
	}
	pthread_mutex_lock(&custom->lock);
	if (custom->is_wanted)
		free_targets(custom->wanted, custom->wanted_count);
	free_not_asked(custom->not_asked, custom->not_asked_count);
	custom->not_asked = not_asked;
	custom->not_asked_count = apps;
	custom->wanted = copies;
	custom->wanted_count = taken;
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

/* Takes the target over, if there is memory. */
static struct endpoint *new_endpoint(struct custom *custom, struct endpoint_target *target)
{
	struct endpoint *endpoint = calloc(1, sizeof(*endpoint));
	struct share *share = share__get(&custom->shares, target->app);

	if (!endpoint || !share ||
	    fetch__init(&endpoint->fetch, custom->next_id, target->port, target->path,
			&custom->limits, &custom->shares, share)) {
		if (share)
			share__put(&custom->shares, share);
		free(endpoint);
		return NULL;
	}
	endpoint->id = custom->next_id++;
	endpoint->reason = CUSTOM_NONE;
	endpoint->fetch.open_ctx = custom->options.open_ctx;
	endpoint->target = target;
	endpoint->next_ns = first_ns(custom, endpoint->id);
	return endpoint;
}

static int compare_wanted(const void *a, const void *b)
{
	return endpoint_target__compare(*(struct endpoint_target *const *)a,
					*(struct endpoint_target *const *)b);
}

/* From the endpoints that are to those that are wanted. */
struct change {
	struct endpoint_target **wanted, **sorted;
	size_t wanted_count;
	struct endpoint **fresh, **gone;
	struct endpoint_target **target; /* of a fresh one that was there, in place of its own */
	size_t fresh_count, gone_count;
};

/* Those that stay keep what is known of them. False without memory. */
static bool prepare(struct custom *custom, struct change *change)
{
	size_t count = change->wanted_count;

	change->sorted = calloc(count + 1, sizeof(*change->sorted));
	change->fresh = calloc(count + 1, sizeof(*change->fresh));
	change->target = calloc(count + 1, sizeof(*change->target));
	change->gone = calloc(custom->count + 1, sizeof(*change->gone));
	if (!change->sorted || !change->fresh || !change->target || !change->gone)
		return false;
	memcpy(change->sorted, change->wanted, count * sizeof(*change->sorted));
	qsort(change->sorted, count, sizeof(*change->sorted), compare_wanted);
	for (size_t i = 0; i < custom->count; i++) {
		struct endpoint *endpoint = custom->endpoint[i];
		struct endpoint_target **found = bsearch(&endpoint->target, change->sorted, count,
							 sizeof(*found), compare_wanted);

		if (!found || (*found)->is_taken) {
			change->gone[change->gone_count++] = endpoint;
			continue;
		}
		(*found)->is_taken = true;
		change->target[change->fresh_count] = *found;
		change->fresh[change->fresh_count++] = endpoint;
	}
	for (size_t i = 0; i < count; i++) {
		struct endpoint *endpoint;

		if (change->wanted[i]->is_taken)
			continue;
		endpoint = new_endpoint(custom, change->wanted[i]);
		if (endpoint)
			change->fresh[change->fresh_count++] = endpoint;
		else
			endpoint_target__unref(change->wanted[i]);
	}
	return true;
}

void wanted__take(struct custom *custom)
{
	struct change change = { 0 };

	pthread_mutex_lock(&custom->lock);
	change.wanted = custom->is_wanted ? custom->wanted : NULL;
	change.wanted_count = custom->wanted_count;
	custom->is_wanted = false;
	custom->wanted = NULL;
	custom->wanted_count = 0;
	pthread_mutex_unlock(&custom->lock);
	if (!change.wanted)
		return;
	if (prepare(custom, &change)) {
		struct endpoint **old = custom->endpoint;

		pthread_mutex_lock(&custom->lock);
		for (size_t i = 0; i < change.fresh_count; i++) {
			struct endpoint_target *target = change.target[i];

			if (!target)
				continue;
			change.target[i] = change.fresh[i]->target;
			change.fresh[i]->target = target;
		}
		custom->endpoint = change.fresh;
		custom->count = change.fresh_count;
		pthread_mutex_unlock(&custom->lock);
		for (size_t i = 0; i < change.fresh_count; i++)
			endpoint_target__unref(change.target[i]);
		for (size_t i = 0; i < change.gone_count; i++)
			free_endpoint(custom, change.gone[i]);
		free(old);
		free(change.wanted);
	} else {
		/* there will be others in a moment */
		free_targets(change.wanted, change.wanted_count);
		free(change.fresh);
	}
	free(change.sorted);
	free(change.target);
	free(change.gone);
}

void wanted__free(struct custom *custom)
{
	for (size_t i = 0; i < custom->count; i++)
		free_endpoint(custom, custom->endpoint[i]);
	free(custom->endpoint);
	if (custom->is_wanted)
		free_targets(custom->wanted, custom->wanted_count);
	free_not_asked(custom->not_asked, custom->not_asked_count);
}
