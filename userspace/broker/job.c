// SPDX-License-Identifier: Apache-2.0
#include "broker/job.h"

#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "broker/confine.h"
#include "broker/enter.h"
#include "broker/wire.h"

#define BIT(number) (1ULL << (number))

#define DATA_BYTES (64U << 20)
#define CPU_S 2

bool job__is_valid(const struct broker_request *request)
{
	switch (request->kind) {
	case BROKER_SOCKET:
		return request->pid > 0 &&
		       (request->family == AF_INET || request->family == AF_INET6);
	}
	return false;
}

unsigned int job__deadline_ms(const struct broker_request *request)
{
	(void)request;
	return BROKER_DEADLINE_MS;
}

/* The socket, or a negative errno. */
static int make_socket(const struct broker_request *request)
{
	int err = confine__keep(BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_PTRACE));
	int process, fd;

	if (err)
		return err;
	process = enter__open(request->pid, 0);
	if (process < 0)
		return process;
	err = enter__network(process);
	close(process);
	if (err)
		return err;
	fd = socket(request->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	return fd < 0 ? -errno : fd;
}

void job__do(const struct broker_request *request, int socket, const struct broker_options *options,
	     int err)
{
	struct broker_reply reply = { .err = err };
	int fd = -1;

	(void)options;
	if (!err)
		err = confine__limit(CPU_S, DATA_BYTES);
	if (!err && request->kind == BROKER_SOCKET) {
		fd = make_socket(request);
		err = fd < 0 ? fd : 0;
	}
	reply.err = err;
	wire__send(socket, &reply, sizeof(reply), fd, MSG_DONTWAIT);
}
