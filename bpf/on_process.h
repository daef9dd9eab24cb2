/* SPDX-License-Identifier: GPL-2.0 */
/* Programs of the scheduler and of cgroups. */
#ifndef EDGETAP_ON_PROCESS_H
#define EDGETAP_ON_PROCESS_H

#include <bpf/bpf_tracing.h>

#include "processes.h"
#include "tls/bind.h"

SEC("tp_btf/sched_process_exit")
int BPF_PROG(sched_process_exit, struct task_struct *task)
{
	struct owner owner;

	if (task->flags & PF_KTHREAD)
		return 0;
	if (cfg_libraries)
		thread_over(task);
	owner = owner_at_end(task);
	if (has_run_delay)
		handle_thread_end(task, owner);
	if (task->signal->live.counter)
		return 0;
	handle_last_end(task, owner);
	return handle_process_end(task);
}

SEC("tp_btf/sched_process_free")
int BPF_PROG(sched_process_free, struct task_struct *task)
{
	handle_thread_gone(task);
	return 0;
}

SEC("tp_btf/sched_process_exec")
int BPF_PROG(sched_process_exec, struct task_struct *task)
{
	return handle_process_end(task);
}

SEC("tp_btf/cgroup_rmdir")
int BPF_PROG(cgroup_rmdir, struct cgroup *cgroup)
{
	struct instance_key key = { .cgroup_id = BPF_CORE_READ(cgroup, kn, id) };

	if (bpf_map_lookup_elem(&slot_by_instance, &key))
		emit_end(EVENT_CGROUP_REMOVED, 0, key.cgroup_id);
	return 0;
}

#endif
