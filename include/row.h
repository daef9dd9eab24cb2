/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Histogram rows. The kernel takes a group of four rows at once, for one
 * instance and one status; their number is bounded by the pool, whose first
 * group is `__other__`.
 */
#ifndef EDGETAP_ROW_H
#define EDGETAP_ROW_H

#include "grid.h"

struct row {
	__u64 sum_ns;
	__u64 cell[GRID_MAX_CELLS];
};

/* Rows of a group whose status is not STATUS_NONE. */
enum http_row {
	ROW_EDGE_RESPONSE = 0,
	ROW_APP_RESPONSE = 1,
	ROW_APP_FIRST_BYTE = 2,
	ROW_APP_QUEUE = 3,
};

/* Rows of a group with STATUS_NONE: facts of connections, and the queue time of aborted requests. */
enum connection_row {
	ROW_RTT = 0, /* smoothed round-trip time at the end of a server connection */
	ROW_APP_CONNECT =
		1, /* handshake completed .. accepted; empty where accept is not observable */
	ROW_OUTBOUND_CONNECT = 2, /* SYN sent .. established, client role */
	ROW_ABORTED_QUEUE = 3,	  /* same fact as ROW_APP_QUEUE */
};

/* Rows of a group with STATUS_TLS: ClientHello queued .. handshake done, by version. */
enum tls_row { ROW_TLS_1_0 = 0, ROW_TLS_1_1 = 1, ROW_TLS_1_2 = 2, ROW_TLS_1_3 = 3 };

/* Rows of a group with STATUS_UPGRADE. */
enum upgrade_row { ROW_UPGRADED = 0 /* response 101 (or 2xx to CONNECT) .. end of connection */ };

/* Rows of a group with STATUS_RPC(entry): one gRPC method, whatever its status. */
enum rpc_row { ROW_RPC_RESPONSE = 0, ROW_RPC_FIRST_BYTE = 1, ROW_RPC_QUEUE = 2 };

#define GROUP_ROWS 4

/* What a group's status may be beside a class (1..5) and an exact code (100..999). */
enum group_status {
	STATUS_RPCS = 0x8000, /* the rpc entry of index 0; the others follow */
	STATUS_UPGRADE = 0xfffc,
	STATUS_TLS = 0xfffd,
	STATUS_OTHER = 0xfffe, /* `__other__` */
	STATUS_NONE = 0xffff,  /* group of connection rows */
};

#define STATUS_RPC(i) (STATUS_RPCS | (i)) /* i < STATUS_RPC_MAX: index of the rpc entry */
#define STATUS_RPC_MAX 0x7000

struct row_group_key {
	__u32 slot;
	__u16 status; /* 1..5: a class; 100..999: an exact code; or STATUS_* */
	__u16 pad;
};

struct row_group {
	struct row_group_key key; /* valid while in_use */
	__u32 in_use;
	__u32 pad;
	struct row row[GROUP_ROWS];
};

_Static_assert(sizeof(struct row_group_key) == 8, "hash key");
_Static_assert(sizeof(struct row) == 8 + 8 * GRID_MAX_CELLS, "no padding");
_Static_assert(sizeof(struct row_group) == 16 + 4 * sizeof(struct row), "no padding");

#endif
