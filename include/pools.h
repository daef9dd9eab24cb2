/* SPDX-License-Identifier: GPL-2.0 OR Apache-2.0 */
/*
 * Everything that is counted by instance and something else. A line here makes its maps in the
 * kernel and each owner's share of them (bpf/conn/share.h), and in user space its size, reading,
 * fill and deletion with the instance; of a count by key also its series (enum series_kind), whose
 * total outlives the instance.
 */
#ifndef EDGETAP_POOLS_H
#define EDGETAP_POOLS_H

#include "defaults.h"
#include "instance.h"
#include "row.h"

/* Client role: connections of one instance to one address. */
struct destination_key {
	__u32 slot;
	__u32 generation;
	__u8 addr[16]; /* IPv4 as ::ffff:a.b.c.d */
	__u16 port_be16;
	__u16 pad[3];
};

struct destination_counts {
	__u64 connects;
	__u64 refused;
	__u64 failed;
};

/* How the main process of an instance ended. */
struct exit_key {
	__u32 slot;
	__u32 generation;
	__u32 code; /* 0..255: its own, or 128 and the signal's number */
	__u32 pad;
};

_Static_assert(sizeof(struct destination_key) == 32, "hash key");
_Static_assert(sizeof(struct exit_key) == 16, "hash key");
_Static_assert(__builtin_offsetof(struct destination_key, port_be16) ==
		       __builtin_offsetof(struct destination_key, addr) + 16,
	       "together they are a name");

/* What a name in a key is. */
enum name_form {
	NAME_NONE,
	NAME_TEXT,    /* bytes up to a NUL or the member's end; UTF-8, or it is `__other__` */
	NAME_NUMBER,  /* 32 bits, shown in decimal */
	NAME_ADDRESS, /* 16 bytes, IPv4 as ::ffff:a.b.c.d, and behind them two of a port, big-endian
		       */
};

#define NAME_ADDRESS_BYTES 18

struct key_name {
	enum name_form form;
	__u32 offset, bytes; /* of the member */
};

#define KEY_NAME(key, member, form)                                                                \
	{                                                                                          \
		(form), __builtin_offsetof(key, member), sizeof(((key *)0)->member)                \
	}

/* clang-format off */
/*
 * Pools: mapped arrays, whose free indices wait in a queue, and which are found through a hash
 * beside them: index_by_ONE, ONE_by_index, free_MANY. Index 0 is `__other__`. Keys begin with
 * their slot, entries with their key. Identifier, one, many, key, entry, default size.
 */
#define POOLS(X)                                                                                   \
	X(STATUSES, status, statuses, struct status_key, struct status_entry, DEFAULT_MAX_STATUSES) \
	X(GROUPS, group, groups, struct row_group_key, struct row_group, DEFAULT_MAX_GROUPS)       \
	X(RPCS, rpc, rpcs, struct rpc_key, struct rpc_entry, DEFAULT_MAX_RPCS)

/*
 * Counts by key: a hash. Keys begin with slot and generation, values are up to KEYED_COUNTS_MAX
 * counters of 64 bits. What finds no room is lost as ID_FULL. Identifier, map, key, value,
 * default size, and up to KEYED_NAMES_MAX names that the key has.
 */
#define KEYED_COUNTS(X)                                                                            \
	X(DESTINATIONS, counts_by_destination, struct destination_key, struct destination_counts,  \
	  DEFAULT_MAX_DESTINATIONS, KEY_NAME(struct destination_key, addr, NAME_ADDRESS))          \
	X(EXITS, exits_by_code, struct exit_key, __u64, DEFAULT_MAX_EXITS,                         \
	  KEY_NAME(struct exit_key, code, NAME_NUMBER))

/*
 * Reasons of losses that loss.h does not list itself, for the tables of this file: as there.
 */
#define TABLE_LOSSES(X)
/* clang-format on */

#define KEYED_NAMES_MAX 3
#define KEYED_COUNTS_MAX 3
#define KEYED_KEY_MAX 128 /* bytes */

/* Tables that all instances share. */
enum pool {
	POOL_SLOTS,
#define POOL_ENUM(id, ...) POOL_##id,
	POOLS(POOL_ENUM) KEYED_COUNTS(POOL_ENUM)
#undef POOL_ENUM
		POOL_N
};

/*
 * Entries that one owner has: a container, a unit, an executable of root's (each has the account
 * of its slot's index), or all executables of a user outside of these (behind the slots').
 */
struct account {
	__u32 used[(POOL_N + 1) & ~1]; /* by enum pool */
};

#define CHECK_POOL(id, one, many, key_type, entry, size)                                           \
	_Static_assert(__builtin_offsetof(key_type, slot) == 0, "keys begin with their slot");     \
	_Static_assert(__builtin_offsetof(entry, key) == 0, "entries begin with their key");       \
	_Static_assert(sizeof(entry) % 8 == 0, "array entries lie eight bytes apart");
POOLS(CHECK_POOL)
#undef CHECK_POOL

#define CHECK_COUNT(id, map, key, value, size, ...)                                                \
	_Static_assert(__builtin_offsetof(key, slot) == 0, "keys begin with their slot");          \
	_Static_assert(__builtin_offsetof(key, generation) == 4, "and its generation");            \
	_Static_assert(sizeof(key) <= KEYED_KEY_MAX, "a longer one has no room");                  \
	_Static_assert(sizeof(value) % 8 == 0 && sizeof(value) <= 8 * KEYED_COUNTS_MAX,            \
		       "counters of 64 bits");
KEYED_COUNTS(CHECK_COUNT)
#undef CHECK_COUNT

#endif
