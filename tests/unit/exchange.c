// SPDX-License-Identifier: Apache-2.0
#include <stdarg.h>
#include <stdio.h>

#include "bpf_shim/kernel.h"

#include "conn/skb.h"
#include "conn/state.h"
#include "defaults.h"
#include "event.h"
#include "loss.h"
#include "row.h"

/* Maps as small as the tests need them. */
#undef DEFAULT_MAX_INSTANCES
#undef DEFAULT_MAX_STATUSES
#undef DEFAULT_MAX_GROUPS
#undef DEFAULT_MAX_DESTINATIONS
#undef DEFAULT_MAX_LISTENERS
#undef DEFAULT_MAX_CONNECTIONS
#undef DEFAULT_MAX_STREAMS
#undef DEFAULT_MAX_RPCS
#undef DEFAULT_MAX_GO_CALLS
#define DEFAULT_MAX_INSTANCES 4
#define DEFAULT_MAX_STATUSES 24
#define DEFAULT_MAX_GROUPS 12
#define DEFAULT_MAX_DESTINATIONS 16
#define DEFAULT_MAX_LISTENERS 16
#define DEFAULT_MAX_CONNECTIONS 64
#define DEFAULT_MAX_STREAMS 64
#define DEFAULT_MAX_RPCS 8
#define DEFAULT_MAX_GO_CALLS 8

/* Configuration is constant for the programs, not for the tests. */
#define const
#include "maps.h"
#undef const

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wmissing-prototypes"
#pragma GCC diagnostic ignored "-Wunused-parameter"
#include "edgetap.bpf.c"
#pragma GCC diagnostic pop

#include "exchange.h"
#include "metrics/grid.h"

#define EAGAIN_RET (-11)
#define CALL_SEGMENTS 1024 /* UIO_MAXIOV */
#define PIECE 7		   /* bytes of a segment of CALL_PIECES, at least */

struct connection {
	struct tcp_sock tp; /* first: a struct sock is its start */
	struct socket socket;
	struct file file;
	uint8_t *queue;
	size_t unread, room;
	bool fin, fin_rides, fin_read; /* the client's */
	bool closed, shut;	       /* the server's end */
	size_t taken;		       /* of a write that is not over */
};

static struct tcp_sock listener;
static struct task_struct server;
static uint64_t begun_ns;

/* What was counted for slots that were retired. */
static uint64_t retired_count[INSTANCE_COUNTS];
static uint64_t retired_responses[1000][METHOD_N], retired_responses_all;
static uint64_t retired_values[GROUP_ROWS], retired_sum_ns[GROUP_ROWS];

static char problem[256];

static struct sock *shim_sk; /* of the read or write under way */

static int shim_tail(const void *map, __u32 at)
{
	if (map == &socket_read_tail)
		return has_queues ? frames_taken(shim_sk) : frames_read(shim_sk, 0, 0);
	if (map == &socket_write_tail)
		return frames_written(shim_sk, 0, 0);
	switch (at) {
	case TAIL_READ:
		return plain_text_read(NULL);
	case TAIL_WRITE:
		return plain_text_write(NULL);
	case TAIL_FRAMES_READ:
		return plain_frames_read(NULL);
	}
	return plain_frames_written(NULL);
}

static const char *wrong(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(problem, sizeof(problem), format, args);
	va_end(args);
	return problem;
}

/* ---- the world ---- */

static struct instance_slot *slot_at(__u32 i)
{
	return bpf_map_lookup_elem(&instance_by_slot, &i);
}

static struct status_entry *status_at(__u32 i)
{
	return bpf_map_lookup_elem(&status_by_index, &i);
}

static struct row_group *group_at(__u32 i)
{
	return bpf_map_lookup_elem(&group_by_index, &i);
}

/* As the agent prepares them: the first entry of each pool is `__other__`. */
static void pools_fill(void)
{
	slot_at(0)->in_use = 1;
	status_at(0)->in_use = 1;
	status_at(0)->key.status = STATUS_OTHER;
	group_at(0)->in_use = 1;
	group_at(0)->key.status = STATUS_OTHER;
	for (__u32 i = 1; i < DEFAULT_MAX_INSTANCES; i++)
		bpf_map_push_elem(&free_slots, &i, 0);
	for (__u32 i = 1; i < DEFAULT_MAX_STATUSES; i++)
		bpf_map_push_elem(&free_statuses, &i, 0);
	for (__u32 i = 1; i < DEFAULT_MAX_GROUPS; i++)
		bpf_map_push_elem(&free_groups, &i, 0);
}

