// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/listen.h"
#include "http/header.h"

Suite *http_parse_suite(void);

START_TEST(accept_encoding_decides_on_gzip)
{
	static const struct {
		const char *field;
		bool gzip;
	} cases[] = {
		{ NULL, false },	   { "", false },
		{ "gzip", true },	   { "GZip", true },
		{ "x-gzip", true },	   { "identity", false },
		{ "deflate, br", false },  { "deflate,gzip;q=0.5 , br", true },
		{ "gzip;q=0", false },	   { "gzip;q=0.000", false },
		{ "gzip;q=0.001", true },  { "gzip ; q=1.000", true },
		{ "gzip;Q=1", true },	   { "*", true },
		{ "*;q=0", false },	   { "*;q=0, gzip", true },
		{ "gzip;q=0, *", false },  { "*, gzip;q=0", false },
		{ ", ,gzip", true },	   { "gzip;q=1.1", false },
		{ "gzip;q=2", false },	   { "gzip;q=0.1234", false },
		{ "gzip;q=-1", false },	   { "gzip;q=", false },
		{ "gzip;level=9", false }, { "gzip br", false },
		{ "gzipped", false },	   { "gzi", false },
		{ "gzip;q=x, *", true },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ck_assert_msg(http_header__accepts_gzip(cases[i].field) == cases[i].gzip, "%s",
			      cases[i].field);
}
END_TEST

START_TEST(scrape_timeout_is_a_plain_decimal)
{
	static const struct {
		const char *field;
		uint64_t ns;
	} good[] = {
		{ "10", 10000000000ULL },     { "9.5", 9500000000ULL },
		{ "0.001", 1000000 },	      { "0.0000000011", 1 },
		{ "007", 7000000000ULL },     { "3600", 3600000000000ULL },
		{ "3601", 3600000000000ULL }, { "99999999999999999999999999", 3600000000000ULL },
	};
	static const char *const bad[] = { "",	 "0",  "0.0", "-1",  "+1",  " 1",   "1 ",  "1s",
					   ".5", "1.", "1e3", "inf", "nan", "0x10", "1,5", "1.5.2" };
	uint64_t ns = 42;

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		ck_assert_int_eq(http_header__scrape_timeout(&ns, good[i].field), 0);
		ck_assert_msg(ns == good[i].ns, "%s", good[i].field);
	}
	ns = 42;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(http_header__scrape_timeout(&ns, bad[i]) == -EINVAL && ns == 42, "%s",
			      bad[i]);
}
END_TEST

static void expect_v4(const char *text, const char *addr, uint16_t port)
{
	struct listen_address address;
	const char *message;
	struct sockaddr_in *in = (struct sockaddr_in *)&address.addr;

	ck_assert_int_eq(listen_address__parse(&address, text, &message), 0);
	ck_assert_int_eq(in->sin_family, AF_INET);
	ck_assert_int_eq(ntohs(in->sin_port), port);
	ck_assert_str_eq(inet_ntoa(in->sin_addr), addr);
}

START_TEST(addresses_are_parsed)
{
	struct listen_address address;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&address.addr;
	const char *message;

	expect_v4("127.0.0.1:9777", "127.0.0.1", 9777);
	expect_v4("0.0.0.0:0", "0.0.0.0", 0);
	expect_v4("localhost:65535", "127.0.0.1", 65535);
	ck_assert_int_eq(listen_address__parse(&address, "[::1]:80", &message), 0);
	ck_assert(IN6_IS_ADDR_LOOPBACK(&in6->sin6_addr));
	ck_assert_int_eq(ntohs(in6->sin6_port), 80);
	ck_assert_int_eq(listen_address__parse(&address, "[fe80::1%lo]:80", &message), 0);
	ck_assert_int_eq(in6->sin6_scope_id, 1);
}
END_TEST

