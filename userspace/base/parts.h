/* SPDX-License-Identifier: Apache-2.0 */
/* Parts that a build may leave out (make WITHOUT=...; the Makefile lists them with their sources). */
#ifndef EDGETAP_BASE_PARTS_H
#define EDGETAP_BASE_PARTS_H

#include <stdbool.h>
#include <stddef.h>

struct part {
	const char *name;
	bool is_built_in;
};

/* All of them. */
const struct part *parts__all(size_t *ret_count);

/* Whether the part of this name is in this program. */
bool parts__has(const char *name);

#endif
