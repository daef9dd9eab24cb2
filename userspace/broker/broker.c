// SPDX-License-Identifier: Apache-2.0
/* The agent's side. */
#include "broker/broker.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "broker/process.h"
#include "broker/wire.h"

#define NS_PER_MS 1000000ULL

/* How long the agent waits for its end, and leaves one alone that did not answer. */
#define END_WAIT_MS 500
#define QUIET_NS (10000 * NS_PER_MS)

struct broker {
	const struct broker_options *options;
	pid_t pid;
	int channel;
	atomic_bool is_lost;
	_Atomic uint64_t quiet_until_ns;
};

int broker__start(struct broker **ret_broker, const struct broker_options *options)
{
	struct broker *broker = calloc(1, sizeof(*broker));
	pid_t agent = getpid();
	int pair[2];

	if (!broker)
		return -ENOMEM;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
		int err = -errno;

		free(broker);
		return err;
	}
	broker->pid = fork();
	if (broker->pid < 0) {
		int err = -errno;

		close(pair[0]);
		close(pair[1]);
		free(broker);
		return err;
	}
	if (broker->pid == 0)
		broker_process__run(pair[1], agent, options);
	close(pair[1]);
	broker->channel = pair[0];
	broker->options = options;
	*ret_broker = broker;
	return 0;
}

void broker__free(struct broker *broker)
{
	if (!broker)
		return;
	close(broker->channel);
	for (int waited_ms = 0; waitpid(broker->pid, NULL, WNOHANG) == 0; waited_ms += 5) {
		const struct timespec pause = { .tv_nsec = 5 * NS_PER_MS };

		if (waited_ms == END_WAIT_MS)
			kill(broker->pid, SIGKILL);
		/* one that even this does not end goes with the agent */
		if (waited_ms >= 2 * END_WAIT_MS)
			break;
		nanosleep(&pause, NULL);
	}
	free(broker);
}

pid_t broker__pid(const struct broker *broker)
{
	return broker->pid;
}

static int broker__lost(struct broker *broker)
{
	if (!atomic_exchange(&broker->is_lost, true))
		broker->options->warn("the helper process (%ld) that enters containers is gone: "
				      "what needs it is missing until edgetap is started again",
				      (long)broker->pid);
	return -EPIPE;
}

/*
 * Sends a request, and returns the socket (of this type) that the answer comes from, which is at
 * its end when the request is over.
 */
static int broker__ask(struct broker *broker, const struct broker_request *request, int type)
{
	int pair[2], err;

	if (!broker || atomic_load(&broker->is_lost))
		return -EPIPE;
	if (clock__now_ns() < atomic_load(&broker->quiet_until_ns))
		return -ETIMEDOUT;
	if (socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, pair))
		return -errno;
	/* what it has not taken yet fills the channel: it hangs */
	err = wire__send(broker->channel, request, sizeof(*request), pair[1], MSG_DONTWAIT);
	close(pair[1]);
	if (!err)
		return pair[0];
	close(pair[0]);
	if (err == -EPIPE || err == -ECONNRESET || err == -ENOTCONN)
		return broker__lost(broker);
	return err == -EAGAIN ? -ETIMEDOUT : err;
}

/* Waits for the answer, and takes a descriptor that comes with it. */
static int broker__wait(struct broker *broker, int socket, struct broker_reply *ret_reply,
			int *ret_fd)
{
	const uint64_t until_ns = clock__now_ns() + BROKER_DEADLINE_MS * NS_PER_MS;
	struct pollfd ready = { .fd = socket, .events = POLLIN };
	int count;

	do {
		uint64_t at_ns = clock__now_ns();

		count = poll(&ready, 1,
			     at_ns < until_ns ? (int)((until_ns - at_ns) / NS_PER_MS) + 1 : 0);
	} while (count < 0 && errno == EINTR);
	if (count < 0)
		return -errno;
	if (count == 0) {
		/* none of these can be made to wait by a container: it is the broker itself */
		atomic_store(&broker->quiet_until_ns, clock__now_ns() + QUIET_NS);
		return -ETIMEDOUT;
	}
	return wire__receive(socket, ret_reply, sizeof(*ret_reply), ret_fd);
}

/* Its end of the channel goes before any other of its sockets. */
static bool broker__has_ended(const struct broker *broker)
{
	struct pollfd channel = { .fd = broker->channel };

	return poll(&channel, 1, 0) == 1 && (channel.revents & POLLHUP);
}

static int broker__try(struct broker *broker, const struct broker_request *request,
		       struct broker_reply *ret_reply, int *ret_fd)
{
	struct broker_reply reply = {};
	int socket = broker__ask(broker, request, SOCK_SEQPACKET);
	int fd = -1, err;

	if (socket < 0)
		return socket;
	err = broker__wait(broker, socket, &reply, &fd);
	close(socket);
	/* closed without an answer: by the child's end, or by that of the broker */
	if (err == -EPIPE || err == -ECONNRESET)
		err = broker__has_ended(broker) ? broker__lost(broker) : -EIO;
	if (!err)
		err = reply.err > 0 || reply.err < -4095 ? -EBADMSG : reply.err;
	if (err) {
		if (fd >= 0)
			close(fd);
		return err;
	}
	*ret_reply = reply;
	*ret_fd = fd;
	return 0;
}

/* Those that make it busy answer soon. */
static int broker__transact(struct broker *broker, const struct broker_request *request,
			    struct broker_reply *ret_reply, int *ret_fd)
{
	const struct timespec pause = { .tv_nsec = 10 * NS_PER_MS };
	const uint64_t until_ns = clock__now_ns() + BROKER_DEADLINE_MS * NS_PER_MS;
	int err = broker__try(broker, request, ret_reply, ret_fd);

	while (err == -EBUSY && clock__now_ns() < until_ns) {
		nanosleep(&pause, NULL);
		err = broker__try(broker, request, ret_reply, ret_fd);
	}
	return err;
}

int broker__socket(struct broker *broker, pid_t pid, int family)
{
	const struct broker_request request = {
		.kind = BROKER_SOCKET,
		.family = family,
		.server.pid = pid,
	};
	struct broker_reply reply;
	int fd, err;

	if (pid <= 0 || (family != AF_INET && family != AF_INET6))
		return -EINVAL;
	err = broker__transact(broker, &request, &reply, &fd);
	if (err)
		return err;
	return fd >= 0 ? fd : -EBADMSG;
}

int broker__thin(struct broker *broker, const char *device, uint64_t *ret_size_bytes,
		 uint64_t *ret_used_bytes)
{
	struct broker_request request = { .kind = BROKER_THIN };
	struct broker_reply reply;
	size_t length = strlen(device);
	int fd, err;

	if (length >= sizeof(request.device))
		return -ENAMETOOLONG;
	memcpy(request.device, device, length);
	err = broker__transact(broker, &request, &reply, &fd);
	if (err)
		return err;
	*ret_size_bytes = reply.value[0];
	*ret_used_bytes = reply.value[1];
	return 0;
}

int broker__postgres(struct broker *broker, const struct broker_server *server)
{
	struct broker_request request = {
		.kind = BROKER_POSTGRES,
		.server = *server,
	};
	int fd;

	if (server->pid <= 0)
		return -EINVAL;
	fd = broker__ask(broker, &request, SOCK_STREAM);
	if (fd >= 0)
		fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}
