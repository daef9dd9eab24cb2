// SPDX-License-Identifier: Apache-2.0
#include "collect/postgres/dial.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "collect/postgres/gate.h"

#define NS_PER_MS 1000000ULL

/* Between libpq's descriptor, which becomes one end of a pair, and the server's connection. */
struct relay {
	int server;   /* -1: there is none */
	int our_end;  /* of the pair */
	bool is_done; /* the server has let us in */
	unsigned char bytes[GATE_MESSAGE_BYTES];
	size_t used; /* come from the server and not passed on */
};

struct call {
	const struct dial *dial;
	PGconn *connection;
	uint64_t known; /* the socket that was looked at */
	uint64_t until_ns;
	struct relay relay;
	const char *refusal; /* NULL: none */
};

static int left_ms(const struct call *call)
{
	const uint64_t now_ns = clock__now_ns();

	return now_ns < call->until_ns ? (int)((call->until_ns - now_ns) / NS_PER_MS) + 1 : 0;
}

/* A number that no other socket gets (socket(7)); 0 if it is not known. */
static uint64_t cookie_of(int fd)
{
	uint64_t cookie;
	socklen_t size = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &size) ? 0 : cookie;
}

/* False when time is over. */
static bool wait_for(const struct call *call, int fd, short events)
{
	struct pollfd ready = { .fd = fd, .events = events };
	int count;

	do {
		count = poll(&ready, 1, left_ms(call));
	} while (count < 0 && errno == EINTR);
	return count > 0;
}

/* False when time is over, or nobody is there any more. */
static bool send_all(const struct call *call, int fd, const unsigned char *bytes, size_t size)
{
	while (size) {
		ssize_t sent = send(fd, bytes, size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && (errno == EAGAIN || errno == EINTR)) {
			if (!wait_for(call, fd, POLLOUT))
				return false;
			continue;
		}
		if (sent < 0)
			return false;
		bytes += sent;
		size -= (size_t)sent;
	}
	return true;
}

static void relay__end(struct relay *relay)
{
	if (relay->server < 0)
		return;
	close(relay->server);
	close(relay->our_end);
	relay->server = -1;
}

static bool relay__begin(struct call *call, int fd)
{
	struct relay *relay = &call->relay;
	int pair[2];

	relay__end(relay);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair))
		return false;
	relay->server = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	relay->our_end = pair[1];
	relay->is_done = false;
	relay->used = 0;
	if (relay->server < 0) {
		close(pair[0]);
		close(pair[1]);
		return false;
	}
	if (dup3(pair[0], fd, O_CLOEXEC) < 0) {
		close(pair[0]);
		relay__end(relay);
		return false;
	}
	close(pair[0]);
	call->known = cookie_of(fd);
	return call->known != 0;
}

