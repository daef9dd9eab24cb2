/* SPDX-License-Identifier: GPL-2.0 */
/* What becomes of requests, streams and handshakes when their connection ends. */
#ifndef EDGETAP_HTTP_TEARDOWN_H
#define EDGETAP_HTTP_TEARDOWN_H

#include "../tls/bind.h"
#include "../tls/handshake.h"
#include "http2.h"
#include "upgrade.h"

/* A response that ends with its connection has ended. */
VERIFIED_ALONE int response_closed(struct server_state *s)
{
	if (s)
		response_done(s, s->last_write_ns);
	return 0;
}

/*
 * The oldest request that waits will not be answered; `begun`: not completely. Alone, because the
 * verifier walks it for each.
 */
VERIFIED_ALONE int pending_abort(struct server_state *s, int by, int begun)
{
	const struct batch *batch;
	struct instance_slot *slot;
	__u8 request;

	if (!s)
		return 0;
	request = s->pending[s->pending_tail % PENDING];
	s->pending_tail++;
	slot = server_slot(s);
	if (PENDING_METHOD(request) == METHOD_DOUBTFUL || !slot)
		return 0;
	abort_count(slot, by == ABORT_BY_SERVER ? ABORT_BY_SERVER : ABORT_BY_CLIENT,
		    begun ? ABORT_IN_RESPONSE : ABORT_IN_WAIT);
	batch = batch_at(s, PENDING_BATCH(request));
	if (PENDING_BATCH(request) != BATCH_NONE && batch->arrived_ns)
		connection_row_add(slot_current(s->slot, s->generation), ROW_ABORTED_QUEUE,
				   time_between(batch->arrived_ns, batch->read_ns));
	return 0;
}

/*
 * Nothing more will be written: what was not answered completely never will be.
 * Called when the server sends its FIN, else when the socket is destroyed.
 */
VERIFIED_ALONE int http_teardown(struct server_state *s, __u32 client_left, __u32 reset)
{
	enum abort_by by = client_left ? ABORT_BY_CLIENT : ABORT_BY_SERVER;
	struct instance_slot *slot;
	bool spoken, begun;

	if (!s || s->torn_down)
		return 0;
	s->torn_down = 1;
	if (s->connection)
		http2_teardown(s, by);
	if (s->protocol == PROTOCOL_WEBSOCKET || s->protocol == PROTOCOL_TUNNEL)
		upgrade_teardown(s);
	if (s->protocol != PROTOCOL_HTTP1)
		return 0;
	if (s->answers != ANSWERS_NONE && s->response.phase == HTTP_BODY_CLOSE && !reset)
		response_closed(s);
	slot = server_slot(s);
	if (!slot)
		return 0;
	spoken = !(s->request.flags & HTTP_F_ODD) || http_spoken(s);
	if (s->answers == ANSWERS_EARLY || s->answers == ANSWERS_ALONE)
		abort_count(slot, by, ABORT_IN_RESPONSE);
	begun = s->answers == ANSWERS_REQUEST || s->response.phase == HTTP_HEADER ||
		(s->response.phase == HTTP_START && !http_at_start(&s->response));
	for (int i = 0; i < PENDING && s->pending_tail != s->pending_head; i++)
		pending_abort(s, by, i == 0 && begun);
	if (s->overflow_head != s->overflow_tail)
		count_add(slot, COUNT_HTTP_LOST, s->overflow_head - s->overflow_tail);
	s->overflow_tail = s->overflow_head;
	if (s->request_open && !s->early_answer && s->request.phase <= HTTP_HEADER && spoken)
		abort_count(slot, by, ABORT_IN_REQUEST);
	s->answers = ANSWERS_NONE;
	return 0;
}

/* Bytes of a protocol of frames, in io. */
static __always_inline void frames_follow(struct server_state *s, struct io *io, bool from_server)
{
	switch (s->protocol) {
	case PROTOCOL_HTTP2:
		http2_follow(s, io, from_server);
		break;
	case PROTOCOL_WEBSOCKET:
		websocket_count(s, io, !from_server);
		break;
	}
}

/*
 * Ends the plain text of a connection whose socket is gone, if that is still to be
 * done, and forgets it: the call that writes and the socket's end may come here at once.
 */
static __always_inline void plain_over(struct plain *plain)
{
	__u32 over = *(volatile __u32 *)&plain->over;

	if (!over || (over & PLAIN_TAKEN) ||
	    __sync_val_compare_and_swap(&plain->over, over, over | PLAIN_TAKEN) != over)
		return;
	http_teardown(&plain->s, over & PLAIN_CLIENT_LEFT, over & PLAIN_RESET);
	forget_plain_of(plain);
}

/*
 * The plain text of a TLS connection ends with it. The response may have reached
 * the client, and made it close, before the call that wrote it has returned
 * (another goroutine reads the end): then that call ends it, at the latest.
 */
static __always_inline void plain_teardown(struct server_state *s, bool client_left, bool reset,
					   bool gone)
{
	struct plain *plain = plain_of(s->tls.handshake.hello);
	bool unseen = tls_is_unseen(s, plain);

	/* a process that is being killed will not return */
	if (plain && plain->writing && (bpf_get_current_task_btf()->flags & PF_EXITING))
		plain->writing = 0;
	if (plain && plain->writing && gone) {
		__sync_lock_test_and_set(&plain->over,
					 PLAIN_OVER | (client_left ? PLAIN_CLIENT_LEFT : 0) |
						 (reset ? PLAIN_RESET : 0));
		if (!*(volatile __u32 *)&plain->writing)
			plain_over(plain);
	} else if (plain && !plain->writing) {
		http_teardown(&plain->s, client_left, reset);
	}
	if (s->torn_down)
		return;
	s->torn_down = 1;
	if (unseen)
		tls_unseen_begin(s);
}

#endif
