// SPDX-License-Identifier: Apache-2.0
/* Routes that wait for others, take a form, or own everything below a path. */
#include <semaphore.h>
#include <stdatomic.h>

#include "http_client.h"

Suite *http_slow_suite(void);

static struct http_server *server;
static struct http_server_options options;
static _Atomic int moot;
static sem_t entered, may_leave;

static int handle_echo(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	size_t size;
	const char *content = http_request__content(request, &size);

	(void)ctx;
	return http_reply__text(
		reply, 200, "%s %s ?%s types=%zu left=%d %zu:%.*s", http_request__method(request),
		http_request__path(request), http_request__raw_query(request),
		http_request__header_count(request, "content-type"),
		(int)((http_request__deadline_ns(request) - clock__now_ns() + 500000000ULL) /
		      1000000000ULL),
		size, (int)(size < 100 ? size : 100), content);
}

static int handle_block(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	(void)request;
	sem_post(&entered);
	sem_wait(&may_leave);
	return http_reply__text(reply, 200, "done\n");
}

/* Waits until nobody wants the reply. */
static int handle_patient(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	uint64_t give_up_ns = clock__now_ns() + PATIENCE_MS * 1000000ULL;

	(void)ctx;
	sem_post(&entered);
	while (!http_request__is_moot(request) && clock__now_ns() < give_up_ns)
		usleep(1000);
	atomic_fetch_add(&moot, http_request__is_moot(request));
	return http_reply__text(reply, 200, "done\n");
}

static const struct http_route routes[] = {
	{ .path = "/api/", .handle = handle_echo, .slow = true, .prefix = true, .takes_form = true },
	{ .path = "/slow", .handle = handle_block, .slow = true },
	{ .path = "/patient", .handle = handle_patient, .slow = true },
	{ .path = "/text", .handle = handle_echo },
};

static void start(void)
{
	const char *message = "";

	ck_assert_msg(!http_server__start(&server, &options, routes,
					  sizeof(routes) / sizeof(*routes), NULL, &message),
		      "%s", message);
}

static void setup(void)
{
	client__server_options(&options);
	options.slow_timeout_ms = 77 * 1000;
	sem_init(&entered, 0, 0);
	sem_init(&may_leave, 0, 0);
	atomic_store(&moot, 0);
}

static void teardown(void)
{
	http_server__stop(server);
}

static void ck_fetch(const char *method, const char *target, const char *extra, int status,
		     const char *body)
{
	struct response r = client__fetch(server, method, target, extra);

	ck_assert_int_eq(r.status, status);
	if (body)
		ck_assert_str_eq(r.body, body);
	response__free(&r);
}

START_TEST(prefix_and_raw_query)
{
	start();
	ck_fetch("GET", "/api/a%20b/c?x=%41+b&x=2?&%zz", "", 200,
		 "GET /api/a b/c ?x=%41+b&x=2?&%zz types=0 left=77 0:");
	ck_fetch("GET", "/api/", "", 200, "GET /api/ ? types=0 left=77 0:");
	ck_fetch("GET", "/api", "", 404, NULL);
	ck_fetch("GET", "/text?y", "", 200, "GET /text ?y types=0 left=10 0:");
	ck_fetch("GET", "/textile", "", 404, NULL);
	/* A scrape's wish does not shorten what is no scrape. */
	ck_fetch("GET", "/api/x", "X-Prometheus-Scrape-Timeout-Seconds: 3\r\n", 200,
		 "GET /api/x ? types=0 left=77 0:");
}
END_TEST

START_TEST(forms_reach_their_route)
{
	struct response r;
	int fd;

	start();
	ck_fetch("POST", "/api/q",
		 "Content-Length: 7\r\nContent-Type: a\r\nContent-Type: b\r\n\r\na=1&b=%", 200,
		 "POST /api/q ? types=2 left=77 7:a=1&b=%");
	ck_fetch("POST", "/api/q", "", 200, "POST /api/q ? types=0 left=77 0:");

	/* In pieces, chunked; nothing is read behind that. */
	fd = client__connect(server);
	client__sendf(
		fd,
		"POST /api/q HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n");
	usleep(20000);
	client__sendf(fd, "4\r\nd\r\ne\r\n0\r\n\r\nGET /api/r HTTP/1.1\r\nHost: x\r\n\r\n");
	r = client__response(fd, false);
	ck_assert_str_eq(r.body, "POST /api/q ? types=0 left=77 7:abcd\r\ne");
	response__free(&r);
	ck_assert_int_eq(client__recv(fd, (char[1]){}, 1), 0);
	close(fd);
}
END_TEST