static void sock_init(struct tcp_sock *tp, int state, uint32_t sequence)
{
	static struct net net;

	memset(tp, 0, sizeof(*tp));
	tp->sk.__sk_common.skc_family = AF_INET;
	tp->sk.__sk_common.skc_state = (__u8)state;
	tp->sk.__sk_common.skc_net.net = &net;
	tp->sk.sk_protocol = PROTOCOL_TCP;
	tp->sk.sk_write_queue.prev = (struct sk_buff *)&tp->sk.sk_write_queue;
	tp->sk.sk_receive_queue.next = (struct sk_buff *)&tp->sk.sk_receive_queue;
	tp->copied_seq = sequence;
	tp->rcv_nxt = sequence;
	tp->snd_una = sequence * 3;
	tp->write_seq = tp->snd_una;
	tp->srtt_us = 50 << 3;
}

static void set_state(struct sock *sk, int state)
{
	inet_sock_set_state(sk, sk->__sk_common.skc_state, state);
	sk->__sk_common.skc_state = (__u8)state;
}

void world__begin(void)
{
	static const uint64_t le_ns[] = { 5000000, 100000000, 1000000000 };
	static struct kernfs_node node = { .id = 4711 };
	static struct cgroup cgroup = { .kn = &node };
	static struct css_set css_set = { .dfl_cgrp = &cgroup };

	shim_maps_clear();
	memset(retired_count, 0, sizeof(retired_count));
	if (retired_responses_all)
		memset(retired_responses, 0, sizeof(retired_responses));
	retired_responses_all = 0;
	memset(retired_values, 0, sizeof(retired_values));
	memset(retired_sum_ns, 0, sizeof(retired_sum_ns));
	live_sockets = 0;
	memory_used = 0;
	memset(pool_used, 0, sizeof(pool_used));
	cfg_memory = DEFAULT_MEMORY_BYTES;
	last_listener = 0;
	last_connection = 0;
	cfg_libraries = 0;
	bindings = 0;
	memset(candidates, 0, sizeof(candidates));
	shim_meet_at = NULL;
	if (!cfg_grid.bounds && grid__build((struct grid *)&cfg_grid, le_ns, 3))
		abort();
	pools_fill();
	server = (struct task_struct){
		.tgid = 17, .pid = 18, .cgroups = &css_set, .comm = "server"
	};
	shim_task = &server;
	shim_faults = false;
	shim_now_ns = begun_ns = 3600000000000;
	free(listener.sk.storage[0]);
	sock_init(&listener, TCP_CLOSE, 0);
	set_state(&listener.sk, TCP_LISTEN);
}

void world__queues(bool read)
{
	has_queues = read;
}

bool world__reads_queues(void)
{
	return has_queues;
}

void world__tls(void)
{
	cfg_libraries = 1;
}

void world__tls_read(uint64_t object, const void *data, int n)
{
	tls_read_enter(NULL, object, (__u64)(uintptr_t)data, 65536);
	shim_now_ns += 1000;
	tls_read_return(NULL, n);
}

void world__tls_write(uint64_t object, const void *data, int n)
{
	tls_write_enter(NULL, object, (__u64)(uintptr_t)data, (__u64)n);
	shim_now_ns += 1000;
	tls_write_return(NULL, n);
}

void world__tls_over(void)
{
	thread_over(&server);
}

void world__sleep(uint64_t ns)
{
	shim_now_ns += ns;
}

uint64_t world__elapsed(void)
{
	return shim_now_ns - begun_ns;
}

uint64_t world__count(enum instance_count what)
{
	uint64_t sum = retired_count[what];

	for (__u32 i = 0; i < DEFAULT_MAX_INSTANCES; i++)
		sum += slot_at(i)->count[what];
	return sum;
}

