// SPDX-License-Identifier: Apache-2.0
/*
 * BPF time per HTTP/1.1 keep-alive request on the server's side, over empty
 * programs on the same hooks, from the kernel's own run-time statistics.
 *
 * One thread is client and server of one loopback connection, so that nothing
 * but the request path runs. The agent must be running. The client's end runs
 * through the same hooks; what it costs is measured with the same traffic in
 * which neither end speaks HTTP (then both ends only pass the filters), halved.
 *
 * Prints one line per way of writing: name, then ns per request for each hook,
 * their sum, as "name data_ready recv send sendmsg_locked total". With --more,
 * two more lines: a POST with its body, and a request as a browser sends it.
 */
#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "empty.skel.h"
#include "held.h"

#define HOOKS 4
#define MOST_PROGRAMS 256
#define ROUNDS 15
#define REQUESTS 4000

static const char *const agent_programs[HOOKS] = { "sk_data_ready", "sock_recv_length",
						   "sock_send_length", "tcp_sendmsg_locked" };
static const char *const empty_programs[HOOKS] = { "empty_data_ready", "empty_recv_length",
						   "empty_send_length", "empty_sendmsg_locked" };

struct run {
	__u64 ns;
	__u64 count;
};

static const char get[] = "GET /api/v1/items?id=17 HTTP/1.1\r\nHost: 127.0.0.1:8080\r\n"
			  "User-Agent: bench/1.0\r\nAccept: */*\r\n\r\n";
static const char post[] =
	"POST /api/v1/items HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nUser-Agent: bench/1.0\r\n"
	"Accept: */*\r\nContent-Type: application/json\r\nContent-Length: 120\r\n\r\n"
	"{\"name\":\"a thing that is for sale\",\"price\":1299,\"tags\":[\"red\",\"round\"],"
	"\"stock\":17,\"text\":\"It has no text to speak of.\"}\n";
/* 700 bytes: the names and values are made up, their sizes are not. */
static const char browser[] =
	"GET /shop/items/4711-a-thing-that-is-for-sale?from=search&page=2 HTTP/1.1\r\n"
	"Host: shop.example.org\r\nConnection: keep-alive\r\nCache-Control: max-age=0\r\n"
	"Upgrade-Insecure-Requests: 1\r\n"
	"User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) "
	"Chrome/120.0.0.0 Safari/537.36\r\n"
	"Accept: text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,"
	"*/*;q=0.8\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: navigate\r\n"
	"Sec-Fetch-User: ?1\r\nSec-Fetch-Dest: document\r\n"
	"Referer: https://shop.example.org/search?q=thing\r\nAccept-Encoding: gzip, deflate, br\r\n"
	"Accept-Language: en-GB,en;q=0.9\r\n"
	"Cookie: session=0123456789abcdef0123456789abcdef; theme=dark; cart=4711x2,4712x1,0815x9\r\n\r\n";
_Static_assert(sizeof(browser) - 1 == 700, "as the comment says");
static const char head[] =
	"HTTP/1.1 200 OK\r\nServer: bench\r\nDate: Sat, 21 Nov 2026 10:00:00 GMT\r\n"
	"Content-Type: text/plain\r\nContent-Length: 12\r\nConnection: keep-alive\r\n\r\n";
static const char body[] = "hello world\n";

static void die(const char *what)
{
	fprintf(stderr, "request_cost: %s: %s\n", what, strerror(errno));
	exit(1);
}

/* File descriptor of the program of this (kernel-truncated) name that process `pid` holds. */
static int find_program(int pid, const char *name)
{
	int fds[MOST_PROGRAMS], count = held_programs(pid, fds, MOST_PROGRAMS), found = -1;

	if (count < 0) {
		errno = -count;
		die("the agent's programs");
	}
	for (int i = 0; i < count; i++) {
		struct bpf_prog_info info;

		if (found < 0 && !held_info(fds[i], &info) &&
		    strncmp(info.name, name, sizeof(info.name) - 1) == 0)
			found = fds[i];
		else
			close(fds[i]);
	}
	return found;
}

static struct run read_run(int fd)
{
	struct bpf_prog_info info;

	if (held_info(fd, &info))
		die("program statistics");
	return (struct run){ info.run_time_ns, info.run_cnt };
}

