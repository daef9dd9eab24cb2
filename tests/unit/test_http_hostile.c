// SPDX-License-Identifier: Apache-2.0
/* The serving stage against clients that are slow, greedy, broken or malicious. */
#include <dirent.h>

#include "http_client.h"

Suite *http_hostile_suite(void);

#define BIG_BYTES (10 * 1024 * 1024)

static struct http_server *server;
static struct http_server_options options;

static int handle_big(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	(void)request;
	reply->body = malloc(BIG_BYTES);
	memset(reply->body, 'y', BIG_BYTES);
	reply->size = BIG_BYTES;
	return 0;
}

static const struct http_route routes[] = {
	{ .path = "/big", .description = "much", .handle = handle_big },
};

static void start(void)
{
	const char *message = "";

	ck_assert_msg(!http_server__start(&server, &options, routes, 1, NULL, &message), "%s",
		      message);
}

static void setup(void)
{
	client__server_options(&options);
	server = NULL;
}

/* Whatever was done to it, the server still answers, and lets go of all its clients. */
static void teardown(void)
{
	if (server)
		ck_assert_int_eq(client__status(server, "GET", "/-/healthy", ""), 200);
	http_server__stop(server);
}

/*
 * Sends text, then its end again a byte at a time; returns the milliseconds
 * from start_ns until it was cut.
 */
static long drip(int fd, const char *text, size_t repeat_from, uint64_t start_ns)
{
	uint64_t elapsed_ms;
	size_t at = repeat_from;

	ck_assert(client__send(fd, text, strlen(text)));
	while (client__send(fd, text + at, 1)) {
		if (!text[++at])
			at = repeat_from;
		usleep(10 * 1000);
		elapsed_ms = (clock__now_ns() - start_ns) / 1000000;
		ck_assert_uint_lt(elapsed_ms, PATIENCE_MS);
	}
	return (clock__now_ns() - start_ns) / 1000000;
}

START_TEST(slow_request_is_cut)
{
	/* The last so many bytes are repeated. */
	static const struct {
		const char *text;
		size_t repeat;
	} cases[] = {
		{ "GET /aaaa", 1 },				/* an endless request line */
		{ "GET / HTTP/1.1\r\nHost: x\r\nA: a\r\n", 6 }, /* header section */
		{ "\r\n", 2 },					/* before the request line */
		{ "GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\na", 1 },
	};
	uint64_t start_ns;
	int fd;
	long ms;

	options.request_timeout_ms = 300;
	start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		/* Its time runs from the connect at the earliest, however late we are. */
		start_ns = clock__now_ns();
		fd = client__connect(server);
		ms = drip(fd, cases[i].text, strlen(cases[i].text) - cases[i].repeat, start_ns);
		/* A byte every 10 ms would have kept an inactivity timer happy. */
		ck_assert_int_ge(ms, 300);
		close(fd);
		ck_server_reaches(server, cut_request, i + 1);
	}
	server__drained(server);
}
END_TEST

START_TEST(silent_connection_is_cut)
{
	int fd;

	options.request_timeout_ms = 100;
	start();
	fd = client__connect(server);
	ck_assert(client__ended(fd));
	close(fd);
	ck_server_reaches(server, cut_request, 1);
}
END_TEST

