// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "clock.h"
#include "identity/unix_http.h"

#define HEADER_MAX 16384

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Content-Length of `len` bytes of digits and blanks, or -1. */
static long long parse_length(const char *text, size_t len)
{
	long long value = 0;
	size_t digits = 0;

	while (len && (*text == ' ' || *text == '\t'))
		text++, len--;
	while (len && (text[len - 1] == ' ' || text[len - 1] == '\t'))
		len--;
	for (size_t i = 0; i < len; i++, digits++) {
		if (!is_digit(text[i]) || digits > 15)
			return -1;
		value = value * 10 + (text[i] - '0');
	}
	return digits ? value : -1;
}

int unix_http__parse(const char *answer, size_t len, const char **ret_body, size_t *ret_len)
{
	static const char length_name[] = "content-length:", coding_name[] = "transfer-encoding:";
	const char *end = memmem(answer, len, "\r\n\r\n", 4);
	long long length = -1;
	size_t body_len;

	/* HTTP/1.x SP 3DIGIT */
	if (!end || len < 12 || memcmp(answer, "HTTP/1.", 7) != 0 || !is_digit(answer[7]) ||
	    answer[8] != ' ' || !is_digit(answer[9]) || !is_digit(answer[10]) ||
	    !is_digit(answer[11]) || is_digit(answer[12]))
		return -EBADMSG;
	for (const char *line = answer; line < end;) {
		const char *next = memmem(line, (size_t)(end + 2 - line), "\r\n", 2);
		size_t n = (size_t)(next - line);

		if (n >= sizeof(length_name) - 1 &&
		    strncasecmp(line, length_name, sizeof(length_name) - 1) == 0) {
			if (length >= 0)
				return -EBADMSG;
			length = parse_length(line + sizeof(length_name) - 1,
					      n - (sizeof(length_name) - 1));
			if (length < 0)
				return -EBADMSG;
		}
		if (n >= sizeof(coding_name) - 1 &&
		    strncasecmp(line, coding_name, sizeof(coding_name) - 1) == 0)
			return -EBADMSG;
		line = next + 2;
	}
	body_len = len - (size_t)(end + 4 - answer);
	if (length >= 0 && (unsigned long long)length > body_len)
		return -EBADMSG;
	*ret_body = end + 4;
	*ret_len = length >= 0 ? (size_t)length : body_len;
	return (answer[9] - '0') * 100 + (answer[10] - '0') * 10 + (answer[11] - '0');
}

/* Milliseconds that poll may wait. */
static int remaining_ms(uint64_t deadline_ns)
{
	uint64_t now_ns = clock__now_ns();

	return now_ns >= deadline_ns ? 0 : (int)((deadline_ns - now_ns) / 1000000) + 1;
}

static int wait_for(int fd, short events, uint64_t deadline_ns)
{
	struct pollfd pollfd = { .fd = fd, .events = events };
	int ms, n;

	do {
		ms = remaining_ms(deadline_ns);
		if (ms == 0)
			return -ETIMEDOUT;
		n = poll(&pollfd, 1, ms);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return n ? 0 : -ETIMEDOUT;
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, err;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	/* a unix socket connects at once, or says EAGAIN: its backlog is full */
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return fd;
}

static int send_all(int fd, const char *text, size_t len, uint64_t deadline_ns)
{
	while (len) {
		ssize_t n = send(fd, text, len, MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN) {
			int err = wait_for(fd, POLLOUT, deadline_ns);

			if (err)
				return err;
			continue;
		}
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		text += n;
		len -= (size_t)n;
	}
	return 0;
}

/* Everything up to the close, in a buffer that the caller frees, also on failure. */
static int receive_all(int fd, uint64_t deadline_ns, size_t max, char **text, size_t *len)
{
	size_t room = 0;

	*len = 0;
	for (;;) {
		ssize_t n;
		int err;

		if (room - *len < 2) {
			size_t more = room ? room * 2 : 8192;
			char *grown = *len > max ? NULL : realloc(*text, more);

			if (!grown)
				return *len > max ? -EFBIG : -ENOMEM;
			*text = grown;
			room = more;
		}
		n = recv(fd, *text + *len, room - *len - 1, 0);
		if (n == 0)
			break;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno != EAGAIN)
			return -errno;
		if (n > 0) {
			*len += (size_t)n;
			/* one that never stops sending must not hold us either */
			if (remaining_ms(deadline_ns) == 0)
				return -ETIMEDOUT;
			continue;
		}
		err = wait_for(fd, POLLIN, deadline_ns);
		if (err)
			return err;
	}
	(*text)[*len] = '\0';
	return 0;
}

int unix_http__get(const char *socket_path, const char *target, uint64_t deadline_ns, size_t max,
		   char **ret_body, size_t *ret_len)
{
	char request[1024];
	char *answer = NULL;
	const char *body;
	size_t len, body_len;
	int fd, n, status;

	/* 1.0: the answer ends with the connection and has no transfer coding */
	n = snprintf(request, sizeof(request), "GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n",
		     target);
	if (n >= (int)sizeof(request))
		return -ENAMETOOLONG;
	fd = connect_to(socket_path);
	if (fd < 0)
		return fd;
	status = send_all(fd, request, (size_t)n, deadline_ns);
	if (!status)
		status = receive_all(fd, deadline_ns, max + HEADER_MAX, &answer, &len);
	close(fd);
	if (!status)
		status = unix_http__parse(answer, len, &body, &body_len);
	if (status != 200) {
		free(answer);
		return status == 404 ? -ENOENT : status > 0 ? -EBADMSG : status;
	}
	if (body_len > max) {
		free(answer);
		return -EFBIG;
	}
	memmove(answer, body, body_len);
	answer[body_len] = '\0';
	*ret_body = answer;
	*ret_len = body_len;
	return 0;
}
