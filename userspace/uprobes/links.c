// SPDX-License-Identifier: Apache-2.0
#include "uprobes/links.h"

#include <string.h>

void links__detach(const struct attached_ops *ops, const int *links, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		ops->detach(ops->ctx, links[i]);
}

int links__attach(const struct attached_ops *ops, const struct plan *plan, const char *path,
		  int *ret_links, const char **ret_program)
{
	bool done[PLAN_MAX_PROBES] = { false };
	int total = 0;

	for (size_t i = plan->count; i-- > 0;) {
		uint64_t offsets[PLAN_MAX_PROBES];
		size_t count = 0;
		int made;

		if (done[i])
			continue;
		for (size_t j = 0; j < plan->count; j++) {
			if (strcmp(plan->probe[j].program, plan->probe[i].program) != 0 ||
			    plan->probe[j].is_return != plan->probe[i].is_return)
				continue;
			offsets[count++] = plan->probe[j].offset;
			done[j] = true;
		}
		*ret_program = plan->probe[i].program;
		made = ops->attach(ops->ctx, path, offsets, count, plan->probe[i].program,
				   plan->probe[i].is_return, ret_links + total);
		if (made < 0) {
			links__detach(ops, ret_links, (uint32_t)total);
			return made;
		}
		total += made;
	}
	return total;
}
