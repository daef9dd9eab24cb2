/* SPDX-License-Identifier: Apache-2.0 */
#include "exposition/exposition.h"

#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/utf8.h"
#include "exposition/writer.h"

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
	exposition->run = copy_text(options->run ? options->run : "");
	exposition->version = copy_text(options->version);
	exposition->revision = copy_text(options->revision);
	exposition->abi = copy_text(options->abi ? options->abi : "");
	exposition->identities = options->identities;
	exposition->rollup = options->rollup;
	exposition->readings = options->readings;
	exposition->await_readings = options->await_readings;
	exposition->await_ctx = options->await_ctx;
	exposition->own = options->own;
	exposition->own_ctx = options->own_ctx;
	memcpy(exposition->hidden, options->hidden, sizeof(options->hidden));
	exposition->hidden_count = options->hidden_count;
	for (size_t i = 0; i < options->classic_count; i++)
		exposition->classic_ns[i] = options->classic_ns[i];
	exposition->classic_count = options->classic_count;
	encoding__init(&exposition->encoding);
	buffer__init(&exposition->series);
	if (!exposition->region || !exposition->host || !exposition->run || !exposition->version ||
	    !exposition->revision || !exposition->abi || model__new(&exposition->model)) {
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
	rendered_cache__free(&exposition->entity_labels);
	rendered_cache__free(&exposition->owner_labels);
	free(exposition->seen.place);
	model__free(exposition->model);
	encoding__free(&exposition->encoding);
	buffer__free(&exposition->series);
	free(exposition->region);
	free(exposition->host);
	free(exposition->run);
	free(exposition->version);
	free(exposition->revision);
	free(exposition->abi);
	free(exposition);
}

void writer__start(struct writer *writer, const char *labels, size_t length)
{
	buffer__clear(writer->series);
	buffer__append(writer->series, labels, length);
	writer->standard_length = length;
}

void writer__again(struct writer *writer)
{
	if (writer->series->length > writer->standard_length)
		writer->series->length = writer->standard_length;
}

void writer__label(struct writer *writer, const char *name, const char *value)
{
	if (name && *value)
		writer->encoder->label(writer->series, name, value);
}

static struct metric_labels labels_of(struct writer *writer)
{
	/* Memory ran out: better no exposition than a series without its labels. */
	if (writer->series->error && !writer->encoding->out->error)
		writer->encoding->out->error = writer->series->error;
	if (!writer->begun)
		writer->encoder->begin_family(writer->encoding, &writer->family->head);
	writer->begun = true;
	return (struct metric_labels){ writer->series->data, writer->series->length };
}

void writer__value(struct writer *writer, uint64_t value)
{
	struct metric_labels labels;

	if (!value && writer->family->skip_zero)
		return;
	labels = labels_of(writer);
	writer->encoder->value(writer->encoding, labels, value);
}

void writer__histogram(struct writer *writer, const struct histogram *histogram)
{
	struct metric_labels labels;

	if (!histogram->count)
		return;
	labels = labels_of(writer);
	writer->encoder->histogram(writer->encoding, labels, histogram);
}

static bool is_shown(const struct writer *writer, const struct model_entity *entity)
{
	if (writer->family->roles && !(writer->family->roles & entity->roles))
		return false;
	return scope__allows(writer->scope, entity->labels->value[MODEL_APP]);
}

static int write_entities(struct writer *writer)
{
	unsigned int standard = writer__standard(writer);
	const struct rendered *rendered;
	const struct model_grouping *grouping;
	size_t at = 0;
	int err;

	err = model__group_by(writer->exposition->model, standard__model_mask(standard), &grouping);
	if (err)
		return err;
	rendered = writer__render_entities(writer, standard, grouping);
	if (!rendered)
		return -ENOMEM;
	for (uint32_t e = 0; e < grouping->entity_count; e++) {
		const struct model_entity *entity = &grouping->entity[e];

		if (is_shown(writer, entity)) {
			writer__start(writer, rendered->text.data + at, rendered->end[e] - at);
			writer__entity(writer, grouping, entity);
		}
		at = rendered->end[e];
	}
	return 0;
}

/* Sums over apps are nobody's who may not see all of them. */
static bool is_by_app(const struct writer *writer)
{
	return writer->family->fact < FACT_BUILD && writer__standard(writer) & 1U << STANDARD_APP;
}

/* Whether the kernel tells none of the counts that the family shows. */
static bool is_uncounted(const struct writer *writer, const struct family *family)
{
	for (size_t i = 0; i < family->part_count; i++)
		if (!(writer->snapshot->uncounted & 1ULL << family->part[i].field))
			return false;
	return family->fact == FACT_COUNTS;
}

/* Whether nobody wants it. */
static bool is_hidden(const struct exposition *exposition, const struct family *family)
{
	for (size_t i = 0; i < exposition->hidden_count; i++)
		if (fnmatch(exposition->hidden[i], family->head.name, 0) == 0)
			return true;
	return false;
}

