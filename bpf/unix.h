/* SPDX-License-Identifier: GPL-2.0 */
/*
 * UNIX stream sockets that somebody listens on: nothing on them is observed, and that is told. No
 * program runs when they are used; an iterator over open files, of all network namespaces, looks
 * for them when the agent is scraped.
 */
#ifndef EDGETAP_UNIX_H
#define EDGETAP_UNIX_H

#include "conn/owner.h"
#include "unix_listener.h"

#define AF_UNIX 1
#define SOCK_STREAM 1

/* A file that a process has open; writes a struct unix_listener if it is one of these. */
static __always_inline void handle_unix_file(struct seq_file *seq, struct task_struct *task,
					     struct file *file)
{
	struct unix_listener listener = {};
	struct socket *socket = bpf_sock_from_file(file);
	struct sock *sk;

	if (!socket)
		return;
	sk = socket->sk;
	if (!sk || sk->__sk_common.skc_family != AF_UNIX || sk->sk_type != SOCK_STREAM ||
	    sk->__sk_common.skc_state != TCP_LISTEN)
		return;
	if (!key_of(&listener.key, task, cgroup_id_of(task)))
		return;
	listener.inode = file->f_inode->i_ino;
	listener.tgid = task->tgid;
	bpf_probe_read_kernel(listener.comm, sizeof(listener.comm), &task->comm);
	bpf_seq_write(seq, &listener, sizeof(listener));
}

#endif
