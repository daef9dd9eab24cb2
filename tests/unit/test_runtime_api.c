// SPDX-License-Identifier: Apache-2.0
/* The client against daemons of every temper, each a process of its own. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "fake_daemon.h"
#include "identity/runtime_api.h"

Suite *runtime_api_suite(void);

#define MOST 4096

static char dir[32];
static char path[64];
static pid_t server;

static void setup(void)
{
	strcpy(dir, "/tmp/edgetap-api-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	server = 0;
}

static void clear(void)
{
	fake_daemon__end(server);
	unlink(path);
	rmdir(dir);
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static void serve(void (*answer)(int fd, const void *ctx), const char *text)
{
	static const char want[] = "GET /x HTTP/1.1\r\nHost: localhost\r\n";

	server = fake_daemon__start(path, want, strlen(want), answer, text);
}

static int get(unsigned int ms, char **body, size_t *len)
{
	return runtime_api__get(path, "/x", (now_ms() + ms) * 1000000, MOST, body, len);
}

static void say(int fd, const void *ctx)
{
	const char *text = ctx;

	fake_daemon__say(fd, text, strlen(text));
}

static void say_in_pieces(int fd, const void *ctx)
{
	for (const char *text = ctx; *text; text++) {
		fake_daemon__say(fd, text, 1);
		usleep(200);
	}
}

START_TEST(test_in_pieces)
{
	char *body;
	size_t len;

	serve(say_in_pieces, "HTTP/1.1 200 OK\r\ncontent-length:  5 \r\n\r\nhello, and more");
	ck_assert_int_eq(get(5000, &body, &len), 0);
	ck_assert_uint_eq(len, 5);
	ck_assert_str_eq(body, "hello");
	free(body);
}
END_TEST

static const struct {
	const char *answer;
	int err;
	const char *body;
} answers[] = {
	{ "HTTP/1.1 200 OK\r\n\r\nabc", 0, "abc" },
	{ "HTTP/1.0 200 OK\r\n\r\n", 0, "" },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", 0, "" },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", 0,
	  "abc" },
	{ "HTTP/1.0 404 Not Found\r\n\r\n{\"message\":\"No such container\"}", -ENOENT, NULL },
	{ "HTTP/1.0 500\r\nA: b\r\n\r\n", -EBADMSG, NULL },
	{ "HTTP/1.0 204 No Content\r\n\r\n", -EBADMSG, NULL },
	{ "HTTP/1.1 301 Moved\r\nLocation: http://localhost/y\r\n\r\n", -EBADMSG, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc", -EBADMSG, NULL },
	{ "HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\nabc", -EBADMSG, NULL },
	{ "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab", -EBADMSG, NULL },
	{ "no HTTP\r\n\r\n", -EBADMSG, NULL },
	{ "", -EBADMSG, NULL },
};

START_TEST(test_answers)
{
	char *body;
	size_t len;

	serve(say, answers[_i].answer);
	ck_assert_int_eq(get(5000, &body, &len), answers[_i].err);
	if (answers[_i].err)
		return;
	ck_assert_uint_eq(len, strlen(answers[_i].body));
	ck_assert_str_eq(body, answers[_i].body);
	free(body);
}
END_TEST

static void silent(int fd, const void *ctx)
{
	(void)fd;
	(void)ctx;
	sleep(30);
}

START_TEST(test_silent)
{
	uint64_t start = now_ms();
	char *body;
	size_t len;

	serve(silent, NULL);
	ck_assert_int_eq(get(100, &body, &len), -ETIMEDOUT);
	ck_assert_uint_ge(now_ms() - start, 99);
	ck_assert_uint_le(now_ms() - start, 2000);
	ck_assert_int_eq(runtime_api__get(path, "/x", 1, MOST, &body, &len), -ETIMEDOUT);
}
END_TEST

static void too_much(int fd, const void *ctx)
{
	(void)ctx;
	say(fd, "HTTP/1.0 200 OK\r\n\r\n");
	for (;;)
		say(fd, "more more more more more more more more more more more more more more ");
}

START_TEST(test_too_much)
{
	char *body;
	size_t len;

	serve(too_much, NULL);
	ck_assert_int_eq(get(5000, &body, &len), -EFBIG);
}
END_TEST

/* Each byte within the patience of a poll, all of them far beyond the deadline. */
static void trickle(int fd, const void *ctx)
{
	(void)ctx;
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

	serve(trickle, NULL);
	ck_assert_int_eq(get(150, &body, &len), -ETIMEDOUT);
}
END_TEST

START_TEST(test_nobody)
{
	char *body;
	size_t len;

	ck_assert_int_eq(runtime_api__get("/nonexistent/socket", "/x", UINT64_MAX, 10, &body, &len),
			 -ENOTCONN);
	ck_assert_int_eq(runtime_api__call("/nonexistent/socket", "/x", "", 0, UINT64_MAX, 10,
					   &body, &len),
			 -ENOTCONN);
}
END_TEST

/* A daemon that accepts nobody any more: its backlog is full. */
START_TEST(test_full)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM, 0), waiting[4];
	uint64_t start = now_ms();
	char *body;
	size_t len;

	strcpy(address.sun_path, path);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 0), 0);
	for (int i = 0; i < 4; i++) {
		waiting[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0);
		if (connect(waiting[i], (struct sockaddr *)&address, sizeof(address)))
			ck_assert_int_eq(errno, EAGAIN);
	}
	ck_assert_int_eq(get(200, &body, &len), -ENOTCONN);
	ck_assert_uint_le(now_ms() - start, 2000);
	for (int i = 0; i < 4; i++)
		close(waiting[i]);
	close(fd);
}
END_TEST

