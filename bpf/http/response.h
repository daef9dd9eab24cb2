/* SPDX-License-Identifier: GPL-2.0 */
/*
 * What the application writes to a server socket: which request it answers,
 * with which status, when the first and the last byte of it were taken.
 */
#ifndef EDGETAP_HTTP_RESPONSE_H
#define EDGETAP_HTTP_RESPONSE_H

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
		.status = s->response.token,
		.method = method,
		.end_ns = end_ns,
		.first_ns = s->first_byte_unseen ? 0 : s->first_byte_ns,
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

	switch (s->answers) {
	case ANSWERS_REQUEST:
		request = s->pending[s->pending_tail % PENDING];
		method = PENDING_METHOD(request);
		if (PENDING_BATCH(request) != BATCH_NONE)
			batch = batch_at(s, PENDING_BATCH(request));
		break;
	case ANSWERS_EARLY:
		method = s->answers_method;
		batch = batch_at(s, s->batch_last);
		break;
	case ANSWERS_ALONE:
		break;
	case ANSWERS_OVERFLOW:
		s->overflow_tail++;
		count_lost_request(s);
		counts = false;
		break;
	case ANSWERS_OLDER:
		count_loss(LOSS_STARTED_BEFORE);
		counts = false;
		break;
	default:
		counts = false;
	}
	if (counts)
		response_count(s, method, batch, end_ns);
	if (s->answers == ANSWERS_REQUEST)
		s->pending_tail++;
	s->response.phase = HTTP_START;
	s->answers = ANSWERS_NONE;
	s->first_byte_ns = 0;
	s->first_byte_unseen = 0;
}

/* Requests in the ring that were counted when they began. */
VERIFIED_ALONE __u32 requests_waiting(const struct server_state *s)
{
	__u32 waiting = 0;
	__u8 at;

	if (!s)
		return 0;
	at = s->pending_tail;
	for (int i = 0; i < PENDING && at != s->pending_head; i++, at++)
		waiting += PENDING_METHOD(s->pending[at % PENDING]) != METHOD_DOUBTFUL;
	return waiting;
}

/*
 * The request that is being read is answered by what is no response: HTTP/0.9 has no status line,
 * and nobody knows how it went.
 */
static __always_inline bool answered_without_status(const struct server_state *s)
{
	return s->request_open && !s->early_answer && s->pending_head == s->pending_tail &&
	       (http_spoken(s) ||
		(s->request.phase == HTTP_HEADER && (s->request.flags & HTTP_F_SIMPLE)));
}

/* The position in the response stream is lost, and with it what waits for a response. */
static __always_inline void response_lost(struct server_state *s)
{
	__u32 waiting = requests_waiting(s);
	__u32 beyond = s->overflow_head - s->overflow_tail;
	struct instance_slot *slot = server_slot(s);

	/* an answer without a request in the ring began its own count */
	if (s->answers == ANSWERS_EARLY || s->answers == ANSWERS_ALONE)
		waiting++;
	if (slot && waiting + beyond)
		count_add(slot, COUNT_HTTP_LOST, waiting + beyond);
	s->pending_tail = s->pending_head;
	s->overflow_tail = s->overflow_head;
	s->answers = ANSWERS_NONE;
	s->response.phase = HTTP_RESYNC;
	s->response.carry_bytes = 0;
	s->response.line_kind = HTTP_LINE_WHOLE;
	s->desync = DESYNC_LOST;
	s->first_byte_ns = 0;
	s->first_byte_unseen = 0;
}

/* The oldest request is one of HTTP: it is answered. */
static __always_inline void doubt_ends(struct server_state *s)
{
	struct instance_slot *slot = server_slot(s);

	s->pending[s->pending_tail % PENDING] ^= METHOD_DOUBTFUL ^ METHOD_OTHER;
	s->answers_method = METHOD_OTHER;
	if (slot)
		count_add(slot, COUNT_HTTP_STARTED, 1);
}

