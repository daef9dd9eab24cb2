// SPDX-License-Identifier: Apache-2.0
/*
 * An HTTPS server around OpenSSL, to be linked in any way. Answers GET /STATUS/BYTES with that
 * status and body, / with 200 and two bytes; reads and drops the body of a request. Takes PORT,
 * CERT, KEY and ACCESS_LOG from the environment. How it reads and writes is its argument:
 *   plain   SSL_read and SSL_write on the socket
 *   ex      SSL_read_ex and SSL_write_ex
 *   memory  over memory BIOs; the socket is read before, and written after, the library
 * A second argument: serve that many requests, then exit.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static enum { PLAIN, EX, MEMORY } how;
static long left = -1;
static int log_fd;
static SSL_CTX *context;

struct peer {
	SSL *ssl;
	int fd;
	BIO *in, *out; /* memory only */
	char data[32768];
	size_t bytes;
};

static bool flush(struct peer *p)
{
	char data[32768];
	int n;

	while (how == MEMORY && (n = BIO_read(p->out, data, sizeof(data))) > 0) {
		for (int done = 0, w; done < n; done += w) {
			w = send(p->fd, data + done, n - done, MSG_NOSIGNAL);
			if (w <= 0)
				return false;
		}
	}
	return true;
}

/* After a call of the library that could not go on: what it waits for. */
static bool may_retry(struct peer *p, int result)
{
	char data[16384];
	ssize_t n;

	if (!flush(p) || how != MEMORY || SSL_get_error(p->ssl, result) != SSL_ERROR_WANT_READ)
		return false;
	n = recv(p->fd, data, sizeof(data), 0);
	return n > 0 && BIO_write(p->in, data, n) == n;
}

/* Reads once, behind what is pending; false at the end. */
static bool more(struct peer *p)
{
	char *to = p->data + p->bytes;
	size_t room = sizeof(p->data) - 1 - p->bytes, got = 0;
	int result;

	if (!room)
		return false;
	do {
		if (how == EX) {
			result = SSL_read_ex(p->ssl, to, room, &got);
		} else {
			result = SSL_read(p->ssl, to, room);
			got = result > 0 ? result : 0;
		}
	} while (result <= 0 && may_retry(p, result));
	p->bytes += got;
	p->data[p->bytes] = '\0';
	return result > 0;
}

static bool put(struct peer *p, const char *data, size_t bytes)
{
	size_t put;

	if (how == EX)
		return SSL_write_ex(p->ssl, data, bytes, &put) == 1 && put == bytes;
	return SSL_write(p->ssl, data, bytes) == (int)bytes && flush(p);
}

static void take(struct peer *p, size_t bytes)
{
	p->bytes -= bytes;
	memmove(p->data, p->data + bytes, p->bytes + 1);
}

static bool serve_one(struct peer *p)
{
	static const char body[65536];
	char method[16] = "", head[256], line[64], *end, *field;
	unsigned long status = 200, bytes = 2;
	size_t content = 0;
	struct timespec from, to;
	bool fine, closes;
	int n;

	while (!(end = strstr(p->data, "\r\n\r\n"))) {
		if (!more(p))
			return false;
	}
	clock_gettime(CLOCK_MONOTONIC, &from);
	sscanf(p->data, "%15[A-Z] /%lu/%lu", method, &status, &bytes);
	field = strcasestr(p->data, "\r\ncontent-length:");
	if (field && field < end)
		content = strtoul(field + 17, NULL, 10);
	*end = '\0';
	closes = strstr(p->data, "HTTP/1.0") && !strcasestr(p->data, "keep-alive");
	take(p, end + 4 - p->data);
	while (content) {
		size_t part = content < p->bytes ? content : p->bytes;

		take(p, part);
		content -= part;
		if (content && !more(p))
			return false;
	}
	if (status == 204 || status == 304) {
		bytes = 0;
		n = snprintf(head, sizeof(head), "HTTP/1.1 %lu X\r\n\r\n", status);
	} else {
		n = snprintf(head, sizeof(head),
			     "HTTP/1.1 %lu X\r\nConnection: %s\r\nContent-Length: %lu\r\n\r\n",
			     status, closes ? "close" : "keep-alive", bytes);
	}
	fine = put(p, head, n);
	for (size_t part; fine && bytes && strcmp(method, "HEAD"); bytes -= part) {
		part = bytes < sizeof(body) ? bytes : sizeof(body);
		fine = put(p, body, part);
	}
	clock_gettime(CLOCK_MONOTONIC, &to);
	n = snprintf(line, sizeof(line), "%lu %s %.6f\n", status, method,
		     to.tv_sec - from.tv_sec + (to.tv_nsec - from.tv_nsec) / 1e9);
	if (fine && write(log_fd, line, n) != n)
		err(1, "log");
	if (left > 0 && !--left) {
		SSL_shutdown(p->ssl);
		flush(p);
		_exit(0);
	}
	return fine && !closes;
}

static void *serve(void *arg)
{
	struct peer *p = calloc(1, sizeof(*p));
	int result, one = 1;

	if (!p)
		err(1, "peer");
	p->fd = (int)(long)arg;
	p->ssl = SSL_new(context);
	setsockopt(p->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (how == MEMORY) {
		p->in = BIO_new(BIO_s_mem());
		p->out = BIO_new(BIO_s_mem());
		SSL_set_bio(p->ssl, p->in, p->out);
	} else {
		SSL_set_fd(p->ssl, p->fd);
	}
	do {
		result = SSL_accept(p->ssl);
	} while (result <= 0 && may_retry(p, result));
	if (result > 0 && flush(p)) {
		while (serve_one(p))
			;
		SSL_shutdown(p->ssl);
		flush(p);
	}
	ERR_clear_error();
	SSL_free(p->ssl);
	close(p->fd);
	free(p);
	return NULL;
}

static const char *environment(const char *name)
{
	const char *value = getenv(name);

	if (!value)
		errx(2, "%s is not set", name);
	return value;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1, fd;
	pthread_attr_t detached;
	pthread_t thread;

	if (argc > 1)
		how = !strcmp(argv[1], "ex") ? EX : !strcmp(argv[1], "memory") ? MEMORY : PLAIN;
	if (argc > 2)
		left = atol(argv[2]);
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	signal(SIGPIPE, SIG_IGN);
	log_fd = open(environment("ACCESS_LOG"), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	context = SSL_CTX_new(TLS_server_method());
	if (log_fd < 0 || !context ||
	    SSL_CTX_use_certificate_chain_file(context, environment("CERT")) != 1 ||
	    SSL_CTX_use_PrivateKey_file(context, environment("KEY"), SSL_FILETYPE_PEM) != 1)
		errx(1, "certificate, key or log");
	at.sin_port = htons(atoi(environment("PORT")));
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 1024))
		err(1, "listen");
	pthread_attr_init(&detached);
	pthread_attr_setdetachstate(&detached, PTHREAD_CREATE_DETACHED);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		if (pthread_create(&thread, &detached, serve, (void *)(long)fd))
			err(1, "thread");
	}
	return 0;
}
