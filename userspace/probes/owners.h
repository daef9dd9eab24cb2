/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who has the probes' tables and the thread's time. An owner is a container, a unit, or a user
 * outside both: whoever can make processes and files at will, and no second owner. Of each
 * table an owner may hold no more than is still free: one alone gets half, n of them an (n + 1)th
 * each, and who comes next finds room. Of the thread's time each has OWNERS_BURST_NS, which
 * comes back at a rate of one in OWNERS_RATE; who has used it up waits.
 */
#ifndef EDGETAP_PROBES_OWNERS_H
#define EDGETAP_PROBES_OWNERS_H

#include <stdbool.h>
#include <stdint.h>

#define OWNERS_MAX 512 /* beyond, newcomers share an account while nobody's is unused */
#define OWNERS_BURST_NS 5000000000ULL
#define OWNERS_RATE 10

/* The account that is nobody's own. */
#define OWNERS_COMMON 0

enum owners_table { OWNS_FILES, OWNS_LINKS, OWNS_PROCESSES, OWNS_PLANS, OWNERS_TABLES };

struct owners;

/* room: of each table. 0 or -ENOMEM. NULL may be freed. */
int owners__new(struct owners **ret_owners, const uint32_t room[OWNERS_TABLES]);
void owners__free(struct owners *owners);

/* An owner's account, valid while it holds anything, and during one call. now_ns as below. */
uint16_t owners__account(struct owners *owners, uint64_t owner, uint64_t now_ns);

/* Whether it may hold so many more, which it does then. */
bool owners__take(struct owners *owners, uint16_t account, enum owners_table table, uint32_t count);
void owners__give(struct owners *owners, uint16_t account, enum owners_table table, uint32_t count);

/* How many it holds. */
uint32_t owners__held(const struct owners *owners, uint16_t account, enum owners_table table);

/* How many hold something of the table. */
uint32_t owners__holders(const struct owners *owners, enum owners_table table);

/* Time was spent on it, until now_ns (CLOCK_MONOTONIC). */
void owners__charge(struct owners *owners, uint16_t account, uint64_t spent_ns, uint64_t now_ns);

/* What it has spent and not got back: who has more of it waits longer. 0 for one not known. */
uint64_t owners__debt_ns(const struct owners *owners, uint64_t owner, uint64_t now_ns);

/* True if nothing of this kind (below 8) was told of this account before. */
bool owners__say(struct owners *owners, uint16_t account, unsigned int kind);

#endif
