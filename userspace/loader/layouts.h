/* SPDX-License-Identifier: Apache-2.0 */
/* Whether two agents could share one set of maps (include/abi.h). */
#ifndef EDGETAP_LOADER_LAYOUTS_H
#define EDGETAP_LOADER_LAYOUTS_H

#include <stdint.h>

struct bpf_object;
struct btf;

/*
 * A hash of what a type's values look like and mean: names, offsets and sizes of members, names
 * and numbers of enums. Typedefs, qualifiers and the names of integers are nothing to it, nor
 * are the type's number and what a pointer points to.
 */
uint64_t layouts__hash_type(const struct btf *btf, uint32_t type);

/*
 * Of all maps of an opened object, in whatever order they stand, less what is constant once
 * loaded; of its global variables; and of struct abi. Sizes that the user chooses do not matter.
 */
uint64_t layouts__hash(const struct bpf_object *object);

#endif
