// SPDX-License-Identifier: Apache-2.0
/*
 * Messages that two readers may end in different places: each is refused, the
 * connection closed, and what is behind it never becomes a request.
 */
#include "http_client.h"

Suite *http_framing_suite(void);

#define BEHIND "GET /behind HTTP/1.1\r\nHost: x\r\n\r\n"
#define GET "GET /form HTTP/1.1\r\nHost: x\r\n"
#define POST "POST /form HTTP/1.1\r\nHost: x\r\n"
#define CHUNKED POST "Transfer-Encoding: chunked\r\n\r\n"

struct message {
	const char *bytes;
	size_t size;
};

/* As arguments of "%.*s": its beginning. */
#define SHOWN(message) (int)((message)->size < 200 ? (message)->size : 200), (message)->bytes

#define M(text)                                                                                    \
	{                                                                                          \
		text, sizeof(text) - 1                                                             \
	}

static struct http_server *server;
static struct http_server_options options;
static _Atomic int behind, forms;

static int handle_behind(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	(void)request;
	behind++;
	return http_reply__text(reply, 200, "behind\n");
}

static int handle_form(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	size_t size;

	(void)ctx;
	http_request__content(request, &size);
	forms++;
	return http_reply__text(reply, 200, "%zu\n", size);
}

static const struct http_route routes[] = {
	{ .path = "/behind", .handle = handle_behind, .quick = true },
	{ .path = "/form", .handle = handle_form, .takes_form = true, .quick = true },
	{ .path = "/slow", .handle = handle_form, .takes_form = true },
};

static void setup(void)
{
	const char *message = "";

	client__server_options(&options);
	behind = forms = 0;
	ck_assert_msg(!http_server__start(&server, &options, routes, 3, NULL, &message), "%s",
		      message);
}

static void teardown(void)
{
	http_server__stop(server);
}

/* All that comes until the connection ends, from one write of both. */
static size_t exchange(const struct message *message, const char *rest, char *out, size_t room)
{
	size_t rest_size = strlen(rest), got = 0;
	char *all = malloc(message->size + rest_size);
	int fd = client__connect(server);
	ssize_t n;

	memcpy(all, message->bytes, message->size);
	memcpy(all + message->size, rest, rest_size);
	ck_assert(client__send(fd, all, message->size + rest_size));
	while ((n = client__recv(fd, out + got, room - got - 1)) > 0)
		got += (size_t)n;
	ck_assert_msg(n != -ETIMEDOUT, "still open: %.*s", SHOWN(message));
	out[got] = '\0';
	close(fd);
	free(all);
	return got;
}

/* What follows the first answer, whose content ends where it says; out is cut there. */
static const char *behind_answer(char *out)
{
	char *body = strstr(out, "\r\n\r\n"), *length = strstr(out, "\r\nContent-Length: ");
	size_t size = body && length && length < body ? strtoul(length + 18, NULL, 10) : 0;

	ck_assert_ptr_nonnull(body);
	ck_assert_uint_le(size, strlen(body + 4));
	body[3] = '\0';
	return body + 4 + size;
}

static int count_of(const char *text, const char *word)
{
	int count = 0;

	for (; (text = strstr(text, word)); text++)
		count++;
	return count;
}

/* One answer, of the status if it is not 0, and the end of the connection. */
static void expect_refused(const struct message *message, int want)
{
	char out[8192];
	const char *rest;
	int status = 0;

	exchange(message, BEHIND, out, sizeof(out));
	sscanf(out, "HTTP/1.%*c %d", &status);
	ck_assert_msg(status >= 400 && (!want || status == want), "%d to %.*s", status,
		      SHOWN(message));
	/* Libraries before 1.0 write the head of some of their own answers twice, as content. */
	rest = behind_answer(out);
	ck_assert_msg(!strstr(rest, "HTTP/1.1 "), "%s behind %.*s", rest, SHOWN(message));
	ck_assert_msg(strstr(out, "\r\nConnection: close\r\n"), "%s to %.*s", out, SHOWN(message));
	ck_assert_int_eq(behind, 0);
	ck_assert_int_eq(forms, 0);
}

static void expect_all_refused(const struct message *messages, size_t count, int want)
{
	for (size_t i = 0; i < count; i++)
		expect_refused(&messages[i], want);
}

#define EXPECT_REFUSED(messages, want)                                                             \
	expect_all_refused(messages, sizeof(messages) / sizeof(*(messages)), want)

