/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Connections that have left HTTP: how long they live, what they carry, and, if
 * it is WebSocket (RFC 6455), how many messages.
 */
#ifndef EDGETAP_HTTP_UPGRADE_H
#define EDGETAP_HTTP_UPGRADE_H

#include "../conn/payload.h"
#include "protocol.h"

#define WEBSOCKET_STEPS 4096 /* frames and pieces of one read or write that are followed */

/* One step; non-zero if there is none further. Messages that end are counted in the way. */
VERIFIED_ALONE int websocket_one(struct websocket_direction *way, struct io *io)
{
	struct cursor *cur;
	__u64 skip;

	if (!way || !io)
		return 1;
	cur = &io->cursor;
	if (way->have && way->have == way->need) {
		/* content is counted, never read */
		skip = cur->bytes - cur->pos;
		if (skip > way->left)
			skip = way->left;
		cur->pos += (__u32)skip;
		way->left -= skip;
		skip = way->left < io->left ? way->left : io->left;
		payload_skip(io, skip);
		way->left -= skip;
		if (way->left)
			return 1;
		way->have = 0;
		way->need = 0;
	}
	if (cur->pos >= cur->bytes) {
		__u32 n;

		if (!io->left)
			return 1;
		n = payload_show(io, NULL, 256);
		if (!n) {
			way->opcode = 0xff; /* lost */
			return 1;
		}
		payload_skip(io, n);
	}
	for (int j = 0; j < 14; j++) {
		if (cur->pos >= cur->bytes)
			break;
		if (websocket_header(way, cursor_byte(cur, cur->pos++))) {
			/* the last frame of a message; control frames have opcodes from 8 on */
			if ((way->opcode & 0x80) && (way->opcode & 0x0f) < 8)
				way->messages++;
			break;
		}
	}
	return 0;
}

struct websocket_walk {
	struct websocket_direction *way;
	struct io *io;
};

static long websocket_step(__u32 i, struct websocket_walk *walk)
{
	return zero_or_one(websocket_one(walk->way, walk->io));
}

/* Messages that end in the bytes of io. */
static __always_inline __u64 websocket_follow(struct websocket_direction *way, struct io *io)
{
	struct websocket_walk walk = { .io = io, .way = way };

	io->cursor.pos = 0;
	io->cursor.bytes = 0;
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
static __always_inline void upgraded_behind(struct server_state *s, const struct io *io)
{
	if (io->left && (s->protocol == PROTOCOL_WEBSOCKET || s->protocol == PROTOCOL_TUNNEL))
		upgraded_bytes(s, io->left, false);
}

static __always_inline void websocket_count(struct server_state *s, struct io *io, bool in)
{
	__u64 messages = websocket_follow(in ? &s->upgraded.client : &s->upgraded.server, io);
	struct instance_slot *slot = server_slot(s);

	if (slot && messages)
		count_add(slot, in ? COUNT_WEBSOCKET_MESSAGES_IN : COUNT_WEBSOCKET_MESSAGES_OUT,
			  messages);
	if ((in ? s->upgraded.client.opcode : s->upgraded.server.opcode) == 0xff || io->left)
		s->protocol = PROTOCOL_TUNNEL; /* no longer followed message by message */
}

/* The group of an instance's rows for upgraded connections. */
static __always_inline void upgrade_teardown(struct server_state *s)
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
