/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What user space has read at one moment, as opposed to what the programs in
 * the kernel have counted: values of machines, instances, volumes, databases.
 * Each is a kind, an owner whose labels its series carry, up to three labels
 * of its own, and a whole number in the kind's unit; views divide it.
 */
#ifndef EDGETAP_METRICS_READINGS_H
#define EDGETAP_METRICS_READINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "metrics/rollup.h"

/* Name, and the unit of its values ("" for a plain number, "2": hundredths). */
#define READINGS(X)                                                                                \
	X(UP, "")                                                                                  \
	/* of /proc/meminfo, or of a cgroup */                                                     \
	X(MEM_TOTAL, "bytes")                                                                      \
	X(MEM_FREE, "bytes")                                                                       \
	X(MEM_AVAILABLE, "bytes")                                                                  \
	X(MEM_BUFFERS, "bytes")                                                                    \
	X(MEM_CACHED, "bytes")                                                                     \
	X(MEM_SWAP_CACHED, "bytes")                                                                \
	X(MEM_ACTIVE, "bytes")                                                                     \
	X(MEM_INACTIVE, "bytes")                                                                   \
	X(MEM_SWAP_TOTAL, "bytes")                                                                 \
	X(MEM_SWAP_FREE, "bytes")                                                                  \
	X(MEM_DIRTY, "bytes")                                                                      \
	X(MEM_WRITEBACK, "bytes")                                                                  \
	X(MEM_SLAB, "bytes")                                                                       \
	X(MEM_SHMEM, "bytes")                                                                      \
	X(MEM_VMALLOC_TOTAL, "bytes")                                                              \
	X(MEM_VMALLOC_USED, "bytes")                                                               \
	X(MEM_VMALLOC_CHUNK, "bytes")                                                              \
	X(LOAD, "2")	  /* label: minutes */                                                     \
	X(CPU, "ns")	  /* labels: cpu, mode */                                                  \
	X(DISK_READS, "") /* this and below, label: device */                                      \
	X(DISK_READS_MERGED, "")                                                                   \
	X(DISK_SECTORS_READ, "sectors")                                                            \
	X(DISK_TIME_READING, "ns")                                                                 \
	X(DISK_WRITES, "")                                                                         \
	X(DISK_WRITES_MERGED, "")                                                                  \
	X(DISK_SECTORS_WRITTEN, "sectors")                                                         \
	X(DISK_TIME_WRITING, "ns")                                                                 \
	X(DISK_IO_IN_PROGRESS, "")                                                                 \
	X(DISK_TIME_IO, "ns")                                                                      \
	X(DISK_TIME_IO_WEIGHTED, "ns")                                                             \
	X(NET_RECV_BYTES, "bytes") /* this and below, label: device */                             \
	X(NET_RECV_PACKETS, "")                                                                    \
	X(NET_RECV_ERRS, "")                                                                       \
	X(NET_RECV_DROP, "")                                                                       \
	X(NET_RECV_FIFO, "")                                                                       \
	X(NET_RECV_FRAME, "")                                                                      \
	X(NET_RECV_COMPRESSED, "")                                                                 \
	X(NET_RECV_MULTICAST, "")                                                                  \
	X(NET_SENT_BYTES, "bytes")                                                                 \
	X(NET_SENT_PACKETS, "")                                                                    \
	X(NET_SENT_ERRS, "")                                                                       \
	X(NET_SENT_DROP, "")                                                                       \
	X(NET_SENT_FIFO, "")                                                                       \
	X(NET_SENT_COLLS, "")                                                                      \
	X(NET_SENT_CARRIER, "")                                                                    \
	X(NET_SENT_COMPRESSED, "")                                                                 \
	X(FILEFD_ALLOCATED, "")                                                                    \
	X(FILEFD_MAXIMUM, "")                                                                      \
	X(FILESYSTEM_BLOCKS, "") /* this and below, label: mount */                                \
	X(FILESYSTEM_BLOCK_SIZE, "bytes")                                                          \
	X(FILESYSTEM_BLOCKS_FREE, "")                                                              \
	X(FILESYSTEM_BLOCKS_AVAIL, "")                                                             \
	X(PRESSURE, "ns") /* labels: resource, kind (some, full) */                                \
	X(CPU_PERIODS, "")                                                                         \
	X(CPU_THROTTLED_PERIODS, "")                                                               \
	X(CPU_THROTTLED, "ns")                                                                     \
	X(PROCESSES, "")                                                                           \
	X(VOLUME_SIZE, "bytes") /* this and the next, label: id */                                 \
	X(VOLUME_USED, "4")	/* percent */                                                      \
	X(UNIX_STREAM_LISTENERS, "")                                                               \
	/* of Postgres' statistics; label: database, then the others */                            \
	X(PG_ACTIVITY_COUNT, "")	     /* labels: datname, state */                          \
	X(PG_ACTIVITY_MAX_TX_DURATION, "ns") /* labels: datname, state */                          \
	X(PG_ARCHIVER_ARCHIVED, "")                                                                \
	X(PG_ARCHIVER_FAILED, "")                                                                  \
	X(PG_BGWRITER_BUFFERS_ALLOC, "")                                                           \
	X(PG_BGWRITER_BUFFERS_BACKEND_FSYNC, "")                                                   \
	X(PG_BGWRITER_BUFFERS_BACKEND, "")                                                         \
	X(PG_BGWRITER_BUFFERS_CHECKPOINT, "")                                                      \
	X(PG_BGWRITER_BUFFERS_CLEAN, "")                                                           \
	X(PG_BGWRITER_CHECKPOINT_SYNC_TIME, "ns")                                                  \
	X(PG_BGWRITER_CHECKPOINT_WRITE_TIME, "ns")                                                 \
	X(PG_BGWRITER_CHECKPOINTS_REQ, "")                                                         \
	X(PG_BGWRITER_CHECKPOINTS_TIMED, "")                                                       \
	X(PG_BGWRITER_MAXWRITTEN_CLEAN, "")                                                        \
	X(PG_BGWRITER_STATS_RESET, "ns")   /* since 1970 */                                        \
	X(PG_DATABASE_BLK_READ_TIME, "ns") /* this and below, label: datname */                    \
	X(PG_DATABASE_BLK_WRITE_TIME, "ns")                                                        \
	X(PG_DATABASE_BLKS_HIT, "")                                                                \
	X(PG_DATABASE_BLKS_READ, "")                                                               \
	X(PG_DATABASE_CONFLICTS_BUFFERPIN, "")                                                     \
	X(PG_DATABASE_CONFLICTS_DEADLOCK, "")                                                      \
	X(PG_DATABASE_CONFLICTS_LOCK, "")                                                          \
	X(PG_DATABASE_CONFLICTS_SNAPSHOT, "")                                                      \
	X(PG_DATABASE_CONFLICTS_TABLESPACE, "")                                                    \
	X(PG_DATABASE_CONFLICTS, "")                                                               \
	X(PG_DATABASE_DEADLOCKS, "")                                                               \
	X(PG_DATABASE_NUMBACKENDS, "")                                                             \
	X(PG_DATABASE_STATS_RESET, "ns") /* since 1970 */                                          \
	X(PG_DATABASE_TUP_DELETED, "")                                                             \
	X(PG_DATABASE_TUP_FETCHED, "")                                                             \
	X(PG_DATABASE_TUP_INSERTED, "")                                                            \
	X(PG_DATABASE_TUP_RETURNED, "")                                                            \
	X(PG_DATABASE_TUP_UPDATED, "")                                                             \
	X(PG_DATABASE_XACT_COMMIT, "")                                                             \
	X(PG_DATABASE_XACT_ROLLBACK, "")                                                           \
	X(PG_DATABASE_SIZE, "bytes")                                                               \
	X(PG_REPLICATION_CURRENT_WAL_LSN, "bytes") /* this and the next two: application_name, */  \
	X(PG_REPLICATION_WAL_LSN_DIFF, "bytes")	   /* client_addr, state */                        \
	X(PG_REPLICATION_REPLY_TIME, "ns")	   /* since 1970 */                                \
	X(PG_REPLICATION_LAG, "ns")		   /* of a standby; no label */                    \
	X(PG_UP, "")                                                                               \
	/* of endpoints at which instances expose metrics; label: endpoint, then reason */         \
	X(CUSTOM_UP, "")                                                                           \
	X(CUSTOM_DURATION, "ns")                                                                   \
	X(CUSTOM_SAMPLES, "")                                                                      \
	X(CUSTOM_LEFT_OUT, "")                                                                     \
	X(CUSTOM_UNTYPED, "")                                                                      \
	X(CUSTOM_FAILURES, "")                                                                     \
	X(CUSTOM_NOT_ASKED, "") /* of apps */

