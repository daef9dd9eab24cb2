// SPDX-License-Identifier: Apache-2.0
#include "base/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/printable.h"

/* Clients that wait for accept while the connection limit is reached. */
#define LISTEN_BACKLOG 128

static _Thread_local char message[320];

/* The user's words come first. */
static int __attribute__((format(printf, 4, 5)))
fail(const char **ret_message, int err, const char *listen, const char *fmt, ...)
{
	char shown[132];
	va_list args;
	int used;

	printable__copy(shown, sizeof(shown), listen);
	used = snprintf(message, sizeof(message), "listen %s: ", shown);
	va_start(args, fmt);
	vsnprintf(message + used, sizeof(message) - (size_t)used, fmt, args);
	va_end(args);
	*ret_message = message;
	return err;
}

/* Digits only, no sign, no space: atoi would take "80abc". */
static int parse_port(const char *text)
{
	int port = 0;
	size_t len = strlen(text);

	if (!len || len > 5)
		return -EINVAL;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -EINVAL;
		port = port * 10 + (*text - '0');
	}
	return port <= 65535 ? port : -EINVAL;
}

static int parse_v6(struct listen_address *address, char *host, int port)
{
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address->addr;
	char *zone = strchr(host, '%');

	if (zone) {
		*zone++ = '\0';
		in6->sin6_scope_id = if_nametoindex(zone);
		if (!in6->sin6_scope_id)
			return -ENODEV;
	}
	if (inet_pton(AF_INET6, host, &in6->sin6_addr) != 1)
		return -EINVAL;
	in6->sin6_family = AF_INET6;
	in6->sin6_port = htons(port);
	address->len = sizeof(*in6);
	return 0;
}

static int parse_v4(struct listen_address *address, const char *host, int port)
{
	struct sockaddr_in *in = (struct sockaddr_in *)&address->addr;

	if (inet_pton(AF_INET, host, &in->sin_addr) != 1)
		return -EINVAL;
	in->sin_family = AF_INET;
	in->sin_port = htons(port);
	address->len = sizeof(*in);
	return 0;
}

int listen_address__parse(struct listen_address *ret_address, const char *listen,
			  const char **ret_message)
{
	struct listen_address address = {};
	const char *colon = strrchr(listen, ':');
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE + 8];
	size_t len = colon ? (size_t)(colon - listen) : 0;
	int port, err;

	if (!colon || (listen[0] == '[' && (len < 2 || listen[len - 1] != ']')))
		return fail(ret_message, -EINVAL, listen,
			    "expected ADDR:PORT, [V6ADDR]:PORT or localhost:PORT");
	if (!len)
		return fail(ret_message, -EINVAL, listen,
			    "no address; use 127.0.0.1%s, or 0.0.0.0%s for every address", colon,
			    colon);
	port = parse_port(colon + 1);
	if (port < 0)
		return fail(ret_message, -EINVAL, listen,
			    "the port must be a number from 0 to 65535");
	if (len >= sizeof(host))
		return fail(ret_message, -EINVAL, listen, "the address is too long");

	if (listen[0] == '[') {
		memcpy(host, listen + 1, len - 2);
		host[len - 2] = '\0';
		err = parse_v6(&address, host, port);
		if (err == -ENODEV)
			return fail(ret_message, -EINVAL, listen,
				    "no network interface has the name after %%");
		if (err)
			return fail(ret_message, -EINVAL, listen,
				    "what is in the brackets is not an IPv6 address");
		*ret_address = address;
		return 0;
	}

	memcpy(host, listen, len);
	host[len] = '\0';
	if (strchr(host, ':'))
		return fail(ret_message, -EINVAL, listen,
			    "an IPv6 address goes in brackets, as in [::1]:9777");
	err = parse_v4(&address, strcmp(host, "localhost") ? host : "127.0.0.1", port);
	if (err)
		return fail(ret_message, -EINVAL, listen,
			    "not an address (names other than localhost are not resolved)");
	*ret_address = address;
	return 0;
}

static int bind_socket(int fd, const struct listen_address *address)
{
	int on = 1, off = 0;

	/* A restart must not wait for the old connections' TIME_WAIT. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)))
		return -errno;
	if (address->addr.ss_family == AF_INET6 &&
	    setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off)))
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address->addr, address->len))
		return -errno;
	/* Two sockets with SO_REUSEADDR may bind one port; only one may listen. */
	if (listen(fd, LISTEN_BACKLOG))
		return -errno;
	return 0;
}

static int explain(const char **ret_message, const char *listen, int err)
{
	switch (err) {
	case -EADDRINUSE:
		return fail(ret_message, err, listen, "address already in use");
	case -EADDRNOTAVAIL:
		return fail(ret_message, err, listen, "no interface of this host has that address");
	case -EACCES:
		return fail(ret_message, err, listen,
			    "permission denied (a port below 1024 needs CAP_NET_BIND_SERVICE)");
	case -EAFNOSUPPORT:
		return fail(ret_message, err, listen, "this kernel has no such address family");
	default:
		return fail(ret_message, err, listen, "%s", strerror(-err));
	}
}

int listen__open(int *ret_fd, const char *listen, const char **ret_message)
{
	struct listen_address address;
	int fd, err;

	err = listen_address__parse(&address, listen, ret_message);
	if (err)
		return err;
	fd = socket(address.addr.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return explain(ret_message, listen, -errno);
	err = bind_socket(fd, &address);
	if (err) {
		close(fd);
		return explain(ret_message, listen, err);
	}
	*ret_fd = fd;
	return 0;
}

int listen__port(int fd)
{
	struct sockaddr_storage addr;
	socklen_t len = sizeof(addr);

	if (getsockname(fd, (struct sockaddr *)&addr, &len))
		return -errno;
	if (addr.ss_family == AF_INET)
		return ntohs(((struct sockaddr_in *)&addr)->sin_port);
	if (addr.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&addr)->sin6_port);
	return -EAFNOSUPPORT;
}
