/* SPDX-License-Identifier: GPL-2.0 */
/* gRPC over HTTP/2: calls by method and by grpc-status. */
#ifndef EDGETAP_RPC_H
#define EDGETAP_RPC_H

#include "http2.h"
#include "response.h"

/* Index of the entry of (slot, path), taken from the pool at first use; 0 beyond the
 * instance's share, or that of all. No path counts beyond the share, too. */
static __always_inline __u32 rpc_look_up(const struct rpc_key *key)
{
	struct instance_slot *slot;
	struct rpc_entry *entry;
	__u32 *known, index;

	known = bpf_map_lookup_elem(&index_by_rpc, key);
	if (known)
		return *known;
	slot = slot_get(key->slot);
	if (!slot ||
	    (key->bytes && slot->count[GAUGE_RPC_METHODS] >= DEFAULT_MAX_RPCS_OF_INSTANCE) ||
	    bpf_map_pop_elem(&free_rpcs, &index))
		return OTHER_INDEX;
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
	bpf_map_push_elem(&free_rpcs, &index, 0);
	known = bpf_map_lookup_elem(&index_by_rpc, key);
	return known ? *known : OTHER_INDEX;
}

/* The same, where what is beyond the share is counted as (slot, no path). */
VERIFIED_ALONE __u32 rpc_index(const struct rpc_key *key)
{
	struct rpc_key rest = {};
	__u32 index;

	if (!key)
		return OTHER_INDEX;
	index = rpc_look_up(key);
	if (index != OTHER_INDEX)
		return index;
	lose(LOSS_RPCS_FULL);
	rest.slot = key->slot;
	return rpc_look_up(&rest);
}

/* Entry of the call whose request block has just been read. */
static __always_inline __u32 rpc_of(struct server_state *s, struct h2_parser *p)
{
	struct rpc_key key = {};
	__u32 index;

	switch (p->block.path) {
	case H2_PATH_KNOWN:
		return p->block.path_value;
	case H2_PATH_TEXT:
		break;
	default:
		lose(LOSS_HPACK);
	}
	key.slot = slot_current(s->slot, s->generation);
	if (p->block.path != H2_PATH_TEXT)
		return rpc_index(&key);
	key.bytes = p->block.path_bytes;
	key.huffman = p->block.path_huffman;
	__builtin_memcpy(key.path, h2_path_text(p), sizeof(key.path));
	index = rpc_index(&key);
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
			lose(LOSS_HPACK);
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
