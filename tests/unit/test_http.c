// SPDX-License-Identifier: Apache-2.0
/* The serving stage as a well-behaved client sees it. */
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <zlib.h>

#include "base/listen.h"
#include "http_client.h"

Suite *http_suite(void);

#define BIG_BYTES (10 * 1024 * 1024)

static struct http_server *server;
static struct http_server_options options;
static _Atomic int running, most_running, rendered;
static sem_t entered, may_leave;

static int handle_text(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)request;
	ck_assert_ptr_eq(ctx, &options);
	reply->body = malloc(5000);
	memset(reply->body, 'x', 5000);
	reply->size = 5000;
	reply->content_type = "text/plain; version=0.0.4";
	atomic_fetch_add(&rendered, 1);
	return http_reply__field(reply, "X-Extra", "yes");
}

/* Tells what the accessors say. */
static int handle_echo(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const char *accept = http_request__header(request, "aCCEPT");
	uint64_t now_ns = clock__now_ns(), deadline_ns = http_request__deadline_ns(request);

	(void)ctx;
	return http_reply__text(
		reply, 201, "%s %s ?%s accept=%s left=%llu", http_request__method(request),
		http_request__path(request), http_request__raw_query(request),
		accept ? accept : "-",
		(unsigned long long)((deadline_ns - now_ns + 999999999) / 1000000000));
}

/* Stays inside until the test lets it go. */
static int handle_block(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	int now = atomic_fetch_add(&running, 1) + 1;

	(void)ctx;
	(void)request;
	if (now > atomic_load(&most_running))
		atomic_store(&most_running, now);
	sem_post(&entered);
	sem_wait(&may_leave);
	atomic_fetch_sub(&running, 1);
	return http_reply__text(reply, 200, "done\n");
}

static int handle_fail(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	(void)request;
	reply->body = strdup("half of a reply");
	reply->size = 4;
	return -ENODEV;
}

static int handle_empty(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	(void)request;
	reply->status = 204;
	return 0;
}

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
	{ .path = "/text", .description = "some <text> & \"more\"", .handle = handle_text },
	{ .path = "/echo", .description = "what was asked", .handle = handle_echo, .quick = true },
	{ .path = "/slowecho", .description = "what was asked, rendered", .handle = handle_echo },
	{ .path = "/block", .handle = handle_block },
	{ .path = "/fail", .handle = handle_fail },
	{ .path = "/empty", .handle = handle_empty, .quick = true },
	{ .path = "/big", .handle = handle_big },
};

static void start(void)
{
	const char *message = "";

	ck_assert_msg(!http_server__start(&server, &options, routes,
					  sizeof(routes) / sizeof(*routes), &options, &message),
		      "%s", message);
}

static void setup(void)
{
	client__server_options(&options);
	options.version = "1.2.3";
	options.observed = "every <container>\x1b[2J";
	sem_init(&entered, 0, 0);
	sem_init(&may_leave, 0, 0);
}

static void teardown(void)
{
	http_server__stop(server);
}

START_TEST(healthy_as_soon_as_it_runs)
{
	start();
	ck_assert_int_ne(http_server__port(server), 0);
	ck_assert_int_eq(client__status(server, "GET", "/-/healthy", ""), 200);
}
END_TEST

