/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * What an agent must have in common with the programs whose maps it takes over: the layouts
 * of all maps, and what the numbers in them mean. Both are found in the type information of the
 * object file and become one hash (loader/layouts.h): of the maps by themselves, of the rest by
 * this list. Every enum of include/ is in it (a unit test sees to that), and every record that goes
 * through the ring or an iterator.
 */
#ifndef EDGETAP_ABI_H
#define EDGETAP_ABI_H

#include "event.h"
#include "instance.h"
#include "loss.h"
#include "pools.h"
#include "row.h"
#include "unix_listener.h"

/* Goes up when a meaning changes that no name, number or layout shows, and when told to begin anew.
 */
#define ABI_VERSION 1

#define ABI_TYPES(X)                                                                               \
	X(struct, event)                                                                           \
	X(struct, event_tls_hello)                                                                 \
	X(struct, event_tls_end)                                                                   \
	X(struct, unix_listener)                                                                   \
	X(enum, event_kind)                                                                        \
	X(enum, tls_outcome)                                                                       \
	X(enum, tls_by)                                                                            \
	X(enum, instance_count)                                                                    \
	X(enum, abort_by)                                                                          \
	X(enum, abort_phase)                                                                       \
	X(enum, name_form)                                                                         \
	X(enum, pool)                                                                              \
	X(enum, http_method)                                                                       \
	X(enum, loss_reason)                                                                       \
	X(enum, group_status)                                                                      \
	X(enum, http_row)                                                                          \
	X(enum, connection_row)                                                                    \
	X(enum, tls_row)                                                                           \
	X(enum, upgrade_row)                                                                       \
	X(enum, rpc_row)

/* Holds none of them, but its type information tells them all. */
struct abi {
	__u32 version;
#define ABI_MEMBER(kind, name) kind name name##_[0];
	ABI_TYPES(ABI_MEMBER)
#undef ABI_MEMBER
};

#endif