static void connect_pair(int pair[2])
{
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t length = sizeof(address);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) ||
	    listen(listener, 1) || getsockname(listener, (struct sockaddr *)&address, &length))
		die("listen");
	pair[0] = socket(AF_INET, SOCK_STREAM, 0);
	if (pair[0] < 0 || connect(pair[0], (struct sockaddr *)&address, sizeof(address)))
		die("connect");
	pair[1] = accept(listener, NULL, NULL);
	if (pair[1] < 0)
		die("accept");
	setsockopt(pair[0], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	setsockopt(pair[1], IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	close(listener);
}

enum way { WAY_WRITE, WAY_WRITEV };

struct traffic {
	const char *name;
	const char *request;
	enum way way;
};

static const struct traffic traffic[] = {
	{ "write", get, WAY_WRITE },
	{ "writev", get, WAY_WRITEV },
	{ "write-post", post, WAY_WRITE }, /* from here on: --more */
	{ "write-browser", browser, WAY_WRITE },
};

#define USUAL 2

/* n requests over the pair. Without http, the same bytes but for each message's first. */
static void exchange(const int pair[2], const struct traffic *t, bool http, int n)
{
	char ask[1024], say[sizeof(head) + sizeof(body)], buffer[4096];
	size_t ask_bytes = strlen(t->request), head_bytes = sizeof(head) - 1;
	size_t say_bytes = head_bytes + sizeof(body) - 1;
	struct iovec parts[2] = { { say, head_bytes }, { say + head_bytes, sizeof(body) - 1 } };

	memcpy(ask, t->request, ask_bytes);
	memcpy(say, head, head_bytes);
	memcpy(say + head_bytes, body, sizeof(body) - 1);
	if (!http)
		ask[0] = say[0] = 1;
	for (int i = 0; i < n; i++) {
		ssize_t said;

		if (write(pair[0], ask, ask_bytes) != (ssize_t)ask_bytes ||
		    read(pair[1], buffer, sizeof(buffer)) != (ssize_t)ask_bytes)
			die("request");
		said = t->way == WAY_WRITE ? write(pair[1], say, say_bytes)
					   : writev(pair[1], parts, 2);
		if (said != (ssize_t)say_bytes ||
		    read(pair[0], buffer, sizeof(buffer)) != (ssize_t)say_bytes)
			die("response");
	}
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double median(double *values, int n)
{
	qsort(values, (size_t)n, sizeof(*values), by_value);
	return values[n / 2];
}

/* Median over rounds of ns per exchange and hook, both ends, over the empty program. */
static void measure(const int agent[HOOKS], const int empty[HOOKS], const struct traffic *t,
		    bool http, double ret_ns[HOOKS], double *ret_empty_ns)
{
	static double samples[HOOKS][ROUNDS], idle_samples[HOOKS * ROUNDS];
	int pair[2];

	connect_pair(pair);
	exchange(pair, t, http, 100);
	for (int round = 0; round < ROUNDS; round++) {
		struct run before[HOOKS], idle[HOOKS];

		for (int i = 0; i < HOOKS; i++) {
			before[i] = read_run(agent[i]);
			idle[i] = read_run(empty[i]);
		}
		exchange(pair, t, http, REQUESTS);
		for (int i = 0; i < HOOKS; i++) {
			struct run a = read_run(agent[i]), e = read_run(empty[i]);
			double ours =
				(double)(a.ns - before[i].ns) / (double)(a.count - before[i].count);
			double none =
				(double)(e.ns - idle[i].ns) / (double)(e.count - idle[i].count);

			samples[i][round] = 2 * (ours - none); /* each hook runs at both ends */
			idle_samples[i * ROUNDS + round] = none;
		}
	}
	for (int i = 0; i < HOOKS; i++)
		ret_ns[i] = median(samples[i], ROUNDS);
	*ret_empty_ns = median(idle_samples, HOOKS * ROUNDS);
	close(pair[0]);
	close(pair[1]);
}

int main(int argc, char **argv)
{
	bool more = argc == 3 && strcmp(argv[2], "--more") == 0;
	size_t lines = more ? sizeof(traffic) / sizeof(traffic[0]) : USUAL;
	int agent[HOOKS], empty[HOOKS], stats;
	struct empty *skeleton;
	cpu_set_t one;

	if (argc != 2 && !more) {
		fprintf(stderr, "usage: request_cost AGENT_PID [--more]\n");
		return 1;
	}
	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	sched_setaffinity(0, sizeof(one), &one);
	skeleton = empty__open_and_load();
	if (!skeleton || empty__attach(skeleton))
		die("empty programs");
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (stats < 0)
		die("run-time statistics");
	for (int i = 0; i < HOOKS; i++) {
		agent[i] = find_program(atoi(argv[1]), agent_programs[i]);
		empty[i] = find_program(getpid(), empty_programs[i]);
		if (agent[i] < 0 || empty[i] < 0) {
			fprintf(stderr, "request_cost: %s is not loaded: is the agent running?\n",
				agent[i] < 0 ? agent_programs[i] : empty_programs[i]);
			return 1;
		}
	}
	for (const struct traffic *t = traffic; t < traffic + lines; t++) {
		double http[HOOKS], other[HOOKS], total = 0, none;

		measure(agent, empty, t, true, http, &none);
		measure(agent, empty, t, false, other, &none);
		printf("%s", t->name);
		for (int i = 0; i < HOOKS; i++) {
			double ns = http[i] - other[i] / 2;

			printf(" %.0f", ns);
			total += ns;
		}
		printf(" %.0f  (other protocol, both ends: %.0f %.0f %.0f %.0f; an empty program: %.0f)\n",
		       total, other[0], other[1], other[2], other[3], none);
	}
	empty__destroy(skeleton);
	close(stats);
	return 0;
}
