// SPDX-License-Identifier: Apache-2.0
/* What others see of the endpoints. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "clock.h"
#include "custom/internal.h"

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
			.of_other_type = endpoint->left_out.of_other_type,
			.duplicate = endpoint->left_out.duplicate,
			.failures_total = endpoint->failures,
		};

		if (state.is_up) {
			state.reserved = exposed->reserved;
			state.coincident = exposed->coincident;
			state.samples = exposed->samples - state.of_other_type - state.duplicate;
		}
		on_state(ctx, &state);
	}
	pthread_mutex_unlock(&custom->lock);
}

uint32_t custom__left_out(struct custom *custom)
{
	uint32_t left_out;

	pthread_mutex_lock(&custom->lock);
	left_out = custom->left_out;
	pthread_mutex_unlock(&custom->lock);
	return left_out;
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

void custom__exposers(struct custom *custom, const char *prefix,
		      void (*on_app)(void *ctx, const char *app), void *ctx)
{
	pthread_mutex_lock(&custom->lock);
	for (size_t i = 0; i < custom->count; i++) {
		const struct endpoint *endpoint = custom->endpoint[i];

		if (is_fresh(custom, endpoint) && has_prefix(endpoint->exposed, prefix))
			on_app(ctx, endpoint->target->labels.value[MODEL_APP]);
	}
	pthread_mutex_unlock(&custom->lock);
}

enum { TEXT_LABELS, TEXT_OWNER, TEXT_APP, TEXTS };

/* What a page points to, held. */
struct custom_view {
	struct custom *custom;
	struct page *page;
	size_t count;
	bool is_whole; /* every endpoint: what is left out is told */
	uint64_t *id;
	struct exposed **exposed;
	char **text; /* labels, owner and app of each */
	struct page_source *source;
};

/* Takes hold of what the scope allows. Holds the lock. */
static int collect(struct custom_view *view, const struct scope *scope,
		   const struct custom_place *place)
{
	struct custom *custom = view->custom;

	for (size_t i = 0; i < custom->count; i++) {
		const struct endpoint *endpoint = custom->endpoint[i];
		const char *app = endpoint->target->labels.value[MODEL_APP];
		char **text = &view->text[TEXTS * view->count];

		if (!is_fresh(custom, endpoint) || !scope__allows(scope, app))
			continue;
		text[TEXT_LABELS] = endpoint_target__labels(endpoint->target, place);
		text[TEXT_OWNER] = strdup(endpoint->target->owner);
		text[TEXT_APP] = strdup(app);
		view->exposed[view->count] = exposed__ref(endpoint->exposed);
		view->id[view->count] = endpoint->id;
		view->source[view->count] = (struct page_source){
			.labels = text[TEXT_LABELS],
			.bare = endpoint_target__bare(endpoint->target, place),
			.owner = text[TEXT_OWNER],
			.exposed = endpoint->exposed,
		};
		view->count++;
		if (!text[TEXT_LABELS] || !text[TEXT_OWNER] || !text[TEXT_APP])
			return -ENOMEM;
	}
	return 0;
}

int custom_view__new(struct custom_view **ret_view, struct custom *custom,
		     const struct scope *scope, const struct custom_place *place)
{
	struct custom_view *view = calloc(1, sizeof(*view));
	int err = -ENOMEM;
	size_t room;

	if (!view)
		return err;
	view->custom = custom;
	view->is_whole = scope->all;
	pthread_mutex_lock(&custom->lock);
	room = custom->count + 1;
	view->id = calloc(room, sizeof(*view->id));
	view->exposed = calloc(room, sizeof(struct exposed *));
	view->text = calloc(TEXTS * room, sizeof(char *));
	view->source = calloc(room, sizeof(*view->source));
	if (view->id && view->exposed && view->text && view->source)
		err = collect(view, scope, place);
	pthread_mutex_unlock(&custom->lock);
	if (!err)
		err = page__new(&view->page, view->source, view->count, custom->key);
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
	for (size_t i = 0; i < view->count; i++)
		if (has_prefix(view->exposed[i], prefix))
			on_app(ctx, view->text[TEXTS * i + TEXT_APP]);
}

struct page *custom_view__page(struct custom_view *view)
{
	return view->page;
}

/* Both lists are in the order of age, which is that of the ids. */
static void tell_left_out(struct custom_view *view)
{
	struct custom *custom = view->custom;
	size_t at = 0;

	pthread_mutex_lock(&custom->lock);
	for (size_t i = 0; i < custom->count && at < view->count; i++) {
		struct endpoint *endpoint = custom->endpoint[i];

		while (at < view->count && view->id[at] < endpoint->id)
			at++;
		if (at < view->count && view->id[at] == endpoint->id &&
		    view->exposed[at] == endpoint->exposed)
			endpoint->left_out = *page__left_out(view->page, at);
	}
	pthread_mutex_unlock(&custom->lock);
}

void custom_view__free(struct custom_view *view)
{
	if (!view)
		return;
	if (view->page && view->is_whole)
		tell_left_out(view);
	page__free(view->page);
	for (size_t i = 0; i < view->count; i++) {
		for (int k = 0; k < TEXTS; k++)
			free(view->text[TEXTS * i + (size_t)k]);
		exposed__unref(view->exposed[i]);
	}
	free(view->id);
	free(view->exposed);
	free(view->text);
	free(view->source);
	free(view);
}
