// SPDX-License-Identifier: Apache-2.0
/*
 * HTTP/1.x framing as the BPF programs follow it: hand-made messages in every
 * split, and random ones, against a naive parser of the whole stream.
 */
#include <check.h>

#include "http1_drive.h"

Suite *http1_suite(void);

/* What loads may meet behind the bytes of a window: nothing may depend on it. */
static const uint8_t stale[] = { '\n', 0, '0', 0xff };

static void parse(struct drive_trace *ret, bool response, const void *data, size_t n,
		  const size_t *cut, size_t cuts, uint8_t behind)
{
	static struct drive d;
	size_t from = 0;

	drive_begin(&d, response, behind);
	for (size_t i = 0; i < cuts; i++) {
		drive_piece(&d, (const uint8_t *)data + from, cut[i] - from);
		from = cut[i];
	}
	drive_piece(&d, (const uint8_t *)data + from, n - from);
	*ret = d.trace;
}

static void complain(const struct drive_trace *whole, const struct drive_trace *split,
		     const uint8_t *data, size_t n, const char *how)
{
	fprintf(stderr, "stream of %zu bytes, %s:\n%.*s\n", n, how, (int)n, (const char *)data);
	drive_print("whole", whole);
	drive_print("split", split);
	ck_abort_msg("the result depends on the splits, or is wrong: %s", how);
}

/* Whole, cut at every byte, every two bytes and every pair of places; against the naive parser. */
static void all_splits(struct drive_trace *ret, bool response, const void *text, size_t n)
{
	const uint8_t *data = text;
	struct drive_trace whole, split, naive;
	size_t cut[4096], cuts = 0;

	parse(&whole, response, data, n, NULL, 0, stale[0]);
	if (!drive_agrees(&whole, response, data, n)) {
		naive_parse(&naive, response, data, n);
		complain(&whole, &naive, data, n, "against the naive parser");
	}
	ck_assert_uint_lt(n, sizeof(cut) / sizeof(cut[0]));
	for (size_t i = 1; i < n; i++)
		cut[cuts++] = i;
	parse(&split, response, data, n, cut, cuts, stale[1]);
	if (!drive_same(&whole, &split))
		complain(&whole, &split, data, n, "byte by byte");
	for (size_t i = 1; i < n; i++) {
		char how[64];

		snprintf(how, sizeof(how), "first cut %zu", i);
		parse(&split, response, data, n, &i, 1, stale[i % sizeof(stale)]);
		if (!drive_same(&whole, &split))
			complain(&whole, &split, data, n, how);
		/* pairs of cuts of long streams are left to the random test */
		for (size_t j = i + 1; j < n && n < 300; j++) {
			size_t pair[] = { i, j };

			parse(&split, response, data, n, pair, 2, stale[j % sizeof(stale)]);
			if (!drive_same(&whole, &split))
				complain(&whole, &split, data, n, how);
		}
	}
	*ret = whole;
}

static struct drive_trace trace;

static const struct drive_event *request(const char *text)
{
	all_splits(&trace, false, text, strlen(text));
	return trace.event;
}

static const struct drive_event *response(const char *text)
{
	all_splits(&trace, true, text, strlen(text));
	return trace.event;
}

START_TEST(methods)
{
	static const struct {
		const char *name;
		int method;
	} known[] = { { "GET", METHOD_GET },
		      { "HEAD", METHOD_HEAD },
		      { "POST", METHOD_POST },
		      { "PUT", METHOD_PUT },
		      { "DELETE", METHOD_DELETE },
		      { "CONNECT", METHOD_CONNECT },
		      { "OPTIONS", METHOD_OPTIONS },
		      { "TRACE", METHOD_TRACE },
		      { "PATCH", METHOD_PATCH },
		      { "PROPFIND", METHOD_OTHER },
		      { "M-SEARCH", METHOD_OTHER },
		      { "GETS", METHOD_OTHER },
		      { "GE", METHOD_OTHER },
		      { "X", METHOD_OTHER },
		      { "VERSION_CONTROL", METHOD_OTHER } };

	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		char text[200];

		snprintf(text, sizeof(text), "%s / HTTP/1.1\r\nHost: a\r\n\r\n", known[i].name);
		request(text);
		ck_assert_int_eq(trace.verdict, HTTP_MORE);
		ck_assert_uint_eq(trace.events, 1);
		ck_assert_int_eq(trace.event[0].token, known[i].method);
		ck_assert_uint_eq(trace.event[0].offset, strlen(text));
	}
}
END_TEST

