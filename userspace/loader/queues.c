// SPDX-License-Identifier: Apache-2.0
#include "loader/queues.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <unistd.h>

#include "queue_trial.skel.h"

/* A TCP connection of the process with itself. */
struct loopback {
	int listener, client, server;
};

static bool loopback_open(struct loopback *loopback)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	struct sockaddr *any = (struct sockaddr *)&address;
	socklen_t length = sizeof(address);

	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	loopback->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	loopback->client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (loopback->listener < 0 || loopback->client < 0 ||
	    bind(loopback->listener, any, sizeof(address)) || listen(loopback->listener, 1) ||
	    getsockname(loopback->listener, any, &length) ||
	    connect(loopback->client, any, sizeof(address)))
		return false;
	loopback->server = accept4(loopback->listener, NULL, NULL, SOCK_CLOEXEC);
	return loopback->server >= 0;
}

static void loopback_close(const struct loopback *loopback)
{
	if (loopback->listener >= 0)
		close(loopback->listener);
	if (loopback->client >= 0)
		close(loopback->client);
	if (loopback->server >= 0)
		close(loopback->server);
}

/* Sends the token and receives it, while the program looks. NULL, or why it did not find it. */
static const char *send_token(struct queue_trial *trial, const struct loopback *loopback)
{
	uint8_t token[sizeof(trial->bss->token)];
	ssize_t n;

	if (getrandom(token, sizeof(token), 0) != sizeof(token))
		return "there are no random numbers to try it with";
	memcpy(trial->bss->token, token, sizeof(token));
	trial->bss->tgid = (uint32_t)getpid();
	n = send(loopback->client, token, sizeof(token), MSG_NOSIGNAL);
	if (n == sizeof(token))
		n = recv(loopback->server, token, sizeof(token), 0);
	trial->bss->tgid = 0;
	if (n != sizeof(token))
		return "loopback did not carry the bytes to try it with";
	if (trial->bss->found)
		return NULL;
	return trial->bss->seen ? "what was read there was not what had been sent"
				: "what had been sent was not where it is looked for";
}

const char *queues__try(struct queues *ret_queues)
{
	struct queue_trial *trial = queue_trial__open_and_load();
	struct loopback loopback = { -1, -1, -1 };
	const char *why;

	if (!trial)
		return "the kernel refuses the program that tries it";
	if (queue_trial__attach(trial)) {
		why = "the program that tries it cannot be attached";
	} else {
		why = loopback_open(&loopback) ? send_token(trial, &loopback)
					       : "there is no loopback interface to try it on";
		loopback_close(&loopback);
		ret_queues->page_base = trial->bss->page_base;
		ret_queues->page_shift = trial->bss->page_shift;
	}
	queue_trial__destroy(trial);
	return why;
}
