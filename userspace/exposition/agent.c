/* SPDX-License-Identifier: Apache-2.0 */
/* Series of the facts that the agent tells about itself. */
#include "exposition/writer.h"
#include "loss.h"

static const char *const loss_reasons[LOSS_N] = {
#define LOSS_LABEL(id, label, text) [LOSS_##id] = (label),
	LOSSES(LOSS_LABEL)
#undef LOSS_LABEL
};

static void write_one(struct writer *writer, const char *value_of_label, uint64_t value)
{
	writer__again(writer);
	writer__label(writer, writer->family->label[0], value_of_label);
	writer__value(writer, value);
}

static void write_programs(struct writer *writer)
{
	for (uint32_t i = 0; i < writer->snapshot->program_count; i++) {
		const struct snapshot_program *program = &writer->snapshot->programs[i];

		write_one(writer, program->name,
			  writer->family->fact == FACT_PROGRAM_RUNS   ? program->run_count
			  : writer->family->fact == FACT_PROGRAM_TIME ? program->run_ns
								      : program->missed);
	}
}

static void write_maps(struct writer *writer)
{
	for (uint32_t i = 0; i < writer->snapshot->map_count; i++) {
		const struct snapshot_map *map = &writer->snapshot->maps[i];

		if (writer->family->fact == FACT_MAP_BYTES)
			write_one(writer, map->name, map->bytes);
		else if (map->capacity) /* else how full it is cannot be known */
			write_one(writer, map->name,
				  writer->family->fact == FACT_MAP_ENTRIES ? map->entries
									   : map->capacity);
	}
}

static void write_own(struct writer *writer)
{
	uint64_t counts[OWN_COUNTS];

	if (!writer->exposition->own)
		return;
	writer->exposition->own(writer->exposition->own_ctx, counts);
	writer__parts(writer, 0, counts);
}

void writer__agent(struct writer *writer)
{
	const struct exposition *exposition = writer->exposition;

	switch (writer->family->fact) {
	case FACT_BUILD:
		writer__label(writer, writer->family->label[0], exposition->version);
		writer__label(writer, writer->family->label[1], exposition->revision);
		writer__label(writer, writer->family->label[2], exposition->abi);
		writer__value(writer, 1);
		break;
	case FACT_INSTANCES:
		writer__value(writer, model__instances(exposition->model));
		break;
	case FACT_SOCKETS:
		writer__value(writer, writer->snapshot->live_sockets);
		break;
	case FACT_CONNECTION_BYTES:
		writer__value(writer, writer->snapshot->connection_bytes);
		break;
	case FACT_CONNECTION_BYTES_LIMIT:
		writer__value(writer, writer->snapshot->connection_bytes_limit);
		break;
	case FACT_LOSSES:
		for (int i = 0; i < LOSS_N; i++)
			write_one(writer, loss_reasons[i], writer->snapshot->loss[i]);
		break;
	case FACT_PROGRAM_RUNS:
	case FACT_PROGRAM_TIME:
	case FACT_PROGRAM_MISSED:
		write_programs(writer);
		break;
	case FACT_MAP_ENTRIES:
	case FACT_MAP_CAPACITY:
	case FACT_MAP_BYTES:
		write_maps(writer);
		break;
	case FACT_RENDER_TIME:
		writer__value(writer, exposition->last_render_ns);
		break;
	case FACT_OWN:
		write_own(writer);
		break;
	case FACT_READINGS_LOST:
		if (exposition->readings)
			writer__value(writer, readings__lost(exposition->readings));
		break;
	default: /* an entity's */
		break;
	}
}