/* Lines that are not as most are: requests all the same, and the next one is right. */
START_TEST(odd_requests)
{
	static const struct {
		const char *line;
		int method;
		uint8_t flags;
	} rows[] = {
		{ "get / HTTP/1.1", METHOD_OTHER, 0 },
		{ "Get / HTTP/1.1", METHOD_OTHER, 0 },
		{ "GeT /a/path/that/is/longer/than/what/is/carried HTTP/1.0", METHOD_OTHER, 0 },
		{ "AMETHODOFTWENTYCHARS / HTTP/1.1", METHOD_OTHER, 0 },
		{ "A-METHOD-THAT-IS-LONGER-THAN-WHAT-IS-CARRIED / HTTP/1.1", METHOD_OTHER, 0 },
		{ "!#$%&'*+-.^_`|~09az / HTTP/1.1", METHOD_OTHER, 0 },
		{ "-GET / HTTP/1.1", METHOD_OTHER, 0 },
		{ "GE(T) / HTTP/1.1", METHOD_OTHER, 0 },
		{ "G\x01T / HTTP/1.1", METHOD_OTHER, 0 },
		{ "G\xc3\x84T / HTTP/1.1", METHOD_OTHER, 0 },
		{ "\xff\xfe / HTTP/1.1", METHOD_OTHER, 0 },
		{ "GET/ HTTP/1.1", METHOD_OTHER, 0 },
		{ "GET   /   HTTP/1.1", METHOD_GET, 0 },
		{ "HEAD\t/\tHTTP/1.1", METHOD_HEAD, 0 },
		{ "DELETE\t/ HTTP/1.1", METHOD_DELETE, 0 },
		{ "CONNECT\ta:80\tHTTP/1.1", METHOD_CONNECT, 0 },
		{ "GET / HTTP/1.1 ", METHOD_GET, 0 },
		{ "HEAD / HTTP/1.1 \t \t", METHOD_HEAD, 0 },
		{ "HEAD /a/path/that/is/longer/than/what/is/carried HTTP/1.1       ", METHOD_HEAD,
		  0 },
		{ "HEAD / HTTP/1.1        ", METHOD_OTHER, HTTP_F_ODD },
		{ " GET / HTTP/1.1", METHOD_GET, 0 },
		{ "  \tHEAD\t/ HTTP/1.1", METHOD_HEAD, 0 },
		{ "GET HTTP/1.1", METHOD_GET, 0 },
		{ "GET /", METHOD_OTHER, HTTP_F_SIMPLE },
		{ "GET /a/path/that/is/longer/than/what/is/carried", METHOD_OTHER, HTTP_F_SIMPLE },
		{ "GET / HTTP/2.0", METHOD_OTHER, HTTP_F_SIMPLE },
		{ "GET / HTTP/1.", METHOD_OTHER, HTTP_F_SIMPLE },
		{ "GET / HTTP/1.10", METHOD_OTHER, HTTP_F_SIMPLE },
		{ "GET / http/1.1", METHOD_OTHER, HTTP_F_SIMPLE },
		{ "GET", METHOD_OTHER, HTTP_F_ODD },
		{ "GET ", METHOD_OTHER, HTTP_F_ODD },
		{ "GET a", METHOD_OTHER, HTTP_F_ODD },
		{ " ", METHOD_OTHER, HTTP_F_ODD },
		{ " HTTP/1.1", METHOD_OTHER, HTTP_F_ODD },
		{ "HTTP/1.1", METHOD_OTHER, HTTP_F_ODD },
		{ "POST / http/1.1", METHOD_OTHER, HTTP_F_ODD },
		{ "OPTIONS rtsp://example.org/a RTSP/1.0", METHOD_OTHER, HTTP_F_ODD },
		{ "SSH-2.0-OpenSSH_9.2", METHOD_OTHER, HTTP_F_ODD },
		{ "HTTP/1.1 200 OK", METHOD_OTHER, HTTP_F_ODD },
	};
	char text[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(text, sizeof(text),
			 "%s\r\nContent-Length: 2\r\n\r\nokPUT / HTTP/1.1\r\n\r\n", rows[i].line);
		request(text);
		ck_assert_msg(trace.events == 3 && trace.verdict == HTTP_MORE &&
				      trace.event[0].token == rows[i].method &&
				      trace.event[0].flags == (rows[i].flags | HTTP_F_LENGTH) &&
				      trace.event[2].token == METHOD_PUT && !trace.event[2].flags,
			      "%s", rows[i].line);
	}
}
END_TEST

