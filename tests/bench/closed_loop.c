// SPDX-License-Identifier: Apache-2.0
/*
 * A client that waits for each answer: the latency of a small request, and with
 * many connections and pipelining more load than a common load generator makes
 * from one CPU. It ends between two requests, so that its own count is exact.
 *
 * Usage: closed_loop PORT SECONDS [CONNECTIONS [DEPTH]]
 * Each turn sends DEPTH requests on every connection, then reads all answers.
 * Prints "requests=N seconds=S median_ns=T": the median time of a turn.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 1024
#define MAX_DEPTH 64
#define MAX_TURNS 4000000

static const char request[] = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";

static void die(const char *what)
{
	fprintf(stderr, "closed_loop: %s: %s\n", what, errno ? strerror(errno) : "not as expected");
	exit(EXIT_FAILURE);
}

static unsigned long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)now.tv_sec * 1000000000ULL + (unsigned long long)now.tv_nsec;
}

static int open_connection(int port)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof(at)))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* Bytes of one whole answer, learned from the first; all others must be as long. */
static size_t ask_once(int fd)
{
	char data[65536];
	size_t length = 0, whole = 0;

	if (write(fd, request, sizeof(request) - 1) != (ssize_t)sizeof(request) - 1)
		die("first request");
	while (!whole || length < whole) {
		ssize_t n = read(fd, data + length, sizeof(data) - 1 - length);
		const char *end, *body;

		if (n <= 0)
			die("first answer");
		length += (size_t)n;
		data[length] = 0;
		end = strstr(data, "\r\n\r\n");
		body = strcasestr(data, "\r\nContent-Length:");
		if (end && (!body || body > end || strncmp(data, "HTTP/1.1 200 ", 13))) {
			errno = 0;
			die("first answer");
		}
		if (end)
			whole = (size_t)(end - data) + 4 + strtoul(body + 17, NULL, 10);
	}
	return whole;
}

static void read_exactly(int fd, size_t bytes)
{
	static char data[1 << 20];

	while (bytes) {
		ssize_t n = read(fd, data, bytes < sizeof(data) ? bytes : sizeof(data));

		if (n <= 0) {
			errno = n ? errno : 0;
			die("answer");
		}
		bytes -= (size_t)n;
	}
}

static int by_value(const void *a, const void *b)
{
	unsigned int x = *(const unsigned int *)a, y = *(const unsigned int *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static char batch[MAX_DEPTH * sizeof(request)];
	static unsigned int turn_ns[MAX_TURNS];
	static int fds[MAX_CONNECTIONS];
	int connections = argc > 3 ? atoi(argv[3]) : 1, depth = argc > 4 ? atoi(argv[4]) : 1;
	unsigned long long start, end, before;
	size_t turns = 0, ask_bytes = 0, answer = 0;
	double seconds = argc > 2 ? atof(argv[2]) : 0;

	if (seconds <= 0 || connections < 1 || connections > MAX_CONNECTIONS || depth < 1 ||
	    depth > MAX_DEPTH) {
		fprintf(stderr, "usage: closed_loop PORT SECONDS [CONNECTIONS [DEPTH]]\n");
		return EXIT_FAILURE;
	}
	for (int i = 0; i < depth; i++) {
		memcpy(batch + ask_bytes, request, sizeof(request) - 1);
		ask_bytes += sizeof(request) - 1;
	}
	for (int i = 0; i < connections; i++) {
		fds[i] = open_connection(atoi(argv[1]));
		answer = ask_once(fds[i]);
	}
	start = before = now_ns();
	end = start + (unsigned long long)(seconds * 1e9);
	while (before < end && turns < MAX_TURNS) {
		unsigned long long after;

		for (int i = 0; i < connections; i++)
			if (write(fds[i], batch, ask_bytes) != (ssize_t)ask_bytes)
				die("request");
		for (int i = 0; i < connections; i++)
			read_exactly(fds[i], answer * (size_t)depth);
		after = now_ns();
		turn_ns[turns++] = (unsigned int)(after - before);
		before = after;
	}
	qsort(turn_ns, turns, sizeof(turn_ns[0]), by_value);
	printf("requests=%zu seconds=%.6f median_ns=%u\n",
	       (size_t)connections * (1 + turns * (size_t)depth), (double)(before - start) / 1e9,
	       turn_ns[turns / 2]);
	for (int i = 0; i < connections; i++)
		close(fds[i]);
	return EXIT_SUCCESS;
}
