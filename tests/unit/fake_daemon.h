/* SPDX-License-Identifier: Apache-2.0 */
/* A container runtime's daemon at a unix socket: a process that gives one answer to everybody. */
#ifndef EDGETAP_TESTS_FAKE_DAEMON_H
#define EDGETAP_TESTS_FAKE_DAEMON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * Listens at `path`; who has said `want`, whatever else, is answered and hung up on.
 * Returns the process, for fake_daemon__end().
 */
pid_t fake_daemon__start(const char *path, const void *want, size_t len,
			 void (*answer)(int fd, const void *ctx), const void *ctx);
void fake_daemon__end(pid_t pid);

/* Writes all of it, or ends the process. */
void fake_daemon__say(int fd, const void *bytes, size_t len);

#define GRPC_ANSWER_BYTES 4096

/* What gRPC answers over HTTP/2 to the first call of a connection. */
struct grpc_answer {
	size_t len;
	uint8_t bytes[GRPC_ANSWER_BYTES];
	bool hangs_up; /* behind it; else the connection stays until the client leaves */
};

/* An answer function; ctx is a struct grpc_answer. */
void grpc_answer__say(int fd, const void *ctx);

/* HEADERS with :status 200, DATA of the bytes as they are, and trailers with grpc-status. */
void grpc_answer__make(struct grpc_answer *answer, const void *data, size_t len,
		       const char *grpc_status);

/* A message as DATA has it: its flag, its length, itself. Returns the length of all. */
size_t grpc_answer__frame(uint8_t *to, const void *message, size_t len);

#endif
