// SPDX-License-Identifier: Apache-2.0
/* What others see of the endpoints. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "collect/endpoints/custom_internal.h"

/* Older than that it is not shown: the thread hangs, or is far behind. */
static bool is_fresh(const struct custom *custom, const struct endpoint *endpoint)
{
	return endpoint->exposed && clock__now_ns() - endpoint->exposed_ns <
					    2 * custom->options.interval_ns + 10 * NS_PER_S;
}

void custom__each(struct custom *custom,
		  void (*on_state)(void *ctx, const struct custom_state *state), void *ctx)
{
	pthread_mutex_lock(&custom->lock);
	for (size_t i = 0; i < custom->count; i++) {
		const struct endpoint *endpoint = custom->endpoint[i];
		const struct exposed *exposed = endpoint->exposed;
		struct custom_state state = {
			.labels = &endpoint->target->labels,
			.endpoint = endpoint->target->name,
			.was_asked = endpoint->was_asked,
			.is_up = is_fresh(custom, endpoint),
			.duration_ns = endpoint->duration_ns,
			.failures_total = endpoint->failures,
		};

		if (state.is_up) {
			state.reserved = exposed->reserved;
			state.coincident = exposed->coincident;
			state.duplicate = endpoint->tally.duplicate;
			if (state.duplicate > exposed->samples)
				state.duplicate = exposed->samples;
			state.samples = exposed->samples - state.duplicate;
			state.untyped = endpoint->tally.untyped;
		}
		on_state(ctx, &state);
	}
	pthread_mutex_unlock(&custom->lock);
}

void custom__each_not_asked(struct custom *custom,
			    void (*on_app)(void *ctx, const struct model_labels *labels,
					   uint32_t count),
			    void *ctx)
{
	struct model_labels labels = { { "", "", "", "", "" } };

	pthread_mutex_lock(&custom->lock);
	for (size_t i = 0; i < custom->not_asked_count; i++) {
		labels.value[MODEL_APP] = custom->not_asked[i].app;
		labels.value[MODEL_NAMESPACE] = custom->not_asked[i].namespace_;
		on_app(ctx, &labels, custom->not_asked[i].count);
	}
	if (!custom->not_asked_count)
		on_app(ctx, &labels, 0);
	pthread_mutex_unlock(&custom->lock);
}

/* What an endpoint exposes, held: neither changes. */
struct showing {
	uint64_t id;
	struct endpoint_target *target;
	struct exposed *exposed;
};

/*
 * What is known now, of all. The lock is held to take hold of it, not to look at it.
 * NULL without memory.
 */
static struct showing *take_showings(struct custom *custom, size_t *ret_count)
{
	struct showing *showing;
	size_t count = 0;

	pthread_mutex_lock(&custom->lock);
	showing = calloc(custom->count + 1, sizeof(*showing));
	for (size_t i = 0; showing && i < custom->count; i++) {
		const struct endpoint *endpoint = custom->endpoint[i];

		if (!is_fresh(custom, endpoint))
			continue;
		showing[count++] = (struct showing){
			.id = endpoint->id,
			.target = endpoint_target__ref(endpoint->target),
			.exposed = exposed__ref(endpoint->exposed),
		};
	}
	pthread_mutex_unlock(&custom->lock);
	*ret_count = count;
	return showing;
}

static void drop_showings(struct showing *showing, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		endpoint_target__unref(showing[i].target);
		exposed__unref(showing[i].exposed);
	}
	free(showing);
}

static bool has_prefix(const struct exposed *exposed, const char *prefix)
{
	size_t length = strlen(prefix);

	for (uint32_t i = 0; i < exposed->family_count; i++)
		if (exposed->family[i].name_length >= length &&
		    memcmp(exposed->text + exposed->family[i].name, prefix, length) == 0)
			return true;
	return false;
}

static void tell_exposers(const struct showing *showing, size_t count, const char *prefix,
			  void (*on_app)(void *ctx, const char *app), void *ctx)
{
	for (size_t i = 0; i < count; i++)
		if (has_prefix(showing[i].exposed, prefix))
			on_app(ctx, showing[i].target->labels.value[MODEL_APP]);
}