uint64_t world__aborted(enum abort_by by, enum abort_phase phase)
{
	return world__count(COUNT_HTTP_ABORTED + by * ABORT_PHASE_N + phase);
}

uint64_t world__responses(unsigned int status, enum http_method method)
{
	uint64_t sum = 0;

	for (__u32 i = 0; i < DEFAULT_MAX_STATUSES; i++) {
		const struct status_entry *e = status_at(i);

		for (int m = 0; m < METHOD_N; m++)
			if ((!status || e->key.status == status) &&
			    (method == METHOD_N || m == (int)method))
				sum += e->responses[m];
	}
	for (unsigned int code = 0; retired_responses_all && code < 1000; code++)
		for (int m = 0; m < METHOD_N; m++)
			if ((!status || code == status) && (method == METHOD_N || m == (int)method))
				sum += retired_responses[code][m];
	return sum;
}

uint64_t world__events(void)
{
	return shim_events;
}

uint64_t world__lost(enum loss_reason reason)
{
	uint64_t sum = 0;

	for (__u32 i = 0; i < LOSS_N; i++)
		if (reason == LOSS_N || i == (__u32)reason)
			sum += *(__u64 *)bpf_map_lookup_elem(&losses, &i);
	return sum;
}

static uint64_t row_values(const struct row *row)
{
	uint64_t n = 0;

	for (int i = 0; i < GRID_MAX_CELLS; i++)
		n += row->cell[i];
	return n;
}

uint64_t world__row(enum http_row row, uint64_t *ret_sum_ns)
{
	uint64_t n = retired_values[row], sum_ns = retired_sum_ns[row];

	for (__u32 i = 0; i < DEFAULT_MAX_GROUPS; i++) {
		const struct row_group *g = group_at(i);

		if (!g->in_use || (g->key.status >= STATUS_RPC(0) && g->key.status != STATUS_OTHER))
			continue;
		n += row_values(&g->row[row]);
		sum_ns += g->row[row].sum_ns;
	}
	if (ret_sum_ns)
		*ret_sum_ns = sum_ns;
	return n;
}

/* Statuses and rows of a slot go back to their pools. */
static void retire_statuses(__u32 slot)
{
	for (__u32 i = 1; i < DEFAULT_MAX_STATUSES; i++) {
		struct status_entry *e = status_at(i);

		if (!e->in_use || e->key.slot != slot)
			continue;
		for (int m = 0; m < METHOD_N; m++) {
			retired_responses[e->key.status][m] += e->responses[m];
			retired_responses_all += e->responses[m];
		}
		bpf_map_delete_elem(&index_by_status, &e->key);
		memset(e, 0, sizeof(*e));
		bpf_map_push_elem(&free_statuses, &i, 0);
	}
	for (__u32 i = 1; i < DEFAULT_MAX_GROUPS; i++) {
		struct row_group *g = group_at(i);

		if (!g->in_use || g->key.slot != slot)
			continue;
		for (int r = 0; r < GROUP_ROWS && g->key.status != STATUS_NONE; r++) {
			retired_values[r] += row_values(&g->row[r]);
			retired_sum_ns[r] += g->row[r].sum_ns;
		}
		bpf_map_delete_elem(&index_by_group, &g->key);
		memset(g, 0, sizeof(*g));
		bpf_map_push_elem(&free_groups, &i, 0);
	}
}

void world__limit(uint64_t bytes)
{
	cfg_memory = bytes;
}

void world__limit_connections(unsigned int connections)
{
	world__limit((uint64_t)connections * MEMORY_SERVER);
}

bool world__take(uint32_t slot, uint32_t bytes)
{
	return memory_take(slot, slot_at(slot)->generation, bytes) != MEMORY_REFUSED;
}

void world__give(uint32_t slot, uint32_t bytes)
{
	memory_give(slot, slot_at(slot)->generation, bytes);
}

