/* SPDX-License-Identifier: Apache-2.0 */
/* What walking a table needs, shared by the facts of entities and those of the agent. */
#ifndef EDGETAP_EXPOSITION_WRITER_H
#define EDGETAP_EXPOSITION_WRITER_H

#include <stdbool.h>

#include "exposition/exposition.h"

/* Standard labels of all entities of a grouping, or all owners of readings, rendered once. */
struct rendered {
	bool valid;
	unsigned int standard; /* which labels: bits of enum standard_label */
	struct buffer text;
	size_t *end; /* by entity or owner: end of its part of text */
	size_t end_capacity;
};

/* As many as there can be groupings. */
struct rendered_cache {
	struct rendered rendered[MODEL_GROUPINGS];
	unsigned int next;
};

/* Forgets what was rendered, when labels may have changed. */
void rendered_cache__clear(struct rendered_cache *cache);
void rendered_cache__free(struct rendered_cache *cache);

/* Which readings of a family have been shown: open addressing, at most half full. */
struct seen {
	struct {
		uint32_t hash;
		uint32_t reading; /* index + 1; 0: free */
	} * place;
	size_t size; /* a power of two, or 0 */
};

/* One exposition in the making. */
struct writer {
	struct exposition *exposition;
	const struct snapshot *snapshot;
	const struct view *view;
	const char *host; /* the machine's label in this view */
	const struct encoder *encoder;
	const struct scope *scope;
	const struct exposition_extra *extra;
	struct encoding *encoding;
	bool has_pods; /* the machine has: no series goes without the labels of pods */

	const struct family *family;
	bool begun;		/* the family's head is written */
	struct buffer *series;	/* labels of the series in hand */
	size_t standard_length; /* how much of them are the standard ones */
};

struct exposition {
	char *region, *host, *run, *version, *revision, *abi;
	struct model_identities identities;
	const struct rollup *rollup;
	struct readings *readings;
	void (*await_readings)(void *ctx);
	void *await_ctx;
	const struct exposition_extra *extra; /* NULL: none */
	void (*own)(void *ctx, uint64_t ret_counts[OWN_COUNTS]);
	void *own_ctx;
	const char *hidden[EXPOSITION_MAX_HIDDEN];
	size_t hidden_count;
	uint64_t classic_ns[GRID_MAX_CLASSIC];
	size_t classic_count;

	struct model *model;
	struct grid_layout layout;
	struct encoding encoding;
	struct buffer series;
	struct histogram histogram;
	struct rendered_cache entity_labels, owner_labels;
	struct seen seen;
	uint64_t last_render_ns;
};

/* The standard labels that the family in hand shows, as bits, and the model's among such. */
unsigned int writer__standard(const struct writer *writer);
unsigned int standard__model_mask(unsigned int standard);

/*
 * Labels of all entities or owners, rendered at the first family that needs
 * these. NULL without memory.
 */
const struct rendered *writer__render_entities(struct writer *writer, unsigned int standard,
					       const struct model_grouping *grouping);
const struct rendered *writer__render_owners(struct writer *writer, unsigned int standard);

/* Starts a series with the standard labels of the agent itself. */
void writer__start_agent(struct writer *writer);

/* Starts a series with these standard labels, already rendered. */
void writer__start(struct writer *writer, const char *labels, size_t length);

/* Forgets all but the standard labels, for the next series of the same entity. */
void writer__again(struct writer *writer);

/* Adds a label unless the family has no such (name NULL) or it is empty. */
void writer__label(struct writer *writer, const char *name, const char *value);

/* Write the series with its labels so far, after the family's head if it is the first. */
void writer__value(struct writer *writer, uint64_t value);
void writer__histogram(struct writer *writer, const struct histogram *histogram);

/*
 * Writes a series for each part of the family, those with the same labels as one.
 * first_label: of the family's, the first that the parts give. values: by field.
 */
void writer__parts(struct writer *writer, int first_label, const uint64_t *values);

/* The same for histograms: the parts' fields are rows of each of these groups, summed. */
void writer__part_rows(struct writer *writer, int first_label, const struct model_rows *rows,
		       uint32_t count);

/* Write the family's series of what peers name. */
void writer__rpcs(struct writer *writer, const struct model_grouping *grouping,
		  const struct model_entity *entity);
void writer__rpc_rows(struct writer *writer, const struct model_grouping *grouping,
		      const struct model_entity *entity);
void writer__series(struct writer *writer, const struct model_grouping *grouping,
		    const struct model_entity *entity);

/* Writes the family's series of one entity. */
void writer__entity(struct writer *writer, const struct model_grouping *grouping,
		    const struct model_entity *entity);

/* Whether the family's readings are in the view at all. */
bool writer__shows_readings(const struct writer *writer);

/* Writes the family's series of readings. Returns 0 or -ENOMEM. */
int writer__readings(struct writer *writer);

/* Writes the family's series of the agent itself. */
void writer__agent(struct writer *writer);

#endif