START_TEST(not_requests)
{
	static const char *const text[] = {
		"\x16\x03\x01\x02\x01\x01\xfc\x03\x03",
		"\x01GET / HTTP/1.1\r\n\r\n",
		"\rGET / HTTP/1.1\r\n\r\n",
		"\x1b[A\r\n",
	};

	for (size_t i = 0; i < sizeof(text) / sizeof(text[0]); i++) {
		request(text[i]);
		ck_assert_msg(trace.verdict == HTTP_NOT && !trace.events, "%s", text[i]);
	}
	request("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
	ck_assert_int_eq(trace.verdict, HTTP_PREFACE);
	ck_assert_uint_eq(trace.events, 0);
}
END_TEST

/* Where the position was lost only what is certainly a request starts one, however it is cut. */
START_TEST(strict_requests)
{
	static const struct {
		const char *text;
		int verdict;
	} rows[] = {
		{ "GET / HTTP/1.1\r\n\r\n", HTTP_MORE },
		{ "BREW /a/path/that/is/longer/than/what/is/carried HTTP/1.1\r\n\r\n", HTTP_MORE },
		{ "VERSION-CONTROL / HTTP/1.1\r\n\r\n", HTTP_MORE },
		{ "get / HTTP/1.1\r\n\r\n", HTTP_NOT },
		{ "lower case and longer than what is carried HTTP/1.1\r\n\r\n", HTTP_NOT },
		{ "GET /\r\n\r\n", HTTP_NOT },
		{ "GET / HTTP/2.0\r\n\r\n", HTTP_NOT },
		{ "POST x\r\n\r\n", HTTP_NOT },
		{ "A line of text that is longer than what is carried\r\n\r\n", HTTP_NOT },
		{ "{\"a\": 1}\r\n", HTTP_NOT },
	};
	static struct drive d;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const uint8_t *data = (const uint8_t *)rows[i].text;
		size_t n = strlen(rows[i].text);

		for (size_t cut = 0; cut < n; cut++) {
			drive_begin(&d, false, stale[cut % sizeof(stale)]);
			d.parser.flags |= HTTP_F_STRICT;
			drive_piece(&d, data, cut);
			drive_piece(&d, data + cut, n - cut);
			ck_assert_msg(d.trace.verdict == rows[i].verdict &&
					      d.trace.events == (rows[i].verdict == HTTP_MORE),
				      "%s cut at %zu", rows[i].text, cut);
		}
	}
}
END_TEST

START_TEST(versions_and_targets)
{
	request("GET / HTTP/1.0\r\n\r\n");
	ck_assert_uint_eq(trace.events, 1);
	request("GET http://example.org/where?q=now HTTP/1.1\r\nHost: example.org\r\n\r\n");
	ck_assert_uint_eq(trace.events, 1);
	request("CONNECT server.example.com:80 HTTP/1.1\r\nHost: server.example.com\r\n\r\n");
	ck_assert_int_eq(trace.event[0].token, METHOD_CONNECT);
	request("OPTIONS * HTTP/1.1\r\n\r\n");
	ck_assert_int_eq(trace.event[0].token, METHOD_OPTIONS);
	request("GET /\xc3\xa4\x80\xff\t HTTP/1.1\nX-A:\x80\xff\n\n");
	ck_assert_uint_eq(trace.events, 1);
	/* RFC 9112, 2.2: empty lines before a request */
	request("\r\n\r\nGET / HTTP/1.1\r\n\r\n\nGET /2 HTTP/1.1\r\n\r\n");
	ck_assert_uint_eq(trace.events, 2);
	request("\n\nPUT / HTTP/1.1\nContent-Length: 2\n\nabGET / HTTP/1.1\n\n");
	ck_assert_uint_eq(trace.events, 3);
	ck_assert_int_eq(trace.event[2].token, METHOD_GET);
}
END_TEST

START_TEST(nul_bytes)
{
	static const char text[] =
		"GET /\0\0 HTTP/1.1\r\nX: \0\r\n\0: 1\r\nContent-Length: 3\r\n\r\n"
		"\0\n\0GET / HTTP/1.1\r\n\r\n";
	static const char length[] = "GET / HTTP/1.1\r\nContent-Length: 3\0\r\n\r\n";

	all_splits(&trace, false, text, sizeof(text) - 1);
	ck_assert_uint_eq(trace.events, 3);
	ck_assert_uint_eq(trace.event[0].length, 3);
	all_splits(&trace, false, length, sizeof(length) - 1);
	ck_assert_int_eq(trace.verdict, HTTP_BAD);
}
END_TEST

/* A request with one header line of each kind of interest, then the next request. */
static void field(const char *line)
{
	char text[512];

	snprintf(text, sizeof(text), "POST / HTTP/1.1\r\n%s\r\nHost: a\r\n\r\n", line);
	request(text);
}

