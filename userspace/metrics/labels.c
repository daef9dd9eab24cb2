/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "defaults.h"
#include "metrics/rollup.h"

const char *model_label__of_targets(enum model_label label)
{
	static const char *const names[MODEL_LABELS] = {
		[MODEL_NAMESPACE] = "namespace",
		[MODEL_POD] = "pod",
		[MODEL_CONTAINER] = "container",
	};

	return label < MODEL_LABELS ? names[label] : NULL;
}

struct model_labels model_labels__of(const struct identity *identity)
{
	return (struct model_labels){ {
		[MODEL_APP] = identity->app,
		[MODEL_NAMESPACE] = identity->namespace_,
		[MODEL_INSTANCE] = identity->instance,
		[MODEL_POD] = identity->pod,
		[MODEL_CONTAINER] = identity->container,
	} };
}

bool model_labels__of_slot(struct model_labels *ret_labels, uint32_t slot,
			   const struct model_identities *identities)
{
	const struct identity *identity;

	for (int i = 0; i < MODEL_LABELS; i++)
		ret_labels->value[i] = "";
	if (slot == OTHER_INDEX) {
		ret_labels->value[MODEL_APP] = VALUE_OTHER;
		ret_labels->value[MODEL_INSTANCE] = VALUE_OTHER;
		return true;
	}
	identity = identities->get(identities->table, slot);
	if (!identity) {
		ret_labels->value[MODEL_APP] = VALUE_UNKNOWN;
		ret_labels->value[MODEL_INSTANCE] = VALUE_UNKNOWN;
		return true;
	}
	*ret_labels = model_labels__of(identity);
	return !identity->dropped;
}

int model_labels__compare(const struct model_labels *a, const struct model_labels *b,
			  unsigned int mask)
{
	for (int i = 0; i < MODEL_LABELS; i++) {
		int order;

		if (!(mask & 1U << i) || a->value[i] == b->value[i])
			continue;
		order = strcmp(a->value[i], b->value[i]);
		if (order)
			return order;
	}
	return 0;
}
