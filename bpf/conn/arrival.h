/* SPDX-License-Identifier: GPL-2.0 */
/*
 * When request bytes reached the receive queue. Softirq remembers the end and
 * the time of each arrival; the reader finds the one that covers the byte it is
 * at. The socket's lock orders the two: the reader holds it after the arrival
 * was written and before it looks.
 */
#ifndef EDGETAP_CONN_ARRIVAL_H
#define EDGETAP_CONN_ARRIVAL_H

#include "../compat.h"
#include "count.h"

static __always_inline __s32 sequence_after(__u32 a, __u32 b)
{
	return (__s32)(a - b);
}

/* Ring positions run over twice the ring, so that full and empty differ. */
static __always_inline __u8 arrival_next(__u8 at)
{
	return at + 1 < 2 * ARRIVALS ? at + 1 : 0;
}

static __always_inline __u32 arrival_slot(__u8 at)
{
	return at < ARRIVALS ? at : at - ARRIVALS;
}

/* Bytes up to `end` have been queued at `now_ns`. */
static __always_inline void arrival_add(struct server_state *s, __u32 end, __u32 read_up_to,
					__u64 now_ns)
{
	__u8 head = s->arrival_head, tail = s->arrival_tail;

	if (sequence_after(end, s->arrival_seen) <= 0)
		return;
	if (sequence_after(end, s->arrival_skip) <= 0) {
		s->arrival_seen = end; /* a body: no request starts in it */
		return;
	}
	if (s->arrival_full && read_up_to == s->arrival_seen)
		s->arrival_full = 0; /* all that was not remembered has been read */
	if (head != tail && arrival_slot(head) == arrival_slot(tail))
		s->arrival_full = 1;
	if (!s->arrival_full) {
		__u32 i = arrival_slot(head);

		if (i < ARRIVALS) {
			s->arrival_end[i] = end;
			s->arrival_ns[i] = now_ns;
			s->arrival_head = arrival_next(head);
		}
	}
	s->arrival_seen = end;
}

/* Forgets arrivals whose bytes have all been read. */
static __always_inline void arrival_read(struct server_state *s, __u32 up_to)
{
	for (int i = 0; i < ARRIVALS; i++) {
		__u8 tail = s->arrival_tail;
		__u32 slot = arrival_slot(tail);

		if (tail == s->arrival_head || slot >= ARRIVALS)
			break;
		if (sequence_after(s->arrival_end[slot], up_to) > 0)
			break;
		s->arrival_tail = arrival_next(tail);
	}
}

/* When the byte at `sequence` arrived, or 0 if that was not seen. */
static __always_inline __u64 arrival_of(struct server_state *s, __u32 sequence)
{
	__u32 slot;

	arrival_read(s, sequence);
	slot = arrival_slot(s->arrival_tail);
	if (s->arrival_tail == s->arrival_head || slot >= ARRIVALS)
		return 0;
	return s->arrival_ns[slot];
}

/*
 * `at`, less `most` if it is not below. Without a branch, and so that the compiler makes none of
 * it: the verifier would walk both ways for each arrival that is looked at.
 */
static __always_inline __u64 arrivals_wrap(__u64 at, __u64 most)
{
	asm volatile("" : "+r"(at));
	return at - most * ((most - 1 - at) >> 63);
}

/* As for the small ring above. */
static __always_inline __u32 arrivals_next(__u32 at)
{
	return (__u32)arrivals_wrap(at + 1, 2 * MANY_ARRIVALS);
}

static __always_inline __u64 arrivals_slot(__u32 at)
{
	return at_most(arrivals_wrap(at, MANY_ARRIVALS), MANY_ARRIVALS - 1);
}

/* As arrival_add(), where many may be under way. */
static __always_inline void arrivals_add(struct arrivals *a, struct server_state *s, __u32 end,
					 __u32 read_up_to, __u64 now_ns)
{
	__u32 head, tail;
	__u64 i;

	if (sequence_after(end, s->arrival_seen) <= 0)
		return;
	if (a->full && read_up_to == s->arrival_seen)
		a->full = 0;
	head = a->head;
	tail = a->tail;
	if (head != tail && arrivals_slot(head) == arrivals_slot(tail))
		a->full = 1;
	if (!a->full) {
		i = arrivals_slot(head);
		a->end[i] = end;
		a->ns[i] = now_ns;
		a->head = arrivals_next(head);
	}
	s->arrival_seen = end;
}

/*
 * As arrival_of(), which comes first: what arrived before there were many is
 * remembered there. Forgets what lies before.
 */
VERIFIED_ALONE __u64 arrivals_of(struct arrivals *a, __u32 sequence)
{
	if (!a)
		return 0;
	for (int n = 0; n < MANY_ARRIVALS; n++) {
		__u32 tail = a->tail;
		__u64 i = arrivals_slot(tail);

		if (tail == a->head)
			return 0;
		if (sequence_after(a->end[i], sequence) > 0)
			return a->ns[i];
		a->tail = arrivals_next(tail);
	}
	return 0;
}

#endif