enum reading_kind {
#define READING_KIND(name, unit) READING_##name,
	READINGS(READING_KIND)
#undef READING_KIND
		READING_KINDS
};

/* Kinds that come from the same files, which are not read for a page that shows none of them. */
enum reading_group {
	READINGS_OF_LIFE = 1U << 0, /* that an instance is up, and what tells so */
	READINGS_OF_MEMORY = 1U << 1,
	READINGS_OF_CPU = 1U << 2,
	READINGS_OF_PRESSURE = 1U << 3,
	READINGS_OF_DISKS = 1U << 4,
	READINGS_OF_NETWORK = 1U << 5,
	READINGS_OF_FILESYSTEMS = 1U << 6,
	READINGS_OF_VOLUMES = 1U << 7,
	READINGS_OF_UNIX = 1U << 8,
	READINGS_AT_HAND = 1U << 9, /* what was asked or read before, or is of the machine alone */
};

/* of containers and units */
#define READINGS_OF_INSTANCES                                                                      \
	(READINGS_OF_LIFE | READINGS_OF_MEMORY | READINGS_OF_CPU | READINGS_OF_PRESSURE |          \
	 READINGS_OF_DISKS | READINGS_OF_NETWORK | READINGS_OF_FILESYSTEMS | READINGS_OF_VOLUMES)