START_TEST(forms_are_bounded_and_asked_for)
{
	static char big[64 * 1024 + 1];
	struct response r;
	int fd;

	start();
	memset(big, 'x', sizeof(big));
	fd = client__connect(server);
	client__sendf(fd, "POST /api/q HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
		      sizeof(big) - 1);
	ck_assert(client__send(fd, big, sizeof(big) - 1));
	r = client__response(fd, false);
	ck_assert_int_eq(r.status, 200);
	ck_assert_ptr_nonnull(strstr(r.body, "65536:xxx"));
	response__free(&r);
	close(fd);

	ck_fetch("POST", "/api/q", "Content-Length: 65537\r\n", 413,
		 "the content is larger than 64 KiB\n");
	/* Chunked, so its size is known only when it has gone too far. */
	fd = client__connect(server);
	client__sendf(
		fd, "POST /api/q HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n%zx\r\n",
		sizeof(big));
	client__send(fd, big, sizeof(big));
	ck_assert(client__ended(fd));
	close(fd);

	ck_fetch("GET", "/api/q", "Content-Length: 1\r\n\r\nx", 413, NULL);
	ck_fetch("POST", "/text", "", 405, "only GET and HEAD are served\n");
	r = client__fetch(server, "PUT", "/api/q", "");
	ck_assert_int_eq(r.status, 405);
	ck_assert_str_eq(response__field(&r, "Allow"), "GET, HEAD, POST");
	response__free(&r);
}
END_TEST

START_TEST(scrapes_do_not_wait_for_slow_ones)
{
	int fd[4];
	struct response r;

	options.slow_threads = 2;
	options.max_waiting_slow = 1;
	start();
	for (int i = 0; i < 3; i++) {
		fd[i] = client__connect(server);
		client__sendf(fd[i], "GET /slow HTTP/1.1\r\nHost: x\r\n\r\n");
		if (i < 2)
			sem_wait(&entered);
	}
	ck_assert_int_eq(client__status(server, "GET", "/-/healthy", ""), 200);
	ck_assert_int_eq(client__status(server, "GET", "/text", ""), 200);
	ck_assert_int_eq(client__status(server, "GET", "/api/x", ""), 503);
	ck_server_reaches(server, refused_busy, 1);
	for (int i = 0; i < 3; i++)
		sem_post(&may_leave);
	for (int i = 0; i < 3; i++) {
		r = client__response(fd[i], false);
		ck_assert_int_eq(r.status, 200);
		response__free(&r);
		close(fd[i]);
	}
	ck_assert_int_eq(client__status(server, "GET", "/api/x", ""), 200);
}
END_TEST

START_TEST(nobody_waits)
{
	const struct linger reset = { .l_onoff = 1 };
	int fd;

	start();
	fd = client__connect(server);
	client__sendf(fd, "GET /patient HTTP/1.1\r\nHost: x\r\n\r\n");
	sem_wait(&entered);
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(fd);
	server__drained(server);
	ck_assert_int_eq(atomic_load(&moot), 1);

	/* What the end of a process looks like. */
	fd = client__connect(server);
	client__sendf(fd, "GET /patient HTTP/1.1\r\nHost: x\r\n\r\n");
	sem_wait(&entered);
	close(fd);
	server__drained(server);
	ck_assert_int_eq(atomic_load(&moot), 2);

	fd = client__connect(server);
	client__sendf(fd, "GET /patient HTTP/1.1\r\nHost: x\r\n\r\n");
	sem_wait(&entered);
	http_server__stop(server);
	server = NULL;
	ck_assert_int_eq(atomic_load(&moot), 3);
	close(fd);
}
END_TEST

Suite *http_slow_suite(void)
{
	Suite *suite = suite_create("http_slow");
	TCase *tc = tcase_create("slow");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, prefix_and_raw_query);
	tcase_add_test(tc, forms_reach_their_route);
	tcase_add_test(tc, forms_are_bounded_and_asked_for);
	tcase_add_test(tc, scrapes_do_not_wait_for_slow_ones);
	tcase_add_test(tc, nobody_waits);
	suite_add_tcase(suite, tc);
	return suite;
}
