/* SPDX-License-Identifier: Apache-2.0 */
/* What a gRPC method is called, from its path as the kernel found it on the wire. */
#ifndef EDGETAP_METRICS_RPC_PATH_H
#define EDGETAP_METRICS_RPC_PATH_H

#include <stdbool.h>
#include <stdint.h>

#include "snapshot/snapshot.h"

/* The shortest Huffman codes have five bits (RFC 7541, appendix B); and a NUL. */
#define RPC_PATH_TEXT_BYTES (RPC_PATH_BYTES * 8 / 5 + 4)

/*
 * The path as text: "/package.Service/Method". `__other__` if it is not known,
 * not decodable, does not begin with a slash, or holds anything but visible
 * ASCII, of which paths are made (RFC 3986, 3.3). Two codings of one path give
 * one text.
 */
void rpc_path__text(char ret_text[RPC_PATH_TEXT_BYTES], const struct rpc_key *key);

/* Whether a row group with this status belongs to a gRPC method. */
static inline bool status_is_rpc(uint16_t status)
{
	return status >= STATUS_RPC(0) && status < (STATUS_RPC(0) | STATUS_RPC_MAX);
}

/* Whether a row group with this status holds the times of HTTP responses. */
static inline bool status_is_http(uint16_t status)
{
	return status < STATUS_RPC(0) || status == STATUS_OTHER;
}

/* Index of the entry that a group of a gRPC method belongs to; OTHER_INDEX if it is gone. */
uint32_t rpc_group__entry(const struct row_group_key *group, const struct snapshot *snapshot);

#endif
