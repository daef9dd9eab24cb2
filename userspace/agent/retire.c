// SPDX-License-Identifier: Apache-2.0
#include "agent/retire.h"

#include <errno.h>
#include <stdlib.h>

struct retire_queue {
	uint32_t slot_count;
	uint32_t head;
	uint32_t count;
	bool *waits;	  /* by slot */
	uint64_t *due_ns; /* ring, as is slot */
	uint32_t *slot;
};

int retire_queue__new(struct retire_queue **ret_queue, uint32_t slot_count)
{
	struct retire_queue *queue = calloc(1, sizeof(*queue));

	if (!queue)
		return -ENOMEM;
	queue->slot_count = slot_count;
	queue->waits = calloc(slot_count, sizeof(*queue->waits));
	queue->due_ns = calloc(slot_count, sizeof(*queue->due_ns));
	queue->slot = calloc(slot_count, sizeof(*queue->slot));
	if (!queue->waits || !queue->due_ns || !queue->slot) {
		retire_queue__free(queue);
		return -ENOMEM;
	}
	*ret_queue = queue;
	return 0;
}

void retire_queue__free(struct retire_queue *queue)
{
	if (!queue)
		return;
	free(queue->waits);
	free(queue->due_ns);
	free(queue->slot);
	free(queue);
}

int retire_queue__push(struct retire_queue *queue, uint32_t slot, uint64_t due_ns)
{
	uint32_t place;

	if (slot >= queue->slot_count)
		return -EINVAL;
	if (queue->waits[slot])
		return -EALREADY;
	place = (queue->head + queue->count++) % queue->slot_count;
	queue->waits[slot] = true;
	queue->slot[place] = slot;
	queue->due_ns[place] = due_ns;
	return 0;
}

bool retire_queue__pop(struct retire_queue *queue, uint64_t now_ns, uint32_t *ret_slot)
{
	uint32_t slot;

	if (retire_queue__next_ns(queue) > now_ns || !queue->count)
		return false;
	slot = queue->slot[queue->head];
	queue->head = (queue->head + 1) % queue->slot_count;
	queue->count--;
	queue->waits[slot] = false;
	*ret_slot = slot;
	return true;
}

uint64_t retire_queue__next_ns(const struct retire_queue *queue)
{
	return queue->count ? queue->due_ns[queue->head] : UINT64_MAX;
}

bool retire_queue__has(const struct retire_queue *queue, uint32_t slot)
{
	return slot < queue->slot_count && queue->waits[slot];
}