START_TEST(content_length)
{
	static const struct {
		const char *line;
		int64_t length; /* -1: refused */
	} cases[] = {
		{ "Content-Length: 5", 5 },
		{ "content-length:5", 5 },
		{ "CONTENT-LENGTH:\t 5 \t", 5 },
		{ "cOnTeNt-lEnGtH: 0005", 5 },
		{ "Content-Length: 123456789012", 123456789012 },
		{ "Content-Length: 1000000000000000000", 1000000000000000000 },
		{ "Content-Length:                         7", 7 },
		{ "Content-Length:                         7                  ", 7 },
		{ "Content-Length: 5\r\nContent-Length: 5", 5 },
		{ "Content-Length: 123456789012\r\nContent-Length: 123456789012", 123456789012 },
		{ "Content-Length: 18446744073709551616", -1 },
		{ "Content-Length: 99999999999999999999999999999999", -1 },
		{ "Content-Length: -5", -1 },
		{ "Content-Length: +5", -1 },
		{ "Content-Length: 0x5", -1 },
		{ "Content-Length: 5.0", -1 },
		{ "Content-Length: 5, 5", 5 },
		{ "Content-Length: 5,5 , 005", 5 },
		{ "Content-Length:            5,                   5", 5 },
		{ "Content-Length: 5, 5\r\nContent-Length: 5", 5 },
		{ "Content-Length:\r\n 5", 5 },
		{ "Content-Length: \r\n\t5\t", 5 },
		{ "Content-Length: 5\r\n ", 5 },
		{ "Content-Length: 5\r\n \r\n\t\r\n                                   ", 5 },
		{ "Content-Length: 5,\r\n 5", 5 },
		{ "Content-Length: 5\r\n , 5", 5 },
		{ "Content-Length:\r\n                                     5\r\nX: y", 5 },
		{ "Content-Length: 5\r\nX: y\r\n 6", 5 },
		{ "Content-Length: 5, 6", -1 },
		{ "Content-Length: 5,", -1 },
		{ "Content-Length: ,5", -1 },
		{ "Content-Length: 5,,5", -1 },
		{ "Content-Length: 5\r\n 5", -1 },
		{ "Content-Length: 5\r\n                                       , 6", -1 },
		{ "Content-Length: 5,\r\nX: y", -1 },
		{ "Content-Length:\r\nX: y", -1 },
		{ "Content-Length:\r\n ", -1 },
		{ "Content-Length: 5 5", -1 },
		{ "Content-Length:          12 34", -1 },
		{ "Content-Length:          12\r34", -1 },
		{ "Content-Length:          12\r", -1 },
		{ "Content-Length: five", -1 },
		{ "Content-Length:", -1 },
		{ "Content-Length: ", -1 },
		{ "Content-Length:                            ", -1 },
		{ "Content-Length: 5\r\nContent-Length: 6", -1 },
		{ "Content-Length: 123456789012\r\nContent-Length: 123456789013", -1 },
		{ "Content-Length: 5\r\nContent-Length:              50", -1 },
		{ "Content-Length:                                             7", -1 },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		field(cases[i].line);
		if (cases[i].length < 0) {
			ck_assert_msg(trace.verdict == HTTP_BAD && !trace.events, "%s",
				      cases[i].line);
			continue;
		}
		ck_assert_msg(trace.events >= 1 && trace.event[0].flags == HTTP_F_LENGTH, "%s",
			      cases[i].line);
		ck_assert_uint_eq(trace.event[0].length, (uint64_t)cases[i].length);
	}
}
END_TEST

START_TEST(names_that_look_alike)
{
	static const char *const line[] = {
		"Content-Lengthy: 5",
		"X-Content-Length: 5",
		"Content-Type: 5",
		"Content-Length2: 5",
		"Content_Length: 5",
		"Content-Length : 5",
		" Content-Length: 5",
		"\tContent-Length: 5",
		"ontent-Length: 5",
		"Content-Encoding: gzip, chunked",
		"Transfer-Encodings: chunked",
		"Transfer_Encoding: chunked",
		"X-Transfer-Encoding: chunked",
		"Transfer-Encoding : chunked",
		"TE: chunked",
		"Trailer: Content-Length",
		"Content-\rength: 5",
		"Content-",
		"Transfer",
		"c",
		"t",
		"X: y\r\n Content-Length: 5",
		"X: y\r\n\tTransfer-Encoding: chunked",
	};

	for (size_t i = 0; i < sizeof(line) / sizeof(line[0]); i++) {
		field(line[i]);
		ck_assert_msg(trace.events == 1 && !trace.event[0].flags &&
				      trace.verdict == HTTP_MORE,
			      "%s", line[i]);
	}
}
END_TEST

