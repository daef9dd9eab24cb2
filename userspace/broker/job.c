// SPDX-License-Identifier: Apache-2.0
#include "broker/job.h"

#include <errno.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <string.h>
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
		return request->server.pid > 0 &&
		       (request->family == AF_INET || request->family == AF_INET6);
	case BROKER_THIN:
		return memchr(request->device, '\0', sizeof(request->device)) &&
		       strncmp(request->device, "/dev/", 5) == 0 &&
		       !strstr(request->device, "/../");
	case BROKER_POSTGRES:
		return request->server.pid > 0 && request->server.rule >= -1 &&
		       memchr(request->server.role, '\0', sizeof(request->server.role));
	}
	return false;
}

unsigned int job__deadline_ms(const struct broker_request *request)
{
	return request->kind == BROKER_POSTGRES ? BROKER_SERVER_DEADLINE_MS : BROKER_DEADLINE_MS;
}

/* The socket, or a negative errno. */
static int make_socket(const struct broker_request *request)
{
	int err = confine__keep(BIT(CAP_SYS_ADMIN) | BIT(CAP_SYS_PTRACE));
	int process, fd;

	if (err)
		return err;
	process = enter__open(request->server.pid, 0);
	if (process < 0)
		return process;
	err = enter__network(process);
	close(process);
	if (err)
		return err;
	fd = socket(request->family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
	if (fd < 0)
		return -errno;
	return fd;
}

void job__do(const struct broker_request *request, int socket, const struct broker_options *options,
	     int err)
{
	struct broker_reply reply = { .err = err };
	int fd = -1;

	if (!err)
		err = confine__limit(CPU_S, DATA_BYTES);
	/* of what went wrong before, an answer without a word tells enough */
	if (request->kind == BROKER_POSTGRES) {
		if (!err && options->postgres)
			options->postgres(&request->server, socket);
		return;
	}
	if (!err && request->kind == BROKER_SOCKET) {
		fd = make_socket(request);
		err = fd < 0 ? fd : 0;
	}
	if (!err && request->kind == BROKER_THIN)
		err = options->thin
			      ? options->thin(request->device, &reply.value[0], &reply.value[1])
			      : -ENOSYS;
	reply.err = err;
	wire__send(socket, &reply, sizeof(reply), fd, MSG_DONTWAIT);
}
