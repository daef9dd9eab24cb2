/* SPDX-License-Identifier: GPL-2.0 */
/* gRPC over HTTP/2: calls by method and by grpc-status. */
#ifndef EDGETAP_HTTP_RPC_H
#define EDGETAP_HTTP_RPC_H

#include "../proto/http2.h"
#include "response.h"

/* Index of the entry of (slot, path), taken from the pool at first use; 0 beyond the
 * instance's share, or that of all. No path counts beyond the share, too. No part of its
 * caller, whose stack has room for one key and no copies of it. */
static __noinline __u32 rpc_look_up(const struct rpc_key *key)
{
	struct instance_slot *slot;
	struct rpc_entry *entry;
	__u32 *known, index, account = 0;

	known = bpf_map_lookup_elem(&index_by_rpc, key);
	if (known)
		return *known;
	slot = slot_get(key->slot);
	if (!slot ||
	    (key->bytes && slot->count[GAUGE_RPC_METHODS] >= DEFAULT_MAX_RPCS_OF_INSTANCE) ||
	    !slot_takes(key->slot, POOL_RPCS, !key->bytes, &account))
		return OTHER_INDEX;
	if (bpf_map_pop_elem(&free_rpcs, &index)) {
		share_give(account, POOL_RPCS);
		return OTHER_INDEX;
	}
	entry = bpf_map_lookup_elem(&rpc_by_index, &index);
	if (!entry)
		return OTHER_INDEX;
	entry->key = *key;
	entry->group = group_index(key->slot, STATUS_RPC(index));
	entry->in_use = 1;
	if (bpf_map_update_elem(&index_by_rpc, key, &index, BPF_NOEXIST) == 0) {
		count_add(slot, GAUGE_RPC_METHODS, 1);
		return index;
	}
	entry->in_use = 0;
	share_give(account, POOL_RPCS);
	bpf_map_push_elem(&free_rpcs, &index, 0);
	known = bpf_map_lookup_elem(&index_by_rpc, key);
	return known ? *known : OTHER_INDEX;
}

/*
 * The same for the path in p, or, without p, for calls whose path is not known; what is
 * beyond the share is counted as such. The key is on this stack and no other: kernels
 * before 6.2 take no key that a caller passes to a function verified alone, and those
 * before 6.13 have 512 bytes for the stacks of all callers together.
 */
VERIFIED_ALONE __u32 rpc_index(__u32 slot, const struct h2_parser *p)
{
	struct rpc_key key __attribute__((aligned(8))) = { .slot = slot };
	__u32 index;

	if (p) {
		key.bytes = p->block.path_bytes;
		key.huffman = p->block.path_huffman;
		/* by words: of bytes the compiler keeps another copy */
		__builtin_memcpy(__builtin_assume_aligned((void *)key.path, 8),
				 __builtin_assume_aligned(h2_path_text(p), 8), sizeof(key.path));
	}
	for (int i = 0; i < 2; i++) {
		index = rpc_look_up(&key);
		if (index != OTHER_INDEX)
			return index;
		if (i == 0)
			count_loss(LOSS_RPCS_FULL);
		__builtin_memset(&key, 0, sizeof(key));
		key.slot = slot;
	}
	return OTHER_INDEX;
}

/* Entry of the call whose request block has just been read. */
static __always_inline __u32 rpc_of(struct server_state *s, struct h2_parser *p)
{
	__u32 slot, index;

	switch (p->block.path) {
	case H2_PATH_KNOWN:
		return p->block.path_value;
	case H2_PATH_TEXT:
		break;
	default:
		count_loss(LOSS_HPACK);
	}
	slot = slot_current(s->slot, s->generation);
	if (p->block.path != H2_PATH_TEXT)
		return rpc_index(slot, NULL);
	index = rpc_index(slot, p);
	hpack_remember_path(p, (__u16)index);
	return index;
}

/* A call's response has ended. */
static __always_inline void rpc_count(struct server_state *s, const struct stream *stream,
				      __u64 end_ns)
{
	__u32 index = stream->rpc, code = stream->grpc_status;
	struct rpc_entry *entry = bpf_map_lookup_elem(&rpc_by_index, &index);
	struct row_group *group;
	__u64 time;

	if (!entry)
		return;
	if (entry->key.slot != s->slot && index != OTHER_INDEX) {
		/* the instance that it was looked up for is gone */
		index = OTHER_INDEX;
		entry = bpf_map_lookup_elem(&rpc_by_index, &index);
		if (!entry)
			return;
	}
	if (code > 16) {
		if (code == H2_GRPC_STATUS_UNKNOWN)
			count_loss(LOSS_HPACK);
		code = RPC_CODE_UNKNOWN;
	}
	__sync_fetch_and_add(&entry->responses[at_most(code, RPC_CODES - 1)], 1);
	index = entry->group;
	group = bpf_map_lookup_elem(&group_by_index, &index);
	if (!group || index == OTHER_INDEX || !stream->read_ns)
		return;
	time = time_between(stream->read_ns, end_ns);
	row_add(&group->row[ROW_RPC_RESPONSE], grid_cell(time), time);
	if (stream->first_ns) {
		time = time_between(stream->read_ns, stream->first_ns);
		row_add(&group->row[ROW_RPC_FIRST_BYTE], grid_cell(time), time);
	}
	if (!stream->arrived_ns)
		return;
	time = time_between(stream->arrived_ns, stream->read_ns);
	row_add(&group->row[ROW_RPC_QUEUE], grid_cell(time), time);
}

#endif
