/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which endpoints are asked where there are more than the limit: apps get the same number,
 * and what one does not need is the others'. Pure.
 */
#ifndef EDGETAP_COLLECT_ENDPOINTS_ALLOT_H
#define EDGETAP_COLLECT_ENDPOINTS_ALLOT_H

#include "collect/endpoints/custom.h"

struct allotted {
	const struct model_labels *labels; /* of a target of the app */
	uint32_t wanted;
	uint32_t given; /* of these, the first */
};

struct allotment {
	struct allotted *app; /* by app and namespace */
	size_t app_count;
	bool *is_given; /* by target */
};

/* Targets must stay. allotment__free in any case. 0 or -ENOMEM. */
int allotment__make(struct allotment *allotment, const struct custom_target *targets, size_t count,
		    size_t limit);
void allotment__free(struct allotment *allotment);

#endif
