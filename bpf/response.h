/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the application writes to a server socket: which request it answers,
 * with which status, when the first and the last byte of it were taken.
 */
#ifndef EDGETAP_RESPONSE_H
#define EDGETAP_RESPONSE_H

#include "request.h"

/*
 * A write up to this long is taken whole or waits for its first byte, so its end
 * tells the time of its first byte; a longer one may block in its middle.
 */
#define SMALL_WRITE 16384

static __always_inline __u64 time_between(__u64 from, __u64 to)
{
	return to > from ? to - from : 0;
}

/* Counts a final response; of one whose request was not seen there are no times. */
static __always_inline void response_count(struct server_state *s, __u32 method,
					   const struct batch *batch, __u64 end_ns)
{
	__u32 slot = slot_current(s->slot, s->generation);
	__u32 status = s->tx.token, cell, app_cell, index;
	struct status_entry *entry;
	struct row_group *group;
	__u64 app, first, edge, queue, arrived;

	if (s->status_cached == status && slot != OTHER_INDEX) {
		index = s->status_index;
	} else {
		index = status_index(slot, status);
		s->status_index = index;
		s->status_cached = (__u16)status;
	}
	entry = bpf_map_lookup_elem(&status_by_index, &index);
	if (!entry)
		return;
	if (index == OTHER_INDEX && slot != OTHER_INDEX) {
		struct instance_slot *counts = slot_get(slot);

		if (counts)
			count_add(counts, COUNT_HTTP_ELSEWHERE, 1);
	}
	__sync_fetch_and_add(&entry->responses[method < METHOD_N ? method : METHOD_OTHER], 1);
	if (!batch)
		return;
	group = bpf_map_lookup_elem(&group_by_index, &entry->group);
	if (!group)
		return;
	arrived = batch->arrived_ns ? batch->arrived_ns : batch->read_ns;
	app = time_between(batch->read_ns, end_ns);
	app_cell = grid_cell(app);
	row_add(&group->row[ROW_APP_RESPONSE], app_cell, app);
	if (!s->tx_unseen) {
		first = time_between(batch->read_ns, s->first_byte_ns);
		cell = first == app ? app_cell : grid_cell(first);
		row_add(&group->row[ROW_APP_FIRST_BYTE], cell, first);
	} else {
		struct instance_slot *counts = slot_get(slot);

		if (counts)
			count_add(counts, COUNT_FIRST_BYTE_UNSEEN, 1);
	}
	queue = time_between(arrived, batch->read_ns);
	row_add(&group->row[ROW_APP_QUEUE], grid_cell(queue), queue);
	edge = time_between(arrived, end_ns);
	/* within a quarter of the app clock lie at most three native bounds: few enough to climb */
	cell = edge - app <= app >> 2 ? grid_step(app_cell, edge) : grid_cell(edge);
	row_add(&group->row[ROW_EDGE_RESPONSE], cell, edge);
}

static __always_inline void count_lost_request(const struct server_state *s)
{
	struct instance_slot *slot = server_slot(s);

	if (slot)
		count_add(slot, COUNT_HTTP_LOST, 1);
}

/* The last byte of the response being written has been taken. */
static __always_inline void response_done(struct server_state *s, __u64 end_ns)
{
	const struct batch *batch = NULL;
	__u32 method = METHOD_OTHER;
	bool counts = true;
	__u8 request;

	switch (s->tx_open) {
	case TX_REQUEST:
		request = s->request[s->request_tail % REQUESTS];
		method = REQUEST_METHOD(request);
		if (REQUEST_BATCH(request) != BATCH_NONE)
			batch = batch_at(s, REQUEST_BATCH(request));
		break;
	case TX_EARLY:
		method = s->tx_method;
		batch = batch_at(s, s->batch_last);
		break;
	case TX_ALONE:
		break;
	case TX_OVERFLOW:
		s->overflow_tail++;
		count_lost_request(s);
		counts = false;
		break;
	case TX_OLDER:
		lose(LOSS_STARTED_BEFORE);
		counts = false;
		break;
	default:
		counts = false;
	}
	if (counts)
		response_count(s, method, batch, end_ns);
	if (s->tx_open == TX_REQUEST)
		s->request_tail++;
	s->tx.phase = HTTP_START;
	s->tx_open = TX_NONE;
	s->first_byte_ns = 0;
	s->tx_unseen = 0;
}

/* The position in the response stream is lost, and with it what waits for a response. */
static __always_inline void response_lost(struct server_state *s)
{
	__u8 waiting = s->request_head - s->request_tail;
	__u8 beyond = s->overflow_head - s->overflow_tail;
	struct instance_slot *slot = server_slot(s);

	/* an answer without a request in the ring began its own count */
	if (s->tx_open == TX_EARLY || s->tx_open == TX_ALONE)
		waiting++;
	if (slot && waiting + beyond)
		count_add(slot, COUNT_HTTP_LOST, waiting + beyond);
	s->request_tail = s->request_head;
	s->overflow_tail = s->overflow_head;
	s->tx_open = TX_NONE;
	s->tx.phase = HTTP_RESYNC;
	s->tx.carry_bytes = 0;
	s->tx.line_kind = HTTP_LINE_WHOLE;
	s->rx_desync = DESYNC_LOST;
	s->first_byte_ns = 0;
	s->tx_unseen = 0;
}

