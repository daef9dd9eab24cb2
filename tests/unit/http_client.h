/* SPDX-License-Identifier: Apache-2.0 */
/* A raw-socket HTTP client and a server with test routes, for the tests of the serving stage. */
#ifndef EDGETAP_TEST_HTTP_CLIENT_H
#define EDGETAP_TEST_HTTP_CLIENT_H

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "http/server.h"

/* Long for a loaded machine; a test that passes never waits for it. */
#define PATIENCE_MS 20000

/* Options of a server whose limits no test comes near, unless it sets them itself. */
static inline void client__server_options(struct http_server_options *options)
{
	http_server_options__defaults(options);
	options->listen = "127.0.0.1:0";
	options->max_connections = 64;
	options->slow_threads = 4;
	options->request_timeout_ms = 10 * 1000;
	options->slow_timeout_ms = 30 * 1000;
}

static inline int client__connect_from(uint16_t port, int rcvbuf)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_ge(fd, 0);
	if (rcvbuf)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

static inline int client__connect(const struct http_server *server)
{
	return client__connect_from(http_server__port(server), 0);
}

/* Returns false if the server has closed the connection. */
static inline bool client__send(int fd, const char *bytes, size_t len)
{
	while (len) {
		ssize_t n = send(fd, bytes, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		bytes += n;
		len -= n;
	}
	return true;
}

/* More bytes (> 0), 0 at the end, -errno on a reset or when patience ends. */
static inline ssize_t client__recv(int fd, char *buf, size_t room)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	ssize_t n;

	if (poll(&pfd, 1, PATIENCE_MS) != 1)
		return -ETIMEDOUT;
	n = recv(fd, buf, room, 0);
	return n < 0 ? -errno : n;
}

struct response {
	int status;
	char *head; /* status line and fields, NUL-terminated */
	char *body;
	size_t size;
};

static inline void response__free(struct response *r)
{
	free(r->head);
	free(r->body);
}

/* A field's value, or NULL; the storage is the next call's. */
static inline const char *response__field(const struct response *r, const char *name)
{
	static char value[512];
	size_t len = strlen(name);

	for (const char *line = strstr(r->head, "\r\n"); line; line = strstr(line, "\r\n")) {
		line += 2;
		if (!strncasecmp(line, name, len) && line[len] == ':') {
			snprintf(value, sizeof(value), "%.*s", (int)strcspn(line + len + 2, "\r"),
				 line + len + 2);
			return value;
		}
	}
	return NULL;
}

/*
 * Reads one response with Content-Length; of a HEAD request only its head.
 * A connection that ends before any byte gives status 0.
 */
static inline struct response client__response(int fd, bool head_only)
{
	struct response r = { .head = calloc(1, 65536) };
	size_t len = 0, done = 0;
	const char *length;
	ssize_t n;

	while (!strstr(r.head, "\r\n\r\n")) {
		ck_assert_uint_lt(len, 65535);
		n = client__recv(fd, r.head + len, 1);
		ck_assert_int_ne(n, -ETIMEDOUT);
		if (n <= 0 && !len)
			return r;
		ck_assert_int_gt(n, 0);
		len += n;
	}
	ck_assert_int_eq(sscanf(r.head, "HTTP/1.%*c %d ", &r.status), 1);
	length = response__field(&r, "Content-Length");
	ck_assert_ptr_nonnull(length);
	r.size = strtoull(length, NULL, 10);
	r.body = calloc(1, r.size + 1);
	if (head_only)
		return r;
	while (done < r.size) {
		n = client__recv(fd, r.body + done, r.size - done);
		ck_assert_int_gt(n, 0);
		done += n;
	}
	return r;
}

static inline void client__sendf(int fd, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
static inline void client__sendf(int fd, const char *fmt, ...)
{
	char text[4096];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	ck_assert(client__send(fd, text, strlen(text)));
}

/* One request on a connection of its own. extra: header lines with CRLF, or "". */
static inline struct response client__fetch(const struct http_server *server, const char *method,
					    const char *target, const char *extra)
{
	int fd = client__connect(server);
	struct response r;

	client__sendf(fd, "%s %s HTTP/1.1\r\nHost: x\r\n%s\r\n", method, target, extra);
	r = client__response(fd, !strcmp(method, "HEAD"));
	close(fd);
	return r;
}

static inline int client__status(const struct http_server *server, const char *method,
				 const char *target, const char *extra)
{
	struct response r = client__fetch(server, method, target, extra);

	response__free(&r);
	return r.status;
}

/* Waits until the connection ends; returns false if it does not. Discards data. */
static inline bool client__ended(int fd)
{
	char buf[65536];
	ssize_t n;

	do {
		n = client__recv(fd, buf, sizeof(buf));
	} while (n > 0);
	return n != -ETIMEDOUT;
}

/* Waits until a counter of the server, by its offset in the stats, is at least `least`. */
static inline bool server__reaches(const struct http_server *server, size_t offset, uint64_t least)
{
	uint64_t give_up_ns = clock__now_ns() + PATIENCE_MS * 1000000ULL;
	struct http_server_stats stats;

	do {
		http_server__stats(server, &stats);
		if (*(uint64_t *)((char *)&stats + offset) >= least)
			return true;
		usleep(2000);
	} while (clock__now_ns() < give_up_ns);
	return false;
}

#define ck_server_reaches(server, counter, least)                                                  \
	ck_assert_msg(server__reaches(server, offsetof(struct http_server_stats, counter), least), \
		      #counter " never reached %d", (int)(least))

/* Waits until every connection was cleaned up and its response freed. */
static inline void server__drained(const struct http_server *server)
{
	uint64_t give_up_ns = clock__now_ns() + PATIENCE_MS * 1000000ULL;
	struct http_server_stats stats;

	do {
		http_server__stats(server, &stats);
		if (!stats.open_connections && !stats.response_bytes)
			return;
		usleep(2000);
	} while (clock__now_ns() < give_up_ns);
	ck_abort_msg("connections or responses are left");
}

#endif