START_TEST(bound_before_started)
{
	const char *message;
	int fd, client;
	struct response r;

	ck_assert_int_eq(listen__open(&fd, "127.0.0.1:0", &message), 0);
	client = client__connect_from(listen__port(fd), 0);
	client__sendf(client, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
	options.listen = NULL;
	options.listen_fd = fd;
	start();
	r = client__response(client, false);
	ck_assert_int_eq(r.status, 200);
	response__free(&r);
	close(client);
}
END_TEST

START_TEST(failed_start_says_why)
{
	struct http_server *second = NULL;
	struct http_server_options other = options;
	const char *message = NULL;
	char text[64], expected[128];

	start();
	snprintf(text, sizeof(text), "127.0.0.1:%d", http_server__port(server));
	snprintf(expected, sizeof(expected), "listen %s: address already in use", text);
	other.listen = text;
	ck_assert_int_eq(http_server__start(&second, &other, NULL, 0, NULL, &message), -EADDRINUSE);
	ck_assert_str_eq(message, expected);
	ck_assert_ptr_null(second);
	other.listen = NULL;
	other.listen_fd = -1;
	ck_assert_int_eq(http_server__start(&second, &other, NULL, 0, NULL, &message), -EBADF);
	ck_assert_ptr_nonnull(strstr(message, "Bad file descriptor"));
}
END_TEST

START_TEST(landing_page_lists_routes)
{
	struct response r;

	start();
	r = client__fetch(server, "GET", "/", "");
	ck_assert_int_eq(r.status, 200);
	ck_assert_str_eq(response__field(&r, "Content-Type"), "text/html; charset=utf-8");
	ck_assert_ptr_nonnull(response__field(&r, "Content-Security-Policy"));
	ck_assert_ptr_nonnull(strstr(r.body, "<title>edgetap</title>"));
	ck_assert_ptr_nonnull(strstr(r.body, "1.2.3"));
	ck_assert_ptr_nonnull(strstr(r.body, "every &lt;container&gt;\\x1b[2J</p>"));
	ck_assert_ptr_nonnull(strstr(r.body, "<a href=\"/text\">/text</a>"));
	ck_assert_ptr_nonnull(strstr(r.body, "some &lt;text&gt; &amp; &quot;more&quot;"));
	ck_assert_ptr_nonnull(strstr(r.body, "href=\"/-/healthy\""));
	ck_assert_ptr_null(strstr(r.body, "/block"));
	/* Nothing from elsewhere. */
	ck_assert_ptr_null(strstr(r.body, "http"));
	ck_assert_ptr_null(strstr(r.body, "src="));
	response__free(&r);
}
END_TEST

START_TEST(unknown_path_lists_what_exists)
{
	struct response r;

	start();
	r = client__fetch(server, "GET", "/metric", "");
	ck_assert_int_eq(r.status, 404);
	ck_assert_ptr_nonnull(strstr(r.body, "/text"));
	ck_assert_ptr_nonnull(strstr(r.body, "/-/healthy"));
	ck_assert_ptr_null(strstr(r.body, "/block"));
	response__free(&r);
	ck_assert_int_eq(client__status(server, "POST", "/metric", ""), 404);
	ck_assert_int_eq(client__status(server, "GET", "/text/", ""), 404);
}
END_TEST

START_TEST(other_methods_are_refused)
{
	static const char *const methods[] = { "POST", "PUT", "DELETE", "OPTIONS", "get", "BREW" };
	struct response r;

	start();
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		r = client__fetch(server, methods[i], "/text", "");
		ck_assert_int_eq(r.status, 405);
		ck_assert_str_eq(response__field(&r, "Allow"), "GET, HEAD");
		response__free(&r);
	}
	ck_assert_int_eq(atomic_load(&rendered), 0);
}
END_TEST

START_TEST(every_response_has_the_common_fields)
{
	static const char *const paths[] = { "/text", "/", "/nothing", "/-/healthy", "/fail" };
	struct response r;

	start();
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		r = client__fetch(server, "GET", paths[i], "");
		ck_assert_str_eq(response__field(&r, "Cache-Control"), "no-store");
		ck_assert_str_eq(response__field(&r, "X-Content-Type-Options"), "nosniff");
		ck_assert_str_eq(response__field(&r, "Vary"), "Accept, Accept-Encoding");
		ck_assert_ptr_nonnull(response__field(&r, "Date"));
		response__free(&r);
	}
	r = client__fetch(server, "GET", "/text", "");
	ck_assert_str_eq(response__field(&r, "Content-Type"), "text/plain; version=0.0.4");
	ck_assert_str_eq(response__field(&r, "X-Extra"), "yes");
	ck_assert_uint_eq(r.size, 5000);
	response__free(&r);
}
END_TEST

