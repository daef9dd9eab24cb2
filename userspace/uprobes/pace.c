// SPDX-License-Identifier: Apache-2.0
#include "uprobes/pace.h"

static uint64_t debt_ns(const struct pace_debt *debt, uint64_t part, uint64_t now_ns)
{
	uint64_t forgotten_ns = now_ns > debt->at_ns ? (now_ns - debt->at_ns) / part : 0;

	return debt->ns > forgotten_ns ? debt->ns - forgotten_ns : 0;
}

static void add(struct pace_debt *debt, uint64_t ns, uint64_t part, uint64_t now_ns)
{
	*debt = (struct pace_debt){ debt_ns(debt, part, now_ns) + ns, now_ns };
}

bool pace__may(const struct pace *pace, uint64_t owner, uint64_t now_ns)
{
	if (debt_ns(&pace->all, PACE_ALL_PART, now_ns) >= PACE_ALL_NS)
		return false;
	for (size_t i = 0; i < PACE_OWNERS; i++)
		if (pace->owner[i].owner == owner &&
		    debt_ns(&pace->owner[i].debt, PACE_OWNER_PART, now_ns) >= PACE_OWNER_NS)
			return false;
	return true;
}

void pace__spend(struct pace *pace, uint64_t owner, uint64_t took_ns, uint64_t cpu_ns,
		 uint64_t now_ns)
{
	struct pace_owner *entry = &pace->owner[0];
	uint64_t least_ns = UINT64_MAX;

	add(&pace->all, cpu_ns, PACE_ALL_PART, now_ns);
	for (size_t i = 0; i < PACE_OWNERS; i++) {
		struct pace_owner *other = &pace->owner[i];
		uint64_t spent_ns = debt_ns(&other->debt, PACE_OWNER_PART, now_ns);

		if (other->owner == owner && other->debt.ns) {
			entry = other;
			break;
		}
		if (spent_ns < least_ns) {
			least_ns = spent_ns;
			entry = other;
		}
	}
	if (entry->owner != owner)
		*entry = (struct pace_owner){ .owner = owner };
	add(&entry->debt, took_ns, PACE_OWNER_PART, now_ns);
}
