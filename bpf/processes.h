/* SPDX-License-Identifier: GPL-2.0 */
/*
 * How processes end, and how long threads have waited for a CPU. Nothing here
 * runs at a switch: the kernel keeps each thread's sum, whose growth is added to
 * its instance when the agent asks (an iterator over all threads), when the
 * thread ends, and for what came after that once more when its memory goes.
 */
#ifndef EDGETAP_PROCESSES_H
#define EDGETAP_PROCESSES_H

#include "conn/memory.h"
#include "conn/owner.h"

/* include/linux/sched/signal.h */
#define SIGNAL_GROUP_EXIT 0x4
#define SIGKILL 9

/* Threads that are older than this began to be counted when they were first seen. */
__u64 observed_since_ns;

/* ---- waiting for a CPU ---- */

static __always_inline __u64 delay_of(const struct task_struct *task)
{
	if (bpf_core_field_exists(task->sched_info.run_delay))
		return task->sched_info.run_delay;
	return 0;
}

/*
 * Adds what has grown since it was last added. Whoever comes second in a race
 * has nothing to add, or leaves it to the last, behind which nothing grows.
 */
static __always_inline void delay_add(struct counted_delay *counted, __u64 delay_ns)
{
	__u64 before = counted->ns;
	struct instance_slot *slot;

	if (delay_ns <= before ||
	    __sync_val_compare_and_swap(&counted->ns, before, delay_ns) != before)
		return;
	slot = slot_checked(counted->owner.slot, counted->owner.generation);
	if (slot)
		count_add(slot, COUNT_RUN_DELAY_NS, delay_ns - before);
}

/* What has been counted of a thread of this instance. NULL without memory. */
static __always_inline struct counted_delay *delay_counted(struct task_struct *task,
							   struct owner owner)
{
	struct counted_delay fresh = { .owner = owner }, *counted;
	__u64 taken;

	counted = bpf_task_storage_get(&delay_by_task, task, 0, 0);
	if (counted) {
		counted->owner = owner;
		return counted;
	}
	if (task->start_time < observed_since_ns)
		fresh.ns = delay_of(task);
	taken = memory_take(owner.slot, owner.generation, MEMORY_DELAY);
	if (taken == MEMORY_REFUSED)
		return NULL;
	fresh.charge = charge_of(taken);
	counted =
		bpf_task_storage_get(&delay_by_task, task, &fresh, BPF_LOCAL_STORAGE_GET_F_CREATE);
	if (!counted)
		memory_give((__u32)taken, taken >> 32, MEMORY_DELAY);
	return counted;
}

/* A thread met by the iterator. One that has ended has been counted, or will be by its end. */
static __always_inline void handle_delay(struct task_struct *task)
{
	struct counted_delay *counted;
	struct owner owner;

	if (task->flags & (PF_KTHREAD | PF_EXITING))
		return;
	owner = owner_known(task);
	counted = owner.slot != OTHER_INDEX ? delay_counted(task, owner) : NULL;
	if (counted)
		delay_add(counted, delay_of(task));
}

/* A thread is ending, in its own context. */
static __always_inline void handle_thread_end(struct task_struct *task, struct owner owner)
{
	struct counted_delay *counted;
	struct instance_slot *slot;

	counted = owner.slot != OTHER_INDEX ? delay_counted(task, owner)
					    : bpf_task_storage_get(&delay_by_task, task, 0, 0);
	if (counted) {
		delay_add(counted, delay_of(task));
		return;
	}
	slot = owner.slot != OTHER_INDEX ? slot_get(owner.slot) : NULL;
	if (slot && task->start_time >= observed_since_ns)
		count_add(slot, COUNT_RUN_DELAY_NS, delay_of(task)); /* no memory */
}

/* Nobody runs it any more, nor waits. */
static __always_inline void handle_thread_gone(struct task_struct *task)
{
	struct counted_delay *counted = bpf_task_storage_get(&delay_by_task, task, 0, 0);

	if (!counted)
		return;
	delay_add(counted, delay_of(task));
	memory_give(counted->charge.slot, counted->charge.generation, MEMORY_DELAY);
}

/* ---- ends of processes ---- */

/* Whose thread it is that ends; before 6.16 its executable is gone by then. */
static __always_inline struct owner owner_at_end(struct task_struct *task)
{
	struct owner owner = owner_known(task);
	__u32 tgid = task->tgid, *known;
	struct instance_slot *slot;

	if (owner.slot != OTHER_INDEX)
		return owner;
	known = bpf_map_lookup_elem(&slot_by_process, &tgid);
	slot = known ? slot_get(*known) : NULL;
	if (!slot)
		return owner;
	owner.slot = *known;
	owner.generation = slot->generation;
	return owner;
}

