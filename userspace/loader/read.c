// SPDX-License-Identifier: Apache-2.0
/* What the loaded object has counted, its events, and slots that change hands. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "defaults.h"
#include "loader/internal.h"

int loader__on_sample(void *ctx, void *data, size_t bytes)
{
	struct loader *loader = ctx;
	size_t least = sizeof(struct event);
	uint32_t kind;

	if (bytes < sizeof(kind))
		return 0;
	memcpy(&kind, data, sizeof(kind));
	if (kind == EVENT_TLS_HELLO)
		least = offsetof(struct event_tls_hello, byte);
	else if (kind == EVENT_TLS_END)
		least = sizeof(struct event_tls_end);
	if (bytes >= least && loader->on_event)
		loader->on_event(loader->on_event_ctx, data, bytes);
	return 0;
}

int loader__event_fd(const struct loader *loader)
{
	return ring_buffer__epoll_fd(loader->ring);
}

int loader__drain(struct loader *loader,
		  void (*on_event)(void *ctx, const void *event, size_t bytes), void *ctx)
{
	int n;

	loader->on_event = on_event;
	loader->on_event_ctx = ctx;
	n = ring_buffer__consume(loader->ring);
	loader->on_event = NULL;
	return n < 0 ? n : 0;
}

static uint32_t entries_of(const struct bpf_map *map)
{
	uint32_t n = 0;
	char key[64], next[64];
	int fd = bpf_map__fd(map);
	void *previous = NULL;

	/* the walk starts over where a key is deleted under it */
	while (n < bpf_map__max_entries(map) && bpf_map_get_next_key(fd, previous, next) == 0) {
		memcpy(key, next, sizeof(key));
		previous = key;
		n++;
	}
	return n;
}

static uint32_t entries_in_use(const struct loader *loader, const struct bpf_map *map,
			       uint32_t capacity)
{
	const struct edgetap *s = loader->skeleton;
	uint32_t n = 0;

	if (map == s->maps.instance_by_slot) {
		for (uint32_t i = 0; i < capacity; i++)
			n += slot_at(loader, i)->in_use;
		return n;
	}
	if (map == s->maps.status_by_index) {
		for (uint32_t i = 0; i < capacity; i++)
			n += status_at(loader, i)->in_use;
		return n;
	}
	if (map == s->maps.group_by_index) {
		for (uint32_t i = 0; i < capacity; i++)
			n += group_at(loader, i)->in_use;
		return n;
	}
	if (map == s->maps.rpc_by_index) {
		for (uint32_t i = 0; i < capacity; i++)
			n += rpc_at(loader, i)->in_use;
		return n;
	}
	if (map == s->maps.counts_by_destination)
		return loader->snapshot.destination_count;
	return entries_of(map);
}

