// SPDX-License-Identifier: Apache-2.0
/* What the loaded object has counted. Nothing here changes what the kernel has. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "loader/map_walk.h"
#include "loader/tables.h"

static uint32_t entries_of(const struct bpf_map *map)
{
	struct map_walk walk = map_walk__of(map);
	uint32_t n = 0;
	int found;

	while ((found = map_walk__next(&walk)) > 0)
		n += (uint32_t)found;
	map_walk__free(&walk);
	return n;
}

/* How many of the map's entries are in use; false where nobody can tell, or wants to know. */
static bool fill_of(const struct loader *loader, const struct bpf_map *map, uint32_t *ret_fill)
{
	const struct edgetap *s = loader->skeleton;

	for (enum pool pool = 0; pool < POOL_N; pool++) {
		if (map == table__map(s, pool)) {
			*ret_fill = table__fill(loader, pool);
			return true;
		}
	}
	if (map != s->maps.owner_by_listener && map != s->maps.shared_cgroups)
		return false;
	*ret_fill = entries_of(map);
	return true;
}

static int read_maps(struct loader *loader)
{
	struct bpf_map *map;
	uint32_t n = 0;

	if (!loader->maps) {
		bpf_object__for_each_map(map, loader->skeleton->obj)
			n++;
		loader->maps = calloc(n, sizeof(*loader->maps));
		if (!loader->maps)
			return -ENOMEM;
		n = 0;
		bpf_object__for_each_map(map, loader->skeleton->obj) {
			loader->maps[n].name = bpf_map__name(map);
			loader->maps[n].bytes = map__memory(map);
			n++;
		}
		loader->snapshot.maps = loader->maps;
		loader->snapshot.map_count = n;
	}
	n = 0;
	bpf_object__for_each_map(map, loader->skeleton->obj) {
		uint32_t fill;

		if (fill_of(loader, map, &fill)) {
			loader->maps[n].capacity = bpf_map__max_entries(map);
			loader->maps[n].entries = fill;
		}
		n++;
	}
	return 0;
}

static int read_programs(struct loader *loader)
{
	uint32_t n = 0;

	if (!loader->programs) {
		loader->programs = calloc(HOOK_N, sizeof(*loader->programs));
		if (!loader->programs)
			return -ENOMEM;
	}
	for (enum hook_id id = 0; id < HOOK_N; id++) {
		const struct bpf_program *program = loader__program(loader->skeleton, id);
		struct bpf_prog_info info = {};
		__u32 length = sizeof(info);

		if (!loader->links[id])
			continue;
		if (bpf_obj_get_info_by_fd(bpf_program__fd(program), &info, &length))
			continue;
		loader->programs[n].name = bpf_program__name(program);
		loader->programs[n].run_count = info.run_cnt;
		loader->programs[n].run_ns = info.run_time_ns;
		loader->programs[n].missed = info.recursion_misses;
		n++;
	}
	loader->snapshot.programs = loader->programs;
	loader->snapshot.program_count = n;
	return 0;
}

static int read_losses(struct loader *loader)
{
	int cpus = libbpf_num_possible_cpus();
	int fd = bpf_map__fd(loader->skeleton->maps.losses);
	uint64_t *per_cpu;

	if (cpus <= 0)
		return cpus;
	per_cpu = calloc((size_t)cpus, sizeof(*per_cpu));
	if (!per_cpu)
		return -ENOMEM;
	for (uint32_t reason = 0; reason < LOSS_N; reason++) {
		uint64_t sum = 0;

		if (bpf_map_lookup_elem(fd, &reason, per_cpu) == 0)
			for (int i = 0; i < cpus; i++)
				sum += per_cpu[i];
		/* never falls, should a read fail */
		if (sum > loader->snapshot.loss[reason])
			loader->snapshot.loss[reason] = sum;
	}
	free(per_cpu);
	return 0;
}

const struct snapshot *loader__snapshot(struct loader *loader)
{
	struct snapshot *snapshot = &loader->snapshot;

	snapshot->grid = &loader->grid;
	snapshot->slots = loader->pools[POOL_SLOTS].memory;
	snapshot->slot_count = loader->pools[POOL_SLOTS].count;
	snapshot->statuses = loader->pools[POOL_STATUSES].memory;
	snapshot->status_count = loader->pools[POOL_STATUSES].count;
	snapshot->groups = loader->pools[POOL_GROUPS].memory;
	snapshot->group_count = loader->pools[POOL_GROUPS].count;
	snapshot->rpcs = loader->pools[POOL_RPCS].memory;
	snapshot->rpc_count = loader->pools[POOL_RPCS].count;
	snapshot->live_sockets = loader->skeleton->bss->live_sockets;
	snapshot->connection_bytes = loader->skeleton->bss->memory_used;
	snapshot->connection_bytes_limit = loader->skeleton->rodata->cfg_memory;
	snapshot->uncounted = loader__uncounted(loader);
	if (loader__read_series(loader) || read_maps(loader) || read_programs(loader) ||
	    read_losses(loader))
		return NULL;
	return snapshot;
}

uint64_t loader__map_bytes(const struct loader *loader)
{
	struct bpf_map *map;
	uint64_t bytes = 0;

	bpf_object__for_each_map(map, loader->skeleton->obj)
		bytes += map__memory(map);
	return bytes;
}
