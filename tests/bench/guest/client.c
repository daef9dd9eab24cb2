// SPDX-License-Identifier: Apache-2.0
/*
 * A client that sends a fixed number of HTTP/1.1 requests, so that two runs of it
 * are the same work.
 *
 * Usage: client ADDRESS PORT MODE REQUESTS [CONNECTIONS]
 *   keepalive  the same request over and over; on each connection in turn one is
 *              sent, then all answers are read
 *   varying    the same, but no two requests and no two answers have equal headers
 *   close      a connection for each request
 * Connections are opened and have had a few answers before it prints "ready". For
 * each line of its input it then sends REQUESTS and prints the nanoseconds that
 * they took.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MAX_CONNECTIONS 256
#define WARM_UP 20 /* answers on each connection */

static const char same[] = "GET /same HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
static const char once[] = "GET /same HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n";
/* As tracing and caches have it; the server sends X-Date back in its answer. */
static const char varying[] = "GET /varying HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n"
			      "traceparent: 00-%016llx%016llx-%016llx-01\r\n"
			      "X-Date: Mon, 02 Jan 2006 %02llu:%02llu:%02llu GMT\r\n\r\n";

static struct sockaddr_in server;
static bool varies;

static void die(const char *what)
{
	fprintf(stderr, "client: %s: %s\n", what, errno ? strerror(errno) : "not as expected");
	exit(EXIT_FAILURE);
}

static unsigned long long now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (unsigned long long)now.tv_sec * 1000000000ULL + (unsigned long long)now.tv_nsec;
}

static int open_connection(void)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (fd < 0 || connect(fd, (struct sockaddr *)&server, sizeof(server)))
		die("connect");
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static void send_all(int fd, const char *data, size_t bytes)
{
	if (write(fd, data, bytes) != (ssize_t)bytes)
		die("request");
}

static void send_request(int fd)
{
	static unsigned long long count;
	char data[sizeof(varying) + 64];
	unsigned long long n = ++count, mixed = n * 0x9e3779b97f4a7c15ULL;
	int length;

	if (!varies) {
		send_all(fd, same, sizeof(same) - 1);
		return;
	}
	length = snprintf(data, sizeof(data), varying, mixed, mixed ^ n, mixed >> 3, n / 3600 % 24,
			  n / 60 % 60, n % 60);
	send_all(fd, data, (size_t)length);
}

/* Bytes of one whole answer, learned from a first one; all others are as long. */
static size_t ask_once(int fd)
{
	char data[4096];
	size_t length = 0, whole = 0;

	send_request(fd);
	while (!whole || length < whole) {
		ssize_t n = read(fd, data + length, sizeof(data) - 1 - length);
		const char *end, *body;

		if (n <= 0)
			die("first answer");
		length += (size_t)n;
		data[length] = 0;
		end = strstr(data, "\r\n\r\n");
		body = strcasestr(data, "\r\nContent-Length:");
		errno = 0;
		if (end && (!body || body > end || strncmp(data, "HTTP/1.1 200 ", 13)))
			die("first answer");
		if (end)
			whole = (size_t)(end - data) + 4 + strtoul(body + 17, NULL, 10);
	}
	return whole;
}

static void read_exactly(int fd, size_t bytes)
{
	char data[4096];

	while (bytes) {
		ssize_t n = read(fd, data, bytes < sizeof(data) ? bytes : sizeof(data));

		if (n <= 0) {
			errno = n ? errno : 0;
			die("answer");
		}
		bytes -= (size_t)n;
	}
}

/* The server closes. */
static void ask_and_close(void)
{
	char data[4096];
	int fd = open_connection();
	bool answered = false;
	ssize_t n;

	send_all(fd, once, sizeof(once) - 1);
	while ((n = read(fd, data, sizeof(data))) > 0)
		answered |= n > 13 && !strncmp(data, "HTTP/1.1 200 ", 13);
	errno = n ? errno : 0;
	if (n || !answered)
		die("answer");
	close(fd);
}

static void ask_on_all(const int *fds, int connections, size_t answer)
{
	for (int i = 0; i < connections; i++)
		send_request(fds[i]);
	for (int i = 0; i < connections; i++)
		read_exactly(fds[i], answer);
}

int main(int argc, char **argv)
{
	int fds[MAX_CONNECTIONS], connections = argc > 5 ? atoi(argv[5]) : 1;
	long requests = argc > 4 ? atol(argv[4]) : 0;
	const char *mode = argc > 3 ? argv[3] : "";
	bool closes = !strcmp(mode, "close");
	size_t answer = 0;

	varies = !strcmp(mode, "varying");
	if (requests < 1 || connections < 1 || connections > MAX_CONNECTIONS ||
	    requests % connections || (!closes && !varies && strcmp(mode, "keepalive"))) {
		fprintf(stderr, "usage: client ADDRESS PORT keepalive|varying|close REQUESTS "
				"[CONNECTIONS]\n");
		return EXIT_FAILURE;
	}
	server.sin_family = AF_INET;
	server.sin_port = htons((uint16_t)atoi(argv[2]));
	if (!inet_aton(argv[1], &server.sin_addr))
		die(argv[1]);
	for (int i = 0; i < connections && !closes; i++) {
		fds[i] = open_connection();
		for (int j = 0; j < WARM_UP; j++)
			answer = ask_once(fds[i]);
	}
	puts("ready");
	fflush(stdout);
	while (getchar() != EOF) {
		unsigned long long start = now_ns();

		for (long done = 0; done < requests; done += connections) {
			if (closes)
				ask_and_close();
			else
				ask_on_all(fds, connections, answer);
		}
		printf("%llu\n", now_ns() - start);
		fflush(stdout);
	}
	return EXIT_SUCCESS;
}
