/* SPDX-License-Identifier: Apache-2.0 */
#include "views/exposition.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "metrics/utf8.h"
#include "views/internal.h"

/* Which label of the model a standard label is; MODEL_LABELS: of the host, not of an entity. */
static const enum model_label model_label_of[STANDARD_LABELS] = {
	[STANDARD_APP] = MODEL_APP,
	[STANDARD_REGION] = MODEL_LABELS,
	[STANDARD_HOST] = MODEL_LABELS,
	[STANDARD_INSTANCE] = MODEL_INSTANCE,
	[STANDARD_NAMESPACE] = MODEL_NAMESPACE,
	[STANDARD_POD] = MODEL_POD,
	[STANDARD_CONTAINER] = MODEL_CONTAINER,
};

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static char *copy_text(const char *text)
{
	char *copy = malloc(UTF8_REPAIR_GROWTH * strlen(text) + 1);

	if (copy)
		utf8__repair(copy, text);
	return copy;
}

int exposition__new(struct exposition **ret_exposition, const struct exposition_options *options)
{
	struct exposition *exposition;

	if (options->classic_count > GRID_MAX_CLASSIC)
		return -E2BIG;
	exposition = calloc(1, sizeof(*exposition));
	if (!exposition)
		return -ENOMEM;
	exposition->region = copy_text(options->region);
	exposition->host = copy_text(options->host);
	exposition->version = copy_text(options->version);
	exposition->revision = copy_text(options->revision);
	exposition->identities = options->identities;
	exposition->rollup = options->rollup;
	exposition->exporter = options->exporter;
	exposition->exporter_ctx = options->exporter_ctx;
	exposition->tls = options->tls;
	exposition->tls_ctx = options->tls_ctx;
	for (size_t i = 0; i < options->classic_count; i++)
		exposition->classic_ns[i] = options->classic_ns[i];
	exposition->classic_count = options->classic_count;
	encoding__init(&exposition->encoding);
	buffer__init(&exposition->series);
	if (!exposition->region || !exposition->host || !exposition->version ||
	    !exposition->revision || model__new(&exposition->model)) {
		exposition__free(exposition);
		return -ENOMEM;
	}
	*ret_exposition = exposition;
	return 0;
}

void exposition__free(struct exposition *exposition)
{
	if (!exposition)
		return;
	for (int i = 0; i < MODEL_CUTS; i++) {
		buffer__free(&exposition->rendered[i].text);
		free(exposition->rendered[i].end);
	}
	model__free(exposition->model);
	encoding__free(&exposition->encoding);
	buffer__free(&exposition->series);
	free(exposition->region);
	free(exposition->host);
	free(exposition->version);
	free(exposition->revision);
	free(exposition);
}

void walk__start(struct walk *walk, const char *labels, size_t length)
{
	buffer__clear(walk->series);
	buffer__append(walk->series, labels, length);
	walk->standard_length = length;
}

void walk__again(struct walk *walk)
{
	if (walk->series->length > walk->standard_length)
		walk->series->length = walk->standard_length;
}

void walk__label(struct walk *walk, const char *name, const char *value)
{
	if (name && *value)
		walk->encoder->label(walk->series, name, value);
}

static struct metric_labels labels_of(struct walk *walk)
{
	/* Memory ran out: better no exposition than a series without its labels. */
	if (walk->series->error && !walk->encoding->out->error)
		walk->encoding->out->error = walk->series->error;
	if (!walk->begun)
		walk->encoder->begin_family(walk->encoding, &walk->family->head);
	walk->begun = true;
	return (struct metric_labels){ walk->series->data, walk->series->length };
}

void walk__value(struct walk *walk, uint64_t value)
{
	struct metric_labels labels;

	if (!value && walk->family->skip_zero)
		return;
	labels = labels_of(walk);
	walk->encoder->value(walk->encoding, labels, value);
}

void walk__histogram(struct walk *walk, const struct histogram *histogram)
{
	struct metric_labels labels;

	if (!histogram->count)
		return;
	labels = labels_of(walk);
	walk->encoder->histogram(walk->encoding, labels, histogram);
}

/* The standard labels that a family shows in a view, as bits. */
static unsigned int standard_labels(const struct view *view, const struct family *family)
{
	unsigned int standard = 0;

	for (int i = 0; i < STANDARD_LABELS; i++)
		if (view->label[i] && !(family->drop & 1U << i))
			standard |= 1U << i;
	return standard;
}

static unsigned int model_mask(unsigned int standard)
{
	unsigned int mask = 0;

	for (int i = 0; i < STANDARD_LABELS; i++)
		if (standard & 1U << i && model_label_of[i] < MODEL_LABELS)
			mask |= 1U << model_label_of[i];
	return mask;
}