/* Whether the family in hand may be on the page, if there is anything of it. */
static bool is_on_page(const struct writer *writer)
{
	return (writer->scope->all || is_by_app(writer)) &&
	       !is_hidden(writer->exposition, writer->family) &&
	       (writer->family->fact != FACT_READING || writer__shows_readings(writer));
}

static bool has_part(const struct family *family, unsigned int field)
{
	for (size_t i = 0; i < family->part_count; i++)
		if (family->part[i].field == field)
			return true;
	return false;
}

static void add_needs(struct writer *writer, const struct family_table *table,
		      struct exposition_needs *needs)
{
	for (size_t i = 0; i < table->count; i++) {
		const struct family *family = writer->family = &table->family[i];

		if (!is_on_page(writer))
			continue;
		if (family->fact == FACT_COUNTS)
			needs->run_delays |= has_part(family, COUNT_RUN_DELAY_NS);
		if (family->fact == FACT_READING)
			needs->readings.groups |=
				reading__group((enum reading_kind)family->reading);
	}
}

void exposition__needs(const struct exposition *exposition, const struct view *view,
		       const struct scope *scope, struct exposition_needs *ret_needs)
{
	struct exposition_needs needs = { .readings.scope = scope };
	struct writer writer = { .view = view, .scope = scope };

	writer.exposition = (struct exposition *)exposition;
	add_needs(&writer, &(struct family_table){ view->family, view->family_count }, &needs);
	if (view->readings)
		add_needs(&writer, view->readings, &needs);
	*ret_needs = needs;
}

static int write_family(struct writer *writer, const struct family *family)
{
	int err = 0;

	writer->family = family;
	writer->begun = false;
	if (!is_on_page(writer) || is_uncounted(writer, family))
		return 0;
	if (family->fact < FACT_READING) {
		err = write_entities(writer);
	} else if (family->fact == FACT_READING) {
		err = writer__readings(writer);
	} else {
		writer__start_agent(writer);
		writer__agent(writer);
	}
	if (!writer->begun)
		return err;
	if (writer->extra)
		writer->extra->family(writer->extra->ctx, &family->head, writer->encoding->out);
	writer->encoder->end_family(writer->encoding);
	return err;
}

void exposition__set_extra(struct exposition *exposition, const struct exposition_extra *extra)
{
	exposition->extra = extra;
}

const char *view__host(const struct view *view, const char *host, char buffer[VIEW_HOST_BYTES])
{
	if (!view->host)
		return host;
	view->host(buffer, host);
	return buffer;
}

const struct encoder *view__encoder(const struct view *view, const char *accept)
{
	return view->text_only ? &encoder_text : encoder__negotiate(accept);
}

static int write_table(struct writer *writer, const struct family_table *table)
{
	int err = 0;

	for (size_t i = 0; i < table->count && !writer->encoding->out->error && !err; i++)
		err = write_family(writer, &table->family[i]);
	return err;
}

static bool has_pods(const struct model_identities *identities)
{
	return identities->has_pods && identities->has_pods(identities->table);
}

int exposition__render(struct exposition *exposition, const struct snapshot *snapshot,
		       const struct view *view, const struct encoder *encoder,
		       const struct scope *scope, struct buffer *out)
{
	struct writer writer = { .exposition = exposition,
				 .snapshot = snapshot,
				 .view = view,
				 .encoder = encoder,
				 .scope = scope,
				 .extra = view->has_extra ? exposition->extra : NULL,
				 .encoding = &exposition->encoding,
				 .has_pods = has_pods(&exposition->identities),
				 .series = &exposition->series };
	uint64_t start_ns = clock__now_ns();
	char host[VIEW_HOST_BYTES];
	int err;

	writer.host = view__host(view, exposition->host, host);
	err = grid_layout__build(&exposition->layout, snapshot->grid, exposition->classic_ns,
				 exposition->classic_count);
	if (err)
		return err;
	err = model__build(exposition->model, snapshot, &exposition->identities,
			   exposition->rollup);
	if (err)
		return err;
	rendered_cache__clear(&exposition->entity_labels);
	rendered_cache__clear(&exposition->owner_labels);
	exposition->encoding.out = out;
	exposition->encoding.layout = &exposition->layout;

	err = write_table(&writer, &(struct family_table){ view->family, view->family_count });
	if (!err && view->readings) {
		if (exposition->await_readings)
			exposition->await_readings(exposition->await_ctx);
		err = write_table(&writer, view->readings);
	}
	if (err)
		return err;
	if (writer.extra)
		writer.extra->rest(writer.extra->ctx, out);
	encoder->end(&exposition->encoding);
	err = buffer__flush(out);
	if (err)
		return err;
	exposition->last_render_ns = clock__now_ns() - start_ns;
	return 0;
}
