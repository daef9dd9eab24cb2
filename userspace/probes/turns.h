/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Processes that wait to be looked at. Their owners take turns, and who has cost least so
 * far goes first; of one owner no more wait than there is room left for others.
 */
#ifndef EDGETAP_PROBES_TURNS_H
#define EDGETAP_PROBES_TURNS_H

#include "probes/kin.h"

#define TURNS_MAX 4096	 /* processes */
#define TURNS_OWNERS 512 /* that wait at a time; newcomers beyond are refused */

/* An owner that has to wait now. */
#define TURNS_LATER UINT64_MAX

struct turns;

/* 0 or -ENOMEM. NULL may be freed. */
int turns__new(struct turns **ret_turns);
void turns__free(struct turns *turns);

/* 0, or -ENOSPC: its owner has no room. */
int turns__push(struct turns *turns, const struct serving *serving);

/*
 * Takes out the oldest of the owner whose turn it is: that of the lowest cost, and among
 * those the one that has waited longest. cost_of returns the cost, or TURNS_LATER. False if
 * nobody's turn has come.
 */
bool turns__pop(struct turns *turns, uint64_t (*cost_of)(void *ctx, uint64_t owner), void *ctx,
		struct serving *ret_serving);

/* How many wait. */
uint32_t turns__count(const struct turns *turns);

#endif
