/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the loader share. */
#ifndef EDGETAP_LOADER_LOADER_INTERNAL_H
#define EDGETAP_LOADER_LOADER_INTERNAL_H

#include "abi.h"
#include "grid.h"
#include "row.h"

#include "edgetap.skel.h"
#include "loader/hooks.h"
#include "loader/loader.h"
#include "loader/pool.h"
#include "loader/queues.h"

struct loader {
	const struct config *config;
	struct btf *btf;
	struct grid grid;
	int cgroup_subsys;
	struct queues queues;
	bool probe_links; /* many uprobes by one link */
	struct loader_hook lines[HOOK_N];
	struct bpf_link *links[HOOK_N];
	struct edgetap *skeleton;
	struct ring_buffer *ring;
	uint64_t next_delays_ns;	   /* CLOCK_MONOTONIC: threads may be looked at again */
	struct mapped_array pools[POOL_N]; /* of those of POOLS, and of the slots */
	struct mapped_array accounts;

	void (*on_event)(void *ctx, const void *event, size_t bytes);
	void *on_event_ctx;

	struct snapshot snapshot;
	struct snapshot_series *series[SERIES_KINDS]; /* of KEYED_COUNTS */
	char *names[SERIES_KINDS];		      /* of these */
	struct snapshot_map *maps;
	struct snapshot_program *programs;
};

/* The hook's program, of one that is not HOOK_PROBE. */
struct bpf_program *loader__program(const struct edgetap *skeleton, enum hook_id hook);

/* The loaded program of a HOOK_ITERATOR runs over everything that is there. 0 or a negative errno. */
int loader__iterate(const struct loader *loader, enum hook_id hook);

/* Whether the hook was chosen. */
static inline bool loader__has_hook(const struct loader *loader, enum hook_id hook)
{
	return loader->lines[hook].chosen;
}

/* Reads the counts by key into the snapshot. 0 or -ENOMEM. */
int loader__read_series(struct loader *loader);

/* Counts that this kernel does not tell: bits of enum instance_count. */
uint64_t loader__uncounted(const struct loader *loader);

/* libbpf's callback for one record of the event ring; ctx is the loader. Returns 0. */
int loader__on_sample(void *ctx, void *data, size_t bytes);

static inline struct instance_slot *slot_at(const struct loader *loader, uint32_t i)
{
	return (struct instance_slot *)loader->pools[POOL_SLOTS].memory + i;
}

_Static_assert(sizeof(struct instance_slot) % 8 == 0, "array entries lie eight bytes apart");

#endif
