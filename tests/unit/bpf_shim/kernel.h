/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the BPF programs use of a kernel, for a native build of the same source:
 * the fields they read of its structures, and the helpers, over plain memory.
 * One CPU, one task at a time; included by one file of a program only.
 */
#ifndef EDGETAP_BPF_SHIM_KERNEL_H
#define EDGETAP_BPF_SHIM_KERNEL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "types.h"

/* libbpf's headers describe BPF programs to clang; these stand in for them. */
#define __BPF_HELPERS__
#define __BPF_CORE_READ_H__
#define __BPF_TRACING_H__
#define __TARGET_ARCH_x86

#undef __always_inline
#define __always_inline inline __attribute__((always_inline))
#define __noinline __attribute__((noinline, unused))
#undef __weak
#define __weak __attribute__((weak))
#define __ksym
#define SEC(name)
#define barrier() __asm__ volatile("" : : : "memory")
#define BPF_PROG(name, ...) name(__VA_ARGS__)
#define BPF_KPROBE(name, ...) name(struct pt_regs *ctx, __VA_ARGS__)
#define BPF_KRETPROBE(name, ...) name(struct pt_regs *ctx, __VA_ARGS__)
#define __uint(name, value) int(*name)[value]
#define __type(name, value) __typeof__(value) *name

/* ---- structures ---- */

enum {
	TCP_ESTABLISHED = 1,
	TCP_SYN_SENT,
	TCP_SYN_RECV,
	TCP_FIN_WAIT1,
	TCP_FIN_WAIT2,
	TCP_TIME_WAIT,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_LISTEN,
	TCP_CLOSING,
	TCP_NEW_SYN_RECV
};
enum sock_flags { SOCK_DEAD, SOCK_DONE, SOCK_ZEROCOPY };

struct iovec {
	void *iov_base;
	size_t iov_len;
};
struct user_msghdr {
	void *msg_name;
	int msg_namelen;
	struct iovec *msg_iov;
	size_t msg_iovlen;
};
struct super_block {
	__u32 s_dev;
};
struct inode {
	unsigned long i_ino;
	__u32 i_generation;
	struct super_block *i_sb;
};
struct file {
	unsigned int f_flags;
	void *private_data;
	struct inode *f_inode;
};
struct kernfs_node {
	__u64 id;
};
struct cgroup {
	struct kernfs_node *kn;
};
struct cgroup_subsys_state {
	struct cgroup *cgroup;
};
struct css_set {
	struct cgroup *dfl_cgrp;
	struct cgroup_subsys_state *subsys[16];
};
struct fdtable {
	unsigned int max_fds;
	struct file **fd;
};
struct files_struct {
	struct fdtable *fdt;
};
struct mm_struct {
	struct file *exe_file;
};
struct signal_struct {
	struct {
		int counter;
	} live;
	unsigned int flags;
	int group_exit_code;
	struct mm_struct *oom_mm;
};
struct upid {
	int nr;
	void *ns;
};
struct pid {
	unsigned int level;
	struct upid numbers[1];
};
struct sched_info {
	unsigned long long run_delay;
};
struct pt_regs {
	unsigned long orig_ax, di, si, dx, cs, ax, bx, cx, r14;
};
struct cred {
	struct {
		unsigned int val;
	} uid;
};
struct task_struct {
	unsigned int flags;
	int tgid, pid, exit_code;
	__u64 start_time;
	struct task_struct *group_leader, *real_parent;
	struct pid *thread_pid;
	struct sched_info sched_info;
	void *io_uring;
	struct files_struct *files;
	struct css_set *cgroups;
	struct mm_struct *mm;
	struct cred *real_cred;
	struct signal_struct *signal;
	struct pt_regs regs;
	struct iovec task_frag; /* as two words */
	char comm[16];
	void *storage[2]; /* the shim's: library calls, what was counted */
};
struct net {
	struct {
		unsigned int inum;
	} ns;
};
struct sock_common {
	__u16 skc_family, skc_num, skc_dport;
	__u8 skc_state;
	__u32 skc_daddr;
	__u8 skc_v6_daddr[16];
	unsigned long skc_flags;
	struct {
		struct net *net;
	} skc_net;
};
struct socket;
struct rb_node {
	struct rb_node *rb_right, *rb_left;
};
struct sk_buff {
	union {
		struct {
			struct sk_buff *next, *prev;
		};
		struct rb_node rbnode;
	};
	char cb[48] __attribute__((aligned(8)));
	unsigned char *head, *data;
	unsigned int len, data_len, end;
};
struct sk_buff_head {
	struct sk_buff *next, *prev;
};
struct skb_shared_info {
	__u8 nr_frags;
	struct sk_buff *frag_list;
	struct iovec frags[17]; /* as two words */
};
struct tcp_skb_cb {
	__u32 seq, end_seq;
	__u16 tcp_flags;
};
struct sock {
	struct sock_common __sk_common;
	struct sk_buff_head sk_receive_queue, sk_write_queue;
	bool sk_use_task_frag;
	struct {
		struct rb_node *rb_node;
	} tcp_rtx_queue;
	__u16 sk_protocol, sk_type;
	int sk_err;
	__u32 sk_ack_backlog, sk_max_ack_backlog;
	struct {
		int counter;
	} sk_drops;
	struct socket *sk_socket;
	void *storage[2]; /* the shim's: server's, client's */
};
struct socket {
	struct sock *sk;
	struct file *file;
};
struct tcp_sock {
	struct sock sk;
	__u32 copied_seq, rcv_nxt, snd_una, write_seq, srtt_us;
	__u64 bytes_received, bytes_acked, tcp_clock_cache;
};
struct tcphdr {
	__u32 seq;
	__u16 doff;
};
struct msghdr {
	struct {
		size_t count;
	} msg_iter;
};
struct page;
struct bpf_iter__task {
	struct task_struct *task;
};
struct seq_file;
struct bpf_iter_meta {
	struct seq_file *seq;
};
struct bpf_iter__task_file {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
	struct file *file;
};