/* Which request a final response belongs to. */
static __always_inline __u8 response_open(struct server_state *s)
{
	struct instance_slot *slot;
	__u8 open = TX_ALONE;

	if (s->request_head != s->request_tail) {
		s->tx_method = REQUEST_METHOD(s->request[s->request_tail % REQUESTS]);
		return TX_REQUEST;
	}
	s->tx_method = METHOD_OTHER;
	if (s->overflow_head != s->overflow_tail)
		return TX_OVERFLOW;
	if (s->request_open && !s->early_answer) {
		/* refused before its header was complete, or without being understood */
		if (s->rx.phase == HTTP_HEADER)
			s->tx_method = (__u8)s->rx.token;
		s->early_answer = 1;
		open = s->request_open == REQUEST_OPEN ? TX_EARLY : TX_ALONE;
	} else if (s->rx_desync == DESYNC_OLDER) {
		return TX_OLDER;
	} else if (s->rx_desync == DESYNC_LOST) {
		return TX_LOST;
	}
	slot = server_slot(s);
	if (slot)
		count_add(slot, COUNT_HTTP_STARTED, 1);
	return open;
}

/*
 * A response's header section is complete: what follows it (RFC 9112, 6.3)?
 * True if nothing does.
 */
static __always_inline bool response_head(struct server_state *s)
{
	struct http_parser *p = &s->tx;
	__u32 status = p->token;

	if (status < 200 && status != 101) {
		p->phase = HTTP_START; /* an interim response */
		s->first_byte_ns = 0;
		s->tx_unseen = 0;
		return false;
	}
	s->role = ROLE_SERVER;
	s->tx_open = response_open(s);
	if (status == 101 || (s->tx_method == METHOD_CONNECT && status < 300)) {
		s->protocol = PROTOCOL_TUNNEL;
		return true;
	}
	if (s->tx_method == METHOD_HEAD || status == 204 || status == 304)
		return true;
	if (p->flags & HTTP_F_CHUNKED)
		p->phase = HTTP_CHUNK_SIZE;
	else if ((p->flags & HTTP_F_CODING) || !(p->flags & HTTP_F_LENGTH))
		p->phase = HTTP_BODY_CLOSE;
	else if (p->body_left)
		p->phase = HTTP_BODY_LENGTH;
	else
		return true;
	return false;
}

/* As request_step, for one piece of what was written. */
static __always_inline int response_piece(struct server_state *s, struct work *k)
{
	struct http_parser *p;
	bool trial = false;
	__u32 carry;
	int result;

	p = &s->tx;
	switch (p->phase) {
	case HTTP_BODY_CLOSE:
		return 1;
	case HTTP_BODY_LENGTH:
	case HTTP_CHUNK_DATA: {
		__u64 n = k->left < p->body_left ? k->left : p->body_left;

		p->body_left -= n;
		payload_skip(k, n);
		if (p->body_left)
			return 0;
		if (p->phase == HTTP_CHUNK_DATA) {
			p->phase = HTTP_CHUNK_SIZE;
			return 0;
		}
		goto done;
	}
	case HTTP_RESYNC:
		if (k->left != k->bytes)
			return 1;
		trial = true;
		break;
	}
	if (k->source == PAYLOAD_FILE)
		lose(LOSS_SYSCALL);
	if (!payload_window(k, p, p->phase == HTTP_CHUNK_SIZE ? 128 : HTTP_WINDOW)) {
		response_lost(s);
		return 1;
	}
	carry = p->carry_bytes;
	if (trial)
		p->phase = HTTP_START;
	if (http_at_start(p) && !s->first_byte_ns) {
		s->first_byte_ns = k->now_ns;
		s->tx_unseen = k->can_block;
	}
	result = http_scan(p, &k->window);
	payload_skip(k, k->window.pos - carry);
	switch (result) {
	case HTTP_MORE:
		return 0;
	case HTTP_HEAD:
		if (response_head(s))
			goto done;
		/* most content comes in the write that began the response */
		if (p->phase != HTTP_BODY_LENGTH || p->body_left > k->left)
			return 0;
		payload_skip(k, p->body_left);
		goto done;
	case HTTP_DONE:
		goto done;
	}
	if (trial) {
		p->phase = HTTP_RESYNC;
		p->carry_bytes = 0;
		p->line_kind = HTTP_LINE_WHOLE;
		s->first_byte_ns = 0;
		return 1;
	}
	if (result == HTTP_NOT && !s->status_cached && s->request_head == s->request_tail) {
		s->protocol = PROTOCOL_OTHER; /* neither side speaks HTTP/1.x */
		return 1;
	}
	lose(LOSS_HEADER_INVALID);
	response_lost(s);
	return 1;
done:
	response_done(s, k->now_ns);
	if (s->protocol == PROTOCOL_HTTP1)
		return 0;
	response_lost(s); /* requests sent behind the one that switched get no response */
	return 1;
}

