// SPDX-License-Identifier: Apache-2.0
/*
 * race PORT CONNECTIONS REQUESTS RESPONSE_BYTES whole|early
 *
 * A server thread and a client thread on different CPUs, over loopback, which
 * try to let the next request arrive before the kernel has told of the end of
 * this response's write. The client spins on a non-blocking read, and sends the
 * next request when the response is there (whole) or begins (early).
 *
 * Prints, in nanoseconds where it is a time:
 *   requests, raced (requests sent before the write of the response before them
 *   had returned), served (sum over requests of read returned .. write
 *   returned), written (sum of the writes), waited (sum of send called ..
 *   response there, as the client saw it), delayed (the server was ready to
 *   run and did not), elapsed.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sched.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char request[] = "GET /race HTTP/1.1\r\nHost: race\r\n\r\n";
#define REQUEST_BYTES (sizeof(request) - 1)

static long requests, connections;
static size_t response_bytes;
static char *response;
static bool early;
static int listener;
static uint64_t served_ns, written_ns, waited_ns, delayed_ns;
static uint64_t *write_end_ns, *send_begin_ns; /* by number of the request */

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000ULL + (uint64_t)t.tv_nsec;
}

static void pin(unsigned int cpu)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(cpu, &set);
	sched_setaffinity(0, sizeof(set), &set); /* one CPU: fewer races, nothing else */
}

/* Time that this thread has waited for a CPU so far. */
static uint64_t run_queue_delay(void)
{
	FILE *file = fopen("/proc/thread-self/schedstat", "r");
	unsigned long long ran = 0, delay = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%llu %llu", &ran, &delay) != 2)
		delay = 0;
	fclose(file);
	return delay;
}

static void *serve(void *unused)
{
	long n = 0;

	(void)unused;
	pin(0);
	for (long c = 0; c < connections; c++) {
		int fd = accept(listener, NULL, NULL);
		size_t have = 0;
		char data[4096];
		ssize_t got;

		if (fd < 0)
			err(1, "accept");
		while ((got = read(fd, data, sizeof(data))) > 0) {
			uint64_t read_ns = now();

			/* early clients may have sent more than one; count by bytes */
			for (have += (size_t)got; have >= REQUEST_BYTES; have -= REQUEST_BYTES) {
				uint64_t begin_ns = now();

				if (write(fd, response, response_bytes) != (ssize_t)response_bytes)
					err(1, "write");
				write_end_ns[n] = now();
				served_ns += write_end_ns[n] - read_ns;
				written_ns += write_end_ns[n] - begin_ns;
				n++;
			}
		}
		close(fd);
	}
	delayed_ns = run_queue_delay();
	return NULL;
}

/* Reads until `until` bytes of this connection's responses are there. */
static void spin(int fd, size_t *have, size_t until)
{
	static char sink[1 << 20];

	while (*have < until) {
		ssize_t got = recv(fd, sink, sizeof(sink), MSG_DONTWAIT);

		if (got > 0)
			*have += (size_t)got;
		else if (got == 0 || errno != EAGAIN)
			err(1, "the server has left");
	}
}

static void ask(const struct sockaddr_in *to)
{
	long each = requests / connections, n = 0;

	pin(1);
	for (long c = 0; c < connections; c++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;
		size_t have = 0;

		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		if (connect(fd, (const struct sockaddr *)to, sizeof(*to)))
			err(1, "connect");
		for (long i = 0; i < each; i++) {
			send_begin_ns[n] = now();
			if (send(fd, request, REQUEST_BYTES, 0) != (ssize_t)REQUEST_BYTES)
				err(1, "send");
			spin(fd, &have,
			     early ? response_bytes * (size_t)i + 1
				   : response_bytes * (size_t)(i + 1));
			waited_ns += now() - send_begin_ns[n];
			n++;
		}
		spin(fd, &have, response_bytes * (size_t)each);
		close(fd);
	}
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	long raced = 0, each;
	pthread_t thread;
	uint64_t begin;
	int one = 1, length;

	if (argc != 6)
		errx(1, "usage: race PORT CONNECTIONS REQUESTS RESPONSE_BYTES whole|early");
	at.sin_port = htons((uint16_t)atoi(argv[1]));
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	connections = atol(argv[2]);
	each = atol(argv[3]) / connections;
	requests = each * connections;
	response_bytes = (size_t)atol(argv[4]);
	early = strcmp(argv[5], "early") == 0;

	response = malloc(response_bytes + 128);
	write_end_ns = calloc((size_t)requests, sizeof(*write_end_ns));
	send_begin_ns = calloc((size_t)requests, sizeof(*send_begin_ns));
	if (!response || !write_end_ns || !send_begin_ns)
		errx(1, "no memory");
	memset(response, 'r', response_bytes);
	length = snprintf(response, 128, "HTTP/1.1 200 OK\r\nContent-Length: %06zu\r\n\r\n",
			  response_bytes - 43);
	if (length != 43)
		errx(1, "a header of %d bytes", length);
	response[length] = 'r';

	listener = socket(AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 64))
		err(1, "listen");
	begin = now();
	if (pthread_create(&thread, NULL, serve, NULL))
		errx(1, "no thread");
	ask(&at);
	pthread_join(thread, NULL);
	for (long i = 1; i < requests; i++)
		raced += i % each && send_begin_ns[i] < write_end_ns[i - 1];
	printf("requests %ld\nraced %ld\n", requests, raced);
	printf("served %llu\nwritten %llu\n", (unsigned long long)served_ns,
	       (unsigned long long)written_ns);
	printf("waited %llu\ndelayed %llu\nelapsed %llu\n", (unsigned long long)waited_ns,
	       (unsigned long long)delayed_ns, (unsigned long long)(now() - begin));
	return 0;
}
