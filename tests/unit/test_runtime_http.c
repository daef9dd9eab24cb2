// SPDX-License-Identifier: Apache-2.0
/* The client against daemons of every temper, each a process of its own. */
#include <check.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "identity/unix_http.h"

Suite *runtime_http_suite(void);

static char dir[] = "/tmp/edgetap-http-XXXXXX";
static char path[64];
static pid_t server = -1;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* Listens, and forks a process that answers one connection. */
static void serve(void (*answer)(int fd))
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	strcpy(address.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	server = fork();
	ck_assert_int_ge(server, 0);
	if (server == 0) {
		int peer = accept(fd, NULL, NULL);
		char request[1024];
		ssize_t n = read(peer, request, sizeof(request) - 1);

		request[n > 0 ? n : 0] = '\0';
		if (strncmp(request, "GET /x HTTP/1.0\r\nHost: ", 23) == 0)
			answer(peer);
		_exit(0);
	}
	close(fd);
}

static void clear(void)
{
	if (server > 0) {
		kill(server, SIGKILL);
		waitpid(server, NULL, 0);
	}
	unlink(path);
	rmdir(dir);
}

static int get(unsigned int ms, char **body, size_t *len)
{
	return unix_http__get(path, "/x", (now_ms() + ms) * 1000000, 4096, body, len);
}

static void say(int fd, const char *text)
{
	if (write(fd, text, strlen(text)) < 0)
		_exit(1);
}

static void in_pieces(int fd)
{
	static const char text[] = "HTTP/1.1 200 OK\r\ncontent-length:  5 \r\n\r\nhello, and more";

	for (size_t i = 0; i < sizeof(text) - 1; i++) {
		if (write(fd, text + i, 1) != 1)
			_exit(1);
		usleep(200);
	}
}

START_TEST(test_in_pieces)
{
	char *body;
	size_t len;

	serve(in_pieces);
	ck_assert_int_eq(get(5000, &body, &len), 0);
	ck_assert_uint_eq(len, 5);
	ck_assert_str_eq(body, "hello");
	free(body);
}
END_TEST

static void not_found(int fd)
{
	say(fd, "HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"No such container\"}");
}

START_TEST(test_not_found)
{
	char *body;
	size_t len;

	serve(not_found);
	ck_assert_int_eq(get(5000, &body, &len), -ENOENT);
}
END_TEST

static void silent(int fd)
{
	(void)fd;
	sleep(30);
}

START_TEST(test_silent)
{
	uint64_t start = now_ms();
	char *body;
	size_t len;

	serve(silent);
	ck_assert_int_eq(get(100, &body, &len), -ETIMEDOUT);
	ck_assert_uint_ge(now_ms() - start, 99);
}
END_TEST

static void too_much(int fd)
{
	say(fd, "HTTP/1.0 200 OK\r\n\r\n");
	for (;;)
		say(fd, "more more more more more more more more more more more more more more ");
}

START_TEST(test_too_much)
{
	char *body;
	size_t len;

	serve(too_much);
	ck_assert_int_eq(get(5000, &body, &len), -EFBIG);
}
END_TEST

/* Each byte within the patience of a poll, all of them far beyond the deadline. */
static void trickle(int fd)
{
	say(fd, "HTTP/1.0 200 OK\r\n\r\n");
	for (;;) {
		say(fd, "x");
		usleep(10000);
	}
}

START_TEST(test_trickle)
{
	char *body;
	size_t len;

	serve(trickle);
	ck_assert_int_eq(get(150, &body, &len), -ETIMEDOUT);
}
END_TEST

START_TEST(test_nobody)
{
	char *body;
	size_t len;

	ck_assert_int_eq(unix_http__get("/nonexistent/socket", "/x", UINT64_MAX, 10, &body, &len),
			 -ENOENT);
}
END_TEST

START_TEST(test_parse)
{
	static const struct {
		const char *answer;
		int status;
		const char *body;
	} rows[] = {
		{ "HTTP/1.1 200 OK\r\n\r\nabc", 200, "abc" },
		{ "HTTP/1.0 500\r\nA: b\r\n\r\n", 500, "" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nabc", 200, "ab" },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", -EBADMSG, NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\nabc", -EBADMSG, NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Length:\r\n\r\nabc", -EBADMSG, NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\na", -EBADMSG,
		  NULL },
		{ "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\na", -EBADMSG,
		  NULL },
		{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", -EBADMSG,
		  NULL },
		{ "HTTP/1.1 200 OK\r\n", -EBADMSG, NULL },
		{ "HTTP/2.0 200 OK\r\n\r\n", -EBADMSG, NULL },
		{ "HTTP/1.1 2000\r\n\r\n", -EBADMSG, NULL },
		{ "HTTP/1.1 20\r\n\r\n", -EBADMSG, NULL },
		{ "\r\n\r\n", -EBADMSG, NULL },
		{ "", -EBADMSG, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *body = NULL;
		size_t len = 0;
		int status = unix_http__parse(rows[i].answer, strlen(rows[i].answer), &body, &len);

		ck_assert_msg(status == rows[i].status, "row %zu: %d", i, status);
		if (rows[i].body) {
			ck_assert_uint_eq(len, strlen(rows[i].body));
			ck_assert_mem_eq(body, rows[i].body, len);
		}
	}
}
END_TEST

Suite *runtime_http_suite(void)
{
	Suite *suite = suite_create("runtime_http");
	TCase *sockets = tcase_create("sockets");
	TCase *parse = tcase_create("parse");

	tcase_add_checked_fixture(sockets, NULL, clear);
	tcase_add_test(sockets, test_in_pieces);
	tcase_add_test(sockets, test_not_found);
	tcase_add_test(sockets, test_silent);
	tcase_add_test(sockets, test_too_much);
	tcase_add_test(sockets, test_trickle);
	tcase_add_test(sockets, test_nobody);
	tcase_add_test(parse, test_parse);
	suite_add_tcase(suite, sockets);
	suite_add_tcase(suite, parse);
	return suite;
}
