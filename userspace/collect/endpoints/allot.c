// SPDX-License-Identifier: Apache-2.0
#include "collect/endpoints/allot.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static int compare_apps(const struct model_labels *a, const struct model_labels *b)
{
	int order = strcmp(a->value[MODEL_APP], b->value[MODEL_APP]);

	return order ? order : strcmp(a->value[MODEL_NAMESPACE], b->value[MODEL_NAMESPACE]);
}

/* Pointers into one array, which tell the order in it. */
static int compare_targets(const void *a, const void *b)
{
	const struct custom_target *x = *(const struct custom_target *const *)a;
	const struct custom_target *y = *(const struct custom_target *const *)b;
	int order = compare_apps(&x->labels, &y->labels);

	return order ? order : (x > y) - (x < y);
}

static int compare_wanted(const void *a, const void *b)
{
	const struct allotted *x = *(struct allotted *const *)a, *y = *(struct allotted *const *)b;

	return (x->wanted > y->wanted) - (x->wanted < y->wanted);
}

/* Who wants least first: what it leaves is there for the rest. */
static int give(struct allotment *allotment, size_t limit)
{
	struct allotted **app = calloc(allotment->app_count + 1, sizeof(struct allotted *));

	if (!app)
		return -ENOMEM;
	for (size_t i = 0; i < allotment->app_count; i++)
		app[i] = &allotment->app[i];
	qsort(app, allotment->app_count, sizeof(*app), compare_wanted);
	for (size_t i = 0; i < allotment->app_count; i++) {
		size_t part = limit / (allotment->app_count - i);

		app[i]->given = app[i]->wanted < part ? app[i]->wanted : (uint32_t)part;
		limit -= app[i]->given;
	}
	free(app);
	return 0;
}

int allotment__make(struct allotment *allotment, const struct custom_target *targets, size_t count,
		    size_t limit)
{
	const struct custom_target **sorted =
		calloc(count + 1, sizeof(const struct custom_target *));
	struct allotted *app;
	size_t at = 0;
	int err;

	*allotment = (struct allotment){
		.app = calloc(count + 1, sizeof(*allotment->app)),
		.is_given = calloc(count + 1, sizeof(*allotment->is_given)),
	};
	if (!sorted || !allotment->app || !allotment->is_given) {
		free(sorted);
		return -ENOMEM;
	}
	for (size_t i = 0; i < count; i++)
		sorted[i] = &targets[i];
	qsort(sorted, count, sizeof(*sorted), compare_targets);
	for (size_t i = 0; i < count; i++) {
		if (!i || compare_apps(&sorted[i - 1]->labels, &sorted[i]->labels) != 0)
			allotment->app[allotment->app_count++].labels = &sorted[i]->labels;
		allotment->app[allotment->app_count - 1].wanted++;
	}
	err = give(allotment, limit);
	for (app = allotment->app; !err && app < allotment->app + allotment->app_count; app++)
		for (uint32_t i = 0; i < app->wanted; i++)
			allotment->is_given[sorted[at++] - targets] = i < app->given;
	free(sorted);
	return err;
}

void allotment__free(struct allotment *allotment)
{
	free(allotment->app);
	free(allotment->is_given);
}
