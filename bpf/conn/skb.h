/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Bytes of a socket buffer where the kernel has them: its linear part, then pages
 * of fragments, then the same of the buffers in its list (GRO makes one).
 *
 * The address of a page is computed. The kernel's page_address() is
 * (page - vmemmap) / sizeof(struct page) * PAGE_SIZE + page_offset, which is a
 * shift and an addition; both constants are found out, and tried, before the
 * programs are loaded (userspace/loader/queues.c). Loads through a cast pointer
 * may fault, and read zero then.
 */
#ifndef EDGETAP_CONN_SKB_H
#define EDGETAP_CONN_SKB_H

#include "types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>

#ifdef __bpf__
/* 6.2; a cast that costs nothing. */
extern void *bpf_rdonly_cast(const void *object, __u32 btf_id) __ksym __weak;
#endif

#define SEGMENTS 8	  /* known at once */
#define TCP_FLAG_FIN 0x01 /* of struct tcp_skb_cb, RFC 9293, 3.1 */
#define TCP_FLAG_SYN 0x02

/* As a struct iovec of a 64-bit task. */
struct segment {
	__u64 base;
	__u64 bytes;
};

/* A fragment: struct skb_frag, and before 5.4 and since a struct bio_vec, have this layout. */
struct fragment {
	__u64 page;
	__u32 bytes;
	__u32 offset;
};

_Static_assert(sizeof(struct fragment) == sizeof(struct segment), "one becomes the other in place");

/* Where the bytes of one socket buffer are. */
struct skb_view {
	__u64 data;	/* the linear part */
	__u64 fragment; /* address of the first struct fragment */
	__u64 list;	/* further buffers; 0: none */
	__u32 linear;	/* bytes */
	__u32 fragments;
};

static __always_inline struct tcp_skb_cb *skb_cb(const struct sk_buff *skb)
{
	return bpf_rdonly_cast((const __u8 *)skb + bpf_core_field_offset(struct sk_buff, cb),
			       bpf_core_type_id_kernel(struct tcp_skb_cb));
}

static __always_inline struct sk_buff *skb_cast(const void *skb)
{
	return bpf_rdonly_cast(skb, bpf_core_type_id_kernel(struct sk_buff));
}

static __always_inline void skb_look(const struct sk_buff *skb, struct skb_view *ret_view)
{
	const unsigned char *end = skb->head + skb->end;
	struct skb_shared_info *shared =
		bpf_rdonly_cast(end, bpf_core_type_id_kernel(struct skb_shared_info));

	ret_view->data = (__u64)skb->data;
	ret_view->linear = skb->len - skb->data_len;
	ret_view->fragments = shared->nr_frags;
	ret_view->list = (__u64)shared->frag_list;
	ret_view->fragment = (__u64)end + bpf_core_field_offset(struct skb_shared_info, frags);
}

/* The first fragment, which the buffer must have. */
static __always_inline void skb_fragment(const struct skb_view *view, struct fragment *ret_fragment)
{
	/* two words that are no pointers to the verifier, as page and the rest must not be */
	const struct iovec *words = bpf_rdonly_cast((const void *)view->fragment,
						    bpf_core_type_id_kernel(struct iovec));
	__u64 rest = words->iov_len;

	ret_fragment->page = (__u64)words->iov_base;
	ret_fragment->bytes = (__u32)rest;
	ret_fragment->offset = rest >> 32;
}

#endif