START_TEST(transfer_encoding)
{
	static const struct {
		const char *line;
		int flags;
	} cases[] = {
		{ "Transfer-Encoding: chunked", HTTP_F_CODING | HTTP_F_CHUNKED },
		{ "transfer-encoding:chunked", HTTP_F_CODING | HTTP_F_CHUNKED },
		{ "TRANSFER-ENCODING: CHUNKED", HTTP_F_CODING | HTTP_F_CHUNKED },
		{ "Transfer-Encoding:\t\tChunked\t ", HTTP_F_CODING | HTTP_F_CHUNKED },
		{ "Transfer-Encoding: chunked       ", HTTP_F_CODING | HTTP_F_CHUNKED },
		{ "Transfer-Encoding: chunked        ", HTTP_F_CODING },
		{ "Transfer-Encoding: gzip, chunked", HTTP_F_CODING | HTTP_F_CHUNKED },
		{ "Transfer-Encoding: gzip,chunked", HTTP_F_CODING | HTTP_F_CHUNKED },
		{ "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked",
		  HTTP_F_CODING | HTTP_F_CHUNKED },
		{ "Content-Length: 5\r\nTransfer-Encoding: chunked",
		  HTTP_F_CODING | HTTP_F_CHUNKED | HTTP_F_LENGTH },
		{ "Transfer-Encoding: chunked\r\nContent-Length: 5",
		  HTTP_F_CODING | HTTP_F_CHUNKED | HTTP_F_LENGTH },
		{ "Transfer-Encoding: identity", 0 },
		{ "Transfer-Encoding:IDENTITY  ", 0 },
		{ "Transfer-Encoding: xidentity", HTTP_F_CODING },
		{ "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked",
		  HTTP_F_CODING | HTTP_F_CHUNKED },
		{ "Content-Length: 5\r\nTransfer-Encoding: identity", HTTP_F_LENGTH },
		{ "Transfer-Encoding:\r\n chunked", HTTP_F_CODING | HTTP_F_CHUNKED },
		{ "Transfer-Encoding: gzip,\r\n\tchunked \r\nX: y",
		  HTTP_F_CODING | HTTP_F_CHUNKED },
		{ "Transfer-Encoding: chunked\r\n ", HTTP_F_CODING | HTTP_F_CHUNKED },
		{ "Transfer-Encoding: chunked\r\n \r\n , gzip", HTTP_F_CODING },
		{ "Transfer-Encoding: gzip\r\n ,                              chunked",
		  HTTP_F_CODING | HTTP_F_CHUNKED },
		{ "Transfer-Encoding: gzip\r\nX: y\r\n chunked", HTTP_F_CODING },
		{ "Transfer-Encoding: gzip", HTTP_F_CODING },
		{ "Transfer-Encoding: chunked, gzip", HTTP_F_CODING },
		{ "Transfer-Encoding: chunked\r\nTransfer-Encoding: gzip", HTTP_F_CODING },
		{ "Transfer-Encoding: xchunked", HTTP_F_CODING },
		{ "Transfer-Encoding: chunkedx", HTTP_F_CODING },
		{ "Transfer-Encoding: chunke", HTTP_F_CODING },
		{ "Transfer-Encoding:", HTTP_F_CODING },
		{ "Transfer-Encoding: ", HTTP_F_CODING },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		field(cases[i].line);
		ck_assert_msg(trace.events == 1 && trace.event[0].flags == cases[i].flags,
			      "%s: %#x", cases[i].line, trace.event[0].flags);
	}
}
END_TEST

#define CHUNKED "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
#define NEXT "GET / HTTP/1.1\r\n\r\n"

