/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot made by hand: counts as the kernel side would, through the same
 * grid, into arrays of a chosen size. Shared by the unit tests of everything
 * behind the snapshot and by the encoding benchmark.
 */
#ifndef EDGETAP_TESTS_SAMPLE_H
#define EDGETAP_TESTS_SAMPLE_H

#include "base/scope.h"
#include "encoders/encoder.h"
#include "exposition/exposition.h"
#include "metrics/rollup.h"
#include "metrics/series.h"
#include "snapshot/snapshot.h"

#define SAMPLE_CLASSIC 16
#define SAMPLE_DESTINATIONS 64
#define SAMPLE_RPCS 512
#define SAMPLE_SERIES 512 /* of a kind */

extern const uint64_t sample_classic_ns[SAMPLE_CLASSIC]; /* the default bounds */

struct sample {
	const uint64_t *classic_ns; /* the bounds that the grid has, the default ones at first */
	size_t classic_count;
	struct grid grid;
	struct instance_slot *slots;
	struct status_entry *statuses;
	struct row_group *groups;
	struct identity *identities; /* by slot; app is NULL: none */
	struct rpc_entry *rpcs;
	struct snapshot_series *series[SERIES_KINDS];
	char (*name)[SERIES_TEXT_BYTES]; /* those that the sample made */
	uint32_t names_used;
	struct snapshot snapshot;
	struct model_identities source;
	const struct scope *scope; /* of who asks; NULL: all */
	struct readings *readings;
	const struct exposition_extra *extra;
	uint32_t statuses_used, groups_used, rpcs_used;
};

/* Aborts without memory: there is no test without it. */
void sample__init(struct sample *sample, uint32_t slots, uint32_t statuses, uint32_t groups);
void sample__free(struct sample *sample);

/* Other bounds, before anything is counted. */
void sample__bounds(struct sample *sample, const uint64_t *classic_ns, size_t count);

/* Puts an instance into a slot. */
void sample__instance(struct sample *sample, uint32_t slot, const char *app, const char *instance);

/* Responses with an exact status, every time of theirs being ns. */
void sample__respond(struct sample *sample, uint32_t slot, unsigned int status,
		     enum http_method method, uint64_t times, uint64_t ns);

/* Counts one value in a row of the group of (slot, status as in struct row_group_key). */
void sample__observe(struct sample *sample, uint32_t slot, unsigned int status, unsigned int row,
		     uint64_t ns);

/* The names are not copied; NULL beyond those of the kind. The counts may be changed. */
struct snapshot_series *sample__series(struct sample *sample, uint32_t slot, enum series_kind kind,
				       const char *const name[SERIES_NAMES]);

void sample__destination(struct sample *sample, uint32_t slot, const char *address, uint16_t port,
			 uint64_t connects, uint64_t refused, uint64_t failed);

/* A path as it stands on the wire, plain or in HPACK's Huffman code. It must fit. */
void sample__rpc_key(struct rpc_key *ret_key, uint32_t slot, const char *path, bool huffman);

/* Calls of a gRPC method that ended with this status, every time of theirs being ns. */
void sample__call(struct sample *sample, uint32_t slot, const char *path, bool huffman,
		  unsigned int code, uint64_t times, uint64_t ns);

/* The strings are not copied. */
void sample__tls_error(struct sample *sample, uint32_t slot, const char *server_name,
		       const char *by, const char *reason, uint64_t count);
void sample__tls_hello(struct sample *sample, uint32_t slot, const char *alpn, uint64_t count);

/* Ends of the instance's main process with this exit code. */
void sample__exit(struct sample *sample, uint32_t slot, unsigned int code, uint64_t count);

/* Gives a retired slot back, as the loader does: nothing of it is left. */
void sample__reuse(struct sample *sample, uint32_t slot);

/*
 * The whole exposition as a NUL-terminated string from malloc; region "test",
 * host "node", version "1.2.3", revision "abc". Aborts on failure.
 */
char *sample__render(struct sample *sample, const struct rollup *rollup, const struct view *view,
		     const struct encoder *encoder, size_t *ret_length);

#endif
