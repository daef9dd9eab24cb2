// SPDX-License-Identifier: Apache-2.0
/*
 * Opens COUNT connections, CONCURRENCY at a time, sends each the bytes of FILE with the NAME
 * in it replaced by a random one of equal length, and reads what comes back. With `refused`
 * it waits for the end of the stream, with `reset` it leaves by an RST after the first bytes.
 * Prints how many were answered by a TLS alert, by other bytes, and how many by nothing.
 */
#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

struct conn {
	int fd;
	bool sent, answered, alert;
};

static unsigned char hello[8192];
static size_t hello_bytes, name_at, name_bytes;
static struct sockaddr_in server = { .sin_family = AF_INET };
static long started, alerts, others, silent;
static uint64_t seed = 88172645463325252ull;
static int epoll;

static uint64_t next_random(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static void begin(struct conn *c)
{
	struct sockaddr_in from = { .sin_family = AF_INET };
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT, .data.ptr = c };
	int one = 1;

	*c = (struct conn){ .fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0) };
	if (c->fd < 0)
		err(1, "socket");
	/* Several addresses: one has not enough ports for all that linger. */
	from.sin_addr.s_addr = htonl(0x7f000002 + started % 16);
	setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
	if (bind(c->fd, (struct sockaddr *)&from, sizeof(from)))
		err(1, "bind");
	if (connect(c->fd, (struct sockaddr *)&server, sizeof(server)) && errno != EINPROGRESS)
		err(1, "connect");
	if (epoll_ctl(epoll, EPOLL_CTL_ADD, c->fd, &event))
		err(1, "epoll_ctl");
	started++;
}

static void say_hello(struct conn *c)
{
	struct epoll_event event = { .events = EPOLLIN, .data.ptr = c };

	for (size_t i = 0; i < name_bytes; i++) {
		if (hello[name_at + i] != '.')
			hello[name_at + i] = 'a' + next_random() % 26;
	}
	if (send(c->fd, hello, hello_bytes, MSG_NOSIGNAL) != (ssize_t)hello_bytes)
		err(1, "send");
	c->sent = true;
	epoll_ctl(epoll, EPOLL_CTL_MOD, c->fd, &event);
}

static void end(struct conn *c, bool reset)
{
	struct linger now = { .l_onoff = 1 };

	if (!c->answered)
		silent++;
	else if (c->alert)
		alerts++;
	else
		others++;
	if (reset)
		setsockopt(c->fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(c->fd);
	c->fd = -1;
}

/* Returns true when the connection is over. */
static bool listen_to(struct conn *c, bool reset)
{
	unsigned char data[16384];
	ssize_t got = recv(c->fd, data, sizeof(data), 0);

	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (got > 0 && !c->answered) {
		c->answered = true;
		c->alert = data[0] == 21;
	}
	if (got > 0 && !reset)
		return false;
	end(c, reset);
	return true;
}

int main(int argc, char **argv)
{
	struct epoll_event events[256];
	struct conn *conns;
	long count, concurrency, open = 0;
	unsigned char *found;
	bool reset;
	int fd;

	if (argc != 7)
		errx(2, "usage: flood PORT COUNT CONCURRENCY refused|reset FILE NAME");
	server.sin_port = htons(atoi(argv[1]));
	server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	count = atol(argv[2]);
	concurrency = atol(argv[3]);
	reset = !strcmp(argv[4], "reset");
	fd = open64(argv[5], O_RDONLY);
	if (fd < 0)
		err(1, "%s", argv[5]);
	hello_bytes = read(fd, hello, sizeof(hello));
	name_bytes = strlen(argv[6]);
	found = memmem(hello, hello_bytes, argv[6], name_bytes);
	if (!found)
		errx(1, "no %s in %s", argv[6], argv[5]);
	name_at = found - hello;
	conns = calloc(concurrency, sizeof(*conns));
	epoll = epoll_create1(0);
	if (!conns || epoll < 0)
		err(1, "epoll");
	for (; open < concurrency && started < count; open++)
		begin(&conns[open]);
	while (open) {
		int n = epoll_wait(epoll, events, 256, 10000);

		if (n == 0)
			errx(1, "no progress for 10 s: %ld started, %ld open", started, open);
		for (int i = 0; i < n; i++) {
			struct conn *c = events[i].data.ptr;

			if (!c->sent && (events[i].events & EPOLLOUT))
				say_hello(c);
			else if (!listen_to(c, reset))
				continue;
			if (c->fd >= 0)
				continue;
			if (started < count)
				begin(c);
			else
				open--;
		}
	}
	printf("%ld %ld %ld\n", alerts, others, silent);
	return 0;
}
