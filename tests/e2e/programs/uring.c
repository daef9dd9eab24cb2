// SPDX-License-Identifier: Apache-2.0
/*
 * io_uring on sockets, in the two ways that matter to an observer of system
 * calls:
 *
 *   uring serve PORT REQUESTS      a server whose accepts, reads and writes go
 *                                  through io_uring_enter
 *   uring foreign PORT REQUESTS    a server that submits a read or write and
 *                                  then sits in some unrelated read() or
 *                                  write(), whose buffer holds text that looks
 *                                  like HTTP; the completion runs inside that call
 *   uring client PORT REQUESTS     the same as a client of a server on PORT
 *
 * Planted requests are DELETE, planted responses have status 599. Ends after
 * REQUESTS requests, and prints how many completions came inside foreign calls.
 */
#include <arpa/inet.h>
#include <err.h>
#include <liburing.h>
#include <poll.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define PLANTED_REQUEST "DELETE /planted HTTP/1.1\r\nHost: planted\r\n\r\n"
#define PLANTED_RESPONSE "HTTP/1.1 599 Planted\r\nContent-Length: 0\r\n\r\n"
#define REQUEST "GET /ring HTTP/1.1\r\nHost: ring\r\n\r\n"
#define RESPONSE "HTTP/1.1 200 Ring\r\nContent-Length: 4\r\n\r\nring"
#define BIG (1 << 20)

static struct io_uring ring;
static int done_event, pipe_ends[2];
static unsigned long foreign;

static int wait_in_ring(void)
{
	struct io_uring_cqe *cqe;
	int result = io_uring_submit_and_wait(&ring, 1);

	if (result >= 0)
		result = io_uring_wait_cqe(&ring, &cqe);
	if (result < 0)
		errx(1, "wait: %s", strerror(-result));
	result = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	return result;
}

/* Forgets the completions that have been signalled, so that the next read() waits for the next one.
 */
static void clear_event(void)
{
	struct pollfd event = { .fd = done_event, .events = POLLIN };
	uint64_t count;

	if (poll(&event, 1, 0) == 1 && read(done_event, &count, sizeof(count)) != sizeof(count))
		err(1, "read of the event");
}

/* Submits, then waits inside a read() of the event that completions signal. */
static int wait_in_foreign_read(void)
{
	static char buffer[4096];
	struct io_uring_cqe *cqe;
	int result;

	for (size_t at = 0; at + sizeof(PLANTED_REQUEST) < sizeof(buffer);
	     at += sizeof(PLANTED_REQUEST) - 1)
		memcpy(buffer + at, PLANTED_REQUEST, sizeof(PLANTED_REQUEST) - 1);
	clear_event();
	if (io_uring_submit(&ring) < 0)
		errx(1, "submit");
	if (io_uring_peek_cqe(&ring, &cqe))
		foreign++;
	if (read(done_event, buffer, sizeof(buffer)) != 8)
		err(1, "read of the event");
	if (io_uring_wait_cqe(&ring, &cqe))
		errx(1, "no completion");
	result = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	return result;
}

/* Empties the pipe once a completion has been signalled, so that the write() below ends. */
static void *drain(void *unused)
{
	static char sink[BIG];
	uint64_t count;

	(void)unused;
	for (;;) {
		if (read(done_event, &count, sizeof(count)) != sizeof(count))
			err(1, "read of the event");
		if (read(pipe_ends[0], sink, sizeof(sink)) <= 0)
			err(1, "read of the pipe");
	}
	return NULL;
}

/* The same inside a write() to a full pipe. */
static int wait_in_foreign_write(void)
{
	static char buffer[1 << 18]; /* more than a pipe holds */
	struct io_uring_cqe *cqe;
	ssize_t n;
	int result;

	for (size_t at = 0; at + sizeof(PLANTED_RESPONSE) < sizeof(buffer);
	     at += sizeof(PLANTED_RESPONSE) - 1)
		memcpy(buffer + at, PLANTED_RESPONSE, sizeof(PLANTED_RESPONSE) - 1);
	if (io_uring_submit(&ring) < 0)
		errx(1, "submit");
	if (io_uring_peek_cqe(&ring, &cqe)) {
		foreign++;
		n = write(pipe_ends[1], buffer, 60000);
		if (n < 0)
			err(1, "write");
	}
	if (io_uring_wait_cqe(&ring, &cqe))
		errx(1, "no completion");
	result = cqe->res;
	io_uring_cqe_seen(&ring, cqe);
	return result;
}

