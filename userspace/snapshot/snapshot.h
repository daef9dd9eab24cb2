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
#include "row.h"

struct snapshot_destination {
	struct destination_key key;
	struct destination_counts counts;
};

/* Failed TLS handshakes of one instance, alike in everything. The strings belong to tls_names. */
struct snapshot_tls_error {
	uint32_t slot;
	uint32_t generation;	 /* of the slot, when they were counted; 0 for `__other__` */
	const char *server_name; /* lower case; "" without one; or `__other__` */
	const char *by;		 /* "client" or "server" */
	const char *reason;	 /* see events/reason.h; or `__other__` */
	uint64_t count;
};

/* ClientHellos of one instance by the first protocol that they offer. */
struct snapshot_tls_hello {
	uint32_t slot;
	uint32_t generation;
	const char *alpn; /* static: a protocol, "" if none was offered, or `__other__` */
	uint64_t count;
};

/* Ends of one instance's main process with the same exit code. */
struct snapshot_exit {
	struct exit_key key;
	char code[4]; /* decimal */
	uint64_t count;
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
	const struct snapshot_destination *destinations;
	uint32_t destination_count;
	const struct snapshot_tls_error *tls_errors; /* in no order */
	uint32_t tls_error_count;
	const struct snapshot_tls_hello *tls_hellos; /* in no order */
	uint32_t tls_hello_count;
	const struct snapshot_exit *exits; /* in no order */
	uint32_t exit_count;
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
