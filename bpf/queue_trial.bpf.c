// SPDX-License-Identifier: GPL-2.0
/*
 * Tried once, before anything is observed: can the bytes of a socket's queue be
 * read where the kernel has them? A process sends itself a token through loopback;
 * this looks for it in the receive queue, with the constants that turn a page into
 * its address: the kernel's own variables where they can be found, else their
 * defaults without KASLR (Documentation/arch/x86/x86_64/mm.rst).
 */
#include "types.h"

#include <bpf/bpf_core_read.h>
#include <bpf/bpf_helpers.h>
#include <bpf/bpf_tracing.h>

#include "conn/skb.h"

char LICENSE[] SEC("license") = "GPL";

#define TOKEN_BYTES 32
#define PAGE_BYTES_SHIFT 12

extern const void page_offset_base __ksym __weak;
extern const void vmemmap_base __ksym __weak;

/* Set by who tries; 0: not yet. */
__u32 tgid;
__u8 token[TOKEN_BYTES];

/* Found. */
__u64 page_base;
__u32 page_shift;
__u32 seen;  /* buffers with a fragment */
__u32 found; /* the token was in one */

struct layout {
	__u64 page_offset;
	__u64 vmemmap;
};

static __always_inline bool is_token(const struct fragment *f, const struct layout *layout,
				     __u32 shift)
{
	__u64 base = layout->page_offset - (layout->vmemmap << shift);
	__u64 text[TOKEN_BYTES / 8];
	const __u64 *wanted = (const __u64 *)token;

	if (bpf_probe_read_kernel(text, sizeof(text),
				  (void *)((f->page << shift) + base + f->offset)) ||
	    text[0] != wanted[0] || text[1] != wanted[1] || text[2] != wanted[2] ||
	    text[3] != wanted[3])
		return false;
	page_base = base;
	page_shift = shift;
	found = 1;
	return true;
}

SEC("tp_btf/tcp_rcv_space_adjust")
int BPF_PROG(queue_trial, struct sock *sk)
{
	static const struct layout without_kaslr[] = {
		{ 0xffff888000000000, 0xffffea0000000000 }, /* four levels of page tables */
		{ 0xff11000000000000, 0xffd4000000000000 }, /* five */
	};
	struct layout named = {};
	struct skb_view view;
	struct fragment f;
	__u32 shift = 0;

	if (!tgid || bpf_get_current_pid_tgid() >> 32 != tgid || !bpf_rdonly_cast || found)
		return 0;
	for (__u32 bytes = bpf_core_type_size(struct page); shift < PAGE_BYTES_SHIFT; shift++)
		if (bytes << shift == 1 << PAGE_BYTES_SHIFT)
			break;
	skb_look(skb_cast(sk->sk_receive_queue.next), &view);
	if (shift == PAGE_BYTES_SHIFT || view.linear || !view.fragments)
		return 0;
	skb_fragment(&view, &f);
	seen++;
	if (&page_offset_base && &vmemmap_base &&
	    !bpf_probe_read_kernel(&named.page_offset, 8, &page_offset_base) &&
	    !bpf_probe_read_kernel(&named.vmemmap, 8, &vmemmap_base) && is_token(&f, &named, shift))
		return 0;
	if (!is_token(&f, &without_kaslr[0], shift))
		is_token(&f, &without_kaslr[1], shift);
	return 0;
}