/* Which request a final response belongs to. */
static __always_inline __u8 response_answers(struct server_state *s)
{
	struct instance_slot *slot;
	__u8 open = ANSWERS_ALONE;

	if (s->pending_head != s->pending_tail) {
		s->answers_method = PENDING_METHOD(s->pending[s->pending_tail % PENDING]);
		if (s->answers_method == METHOD_DOUBTFUL)
			doubt_ends(s);
		return ANSWERS_REQUEST;
	}
	s->answers_method = METHOD_OTHER;
	if (s->overflow_head != s->overflow_tail)
		return ANSWERS_OVERFLOW;
	if (s->request_open && !s->early_answer) {
		/* refused before its header was complete, or without being understood */
		if (s->request.phase == HTTP_HEADER || s->request.phase == HTTP_RESYNC)
			s->answers_method = (__u8)s->request.token;
		s->early_answer = 1;
		open = s->request_open == REQUEST_OPEN ? ANSWERS_EARLY : ANSWERS_ALONE;
	} else if (s->desync == DESYNC_OLDER) {
		return ANSWERS_OLDER;
	} else if (s->desync == DESYNC_LOST) {
		return ANSWERS_LOST;
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
	struct http_parser *p = &s->response;
	__u32 status = p->token;

	if (status < 200 && status != 101) {
		p->phase = HTTP_START; /* an interim response */
		s->first_byte_ns = 0;
		s->first_byte_unseen = 0;
		return false;
	}
	s->role = ROLE_SERVER;
	s->answers = response_answers(s);
	if (status == 101 || (s->answers_method == METHOD_CONNECT && status < 300)) {
		s->protocol = p->flags & HTTP_F_H2C	    ? PROTOCOL_HTTP2
			      : p->flags & HTTP_F_WEBSOCKET ? PROTOCOL_WEBSOCKET
							    : PROTOCOL_TUNNEL;
		return true;
	}
	if (s->answers_method == METHOD_HEAD || status == 204 || status == 304)
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
	first.method = s->answers_method;
	batch = PENDING_BATCH(s->pending[(__u8)(s->pending_tail - 1) % PENDING]);
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
					       const struct cursor *cur)
{
	__u64 head = cursor_load(cur, 0), known = ~0ULL;

	/* what there is of: at most 255 bytes, type SETTINGS, no flags, stream 0 */
	if (cur->bytes && cur->bytes < 8)
		known >>= 64 - 8 * at_most(cur->bytes, 7);
	return cur->bytes && !((head ^ (__u64)H2_TYPE_SETTINGS << 24) & known & ~0xff0000ULL) &&
	       (cur->bytes < H2_HEADER_BYTES || !cursor_byte(cur, 8)) && !s->status_cached &&
	       s->pending_head == s->pending_tail && s->request.phase == HTTP_START &&
	       s->request.line_kind == HTTP_LINE_WHOLE;
}

/*
 * An answer to what was not seen: it was taken in a way that no program sees, unless
 * the reader's has meanwhile run. Alone, because of the stack.
 */
VERIFIED_ALONE int response_to_unseen(struct server_state *s, const struct io *io)
{
	if (!s || !io || sequence_after(io->read, s->read_next) <= 0)
		return 0;
	count_loss(LOSS_GAP);
	request_lost(s);
	s->read_next = io->read;
	return 0;
}

/* As request_step_alone, for one piece of what was written. */
static __always_inline int response_step(struct server_state *s, struct io *io)
{
	struct http_parser *p;
	bool trial = false, asked;
	__u32 carry;
	int result;

	p = &s->response;
	switch (p->phase) {
	case HTTP_BODY_CLOSE:
		return 1;
	case HTTP_BODY_LENGTH:
	case HTTP_CHUNK_DATA: {
		__u64 n = io->left < p->body_left ? io->left : p->body_left;

		p->body_left -= n;
		payload_skip(io, n);
		if (p->body_left)
			return 0;
		if (p->phase == HTTP_CHUNK_DATA) {
			p->phase = HTTP_CHUNK_SIZE;
			return 0;
		}
		goto done;
	}
	case HTTP_RESYNC:
		if (io->left != io->bytes)
			return 1;
		trial = true;
		break;
	}
	if (io->source == PAYLOAD_FILE)
		count_loss(LOSS_SYSCALL);
	if (!payload_show(io, p, p->phase == HTTP_CHUNK_SIZE ? 128 : CURSOR_BYTES)) {
		response_lost(s);
		return 1;
	}
	carry = p->carry_bytes;
	if (trial)
		p->phase = HTTP_START;
	if (http_at_start(p) && !s->first_byte_ns) {
		s->first_byte_ns = io->now_ns;
		s->first_byte_unseen = io->can_block;
	}
	result = HTTP_MORE;
	if (!carry && p->phase == HTTP_START && p->line_kind == HTTP_LINE_WHOLE)
		result = http_glance(p, &io->cursor);
	if (result == HTTP_MORE)
		result = http_scan(p, &io->cursor);
	payload_skip(io, io->cursor.pos - carry);
	switch (result) {
	case HTTP_MORE:
		if (http_at_start(p)) {
			s->first_byte_ns = 0; /* an empty line before a response */
			if (trial)
				p->phase = HTTP_RESYNC;
		}
		return 0;
	case HTTP_HEAD:
		if (io->unseen)
			response_to_unseen(s, io);
		if (response_head(s))
			goto done;
		/* most content comes in the write that began the response */
		if (p->phase != HTTP_BODY_LENGTH || p->body_left > io->left)
			return 0;
		payload_skip(io, p->body_left);
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
	    (s->protocol == PROTOCOL_HTTP2 || speaks_http2_first(s, &io->cursor))) {
		payload_back(io, io->cursor.pos);
		s->first_byte_ns = 0;
		http2_begin(s, NULL, false);
		return 1;
	}
	if (result == HTTP_NOT && !io->plain && !s->status_cached && !carry)
		tls_complaint(s, &io->cursor);
	if (answered_without_status(s)) {
		s->answers = response_answers(s);
	} else if (result == HTTP_NOT && !http_spoken(s)) {
		s->pending_tail = s->pending_head; /* what looked like requests was none */
		s->protocol = PROTOCOL_OTHER;	   /* neither side speaks HTTP/1.x */
		return 1;
	}
	count_loss(LOSS_HEADER_INVALID);
	response_lost(s);
	return 1;
done:
	asked = s->answers == ANSWERS_REQUEST;
	response_done(s, io->now_ns);
	if (s->protocol == PROTOCOL_HTTP1)
		return 0;
	if (s->protocol == PROTOCOL_HTTP2) {
		upgrade_http2(s, asked);
		return 1;
	}
	response_lost(s); /* requests sent behind the one that switched get no response */
	upgrade_begin(s, io->now_ns);
	return 1;
}

/* As request_step_alone. */
VERIFIED_ALONE int response_step_alone(struct server_state *s, struct io *io)
{
	if (!s || !io)
		return 1;
	if (io->source == PAYLOAD_UNKNOWN && http_wants_bytes(&s->response))
		payload_found(io, true);
	return response_step(s, io);
}

/* Prepares to look at a write of `ret` bytes, which the socket has taken up to `end`. */
static __always_inline void write_begin(const struct sock *sk, struct server_state *s,
					struct io *io, __u32 ret, __u32 end)
{
	io->end = end;
	io->in_order = end - ret == s->written;
	io->buffer = 0;
	io->now_ns = bpf_ktime_get_ns();
	io->bytes = ret;
	io->left = ret;
	io->source = PAYLOAD_UNKNOWN;
	io->socket = (__u64)sk;
	io->at = 0;
	io->current = 0;
	io->segments = 0;
	io->can_block = 0;
	io->unseen = 0;
	io->plain = 0;
}

static long response_piece(__u32 i, struct walk *walk)
{
	return zero_or_one(response_step_alone(walk->s, walk->io) || !walk->io->left);
}

/* As request_follow. */
static __always_inline void response_follow(struct server_state *s, struct io *io)
{
	struct walk walk = { .s = s, .io = io };

	if (STEPS_END(STEPS, response_piece, &walk))
		return;
	count_loss(LOSS_BUDGET);
	response_lost(s);
}

/*
 * The kernel has taken bytes, for which write_begin() has prepared. Task
 * context. What it leaves is another protocol's.
 */
static __always_inline void response_write(struct sock *sk, struct server_state *s,
					   const struct tcp_sock *tp, struct io *io)
{
	if (s->pending_head == s->pending_tail && !s->request_open &&
	    s->response.phase != HTTP_RESYNC) {
		io->read = read_end(sk, tp);
		io->unseen = sequence_after(io->read, s->read_next) > 0;
	}
	s->last_write_ns = io->now_ns;
	if (io->bytes > SMALL_WRITE)
		io->can_block = !(BPF_CORE_READ(sk, sk_socket, file, f_flags) & O_NONBLOCK);
	if (http_wants_bytes(&s->response))
		payload_locate(io, true);
	if (!response_step(s, io) && io->left)
		response_follow(s, io);
	if (s->protocol == PROTOCOL_HTTP1)
		io->left = 0;
}

#endif