void world__retire(void)
{
	for (__u32 i = 1; i < DEFAULT_MAX_INSTANCES; i++) {
		struct instance_slot *slot = slot_at(i);

		if (!slot->in_use)
			continue;
		bpf_map_delete_elem(&slot_by_instance, &slot->key);
		for (int c = 0; c < INSTANCE_COUNTS; c++)
			retired_count[c] += c == GAUGE_MEMORY_BYTES ? 0 : slot->count[c];
		for (int pool = 0; pool < POOL_N; pool++) {
			struct account *account =
				bpf_map_lookup_elem(&account_by_index, &slot->account);

			pool_used[pool] -= account->used[pool];
			account->used[pool] = 0;
		}
		*slot = (struct instance_slot){ .generation = slot->generation + 1 };
		retire_statuses(i);
		bpf_map_push_elem(&free_slots, &i, 0);
	}
}

void world__meanwhile(void (*what)(void))
{
	shim_meet = what;
	shim_meet_at = &http2_by_connection;
}

bool world__met(void)
{
	return !shim_meet_at;
}

int64_t world__in_flight(void)
{
	uint64_t ended = retired_responses_all + world__count(COUNT_HTTP_LOST);

	for (__u32 i = 0; i < DEFAULT_MAX_STATUSES; i++)
		for (int m = 0; m < METHOD_N; m++)
			ended += status_at(i)->responses[m];
	for (int by = 0; by < ABORT_BY_N; by++)
		ended += world__aborted(by, ABORT_IN_WAIT) + world__aborted(by, ABORT_IN_RESPONSE);
	return (int64_t)(world__count(COUNT_HTTP_STARTED) - ended);
}

/* No time may be longer than the world is old; but round trips are no times of the world's. */
static const char *row_inconsistency(const struct row_group *g, int r)
{
	const struct row *row = &g->row[r];

	if (g->key.status == STATUS_NONE && r == ROW_RTT)
		return NULL;
	for (unsigned int i = 1; i < GRID_MAX_CELLS; i++)
		if (row->cell[i] && cfg_grid.bound_ns[i - 1] >= world__elapsed())
			return wrong("status %u row %d has a value above %llu ns after %llu ns",
				     g->key.status, r, (unsigned long long)cfg_grid.bound_ns[i - 1],
				     (unsigned long long)world__elapsed());
	if (row->sum_ns > row_values(row) * world__elapsed())
		return wrong("status %u row %d: sum %llu ns of %llu values", g->key.status, r,
			     (unsigned long long)row->sum_ns, (unsigned long long)row_values(row));
	return NULL;
}

const char *world__inconsistency(void)
{
	const struct charge charge = ((struct server_state *)listener.sk.storage[0])->charge;
	uint64_t account = slot_at(charge.slot)->generation == charge.generation ? MEMORY_SERVER
										 : 0;
	uint64_t n = world__row(ROW_APP_RESPONSE, NULL);
	const char *found;

	if (world__in_flight())
		return wrong("%lld requests in flight at the end", (long long)world__in_flight());
	for (__u32 i = 0; i <= last_connection; i++) {
		if (bpf_map_lookup_elem(&http2_by_connection, &i))
			return wrong("HTTP/2 of connection %u left", i);
		for (__u32 stream = 1; stream < 256; stream++) {
			struct stream_key key = { .connection = i, .stream = stream };

			if (bpf_map_lookup_elem(&stream_by_id, &key))
				return wrong("stream %u of connection %u left", stream, i);
		}
	}
	if (live_sockets)
		return wrong("%lld sockets left", (long long)live_sockets);
	/* the listener stays; an instance that was retired has no account any more */
	if (memory_used != MEMORY_SERVER || world__count(GAUGE_MEMORY_BYTES) != account)
		return wrong("%llu bytes left, %llu of them with an instance",
			     (unsigned long long)memory_used,
			     (unsigned long long)world__count(GAUGE_MEMORY_BYTES));
	for (__u32 i = 0; i < DEFAULT_MAX_GROUPS; i++) {
		for (int r = 0; r < GROUP_ROWS && group_at(i)->in_use; r++) {
			found = row_inconsistency(group_at(i), r);
			if (found)
				return found;
		}
	}
	if (world__row(ROW_EDGE_RESPONSE, NULL) != n || world__row(ROW_APP_QUEUE, NULL) != n ||
	    world__row(ROW_APP_FIRST_BYTE, NULL) + world__count(COUNT_FIRST_BYTE_UNSEEN) != n)
		return wrong("rows of %llu responses disagree", (unsigned long long)n);
	if (n > world__responses(0, METHOD_N))
		return wrong("more times than responses");
	if (world__count(COUNT_EDGE_CONNECTS) != world__count(COUNT_EDGE_DISCONNECTS))
		return wrong("%llu connects, %llu disconnects",
			     (unsigned long long)world__count(COUNT_EDGE_CONNECTS),
			     (unsigned long long)world__count(COUNT_EDGE_DISCONNECTS));
	return NULL;
}