START_TEST(lengths_are_one_plain_number)
{
	static const struct message bad[] = {
		M(GET "Content-Length: 0\r\nContent-Length: 33\r\n\r\n"),
		M(GET "Content-Length: 4\r\nContent-Length: 4\r\n\r\nabcd"),
		M(GET "content-length: 4\r\nX: y\r\nCONTENT-LENGTH: 4\r\n\r\nabcd"),
		M(POST "Content-Length: 4, 4\r\n\r\nabcd"),
		M(POST "Content-Length: 4,4\r\n\r\nabcd"),
		M(POST "Content-Length:\r\n\r\n"),
		M(POST "Content-Length: \t\r\n\r\n"),
		M(POST "Content-Length: +4\r\n\r\nabcd"),
		M(POST "Content-Length: -1\r\n\r\n"),
		M(POST "Content-Length: -0\r\n\r\n"),
		M(POST "Content-Length: 0x4\r\n\r\nabcd"),
		M(POST "Content-Length: 4 4\r\n\r\nabcd"),
		M(POST "Content-Length: 4;\r\n\r\nabcd"),
		M(POST "Content-Length: 4.0\r\n\r\nabcd"),
		M(POST "Content-Length: 4e0\r\n\r\nabcd"),
		M(POST "Content-Length: \"4\"\r\n\r\nabcd"),
		M(POST "Content-Length: 4\v\r\n\r\nabcd"),
		M(POST "Content-Length: \f4\r\n\r\nabcd"),
		M(POST "Content-Length: 4\r\r\n\r\nabcd"),
		M(POST "Content-Length: 4\0\r\n\r\nabcd"),
		M(POST "Content-Length: 4\0 4\r\n\r\nabcd"),
		M(POST "Content-Length: \0 4\r\n\r\nabcd"),
		M(POST "Content-Length : 4\r\n\r\nabcd"),
		M(POST "Content-Length\t: 4\r\n\r\nabcd"),
		M(POST "Content-Length\v: 4\r\n\r\nabcd"),
		M(POST " Content-Length: 4\r\n\r\nabcd"),
		M(POST "\tContent-Length: 4\r\n\r\nabcd"),
		M(POST "Content_Length: 4\r\n\r\nabcd"),
		M(POST "Content-Length\r\n\r\nabcd"),
		M(POST "Content-Length 4\r\n\r\nabcd"),
		M(POST "Content-Length: 4\r\n 4\r\n\r\nabcd"),
		M(POST "Content-Length:\r\n 4\r\n\r\nabcd"),
		M(POST "Content-Length: 000000000000000000000000004\r\n\r\nabcd"),
	};
	static const struct message large[] = {
		M(POST "Content-Length: 99999999999999999999\r\n\r\n"),
		M(POST "Content-Length: 18446744073709551616\r\n\r\n"),
		M(POST "Content-Length: 18446744073709551620\r\n\r\nabcd"),
		M(POST "Content-Length: 999999999999999999\r\n\r\n"),
	};

	EXPECT_REFUSED(bad, 400);
	EXPECT_REFUSED(large, 413);
}
END_TEST