START_TEST(later_request_is_cut_too)
{
	struct http_server_stats stats;
	struct response r;
	int fd;

	options.request_timeout_ms = 200;
	options.idle_timeout_ms = 400;
	start();
	fd = client__connect(server);
	client__sendf(fd, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
	r = client__response(fd, false);
	ck_assert_int_eq(r.status, 200);
	response__free(&r);
	drip(fd, "GET / HTTP/1.1\r\nHost: x\r\nX: a\r\n", 25, clock__now_ns());
	close(fd);
	ck_server_reaches(server, cut_request, 1);

	/* An idle connection is closed as well, but that is nobody's fault. */
	fd = client__connect(server);
	client__sendf(fd, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
	r = client__response(fd, false);
	response__free(&r);
	ck_assert_int_eq(client__recv(fd, (char[1]){}, 1), 0);
	close(fd);
	http_server__stats(server, &stats);
	ck_assert_uint_eq(stats.cut_request, 1);
}
END_TEST

START_TEST(slow_reader_is_cut)
{
	char byte;
	int fd;

	options.send_timeout_ms = 300;
	start();
	fd = client__connect_from(http_server__port(server), 4096);
	client__sendf(fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_server_reaches(server, response_bytes, BIG_BYTES);
	/* It takes a byte every 10 ms, which would last for a day. */
	while (client__recv(fd, &byte, 1) == 1) {
		struct http_server_stats stats;

		http_server__stats(server, &stats);
		if (stats.cut_send)
			break;
		usleep(10 * 1000);
	}
	ck_server_reaches(server, cut_send, 1);
	/* The body is freed although the client never goes. */
	server__drained(server);
	close(fd);
}
END_TEST

START_TEST(fast_reader_is_not_cut)
{
	struct http_server_stats stats;
	struct response r;

	start();
	r = client__fetch(server, "GET", "/big", "");
	ck_assert_int_eq(r.status, 200);
	ck_assert_uint_eq(r.size, BIG_BYTES);
	response__free(&r);
	server__drained(server);
	http_server__stats(server, &stats);
	ck_assert_uint_eq(stats.cut_send + stats.cut_request, 0);
}
END_TEST

START_TEST(one_address_gets_its_share)
{
	int fd[6], ended = 0;
	struct pollfd pfd;

	options.max_connections = 10;
	options.max_connections_per_address = 4;
	start();
	for (int i = 0; i < 6; i++)
		fd[i] = client__connect(server);
	ck_assert(client__ended(fd[4]));
	ck_assert(client__ended(fd[5]));
	for (int i = 0; i < 4; i++) {
		pfd = (struct pollfd){ .fd = fd[i], .events = POLLIN };
		ended += poll(&pfd, 1, 0);
	}
	ck_assert_int_eq(ended, 0);
	for (int i = 0; i < 6; i++)
		close(fd[i]);
	server__drained(server);
}
END_TEST

START_TEST(beyond_the_connection_limit_clients_wait)
{
	struct http_server_stats stats;
	struct response r;
	int fd[3], late;

	options.max_connections = 3;
	options.max_connections_per_address = 0;
	options.request_timeout_ms = 500;
	start();
	for (int i = 0; i < 3; i++)
		fd[i] = client__connect(server);
	ck_server_reaches(server, open_connections, 3);
	late = client__connect(server);
	client__sendf(late, "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	http_server__stats(server, &stats);
	ck_assert_uint_eq(stats.open_connections, 3);
	/* Served once the deadline has cleared the way. */
	r = client__response(late, false);
	ck_assert_int_eq(r.status, 200);
	response__free(&r);
	http_server__stats(server, &stats);
	ck_assert_uint_ge(stats.cut_request, 1);
	close(late);
	for (int i = 0; i < 3; i++)
		close(fd[i]);
	server__drained(server);
}
END_TEST

/* The status of what is sent as it is, 0 if the connection ended without an answer. */
static int status_of(const char *bytes, size_t len)
{
	char head[64] = "";
	int fd = client__connect(server), status = 0;
	size_t got = 0;
	ssize_t n;

	client__send(fd, bytes, len);
	shutdown(fd, SHUT_WR);
	while (got < 12 && (n = client__recv(fd, head + got, 12 - got)) > 0)
		got += n;
	sscanf(head, "HTTP/1.%*c %d", &status);
	close(fd);
	return status;
}

static int status_of_text(const char *text)
{
	return status_of(text, strlen(text));
}

START_TEST(huge_requests_are_refused)
{
	size_t size = 1024 * 1024;
	char *text = malloc(size);
	int fd;
	struct response r;

	start();
	/* Not refused by size alone: 8 KiB of target is still taken. */
	memset(text, 'a', size);
	memcpy(text, "GET /?", 6);
	memcpy(text + 8000, " HTTP/1.1\r\nHost: x\r\n\r\n", 23);
	ck_assert_int_eq(status_of(text, 8022), 200);

	memset(text, 'a', size);
	memcpy(text, "GET /", 5);
	fd = client__connect(server);
	client__send(fd, text, 20000);
	r = client__response(fd, false);
	ck_assert_int_eq(r.status, 414);
	response__free(&r);
	close(fd);

	memcpy(text, "GET / HTTP/1.1\r\nHost: x\r\nX: ", 28);
	fd = client__connect(server);
	client__send(fd, text, 20000);
	r = client__response(fd, false);
	ck_assert_int_eq(r.status, 431);
	response__free(&r);
	close(fd);

	/* Endless ones: an answer or a reset, but an end. */
	fd = client__connect(server);
	client__send(fd, text, size);
	ck_assert(client__ended(fd));
	close(fd);
	free(text);
}
END_TEST

START_TEST(many_fields_are_refused)
{
	char *text = malloc(100000);
	size_t len;
	int fd;

	start();
	len = sprintf(text, "GET / HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < 5000; i++)
		len += sprintf(text + len, "A%d: b\r\n", i);
	len += sprintf(text + len, "\r\n");
	fd = client__connect(server);
	client__send(fd, text, len);
	ck_assert(client__ended(fd));
	close(fd);

	/* A hundred are no attack. */
	len = sprintf(text, "GET / HTTP/1.1\r\nHost: x\r\n");
	for (int i = 0; i < 100; i++)
		len += sprintf(text + len, "A%d: b\r\n", i);
	len += sprintf(text + len, "\r\n");
	ck_assert_int_eq(status_of(text, len), 200);
	free(text);
}
END_TEST

START_TEST(malformed_requests_are_refused)
{
	static const char nul_in_field[] = "GET / HTTP/1.1\r\nHost: x\0y\r\nA\0: b\r\n\r\n";
	static const char nul_in_line[] = "GET /\0big HTTP/1.1\r\nHost: x\r\n\r\n";
	static const char tls_hello[] = "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n";
	start();
	ck_assert_int_eq(status_of_text("GET / HTTP/1.1\r\n\r\n"), 400); /* no Host */
	ck_assert_int_eq(status_of_text("GET / HTTP/2.0\r\nHost: x\r\n\r\n"), 505);
	ck_assert_int_eq(status_of_text("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), 505);
	ck_assert_int_eq(status_of_text("GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n"),
			 400);
	ck_assert_int_eq(status_of_text("GET / HTTP/1.1\r\nHost: x\r\n"
					"Content-Length: 99999999999999999999\r\n\r\n"),
			 413);
	ck_assert_int_ne(status_of_text("GET /a b HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
	ck_assert_int_ne(status_of_text("GET\r\n\r\n"), 200);
	ck_assert_int_ne(status_of(tls_hello, sizeof(tls_hello) - 1), 200);
	/* HTTP/1.0 is no fault. */
	ck_assert_int_eq(status_of_text("GET / HTTP/1.0\r\n\r\n"), 200);
	ck_assert_int_eq(status_of(nul_in_field, sizeof(nul_in_field) - 1), 400);
	ck_assert_int_eq(status_of(nul_in_line, sizeof(nul_in_line) - 1), 400);
}
END_TEST

START_TEST(content_is_refused)
{
	char *flood = malloc(1024 * 1024);
	struct response r;
	size_t len;
	int fd;

	start();
	/* Little content is read first, so that the answer arrives and the connection stays. */
	fd = client__connect(server);
	for (int i = 0; i < 2; i++) {
		client__sendf(fd, "GET /big HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nhello");
		r = client__response(fd, false);
		ck_assert_int_eq(r.status, 413);
		response__free(&r);
	}
	client__sendf(fd, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
			  "5\r\nhello\r\n0\r\n\r\n");
	r = client__response(fd, false);
	ck_assert_int_eq(r.status, 405);
	response__free(&r);
	ck_assert(client__ended(fd));
	close(fd);

	/* Much is refused before it is sent. */
	fd = client__connect(server);
	client__sendf(fd, "POST /big HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n");
	r = client__response(fd, false);
	ck_assert_int_eq(r.status, 413);
	response__free(&r);
	ck_assert(client__ended(fd));
	close(fd);
	fd = client__connect(server);
	client__sendf(fd, "POST /big HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n"
			  "Expect: 100-continue\r\n\r\n");
	r = client__response(fd, false);
	ck_assert_int_eq(r.status, 413);
	response__free(&r);
	close(fd);

	/* Chunks without end. */
	fd = client__connect(server);
	len = sprintf(flood, "POST /big HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n");
	while (len < 1000000)
		len += sprintf(flood + len, "10\r\n0123456789abcdef\r\n");
	client__send(fd, flood, len);
	ck_assert(client__ended(fd));
	close(fd);
	/* A broken chunk size. */
	ck_assert_int_ne(status_of_text("GET /big HTTP/1.1\r\nHost: x\r\n"
					"Transfer-Encoding: chunked\r\n\r\nzz\r\n\r\n"),
			 200);
	free(flood);
}
END_TEST

/* Mutations of a real request, and noise; the seed is fixed so that a failure can be repeated. */
START_TEST(garbage_does_no_harm)
{
	static const char good[] = "GET /-/healthy?a=b HTTP/1.1\r\nHost: x\r\n"
				   "Accept-Encoding: gzip;q=0.5\r\nContent-Length: 3\r\n\r\nabc";
	uint32_t seed = 2463534242;
	char text[512];

	/* Some become requests whose content never comes. */
	options.request_timeout_ms = 100;
	start();
	for (int round = 0; round < 400; round++) {
		size_t len = sizeof(good) - 1;

		memcpy(text, good, len);
		for (int i = 0; i < 1 + round % 8; i++) {
			seed ^= seed << 13;
			seed ^= seed >> 17;
			seed ^= seed << 5;
			text[seed % len] = seed >> 16;
		}
		if (round % 10 == 9)
			for (size_t i = 0; i < len; i++)
				text[i] = (seed = seed * 1664525 + 1013904223) >> 24;
		status_of(text, len);
	}
	server__drained(server);
}
END_TEST

/* SIGPIPE has its default action here, so a write without protection ends the test. */
START_TEST(clients_that_vanish_do_no_harm)
{
	const struct linger reset = { .l_onoff = 1 };

	start();
	for (int i = 0; i < 20; i++) {
		int fd = client__connect_from(http_server__port(server), 4096);
		char buf[100];

		client__sendf(fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
		if (i % 4 == 1)
			client__recv(fd, buf, sizeof(buf));
		if (i % 4 == 2)
			shutdown(fd, SHUT_RDWR);
		if (i % 2)
			setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd);
	}
	server__drained(server);
}
END_TEST

START_TEST(half_closed_client_gets_its_answer)
{
	start();
	ck_assert_int_eq(status_of_text("GET /big HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
	ck_assert_int_eq(status_of_text("GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n"), 200);
}
END_TEST

/* Voluntary context switches of the server's threads (sanitizers have their own). */
static unsigned long wakeups(void)
{
	DIR *dir = opendir("/proc/self/task");
	char path[300], line[128];
	unsigned long sum = 0, n;
	int threads = 0;
	struct dirent *entry;
	FILE *file;

	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir))) {
		bool ours = false;

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/self/task/%s/status", entry->d_name);
		file = fopen(path, "r");
		ck_assert_ptr_nonnull(file);
		while (fgets(line, sizeof(line), file)) {
			if (!strncmp(line, "Name:\thttp-", 11) || !strncmp(line, "Name:\tMHD-", 10))
				ours = true;
			if (ours && sscanf(line, "voluntary_ctxt_switches: %lu", &n) == 1)
				sum += n;
		}
		threads += ours;
		fclose(file);
	}
	closedir(dir);
	ck_assert_int_eq(threads, 3);
	return sum;
}

START_TEST(idle_server_sleeps)
{
	unsigned long before, after = 0;
	struct response r;
	int fd, windows = 0;

	start();
	/* A connection is kept open, as a scraper does. */
	fd = client__connect(server);
	client__sendf(fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	r = client__response(fd, false);
	response__free(&r);
	ck_assert_uint_gt(wakeups(), 0);
	/* The first windows may still see the request's own end; a timer shows in all of them. */
	do {
		before = wakeups();
		usleep(400 * 1000);
		after = wakeups();
	} while (after != before && ++windows < 10);
	ck_assert_uint_eq(after, before);
	close(fd);
}
END_TEST

Suite *http_hostile_suite(void)
{
	Suite *suite = suite_create("http_hostile");
	TCase *tc = tcase_create("hostile");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, slow_request_is_cut);
	tcase_add_test(tc, silent_connection_is_cut);
	tcase_add_test(tc, later_request_is_cut_too);
	tcase_add_test(tc, slow_reader_is_cut);
	tcase_add_test(tc, fast_reader_is_not_cut);
	tcase_add_test(tc, one_address_gets_its_share);
	tcase_add_test(tc, beyond_the_connection_limit_clients_wait);
	tcase_add_test(tc, huge_requests_are_refused);
	tcase_add_test(tc, many_fields_are_refused);
	tcase_add_test(tc, malformed_requests_are_refused);
	tcase_add_test(tc, content_is_refused);
	tcase_add_test(tc, garbage_does_no_harm);
	tcase_add_test(tc, clients_that_vanish_do_no_harm);
	tcase_add_test(tc, half_closed_client_gets_its_answer);
	tcase_add_test(tc, idle_server_sleeps);
	suite_add_tcase(suite, tc);
	return suite;
}
