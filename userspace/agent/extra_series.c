// SPDX-License-Identifier: Apache-2.0
#include "agent/extra_series.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "collect/endpoints/custom.h"
#include "collect/endpoints/endpoints.h"

static struct custom *agent__custom(const struct agent *agent)
{
	return endpoints__custom(collectors__state(agent->collectors, &collector_endpoints));
}

/* The app has an exporter for its database servers. */
static void leave_to_exporter(void *ctx, const char *app)
{
	collectors__leave_to_exporter(ctx, app);
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

int extra_series__render(struct agent *agent, const struct scope *scope, struct buffer *out)
{
	struct custom_place place;
	struct custom_view *view;
	char *text;
	int err;

	if (!agent__custom(agent))
		return buffer__flush(out);
	text = copy_place(agent, &place);
	err = text ? custom_view__new(&view, agent__custom(agent), scope, &place, NULL, 0)
		   : -ENOMEM;
	free(text);
	if (err)
		return err;
	page__rest(custom_view__page(view), out);
	err = buffer__flush(out);
	custom_view__free(view);
	return err;
}

static void extra_family(void *ctx, const struct metric_head *head, struct buffer *out)
{
	page__family(custom_view__page(ctx), head->name, out);
}

static void extra_rest(void *ctx, struct buffer *out)
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

int extra_series__begin(struct agent *agent, const struct view *on, const struct scope *scope,
			struct exposition_extra *ret_extra)
{
	char host[VIEW_HOST_BYTES];
	const struct custom_place place = { agent->config.region,
					    view__host(on, agent->config.host, host),
					    identity_table__has_pods(agent->identity) };
	struct custom_view *view;
	const char **taken;
	size_t taken_count;
	int err;

	*ret_extra = (struct exposition_extra){ 0 };
	if (!agent__custom(agent))
		return 0;
	taken = list_families(on, &taken_count);
	err = taken ? custom_view__new(&view, agent__custom(agent), scope, &place, taken,
				       taken_count)
		    : -ENOMEM;
	free(taken);
	if (err)
		return err;
	/* now: what they expose must not stand beside what the server says itself */
	custom_view__exposers(view, ENDPOINTS_DATABASE_PREFIX, leave_to_exporter,
			      agent->collectors);
	*ret_extra = (struct exposition_extra){ extra_family, extra_rest, view };
	exposition__set_extra(agent->exposition, ret_extra);
	return 0;
}

void extra_series__end(struct agent *agent, struct exposition_extra *extra)
{
	exposition__set_extra(agent->exposition, NULL);
	custom_view__free(extra->ctx);
	extra->ctx = NULL;
}
