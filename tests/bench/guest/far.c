// SPDX-License-Identifier: Apache-2.0
/*
 * An HTTP server on another machine, as the kernel sees it: the packets of a TUN
 * device are answered here, so that the client's sockets are all there are. Its TCP
 * is what a device needs that neither loses nor delays, and keeps next to no state:
 * where to go on stands in each segment of the client's (RFC 9293, 3.10).
 *
 * Usage: far DEVICE LOG
 * Makes the device, prints "ready", and answers each request to whatever address and
 * port, with one line in LOG, until it is ended. A request must come in one segment.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <netinet/ip.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

static const char answer[] =
	"HTTP/1.1 200 OK\r\nServer: far\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\n"
	"Content-Type: text/plain\r\nContent-Length: 12\r\n\r\nhello world\n";
static const char closing[] =
	"HTTP/1.1 200 OK\r\nServer: far\r\nDate: Mon, 02 Jan 2006 15:04:05 GMT\r\n"
	"Content-Type: text/plain\r\nContent-Length: 12\r\nConnection: close\r\n\r\nhello world\n";

struct packet {
	struct iphdr ip;
	struct tcphdr tcp;
	char data[1400];
};

static int device, logged;
static bool closed[65536]; /* by the client's port: our FIN has been sent */

static void die(const char *what)
{
	fprintf(stderr, "far: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

/* RFC 1071, not yet folded: the sum may be gone on with as long as lengths are even. */
static unsigned int add_words(unsigned int sum, const void *data, size_t bytes)
{
	const unsigned char *at = data;

	for (size_t i = 0; i < bytes; i++)
		sum += i % 2 ? at[i] : (unsigned int)at[i] << 8;
	return sum;
}

static unsigned short folded(unsigned int sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((unsigned short)~sum);
}

/* The answer to a segment: its acknowledgement, and data, SYN or FIN as `tcp` has them. */
static void reply(const struct packet *in, size_t in_bytes, struct tcphdr tcp, const char *data)
{
	size_t bytes = strlen(data), header = sizeof(struct iphdr) + sizeof(struct tcphdr);
	struct packet out = { .tcp = tcp };
	unsigned int sum;

	out.tcp.source = in->tcp.dest;
	out.tcp.dest = in->tcp.source;
	out.tcp.seq = in->tcp.ack_seq;
	out.tcp.ack = 1;
	out.tcp.ack_seq =
		htonl((unsigned int)(ntohl(in->tcp.seq) + in_bytes + in->tcp.syn + in->tcp.fin));
	out.tcp.doff = sizeof(out.tcp) / 4;
	out.tcp.window = htons(65535);
	memcpy(out.data, data, bytes);

	out.ip.version = 4;
	out.ip.ihl = sizeof(out.ip) / 4;
	out.ip.ttl = 64;
	out.ip.protocol = IPPROTO_TCP;
	out.ip.saddr = in->ip.daddr;
	out.ip.daddr = in->ip.saddr;
	out.ip.tot_len = htons((unsigned short)(header + bytes));
	out.ip.check = folded(add_words(0, &out.ip, sizeof(out.ip)));
	sum = add_words(0, &out.ip.saddr, 2 * sizeof(out.ip.saddr));
	sum += IPPROTO_TCP + (unsigned int)(sizeof(out.tcp) + bytes);
	out.tcp.check = folded(add_words(sum, &out.tcp, sizeof(out.tcp) + bytes));
	if (write(device, &out, header + bytes) < 0)
		die("packet");
}

static void answer_segment(const struct packet *in, const char *data, size_t bytes)
{
	bool *is_closed = &closed[ntohs(in->tcp.source)];
	struct tcphdr tcp = {};

	if (in->tcp.rst)
		return;
	if (in->tcp.syn) {
		*is_closed = false;
		tcp.syn = 1;
		reply(in, 0, tcp, "");
	} else if (bytes) {
		*is_closed = memmem(data, bytes, "Connection: close", 17);
		tcp.fin = *is_closed;
		tcp.psh = 1;
		if (write(logged, "200\n", 4) != 4)
			die("log");
		reply(in, bytes, tcp, *is_closed ? closing : answer);
	} else if (in->tcp.fin) {
		tcp.fin = !*is_closed;
		reply(in, 0, tcp, "");
	}
}

static void open_device(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };

	device = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
	if (device < 0)
		die("/dev/net/tun");
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(device, TUNSETIFF, &request))
		die(name);
}

int main(int argc, char **argv)
{
	struct packet in;

	if (argc != 3) {
		fprintf(stderr, "usage: far DEVICE LOG\n");
		return EXIT_FAILURE;
	}
	open_device(argv[1]);
	logged = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
	if (logged < 0)
		die(argv[2]);
	puts("ready");
	fflush(stdout);
	for (;;) {
		ssize_t n = read(device, &in, sizeof(in));
		size_t headers;

		if (n < 0)
			die("device");
		if ((size_t)n < sizeof(in.ip) + sizeof(in.tcp) || in.ip.version != 4 ||
		    in.ip.ihl != 5 || in.ip.protocol != IPPROTO_TCP)
			continue; /* the kernel looks for IPv6 routers on new devices */
		headers = sizeof(in.ip) + in.tcp.doff * 4U;
		if (in.tcp.doff >= 5 && headers <= (size_t)n)
			answer_segment(&in, (const char *)&in + headers, (size_t)n - headers);
	}
}