/* ---- connections ---- */

static struct connection *connection_new(uint32_t sequence)
{
	struct connection *c = calloc(1, sizeof(*c));

	if (!c)
		abort();
	sock_init(&c->tp, TCP_ESTABLISHED, sequence);
	c->socket.sk = &c->tp.sk;
	c->socket.file = &c->file;
	c->file.private_data = &c->socket;
	return c;
}

struct connection *connection__open(uint32_t sequence)
{
	struct connection *c = connection_new(sequence);
	struct sock *sk = &c->tp.sk;

	sk->storage[0] = malloc(sizeof(struct server_state));
	if (!sk->storage[0])
		abort();
	memcpy(sk->storage[0], listener.sk.storage[0], sizeof(struct server_state));
	sk->__sk_common.skc_state = TCP_LISTEN;
	set_state(sk, TCP_SYN_RECV);
	set_state(sk, TCP_ESTABLISHED);
	sk->sk_socket = &c->socket;
	return c;
}

struct connection *connection__older(uint32_t sequence)
{
	struct connection *c = connection_new(sequence);

	c->tp.sk.sk_socket = &c->socket;
	return c;
}

void connection__arrive(struct connection *c, const void *data, size_t n)
{
	if (c->fin || c->closed || !n || c->tp.sk.__sk_common.skc_state == TCP_CLOSE)
		return;
	if (c->unread + n > c->room) {
		c->room = 2 * (c->unread + n);
		c->queue = realloc(c->queue, c->room);
		if (!c->queue)
			abort();
	}
	memcpy(c->queue + c->unread, data, n);
	c->unread += n;
	c->tp.rcv_nxt += (__u32)n;
	c->tp.bytes_received += n;
	c->tp.tcp_clock_cache = shim_now_ns;
	sk_data_ready(&c->tp.sk);
}

void connection__fin(struct connection *c)
{
	struct sock *sk = &c->tp.sk;

	if (c->fin || sk->__sk_common.skc_state == TCP_CLOSE)
		return;
	c->fin = true;
	c->fin_rides = c->unread && (c->tp.rcv_nxt & 1);
	c->tp.rcv_nxt++;
	c->tp.bytes_received++;
	sk->__sk_common.skc_flags |= 1UL << SOCK_DONE;
	set_state(sk, sk->__sk_common.skc_state == TCP_ESTABLISHED ? TCP_CLOSE_WAIT : TCP_CLOSE);
	sk_data_ready(sk);
}

void connection__reset(struct connection *c)
{
	struct sock *sk = &c->tp.sk;

	if (sk->__sk_common.skc_state == TCP_CLOSE)
		return;
	tcp_receive_reset(sk);
	sk->sk_err = 104;
	set_state(sk, TCP_CLOSE);
}

/*
 * The first buffer of the receive queue, with what is unread in it: a linear part, fragments, and
 * a list of further buffers, cut where sequence numbers say. `before` bytes of it were read before.
 */
struct buffer {
	struct sk_buff skb[3];
	struct skb_shared_info shared[3];
	uint8_t *bytes[3 * 3]; /* of each a linear part and two fragments */
};