/* A null pointer on the way reads as zero, as in the kernel. */
#define SHIM_READ_1(s, a) ((s)->a)
#define SHIM_READ_2(s, a, b)                                                                       \
	({                                                                                         \
		__typeof__((s)->a) shim_p = (s)->a;                                                \
		__typeof__(shim_p->b) shim_v;                                                      \
		memset((void *)&shim_v, 0, sizeof(shim_v));                                        \
		if (shim_p)                                                                        \
			shim_v = shim_p->b;                                                        \
		shim_v;                                                                            \
	})
#define SHIM_READ_3(s, a, b, c)                                                                    \
	({                                                                                         \
		__typeof__((s)->a) shim_q = (s)->a;                                                \
		__typeof__(shim_q->b->c) shim_w;                                                   \
		memset((void *)&shim_w, 0, sizeof(shim_w));                                        \
		if (shim_q)                                                                        \
			shim_w = SHIM_READ_2(shim_q, b, c);                                        \
		shim_w;                                                                            \
	})
#define SHIM_READ_4(s, a, b, c, d)                                                                 \
	({                                                                                         \
		__typeof__((s)->a) shim_r = (s)->a;                                                \
		__typeof__(shim_r->b->c->d) shim_x;                                                \
		memset((void *)&shim_x, 0, sizeof(shim_x));                                        \
		if (shim_r)                                                                        \
			shim_x = SHIM_READ_3(shim_r, b, c, d);                                     \
		shim_x;                                                                            \
	})
#define SHIM_READ_N(_1, _2, _3, _4, name, ...) name
#define BPF_CORE_READ(s, ...)                                                                      \
	SHIM_READ_N(__VA_ARGS__, SHIM_READ_4, SHIM_READ_3, SHIM_READ_2, SHIM_READ_1)               \
	(s, __VA_ARGS__)
#define BPF_CORE_READ_INTO(to, s, field) memcpy(to, &(s)->field, sizeof(*(to)))
#define BPF_CORE_READ_BITFIELD_PROBED(s, field) ((s)->field)
#define bpf_core_field_exists(field) 1
#define bpf_core_field_offset(type, field) offsetof(type, field)
#define bpf_core_enum_value(type, value) (value)
#define bpf_core_enum_value_exists(type, value) 1
#define bpf_core_type_id_kernel(type) 0

/* ---- what the simulation sets and looks at ---- */

static __u64 shim_now_ns;
static struct task_struct *shim_task;
static bool shim_faults;	 /* user memory cannot be read */
static unsigned int shim_events; /* sent through the ring buffer */

#define BPF_ANY 0
#define BPF_NOEXIST 1
#define BPF_F_NO_PREALLOC 1
#define BPF_F_CLONE 2
#define BPF_F_MMAPABLE 4
#define BPF_SK_STORAGE_GET_F_CREATE 1
#define BPF_LOCAL_STORAGE_GET_F_CREATE 1
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY,
	BPF_MAP_TYPE_PERCPU_ARRAY,
	BPF_MAP_TYPE_LRU_HASH,
	BPF_MAP_TYPE_QUEUE,
	BPF_MAP_TYPE_SK_STORAGE,
	BPF_MAP_TYPE_RINGBUF,
	BPF_MAP_TYPE_TASK_STORAGE,
	BPF_MAP_TYPE_PROG_ARRAY
};

