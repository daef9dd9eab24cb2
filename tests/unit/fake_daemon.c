// SPDX-License-Identifier: Apache-2.0
#include "fake_daemon.h"

#include <check.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

static void serve(int peer, const void *want, size_t len, void (*answer)(int fd, const void *ctx),
		  const void *ctx)
{
	char said[8192];
	size_t have = 0;
	ssize_t n;

	while ((n = read(peer, said + have, sizeof(said) - have)) > 0) {
		have += (size_t)n;
		if (!memmem(said, have, want, len))
			continue;
		answer(peer, ctx);
		break;
	}
}

pid_t fake_daemon__start(const char *path, const void *want, size_t len,
			 void (*answer)(int fd, const void *ctx), const void *ctx)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	pid_t pid;

	ck_assert_uint_lt(strlen(path), sizeof(address.sun_path));
	strcpy(address.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 8), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		for (;;) {
			int peer = accept(fd, NULL, NULL);

			serve(peer, want, len, answer, ctx);
			close(peer);
		}
	}
	close(fd);
	return pid;
}

void fake_daemon__end(pid_t pid)
{
	if (pid <= 0)
		return;
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

void fake_daemon__say(int fd, const void *bytes, size_t len)
{
	if (send(fd, bytes, len, MSG_NOSIGNAL) != (ssize_t)len)
		_exit(1);
}

void grpc_answer__say(int fd, const void *ctx)
{
	const struct grpc_answer *answer = ctx;
	char rest[1024];

	fake_daemon__say(fd, answer->bytes, answer->len);
	if (answer->hangs_up)
		shutdown(fd, SHUT_WR);
	while (read(fd, rest, sizeof(rest)) > 0)
		;
}

/* RFC 9113, 4.1 */
static void add_frame(struct grpc_answer *answer, uint8_t type, uint8_t flags, uint8_t stream,
		      const void *payload, size_t len)
{
	const uint8_t head[9] = { (uint8_t)(len >> 16),
				  (uint8_t)(len >> 8),
				  (uint8_t)len,
				  type,
				  flags,
				  0,
				  0,
				  0,
				  stream };

	ck_assert_uint_le(answer->len + sizeof(head) + len, sizeof(answer->bytes));
	memcpy(answer->bytes + answer->len, head, sizeof(head));
	if (len)
		memcpy(answer->bytes + answer->len + sizeof(head), payload, len);
	answer->len += sizeof(head) + len;
}

void grpc_answer__make(struct grpc_answer *answer, const void *data, size_t len,
		       const char *grpc_status)
{
	/* :status 200 by its index; a literal field with a new name (RFC 7541, 6.1 and 6.2.2) */
	static const uint8_t status_200[] = { 0x88 };
	uint8_t trailer[64] = "\0\013grpc-status";
	size_t status_len = strlen(grpc_status);

	*answer = (struct grpc_answer){ 0 };
	add_frame(answer, 4, 0, 0, NULL, 0);
	add_frame(answer, 1, 4, 1, status_200, sizeof(status_200));
	add_frame(answer, 0, 0, 1, data, len);
	trailer[13] = (uint8_t)status_len;
	memcpy(trailer + 14, grpc_status, status_len);
	add_frame(answer, 1, 5, 1, trailer, 14 + status_len);
}

size_t grpc_answer__frame(uint8_t *to, const void *message, size_t len)
{
	to[0] = 0;
	for (int i = 0; i < 4; i++)
		to[1 + i] = (uint8_t)(len >> (24 - 8 * i));
	memcpy(to + 5, message, len);
	return 5 + len;
}
