/* SPDX-License-Identifier: Apache-2.0 */
/* Series of the facts that the agent tells about itself. */
#include "exposition/internal.h"
#include "loss.h"

static const char *const loss_reasons[LOSS_N] = {
#define LOSS_LABEL(id, label, text) [LOSS_##id] = (label),
	LOSSES(LOSS_LABEL)
#undef LOSS_LABEL
};

static void write_one(struct walk *walk, const char *value_of_label, uint64_t value)
{
	walk__again(walk);
	walk__label(walk, walk->family->label[0], value_of_label);
	walk__value(walk, value);
}

static void write_programs(struct walk *walk)
{
	for (uint32_t i = 0; i < walk->snapshot->program_count; i++) {
		const struct snapshot_program *program = &walk->snapshot->programs[i];

		write_one(walk, program->name,
			  walk->family->fact == FACT_PROGRAM_RUNS   ? program->run_count
			  : walk->family->fact == FACT_PROGRAM_TIME ? program->run_ns
								    : program->missed);
	}
}

static void write_maps(struct walk *walk)
{
	for (uint32_t i = 0; i < walk->snapshot->map_count; i++) {
		const struct snapshot_map *map = &walk->snapshot->maps[i];

		if (walk->family->fact == FACT_MAP_BYTES)
			write_one(walk, map->name, map->bytes);
		else if (map->capacity) /* else how full it is cannot be known */
			write_one(walk, map->name,
				  walk->family->fact == FACT_MAP_ENTRIES ? map->entries
									 : map->capacity);
	}
}

static void write_own(struct walk *walk)
{
	uint64_t counts[OWN_COUNTS];

	if (!walk->exposition->own)
		return;
	walk->exposition->own(walk->exposition->own_ctx, counts);
	walk__parts(walk, 0, counts);
}

void walk__agent(struct walk *walk)
{
	const struct exposition *exposition = walk->exposition;

	switch (walk->family->fact) {
	case FACT_BUILD:
		walk__label(walk, walk->family->label[0], exposition->version);
		walk__label(walk, walk->family->label[1], exposition->revision);
		walk__label(walk, walk->family->label[2], exposition->abi);
		walk__value(walk, 1);
		break;
	case FACT_INSTANCES:
		walk__value(walk, model__instances(exposition->model));
		break;
	case FACT_SOCKETS:
		walk__value(walk, walk->snapshot->live_sockets);
		break;
	case FACT_CONNECTION_BYTES:
		walk__value(walk, walk->snapshot->connection_bytes);
		break;
	case FACT_CONNECTION_BYTES_LIMIT:
		walk__value(walk, walk->snapshot->connection_bytes_limit);
		break;
	case FACT_LOSSES:
		for (int i = 0; i < LOSS_N; i++)
			write_one(walk, loss_reasons[i], walk->snapshot->loss[i]);
		break;
	case FACT_PROGRAM_RUNS:
	case FACT_PROGRAM_TIME:
	case FACT_PROGRAM_MISSED:
		write_programs(walk);
		break;
	case FACT_MAP_ENTRIES:
	case FACT_MAP_CAPACITY:
	case FACT_MAP_BYTES:
		write_maps(walk);
		break;
	case FACT_RENDER_TIME:
		walk__value(walk, exposition->last_render_ns);
		break;
	case FACT_OWN:
		write_own(walk);
		break;
	case FACT_READINGS_LOST:
		if (exposition->readings)
			walk__value(walk, readings__lost(exposition->readings));
		break;
	default: /* an entity's */
		break;
	}
}
