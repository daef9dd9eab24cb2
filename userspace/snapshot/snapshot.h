/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the kernel has counted. The arrays are the BPF maps themselves, mapped
 * read-only: values grow while they are read, and never fall. Nothing here
 * includes libbpf; the loader makes a snapshot, tests make one by hand.
 */
#ifndef EDGETAP_SNAPSHOT_H
#define EDGETAP_SNAPSHOT_H

#include <stdint.h>

#include "instance.h"
#include "loss.h"
#include "pools.h"
#include "row.h"

/* What is counted by instance and names: by the kernel (include/pools.h), and by user space. */
enum series_kind {
#define SERIES_ENUM(id, ...) SERIES_##id,
	KEYED_COUNTS(SERIES_ENUM)
#undef SERIES_ENUM
		SERIES_TLS_ERRORS, /* failed handshakes: server name, by whom, reason */
	SERIES_TLS_HELLOS,	   /* ClientHellos: the first protocol that they offer */
	SERIES_KINDS
};

#define SERIES_NAMES KEYED_NAMES_MAX
#define SERIES_COUNTS KEYED_COUNTS_MAX

/* Fields of struct destination_counts, as an index. */
enum destination_field {
	DESTINATION_CONNECTS,
	DESTINATION_REFUSED,
	DESTINATION_FAILED,
};

/* One instance, one set of names. The names are whose the array of these is. */
struct snapshot_series {
	uint32_t slot;
	uint32_t generation;		/* of the slot, when they were counted */
	const char *name[SERIES_NAMES]; /* texts, or NAME_ADDRESS_BYTES; NULL beyond the kind's */
	uint64_t count[SERIES_COUNTS];
};

struct snapshot_map {
	const char *name;
	uint64_t entries;
	uint64_t capacity;
	uint64_t bytes; /* kernel memory, as the kernel reports it */
};

struct snapshot_program {
	const char *name;
	uint64_t run_count; /* zero unless kernel.bpf_stats_enabled */
	uint64_t run_ns;
	uint64_t missed; /* runs that the kernel skipped because the program was already running */
};

struct snapshot {
	const struct grid *grid;
	const struct instance_slot *slots;
	uint32_t slot_count; /* slots[0] is `__other__`; look at in_use */
	const struct status_entry *statuses;
	uint32_t status_count; /* statuses[0] is `__other__` */
	const struct row_group *groups;
	uint32_t group_count; /* groups[0] is `__other__` */
	const struct rpc_entry *rpcs;
	uint32_t rpc_count; /* rpcs[0] is `__other__` */
	/* by kind, in no order, no two alike */
	const struct snapshot_series *series[SERIES_KINDS];
	uint32_t series_count[SERIES_KINDS];
	uint64_t uncounted; /* bits of enum instance_count: this kernel does not tell them */
	const struct snapshot_map *maps;
	uint32_t map_count;
	const struct snapshot_program *programs;
	uint32_t program_count;
	uint64_t loss[LOSS_N];
	uint64_t live_sockets;
	uint64_t connection_bytes; /* kernel memory of connections and threads */
	uint64_t connection_bytes_limit;
};

#endif
