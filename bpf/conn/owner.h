/* SPDX-License-Identifier: GPL-2.0 */
/*
 * Whose socket it is. Asked in task context only: the current task's cgroup, or,
 * where cgroups tell nothing, its executable. Softirq has no owner to ask and
 * uses what a task found before.
 */
#ifndef EDGETAP_CONN_OWNER_H
#define EDGETAP_CONN_OWNER_H

#include "../compat.h"
#include "count.h"

/* False if the task is no instance's: the kernel's own, or one that has given up its memory. */
static __always_inline bool key_of(struct instance_key *key, struct task_struct *task,
				   __u64 cgroup_id)
{
	struct mm_struct *mm;
	struct file *file;
	struct inode *inode;

	__builtin_memset(key, 0, sizeof(*key));
	key->cgroup_id = cgroup_id;
	if (!bpf_map_lookup_elem(&shared_cgroups, &key->cgroup_id))
		return true;
	mm = task->mm;
	file = mm ? mm->exe_file : NULL;
	inode = file ? file->f_inode : NULL;
	if (!inode)
		return false;
	key->exe_inode = inode->i_ino;
	key->exe_dev = inode->i_sb->s_dev;
	key->exe_generation = inode->i_generation;
	return true;
}

static __always_inline void emit_born(__u32 index, const struct instance_slot *slot,
				      struct task_struct *task)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		count_loss(LOSS_EVENTS_FULL);
		return;
	}
	event->kind = EVENT_INSTANCE_BORN;
	event->slot = index;
	event->generation = slot->generation;
	event->tgid = task->tgid;
	event->key = slot->key;
	bpf_probe_read_kernel(event->comm, sizeof(event->comm), &task->comm);
	bpf_ringbuf_submit(event, 0);
}

/* The account of a user's executables, all together; or 0: the instance has one of its own. */
static __always_inline __u32 user_account(const struct instance_key *key, struct task_struct *task)
{
	__u32 uid = key->exe_inode ? BPF_CORE_READ(task, real_cred, uid.val) : 0;

	return uid ? cfg_user_accounts + uid % USER_ACCOUNTS : 0;
}

/* Slot of a key, taken from the pool at first use. */
static __always_inline __u32 slot_of(const struct instance_key *key, struct task_struct *task)
{
	struct instance_slot *slot;
	__u32 *known, index, account;

	known = bpf_map_lookup_elem(&slot_by_instance, key);
	if (known)
		return *known;
	account = user_account(key, task);
	if (account && !share_take(account, POOL_SLOTS, false)) {
		count_loss(LOSS_INSTANCES_FULL);
		return OTHER_INDEX;
	}
	if (bpf_map_pop_elem(&free_slots, &index)) {
		if (account)
			share_give(account, POOL_SLOTS);
		count_loss(LOSS_INSTANCES_FULL);
		return OTHER_INDEX;
	}
	slot = slot_get(index);
	if (!slot)
		return OTHER_INDEX;
	if (!account) {
		account = index;
		share_take(account, POOL_SLOTS, true);
	}
	slot->account = account;
	slot->key = *key;
	slot->born_ns = bpf_ktime_get_ns();
	slot->in_use = 1;
	if (bpf_map_update_elem(&slot_by_instance, key, &index, BPF_NOEXIST) == 0) {
		emit_born(index, slot, task);
		return index;
	}
	slot->in_use = 0;
	share_give(account, POOL_SLOTS);
	bpf_map_push_elem(&free_slots, &index, 0);
	known = bpf_map_lookup_elem(&slot_by_instance, key);
	if (known)
		return *known;
	count_loss(LOSS_INSTANCES_FULL);
	return OTHER_INDEX;
}

static __always_inline struct owner owner_of_task(struct task_struct *task, __u64 cgroup_id)
{
	struct owner owner = {};
	struct instance_key key;
	struct instance_slot *slot;

	if (key_of(&key, task, cgroup_id))
		owner.slot = slot_of(&key, task);
	slot = slot_get(owner.slot);
	if (slot)
		owner.generation = slot->generation;
	if (key.exe_inode && owner.slot != OTHER_INDEX) {
		__u32 tgid = task->tgid;

		bpf_map_update_elem(&slot_by_process, &tgid, &owner.slot, BPF_ANY);
	}
	return owner;
}

static __noinline __u64 owner_of_current(void)
{
	struct task_struct *task = bpf_get_current_task_btf();
	struct owner owner = owner_of_task(task, cgroup_id_of(task));

	return (__u64)owner.generation << 32 | owner.slot;
}

/* The instance of a task, if it has a slot; else slot 0, which tells nothing. */
static __always_inline struct owner owner_known(struct task_struct *task)
{
	struct owner owner = {};
	struct instance_slot *slot;
	struct instance_key key;
	__u32 *known;

	if (!key_of(&key, task, cgroup_id_of(task)))
		return owner;
	known = bpf_map_lookup_elem(&slot_by_instance, &key);
	slot = known ? slot_get(*known) : NULL;
	if (!slot)
		return owner;
	owner.slot = *known;
	owner.generation = slot->generation;
	return owner;
}

/* Tells the agent of a process. */
static __always_inline void emit_process(__u32 kind, struct task_struct *task, __u32 slot,
					 __u32 generation)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);
	const struct instance_slot *instance = slot_get(slot);

	if (!event) {
		count_loss(LOSS_EVENTS_FULL);
		return;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->kind = kind;
	event->slot = slot;
	event->generation = generation;
	event->tgid = task->tgid;
	if (instance)
		event->key = instance->key;
	bpf_probe_read_kernel(event->comm, sizeof(event->comm), &task->comm);
	bpf_ringbuf_submit(event, 0);
}

#endif
