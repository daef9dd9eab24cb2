/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections that have left HTTP: how long they live, what they carry, and, if
 * it is WebSocket (RFC 6455), how many messages.
 */
#ifndef EDGETAP_UPGRADE_H
#define EDGETAP_UPGRADE_H

#include "framed.h"
#include "payload.h"

#define WEBSOCKET_STEPS 4096 /* frames and pieces of one read or write that are followed */

/* Bytes of a frame's header, of which `have` are known; 0: too few to tell. */
static __always_inline __u8 websocket_need(const struct websocket_way *way)
{
	__u8 length = way->length & 127;

	return (__u8)(2 +
		      (length == 126   ? 2
		       : length == 127 ? 8
				       : 0) +
		      (way->length & 128 ? 4 : 0));
}

/* One byte of a header. True if the header is complete. */
static __always_inline bool websocket_header(struct websocket_way *way, __u8 byte)
{
	__u8 have = way->have++;

	if (have == 0) {
		way->opcode = byte;
		return false;
	}
	if (have == 1) {
		way->length = byte;
		way->need = websocket_need(way);
		way->left = (byte & 127) < 126 ? byte & 127 : 0;
	} else if (have < 2 + ((way->length & 127) == 126   ? 2
			       : (way->length & 127) == 127 ? 8
							    : 0)) {
		way->left = way->left << 8 | byte;
	}
	return way->have == way->need;
}

/* One step; non-zero if there is none further. Messages that end are counted in the way. */
VERIFIED_ALONE int websocket_one(struct websocket_way *way, struct work *k)
{
	struct http_window *w;
	__u64 skip;

	if (!way || !k)
		return 1;
	w = &k->window;
	if (way->have && way->have == way->need) {
		/* content is counted, never read */
		skip = w->bytes - w->pos;
		if (skip > way->left)
			skip = way->left;
		w->pos += (__u32)skip;
		way->left -= skip;
		skip = way->left < k->left ? way->left : k->left;
		payload_skip(k, skip);
		way->left -= skip;
		if (way->left)
			return 1;
		way->have = 0;
		way->need = 0;
	}
	if (w->pos >= w->bytes) {
		__u32 n;

		if (!k->left)
			return 1;
		n = payload_window(k, NULL, 256);
		if (!n) {
			way->opcode = 0xff; /* lost */
			return 1;
		}
		payload_skip(k, n);
	}
	for (int j = 0; j < 14; j++) {
		if (w->pos >= w->bytes)
			break;
		if (websocket_header(way, http_byte(w, w->pos++))) {
			/* the last frame of a message; control frames have opcodes from 8 on */
			if ((way->opcode & 0x80) && (way->opcode & 0x0f) < 8)
				way->messages++;
			break;
		}
	}
	return 0;
}

struct websocket_walk {
	struct websocket_way *way;
	struct work *k;
};

static long websocket_step(__u32 i, struct websocket_walk *walk)
{
	return zero_or_one(websocket_one(walk->way, walk->k));
}

/* Messages that end in the bytes of k. */
static __always_inline __u64 websocket_follow(struct websocket_way *way, struct work *k)
{
	struct websocket_walk walk = { .k = k, .way = way };

	k->window.pos = 0;
	k->window.bytes = 0;
	way->messages = 0;
	bpf_loop(WEBSOCKET_STEPS, websocket_step, &walk, 0);
	return way->messages;
}

/* Bytes of an upgraded connection, sent by the client (in) or by the server. */
static __always_inline void upgraded_bytes(struct server_state *s, __u32 bytes, bool in)
{
	struct instance_slot *slot = server_slot(s);

	if (slot)
		count_add(slot, in ? COUNT_UPGRADED_BYTES_IN : COUNT_UPGRADED_BYTES_OUT, bytes);
}

/* What the server has written behind the response that ended HTTP, in one write with it. */
static __always_inline void upgraded_behind(struct server_state *s, const struct work *k)
{
	if (k->left && (s->protocol == PROTOCOL_WEBSOCKET || s->protocol == PROTOCOL_TUNNEL))
		upgraded_bytes(s, k->left, false);
}

static __always_inline void websocket_count(struct server_state *s, struct work *k, bool in)
{
	__u64 messages = websocket_follow(in ? &s->upgraded.rx : &s->upgraded.tx, k);
	struct instance_slot *slot = server_slot(s);

	if (slot && messages)
		count_add(slot, in ? COUNT_WEBSOCKET_MESSAGES_IN : COUNT_WEBSOCKET_MESSAGES_OUT,
			  messages);
	if ((in ? s->upgraded.rx.opcode : s->upgraded.tx.opcode) == 0xff || k->left)
		s->protocol = PROTOCOL_TUNNEL; /* no longer followed message by message */
}

/* The group of an instance's rows for upgraded connections. */
static __always_inline void upgrade_end(struct server_state *s)
{
	__u32 slot = slot_current(s->slot, s->generation), index;
	struct instance_slot *counts = slot_get(slot);
	struct row_group *group;
	__u64 lived = bpf_ktime_get_ns() - s->upgraded.since_ns;

	if (counts)
		count_add(counts, COUNT_UPGRADES_ENDED, 1);
	index = group_index(slot, STATUS_UPGRADE);
	group = bpf_map_lookup_elem(&group_by_index, &index);
	if (group && index != OTHER_INDEX)
		row_add(&group->row[ROW_UPGRADED], grid_cell(lived), lived);
}

#endif
