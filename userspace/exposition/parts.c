/* SPDX-License-Identifier: Apache-2.0 */
/* Families whose series are listed in their table: one for each part. */
#include <string.h>

#include "exposition/writer.h"

static bool same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* Whether two parts have the same values of all labels that the family shows. */
static bool same_series(const struct family *family, const struct family_part *a,
			const struct family_part *b, int first_label)
{
	for (int l = first_label; l < FAMILY_LABELS; l++)
		if (family->label[l] &&
		    !same_text(a->value[l - first_label], b->value[l - first_label]))
			return false;
	return true;
}

/*
 * Sum over the parts that are one series with the part at `at`; false if an
 * earlier part has shown it. first_label: of the family's that the parts give.
 */
static bool sum_parts(const struct family *family, size_t at, int first_label,
		      const uint64_t *values, uint64_t *ret_sum)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < family->part_count; i++) {
		if (!same_series(family, &family->part[i], &family->part[at], first_label))
			continue;
		if (i < at)
			return false;
		sum += values[family->part[i].field];
	}
	*ret_sum = sum;
	return true;
}

/* As sum_parts, into the histogram in hand. */
static bool sum_rows(struct writer *writer, size_t at, int first_label,
		     const struct model_rows *rows, uint32_t count)
{
	const struct family *family = writer->family;
	struct histogram *histogram = &writer->exposition->histogram;

	histogram__clear(histogram);
	for (size_t i = 0; i < family->part_count; i++) {
		if (!same_series(family, &family->part[i], &family->part[at], first_label))
			continue;
		if (i < at)
			return false;
		for (uint32_t r = 0; r < count; r++)
			histogram__add(histogram, &rows[r].row[family->part[i].field],
				       writer->exposition->layout.cells);
	}
	return true;
}

static void label_part(struct writer *writer, const struct family_part *part, int first_label)
{
	for (int l = first_label; l < FAMILY_LABELS; l++)
		if (writer->family->label[l] && part->value[l - first_label])
			writer__label(writer, writer->family->label[l],
				      part->value[l - first_label]);
}

void writer__parts(struct writer *writer, int first_label, const uint64_t *values)
{
	const struct family *family = writer->family;
	size_t before = writer->series->length;

	for (size_t i = 0; i < family->part_count; i++) {
		uint64_t sum;

		if (!sum_parts(family, i, first_label, values, &sum))
			continue;
		writer->series->length = before;
		label_part(writer, &family->part[i], first_label);
		writer__value(writer, sum);
	}
}

void writer__part_rows(struct writer *writer, int first_label, const struct model_rows *rows,
		       uint32_t count)
{
	const struct family *family = writer->family;
	size_t before = writer->series->length;

	if (!count)
		return;
	for (size_t i = 0; i < family->part_count; i++) {
		if (!sum_rows(writer, i, first_label, rows, count))
			continue;
		writer->series->length = before;
		label_part(writer, &family->part[i], first_label);
		writer__histogram(writer, &writer->exposition->histogram);
	}
}
