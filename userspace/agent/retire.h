/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Slots between loader__slot_detach and loader__slot_reuse, in the order in
 * which they become due. All wait equally long, so it is a plain queue.
 */
#ifndef EDGETAP_AGENT_RETIRE_H
#define EDGETAP_AGENT_RETIRE_H

#include <stdbool.h>
#include <stdint.h>

struct retire_queue;

/* Room for every slot below slot_count. 0 or -ENOMEM. */
int retire_queue__new(struct retire_queue **ret_queue, uint32_t slot_count);
void retire_queue__free(struct retire_queue *queue);

/*
 * due_ns (CLOCK_MONOTONIC) may not be before an earlier slot's. -EALREADY if
 * the slot waits already, -EINVAL if there is no such slot.
 */
int retire_queue__push(struct retire_queue *queue, uint32_t slot, uint64_t due_ns);

/* Takes the first slot that is due; false if none is. */
bool retire_queue__pop(struct retire_queue *queue, uint64_t now_ns, uint32_t *ret_slot);

/* When the next slot is due; UINT64_MAX if none waits. */
uint64_t retire_queue__next_ns(const struct retire_queue *queue);

/* Whether the slot waits. */
bool retire_queue__has(const struct retire_queue *queue, uint32_t slot);

#endif