void custom__exposers(struct custom *custom, const char *prefix,
		      void (*on_app)(void *ctx, const char *app), void *ctx)
{
	struct showing *showing;
	size_t count;

	showing = take_showings(custom, &count);
	if (!showing)
		return; /* it is asked again */
	tell_exposers(showing, count, prefix, on_app, ctx);
	drop_showings(showing, count);
}

/* What a page points to, held. */
struct custom_view {
	struct custom *custom;
	struct page *page;
	struct showing *showing;
	size_t count;
	bool is_whole; /* every endpoint: what the page makes of each is told */
	char **labels;
	struct page_source *source;
};

/* Keeps what the scope allows. */
static void narrow(struct custom_view *view, const struct scope *scope)
{
	size_t count = 0;

	for (size_t i = 0; i < view->count; i++) {
		struct showing *showing = &view->showing[i];

		if (scope__allows(scope, showing->target->labels.value[MODEL_APP])) {
			view->showing[count++] = *showing;
			continue;
		}
		endpoint_target__unref(showing->target);
		exposed__unref(showing->exposed);
	}
	view->count = count;
}

static int make_sources(struct custom_view *view, const struct custom_place *place)
{
	view->labels = calloc(view->count + 1, sizeof(char *));
	view->source = calloc(view->count + 1, sizeof(*view->source));
	if (!view->labels || !view->source)
		return -ENOMEM;
	for (size_t i = 0; i < view->count; i++) {
		view->labels[i] = endpoint_target__labels(view->showing[i].target, place);
		if (!view->labels[i])
			return -ENOMEM;
		view->source[i] = (struct page_source){
			.labels = view->labels[i],
			.bare = endpoint_target__bare(view->showing[i].target, place),
			.owner = view->showing[i].target->owner,
			.exposed = view->showing[i].exposed,
		};
	}
	return 0;
}

int custom_view__new(struct custom_view **ret_view, struct custom *custom,
		     const struct scope *scope, const struct custom_place *place,
		     const char *const *taken, size_t taken_count)
{
	struct custom_view *view = calloc(1, sizeof(*view));
	int err = -ENOMEM;

	if (!view)
		return err;
	view->custom = custom;
	view->is_whole = scope->all && !taken_count;
	view->showing = take_showings(custom, &view->count);
	if (view->showing) {
		narrow(view, scope);
		err = make_sources(view, place);
	}
	if (!err)
		err = page__new(&view->page, view->source, view->count, custom->key, taken,
				taken_count);
	if (err) {
		custom_view__free(view);
		return err;
	}
	*ret_view = view;
	return 0;
}

void custom_view__exposers(const struct custom_view *view, const char *prefix,
			   void (*on_app)(void *ctx, const char *app), void *ctx)
{
	tell_exposers(view->showing, view->count, prefix, on_app, ctx);
}

struct page *custom_view__page(struct custom_view *view)
{
	return view->page;
}

/* Both lists are in the order of age, which is that of the ids. */
static void tell_tallies(struct custom_view *view)
{
	struct custom *custom = view->custom;
	size_t at = 0;

	pthread_mutex_lock(&custom->lock);
	for (size_t i = 0; i < custom->count && at < view->count; i++) {
		struct endpoint *endpoint = custom->endpoint[i];

		while (at < view->count && view->showing[at].id < endpoint->id)
			at++;
		if (at < view->count && view->showing[at].id == endpoint->id &&
		    view->showing[at].exposed == endpoint->exposed)
			endpoint->tally = *page__tally(view->page, at);
	}
	pthread_mutex_unlock(&custom->lock);
}

void custom_view__free(struct custom_view *view)
{
	if (!view)
		return;
	if (view->page && view->is_whole)
		tell_tallies(view);
	page__free(view->page);
	for (size_t i = 0; view->labels && i < view->count; i++)
		free(view->labels[i]);
	free(view->labels);
	free(view->source);
	drop_showings(view->showing, view->count);
	free(view);
}