static void buffer_part(struct buffer *b, int i, const uint8_t *data, size_t n, size_t linear,
			size_t first)
{
	struct skb_shared_info *shared = &b->shared[i];
	const size_t part[3] = { linear, first, n - linear - first };
	struct sk_buff *skb = &b->skb[i];

	skb->len = (unsigned int)n;
	skb->data_len = (unsigned int)(n - linear);
	skb->head = (unsigned char *)shared;
	for (int k = 0; k < 3; k++) {
		uint8_t *bytes = aligned_alloc(8, (part[k] + 15) / 8 * 8);

		if (!bytes)
			abort();
		memset(bytes, '\n', (part[k] + 15) / 8 * 8);
		memcpy(bytes, data, part[k]);
		data += part[k];
		b->bytes[i * 3 + k] = bytes;
		if (k == 0)
			skb->data = bytes;
		else if (part[k])
			shared->frags[shared->nr_frags++] =
				(struct iovec){ .iov_base = bytes, .iov_len = part[k] };
	}
}

/* A buffer of n bytes, cut as `seed` says. */
static void buffer_make(struct buffer *b, const uint8_t *data, size_t n, uint32_t sequence,
			uint32_t seed)
{
	struct tcp_skb_cb *cb = (struct tcp_skb_cb *)b->skb[0].cb;
	size_t cut[3] = { n, 0, 0 };

	memset(b, 0, sizeof(*b));
	if (seed % 3 == 0) {
		cut[0] = n / 3;
		cut[1] = (n - cut[0]) / 2;
		cut[2] = n - cut[0] - cut[1];
	}
	for (int i = 0; i < 3; i++) {
		size_t linear = seed % 4 < 2 ? 0 : cut[i] / (seed % 4), left = cut[i] - linear;

		buffer_part(b, i, data, cut[i], linear, seed % 5 < 2 ? left : left / 3);
		data += cut[i];
	}
	b->skb[0].data_len += (unsigned int)(n - cut[0]); /* the list is of it */
	b->skb[0].len = (unsigned int)n;
	if (cut[1] + cut[2]) {
		b->shared[0].frag_list = &b->skb[1];
		b->skb[1].next = &b->skb[2];
	}
	cb->seq = sequence;
	cb->end_seq = sequence + (uint32_t)n;
}

static void buffer_free(struct buffer *b)
{
	for (int i = 0; i < 9; i++)
		free(b->bytes[i]);
}

/* User memory of one call: segments of their own, so that a read beyond one is seen. */
struct memory {
	struct iovec segment[CALL_SEGMENTS];
	struct user_msghdr message;
	size_t segments;
};

static void memory_make(struct memory *m, size_t n, enum call call)
{
	size_t share = n / 4;

	m->segments = call == CALL_VECTOR ? 3 : call == CALL_MESSAGE ? 2 : 1;
	if (call == CALL_PIECES) {
		share = n / CALL_SEGMENTS < PIECE ? PIECE : n / CALL_SEGMENTS;
		m->segments = n / share ? n / share : 1;
		if (m->segments > CALL_SEGMENTS)
			m->segments = CALL_SEGMENTS;
	}
	for (size_t i = 0; i < m->segments; i++) {
		m->segment[i].iov_len = i + 1 == m->segments ? n : share;
		n -= m->segment[i].iov_len;
		m->segment[i].iov_base = malloc(m->segment[i].iov_len ? m->segment[i].iov_len : 1);
		if (!m->segment[i].iov_base)
			abort();
		memset(m->segment[i].iov_base, '\n', m->segment[i].iov_len);
	}
	m->message = (struct user_msghdr){ .msg_iov = m->segment, .msg_iovlen = m->segments };
}

static void memory_fill(struct memory *m, const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < m->segments; i++) {
		size_t part = n < m->segment[i].iov_len ? n : m->segment[i].iov_len;

		memcpy(m->segment[i].iov_base, data, part);
		data += part;
		n -= part;
	}
}

static void memory_free(struct memory *m)
{
	for (size_t i = 0; i < m->segments; i++)
		free(m->segment[i].iov_base);
	shim_faults = false;
	server.flags = 0;
	memset(&server.regs, 0, sizeof(server.regs));
}