static bool has_fill(const struct loader *loader, const struct bpf_map *map)
{
	const struct edgetap *s = loader->skeleton;

	return map == s->maps.instance_by_slot || map == s->maps.status_by_index ||
	       map == s->maps.group_by_index || map == s->maps.rpc_by_index ||
	       map == s->maps.counts_by_destination || map == s->maps.owner_by_listener ||
	       map == s->maps.shared_cgroups;
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
		if (has_fill(loader, map)) {
			loader->maps[n].capacity = bpf_map__max_entries(map);
			loader->maps[n].entries =
				entries_in_use(loader, map, bpf_map__max_entries(map));
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

static int read_destinations(struct loader *loader)
{
	const struct bpf_map *map = loader->skeleton->maps.counts_by_destination;
	int fd = bpf_map__fd(map);
	struct destination_key key, next;
	void *previous = NULL;
	uint32_t n = 0;

	if (!loader->destinations) {
		loader->destination_capacity = bpf_map__max_entries(map);
		loader->destinations =
			calloc(loader->destination_capacity, sizeof(*loader->destinations));
		if (!loader->destinations)
			return -ENOMEM;
	}
	while (n < loader->destination_capacity && bpf_map_get_next_key(fd, previous, &next) == 0) {
		struct snapshot_destination *to = &loader->destinations[n];

		key = next;
		previous = &key;
		to->key = key;
		if (bpf_map_lookup_elem(fd, &key, &to->counts) == 0)
			n++;
	}
	loader->snapshot.destinations = loader->destinations;
	loader->snapshot.destination_count = n;
	return 0;
}

static int read_exits(struct loader *loader)
{
	const struct bpf_map *map = loader->skeleton->maps.exits_by_code;
	int fd = bpf_map__fd(map);
	struct exit_key key, next;
	void *previous = NULL;
	uint32_t n = 0;

	if (!loader->exits) {
		loader->exit_capacity = bpf_map__max_entries(map);
		loader->exits = calloc(loader->exit_capacity, sizeof(*loader->exits));
		if (!loader->exits)
			return -ENOMEM;
	}
	while (n < loader->exit_capacity && bpf_map_get_next_key(fd, previous, &next) == 0) {
		struct snapshot_exit *to = &loader->exits[n];

		key = next;
		previous = &key;
		to->key = key;
		snprintf(to->code, sizeof(to->code), "%u", key.code & 0xff);
		if (bpf_map_lookup_elem(fd, &key, &to->count) == 0)
			n++;
	}
	loader->snapshot.exits = loader->exits;
	loader->snapshot.exit_count = n;
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
	snapshot->slots = loader->slots.memory;
	snapshot->slot_count = loader->slots.count;
	snapshot->statuses = loader->statuses.memory;
	snapshot->status_count = loader->statuses.count;
	snapshot->groups = loader->groups.memory;
	snapshot->group_count = loader->groups.count;
	snapshot->rpcs = loader->rpcs.memory;
	snapshot->rpc_count = loader->rpcs.count;
	snapshot->live_sockets = loader->skeleton->bss->live_sockets;
	snapshot->connection_bytes = loader->skeleton->bss->memory_used;
	snapshot->connection_bytes_limit = loader->skeleton->rodata->cfg_memory;
	snapshot->uncounted = loader__uncounted(loader);
	if (read_destinations(loader) || read_exits(loader) || read_maps(loader) ||
	    read_programs(loader) || read_losses(loader))
		return NULL;
	return snapshot;
}

/* Streams that one sweep takes away; what is left is the next one's. */
#define STREAMS_A_SWEEP 4096

void loader__sweep_streams(struct loader *loader)
{
	const struct bpf_map *connections = loader->skeleton->maps.http2_by_connection;
	int streams = bpf_map__fd(loader->skeleton->maps.stream_by_id);
	static struct stream_key gone[STREAMS_A_SWEEP];
	struct stream_key key;
	void *previous = NULL, *value;
	size_t n = 0;

	if (bpf_map_get_next_key(streams, NULL, &key))
		return; /* none */
	value = malloc(bpf_map__value_size(connections));
	while (value && n < STREAMS_A_SWEEP && bpf_map_get_next_key(streams, previous, &key) == 0) {
		previous = &key;
		if (bpf_map_lookup_elem(bpf_map__fd(connections), &key.connection, value) &&
		    errno == ENOENT)
			gone[n++] = key;
	}
	free(value);
	for (size_t i = 0; i < n; i++)
		bpf_map_delete_elem(streams, &gone[i]);
}

uint64_t loader__map_bytes(const struct loader *loader)
{
	struct bpf_map *map;
	uint64_t bytes = 0;

	bpf_object__for_each_map(map, loader->skeleton->obj)
		bytes += map__memory(map);
	return bytes;
}

/* Makes the kernel forget where the slot's counts are. */
static void unindex(struct loader *loader, uint32_t slot)
{
	const struct edgetap *s = loader->skeleton;

	for (uint32_t i = 1; i < loader->statuses.count; i++) {
		const struct status_entry *status = status_at(loader, i);

		if (status->in_use && status->key.slot == slot)
			bpf_map_delete_elem(bpf_map__fd(s->maps.index_by_status), &status->key);
	}
	for (uint32_t i = 1; i < loader->groups.count; i++) {
		const struct row_group *group = group_at(loader, i);

		if (group->in_use && group->key.slot == slot)
			bpf_map_delete_elem(bpf_map__fd(s->maps.index_by_group), &group->key);
	}
	for (uint32_t i = 1; i < loader->rpcs.count; i++) {
		const struct rpc_entry *rpc = rpc_at(loader, i);

		if (rpc->in_use && rpc->key.slot == slot)
			bpf_map_delete_elem(bpf_map__fd(s->maps.index_by_rpc), &rpc->key);
	}
}

int loader__slot_detach(struct loader *loader, uint32_t slot)
{
	const struct edgetap *s = loader->skeleton;
	struct instance_slot *entry;
	uint32_t mapped;

	if (slot == OTHER_INDEX || slot >= loader->slots.count)
		return -EINVAL;
	entry = slot_at(loader, slot);
	if (!entry->in_use)
		return -ENOENT;
	if (bpf_map_lookup_elem(bpf_map__fd(s->maps.slot_by_instance), &entry->key, &mapped) == 0 &&
	    mapped == slot)
		bpf_map_delete_elem(bpf_map__fd(s->maps.slot_by_instance), &entry->key);
	/* from here on sockets that remember the slot look it up again */
	__atomic_fetch_add(&entry->generation, 1, __ATOMIC_SEQ_CST);
	unindex(loader, slot);
	return 0;
}

/*
 * Deletes a slot's entries of a map whose keys begin with the slot, and returns how many. The arrays
 * of the snapshot stay as they are: they may be those of other slots that are given back with it.
 */
static uint32_t forget_keys(const struct bpf_map *map, uint32_t slot)
{
	uint32_t deleted = 0;
	int fd = bpf_map__fd(map);
	char key[64], next[64];
	uint32_t n = bpf_map__max_entries(map);
	bool more = bpf_map_get_next_key(fd, NULL, key) == 0;

	while (more && n--) {
		uint32_t owner;

		/* first, as the walk starts over where a key is deleted under it */
		more = bpf_map_get_next_key(fd, key, next) == 0;
		memcpy(&owner, key, sizeof(owner));
		if (owner == slot && bpf_map_delete_elem(fd, key) == 0)
			deleted++;
		memcpy(key, next, sizeof(key));
	}
	return deleted;
}

_Static_assert(offsetof(struct destination_key, slot) == 0, "see forget_keys");
_Static_assert(offsetof(struct exit_key, slot) == 0, "see forget_keys");

/* As share_give() (bpf/share.h). */
static void give_shares(const struct loader *loader, uint32_t index, const uint32_t given[POOLS])
{
	struct account *account;

	if (index >= loader->accounts.count)
		return;
	account = (struct account *)loader->accounts.memory + index;
	for (int pool = 0; pool < POOLS; pool++) {
		__atomic_fetch_sub(&account->used[pool], given[pool], __ATOMIC_RELAXED);
		__atomic_fetch_sub(&loader->skeleton->bss->pool_used[pool], given[pool],
				   __ATOMIC_RELAXED);
	}
}

bool loader__wants_slots(const struct loader *loader)
{
	const uint32_t *used = loader->skeleton->bss->pool_used;
	const uint32_t slots = loader->skeleton->rodata->cfg_pool_size[POOL_SLOTS];
	const uint32_t groups = loader->skeleton->rodata->cfg_pool_size[POOL_GROUPS];
	const struct account *account = loader->accounts.memory;

	if (used[POOL_SLOTS] > slots - slots / 8 || used[POOL_GROUPS] > groups - groups / 8)
		return true;
	for (uint32_t i = slots + 1; i < loader->accounts.count; i++)
		if (account[i].used[POOL_SLOTS] > slots / 8 ||
		    account[i].used[POOL_GROUPS] > groups / 8)
			return true;
	return false;
}

int loader__slot_reuse(struct loader *loader, uint32_t slot)
{
	const struct edgetap *s = loader->skeleton;
	uint32_t given[POOLS] = { [POOL_SLOTS] = 1 };
	struct instance_slot *entry;

	if (slot == OTHER_INDEX || slot >= loader->slots.count)
		return -EINVAL;
	entry = slot_at(loader, slot);
	if (!entry->in_use)
		return -ENOENT;
	unindex(loader, slot); /* what a program that was running has added since */
	for (uint32_t i = 1; i < loader->statuses.count; i++) {
		struct status_entry *status = status_at(loader, i);

		if (!status->in_use || status->key.slot != slot)
			continue;
		memset(status, 0, sizeof(*status));
		free_list__push(s->maps.free_statuses, i);
		given[POOL_STATUSES]++;
	}
	for (uint32_t i = 1; i < loader->groups.count; i++) {
		struct row_group *group = group_at(loader, i);

		if (!group->in_use || group->key.slot != slot)
			continue;
		memset(group, 0, sizeof(*group));
		free_list__push(s->maps.free_groups, i);
		given[POOL_GROUPS]++;
	}
	for (uint32_t i = 1; i < loader->rpcs.count; i++) {
		struct rpc_entry *rpc = rpc_at(loader, i);

		if (!rpc->in_use || rpc->key.slot != slot)
			continue;
		memset(rpc, 0, sizeof(*rpc));
		free_list__push(s->maps.free_rpcs, i);
		given[POOL_RPCS]++;
	}
	given[POOL_DESTINATIONS] = forget_keys(s->maps.counts_by_destination, slot);
	forget_keys(s->maps.exits_by_code, slot);
	give_shares(loader, entry->account, given);
	/* once more, for who looked the slot up just before it was detached; never back */
	__atomic_fetch_add(&entry->generation, 1, __ATOMIC_SEQ_CST);
	memset(&entry->key, 0, sizeof(entry->key));
	memset(entry->count, 0, sizeof(entry->count));
	entry->in_use = 0;
	return free_list__push(s->maps.free_slots, slot);
}