/* The one that a kind is of. */
enum reading_group reading__group(enum reading_kind kind);

/* What a page shows: bits of enum reading_group, of the apps in the scope. */
struct readings_wanted {
	unsigned int groups;
	const struct scope *scope;
};

extern const struct readings_wanted readings_all;

#define READING_LABELS 3

struct reading {
	uint32_t owner;			   /* index */
	uint16_t kind;			   /* enum reading_kind */
	const char *label[READING_LABELS]; /* UTF-8; "": absent */
	uint64_t value;
};

/* Beyond these nothing is added, and what is not is counted. */
#define READINGS_MAX_OWNERS 16384
#define READINGS_MAX (1U << 20)
#define READINGS_MAX_TEXT_BYTES (16U << 20)

struct readings;

/* Returns 0 or -ENOMEM. */
int readings__new(struct readings **ret_readings);
void readings__free(struct readings *readings);

/* Empties it; the memory is kept for the next moment. All are wanted. */
void readings__clear(struct readings *readings);

/*
 * Says what is wanted of those that are added next: more may be, and is shown to nobody. The
 * scope must stay until they have been.
 */
void readings__want(struct readings *readings, const struct readings_wanted *wanted);

/* Whether any of these groups is wanted. */
bool readings__wants(const struct readings *readings, unsigned int groups);

/* Whether those of this app are. */
bool readings__wants_app(const struct readings *readings, const char *app);

/*
 * The owner of these labels, added if it is new: two with the same labels are
 * one. Labels are copied, and repaired if they are not UTF-8. Returns its
 * index, or -ENOMEM or -ENOSPC.
 */
int64_t readings__owner(struct readings *readings, const struct model_labels *labels);

/*
 * Adds one value. labels are copied and repaired; NULL and missing ones are "".
 * Returns 0, or -ENOMEM or -ENOSPC, after which the value is counted as lost; a
 * caller may go on.
 */
int readings__add(struct readings *readings, int64_t owner, enum reading_kind kind, uint64_t value,
		  const char *first, const char *second, const char *third);

/* Values that were not added since the last clear. */
uint64_t readings__lost(const struct readings *readings);

/*
 * All of a kind, in the order of their owners, then as they were added. Valid
 * until the next change. Values of one owner with the same labels are not told
 * apart here; views show the first.
 */
size_t readings__of(struct readings *readings, enum reading_kind kind,
		    const struct reading **ret_first);

/* The owners, by index below their number; the labels are valid until the next clear. */
size_t readings__owners(const struct readings *readings);
const struct model_labels *readings__labels(const struct readings *readings, uint32_t owner);

#endif