static inline __u64 bpf_ktime_get_ns(void)
{
	return shim_now_ns;
}

static inline struct task_struct *bpf_get_current_task_btf(void)
{
	return shim_task;
}

static inline long bpf_task_pt_regs(struct task_struct *task)
{
	return (long)&task->regs;
}

static inline struct tcp_sock *bpf_skc_to_tcp_sock(void *sk)
{
	return sk;
}

static inline struct socket *bpf_sock_from_file(struct file *file)
{
	return file->private_data;
}

/* Nobody reads what iterators write. */
static inline long bpf_seq_write(struct seq_file *seq, const void *bytes, __u32 count)
{
	(void)seq;
	(void)bytes;
	(void)count;
	return 0;
}

static void *shim_cast(const void *object, __u32 id)
{
	(void)id;
	return (void *)(uintptr_t)object;
}

static void *(*bpf_rdonly_cast)(const void *, __u32) = shim_cast;

static inline long bpf_probe_read_kernel(void *to, __u32 bytes, const void *from)
{
	memcpy(to, from, bytes);
	return 0;
}

static inline long bpf_probe_read_user(void *to, __u32 bytes, const void *from)
{
	if (shim_faults)
		return -14;
	memcpy(to, from, bytes);
	return 0;
}

static inline void *bpf_ringbuf_reserve(void *ring, size_t bytes, __u64 flags)
{
	static __u64 event[32];

	(void)ring;
	(void)flags;
	return bytes <= sizeof(event) ? event : NULL;
}

static inline long bpf_ringbuf_output(void *ring, void *data, __u64 bytes, __u64 flags)
{
	(void)ring;
	(void)data;
	(void)bytes;
	(void)flags;
	shim_events++;
	return 0;
}

static inline __u64 bpf_get_current_pid_tgid(void)
{
	return (__u64)shim_task->tgid << 32 | (__u32)shim_task->pid;
}

/* The callback gets its context as the type it declares. */
#define bpf_loop(n, step, ctx, flags)                                                              \
	({                                                                                         \
		__u32 shim_i;                                                                      \
		for (shim_i = 0; shim_i < (n) && !step(shim_i, ctx); shim_i++)                     \
			;                                                                          \
		(long)shim_i;                                                                      \
	})

static inline void bpf_ringbuf_submit(void *event, __u64 flags)
{
	(void)event;
	(void)flags;
	shim_events++;
}

/* ---- maps ---- */

#define SHIM_MAPS 40

struct shim_map {
	const void *map;
	size_t type, key_bytes, value_bytes, most;
	unsigned char *key, *value;
	bool *used;	 /* of a hash */
	size_t first, n; /* of a queue */
};

static struct shim_map shim_maps[SHIM_MAPS];

/* What another CPU does when something is next put into this map. */
static const void *shim_meet_at;
static void (*shim_meet)(void);

static inline struct shim_map *shim_map(const void *map, size_t type, size_t key_bytes,
					size_t value_bytes, size_t most)
{
	struct shim_map *m = shim_maps;

	while (m->map && m->map != map)
		if (++m == shim_maps + SHIM_MAPS)
			abort();
	if (!m->map) {
		*m = (struct shim_map){ .map = map,
					.type = type,
					.key_bytes = key_bytes,
					.value_bytes = value_bytes,
					.most = most };
		m->key = calloc(most, key_bytes ? key_bytes : 1);
		m->value = calloc(most, value_bytes);
		m->used = calloc(most, sizeof(bool));
		if (!m->key || !m->value || !m->used)
			abort();
	}
	return m;
}

/* Forgets what all maps hold. */
static inline void shim_maps_clear(void)
{
	for (struct shim_map *m = shim_maps; m < shim_maps + SHIM_MAPS && m->map; m++) {
		memset(m->value, 0, m->most * m->value_bytes);
		memset(m->used, 0, m->most * sizeof(bool));
		m->first = m->n = 0;
	}
}

static inline void *shim_lookup(struct shim_map *m, const void *key)
{
	if (m->type == BPF_MAP_TYPE_ARRAY || m->type == BPF_MAP_TYPE_PERCPU_ARRAY) {
		__u32 index = *(const __u32 *)key;

		return index < m->most ? m->value + index * m->value_bytes : NULL;
	}
	for (size_t i = 0; i < m->most; i++)
		if (m->used[i] && !memcmp(m->key + i * m->key_bytes, key, m->key_bytes))
			return m->value + i * m->value_bytes;
	return NULL;
}