START_TEST(a_length_and_a_coding_exclude_each_other)
{
	static const struct message bad[] = {
		M(POST "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: chunked\r\nContent-Length: x\r\n\r\n0\r\n\r\n"),
		M(GET "Content-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		M("POST /form HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		M("POST /form HTTP/1.0\r\nConnection: keep-alive\r\n"
		  "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	};

	EXPECT_REFUSED(bad, 400);
}
END_TEST

START_TEST(the_only_coding_is_chunked)
{
	static const struct message bad[] = {
		M(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n"),
		M(POST "Transfer-Encoding: gzip\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: identity\r\n\r\n"),
		M(POST "Transfer-Encoding: gzip\r\n\r\n"),
		M(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: chunkedx\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: chunked,\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: ,chunked\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: \r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: \vchunked\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: chunked\f\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: chunked\0\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: 'chunked'\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: c\xc4\xa7unked\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: chunked\r\n gzip\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding:\r\n chunked\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding\t: chunked\r\n\r\n0\r\n\r\n"),
		M(POST " Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer_Encoding: chunked\r\n\r\n0\r\n\r\n"),
		M(POST "X: y\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		M(POST "X: y\rTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
		M(POST "X: y\0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	};
	static const struct message unknown[] = {
		M(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"),
		M(POST "Transfer-Encoding: identity,Chunked\r\n\r\n0\r\n\r\n"),
	};

	EXPECT_REFUSED(bad, 400);
	EXPECT_REFUSED(unknown, 501);
}
END_TEST

START_TEST(lines_end_and_begin_in_one_way)
{
	static const struct message bad[] = {
		M(GET "X: a\r\n b\r\n\r\n"),
		M(GET "X: a\r\n\tb: c\r\n\r\n"),
		M(GET "X: a\r\n \r\n\r\n"),
		M(GET "X: a\r\n b\r\n c\r\nY: d\r\n\r\n"),
		M("GET /form HTTP/1.1\r\n X: y\r\nHost: x\r\n\r\n"),
		M("GET /form HTTP/1.1\nHost: x\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: x\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: x\r\n\n"),
		M("GET /form HTTP/1.1\nHost: x\n\n"),
		M(GET "X: a\nY: b\r\n\r\n"),
		M(GET "X: a\rY: b\r\n\r\n"),
		M(GET "X: a\r\r\n\r\n"),
		M(GET "\rX: a\r\n\r\n"),
		M(GET "\r\r\n\r\n"),
		M(GET "X: a\0b\r\n\r\n"),
		M(GET "X: \0\r\n\r\n"),
		M(GET "X\0: a\r\n\r\n"),
		M(GET "\0: a\r\n\r\n"),
		M(GET "\0\r\n\r\n"),
		M(GET "X: a\r\n\0Y: b\r\n\r\n"),
		M(GET "X: a\r\n\0\r\n"),
		M(GET "X: \x1b[2J\r\n\r\n"),
		M(GET "X: \x7f\r\n\r\n"),
		M(GET "X: a\bb\r\n\r\n"),
		M(GET "X\x01: a\r\n\r\n"),
		M(GET "X\x80: a\r\n\r\n"),
		M(GET "X Y: a\r\n\r\n"),
		M(GET "X(: a\r\n\r\n"),
		M(GET "X: a\r\nno colon\r\n\r\n"),
		M(GET ": a\r\n\r\n"),
		M(GET " : a\r\n\r\n"),
		M(GET ":\r\n\r\n"),
	};

	EXPECT_REFUSED(bad, 400);
}
END_TEST

START_TEST(a_request_has_one_host)
{
	static const struct message bad[] = {
		M("GET /form HTTP/1.1\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nX: y\r\n\r\n"),
		M(GET "Host: x\r\n\r\n"),
		M(GET "host: y\r\n\r\n"),
		M("GET /form HTTP/1.0\r\nHost: x\r\nHost: y\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: x y\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: x, y\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: a@x\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: x/y\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: http://x\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: x?y\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: x:80a\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: x:80:80\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: ::1\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: [::1\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: []\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: [::1]x\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: \xc3\xa4\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost : x\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: x\r\n y\r\n\r\n"),
	};

	EXPECT_REFUSED(bad, 400);
}
END_TEST

START_TEST(the_request_line_has_three_words)
{
	static const struct message bad[] = {
		M("GET  /form HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET /form  HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET /form HTTP/1.1 \r\nHost: x\r\n\r\n"),
		M("GET\t/form HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET /form\tHTTP/1.1\r\nHost: x\r\n\r\n"),
		M("\tGET /form HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET /form\v HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET /form\r HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET /form HTTP/1.1\r\r\nHost: x\r\n\r\n"),
		M("GET /fo\0rm HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET /form\0 HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GE\0T /form HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("G(T /form HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET /form%00 HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET /form#\x1b HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET form HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET ftp://x/form HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET /form http/1.1\r\nHost: x\r\n\r\n"),
		M("GET /form HTTP/1.\r\nHost: x\r\n\r\n"),
		M("GET /form HTTP/1.11\r\nHost: x\r\n\r\n"),
		M("GET /form HTTP/11\r\nHost: x\r\n\r\n"),
		M("GET /form\r\n"),
		M("GET /form\r\nHost: x\r\n\r\n"),
	};
	static const struct message other[] = {
		M("GET /form HTTP/2.0\r\nHost: x\r\n\r\n"),
		M("GET /form HTTP/0.9\r\nHost: x\r\n\r\n"),
		M("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
	};
	/* Older libraries end these without a word. */
	static const struct message silent[] = {
		M(" GET /form HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET\t/form\tHTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET\r\n\r\n"),
		M("nothing\r\n\r\n"),
	};
	char out[8192];

	EXPECT_REFUSED(bad, 400);
	EXPECT_REFUSED(other, 505);
	for (size_t i = 0; i < sizeof(silent) / sizeof(*silent); i++) {
		exchange(&silent[i], BEHIND, out, sizeof(out));
		ck_assert_int_eq(count_of(out, "HTTP/1.1 "), count_of(out, "HTTP/1.1 400 "));
	}
	ck_assert_int_eq(behind + forms, 0);
}
END_TEST

START_TEST(chunks_are_followed_strictly)
{
	static const struct message bad[] = {
		M(CHUNKED "0x4\r\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED "+4\r\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED "-4\r\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED " 4\r\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED "4 \r\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED "4\t;a\r\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED "g\r\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED "\r\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED ";a\r\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED "4\0\r\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED "4\r\nabcde\r\n0\r\n\r\n"),
		M(CHUNKED "4\r\nabcd0\r\n\r\n"),
		M(CHUNKED "4\r\nabcd\r0\r\n\r\n"),
		M(CHUNKED "4\r\nabcd\r\n0\r\nContent-Length: 4\r\n\r\n"),
		M(CHUNKED "4\r\nabcd\r\n0\r\nX: y\r\ntransfer-encoding: chunked\r\n\r\n"),
		M(CHUNKED "0\r\nHost: y\r\n\r\n"),
		M(CHUNKED "0\r\nAuthorization: y\r\n\r\n"),
		M(CHUNKED "0\r\nContent_Length: 4\r\n\r\n"),
		M(CHUNKED "0\r\nX : y\r\n\r\n"),
		M(CHUNKED "0\r\nX: \x1b\r\n\r\n"),
		M(CHUNKED "0\r\nno colon\r\n\r\n"),
	};
	static const struct message large[] = {
		M(CHUNKED "10000000000000000\r\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED "fffffffffffffffffffffff4\r\nabcd\r\n0\r\n\r\n"),
	};

	EXPECT_REFUSED(bad, 400);
	EXPECT_REFUSED(large, 413);
}
END_TEST

/* How these end is for the library to say, but nothing behind them is a request. */
START_TEST(nothing_is_behind_chunks)
{
	static const struct message messages[] = {
		M(CHUNKED "4\r\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED "4\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED "4\r\nabcd\n0\r\n\r\n"),
		M(CHUNKED "4\r\nabcd\r\n0\n\n"),
		M(CHUNKED "4;\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED "4;a\rb\r\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED "4;a\0b\r\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED "4;a=\"b\r\nabcd\r\n0\r\n\r\n"),
		M(CHUNKED "4\r\nabcd\r\n0;a\n\r\n"),
		M(CHUNKED "4\r\nabcd\r\n00\r\n\r\n"),
		M(CHUNKED "4\r\nabcd\r\n0\r\nX: y\n\r\n"),
		M(CHUNKED "4\r\nabcd\r\n0\r\nX: y\r\n z\r\n\r\n"),
		M(CHUNKED "4\r\nabcd\r\n0\r\n\0: y\r\n\r\n"),
	};
	char out[8192];

	for (size_t i = 0; i < sizeof(messages) / sizeof(*messages); i++) {
		exchange(&messages[i], BEHIND, out, sizeof(out));
		ck_assert_msg(count_of(out, "HTTP/1.1 ") == 1 &&
				      strstr(out, "\r\nConnection: close\r\n"),
			      "%s to %.*s", out, SHOWN(&messages[i]));
	}
	ck_assert_int_eq(behind, 0);
}
END_TEST

START_TEST(endless_extensions_are_refused)
{
	size_t head = strlen(CHUNKED "4;"), size = head + 100000;
	char *text = malloc(size), out[8192];
	struct message message = { text, size };

	memset(text, 'a', size);
	memcpy(text, CHUNKED "4;", head);
	exchange(&message, "\r\nabcd\r\n0\r\n\r\n" BEHIND, out, sizeof(out));
	ck_assert_ptr_null(strstr(out, " 200 "));
	ck_assert_int_eq(behind + forms, 0);
	free(text);
}
END_TEST

/* The head may come in pieces: the library's buffer grows and moves meanwhile. */
START_TEST(what_is_right_goes_on)
{
	static char large[11500];
	static const struct message good[] = {
		M(GET "\r\n"),
		M("\r\n" GET "\r\n"),
		M("\r\n\r\n" GET "\r\n"),
		M(GET "X:y\r\n\r\n"),
		M(GET "X:\r\n\r\n"),
		M(GET "X: \t y \t\r\nY:\t\r\n\r\n"),
		M(GET "X: \xc3\xa4\xff\r\n\r\n"),
		M(GET "!#$%&'*+-.^_`|~09azAZ: y\r\n\r\n"),
		M(GET "X: a\r\nX: b\r\nCookie: a=b; c=\"d\"\r\nCookie: e\r\n\r\n"),
		M(GET "Content-Length: 0\r\n\r\n"),
		M("GET /form?a=b%20c&d=e+f&g HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET /form? HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET /%66orm HTTP/1.1\r\nHost: x\r\nX: y\r\n\r\n"),
		M("GET http://y/form HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET HTTP://y:80/form?a=b HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("HEAD /form HTTP/1.1\r\nHost: x\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nhOST:x\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost:\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: a_b.example:9777\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: 127.0.0.1:\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: [::1]:9777\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nHost: [fe80::1%25lo]\r\n\r\n"),
		M("GET /form HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"),
		M("GET /form HTTP/1.2\r\nHost: x\r\n\r\n"),
		M("GET /form HTTP/1.1\r\nX: y\r\nHost: x\r\n\r\n"),
		M("GET /slow HTTP/1.1\r\nHost: x\r\n\r\n"),
		M(POST "Content-Length: 4\r\n\r\nabcd"),
		M(POST "Content-Length:0004\r\n\r\nabcd"),
		M(POST "Content-Length: 0\r\n\r\n"),
		M("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nabcd"),
		{ large, sizeof(large) },
	};
	static const size_t cuts[] = { 0, 1, 17, 40, 9000 };
	size_t at = (size_t)sprintf(large, "%s", GET);

	/* Ten fields, of which the last ends with the head. */
	for (int i = 0; i < 10; i++)
		at += (size_t)sprintf(large + at, "A%d:%*s\r\n", i, 1100, "a");
	memset(large + at, 'z', sizeof(large) - at);
	large[at + 1] = ':';
	memcpy(large + sizeof(large) - 4, "\r\n\r\n", 4);

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		for (size_t j = 0; j < sizeof(cuts) / sizeof(*cuts); j++) {
			size_t cut = cuts[j] < good[i].size ? cuts[j] : 0;
			int fd = client__connect(server);
			struct response r;

			ck_assert(client__send(fd, good[i].bytes, cut));
			if (cut)
				usleep(2000);
			ck_assert(client__send(fd, good[i].bytes + cut, good[i].size - cut));
			r = client__response(fd, !strncmp(good[i].bytes, "HEAD", 4));
			ck_assert_msg(r.status == 200, "%d to %.*s", r.status, SHOWN(&good[i]));
			response__free(&r);
			client__sendf(fd, BEHIND);
			r = client__response(fd, false);
			ck_assert_msg(r.status == 200, "not kept: %.*s", SHOWN(&good[i]));
			ck_assert_str_eq(r.body, "behind\n");
			response__free(&r);
			close(fd);
		}
}
END_TEST

/* Both answers to two requests in one write, also where content nobody reads is between them. */
START_TEST(pipelines_are_answered_in_order)
{
	static const struct message first[] = {
		M(GET "\r\n"),
		M(GET "Content-Length: 4\r\n\r\nabcd"),
		M(GET "Content-Length: 33\r\n\r\n" BEHIND),
		M("PUT /form HTTP/1.1\r\nHost: x\r\nContent-Length: 33\r\n\r\n" BEHIND),
		M("get /form HTTP/1.1\r\nHost: x\r\nContent-Length: 33\r\n\r\n" BEHIND),
		M("GET /nowhere HTTP/1.1\r\nHost: x\r\nContent-Length: 33\r\n\r\n" BEHIND),
		M(POST "Content-Length: 33\r\n\r\n" BEHIND),
		M("POST /slow HTTP/1.1\r\nHost: x\r\nContent-Length: 33\r\n\r\n" BEHIND),
	};
	char out[8192];

	ck_assert_uint_eq(strlen(BEHIND), 33);
	for (size_t i = 0; i < sizeof(first) / sizeof(*first); i++) {
		behind = 0;
		exchange(&first[i], "GET /behind HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
			 out, sizeof(out));
		ck_assert_msg(count_of(out, "HTTP/1.1 ") == 2, "%s to %.*s", out, SHOWN(&first[i]));
		ck_assert_int_eq(behind, 1);
	}
}
END_TEST

Suite *http_framing_suite(void)
{
	Suite *suite = suite_create("http_framing");
	TCase *tc = tcase_create("framing");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, lengths_are_one_plain_number);
	tcase_add_test(tc, a_length_and_a_coding_exclude_each_other);
	tcase_add_test(tc, the_only_coding_is_chunked);
	tcase_add_test(tc, lines_end_and_begin_in_one_way);
	tcase_add_test(tc, a_request_has_one_host);
	tcase_add_test(tc, the_request_line_has_three_words);
	tcase_add_test(tc, chunks_are_followed_strictly);
	tcase_add_test(tc, nothing_is_behind_chunks);
	tcase_add_test(tc, endless_extensions_are_refused);
	tcase_add_test(tc, what_is_right_goes_on);
	tcase_add_test(tc, pipelines_are_answered_in_order);
	suite_add_tcase(suite, tc);
	return suite;
}