/* Registers as the system call leaves them. */
static void enter(struct memory *m, enum call call, bool sending)
{
	struct pt_regs *regs = &server.regs;

	regs->cs = 0x33;
	regs->di = 3;
	regs->si = (unsigned long)m->segment[0].iov_base;
	regs->dx = m->segment[0].iov_len;
	switch (call) {
	case CALL_FAULT:
		shim_faults = true;
		/* fall through */
	case CALL_PLAIN:
		regs->orig_ax = sending ? NR_WRITE : NR_READ;
		break;
	case CALL_SOCKET:
		regs->orig_ax = sending ? NR_SENDTO : NR_RECVFROM;
		break;
	case CALL_VECTOR:
	case CALL_PIECES:
		regs->orig_ax = sending ? NR_WRITEV : NR_READV;
		regs->si = (unsigned long)m->segment;
		regs->dx = m->segments;
		break;
	case CALL_MESSAGE:
		regs->orig_ax = sending ? NR_SENDMSG : NR_RECVMSG;
		regs->si = (unsigned long)&m->message;
		break;
	case CALL_FILE:
		regs->orig_ax = sending ? NR_SENDFILE : NR_SPLICE;
		break;
	case CALL_RING:
		regs->orig_ax = NR_IO_URING_ENTER;
		break;
	}
}

static void take(struct connection *c, size_t n)
{
	c->unread -= n;
	memmove(c->queue, c->queue + n, c->unread);
	c->tp.copied_seq += (__u32)n;
	c->tp.tcp_clock_cache = shim_now_ns;
	if (c->fin_rides && !c->fin_read && !c->unread) {
		c->fin_read = true;
		c->tp.copied_seq++;
	}
}

/* Of the bytes that are unread, `got` are taken, from one buffer that has `n` of them. */
static void take_from_buffer(struct connection *c, size_t n, size_t got, bool peek)
{
	/* what is in front of them in the buffer has been read before */
	uint32_t before = c->tp.copied_seq % 3 * 5;
	struct sock *sk = &c->tp.sk;
	uint8_t *all = malloc(before + n);
	struct buffer b;

	if (!all)
		abort();
	memset(all, '\n', before);
	memcpy(all + before, c->queue, n);
	buffer_make(&b, all, before + n, c->tp.copied_seq - before, c->tp.copied_seq + (uint32_t)n);
	free(all);
	sk->sk_receive_queue.next = &b.skb[0];
	if (!peek)
		take(c, got);
	tcp_rcv_space_adjust(shim_sk = sk);
	sk->sk_receive_queue.next = (struct sk_buff *)&sk->sk_receive_queue;
	buffer_free(&b);
}

/* As the kernel copies: from one buffer after the other. */
static size_t take_from_queue(struct connection *c, size_t got, int flags)
{
	size_t first = c->tp.copied_seq % 4 ? 0 : got / 2;

	if (first)
		take_from_buffer(c, first, first, flags & MSG_PEEK);
	if (got - first)
		take_from_buffer(c, flags & MSG_PEEK ? got : c->unread,
				 flags & MSG_PEEK ? got : got - first, flags & MSG_PEEK);
	return got;
}

size_t connection__read_flags(struct connection *c, size_t n, enum call call, int flags)
{
	size_t got = n < c->unread ? n : c->unread;
	struct memory m;

	if (c->closed || !n)
		return 0;
	if (!got) {
		if (c->fin && !c->fin_read && !(flags & MSG_PEEK)) {
			c->fin_read = true;
			c->tp.copied_seq++;
		}
		if (!has_queues)
			sock_recv_length(shim_sk = &c->tp.sk, c->fin ? 0 : EAGAIN_RET, flags);
		return 0;
	}
	if (has_queues)
		return take_from_queue(c, got, flags);
	memory_make(&m, n, call);
	if (!(flags & MSG_TRUNC))
		memory_fill(&m, c->queue, got);
	enter(&m, call, false);
	if (!(flags & MSG_PEEK))
		take(c, got);
	sock_recv_length(shim_sk = &c->tp.sk, (int)got, flags);
	memory_free(&m);
	return got;
}

size_t connection__read(struct connection *c, size_t n, enum call call)
{
	return connection__read_flags(c, n, call, 0);
}

size_t connection__splice(struct connection *c, size_t n)
{
	if (n > c->unread)
		n = c->unread;
	if (!n || c->closed)
		return n;
	take(c, n);
	if (has_queues)
		tcp_rcv_space_adjust(shim_sk = &c->tp.sk);
	return n;
}