START_TEST(gzip_when_the_client_takes_it)
{
	struct response r;
	char back[8192];
	z_stream z = {};

	start();
	r = client__fetch(server, "GET", "/text", "Accept-Encoding: gzip;q=0\r\n");
	ck_assert_ptr_null(response__field(&r, "Content-Encoding"));
	response__free(&r);

	r = client__fetch(server, "GET", "/text", "Accept-Encoding: br, gzip\r\n");
	ck_assert_str_eq(response__field(&r, "Content-Encoding"), "gzip");
	ck_assert_int_eq(inflateInit2(&z, 15 + 16), Z_OK);
	z.next_in = (Bytef *)r.body;
	z.avail_in = r.size;
	z.next_out = (Bytef *)back;
	z.avail_out = sizeof(back);
	ck_assert_int_eq(inflate(&z, Z_FINISH), Z_STREAM_END);
	ck_assert_uint_eq(z.total_out, 5000);
	inflateEnd(&z);
	response__free(&r);

	/* Too small to pay. */
	r = client__fetch(server, "GET", "/-/healthy", "Accept-Encoding: gzip\r\n");
	ck_assert_ptr_null(response__field(&r, "Content-Encoding"));
	response__free(&r);
}
END_TEST

/* Cuts the Date line, the only one that may differ. */
static void without_date(struct response *r)
{
	char *date = strstr(r->head, "Date:"), *end = strstr(date, "\r\n") + 2;

	memmove(date, end, strlen(end) + 1);
}

START_TEST(head_is_get_without_the_body)
{
	static const char *const paths[] = { "/text", "/", "/-/healthy", "/nothing", "/big" };
	static const char *const extra[] = { "", "Accept-Encoding: gzip\r\n" };
	struct response get, head;
	char byte;
	int fd;

	start();
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		for (int e = 0; e < 2; e++) {
			get = client__fetch(server, "GET", paths[i], extra[e]);
			fd = client__connect(server);
			client__sendf(fd, "HEAD %s HTTP/1.1\r\nHost: x\r\n%s\r\n", paths[i],
				      extra[e]);
			head = client__response(fd, true);
			without_date(&get);
			without_date(&head);
			ck_assert_str_eq(get.head, head.head);
			/* And nothing follows: the next answer on this connection is whole. */
			client__sendf(fd, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n"
					  "Connection: close\r\n\r\n");
			response__free(&head);
			head = client__response(fd, false);
			ck_assert_int_eq(head.status, 200);
			ck_assert_int_eq(client__recv(fd, &byte, 1), 0);
			close(fd);
			response__free(&get);
			response__free(&head);
		}
	}
}
END_TEST

START_TEST(handlers_see_the_request)
{
	static const struct {
		const char *method, *target, *extra, *body;
	} cases[] = {
		{ "GET", "/echo", "", "GET /echo ? accept=- left=10" },
		{ "GET", "/slowecho?a=1&b=two%20words", "Accept: x/y\r\n",
		  "GET /slowecho ?a=1&b=two%20words accept=x/y left=10" },
		{ "GET", "/%65cho?b&a=", "", "GET /echo ?b&a= accept=- left=10" },
		{ "GET", "http://host:1/echo?a=1", "", "GET /echo ?a=1 accept=- left=10" },
		{ "GET", "/slowecho?a=1&a=2", "X-Prometheus-Scrape-Timeout-Seconds: 42.5\r\n",
		  "GET /slowecho ?a=1&a=2 accept=- left=43" },
	};
	struct response r;

	start();
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		r = client__fetch(server, cases[i].method, cases[i].target, cases[i].extra);
		ck_assert_int_eq(r.status, 201);
		ck_assert_str_eq(r.body, cases[i].body);
		response__free(&r);
	}
	ck_assert_int_eq(client__status(server, "GET", "http://host", ""), 200);
}
END_TEST

