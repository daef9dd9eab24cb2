/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Kernel memory of what is remembered of connections and of threads. The kernel charges it to
 * the memory cgroup of whoever created the map, the agent, even beyond that cgroup's limit
 * (GFP_ATOMIC, mm/memcontrol.c): traffic of others would get the agent killed. So it is
 * accounted here, by instance, and refused beyond cfg_memory.
 *
 * An instance may hold no more than is still free. One alone gets half of all, n of them an
 * (n + 1)th each, and as much stays free for who comes next.
 */
#ifndef EDGETAP_CONN_MEMORY_H
#define EDGETAP_CONN_MEMORY_H

#include "count.h"

/* What kmalloc() takes for so many bytes: its next size (mm/slab_common.c). */
#define KMALLOC_BYTES(bytes)                                                                       \
	((bytes) <= 96	   ? 96                                                                    \
	 : (bytes) <= 128  ? 128                                                                   \
	 : (bytes) <= 192  ? 192                                                                   \
	 : (bytes) <= 256  ? 256                                                                   \
	 : (bytes) <= 512  ? 512                                                                   \
	 : (bytes) <= 1024 ? 1024                                                                  \
	 : (bytes) <= 2048 ? 2048                                                                  \
	 : (bytes) <= 4096 ? 4096                                                                  \
			   : 8192)

/*
 * An element of a local storage begins with 72 bytes of the kernel's (struct
 * bpf_local_storage_elem), and each socket or thread that has any also has a struct
 * bpf_local_storage. One of a hash begins with 48 (struct htab_elem) and the key.
 */
#define STORAGE_BYTES(type) (KMALLOC_BYTES(72 + sizeof(type)) + 192)
#define HASH_BYTES(key_bytes, type) KMALLOC_BYTES(48 + (key_bytes) + sizeof(type))

#define MEMORY_SERVER STORAGE_BYTES(struct server_state)
#define MEMORY_CLIENT STORAGE_BYTES(struct client_state)
#define MEMORY_HTTP2 HASH_BYTES(8, struct http2)
#define MEMORY_STREAMS HASH_BYTES(8, struct streams)
#define MEMORY_PLAIN (HASH_BYTES(8, struct plain) + HASH_BYTES(16, __u64))
#define MEMORY_THREAD STORAGE_BYTES(struct thread)
#define MEMORY_DELAY STORAGE_BYTES(struct counted_delay)

_Static_assert(MEMORY_HTTP2 == 4096 && MEMORY_STREAMS == 4096, "one word more doubles it");
_Static_assert(MEMORY_SERVER == 512 + 192 && MEMORY_CLIENT == 128 + 192, "one word more is more");

#define MEMORY_REFUSED (~0ULL)

/* Takes memory for an instance. Returns what charge_of() makes of it, or MEMORY_REFUSED. */
VERIFIED_ALONE __u64 memory_take(__u32 slot, __u32 generation, __u32 bytes)
{
	struct instance_slot *s;
	__u64 used, own;

	slot = slot_current(slot, generation);
	s = slot_get(slot);
	if (!s)
		return MEMORY_REFUSED;
	used = __sync_fetch_and_add(&memory_used, (__u64)bytes);
	own = __sync_fetch_and_add(&s->count[GAUGE_MEMORY_BYTES], (__u64)bytes);
	if (used + own + bytes <= cfg_memory)
		return (__u64)s->generation << 32 | slot;
	__sync_fetch_and_add(&s->count[GAUGE_MEMORY_BYTES], -(__u64)bytes);
	__sync_fetch_and_add(&memory_used, -(__u64)bytes);
	return MEMORY_REFUSED;
}

static __always_inline struct charge charge_of(__u64 taken)
{
	struct charge charge = { .slot = (__u32)taken, .generation = taken >> 32 };

	return charge;
}

/* Gives it back; if the instance is gone, so is its account. */
VERIFIED_ALONE int memory_give(__u32 slot, __u32 generation, __u32 bytes)
{
	struct instance_slot *s = slot_get(slot);

	if (s && s->generation == generation)
		__sync_fetch_and_add(&s->count[GAUGE_MEMORY_BYTES], -(__u64)bytes);
	__sync_fetch_and_add(&memory_used, -(__u64)bytes);
	return 0;
}

/* A connection, or what is inside it, is not followed for want of memory: told by instance, too. */
static __always_inline void connection_unobserved(__u32 slot, __u32 generation,
						  enum loss_reason reason)
{
	struct instance_slot *s = slot_checked(slot, generation);

	if (s)
		count_add(s, COUNT_CONNECTIONS_UNOBSERVED, 1);
	count_loss(reason);
}

#endif