/* What libpq says goes on as it is. False when time is over. */
static bool relay__send(struct call *call)
{
	unsigned char bytes[4096];
	ssize_t got;

	while ((got = recv(call->relay.our_end, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		if (!send_all(call, call->relay.server, bytes, (size_t)got))
			/* that nobody is there any more shows where libpq reads */
			return left_ms(call) > 0;
	return true;
}

/* Gives libpq its connection back, when it has read all that came through the pair. */
static void relay__leave(struct call *call)
{
	struct relay *relay = &call->relay;
	int fd = PQsocket(call->connection);
	char byte;

	if (relay->server < 0 || !relay->is_done || fd < 0 || cookie_of(fd) != call->known ||
	    recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN ||
	    !relay__send(call) || dup3(relay->server, fd, O_CLOEXEC) < 0)
		return;
	call->known = cookie_of(fd);
	relay__end(relay);
}

/* The next message, for libpq to read. False when time is over; refusals are the call's. */
static bool relay__receive(struct call *call)
{
	struct relay *relay = &call->relay;

	while (!relay->is_done) {
		size_t length = 0;
		ssize_t got;

		switch (gate__look(relay->bytes, relay->used, &length, &call->refusal)) {
		case GATE_REFUSE:
			return true;
		case GATE_DONE:
			relay->is_done = true;
			length = relay->used; /* what follows, too: nothing is left behind */
			__attribute__((fallthrough));
		case GATE_PASS:
			if (!send_all(call, relay->our_end, relay->bytes, length))
				return false;
			relay->used -= length;
			memmove(relay->bytes, relay->bytes + length, relay->used);
			return true;
		case GATE_MORE:
			break;
		}
		if (!wait_for(call, relay->server, POLLIN))
			return false;
		got = recv(relay->server, relay->bytes + relay->used,
			   sizeof(relay->bytes) - relay->used, MSG_DONTWAIT);
		if (got < 0 && (errno == EAGAIN || errno == EINTR))
			continue;
		if (got <= 0) {
			/* libpq finds the end where it reads */
			shutdown(relay->our_end, SHUT_WR);
			return true;
		}
		relay->used += (size_t)got;
	}
	return true;
}

/* Who is there, whenever libpq has a new connection: before it reads from that. */
static void look(struct call *call)
{
	const int fd = PQsocket(call->connection);
	struct sockaddr_storage address;
	socklen_t size = sizeof(address), peer_size;
	struct ucred peer;
	uint64_t cookie;

	if (!call->dial->has_password || fd < 0)
		return;
	cookie = cookie_of(fd);
	if (cookie && cookie == call->known)
		return;
	if (getpeername(fd, (struct sockaddr *)&address, &size)) {
		/* TCP, on its way: libpq does not read before it has returned once more */
		if (errno != ENOTCONN)
			call->refusal = "nobody can tell who is there";
		return;
	}
	call->known = cookie;
	if (!cookie) {
		call->refusal = "nobody can tell who is there";
		return;
	}
	if (address.ss_family != AF_UNIX) {
		if (!call->dial->may_send_clear && !relay__begin(call, fd))
			call->refusal = "there is no way to see what it asks for";
		return;
	}
	peer_size = sizeof(peer);
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &peer_size) ||
	    peer.uid != call->dial->uid || peer.pid != call->dial->pid)
		call->refusal = "another process than it listens on its socket";
}

/* Until libpq can go on. False when time is over. */
static bool await(struct call *call, PostgresPollingStatusType status)
{
	struct relay *relay = &call->relay;
	int fd = PQsocket(call->connection);

	if (relay->server >= 0) {
		if (!relay__send(call))
			return false;
		if (status == PGRES_POLLING_READING && !relay->is_done)
			return relay__receive(call);
	}
	return wait_for(call, fd, status == PGRES_POLLING_READING ? POLLIN : POLLOUT);
}

static enum postgres_failure fail(const struct call *call, bool is_late, const char **ret_sentence)
{
	if (call->refusal)
		*ret_sentence = call->refusal;
	else if (is_late)
		*ret_sentence = "no answer in time";
	else
		*ret_sentence = call->connection ? PQerrorMessage(call->connection) : "no memory";
	if (call->refusal)
		return POSTGRES_UNPROVEN;
	if (is_late)
		return POSTGRES_TIMEOUT;
	return PQconnectionNeedsPassword(call->connection) ? POSTGRES_PASSWORD : POSTGRES_CONNECT;
}

enum postgres_failure dial__connect(const struct dial *dial, PGconn **ret_connection,
				    const char **ret_sentence)
{
	PostgresPollingStatusType status = PGRES_POLLING_WRITING;
	static struct call call;
	bool is_late = false;

	call = (struct call){
		.dial = dial,
		.connection = PQconnectStartParams(dial->name, dial->value, 0),
		.until_ns = clock__now_ns() + DIAL_MS * NS_PER_MS,
		.relay.server = -1,
	};
	*ret_connection = call.connection;
	if (!call.connection || PQstatus(call.connection) == CONNECTION_BAD)
		status = PGRES_POLLING_FAILED;
	while (status == PGRES_POLLING_READING || status == PGRES_POLLING_WRITING) {
		look(&call);
		is_late = !call.refusal && !await(&call, status);
		if (call.refusal || is_late)
			break;
		status = PQconnectPoll(call.connection);
		relay__leave(&call);
	}
	/* what libpq talks to from now on must be the server */
	if (status == PGRES_POLLING_OK && call.relay.server >= 0)
		call.refusal = "it says more than it was asked";
	relay__end(&call.relay);
	explicit_bzero(call.relay.bytes, sizeof(call.relay.bytes));
	if (status == PGRES_POLLING_OK && !call.refusal)
		return POSTGRES_NONE;
	return fail(&call, is_late, ret_sentence);
}
