// SPDX-License-Identifier: Apache-2.0
/* Clients of many addresses: none takes what others need, and a rendering serves who waited for it.
 */
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/scope.h"
#include "http_client.h"

Suite *http_shares_suite(void);

/* More than the kernel takes for a client that does not read. */
#define BODY_BYTES (8 * 1024 * 1024)
#define METRICS "GET /page HTTP/1.1\r\nHost: x\r\n"
#define PLAIN METRICS "\r\n"

static struct http_server *server;
static struct http_server_options options;
static _Atomic int rendered;
static sem_t entered, may_leave, may_check;
static bool wants_credentials;

/* Says which rendering it is, for whom, and in what format; then goes on for long. */
static int handle_page(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	const struct scope *scope = http_request__scope(request);
	const char *accept = http_request__header(request, "Accept");
	char line[128];
	int length, err = 0, number = atomic_fetch_add(&rendered, 1) + 1;

	(void)ctx;
	sem_post(&entered);
	sem_wait(&may_leave);
	length = snprintf(line, sizeof(line), "rendering %d app %s accept %s\n", number,
			  scope->all	     ? "all"
			  : scope->app_count ? scope->app[0]
					     : "none",
			  accept ? accept : "-");
	for (int i = 0; i < 3000 && !err; i++)
		err = http_reply__write(reply, request, line, (size_t)length);
	return err;
}

static const void *variant_of_page(const struct http_request *request)
{
	static const char formats[2];
	const char *accept = http_request__header(request, "Accept");

	return &formats[accept && !strcmp(accept, "other")];
}

static int handle_noise(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	char *noise = malloc(BODY_BYTES);
	uint32_t seed = 1;
	int err;

	(void)ctx;
	for (size_t i = 0; i < BODY_BYTES; i++)
		noise[i] = (char)((seed = seed * 1664525 + 1013904223) >> 24);
	err = http_reply__write(reply, request, noise, BODY_BYTES);
	free(noise);
	return err;
}

static int handle_fail(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	int err = handle_page(ctx, request, reply);

	return err ? err : -ENODEV;
}

static int handle_block(void *ctx, const struct http_request *request, struct http_reply *reply)
{
	(void)ctx;
	(void)request;
	sem_post(&entered);
	sem_wait(&may_leave);
	return http_reply__text(reply, 200, "done\n");
}

static const struct http_route routes[] = {
	{ .path = "/page", .handle = handle_page, .variant = variant_of_page },
	{ .path = "/page2", .handle = handle_page, .variant = variant_of_page },
	{ .path = "/fail", .handle = handle_fail, .variant = variant_of_page },
	{ .path = "/noise", .handle = handle_noise, .variant = variant_of_page },
	{ .path = "/loud", .handle = handle_noise },
	{ .path = "/louder", .handle = handle_noise, .variant = variant_of_page },
	{ .path = "/own", .handle = handle_block },
	{ .path = "/slow", .handle = handle_block, .slow = true },
};

/* `Token: NAME` is a credential for the app of that name, `Password: NAME` one that is checked. */
static int before(void *ctx, struct http_request *request, struct http_reply *reply)
{
	const char *name = http_request__header(request, "Token");
	const char *password = http_request__header(request, "Password");
	const struct scope one = { .app = &name, .app_count = 1 };
	struct scope *scope;

	(void)ctx;
	if (!strcmp(http_request__path(request), "/-/healthy"))
		return 0;
	if (password && !http_request__was_checked(request))
		return HTTP_BEFORE_CHECK;
	if (!name) {
		http_reply__text(reply, 401, "who are you?\n");
		return 1;
	}
	ck_assert_int_eq(scope__copy(&scope, strcmp(name, "all") ? &one : &scope_all), 0);
	http_request__give_scope(request, scope);
	http_request__give_holder(request, 1 + (uint64_t)name[0]);
	return 0;
}

static void check(void *ctx, const struct http_request *request)
{
	(void)ctx;
	(void)request;
	sem_post(&entered);
	sem_wait(&may_check);
}

static bool are_wanted(void *ctx)
{
	(void)ctx;
	return wants_credentials;
}

static void start(void)
{
	const char *message = "";

	if (wants_credentials) {
		options.before = before;
		options.check = check;
		options.wants_credentials = are_wanted;
	}
	ck_assert_msg(!http_server__start(&server, &options, routes,
					  sizeof(routes) / sizeof(*routes), NULL, &message),
		      "%s", message);
}