/* The same for further pieces; the first is followed without a call. */
VERIFIED_ALONE int response_step(struct server_state *s, struct work *k)
{
	return s && k ? response_piece(s, k) : 1;
}

/* The kernel has taken `ret` bytes of a write. Task context. */
static __always_inline void response_write(struct sock *sk, struct server_state *s,
					   const struct tcp_sock *tp, __u32 ret)
{
	__u32 way = WORK_WRITE;
	struct work *k;
	int stop;

	k = bpf_map_lookup_elem(&work_by_cpu, &way);
	if (!k)
		return;
	/* an answer to what was not seen: it was taken in a way that no program sees */
	if (s->request_head == s->request_tail && !s->request_open && http_at_start(&s->tx) &&
	    sequence_after(read_end(sk, tp), s->rx_next) > 0) {
		lose(LOSS_GAP);
		request_lost(s);
		s->rx_next = read_end(sk, tp);
	}
	k->now_ns = bpf_ktime_get_ns();
	s->last_write_ns = k->now_ns;
	k->bytes = ret;
	k->left = ret;
	k->source = PAYLOAD_UNKNOWN;
	k->at = 0;
	k->current = 0;
	k->segments = 0;
	k->can_block = 0;
	if (ret > SMALL_WRITE)
		k->can_block = !(BPF_CORE_READ(sk, sk_socket, file, f_flags) & O_NONBLOCK);
	if (http_wants_bytes(&s->tx))
		k->source = payload_find(k, sk, true);
	stop = response_piece(s, k);
	for (int i = 1; i < STEPS && !stop && k->left; i++) {
		if (k->source == PAYLOAD_UNKNOWN && http_wants_bytes(&s->tx))
			k->source = payload_find(k, sk, true);
		stop = response_step(s, k);
	}
	if (!stop && k->left) {
		lose(LOSS_BUDGET);
		response_lost(s);
	}
}

static __always_inline void abort_count(struct instance_slot *slot, enum abort_by by,
					enum abort_phase phase)
{
	count_add(slot, COUNT_HTTP_ABORTED + by * ABORT_PHASE_N + phase, 1);
}

/*
 * Nothing more will be written: what was not answered completely never will be.
 * Called when the server sends its FIN, else when the socket is destroyed.
 */
VERIFIED_ALONE int http_end(struct server_state *s, __u32 client_left, __u32 reset)
{
	enum abort_by by = client_left ? ABORT_BY_CLIENT : ABORT_BY_SERVER;
	struct instance_slot *slot;

	if (!s || s->http_ended)
		return 0;
	s->http_ended = 1;
	if (s->protocol != PROTOCOL_HTTP1)
		return 0;
	if (s->tx_open != TX_NONE && s->tx.phase == HTTP_BODY_CLOSE && !reset)
		response_done(s, s->last_write_ns);
	slot = server_slot(s);
	if (!slot)
		return 0;
	if (s->tx_open == TX_EARLY || s->tx_open == TX_ALONE)
		abort_count(slot, by, ABORT_IN_RESPONSE);
	for (int i = 0; i < REQUESTS && s->request_tail != s->request_head; i++) {
		__u8 request = s->request[s->request_tail % REQUESTS];
		const struct batch *batch = batch_at(s, REQUEST_BATCH(request));
		bool begun = i == 0 && (s->tx_open == TX_REQUEST || s->tx.phase == HTTP_HEADER ||
					(s->tx.phase == HTTP_START && !http_at_start(&s->tx)));

		abort_count(slot, by, begun ? ABORT_IN_RESPONSE : ABORT_IN_WAIT);
		if (REQUEST_BATCH(request) != BATCH_NONE && batch->arrived_ns)
			connection_row_add(slot_current(s->slot, s->generation), ROW_ABORTED_QUEUE,
					   time_between(batch->arrived_ns, batch->read_ns));
		s->request_tail++;
	}
	if (s->overflow_head != s->overflow_tail)
		count_add(slot, COUNT_HTTP_LOST, (__u8)(s->overflow_head - s->overflow_tail));
	s->overflow_tail = s->overflow_head;
	if (s->request_open && !s->early_answer && s->rx.phase <= HTTP_HEADER)
		abort_count(slot, by, ABORT_IN_REQUEST);
	s->tx_open = TX_NONE;
	return 0;
}

#endif