START_TEST(chunks)
{
	static const char *const good[] = {
		CHUNKED "5\r\nhello\r\n0\r\n\r\n" NEXT,
		CHUNKED "a\r\n0123456789\r\nA\r\n012345678\n\r\n0\r\n\r\n" NEXT,
		CHUNKED "00000000000000f\r\n0123456789abcde\r\n000\r\n\r\n" NEXT,
		CHUNKED "0000000000000005\r\nhello\r\n0000000000000000\r\n\r\n" NEXT,
		CHUNKED
		"00000000000000000000005;x\r\nhello\r\n00000000000000000000000\r\n\r\n" NEXT,
		CHUNKED "5;a=b\r\nhello\r\n0;c\r\n\r\n" NEXT,
		CHUNKED "5 ; a=\"b; c\"\r\nhello\r\n0\t;x\r\n\r\n" NEXT,
		CHUNKED "5;name=\"a value that is longer than any carry\"\r\nhello\r\n0;and "
			"another one that is so long\r\n\r\n" NEXT,
		CHUNKED "1;signature=ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288"
			"648ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648\r\nx"
			"\r\n0\r\n\r\n" NEXT,
		CHUNKED
		"0\r\nTrailer: x\r\nContent-Length: 7\r\nTransfer-Encoding: gzip\r\n\r\n" NEXT,
		CHUNKED "0\r\nA-trailer-line-longer-than-the-carry: value\r\n\r\n" NEXT,
		CHUNKED "5\nhello\r\n0\n\n" NEXT,
	};
	static const char *const bad[] = {
		CHUNKED "\r\n",
		CHUNKED "g\r\n",
		CHUNKED "-1\r\n",
		CHUNKED " 5\r\n",
		CHUNKED "5\r\nhelloX\r\n\r\n",
		CHUNKED ";\r\n",
		CHUNKED "5x\r\n",
		CHUNKED "000000000000000000000005\r\n",
		CHUNKED "1000000000000000\r\n",
		CHUNKED "ffffffffffffffff\r\n",
		CHUNKED "0123456789abcdef0123456789abcdef\r\n",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		request(good[i]);
		ck_assert_msg(trace.events == 3 && trace.event[1].result == HTTP_DONE &&
				      trace.event[2].offset == strlen(good[i]),
			      "%s", good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		request(bad[i]);
		ck_assert_msg(trace.events == 1 && trace.verdict == HTTP_BAD, "%s", bad[i]);
	}
}
END_TEST

START_TEST(responses)
{
	static const char *const not_one[] = {
		"HTTP/1.1 20 OK\r\n\r\n",
		"HTTP/1.1 099 OK\r\n\r\n",
		"HTTP/1.1  200 OK\r\n\r\n",
		"HTTP/1.1 2x0 OK\r\n\r\n",
		"HTTP/2 200\r\n\r\n",
		"HTTP/1.1\r\n\r\n",
		"HTTP/1.x 200 OK\r\n\r\n",
		"http/1.1 200 OK\r\n\r\n",
		"ICY 200 OK\r\n\r\n",
		"HTTP/1.1 2000 OK\r\n\r\n",
		"HTTP/1.1 200OK\r\n\r\n",
		"\r\n HTTP/1.1 200 OK\r\n\r\n",
		"HTTP/1.1\t200 OK\r\n\r\n",
		"HTTP/1.1 2000 a long reason, longer than 24\r\n\r\n",
		"<html>",
		"220 smtp ready\r\n",
	};

	response(
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhelloHTTP/1.0 404\r\nContent-Length: 0\r\n\r\n");
	ck_assert_uint_eq(trace.events, 3);
	ck_assert_uint_eq(trace.event[0].token, 200);
	ck_assert_uint_eq(trace.event[2].token, 404);
	response("\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello\r\n"
		 "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n\n");
	ck_assert_uint_eq(trace.events, 3);
	ck_assert_uint_eq(trace.event[2].token, 404);
	response("HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n");
	ck_assert_uint_eq(trace.event[0].token, 200);
	response("HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n");
	ck_assert_uint_eq(trace.event[0].token, 200);
	response("HTTP/1.1 999 A reason that is rather longer than it should be\r\n\r\nrest\n\r\n");
	ck_assert_uint_eq(trace.event[0].token, 999);
	ck_assert_uint_eq(trace.events, 1);
	response(
		"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n"
		"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 304 Not Modified\r\nContent-Length: 9\r\n\r\n"
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
	ck_assert_uint_eq(trace.events, 6);
	ck_assert_int_eq(trace.event[5].result, HTTP_DONE);
	for (size_t i = 0; i < sizeof(not_one) / sizeof(not_one[0]); i++) {
		response(not_one[i]);
		ck_assert_msg(trace.verdict == HTTP_NOT && !trace.events, "%s", not_one[i]);
	}
}
END_TEST

/* The protocol of a response 101, behind any blanks that there is room for. */
START_TEST(upgrades)
{
	static const struct {
		const char *line;
		uint8_t flags;
	} rows[] = {
		{ "Upgrade:websocket", HTTP_F_WEBSOCKET },
		{ "Upgrade: websocket", HTTP_F_WEBSOCKET },
		{ "UPGRADE:  WebSocket", HTTP_F_WEBSOCKET },
		{ "upgrade:\twebsocket \t", HTTP_F_WEBSOCKET },
		{ "Upgrade: \t \t \t websocket", HTTP_F_WEBSOCKET },
		{ "Upgrade:        websocket", 0 },
		{ "Upgrade:\t  h2c", HTTP_F_H2C },
		{ "Upgrade: h2", 0 },
		{ "Upgrade: TLS/1.0", 0 },
		{ "Upgraded: websocket", 0 },
		{ "Upgrade:", 0 },
		{ "Upgrade: ", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[128];

		snprintf(text, sizeof(text), "HTTP/1.1 101 Switching\r\n%s\r\n\r\n", rows[i].line);
		response(text);
		ck_assert_uint_ge(trace.events, 1);
		ck_assert_msg(trace.event[0].flags == rows[i].flags, "%s: %#x", rows[i].line,
			      trace.event[0].flags);
	}
}
END_TEST

/* Lines of every length around the sizes at which the parser changes what it keeps. */
START_TEST(line_lengths)
{
	static const char *const form[] = {
		"GET /%s HTTP/1.1\r\nA: b\r\n\r\n",
		"GET / HTTP/1.1\r\nX%s: b\r\nContent-Length: 1\r\n\r\na",
		"GET / HTTP/1.1\r\nContent-Length:%s1\r\n\r\na",
		"GET / HTTP/1.1\r\nTransfer-Encoding:%s chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
		"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n1;%s\r\na\r\n0;%s\r\n%sT: a\r\n\r\n",
	};
	char pad[80], text[512];

	for (size_t f = 0; f < sizeof(form) / sizeof(form[0]); f++) {
		for (size_t n = 0; n < 36; n++) {
			memset(pad, f == 2 || f == 3 ? ' ' : 'x', n);
			pad[n] = '\0';
			/* not every form uses all three */
			snprintf(text, sizeof(text), form[f], pad, pad, pad);
			request(text);
			ck_assert_msg(trace.verdict == HTTP_MORE, "%s", text);
			ck_assert_uint_eq(trace.event[trace.events - 1].offset, strlen(text));
		}
	}
}
END_TEST

/* Cut at every place of a long stream, and into equal pieces of many sizes. */
static void long_stream(bool is_response, const char *data, size_t n, size_t events)
{
	struct drive_trace whole, split;
	static size_t cut[65536];

	parse(&whole, is_response, data, n, NULL, 0, stale[0]);
	ck_assert(drive_agrees(&whole, is_response, (const uint8_t *)data, n));
	ck_assert_uint_eq(whole.events, events);
	for (size_t piece = 1; piece < 2100; piece += piece < 40 || piece > 1000 ? 1 : 17) {
		size_t cuts = 0;

		for (size_t at = piece; at < n; at += piece)
			cut[cuts++] = at;
		parse(&split, is_response, data, n, cut, cuts, stale[piece % sizeof(stale)]);
		if (!drive_same(&whole, &split))
			complain(&whole, &split, (const uint8_t *)data, n, "pieces");
	}
	for (size_t i = 1; i<n; i += n> 20000 ? 7 : 1) {
		parse(&split, is_response, data, n, &i, 1, stale[i % sizeof(stale)]);
		if (!drive_same(&whole, &split))
			complain(&whole, &split, (const uint8_t *)data, n, "one cut");
	}
}

START_TEST(long_targets)
{
	char *text = malloc(40000);

	ck_assert_ptr_nonnull(text);
	for (size_t n = 1000; n < 1060; n++) {
		int at = sprintf(text, "DELETE /");

		memset(text + at, 'p', n);
		at += (int)n;
		at += sprintf(text + at,
			      " HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET / HTTP/1.1\r\n\r\n");
		long_stream(false, text, (size_t)at, 3);
	}
	free(text);
}
END_TEST

/* 16 KiB of header; and more lines than one look follows. */
START_TEST(long_headers)
{
	static const char *const line[] = { "Cookie: a=b\r\n", "\xff\n",
					    "X-Forwarded-For: 10.0.0.1, 10.0.0.2, 10.0.0.3\r\n",
					    "Accept: */*\r\nContent-Type: text/plain\r\n" };
	char *text = malloc(40000);

	ck_assert_ptr_nonnull(text);
	for (size_t l = 0; l < sizeof(line) / sizeof(line[0]); l++) {
		size_t at = (size_t)sprintf(text, "POST / HTTP/1.1\r\n");

		while (at < 16384)
			at += (size_t)sprintf(text + at, "%s", line[l]);
		at += (size_t)sprintf(text + at, "Content-Length: 2\r\n\r\nab" NEXT);
		long_stream(false, text, at, 3);
	}
	free(text);
}
END_TEST

/* Header sections that fill the window to the byte. */
START_TEST(full_windows)
{
	char text[4096], pad[2048];

	for (size_t n = CURSOR_BYTES - 60; n < CURSOR_BYTES + 4; n++) {
		int at;

		memset(pad, 'x', n);
		pad[n] = '\0';
		at = snprintf(text, sizeof(text),
			      "GET / HTTP/1.1\r\nX: %s\r\n\r\nPUT / HTTP/1.1\r\n\r\n", pad);
		long_stream(false, text, (size_t)at, 2);
	}
}
END_TEST

/* ---- random messages ---- */

static uint64_t seed;

static uint32_t roll(uint32_t below)
{
	/* xorshift64*, so that a failure is the same everywhere */
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (uint32_t)((seed * 2685821657736338717ULL) >> 33) % below;
}

static const char *pick(const char *const *of, size_t n)
{
	return of[roll((uint32_t)n)];
}
#define PICK(...)                                                                                  \
	pick((const char *const[]){ __VA_ARGS__ },                                                 \
	     sizeof((const char *const[]){ __VA_ARGS__ }) / sizeof(char *))

static size_t random_padding(char *to, char c, uint32_t most)
{
	size_t n = roll(most + 1);

	memset(to, c, n);
	to[n] = '\0';
	return n;
}

static size_t random_chunks(char *to)
{
	size_t at = 0;

	for (uint32_t n = roll(4); n > 0; n--) {
		uint32_t size = 1 + roll(20);

		at += (size_t)sprintf(to + at, roll(2) ? "%x" : "%04X", size);
		at += (size_t)sprintf(to + at, "%s",
				      PICK("", "", ";a=b", " ;x", ";q=\"it is long, is it not\""));
		at += (size_t)sprintf(to + at, "%s", PICK("\r\n", "\r\n", "\n"));
		memset(to + at, roll(2) ? 'd' : '\n', size);
		at += size;
		at += (size_t)sprintf(to + at, "\r\n");
	}
	at += (size_t)sprintf(to + at, "%s\r\n", PICK("0", "00", "0;last"));
	return at +
	       (size_t)sprintf(to + at, "%s\r\n", PICK("", "A: b\r\n", "Content-Length: 77\r\n"));
}

/* One message, mostly well-formed. */
static size_t random_message(char *to, bool is_response)
{
	const char *eol = PICK("\r\n", "\r\n", "\r\n", "\n");
	uint32_t body = 0, kind = roll(8);
	size_t at = 0;
	char pad[64];

	if (is_response) {
		at += (size_t)sprintf(to, "HTTP/1.%u %s%s", roll(2),
				      PICK("200 OK", "404 Not Found", "100 Continue", "304", "204 ",
					   "500 Internal Server Error", "20 OK"),
				      eol);
	} else {
		random_padding(pad, 'p', 40);
		at += (size_t)sprintf(to, "%s%s /%s HTTP/1.%s%s", PICK("", "", "", "\r\n"),
				      PICK("GET", "POST", "HEAD", "BREW", "DELETE", "x", "GE\tT"),
				      pad, PICK("1", "1", "1", "1", "1", "0", "1 "), eol);
	}
	for (uint32_t n = roll(4); n > 0; n--) {
		random_padding(pad, 'h', 30);
		at += (size_t)sprintf(
			to + at, "%s%s: v%s",
			PICK("Host", "Cookie", "Content-Type", "Transfer", " fold", "X"), pad, eol);
	}
	if (kind < 3) {
		body = roll(40);
		random_padding(pad, ' ', 26);
		at += (size_t)sprintf(to + at, "%s:%s%u%s%s",
				      PICK("Content-Length", "content-length"), pad, body,
				      PICK("", "", "", " ", ", 1", "\r", "9999999999999999999",
					   "\r\n ", "\r\n\t, 7", ",", "\n ,\n 3"),
				      eol);
		if (!roll(4))
			at += (size_t)sprintf(to + at, "Content-Length:%s%u%s", pad,
					      body + !roll(4), eol);
	} else if (kind < 6) {
		at += (size_t)sprintf(to + at, "%s:%s%s%s%s",
				      PICK("Transfer-Encoding", "transfer-encoding"),
				      PICK(" ", "", "  "), PICK("", "", "gzip,", "x"),
				      PICK("chunked", "chunked", "Chunked ", "gzip", "identity",
					   "\r\n chunked", "chunked\n ", "chunked,\r\n\tgzip"),
				      eol);
	}
	at += (size_t)sprintf(to + at, "%s", eol);
	if (kind < 3) {
		memset(to + at, 'b', body);
		at += body;
	} else if (kind < 6) {
		at += random_chunks(to + at);
	}
	return at;
}

START_TEST(random_streams)
{
	static char text[16384];
	uint64_t heads = 0, verdicts = 0;

	seed = 0x9e3779b97f4a7c15ULL;
	for (int round = 0; round < 60000; round++) {
		bool is_response = roll(2);
		struct drive_trace whole, split;
		size_t n = 0, cut[64], cuts = 0;

		for (uint32_t m = 1 + roll(4); m > 0; m--)
			n += random_message(text + n, is_response);
		/* some bytes go wrong, some streams end early */
		for (uint32_t m = roll(3) ? 0 : roll(4); m > 0; m--)
			text[roll((uint32_t)n)] =
				PICK("\n", "\r", " ", ":", "0", "\xff", "A", "\t")[0];
		if (!roll(8))
			n = 1 + roll((uint32_t)n);
		parse(&whole, is_response, text, n, NULL, 0, stale[roll(4)]);
		if (!drive_agrees(&whole, is_response, (uint8_t *)text, n)) {
			struct drive_trace naive;

			naive_parse(&naive, is_response, (uint8_t *)text, n);
			complain(&whole, &naive, (uint8_t *)text, n, "against the naive parser");
		}
		for (int s = 0; s < 4; s++) {
			cuts = 0;
			for (size_t at = 1 + roll(60); at < n && cuts < 64;
			     at += 1 + roll(s ? 60 : 4))
				cut[cuts++] = at;
			parse(&split, is_response, text, n, cut, cuts, stale[roll(4)]);
			if (!drive_same(&whole, &split))
				complain(&whole, &split, (uint8_t *)text, n, "random cuts");
		}
		heads += whole.events;
		verdicts += whole.verdict != HTTP_MORE;
	}
	/* the messages are of both kinds, or the test has said nothing */
	ck_assert_uint_gt(heads, 50000);
	ck_assert_uint_gt(verdicts, 10000);
}
END_TEST

Suite *http1_suite(void)
{
	Suite *suite = suite_create("http1");
	TCase *lines = tcase_create("lines"), *streams = tcase_create("streams");

	tcase_set_timeout(lines, 120);
	tcase_set_timeout(streams, 120);
	tcase_add_test(lines, methods);
	tcase_add_test(lines, odd_requests);
	tcase_add_test(lines, not_requests);
	tcase_add_test(lines, strict_requests);
	tcase_add_test(lines, versions_and_targets);
	tcase_add_test(lines, nul_bytes);
	tcase_add_test(lines, content_length);
	tcase_add_test(lines, names_that_look_alike);
	tcase_add_test(lines, transfer_encoding);
	tcase_add_test(lines, chunks);
	tcase_add_test(lines, responses);
	tcase_add_test(lines, upgrades);
	tcase_add_test(lines, line_lengths);
	tcase_add_test(streams, long_targets);
	tcase_add_test(streams, long_headers);
	tcase_add_test(streams, full_windows);
	tcase_add_test(streams, random_streams);
	suite_add_tcase(suite, lines);
	suite_add_tcase(suite, streams);
	return suite;
}
