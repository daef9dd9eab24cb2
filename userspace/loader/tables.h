/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of include/pools.h, as the loader has them: one row each, and what is done with all. */
#ifndef EDGETAP_LOADER_TABLES_H
#define EDGETAP_LOADER_TABLES_H

#include <stdbool.h>
#include <stdint.h>

#include "loader/loader_internal.h"

/* Sets the sizes of their maps, before the object is loaded. */
void tables__set_sizes(struct edgetap *skeleton, const struct config *config);

/* Maps the pools into memory and fills their free lists. Returns 0 or a negative errno. */
int tables__open(struct loader *loader);
void tables__close(struct loader *loader);

/* The map that holds what is counted: a pool's array or a hash. */
struct bpf_map *table__map(const struct edgetap *skeleton, enum pool pool);

/* How many entries of the table are in use, in the snapshot of now. */
uint32_t table__fill(const struct loader *loader, enum pool pool);

/* Makes the kernel forget where the slot's entries of pools are. */
void tables__unindex(const struct loader *loader, uint32_t slot);

/* Gives the slot's entries of all tables back; how many of each. Those of POOL_SLOTS stay. */
void tables__take_back(const struct loader *loader, uint32_t slot, uint32_t ret_given[POOL_N]);

#endif