START_TEST(bad_requests_are_told_so)
{
	start();
	ck_assert_int_eq(client__status(server, "GET", "/echo%00", ""), 400);
	ck_assert_int_eq(client__status(server, "GET", "/echo?a=%00", ""), 400);
	ck_assert_int_eq(client__status(server, "GET", "/echo\x01", ""), 400);
	ck_assert_int_eq(client__status(server, "GET", "*", ""), 400);
	ck_assert_int_eq(client__status(server, "GET", "echo", ""), 400);
	ck_assert_int_eq(client__status(server, "GET", "/echo",
					"X-Prometheus-Scrape-Timeout-Seconds: soon\r\n"),
			 400);
	ck_assert_int_eq(client__status(server, "GET", "/echo",
					"X-Prometheus-Scrape-Timeout-Seconds: 0\r\n"),
			 400);
}
END_TEST

START_TEST(handler_error_is_a_500)
{
	struct response r;

	start();
	r = client__fetch(server, "GET", "/fail", "");
	ck_assert_int_eq(r.status, 500);
	ck_assert_str_eq(r.body, "/fail: No such device\n");
	response__free(&r);
}
END_TEST

START_TEST(a_reply_may_be_empty)
{
	int fd;
	struct response r = {};
	char head[1024] = "";
	ssize_t n;

	start();
	fd = client__connect(server);
	client__sendf(fd, "GET /empty HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	for (size_t len = 0; (n = client__recv(fd, head + len, sizeof(head) - 1 - len)) > 0;)
		len += n;
	ck_assert_int_eq(strncmp(head, "HTTP/1.1 204", 12), 0);
	response__free(&r);
	close(fd);
}
END_TEST

START_TEST(one_renders_while_others_wait_and_healthy_answers)
{
	struct response r;
	int fd[4];

	options.max_waiting = 2;
	start();
	for (int i = 0; i < 3; i++) {
		fd[i] = client__connect(server);
		client__sendf(fd[i], "GET /block HTTP/1.1\r\nHost: x\r\n\r\n");
		/* The first must be in its handler before the others count as waiting. */
		if (!i)
			sem_wait(&entered);
	}
	/* Quick routes are served beside it, and go through the same thread as the requests above. */
	ck_assert_int_eq(client__status(server, "GET", "/-/healthy", ""), 200);
	ck_assert_int_eq(client__status(server, "GET", "/echo", ""), 201);

	r = client__fetch(server, "GET", "/text", "");
	ck_assert_int_eq(r.status, 503);
	ck_assert_str_eq(response__field(&r, "Retry-After"), "1");
	response__free(&r);
	ck_server_reaches(server, refused_busy, 1);
	ck_assert_int_eq(atomic_load(&rendered), 0);

	for (int i = 0; i < 3; i++) {
		sem_post(&may_leave);
		r = client__response(fd[i], false);
		ck_assert_int_eq(r.status, 200);
		ck_assert_str_eq(r.body, "done\n");
		response__free(&r);
		close(fd[i]);
	}
	ck_assert_int_eq(atomic_load(&most_running), 1);
	ck_assert_int_eq(client__status(server, "GET", "/text", ""), 200);
}
END_TEST

START_TEST(late_replies_are_abandoned)
{
	struct response r;
	int blocker, waiter;

	start();
	blocker = client__connect(server);
	client__sendf(blocker, "GET /block HTTP/1.1\r\nHost: x\r\n"
			       "X-Prometheus-Scrape-Timeout-Seconds: 0.1\r\n\r\n");
	sem_wait(&entered);
	waiter = client__connect(server);
	client__sendf(waiter, "GET /text HTTP/1.1\r\nHost: x\r\n"
			      "X-Prometheus-Scrape-Timeout-Seconds: 0.05\r\n\r\n");
	/* Through the same thread, so the waiter's clock runs by now. */
	ck_assert_int_eq(client__status(server, "GET", "/-/healthy", ""), 200);
	usleep(150 * 1000);
	sem_post(&may_leave);

	r = client__response(blocker, false);
	ck_assert_int_eq(r.status, 503);
	ck_assert_str_eq(r.body, "the scrape timeout passed while rendering\n");
	response__free(&r);
	r = client__response(waiter, false);
	ck_assert_int_eq(r.status, 503);
	ck_assert_str_eq(r.body, "the scrape timeout passed while waiting\n");
	response__free(&r);
	ck_assert_int_eq(atomic_load(&rendered), 0);
	ck_server_reaches(server, refused_late, 2);
	close(blocker);
	close(waiter);
}
END_TEST

START_TEST(nothing_is_rendered_for_who_has_gone)
{
	const struct linger reset = { .l_onoff = 1 };
	int blocker, goner;
	struct response r;

	start();
	blocker = client__connect(server);
	client__sendf(blocker, "GET /block HTTP/1.1\r\nHost: x\r\n\r\n");
	sem_wait(&entered);
	goner = client__connect(server);
	client__sendf(goner, "GET /text HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_int_eq(client__status(server, "GET", "/-/healthy", ""), 200);
	setsockopt(goner, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
	close(goner);
	sem_post(&may_leave);
	ck_server_reaches(server, abandoned, 1);
	ck_assert_int_eq(atomic_load(&rendered), 0);
	r = client__response(blocker, false);
	ck_assert_int_eq(r.status, 200);
	response__free(&r);
	close(blocker);
	server__drained(server);
}
END_TEST

START_TEST(keep_alive_pipelining_and_its_limit)
{
	struct response r;
	int fd;

	options.max_requests_per_connection = 5;
	start();
	fd = client__connect(server);
	for (int i = 0; i < 3; i++)
		client__sendf(fd,
			      "GET /text HTTP/1.1\r\nHost: x\r\n\r\n"
			      "GET /echo?a=%d HTTP/1.1\r\nHost: x\r\n\r\n",
			      i);
	for (int i = 0; i < 5; i++) {
		char expected[80];

		r = client__response(fd, false);
		snprintf(expected, sizeof(expected), "GET /echo ?a=%d accept=- left=10", i / 2);
		if (i % 2)
			ck_assert_str_eq(r.body, expected);
		else
			ck_assert_uint_eq(r.size, 5000);
		ck_assert((response__field(&r, "Connection") != NULL) == (i == 4));
		response__free(&r);
	}
	ck_assert(client__ended(fd));
	close(fd);
	ck_server_reaches(server, requests, 5);
}
END_TEST

static int only_alice(void *ctx, struct http_request *request, struct http_reply *reply)
{
	const char *who = http_request__header(request, "Authorization");

	(void)ctx;
	if (who && !strcmp(who, "broken"))
		return -EIO;
	if (who && !strcmp(who, "alice"))
		return 0;
	http_reply__field(reply, "WWW-Authenticate", "Bearer");
	http_reply__text(reply, 401, "who are you?\n");
	return 1;
}

START_TEST(hook_comes_before_everything)
{
	struct response r;

	options.before = only_alice;
	start();
	r = client__fetch(server, "GET", "/nothing", "");
	ck_assert_int_eq(r.status, 401);
	ck_assert_str_eq(response__field(&r, "WWW-Authenticate"), "Bearer");
	response__free(&r);
	ck_assert_int_eq(client__status(server, "POST", "/text", ""), 401);
	ck_assert_int_eq(client__status(server, "GET", "/text", "Authorization: alice\r\n"), 200);
	ck_assert_int_eq(client__status(server, "GET", "/nothing", "Authorization: alice\r\n"),
			 404);
	ck_assert_int_eq(client__status(server, "GET", "/text", "Authorization: broken\r\n"), 500);
	ck_assert_int_eq(atomic_load(&rendered), 1);
}
END_TEST

START_TEST(response_memory_is_bounded)
{
	struct http_server_stats stats;
	int fd;

	options.max_response_bytes = BIG_BYTES + 1000;
	start();
	/* Takes the header section and leaves the body with the server. */
	fd = client__connect_from(http_server__port(server), 4096);
	client__sendf(fd, "GET /big HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_server_reaches(server, response_bytes, BIG_BYTES);
	ck_assert_int_eq(client__status(server, "GET", "/big", ""), 503);
	ck_assert_int_eq(client__status(server, "GET", "/text", ""), 503);
	ck_assert_int_eq(client__status(server, "GET", "/-/healthy", ""), 200);
	ck_server_reaches(server, refused_memory, 2);
	http_server__stats(server, &stats);
	ck_assert_uint_le(stats.response_bytes, options.max_response_bytes);
	close(fd);
	server__drained(server);
	ck_assert_int_eq(client__status(server, "GET", "/big", ""), 200);
}
END_TEST

START_TEST(reply_fields_are_checked)
{
	struct http_reply reply = {};
	char longer[HTTP_FIELD_VALUE_MAX + 1];

	memset(longer, 'a', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	ck_assert_int_eq(http_reply__field(&reply, "A", "x\r\nB: y"), -EINVAL);
	ck_assert_int_eq(http_reply__field(&reply, "A", longer), -E2BIG);
	longer[sizeof(longer) - 2] = '\0';
	for (int i = 0; i < HTTP_REPLY_FIELDS_MAX; i++)
		ck_assert_int_eq(http_reply__field(&reply, "A", longer), 0);
	ck_assert_int_eq(http_reply__field(&reply, "A", "x"), -ENOSPC);
	http_server__start(&server, &options, NULL, 0, NULL, &(const char *){ NULL });
}
END_TEST

static void *let_go(void *arg)
{
	usleep(100 * 1000);
	sem_post(&may_leave);
	return arg;
}

START_TEST(stop_waits_for_the_handler_and_drops_the_rest)
{
	pthread_t thread;
	int fd[3];

	start();
	for (int i = 0; i < 3; i++) {
		fd[i] = client__connect(server);
		client__sendf(fd[i], "GET /block HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	sem_wait(&entered);
	ck_assert_int_eq(client__status(server, "GET", "/-/healthy", ""), 200);
	pthread_create(&thread, NULL, let_go, NULL);
	http_server__stop(server);
	server = NULL;
	pthread_join(thread, NULL);
	ck_assert_int_eq(atomic_load(&running), 0);
	for (int i = 0; i < 3; i++) {
		ck_assert(client__ended(fd[i]));
		close(fd[i]);
	}
	/* Only the first was ever begun. */
	ck_assert_int_eq(sem_trywait(&entered), -1);
}
END_TEST

START_TEST(curl_agrees)
{
	char command[256];

	if (system("command -v curl >/dev/null")) {
		printf("SKIP: curl_agrees: curl is not installed\n");
		return;
	}
	start();
	snprintf(command, sizeof(command),
		 "test \"$(curl -fsS --noproxy '*' --compressed http://127.0.0.1:%d/text "
		 "| tr -d '\\n' | wc -c)\" = 5000",
		 http_server__port(server));
	ck_assert_int_eq(system(command), 0);
}
END_TEST

Suite *http_suite(void)
{
	Suite *suite = suite_create("http");
	TCase *tc = tcase_create("server");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, healthy_as_soon_as_it_runs);
	tcase_add_test(tc, bound_before_started);
	tcase_add_test(tc, failed_start_says_why);
	tcase_add_test(tc, landing_page_lists_routes);
	tcase_add_test(tc, unknown_path_lists_what_exists);
	tcase_add_test(tc, other_methods_are_refused);
	tcase_add_test(tc, every_response_has_the_common_fields);
	tcase_add_test(tc, gzip_when_the_client_takes_it);
	tcase_add_test(tc, head_is_get_without_the_body);
	tcase_add_test(tc, handlers_see_the_request);
	tcase_add_test(tc, bad_requests_are_told_so);
	tcase_add_test(tc, handler_error_is_a_500);
	tcase_add_test(tc, a_reply_may_be_empty);
	tcase_add_test(tc, one_renders_while_others_wait_and_healthy_answers);
	tcase_add_test(tc, late_replies_are_abandoned);
	tcase_add_test(tc, nothing_is_rendered_for_who_has_gone);
	tcase_add_test(tc, keep_alive_pipelining_and_its_limit);
	tcase_add_test(tc, hook_comes_before_everything);
	tcase_add_test(tc, response_memory_is_bounded);
	tcase_add_test(tc, reply_fields_are_checked);
	tcase_add_test(tc, stop_waits_for_the_handler_and_drops_the_rest);
	tcase_add_test(tc, curl_agrees);
	suite_add_tcase(suite, tc);
	return suite;
}
