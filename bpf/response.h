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

/* What is known of a request and its response. */
struct exchange {
	__u32 status;
	__u32 method;
	__u64 arrived_ns; /* 0: not known */
	__u64 read_ns;
	__u64 first_ns; /* 0: not known */
	__u64 end_ns;
};

static __always_inline void abort_count(struct instance_slot *slot, enum abort_by by,
					enum abort_phase phase)
{
	count_add(slot, COUNT_HTTP_ABORTED + by * ABORT_PHASE_N + phase, 1);
}

/* Counts a final response; of one whose request was not seen (times == false) there are no times. */
static __always_inline void exchange_count(struct server_state *s, const struct exchange *x,
					   bool times)
{
	__u32 slot = slot_current(s->slot, s->generation);
	__u32 status = x->status, method = x->method, cell, app_cell, index;
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
	__sync_fetch_and_add(&entry->responses[METHOD_OTHER + below(method, METHOD_N)], 1);
	if (!times)
		return;
	group = bpf_map_lookup_elem(&group_by_index, &entry->group);
	if (!group)
		return;
	arrived = x->arrived_ns ? x->arrived_ns : x->read_ns;
	app = time_between(x->read_ns, x->end_ns);
	app_cell = grid_cell(app);
	row_add(&group->row[ROW_APP_RESPONSE], app_cell, app);
	if (x->first_ns) {
		first = time_between(x->read_ns, x->first_ns);
		cell = first == app ? app_cell : grid_cell(first);
		row_add(&group->row[ROW_APP_FIRST_BYTE], cell, first);
	} else {
		struct instance_slot *counts = slot_get(slot);

		if (counts)
			count_add(counts, COUNT_FIRST_BYTE_UNSEEN, 1);
	}
	queue = time_between(arrived, x->read_ns);
	row_add(&group->row[ROW_APP_QUEUE], grid_cell(queue), queue);
	edge = time_between(arrived, x->end_ns);
	/* within a quarter of the app clock lie at most three native bounds: few enough to climb */
	cell = edge - app <= app >> 2 ? grid_step(app_cell, edge) : grid_cell(edge);
	row_add(&group->row[ROW_EDGE_RESPONSE], cell, edge);
}