static int ring_recv(int fd, void *buffer, size_t size, int (*wait)(void))
{
	io_uring_prep_recv(io_uring_get_sqe(&ring), fd, buffer, size, 0);
	return wait();
}

static void ring_send(int fd, const char *data, size_t size, int (*wait)(void))
{
	while (size) {
		int n;

		io_uring_prep_send(io_uring_get_sqe(&ring), fd, data, size, MSG_NOSIGNAL);
		n = wait();
		if (n <= 0)
			errx(1, "send: %s", strerror(-n));
		data += n;
		size -= (size_t)n;
	}
}

static struct sockaddr_in address(const char *port)
{
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port)) };

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return to;
}

static void serve(const char *port, long requests, bool is_foreign)
{
	struct sockaddr_in at = address(port);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 64))
		err(1, "listen on %s", port);
	while (requests > 0) {
		char data[4096];
		int fd, n;

		io_uring_prep_accept(io_uring_get_sqe(&ring), listener, NULL, NULL, 0);
		fd = wait_in_ring();
		if (fd < 0)
			errx(1, "accept: %s", strerror(-fd));
		while ((n = ring_recv(fd, data, sizeof(data),
				      is_foreign ? wait_in_foreign_read : wait_in_ring)) > 0) {
			ring_send(fd, RESPONSE, sizeof(RESPONSE) - 1, wait_in_ring);
			requests--;
		}
		close(fd);
	}
}

/* A response that the client does not read at once: its sends complete inside foreign writes. */
static void serve_large(const char *port, long requests)
{
	static char body[BIG];
	struct sockaddr_in at = address(port);
	int listener = socket(AF_INET, SOCK_STREAM, 0), one = 1, small = 16384, fd;
	pthread_t thread;
	char data[4096];
	int length;

	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	setsockopt(listener, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 64))
		err(1, "listen on %s", port);
	if (pthread_create(&thread, NULL, drain, NULL))
		errx(1, "no thread");
	fd = accept(listener, NULL, NULL);
	for (; requests > 0 && read(fd, data, sizeof(data)) > 0; requests--) {
		memset(body, 'r', sizeof(body));
		length = snprintf(body, 100, "HTTP/1.1 200 Ring\r\nContent-Length: %d\r\n\r\n",
				  BIG - 100);
		body[length] = 'r';
		ring_send(fd, body, (size_t)length + BIG - 100, wait_in_foreign_write);
	}
	close(fd);
}

static void client(const char *port, long requests)
{
	struct sockaddr_in to = address(port);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	char data[4096];

	if (connect(fd, (struct sockaddr *)&to, sizeof(to)))
		err(1, "connect to %s", port);
	for (; requests > 0; requests--) {
		ring_send(fd, REQUEST, sizeof(REQUEST) - 1, wait_in_ring);
		if (ring_recv(fd, data, sizeof(data), wait_in_foreign_read) <= 0)
			errx(1, "no response");
	}
	close(fd);
}

int main(int argc, char **argv)
{
	int error = io_uring_queue_init(8, &ring, 0);

	if (argc != 4)
		errx(1, "usage: uring serve|foreign|large|client PORT REQUESTS");
	if (error) {
		fprintf(stderr, "io_uring: %s\n", strerror(-error));
		return 77;
	}
	done_event = eventfd(0, 0);
	if (done_event < 0 || pipe(pipe_ends))
		err(1, "descriptors");
	if (strcmp(argv[1], "serve") && io_uring_register_eventfd(&ring, done_event))
		errx(1, "cannot register an eventfd");
	if (strcmp(argv[1], "client") == 0)
		client(argv[2], atol(argv[3]));
	else if (strcmp(argv[1], "large") == 0)
		serve_large(argv[2], atol(argv[3]));
	else
		serve(argv[2], atol(argv[3]), strcmp(argv[1], "foreign") == 0);
	printf("foreign %lu\n", foreign);
	return 0;
}
