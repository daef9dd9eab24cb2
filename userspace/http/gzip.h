/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A response body that is compressed while it is written, block by block, and
 * only ever held in that form: metrics text shrinks about twenty-five fold.
 * Clients that take gzip (RFC 1952) get the blocks as they are, for the others
 * they are inflated piece by piece while they are sent.
 *
 * One thread writes, then one reads, never both at once. Once it is finished it can have
 * several readers, each with a position of its own, that share the blocks: a block is freed
 * when the last of them is done with it.
 */
#ifndef EDGETAP_HTTP_GZIP_H
#define EDGETAP_HTTP_GZIP_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct gzip;

/* What it will be read as; for one that nobody takes as it is, nothing is summed up. */
enum gzip_use { GZIP_FOR_ANYBODY, GZIP_FOR_MEMORY };

/*
 * An empty body. The memory of its blocks is counted in *held (which outlives
 * it) and taken only while that stays within limit bytes. Nothing is written
 * once CLOCK_MONOTONIC has passed deadline_ns. Returns 0 or -ENOMEM.
 */
int gzip__new(struct gzip **ret_packed, _Atomic uint64_t *held, uint64_t limit,
	      uint64_t deadline_ns, enum gzip_use use);

/*
 * Counts what this one holds in *own too, and takes no more of limit than its share: a shared
 * block is in `held` once, and in `own` of each reader that still has it. Before the first write.
 */
void gzip__set_owner(struct gzip *packed, _Atomic uint64_t *own);

/*
 * Another reader of what is finished and not yet read, with an account of its own (may be
 * NULL). Returns 0 or -ENOMEM.
 */
int gzip__share(struct gzip **ret_packed, const struct gzip *packed, _Atomic uint64_t *own);

/* NULL is fine. */
void gzip__free(struct gzip *packed);

/*
 * Appends plain bytes. Returns 0, -ETIME past the deadline, -ENOBUFS at the
 * limit, or -ENOMEM. The first error stays.
 */
int gzip__write(struct gzip *packed, const void *plain, size_t size);

/* After the last write: ends the gzip. Errors as above. */
int gzip__finish(struct gzip *packed);

/* 0, or the error that stopped it. */
int gzip__error(const struct gzip *packed);

/* Sizes of the whole body in either form, after gzip__finish. */
uint64_t gzip__plain_bytes(const struct gzip *packed);
uint64_t gzip__packed_bytes(const struct gzip *packed);

/*
 * Takes up to size bytes of the one form or the other, from the start to the
 * end, and frees the blocks that are done with. Returns how many, 0 at the end,
 * or a negative errno. Packed: not of one that is for memory.
 */
ssize_t gzip__read_packed(struct gzip *packed, char *out, size_t size);
ssize_t gzip__read_plain(struct gzip *packed, char *out, size_t size);

#endif
