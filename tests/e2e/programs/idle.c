// SPDX-License-Identifier: Apache-2.0
/*
 * Opens COUNT connections to PORT, makes one request on each (MODE http, h2c, tls: HTTP/1.1
 * in TLS; h2: HTTP/2 in TLS), reads the first bytes of the response, and keeps them all open.
 * Prints how many were answered once they are all open, and leaves at the end of its input.
 */
#include <arpa/inet.h>
#include <err.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#define H2_PREFACE "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

static const char http1[] = "GET / HTTP/1.1\r\nHost: idle\r\n\r\n";

/* The preface, SETTINGS, and GET / with nothing but fields of HPACK's static table. */
static const char http2[] = H2_PREFACE "\0\0\0\4\0\0\0\0\0"
				       "\0\0\x09\1\5\0\0\0\1"
				       "\x82\x84\x86\x41\x04"
				       "idle";

static struct sockaddr_in server = { .sin_family = AF_INET };
static SSL_CTX *tls;

static int connected(long number)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM, 0), one = 1;

	if (fd < 0)
		err(1, "socket %ld", number);
	/* one address has not enough ports for all */
	from.sin_addr.s_addr = htonl(0x7f000002 + (uint32_t)number / 10000);
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&from, sizeof(from)))
		err(1, "bind");
	if (connect(fd, (struct sockaddr *)&server, sizeof(server)))
		err(1, "connect %ld", number);
	return fd;
}

static bool ask(int fd, bool is_http2)
{
	const char *request = is_http2 ? http2 : http1;
	size_t length = is_http2 ? sizeof(http2) - 1 : sizeof(http1) - 1;
	char answer[4096];

	if (send(fd, request, length, MSG_NOSIGNAL) != (ssize_t)length)
		return false;
	return recv(fd, answer, sizeof(answer), 0) > 0;
}

static bool ask_in_tls(int fd, bool is_http2)
{
	const char *request = is_http2 ? http2 : http1;
	int length = is_http2 ? sizeof(http2) - 1 : sizeof(http1) - 1;
	char answer[4096];
	SSL *ssl = SSL_new(tls); /* kept, as the connection is */

	if (is_http2)
		SSL_set_alpn_protos(ssl, (const unsigned char *)"\2h2", 3);
	return ssl && SSL_set_fd(ssl, fd) && SSL_connect(ssl) == 1 &&
	       SSL_write(ssl, request, length) == length &&
	       SSL_read(ssl, answer, sizeof(answer)) > 0;
}

int main(int argc, char **argv)
{
	const char *mode = argc == 4 ? argv[3] : "";
	const bool is_http2 = strchr(mode, '2');
	const bool is_tls = !strcmp(mode, "tls") || !strcmp(mode, "h2");
	struct rlimit limit;
	long answered = 0;
	char end;

	if (argc != 4)
		errx(2, "usage: idle PORT COUNT http|h2c|tls|h2");
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	server.sin_port = htons((uint16_t)atoi(argv[1]));
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	tls = SSL_CTX_new(TLS_client_method());
	for (long i = 0; i < atol(argv[2]); i++) {
		int fd = connected(i);

		answered += is_tls ? ask_in_tls(fd, is_http2) : ask(fd, is_http2);
	}
	printf("%ld\n", answered);
	fflush(stdout);
	while (read(0, &end, 1) > 0)
		;
	return 0;
}