/* What wait(2) shows of the process: the leader's own code, unless all were told to exit. */
static __always_inline __u32 wait_status(struct task_struct *leader)
{
	if (leader->signal->flags & SIGNAL_GROUP_EXIT)
		return leader->signal->group_exit_code;
	return leader->exit_code;
}

static __always_inline bool is_init_of_namespace(struct task_struct *leader)
{
	struct pid *pid = leader->thread_pid;
	struct upid *numbers;
	__u32 level;
	int nr = 0;

	if (!pid)
		return false;
	level = pid->level;
	numbers = pid->numbers; /* its address; how many there are no type tells */
	if (!level || bpf_probe_read_kernel(&nr, sizeof(nr), &numbers[level].nr))
		return false;
	return nr == 1;
}

/* The last two threads may both find that no other lives: true for one of them. */
static __always_inline bool ends_first(struct task_struct *leader)
{
	struct ended_process key = { .start_ns = leader->start_time, .tgid = leader->tgid };
	__u8 one = 1;

	return bpf_map_update_elem(&ended_processes, &key, &one, BPF_NOEXIST) == 0;
}

/* As a shell and container runtimes tell it: a signal is 128 and its number. */
static __always_inline void count_exit(struct owner owner, __u32 status)
{
	struct exit_key key = { .slot = owner.slot, .generation = owner.generation };
	__u64 *count;

	key.code = status & 0x7f ? 128 + (status & 0x7f) : status >> 8 & 0xff;
	count = exits_by_code_at(&key);
	if (count)
		__sync_fetch_and_add(count, 1);
}

/*
 * The last thread of a process ends. The process is what its container or unit is
 * there for if it was started from outside of the cgroup, and is the first of a PID
 * namespace, which what is executed in a container later is not, or a child of the
 * machine's init. That the kernel killed it for want of memory is told by oom_mm
 * (4.9), which mark_oom_victim() sets; it does so, too, for what was ending already,
 * of itself (told by the status) or, rarely, by another's SIGKILL. A container that
 * owns no socket becomes an instance by such an end.
 */
static __always_inline void handle_last_end(struct task_struct *task, struct owner owner)
{
	struct task_struct *leader = task->group_leader, *parent = leader->real_parent;
	bool init = is_init_of_namespace(leader), oom = task->signal->oom_mm, main;
	struct instance_slot *slot;
	__u64 cgroup_id;
	__u32 status;

	if (!init && !oom && parent->tgid != 1)
		return;
	cgroup_id = cgroup_id_of(task);
	status = wait_status(leader);
	main = (init || parent->tgid == 1) && cgroup_id_of(parent) != cgroup_id;
	oom = oom && (status & 0x7f) == SIGKILL;
	if ((!main && !oom) || !ends_first(leader))
		return;
	if (owner.slot == OTHER_INDEX) {
		if ((!init && !oom) || bpf_map_lookup_elem(&shared_cgroups, &cgroup_id))
			return;
		owner = owner_of_task(task, cgroup_id);
	}
	slot = slot_checked(owner.slot, owner.generation);
	if (!slot)
		return;
	if (oom)
		count_add(slot, COUNT_OOM_KILLS, 1);
	if (main && !slot->key.exe_inode)
		count_exit(owner, status);
}

static __always_inline void emit_end(__u32 kind, __u32 slot, __u64 cgroup_id)
{
	struct event *event = bpf_ringbuf_reserve(&events, sizeof(*event), 0);

	if (!event) {
		count_loss(LOSS_EVENTS_FULL);
		return;
	}
	__builtin_memset(event, 0, sizeof(*event));
	event->kind = kind;
	event->slot = slot;
	event->key.cgroup_id = cgroup_id;
	bpf_ringbuf_submit(event, 0);
}

/* A process of an executable that is an instance ended, or became another. */
static __always_inline int handle_process_end(struct task_struct *task)
{
	__u32 tgid = task->tgid, *slot;

	slot = bpf_map_lookup_elem(&slot_by_process, &tgid);
	if (!slot)
		return 0;
	emit_end(EVENT_EXECUTABLE_EXITED, *slot, 0);
	bpf_map_delete_elem(&slot_by_process, &tgid);
	return 0;
}

#endif