static __always_inline void response_count(struct server_state *s, __u32 method,
					   const struct batch *batch, __u64 end_ns)
{
	struct exchange x = {
		.status = s->tx.token,
		.method = method,
		.end_ns = end_ns,
		.first_ns = s->tx_unseen ? 0 : s->first_byte_ns,
	};

	if (batch) {
		x.arrived_ns = batch->arrived_ns;
		x.read_ns = batch->read_ns;
	}
	exchange_count(s, &x, batch);
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
		s->protocol = p->flags & HTTP_F_H2C	    ? PROTOCOL_HTTP2
			      : p->flags & HTTP_F_WEBSOCKET ? PROTOCOL_WEBSOCKET
							    : PROTOCOL_TUNNEL;
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

/*
 * RFC 7540, 3.2: the request that asked for HTTP/2 is its first stream, too. Servers
 * log both, the response 101, which has been counted, and what the stream is
 * answered with. `asked`: the request was seen.
 */
VERIFIED_ALONE int upgrade_http2(struct server_state *s, int asked)
{
	struct stream first = { .grpc_status = H2_GRPC_STATUS_NONE };
	struct instance_slot *slot;
	__u8 batch;

	if (!s)
		return 0;
	first.method = s->tx_method;
	batch = REQUEST_BATCH(s->request[(__u8)(s->request_tail - 1) % REQUESTS]);
	response_lost(s); /* requests behind it get no response */
	if (!asked) {
		s->protocol = PROTOCOL_OTHER;
		return 0;
	}
	if (batch != BATCH_NONE) {
		first.arrived_ns = batch_at(s, batch)->arrived_ns;
		first.read_ns = batch_at(s, batch)->read_ns;
	}
	slot = server_slot(s);
	if (slot)
		count_add(slot, COUNT_HTTP_STARTED, 1);
	http2_begin(s, &first, false);
	return 0;
}

/*
 * A server that was chosen by ALPN may send its SETTINGS before it has read
 * anything (RFC 9113, 3.4), or all of the preface: no response of HTTP/1.x, and
 * no request before it.
 */
static __always_inline bool speaks_http2_first(const struct server_state *s,
					       const struct http_window *w)
{
	__u64 head = http_load(w, 0), known = ~0ULL;

	/* what there is of: at most 255 bytes, type SETTINGS, no flags, stream 0 */
	if (w->bytes && w->bytes < 8)
		known >>= 64 - 8 * at_most(w->bytes, 7);
	return w->bytes && !((head ^ (__u64)H2_TYPE_SETTINGS << 24) & known & ~0xff0000ULL) &&
	       (w->bytes < H2_HEADER_BYTES || !http_byte(w, 8)) && !s->status_cached &&
	       s->request_head == s->request_tail && s->rx.phase == HTTP_START &&
	       s->rx.line_kind == HTTP_LINE_WHOLE;
}

/*
 * An answer to what was not seen: it was taken in a way that no program sees, unless
 * the reader's has meanwhile run. Alone, because of the stack.
 */
VERIFIED_ALONE int response_to_unseen(struct server_state *s, const struct work *k)
{
	if (!s || !k || sequence_after(k->end, s->rx_next) <= 0)
		return 0;
	lose(LOSS_GAP);
	request_lost(s);
	s->rx_next = k->end;
	return 0;
}

/* As request_step, for one piece of what was written. */
static __always_inline int response_piece(struct server_state *s, struct work *k)
{
	struct http_parser *p;
	bool trial = false, asked;
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
		if (k->unseen)
			response_to_unseen(s, k);
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
	if (result == HTTP_NOT && !carry &&
	    (s->protocol == PROTOCOL_HTTP2 || speaks_http2_first(s, &k->window))) {
		payload_back(k, k->window.pos);
		s->first_byte_ns = 0;
		http2_begin(s, NULL, false);
		return 1;
	}
	if (result == HTTP_NOT && !k->plain && !s->status_cached && !carry)
		tls_complaint(s, &k->window);
	if (result == HTTP_NOT && !s->status_cached && s->request_head == s->request_tail) {
		s->protocol = PROTOCOL_OTHER; /* neither side speaks HTTP/1.x */
		return 1;
	}
	lose(LOSS_HEADER_INVALID);
	response_lost(s);
	return 1;
done:
	asked = s->tx_open == TX_REQUEST;
	response_done(s, k->now_ns);
	if (s->protocol == PROTOCOL_HTTP1)
		return 0;
	if (s->protocol == PROTOCOL_HTTP2) {
		upgrade_http2(s, asked);
		return 1;
	}
	response_lost(s); /* requests sent behind the one that switched get no response */
	upgrade_begin(s, k->now_ns);
	return 1;
}

/* As request_step. */
VERIFIED_ALONE int response_step(struct server_state *s, struct work *k)
{
	if (!s || !k)
		return 1;
	if (k->source == PAYLOAD_UNKNOWN && http_wants_bytes(&s->tx))
		k->source = payload_find(k, true);
	return response_piece(s, k);
}

/* Prepares to look at a write of `ret` bytes. */
static __always_inline void write_begin(const struct sock *sk, struct work *k, __u32 ret)
{
	k->now_ns = bpf_ktime_get_ns();
	k->bytes = ret;
	k->left = ret;
	k->source = PAYLOAD_UNKNOWN;
	k->socket = (__u64)sk;
	k->at = 0;
	k->current = 0;
	k->segments = 0;
	k->can_block = 0;
	k->unseen = 0;
	k->plain = 0;
}

/* As request_follow. */
VERIFIED_ALONE int response_follow(struct server_state *s, struct work *k)
{
	if (!s || !k)
		return 0;
	for (int i = 1; i < STEPS && k->left; i++) {
		if (response_step(s, k))
			return 0;
	}
	if (k->left) {
		lose(LOSS_BUDGET);
		response_lost(s);
	}
	return 0;
}

/*
 * The kernel has taken bytes, for which write_begin() has prepared. Task
 * context. What it leaves is another protocol's.
 */
static __always_inline void response_write(struct sock *sk, struct server_state *s,
					   const struct tcp_sock *tp, struct work *k)
{
	if (s->request_head == s->request_tail && !s->request_open && s->tx.phase != HTTP_RESYNC) {
		k->end = read_end(sk, tp);
		k->unseen = sequence_after(k->end, s->rx_next) > 0;
	}
	s->last_write_ns = k->now_ns;
	if (k->bytes > SMALL_WRITE)
		k->can_block = !(BPF_CORE_READ(sk, sk_socket, file, f_flags) & O_NONBLOCK);
	if (http_wants_bytes(&s->tx))
		k->source = payload_find(k, true);
	if (!response_piece(s, k) && k->left)
		response_follow(s, k);
	if (s->protocol == PROTOCOL_HTTP1)
		k->left = 0;
}

#endif
