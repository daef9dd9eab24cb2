/* SPDX-License-Identifier: GPL-2.0 */
/* Where facts end up: losses, instance counters, status entries, histogram rows. */
#ifndef EDGETAP_CONN_COUNT_H
#define EDGETAP_CONN_COUNT_H

#include "../compat.h"
#include "share.h"

static __always_inline void count_losses(enum loss_reason reason, __u64 n)
{
	__u32 key = reason;
	__u64 *count = bpf_map_lookup_elem(&losses, &key);

	if (count)
		__sync_fetch_and_add(count, n); /* softirq may come between */
}

static __noinline void count_loss(enum loss_reason reason)
{
	count_losses(reason, 1);
}

static __always_inline struct instance_slot *slot_get(__u32 slot)
{
	return bpf_map_lookup_elem(&instance_by_slot, &slot);
}

/* The slot if it still belongs to whom it was looked up for, else `__other__`. */
static __always_inline struct instance_slot *slot_checked(__u32 slot, __u32 generation)
{
	struct instance_slot *s = slot_get(slot);

	if (s && s->generation == generation)
		return s;
	return slot_get(OTHER_INDEX);
}

/* The index of the same. */
static __always_inline __u32 slot_current(__u32 slot, __u32 generation)
{
	struct instance_slot *s = slot_get(slot);

	return s && s->generation == generation ? slot : OTHER_INDEX;
}

static __always_inline void count_add(struct instance_slot *slot, enum instance_count what, __u64 n)
{
	__sync_fetch_and_add(&slot->count[what], n);
}

/* The first cell from `cell` on whose bound is not below the value. */
VERIFIED_ALONE __u32 grid_climb(__u32 cell, __u64 ns)
{
	for (int i = 0; i < GRID_MAX_STEPS; i++) {
		if (cell >= GRID_MAX_BOUNDS || cell >= cfg_grid.bounds ||
		    ns <= cfg_grid.bound_ns[cell])
			break;
		cell++;
	}
	return cell;
}

/* 1 if a > b, for values below 2^63, without a branch: times are hard to predict. */
static __always_inline __u32 above(__u64 a, __u64 b)
{
	return (__u32)((b - a) >> 63);
}

/* Bound of a cell, or more than any time where there is none. */
static __always_inline __u64 grid_bound(__u32 cell)
{
	__u64 i = cell;

	/* the compiler may not move the check away from the load */
	asm volatile("" : "+r"(i));
	if (i >= GRID_MAX_BOUNDS)
		return 1ULL << 62;
	asm volatile("" : "+r"(i));
	return cfg_grid.bound_ns[i];
}

/* As grid_climb, for two steps without a branch on the value; few values need more. */
static __always_inline __u32 grid_step(__u32 cell, __u64 ns)
{
	cell += above(ns, grid_bound(cell));
	cell += above(ns, grid_bound(cell));
	if (cell >= cfg_grid.bounds)
		return cfg_grid.bounds;
	return ns > grid_bound(cell) ? grid_climb(cell, ns) : cell;
}

/*
 * Cell of a value: the hint of its leading bits, then upward; the grid is built
 * so that GRID_MAX_STEPS are enough.
 */
static __always_inline __u32 grid_cell(__u64 ns)
{
	/* a value with fewer bits than the hint looks at is in the first cell */
	__u64 v = ns | 1 << GRID_HINT_SUBBITS, msb;

	if (ns >> 62)
		return cfg_grid.bounds;
	msb = above(v, 0xffffffff) << 5;
	msb += above(v >> msb, 0xffff) << 4;
	msb += above(v >> msb, 0xff) << 3;
	msb += above(v >> msb, 0xf) << 2;
	msb += above(v >> msb, 3) << 1;
	msb += above(v >> msb, 1);
	v = v >> (msb - GRID_HINT_SUBBITS) & ((1 << GRID_HINT_SUBBITS) - 1);
	return grid_step(cfg_grid.hint[at_most(msb << GRID_HINT_SUBBITS | v, GRID_HINTS - 1)], ns);
}

static __always_inline void row_add(struct row *row, __u32 cell, __u64 ns)
{
	__sync_fetch_and_add(&row->cell[at_most(cell, GRID_MAX_CELLS - 1)], 1);
	__sync_fetch_and_add(&row->sum_ns, ns);
}

/* Takes one entry of a table for an instance; false, and counted, if its owner has its share. */
static __always_inline bool slot_takes(__u32 slot, enum pool pool, bool always, __u32 *ret_account)
{
	struct instance_slot *s = slot_get(slot);

	if (!s)
		return false;
	*ret_account = s->account;
	if (share_take(s->account, pool, always))
		return true;
	count_add(s, COUNT_ENTRIES_REFUSED, 1);
	return false;
}

/*
 * MAP_at(): the counters of a key, added at first use. NULL, and lost as ID_FULL, beyond the share
 * of the slot's owner and of all.
 */