bool connection__writable(const struct connection *c)
{
	int state = c->tp.sk.__sk_common.skc_state;

	return !c->closed && !c->shut && (state == TCP_ESTABLISHED || state == TCP_CLOSE_WAIT);
}

void connection__taken(struct connection *c, size_t n)
{
	c->taken = n;
	c->tp.write_seq += (__u32)n;
	c->tp.snd_una += (__u32)n;
	c->tp.bytes_acked += n;
}

/*
 * Puts what was written where it waits to be sent, or to be acknowledged, or nowhere, since it has
 * been already, and takes it away again. Some of what was written before may be in the buffer.
 */
static void queue_written(struct connection *c, const void *data, size_t n, bool there)
{
	static struct buffer b;
	struct sock *sk = &c->tp.sk;
	uint32_t before = (c->tp.write_seq + (uint32_t)n) % 5 * 3;
	uint8_t *all;

	if (!has_queues || c->tp.write_seq % 7 == 0)
		return; /* acknowledged */
	if (!there) {
		sk->sk_write_queue.prev = (struct sk_buff *)&sk->sk_write_queue;
		sk->tcp_rtx_queue.rb_node = NULL;
		c->tp.snd_una = c->tp.write_seq;
		buffer_free(&b);
		return;
	}
	all = malloc(before + n);
	if (!all)
		abort();
	memset(all, '\n', before);
	memcpy(all + before, data, n);
	buffer_make(&b, all, before + n, c->tp.write_seq - (uint32_t)n - before, c->tp.write_seq);
	free(all);
	c->tp.snd_una = c->tp.write_seq - (uint32_t)n;
	if (c->tp.write_seq % 2)
		sk->sk_write_queue.prev = &b.skb[0];
	else
		sk->tcp_rtx_queue.rb_node = &b.skb[0].rbnode;
}

void connection__write(struct connection *c, const void *data, size_t n, enum call call)
{
	struct memory m;

	if (!connection__writable(c) || !n)
		return;
	/* the call asked for some more that was not taken */
	memory_make(&m, n + 5, call);
	memory_fill(&m, data, n);
	enter(&m, call, true);
	if (!c->taken)
		connection__taken(c, n);
	c->taken = 0;
	queue_written(c, data, n, true);
	sock_send_length(shim_sk = &c->tp.sk, (int)n, 0);
	queue_written(c, data, n, false);
	memory_free(&m);
}

void connection__write_fails(struct connection *c, int ret)
{
	sock_send_length(shim_sk = &c->tp.sk, ret, 0);
}

void connection__write_begins(struct connection *c, size_t n)
{
	struct msghdr message = { .msg_iter = { .count = n } };

	if (connection__writable(c))
		tcp_sendmsg_locked(&c->tp.sk, &message);
}

void connection__nonblocking(struct connection *c)
{
	c->file.f_flags = O_NONBLOCK;
}

void connection__shutdown(struct connection *c)
{
	struct sock *sk = &c->tp.sk;

	if (!connection__writable(c))
		return;
	c->shut = true;
	c->tp.write_seq++;
	set_state(sk, c->fin ? TCP_LAST_ACK : TCP_FIN_WAIT1);
	c->tp.snd_una++;
	c->tp.bytes_acked++;
	set_state(sk, c->fin ? TCP_CLOSE : TCP_FIN_WAIT2);
}

void connection__close(struct connection *c)
{
	struct sock *sk = &c->tp.sk;

	if (c->closed)
		return;
	if (c->unread && sk->__sk_common.skc_state != TCP_CLOSE) {
		set_state(sk, TCP_CLOSE);
		tcp_send_reset(sk);
	} else {
		connection__shutdown(c);
	}
	c->closed = true;
	sk->sk_socket = NULL;
}

void connection__destroy(struct connection *c)
{
	struct sock *sk = &c->tp.sk;

	connection__close(c);
	if (sk->__sk_common.skc_state != TCP_CLOSE)
		set_state(sk, TCP_CLOSE);
	tcp_destroy_sock(sk);
	free(sk->storage[0]);
	free(sk->storage[1]);
	free(c->queue);
	free(c);
}

size_t connection__unread(const struct connection *c)
{
	return c->unread;
}
