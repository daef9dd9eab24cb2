// SPDX-License-Identifier: Apache-2.0
/* The labels that any series may carry: which, and their text. */
#include <stdlib.h>

#include "exposition/writer.h"

/* One that is missing here would be MODEL_APP. */
_Static_assert(STANDARD_LABELS == 8,
	       "a new standard label needs its line below, and in value_of()");

/* MODEL_LABELS: of the machine, not of an entity. */
static const enum model_label model_label_of[STANDARD_LABELS] = {
	[STANDARD_APP] = MODEL_APP,
	[STANDARD_REGION] = MODEL_LABELS,
	[STANDARD_HOST] = MODEL_LABELS,
	[STANDARD_INSTANCE] = MODEL_INSTANCE,
	[STANDARD_NAMESPACE] = MODEL_NAMESPACE,
	[STANDARD_POD] = MODEL_POD,
	[STANDARD_CONTAINER] = MODEL_CONTAINER,
	[STANDARD_RUN] = MODEL_LABELS,
};

unsigned int writer__standard(const struct writer *writer)
{
	unsigned int standard = 0;

	for (int i = 0; i < STANDARD_LABELS; i++)
		if (writer->view->label[i] && !(writer->family->drop & 1U << i))
			standard |= 1U << i;
	return standard;
}

unsigned int standard__model_mask(unsigned int standard)
{
	unsigned int mask = 0;

	for (int i = 0; i < STANDARD_LABELS; i++)
		if (standard & 1U << i && model_label_of[i] < MODEL_LABELS)
			mask |= 1U << model_label_of[i];
	return mask;
}

/* labels: an entity's, or NULL for the agent. */
static const char *value_of(const struct writer *writer, enum standard_label standard,
			    const struct model_labels *labels)
{
	switch (standard) {
	case STANDARD_REGION:
		return writer->exposition->region;
	case STANDARD_HOST:
		return writer->host;
	case STANDARD_RUN:
		return writer->exposition->run;
	default:
		return labels ? labels->value[model_label_of[standard]] : "";
	}
}

/*
 * Where there are pods, a label that scrapers would give to what has none of its own is
 * written without a value, also where the view or the family does not have it.
 */
static void render_labels(struct writer *writer, struct buffer *out, unsigned int standard,
			  const struct model_labels *labels)
{
	for (int i = 0; i < STANDARD_LABELS; i++) {
		const char *of_targets = model_label__of_targets(model_label_of[i]);
		const char *value = "";

		if (standard & 1U << i)
			value = value_of(writer, (enum standard_label)i, labels);
		if (*value)
			writer->encoder->label(out, writer->view->label[i], value);
		else if (writer->has_pods && of_targets)
			writer->encoder->label(out, of_targets, "");
	}
}

void writer__start_agent(struct writer *writer)
{
	writer__start(writer, NULL, 0);
	render_labels(writer, writer->series, writer__standard(writer), NULL);
	writer->standard_length = writer->series->length;
}

void rendered_cache__clear(struct rendered_cache *cache)
{
	for (int i = 0; i < MODEL_GROUPINGS; i++)
		cache->rendered[i].valid = false;
}

void rendered_cache__free(struct rendered_cache *cache)
{
	for (int i = 0; i < MODEL_GROUPINGS; i++) {
		buffer__free(&cache->rendered[i].text);
		free(cache->rendered[i].end);
	}
}

typedef const struct model_labels *(*labels_fn)(const void *of, size_t index);

static const struct rendered *render_all(struct writer *writer, struct rendered_cache *cache,
					 unsigned int standard, size_t count, labels_fn labels,
					 const void *of)
{
	struct rendered *rendered;
	struct buffer *one = writer->series;

	for (int i = 0; i < MODEL_GROUPINGS; i++)
		if (cache->rendered[i].valid && cache->rendered[i].standard == standard)
			return &cache->rendered[i];

	rendered = &cache->rendered[cache->next];
	cache->next = (cache->next + 1) % MODEL_GROUPINGS;
	rendered->valid = false;
	if (count > rendered->end_capacity) {
		size_t *end = reallocarray(rendered->end, count, sizeof(*end));

		if (!end)
			return NULL;
		rendered->end = end;
		rendered->end_capacity = count;
	}
	buffer__clear(&rendered->text);
	for (size_t i = 0; i < count; i++) {
		buffer__clear(one);
		render_labels(writer, one, standard, labels(of, i));
		buffer__append(&rendered->text, one->data, one->length);
		rendered->end[i] = rendered->text.length;
	}
	if (rendered->text.error || one->error)
		return NULL;
	rendered->standard = standard;
	rendered->valid = true;
	return rendered;
}

static const struct model_labels *labels_of_entity(const void *of, size_t index)
{
	const struct model_grouping *grouping = of;

	return grouping->entity[index].labels;
}

const struct rendered *writer__render_entities(struct writer *writer, unsigned int standard,
					       const struct model_grouping *grouping)
{
	return render_all(writer, &writer->exposition->entity_labels, standard,
			  grouping->entity_count, labels_of_entity, grouping);
}

static const struct model_labels *labels_of_owner(const void *of, size_t index)
{
	return readings__labels(of, (uint32_t)index);
}

const struct rendered *writer__render_owners(struct writer *writer, unsigned int standard)
{
	const struct readings *readings = writer->exposition->readings;

	return render_all(writer, &writer->exposition->owner_labels, standard,
			  readings__owners(readings), labels_of_owner, readings);
}