/* Appends the standard labels of an entity, or those that the agent has if it is NULL. */
static void render_labels(struct walk *walk, struct buffer *out, unsigned int standard,
			  const struct model_labels *labels)
{
	const struct exposition *exposition = walk->exposition;

	for (int i = 0; i < STANDARD_LABELS; i++) {
		const char *value = "";

		if (!(standard & 1U << i))
			continue;
		if (i == STANDARD_REGION)
			value = exposition->region;
		else if (i == STANDARD_HOST)
			value = exposition->host;
		else if (labels)
			value = labels->value[model_label_of[i]];
		if (*value)
			walk->encoder->label(out, walk->view->label[i], value);
	}
}

/* Labels of all entities, rendered at the first family that needs these. NULL without memory. */
static const struct rendered_cut *render_cut(struct walk *walk, unsigned int standard,
					     const struct model_cut *cut)
{
	struct exposition *exposition = walk->exposition;
	struct rendered_cut *rendered;
	struct buffer *one = walk->series;

	for (int i = 0; i < MODEL_CUTS; i++)
		if (exposition->rendered[i].valid && exposition->rendered[i].standard == standard)
			return &exposition->rendered[i];

	rendered = &exposition->rendered[exposition->next_rendered];
	exposition->next_rendered = (exposition->next_rendered + 1) % MODEL_CUTS;
	rendered->valid = false;
	if (cut->entity_count > rendered->end_capacity) {
		size_t *end = reallocarray(rendered->end, cut->entity_count, sizeof(*end));

		if (!end)
			return NULL;
		rendered->end = end;
		rendered->end_capacity = cut->entity_count;
	}
	buffer__clear(&rendered->text);
	for (uint32_t e = 0; e < cut->entity_count; e++) {
		buffer__clear(one);
		render_labels(walk, one, standard, cut->entity[e].labels);
		buffer__append(&rendered->text, one->data, one->length);
		rendered->end[e] = rendered->text.length;
	}
	if (rendered->text.error || one->error)
		return NULL;
	rendered->standard = standard;
	rendered->valid = true;
	return rendered;
}

static bool is_shown(const struct walk *walk, const struct model_entity *entity)
{
	if (walk->family->roles && !(walk->family->roles & entity->roles))
		return false;
	return scope__allows(walk->scope, entity->labels->value[MODEL_APP]);
}

static int walk_entities(struct walk *walk)
{
	unsigned int standard = standard_labels(walk->view, walk->family);
	const struct rendered_cut *rendered;
	const struct model_cut *cut;
	size_t at = 0;
	int err;

	err = model__cut(walk->exposition->model, model_mask(standard), &cut);
	if (err)
		return err;
	rendered = render_cut(walk, standard, cut);
	if (!rendered)
		return -ENOMEM;
	for (uint32_t e = 0; e < cut->entity_count; e++) {
		const struct model_entity *entity = &cut->entity[e];

		if (is_shown(walk, entity)) {
			walk__start(walk, rendered->text.data + at, rendered->end[e] - at);
			walk__entity(walk, cut, entity);
		}
		at = rendered->end[e];
	}
	return 0;
}

/* Sums over apps are nobody's who may not see all of them. */
static bool is_by_app(const struct walk *walk, const struct family *family)
{
	return family->fact < FACT_BUILD &&
	       standard_labels(walk->view, family) & 1U << STANDARD_APP;
}

static int walk_family(struct walk *walk, const struct family *family)
{
	int err = 0;

	if (!walk->scope->all && !is_by_app(walk, family))
		return 0;
	walk->family = family;
	walk->begun = false;
	if (family->fact < FACT_BUILD) {
		err = walk_entities(walk);
	} else {
		walk__start(walk, NULL, 0);
		render_labels(walk, walk->series, standard_labels(walk->view, family), NULL);
		walk->standard_length = walk->series->length;
		walk__agent(walk);
	}
	if (walk->begun)
		walk->encoder->end_family(walk->encoding);
	return err;
}

int exposition__render(struct exposition *exposition, const struct snapshot *snapshot,
		       const struct view *view, const struct encoder *encoder,
		       const struct scope *scope, struct buffer *out)
{
	struct walk walk = { .exposition = exposition,
			     .snapshot = snapshot,
			     .view = view,
			     .encoder = encoder,
			     .scope = scope,
			     .encoding = &exposition->encoding,
			     .series = &exposition->series };
	uint64_t start_ns = now_ns();
	int err;

	err = grid_layout__build(&exposition->layout, snapshot->grid, exposition->classic_ns,
				 exposition->classic_count);
	if (err)
		return err;
	err = model__build(exposition->model, snapshot, &exposition->identities,
			   exposition->rollup);
	if (err)
		return err;
	for (int i = 0; i < MODEL_CUTS; i++)
		exposition->rendered[i].valid = false;
	exposition->encoding.out = out;
	exposition->encoding.layout = &exposition->layout;

	for (size_t i = 0; i < view->family_count && !out->error; i++) {
		err = walk_family(&walk, &view->family[i]);
		if (err)
			return err;
	}
	encoder->end(&exposition->encoding);
	err = buffer__flush(out);
	if (err)
		return err;
	exposition->last_render_ns = now_ns() - start_ns;
	return 0;
}