START_TEST(bad_addresses_are_explained)
{
	static const struct {
		const char *listen, *message;
	} cases[] = {
		{ "", "listen : expected ADDR:PORT, [V6ADDR]:PORT or localhost:PORT" },
		{ "9777", "listen 9777: expected ADDR:PORT, [V6ADDR]:PORT or localhost:PORT" },
		{ "[::1:80",
		  "listen [::1:80: expected ADDR:PORT, [V6ADDR]:PORT or localhost:PORT" },
		{ "[::1]", "listen [::1]: expected ADDR:PORT, [V6ADDR]:PORT or localhost:PORT" },
		{ ":9777",
		  "listen :9777: no address; use 127.0.0.1:9777, or 0.0.0.0:9777 for every "
		  "address" },
		{ "1.2.3.4:", "listen 1.2.3.4:: the port must be a number from 0 to 65535" },
		{ "1.2.3.4:65536",
		  "listen 1.2.3.4:65536: the port must be a number from 0 to 65535" },
		{ "1.2.3.4:+80", "listen 1.2.3.4:+80: the port must be a number from 0 to 65535" },
		{ "1.2.3.4:80x", "listen 1.2.3.4:80x: the port must be a number from 0 to 65535" },
		{ "1.2.3.4:000080",
		  "listen 1.2.3.4:000080: the port must be a number from 0 to 65535" },
		{ "::1:9777",
		  "listen ::1:9777: an IPv6 address goes in brackets, as in [::1]:9777" },
		{ "1.2.3:80", "listen 1.2.3:80: not an address (names other than localhost are not "
			      "resolved)" },
		{ "example.com:80", "listen example.com:80: not an address (names other than "
				    "localhost are not resolved)" },
		{ "[1.2.3.4]:80",
		  "listen [1.2.3.4]:80: what is in the brackets is not an IPv6 address" },
		{ "[]:80", "listen []:80: what is in the brackets is not an IPv6 address" },
		{ "[fe80::1%nosuchif]:80",
		  "listen [fe80::1%nosuchif]:80: no network interface has the name after %" },
		{ "a\nb:80",
		  "listen a\\x0ab:80: not an address (names other than localhost are not "
		  "resolved)" },
	};
	struct listen_address address;
	const char *message;
	char longer[4096];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ck_assert_int_eq(listen_address__parse(&address, cases[i].listen, &message),
				 -EINVAL);
		ck_assert_str_eq(message, cases[i].message);
	}
	memset(longer, '1', sizeof(longer));
	memcpy(longer + sizeof(longer) - 4, ":80", 4);
	ck_assert_int_eq(listen_address__parse(&address, longer, &message), -EINVAL);
	ck_assert_ptr_nonnull(strstr(message, "the address is too long"));
}
END_TEST

/* 0 if the message is right, or if this host lets everyone bind every port. */
static int low_port_is_explained(void)
{
	const char *message;
	int fd;

	if (!listen__open(&fd, "127.0.0.1:83", &message))
		return 0;
	return strcmp(message, "listen 127.0.0.1:83: permission denied (a port below 1024 needs "
			       "CAP_NET_BIND_SERVICE)") != 0;
}

/* In a process of its own, as what is given up cannot be had back. */
static int as_nobody(int (*check)(void))
{
	int status = -1;
	pid_t child = fork();

	if (!child) {
		if (!geteuid() && setuid(65534))
			_exit(2);
		_exit(check());
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	return status;
}

START_TEST(listening_errors_are_explained)
{
	const char *message = NULL;
	char text[64], expected[128];
	int fd, second = -1;

	ck_assert_int_eq(listen__open(&fd, "127.0.0.1:0", &message), 0);
	snprintf(text, sizeof(text), "127.0.0.1:%d", listen__port(fd));
	snprintf(expected, sizeof(expected), "listen %s: address already in use", text);
	ck_assert_int_eq(listen__open(&second, text, &message), -EADDRINUSE);
	ck_assert_str_eq(message, expected);
	ck_assert_int_eq(second, -1);
	close(fd);
	ck_assert_int_eq(listen__open(&second, text, &message), 0);
	close(second);

	ck_assert_int_eq(listen__open(&fd, "203.0.113.9:0", &message), -EADDRNOTAVAIL);
	ck_assert_str_eq(message,
			 "listen 203.0.113.9:0: no interface of this host has that address");
	ck_assert_int_eq(as_nobody(low_port_is_explained), 0);
}
END_TEST

Suite *http_parse_suite(void)
{
	Suite *suite = suite_create("http_parse");
	TCase *tc = tcase_create("parse");

	tcase_add_test(tc, accept_encoding_decides_on_gzip);
	tcase_add_test(tc, scrape_timeout_is_a_plain_decimal);
	tcase_add_test(tc, addresses_are_parsed);
	tcase_add_test(tc, bad_addresses_are_explained);
	tcase_add_test(tc, listening_errors_are_explained);
	suite_add_tcase(suite, tc);
	return suite;
}