static int call(const struct grpc_answer *answer, char **message, size_t *len)
{
	server = fake_daemon__start(path, "\0\0\0\0\003ask", 8, grpc_answer__say, answer);
	return runtime_api__call(path, "/a.B/C", "ask", 3, (now_ms() + 2000) * 1000000, MOST,
				 message, len);
}

START_TEST(test_call)
{
	struct grpc_answer answer;
	uint8_t data[64];
	char *message;
	size_t len = grpc_answer__frame(data, "told", 4);

	grpc_answer__make(&answer, data, len, "0");
	ck_assert_int_eq(call(&answer, &message, &len), 0);
	ck_assert_uint_eq(len, 4);
	ck_assert_str_eq(message, "told");
	free(message);
}
END_TEST

static const struct {
	const char *data;
	size_t len;
	const char *grpc_status;
	int err;
} calls[] = {
	{ "", 0, "12", -ENOENT },
	{ "", 0, "120", -EBADMSG },
	{ "", 0, "1200", -EBADMSG },
	{ "", 0, "5", -EBADMSG },
	{ "\0\0\0\0\001a", 6, "5", -EBADMSG }, /* what comes with a failure does not count */
	{ "\0\0\0\0\001a", 6, "", -EBADMSG },
	{ "\0\0\0\0\001a", 6, "none", -EBADMSG },
	{ "\0\0\0\0\001a", 6, "0x", -EBADMSG },
	{ "\0\0\0\0\001a", 6, "00", -EBADMSG },
	{ "", 0, "0", -EBADMSG },
	{ "\0\0\0\0", 4, "0", -EBADMSG },
	{ "\001\0\0\0\001a", 6, "0", -EBADMSG },	     /* compressed */
	{ "\0\0\0\0\002a", 6, "0", -EBADMSG },		     /* cut */
	{ "\0\377\377\377\377a", 6, "0", -EBADMSG },	     /* more than there can be */
	{ "\0\0\0\0\001a\0\0\0\0\001b", 12, "0", -EBADMSG }, /* two */
};

START_TEST(test_calls)
{
	struct grpc_answer answer;
	char *message;
	size_t len;

	grpc_answer__make(&answer, calls[_i].data, calls[_i].len, calls[_i].grpc_status);
	ck_assert_int_eq(call(&answer, &message, &len), calls[_i].err);
}
END_TEST

START_TEST(test_call_too_much)
{
	struct grpc_answer answer;
	uint8_t data[64] = { 0 };
	char *message;
	size_t len;

	grpc_answer__make(&answer, data, sizeof(data), "0");
	server = fake_daemon__start(path, "ask", 3, grpc_answer__say, &answer);
	ck_assert_int_eq(runtime_api__call(path, "/a.B/C", "ask", 3, (now_ms() + 2000) * 1000000,
					   sizeof(data) - 6, &message, &len),
			 -EFBIG);
}
END_TEST

/* Something else listens there, or it ends in the middle. */
START_TEST(test_call_no_grpc)
{
	static const char text[] = "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n";
	struct grpc_answer answer = { .len = strlen(text), .hangs_up = true };
	char *message;
	size_t len;

	memcpy(answer.bytes, text, answer.len);
	ck_assert_int_eq(call(&answer, &message, &len), -EBADMSG);
	clear();
	setup();
	grpc_answer__make(&answer, "\0\0\0\0\001a", 6, "0");
	answer.len -= 4;
	answer.hangs_up = true;
	ck_assert_int_eq(call(&answer, &message, &len), -EBADMSG);
}
END_TEST

START_TEST(test_call_silent)
{
	char *message;
	size_t len;

	server = fake_daemon__start(path, "ask", 3, silent, NULL);
	ck_assert_int_eq(runtime_api__call(path, "/a.B/C", "ask", 3, (now_ms() + 100) * 1000000,
					   MOST, &message, &len),
			 -ETIMEDOUT);
}
END_TEST

Suite *runtime_api_suite(void)
{
	Suite *suite = suite_create("runtime_api");
	TCase *http = tcase_create("http");
	TCase *grpc = tcase_create("grpc");

	tcase_add_checked_fixture(http, setup, clear);
	tcase_add_test(http, test_in_pieces);
	tcase_add_loop_test(http, test_answers, 0, sizeof(answers) / sizeof(answers[0]));
	tcase_add_test(http, test_silent);
	tcase_add_test(http, test_too_much);
	tcase_add_test(http, test_trickle);
	tcase_add_test(http, test_nobody);
	tcase_add_test(http, test_full);
	suite_add_tcase(suite, http);
	tcase_add_checked_fixture(grpc, setup, clear);
	tcase_add_test(grpc, test_call);
	tcase_add_loop_test(grpc, test_calls, 0, sizeof(calls) / sizeof(calls[0]));
	tcase_add_test(grpc, test_call_too_much);
	tcase_add_test(grpc, test_call_no_grpc);
	tcase_add_test(grpc, test_call_silent);
	suite_add_tcase(suite, grpc);
	return suite;
}
