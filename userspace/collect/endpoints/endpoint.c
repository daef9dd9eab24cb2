// SPDX-License-Identifier: Apache-2.0
#include "collect/endpoints/endpoint.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/utf8.h"
#include "collect/endpoints/parse.h"
#include "encoders/encoder.h"

/* Names, quotes and commas of the labels of a line, and the values that are the same for all. */
#define PLACE_BYTES 192
#define PACKED_LABELS_BYTES 8

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

/* Names of files are bytes; on a page one that is no UTF-8 would be the end of everybody's. */
static char *copy_label(const char *value)
{
	char *copy = malloc(UTF8_REPAIR_GROWTH * strlen(value) + 1);

	if (copy)
		utf8__repair(copy, value);
	return copy;
}

struct endpoint_target *endpoint_target__new(const struct custom_target *target)
{
	struct endpoint_target *copy = calloc(1, sizeof(*copy));
	bool good = true;

	if (!copy)
		return NULL;
	copy->references = 1;
	copy->slot = target->slot;
	copy->generation = target->generation;
	copy->pid = target->pid;
	copy->by_executable = target->by_executable;
	copy->cgroup = strdup(target->cgroup);
	copy->port = target->port;
	copy->path = strdup(target->path);
	for (int i = 0; i < MODEL_LABELS; i++) {
		copy->labels.value[i] = copy_label(target->labels.value[i]);
		good &= copy->labels.value[i] != NULL;
	}
	if (asprintf(&copy->name, ":%u%s", target->port, target->path) < 0)
		copy->name = NULL;
	if (!good) {
		endpoint_target__unref(copy);
		return NULL;
	}
	if (asprintf(&copy->app, "%s\n%s", copy->labels.value[MODEL_APP],
		     copy->labels.value[MODEL_NAMESPACE]) < 0)
		copy->app = NULL;
	if (asprintf(&copy->owner, "%s\n%s", copy->labels.value[MODEL_APP],
		     copy->labels.value[MODEL_INSTANCE]) < 0)
		copy->owner = NULL;
	if (copy->cgroup && copy->path && copy->name && copy->app && copy->owner)
		return copy;
	endpoint_target__unref(copy);
	return NULL;
}

struct endpoint_target *endpoint_target__ref(struct endpoint_target *target)
{
	atomic_fetch_add(&target->references, 1);
	return target;
}

void endpoint_target__unref(struct endpoint_target *target)
{
	if (!target || atomic_fetch_sub(&target->references, 1) > 1)
		return;
	for (int i = 0; i < MODEL_LABELS; i++)
		free((char *)target->labels.value[i]);
	free(target->cgroup);
	free(target->path);
	free(target->name);
	free(target->app);
	free(target->owner);
	free(target);
}

int endpoint_target__compare(const struct endpoint_target *a, const struct endpoint_target *b)
{
	if (a->slot != b->slot)
		return a->slot < b->slot ? -1 : 1;
	if (a->generation != b->generation)
		return a->generation < b->generation ? -1 : 1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return strcmp(a->path, b->path);
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

/* What a page of these takes when it is compressed, about, or 0 without memory. */
static uint64_t packed_bytes(const struct exposed *exposed)
{
	const struct exposed_family *last;
	unsigned char window[16 * 1024];
	z_stream z = { 0 };
	uint64_t bytes;
	int result;

	if (!exposed->family_count || deflateInit(&z, Z_BEST_SPEED) != Z_OK)
		return 0;
	last = &exposed->family[exposed->family_count - 1];
	z.next_in = (unsigned char *)exposed->text;
	z.avail_in = last->lines + last->lines_length;
	do {
		z.next_out = window;
		z.avail_out = sizeof(window);
		result = deflate(&z, Z_FINISH);
	} while (result == Z_OK);
	bytes = z.total_out;
	deflateEnd(&z);
	/* the labels that each line gets are there already, a few bytes before */
	return bytes + (uint64_t)exposed->samples * PACKED_LABELS_BYTES;
}

static size_t labels_bytes(const struct endpoint_target *target)
{
	size_t bytes = PLACE_BYTES;

	for (int i = 0; i < MODEL_LABELS; i++)
		bytes += strlen(target->labels.value[i]);
	return bytes;
}

enum custom_reason endpoint__hold(struct endpoint *endpoint, const struct exposed *exposed)
{
	struct shares *shares = endpoint->fetch.shares;
	struct share *share = endpoint->fetch.share;
	enum custom_reason reason = CUSTOM_NONE;

	/* what was kept goes first, so that who has much does not keep it for having it */
	share__resize(shares, share, SHARE_MEMORY, &endpoint->fetch.held, 0);
	share__resize(shares, share, SHARE_PAGE, &endpoint->page_held, 0);
	share__resize(shares, share, SHARE_PACKED, &endpoint->packed_held, 0);
	if (!exposed)
		return reason;
	if (!share__resize(shares, share, SHARE_MEMORY, &endpoint->fetch.held,
			   exposed->bytes + page__memory(exposed)))
		return CUSTOM_MEMORY;
	if (!share__resize(shares, share, SHARE_PAGE, &endpoint->page_held,
			   page__bytes(exposed, labels_bytes(endpoint->target))) ||
	    !share__resize(shares, share, SHARE_PACKED, &endpoint->packed_held,
			   packed_bytes(exposed)))
		reason = CUSTOM_PAGE;
	if (reason != CUSTOM_NONE)
		endpoint__hold(endpoint, NULL);
	return reason;
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