#define COUNTS_AT(id, map, key_type, value_type, size, ...)                                        \
	static __always_inline value_type *map##_at(const key_type *key)                           \
	{                                                                                          \
		value_type none = { 0 }, *counts = bpf_map_lookup_elem(&map, key);                 \
		__u32 account = 0;                                                                 \
                                                                                                   \
		if (counts)                                                                        \
			return counts;                                                             \
		if (slot_takes(key->slot, POOL_##id, false, &account)) {                           \
			/* another CPU may be first */                                             \
			if (bpf_map_update_elem(&map, key, &none, BPF_NOEXIST))                    \
				share_give(account, POOL_##id);                                    \
			counts = bpf_map_lookup_elem(&map, key);                                   \
		}                                                                                  \
		if (!counts)                                                                       \
			count_loss(LOSS_##id##_FULL);                                              \
		return counts;                                                                     \
	}
KEYED_COUNTS(COUNTS_AT)
#undef COUNTS_AT

/* Index of the rows of (slot, status), taken from the pool at first use. */
VERIFIED_ALONE __u32 group_index(__u32 slot, __u32 status)
{
	struct row_group_key key = { .slot = slot, .status = (__u16)status };
	__u32 *known, index, account = 0;
	struct row_group *group;

	known = bpf_map_lookup_elem(&index_by_group, &key);
	if (known)
		return *known;
	if (!slot_takes(slot, POOL_GROUPS, status == STATUS_OTHER, &account)) {
		count_loss(LOSS_ROWS_FULL);
		return OTHER_INDEX;
	}
	if (bpf_map_pop_elem(&free_groups, &index)) {
		share_give(account, POOL_GROUPS);
		count_loss(LOSS_ROWS_FULL);
		return OTHER_INDEX;
	}
	group = bpf_map_lookup_elem(&group_by_index, &index);
	if (!group)
		return OTHER_INDEX;
	group->key = key;
	group->in_use = 1;
	if (bpf_map_update_elem(&index_by_group, &key, &index, BPF_NOEXIST) == 0)
		return index;
	/* another CPU was first, or the hash is full */
	group->in_use = 0;
	share_give(account, POOL_GROUPS);
	bpf_map_push_elem(&free_groups, &index, 0);
	known = bpf_map_lookup_elem(&index_by_group, &key);
	if (known)
		return *known;
	count_loss(LOSS_ROWS_FULL);
	return OTHER_INDEX;
}

/* Index of the rows of a status of an instance; beyond its share, of its own `__other__`. */
static __always_inline __u32 status_group(__u32 slot, __u32 status)
{
	__u32 index = OTHER_INDEX;

	if (status != STATUS_OTHER)
		index = group_index(slot, cfg_status_by_code ? status : status / 100);
	return index == OTHER_INDEX ? group_index(slot, STATUS_OTHER) : index;
}

/* Takes the entry of (slot, status code) from the pool; OTHER_INDEX if it has none for it. */
static __noinline __u32 status_new(__u32 slot, __u32 status)
{
	struct status_key key = { .slot = slot, .status = (__u16)status };
	struct status_entry *entry;
	__u32 *known, index, account = 0;

	if (!slot_takes(slot, POOL_STATUSES, status == STATUS_OTHER, &account))
		return OTHER_INDEX;
	if (bpf_map_pop_elem(&free_statuses, &index)) {
		share_give(account, POOL_STATUSES);
		return OTHER_INDEX;
	}
	entry = bpf_map_lookup_elem(&status_by_index, &index);
	if (!entry)
		return OTHER_INDEX;
	entry->key = key;
	entry->group = status_group(slot, status);
	entry->in_use = 1;
	if (bpf_map_update_elem(&index_by_status, &key, &index, BPF_NOEXIST) == 0)
		return index;
	entry->in_use = 0;
	share_give(account, POOL_STATUSES);
	bpf_map_push_elem(&free_statuses, &index, 0);
	known = bpf_map_lookup_elem(&index_by_status, &key);
	return known ? *known : OTHER_INDEX;
}

/* Index of the entry of (slot, status code), taken from the pool at first use. */
VERIFIED_ALONE __u32 status_index(__u32 slot, __u32 status)
{
	struct status_key key = { .slot = slot, .status = (__u16)status };
	__u32 *known, index;

	for (int i = 0; i < 2; i++) {
		known = bpf_map_lookup_elem(&index_by_status, &key);
		if (known)
			return *known;
		index = status_new(slot, key.status);
		if (index != OTHER_INDEX)
			return index;
		count_loss(LOSS_STATUSES_FULL);
		key.status = STATUS_OTHER;
	}
	return OTHER_INDEX;
}

/* Adds one value to a row of the slot's connection group. */
VERIFIED_ALONE int connection_row_add(__u32 slot, __u32 row, __u64 ns)
{
	__u32 index = group_index(slot, STATUS_NONE);
	struct row_group *group = bpf_map_lookup_elem(&group_by_index, &index);
	__u32 cell = grid_cell(ns);

	/* the last group holds other facts in these rows; the loss is counted */
	if (!group || row >= GROUP_ROWS || index == OTHER_INDEX)
		return 0;
	row_add(&group->row[at_most(row, GROUP_ROWS - 1)], cell, ns);
	return 0;
}

#endif
