/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Tables that all instances share, and nobody may take as a whole. As of the memory (memory.h), an
 * owner may hold no more entries of one than are still free. What is beyond goes to the
 * instance's own `__other__`, for which there is always room while there is any at all.
 */
#ifndef EDGETAP_CONN_SHARE_H
#define EDGETAP_CONN_SHARE_H

#include "../compat.h"

/* Takes one entry for an account. False if it has its share, unless it is to have it always. */
static __always_inline bool share_take(__u32 index, enum pool pool, bool always)
{
	struct account *account = bpf_map_lookup_elem(&account_by_index, &index);
	__u32 used, own;

	if (!account)
		return false;
	used = __sync_fetch_and_add(&pool_used[pool], 1);
	own = __sync_fetch_and_add(&account->used[pool], 1);
	if (always || used + own < cfg_pool_size[pool])
		return true;
	__sync_fetch_and_add(&account->used[pool], -1);
	__sync_fetch_and_add(&pool_used[pool], -1);
	return false;
}

/* It was not used. */
static __always_inline void share_give(__u32 index, enum pool pool)
{
	struct account *account = bpf_map_lookup_elem(&account_by_index, &index);

	if (!account)
		return;
	__sync_fetch_and_add(&account->used[pool], -1);
	__sync_fetch_and_add(&pool_used[pool], -1);
}

#endif
