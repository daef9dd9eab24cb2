// SPDX-License-Identifier: Apache-2.0
/* What the agent changes in the kernel's tables: slots that change hands, entries that are over. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "defaults.h"
#include "loader/tables.h"

int loader__slot_detach(struct loader *loader, uint32_t slot)
{
	const struct edgetap *s = loader->skeleton;
	struct instance_slot *entry;
	uint32_t mapped;

	if (slot == OTHER_INDEX || slot >= loader->pools[POOL_SLOTS].count)
		return -EINVAL;
	entry = slot_at(loader, slot);
	if (!entry->in_use)
		return -ENOENT;
	if (bpf_map_lookup_elem(bpf_map__fd(s->maps.slot_by_instance), &entry->key, &mapped) == 0 &&
	    mapped == slot)
		bpf_map_delete_elem(bpf_map__fd(s->maps.slot_by_instance), &entry->key);
	/* from here on sockets that remember the slot look it up again */
	__atomic_fetch_add(&entry->generation, 1, __ATOMIC_SEQ_CST);
	tables__unindex(loader, slot);
	return 0;
}

/* As share_give() (bpf/conn/share.h). */
static void give_shares(const struct loader *loader, uint32_t index, const uint32_t given[POOL_N])
{
	struct account *account;

	if (index >= loader->accounts.count)
		return;
	account = (struct account *)loader->accounts.memory + index;
	for (enum pool pool = 0; pool < POOL_N; pool++) {
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
	uint32_t given[POOL_N] = { [POOL_SLOTS] = 1 };
	struct instance_slot *entry;

	if (slot == OTHER_INDEX || slot >= loader->pools[POOL_SLOTS].count)
		return -EINVAL;
	entry = slot_at(loader, slot);
	if (!entry->in_use)
		return -ENOENT;
	tables__unindex(loader, slot); /* what a program that was running has added since */
	tables__take_back(loader, slot, given);
	give_shares(loader, entry->account, given);
	/* once more, for who looked the slot up just before it was detached; never back */
	__atomic_fetch_add(&entry->generation, 1, __ATOMIC_SEQ_CST);
	memset(&entry->key, 0, sizeof(entry->key));
	memset(entry->count, 0, sizeof(entry->count));
	entry->in_use = 0;
	return free_list__push(s->maps.free_slots, slot);
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
