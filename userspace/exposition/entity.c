/* SPDX-License-Identifier: Apache-2.0 */
/* Series of the facts that entities have. */
#include <stdio.h>
#include <string.h>

#include "exposition/writer.h"
#include "metrics/rpc_path.h"

#define STATUS_TEXT_BYTES 12

static const char *const method_names[METHOD_N] = {
	[METHOD_OTHER] = VALUE_OTHER, [METHOD_GET] = "GET",	    [METHOD_HEAD] = "HEAD",
	[METHOD_POST] = "POST",	      [METHOD_PUT] = "PUT",	    [METHOD_DELETE] = "DELETE",
	[METHOD_CONNECT] = "CONNECT", [METHOD_OPTIONS] = "OPTIONS", [METHOD_TRACE] = "TRACE",
	[METHOD_PATCH] = "PATCH",
};

/* A status as the family tells it apart: exact, or its class, which is a digit. */
static unsigned int status_shown(const struct family *family, unsigned int status)
{
	if (!family->label[0])
		return 0;
	return family->status_by_class && status >= 100 && status <= 999 ? status / 100 : status;
}

static void status_text(char ret_text[STATUS_TEXT_BYTES], unsigned int shown)
{
	if (shown == STATUS_OTHER)
		strcpy(ret_text, VALUE_OTHER);
	else if (shown < 10)
		snprintf(ret_text, STATUS_TEXT_BYTES, "%uxx", shown);
	else
		snprintf(ret_text, STATUS_TEXT_BYTES, "%u", shown);
}

static void write_responses(struct writer *writer, const struct model_grouping *grouping,
			    const struct model_entity *entity)
{
	const struct family *family = writer->family;
	uint32_t i = entity->first_responses;

	while (i < entity->end_responses) {
		unsigned int shown = status_shown(family, grouping->responses[i].status);
		uint64_t by_method[METHOD_N] = {}, all = 0;
		char text[STATUS_TEXT_BYTES];

		for (; i < entity->end_responses &&
		       status_shown(family, grouping->responses[i].status) == shown;
		     i++)
			for (int m = 0; m < METHOD_N; m++)
				by_method[m] += grouping->responses[i].by_method[m];
		status_text(text, shown);
		for (int m = 0; m < METHOD_N; m++) {
			all += by_method[m];
			if (!family->label[1] || !by_method[m])
				continue;
			writer__again(writer);
			writer__label(writer, family->label[0], text);
			writer__label(writer, family->label[1], method_names[m]);
			writer__value(writer, by_method[m]);
		}
		if (!family->label[1] && all) {
			writer__again(writer);
			writer__label(writer, family->label[0], text);
			writer__value(writer, all);
		}
	}
}

/* The rows of a group that belong to a family of HTTP's or connections' times, as bits. */
static unsigned int rows_wanted(const struct family *family, uint16_t status)
{
	if (status == STATUS_NONE)
		return family->connection_rows;
	return status_is_http(status) ? family->http_rows : 0;
}

static void add_rows(struct writer *writer, const struct model_rows *rows)
{
	unsigned int wanted = rows_wanted(writer->family, rows->status);

	for (int r = 0; r < GROUP_ROWS; r++)
		if (wanted & 1U << r)
			histogram__add(&writer->exposition->histogram, &rows->row[r],
				       writer->exposition->layout.cells);
}

static void write_histograms(struct writer *writer, const struct model_grouping *grouping,
			     const struct model_entity *entity)
{
	const struct family *family = writer->family;
	uint32_t i = entity->first_rows;

	while (i < entity->end_rows) {
		unsigned int shown = status_shown(family, grouping->rows[i].status);
		char text[STATUS_TEXT_BYTES];

		if (!rows_wanted(family, grouping->rows[i].status)) {
			i++;
			continue;
		}
		histogram__clear(&writer->exposition->histogram);
		for (; i < entity->end_rows &&
		       status_shown(family, grouping->rows[i].status) == shown;
		     i++)
			add_rows(writer, &grouping->rows[i]);
		if (!writer->exposition->histogram.count)
			continue;
		status_text(text, shown);
		writer__again(writer);
		writer__label(writer, family->label[0], text);
		writer__histogram(writer, &writer->exposition->histogram);
	}
}

/* The groups of an entity with one status lie side by side. */
static void write_rows(struct writer *writer, const struct model_grouping *grouping,
		       const struct model_entity *entity)
{
	uint32_t i = entity->first_rows, end;

	while (i < entity->end_rows && grouping->rows[i].status != writer->family->group)
		i++;
	for (end = i;
	     end < entity->end_rows && grouping->rows[end].status == writer->family->group;)
		end++;
	writer__part_rows(writer, 0, &grouping->rows[i], end - i);
}

void writer__entity(struct writer *writer, const struct model_grouping *grouping,
		    const struct model_entity *entity)
{
	switch (writer->family->fact) {
	case FACT_COUNTS:
		writer__parts(writer, 0, entity->count);
		break;
	case FACT_IN_FLIGHT:
		writer__value(writer, entity->in_flight);
		break;
	case FACT_RESPONSES:
		write_responses(writer, grouping, entity);
		break;
	case FACT_HISTOGRAM:
		write_histograms(writer, grouping, entity);
		break;
	case FACT_UPGRADED:
		writer__value(writer, entity->upgraded);
		break;
	case FACT_ROWS:
		write_rows(writer, grouping, entity);
		break;
	case FACT_RPC_ROWS:
		writer__rpc_rows(writer, grouping, entity);
		break;
	case FACT_RPCS:
		writer__rpcs(writer, grouping, entity);
		break;
	case FACT_SERIES:
		writer__series(writer, grouping, entity);
		break;
	default: /* the agent's */
		break;
	}
}