static void setup(void)
{
	client__server_options(&options);
	options.listen = "0.0.0.0:0";
	sem_init(&entered, 0, 0);
	sem_init(&may_leave, 0, 0);
	sem_init(&may_check, 0, 0);
	atomic_store(&rendered, 0);
	wants_credentials = false;
}

static void teardown(void)
{
	for (int i = 0; i < 1000; i++) {
		sem_post(&may_leave);
		sem_post(&may_check);
	}
	http_server__stop(server);
}

/* A connection from 127.0.1.n. */
static int connect_as(int n, int rcvbuf)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (rcvbuf)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &rcvbuf, sizeof(rcvbuf));
	in.sin_addr.s_addr = htonl(0x7f000100 + (uint32_t)n);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	in.sin_port = htons(http_server__port(server));
	ck_assert_int_eq(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0);
	return fd;
}

static int ask_as(int n, const char *request)
{
	int fd = connect_as(n, 0);

	client__send(fd, request, strlen(request));
	return fd;
}

static int status_of(int fd)
{
	struct response r = client__response(fd, false);

	response__free(&r);
	close(fd);
	return r.status;
}

/* After this the server has read all that was sent before: the network thread takes it in turn. */
static void ck_healthy_as(int n)
{
	ck_assert_int_eq(status_of(ask_as(n, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n")), 200);
}

/* The first line of the answer, or the status if that is another than 200. */
static void ck_line(int fd, const char *line)
{
	struct response r = client__response(fd, false);
	size_t length = strlen(line);

	ck_assert_int_eq(r.status, 200);
	ck_assert_msg(!strncmp(r.body, line, length), "%.60s, not %s", r.body, line);
	ck_assert_uint_eq(r.size, 3000 * length);
	for (size_t i = 0; i < 3000; i++)
		ck_assert(!memcmp(r.body + i * length, line, length));
	response__free(&r);
	close(fd);
}

static struct http_server_stats stats_now(void)
{
	struct http_server_stats stats;

	http_server__stats(server, &stats);
	return stats;
}

START_TEST(one_rendering_serves_who_waited_for_it)
{
	int first, before[10], other, after;

	start();
	first = ask_as(1, PLAIN);
	sem_wait(&entered);
	/* All these come while the first is rendered: theirs is the next one, one for all. */
	for (int i = 0; i < 10; i++)
		before[i] = ask_as(2 + i % 3, PLAIN);
	other = ask_as(9, METRICS "Accept: other\r\n\r\n");
	ck_healthy_as(1);
	sem_post(&may_leave);
	ck_line(first, "rendering 1 app all accept -\n");
	sem_wait(&entered);
	/* And this one while theirs is. */
	after = ask_as(7, PLAIN);
	ck_healthy_as(1);
	sem_post(&may_leave);
	for (int i = 0; i < 10; i++)
		ck_line(before[i], "rendering 2 app all accept -\n");
	sem_post(&may_leave);
	sem_post(&may_leave);
	ck_line(other, "rendering 3 app all accept other\n");
	ck_line(after, "rendering 4 app all accept -\n");
	ck_assert_uint_eq(stats_now().renderings, 4);
	ck_assert_uint_eq(stats_now().shared, 9);
	server__drained(server);
}
END_TEST

START_TEST(scopes_and_pages_are_not_mixed)
{
	static const char *const names[] = { "all", "apple", "pear", "apple", "all" };
	int fd[5], first, other;

	wants_credentials = true;
	start();
	first = ask_as(1, METRICS "Token: first\r\n\r\n");
	sem_wait(&entered);
	for (int i = 0; i < 5; i++) {
		char text[100];

		snprintf(text, sizeof(text), METRICS "Token: %s\r\n\r\n", names[i]);
		fd[i] = ask_as(2, text);
		ck_healthy_as(1);
	}
	other = ask_as(2, "GET /page2 HTTP/1.1\r\nHost: x\r\nToken: pear\r\n\r\n");
	ck_healthy_as(1);
	for (int i = 0; i < 5; i++)
		sem_post(&may_leave);
	ck_line(first, "rendering 1 app first accept -\n");
	ck_line(fd[0], "rendering 2 app all accept -\n");
	ck_line(fd[4], "rendering 2 app all accept -\n");
	/* Turns go by the holder, here the first letter. */
	ck_line(fd[2], "rendering 3 app pear accept -\n");
	ck_line(fd[1], "rendering 4 app apple accept -\n");
	ck_line(fd[3], "rendering 4 app apple accept -\n");
	ck_line(other, "rendering 5 app pear accept -\n");
	ck_assert_uint_eq(stats_now().renderings, 5);
}
END_TEST

START_TEST(forms_deadlines_and_errors_are_each_ones_own)
{
	struct response r;
	int first, gzip, plain, head, late, failing[3];

	start();
	first = ask_as(1, PLAIN);
	sem_wait(&entered);
	gzip = ask_as(2, METRICS "Accept-Encoding: gzip\r\n\r\n");
	plain = ask_as(3, PLAIN);
	head = ask_as(4, "HEAD /page HTTP/1.1\r\nHost: x\r\n\r\n");
	late = ask_as(5, METRICS "X-Prometheus-Scrape-Timeout-Seconds: 0.3\r\n\r\n");
	ck_healthy_as(1);
	sem_post(&may_leave);
	ck_line(first, "rendering 1 app all accept -\n");
	sem_wait(&entered);
	usleep(350 * 1000);
	sem_post(&may_leave);
	ck_line(plain, "rendering 2 app all accept -\n");
	r = client__response(gzip, false);
	ck_assert_str_eq(response__field(&r, "Content-Encoding"), "gzip");
	ck_assert_uint_lt(r.size, 5000);
	ck_assert_mem_eq(r.body, "\x1f\x8b", 2); /* also when a plain one had it rendered */
	response__free(&r);
	r = client__response(head, true);
	ck_assert_uint_eq(r.size, 3000 * strlen("rendering 2 app all accept -\n"));
	response__free(&r);
	ck_assert_int_eq(status_of(late), 503);
	ck_assert_uint_eq(stats_now().refused_late, 1);
	close(gzip);
	close(head);

	first = ask_as(1, PLAIN);
	sem_wait(&entered);
	for (int i = 0; i < 3; i++)
		failing[i] = ask_as(2 + i, "GET /fail HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_healthy_as(1);
	sem_post(&may_leave);
	sem_post(&may_leave);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(status_of(failing[i]), 500);
	ck_assert_uint_eq(stats_now().renderings, 4);
	close(first);
	server__drained(server);
}
END_TEST

/* The memory of a body that many get is counted once, and freed behind the slowest of them. */
START_TEST(a_shared_body_is_held_once)
{
	int blocker, fd[8];
	struct response r;
	uint64_t held;

	options.max_response_bytes = 64UL * 1024 * 1024;
	start();
	blocker = ask_as(1, "GET /own HTTP/1.1\r\nHost: x\r\n\r\n");
	sem_wait(&entered);
	for (int i = 0; i < 8; i++) {
		fd[i] = connect_as(2 + i, 4096);
		client__sendf(fd[i], "GET /noise HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	ck_healthy_as(1);
	sem_post(&may_leave);
	ck_server_reaches(server, requests, 8 + 2);
	held = stats_now().response_bytes;
	ck_assert_uint_gt(held, 0);
	ck_assert_uint_lt(held, 2 * BODY_BYTES);
	ck_assert_uint_eq(stats_now().renderings, 2);
	for (int i = 0; i < 7; i++) {
		r = client__response(fd[i], false);
		ck_assert_uint_eq(r.size, BODY_BYTES);
		response__free(&r);
		close(fd[i]);
	}
	ck_assert_uint_gt(stats_now().response_bytes, 0);
	close(fd[7]);
	close(blocker);
	server__drained(server);
}
END_TEST

START_TEST(slow_readers_of_one_address_leave_memory_to_others)
{
	int fd[16];

	options.max_response_bytes = 4 * BODY_BYTES;
	start();
	for (int i = 0; i < 16; i++) {
		fd[i] = connect_as(1, 4096);
		client__sendf(fd[i], "GET /loud HTTP/1.1\r\nHost: x\r\n\r\n");
	}
	ck_server_reaches(server, requests, 16);
	ck_assert_uint_gt(stats_now().refused_memory, 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(status_of(ask_as(2, "GET /loud HTTP/1.1\r\nHost: x\r\n\r\n")),
				 200);
	for (int i = 0; i < 16; i++)
		close(fd[i]);
	server__drained(server);
}
END_TEST

/* Who holds as much as it may is refused, and takes nobody with it who waits for the same. */
START_TEST(nobody_is_refused_for_anothers_share)
{
	int blocker, other, fd[4];

	options.max_response_bytes = 4 * BODY_BYTES;
	start();
	/* Nearly all that one may have: there is room for less than a body. */
	fd[0] = connect_as(1, 4096);
	client__sendf(fd[0], "GET /loud HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_server_reaches(server, requests, 1);
	blocker = ask_as(3, "GET /own HTTP/1.1\r\nHost: x\r\n\r\n");
	sem_wait(&entered);
	for (int i = 1; i < 4; i++) {
		fd[i] = connect_as(1, 4096);
		client__sendf(fd[i], "GET /loud%s HTTP/1.1\r\nHost: x\r\n\r\n", i > 1 ? "er" : "");
	}
	ck_healthy_as(1);
	other = ask_as(2, "GET /louder HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_healthy_as(2);
	sem_post(&may_leave);
	ck_assert_int_eq(status_of(blocker), 200);
	ck_assert_int_eq(status_of(other), 200);
	for (int i = 0; i < 4; i++)
		close(fd[i]);
	server__drained(server);
}
END_TEST

/* One address that asks without a pause, for what cannot be shared, waits behind itself only. */
START_TEST(turns_go_round)
{
	int flood[12], other, own, got = 0;

	options.max_waiting = 8;
	start();
	for (int i = 0; i < 12; i++) {
		flood[i] = ask_as(1, "GET /own HTTP/1.1\r\nHost: x\r\n\r\n");
		if (!i)
			sem_wait(&entered);
	}
	ck_server_reaches(server, refused_busy, 3);
	other = ask_as(2, PLAIN);
	ck_healthy_as(2);
	own = ask_as(1, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
	ck_assert_int_eq(status_of(own), 200);
	/* Behind the one that is being rendered and one that has its turn. */
	sem_post(&may_leave);
	sem_post(&may_leave);
	sem_post(&may_leave);
	ck_line(other, "rendering 1 app all accept -\n");
	ck_assert_uint_eq(stats_now().renderings, 3);
	for (int i = 0; i < 12; i++)
		sem_post(&may_leave);
	for (int i = 0; i < 12; i++)
		got += status_of(flood[i]) == 200;
	ck_assert_int_eq(got, 9);
	ck_assert_uint_eq(stats_now().refused_busy, 3);
}
END_TEST

START_TEST(slow_routes_and_checks_are_shared_too)
{
	int slow[10], checks[10], other, got = 0;

	wants_credentials = true;
	options.slow_threads = 2;
	options.max_waiting_slow = 4;
	options.max_waiting_check = 4;
	start();
	for (int i = 0; i < 10; i++) {
		slow[i] = ask_as(1, "GET /slow HTTP/1.1\r\nHost: x\r\nToken: a\r\n\r\n");
		if (i < 2)
			sem_wait(&entered);
	}
	/* Two at once, and half of the places, with those that are reserved. */
	ck_server_reaches(server, refused_busy, 2);
	/* Another address, and another token of the same one, find a thread. */
	other = ask_as(2, "GET /slow HTTP/1.1\r\nHost: x\r\nToken: a\r\n\r\n");
	sem_wait(&entered);
	for (int i = 0; i < 13; i++)
		sem_post(&may_leave);
	ck_assert_int_eq(status_of(other), 200);
	for (int i = 0; i < 10; i++)
		got += status_of(slow[i]) == 200;
	ck_assert_int_eq(got, 8);
	while (!sem_trywait(&may_leave))
		;
	while (!sem_trywait(&entered))
		;

	for (int i = 0; i < 10; i++) {
		checks[i] = ask_as(1, METRICS "Password: x\r\n\r\n");
		if (!i)
			sem_wait(&entered);
	}
	ck_server_reaches(server, refused_busy, 2 + 5);
	other = ask_as(2, METRICS "Password: x\r\nToken: all\r\n\r\n");
	ck_healthy_as(2);
	/* The check that was under way, the flood's turn, ours. */
	for (int i = 0; i < 3; i++)
		sem_post(&may_check);
	sem_post(&may_leave);
	ck_line(other, "rendering 1 app all accept -\n");
	for (int i = 0; i < 10; i++)
		close(checks[i]);
}
END_TEST

START_TEST(addresses_share_connections)
{
	int flood[4][16], fd[3];

	start();
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 16; j++)
			flood[i][j] = connect_as(1 + i, 0);
	ck_server_reaches(server, open_connections, 64);
	/* Every place is taken, and yet there is one for each who comes. */
	for (int i = 0; i < 3; i++)
		fd[i] = ask_as(10 + i, "GET /-/healthy HTTP/1.1\r\nHost: x\r\n\r\n");
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(status_of(fd[i]), 200);
	ck_server_reaches(server, displaced, 3);
	ck_assert_uint_eq(stats_now().displaced, 3);
	for (int i = 0; i < 4; i++)
		for (int j = 0; j < 16; j++)
			close(flood[i][j]);
	server__drained(server);
}
END_TEST

START_TEST(two_hundred_of_one_address)
{
	int flood[200];

	start();
	for (int i = 0; i < 200; i++)
		flood[i] = connect_as(1, 0);
	ck_server_reaches(server, refused_connections, 184);
	ck_assert_uint_eq(stats_now().open_connections, 16);
	ck_healthy_as(2);
	for (int i = 0; i < 200; i++)
		close(flood[i]);
	server__drained(server);
}
END_TEST

/* As many addresses as there are places, all of which are read from slowly. */
START_TEST(scrapers_always_find_room)
{
	static struct network network;
	int flood[8];

	ck_assert_int_eq(network__parse(&network, "127.0.1.200/31"), 0);
	options.scrapers = &network;
	options.scraper_count = 1;
	options.max_connections = 8;
	options.max_waiting = 1;
	start();
	for (int i = 0; i < 8; i++)
		flood[i] = ask_as(1 + i, "GET /own HTTP/1.1\r\nHost: x\r\n\r\n");
	sem_wait(&entered);
	ck_server_reaches(server, refused_busy, 5);
	for (int i = 0; i < 4; i++)
		sem_post(&may_leave);
	ck_line(ask_as(200, PLAIN), "rendering 1 app all accept -\n");
	ck_assert_uint_eq(stats_now().displaced, 1);
	for (int i = 0; i < 8; i++)
		close(flood[i]);
}
END_TEST

START_TEST(who_has_credentials_keeps_its_connection)
{
	const char *ask = "GET /page HTTP/1.1\r\nHost: x\r\nToken: all\r\n\r\n";
	int holder, flood[40];
	struct response r;

	wants_credentials = true;
	options.max_connections = 8;
	options.max_connections_per_address = 4;
	for (int i = 0; i < 100; i++)
		sem_post(&may_leave);
	start();
	holder = ask_as(1, ask);
	r = client__response(holder, false);
	ck_assert_int_eq(r.status, 200);
	response__free(&r);
	/* Of its own address and of more others than there are places. */
	for (int i = 0; i < 40; i++)
		flood[i] = ask_as(i < 20 ? 1 : i, PLAIN);
	ck_server_reaches(server, displaced, 20);
	client__sendf(holder, "%s", ask);
	r = client__response(holder, false);
	ck_assert_int_eq(r.status, 200);
	response__free(&r);
	/* And who has yet to show them finds a place beside all of these. */
	ck_assert_int_eq(status_of(ask_as(1, ask)), 200);
	ck_assert_int_eq(status_of(ask_as(100, ask)), 200);
	for (int i = 0; i < 40; i++)
		close(flood[i]);
	close(holder);
	server__drained(server);
}
END_TEST

Suite *http_shares_suite(void)
{
	Suite *suite = suite_create("http_shares");
	TCase *tc = tcase_create("shares");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, one_rendering_serves_who_waited_for_it);
	tcase_add_test(tc, scopes_and_pages_are_not_mixed);
	tcase_add_test(tc, forms_deadlines_and_errors_are_each_ones_own);
	tcase_add_test(tc, a_shared_body_is_held_once);
	tcase_add_test(tc, slow_readers_of_one_address_leave_memory_to_others);
	tcase_add_test(tc, nobody_is_refused_for_anothers_share);
	tcase_add_test(tc, turns_go_round);
	tcase_add_test(tc, slow_routes_and_checks_are_shared_too);
	tcase_add_test(tc, addresses_share_connections);
	tcase_add_test(tc, two_hundred_of_one_address);
	tcase_add_test(tc, scrapers_always_find_room);
	tcase_add_test(tc, who_has_credentials_keeps_its_connection);
	suite_add_tcase(suite, tc);
	return suite;
}