static inline long shim_update(struct shim_map *m, const void *key, const void *value, __u64 flags)
{
	void *known = shim_lookup(m, key);

	if (known && flags == BPF_NOEXIST)
		return -17;
	for (size_t i = 0; !known && i < m->most; i++) {
		if (!m->used[i]) {
			m->used[i] = true;
			memcpy(m->key + i * m->key_bytes, key, m->key_bytes);
			known = m->value + i * m->value_bytes;
		}
	}
	if (!known)
		return -7;
	memcpy(known, value, m->value_bytes);
	if (m->map == shim_meet_at) {
		shim_meet_at = NULL;
		shim_meet();
	}
	return 0;
}

static inline long shim_delete(struct shim_map *m, const void *key)
{
	unsigned char *known = shim_lookup(m, key);

	if (!known)
		return -2;
	m->used[(size_t)(known - m->value) / m->value_bytes] = false;
	return 0;
}

static inline long shim_push(struct shim_map *m, const void *value)
{
	if (m->n == m->most)
		return -7;
	memcpy(m->value + (m->first + m->n++) % m->most * m->value_bytes, value, m->value_bytes);
	return 0;
}

static inline long shim_pop(struct shim_map *m, void *value)
{
	if (!m->n)
		return -2;
	memcpy(value, m->value + m->first * m->value_bytes, m->value_bytes);
	m->first = (m->first + 1) % m->most;
	m->n--;
	return 0;
}

/* A map's declaration tells its type and sizes. */
#define SHIM_KEYED(m)                                                                              \
	shim_map(m, sizeof(*(m)->type) / sizeof(int), sizeof(*(m)->key), sizeof(*(m)->value),      \
		 sizeof(*(m)->max_entries) / sizeof(int))
#define SHIM_QUEUE(m)                                                                              \
	shim_map(m, sizeof(*(m)->type) / sizeof(int), 0, sizeof(*(m)->value),                      \
		 sizeof(*(m)->max_entries) / sizeof(int))
#define bpf_map_lookup_elem(m, k) shim_lookup(SHIM_KEYED(m), k)
#define bpf_map_update_elem(m, k, v, f) shim_update(SHIM_KEYED(m), k, v, f)
#define bpf_map_delete_elem(m, k) shim_delete(SHIM_KEYED(m), k)
#define bpf_map_push_elem(m, v, f) shim_push(SHIM_QUEUE(m), v)
#define bpf_map_pop_elem(m, v) shim_pop(SHIM_QUEUE(m), v)

/* ---- socket storage ---- */

static inline void *shim_storage(void **storage, size_t bytes, __u64 flags)
{
	if (!*storage && (flags & BPF_SK_STORAGE_GET_F_CREATE))
		*storage = calloc(1, bytes);
	return *storage;
}

static inline long shim_storage_delete(void **storage)
{
	free(*storage);
	*storage = NULL;
	return 0;
}

#define SHIM_STORAGE(m, sk)                                                                        \
	(&((struct sock *)(sk))->storage[(const void *)(m) != (const void *)&server_by_socket])
#define bpf_sk_storage_get(m, sk, v, f) shim_storage(SHIM_STORAGE(m, sk), sizeof(*(m)->value), f)
#define bpf_sk_storage_delete(m, sk) shim_storage_delete(SHIM_STORAGE(m, sk))

/* ---- task storage ---- */

static inline void *shim_task_storage(void **storage, size_t bytes, const void *first, __u64 flags)
{
	bool fresh = !*storage;
	void *value = shim_storage(storage, bytes, flags);

	if (value && fresh && first)
		memcpy(value, first, bytes);
	return value;
}

#define bpf_task_storage_get(m, task, v, f)                                                        \
	shim_task_storage(&(task)->storage[(const void *)(m) != (const void *)&thread_by_task],    \
			  sizeof(*(m)->value), v, f)
#define bpf_task_storage_delete(m, task)                                                           \
	shim_storage_delete(&(task)->storage[(const void *)(m) != (const void *)&thread_by_task])

/*
 * A tail call runs the program that the agent would have put there, and does not
 * come back. Which one that is, whoever includes this tells.
 */
static int shim_tail(const void *map, __u32 at);
#define bpf_tail_call(ctx, map, at) return shim_tail(map, at)

#endif
