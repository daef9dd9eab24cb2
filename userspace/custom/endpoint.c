// SPDX-License-Identifier: Apache-2.0
#include "custom/endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "custom/parse.h"
#include "encoders/encoder.h"

static bool is_kubernetes(const struct model_labels *labels)
{
	return labels->value[MODEL_POD][0];
}

/* In the order of every other exposition. */
char *endpoint_target__labels(const struct endpoint_target *target,
			      const struct custom_place *place)
{
	const struct model_labels *labels = &target->labels;
	const struct {
		const char *name, *value;
	} all[] = {
		{ "app", labels->value[MODEL_APP] },
		{ "region", place->region },
		{ "host", place->host },
		{ "instance", labels->value[MODEL_INSTANCE] },
		{ "namespace", labels->value[MODEL_NAMESPACE] },
		{ "pod", labels->value[MODEL_POD] },
		{ "container", labels->value[MODEL_CONTAINER] },
	};
	struct buffer text;
	size_t length;

	buffer__init(&text);
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (all[i].value[0])
			encoder_text.label(&text, all[i].name, all[i].value);
	buffer__append_char(&text, '\0');
	return buffer__take(&text, &length);
}

unsigned int endpoint_target__bare(const struct endpoint_target *target,
				   const struct custom_place *place)
{
	unsigned int bare = 0;

	for (int i = 0; place->has_pods && i < MODEL_LABELS; i++)
		if (model_label__of_targets((enum model_label)i) && !target->labels.value[i][0])
			bare |= 1U << i;
	return bare;
}

struct endpoint_target *endpoint_target__new(const struct custom_target *target)
{
	struct endpoint_target *copy = calloc(1, sizeof(*copy));
	bool good = copy;

	if (!copy)
		return NULL;
	copy->slot = target->slot;
	copy->generation = target->generation;
	copy->pid = target->pid;
	copy->by_executable = target->by_executable;
	copy->cgroup = strdup(target->cgroup);
	copy->port = target->port;
	copy->path = strdup(target->path);
	for (int i = 0; i < MODEL_LABELS; i++) {
		copy->labels.value[i] = strdup(target->labels.value[i]);
		good &= copy->labels.value[i] != NULL;
	}
	if (asprintf(&copy->name, ":%u%s", target->port, target->path) < 0)
		copy->name = NULL;
	if (asprintf(&copy->owner, "%s\n%s", target->labels.value[MODEL_APP],
		     target->labels.value[MODEL_INSTANCE]) < 0)
		copy->owner = NULL;
	if (good && copy->cgroup && copy->path && copy->name && copy->owner)
		return copy;
	endpoint_target__free(copy);
	return NULL;
}

void endpoint_target__free(struct endpoint_target *target)
{
	if (!target)
		return;
	for (int i = 0; i < MODEL_LABELS; i++)
		free((char *)target->labels.value[i]);
	free(target->cgroup);
	free(target->path);
	free(target->name);
	free(target->owner);
	free(target);
}

bool endpoint_target__same(const struct endpoint_target *a, const struct endpoint_target *b)
{
	return a->slot == b->slot && a->generation == b->generation && a->port == b->port &&
	       strcmp(a->path, b->path) == 0;
}

struct exposed *endpoint__read(const struct endpoint *endpoint, uint32_t max_samples,
			       const uint64_t key[2], enum custom_reason *ret_reason,
			       uint32_t *ret_line, const char **ret_message)
{
	static const char *const standard[] = { "app",	     "region", "host",	   "instance",
						"namespace", "pod",    "container" };
	const struct fetch *fetch = &endpoint->fetch;
	struct parse_options options = {
		.overwritten = standard,
		.overwritten_count = is_kubernetes(&endpoint->target->labels) ? 7 : 4,
		.max_samples = max_samples,
		.key = { key[0], key[1] },
	};
	struct parse_error error = { 0 };
	struct exposed *exposed;
	int err;

	if (fetch__is_openmetrics(fetch))
		err = parse__openmetrics(fetch->body, fetch->length, &options, &exposed, &error);
	else
		err = parse__text(fetch->body, fetch->length, &options, &exposed, &error);
	if (!err)
		return exposed;
	*ret_reason = error.too_many	? CUSTOM_TOO_MANY
		      : error.duplicate ? CUSTOM_DUPLICATE
		      : error.message	? CUSTOM_FORMAT
					: CUSTOM_MEMORY;
	*ret_line = error.line;
	*ret_message = error.message;
	return NULL;
}

const char *custom_reason__words(enum custom_reason reason)
{
	static const char *const words[] = {
#define REASON_WORDS(id, label, text) [CUSTOM_##id] = (text),
		CUSTOM_REASONS(REASON_WORDS)
#undef REASON_WORDS
	};

	return words[reason];
}
