// SPDX-License-Identifier: Apache-2.0
/* Fair shares and turns, and which addresses are one owner. */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/network.h"
#include "http/turns.h"

Suite *turns_suite(void);

#define OWNERS 40

START_TEST(shares_leave_room)
{
	/* One alone gets half, n get an (n + 1)th each, and another one finds room. */
	for (unsigned int all = 2; all < 200; all++) {
		for (unsigned int n = 1; n < all; n++) {
			unsigned int own[200] = {}, used = 0;
			bool has_grown = true;

			while (has_grown) {
				has_grown = false;
				for (unsigned int i = 0; i < n; i++)
					if (share__has_room(used, own[i], 1, all)) {
						own[i]++;
						used++;
						has_grown = true;
					}
			}
			for (unsigned int i = 0; i < n; i++)
				ck_assert_uint_le(own[i], all / (n + 1) + 1);
			ck_assert(share__has_room(used, 0, 1, all));
		}
	}
	ck_assert(share__has_room(0, 0, 1, 1));
	ck_assert(!share__has_room(1, 0, 1, 1));
	ck_assert(!share__has_room(0, 0, 1, 0));
	ck_assert(!share__has_room(5, 0, 1, 4));
	ck_assert(!share__has_room(0, 5, 1, 4));
	ck_assert(!share__has_room(0, UINT64_MAX, 2, UINT64_MAX));
	ck_assert(!share__has_room(UINT64_MAX, UINT64_MAX, UINT64_MAX, 4));
}
END_TEST

struct request {
	struct turn turn;
	int owner, number;
};

static struct request requests[OWNERS * OWNERS];
static struct line lines[OWNERS];

static void setup(void)
{
	memset(requests, 0, sizeof(requests));
	memset(lines, 0, sizeof(lines));
}

static int wait_as(struct turns *turns, int owner, int number, bool is_known)
{
	struct request *request = &requests[owner * OWNERS + number];

	request->owner = owner;
	request->number = number;
	return turns__wait(turns, &lines[owner], &request->turn, is_known);
}

static void ck_turn(struct turns *turns, int owner, int number)
{
	struct line *line;
	struct request *request = (struct request *)turns__next(turns, &line);

	ck_assert_ptr_nonnull(request);
	ck_assert_int_eq(request->owner, owner);
	ck_assert_int_eq(request->number, number);
	ck_assert_ptr_eq(line, &lines[owner]);
	turns__end(turns, line);
}

START_TEST(each_owner_has_a_turn_in_a_round)
{
	struct turns turns = { .places = 100, .workers = 1 };
	struct line *line;

	for (int i = 0; i < 5; i++)
		ck_assert_int_eq(wait_as(&turns, 0, i, false), 0);
	ck_turn(&turns, 0, 0);
	/* Who comes later waits for one of the others', not for all. */
	ck_assert_int_eq(wait_as(&turns, 1, 0, false), 0);
	ck_assert_int_eq(wait_as(&turns, 2, 0, false), 0);
	ck_assert_int_eq(wait_as(&turns, 1, 1, false), 0);
	ck_turn(&turns, 0, 1);
	ck_turn(&turns, 1, 0);
	ck_turn(&turns, 2, 0);
	ck_turn(&turns, 0, 2);
	ck_turn(&turns, 1, 1);
	ck_turn(&turns, 0, 3);
	/* One that has gone comes in again at the end. */
	ck_assert_int_eq(wait_as(&turns, 2, 1, false), 0);
	ck_turn(&turns, 0, 4);
	ck_turn(&turns, 2, 1);
	ck_assert_ptr_null(turns__next(&turns, &line));
	ck_assert_uint_eq(turns.waiting + turns.running, 0);
	ck_assert_ptr_null(turns.next);
}
END_TEST

START_TEST(places_are_shared)
{
	struct turns turns = { .places = 8, .reserved = 4, .workers = 1 };
	int got[2] = {};

	for (int i = 0; i < 10; i++)
		got[0] += wait_as(&turns, 0, i, false) == 0;
	ck_assert_int_eq(got[0], 4);
	for (int i = 0; i < 10; i++)
		got[1] += wait_as(&turns, 1, i, false) == 0;
	ck_assert_int_eq(got[1], 2);
	/* As many owners as there are places; who is known has others. */
	ck_assert_int_eq(wait_as(&turns, 2, 0, false), 0);
	ck_assert_int_eq(wait_as(&turns, 3, 0, false), 0);
	ck_assert_int_eq(wait_as(&turns, 4, 0, false), -EBUSY);
	ck_assert_int_eq(wait_as(&turns, 4, 0, true), 0);
	ck_assert_int_eq(wait_as(&turns, 4, 1, true), 0);
	ck_assert_int_eq(wait_as(&turns, 4, 2, true), -EBUSY);
	ck_assert_int_eq(wait_as(&turns, 5, 0, true), 0);
	ck_assert_uint_eq(turns.waiting, 11);
}
END_TEST

START_TEST(workers_are_shared)
{
	struct turns turns = { .places = 100, .workers = 4 };
	struct line *line, *other;

	for (int i = 0; i < 5; i++)
		wait_as(&turns, 0, i, false);
	ck_assert_ptr_nonnull(turns__next(&turns, &line));
	ck_assert_ptr_nonnull(turns__next(&turns, &line));
	ck_assert_ptr_null(turns__next(&turns, &other));
	wait_as(&turns, 1, 0, false);
	ck_assert_ptr_eq(turns__next(&turns, &other), &requests[OWNERS].turn);
	ck_assert_ptr_eq(other, &lines[1]);
	ck_assert_ptr_null(turns__next(&turns, &other));
	turns__end(&turns, line);
	turns__end(&turns, &lines[1]);
	ck_assert_ptr_nonnull(turns__next(&turns, &other));
	ck_assert_ptr_eq(other, &lines[0]);
}
END_TEST

static bool is_even(const struct turn *turn, const void *as)
{
	(void)as;
	return ((const struct request *)turn)->number % 2 == 0;
}

START_TEST(who_fits_is_taken_from_all)
{
	struct turns turns = { .places = 1000, .workers = 1 };
	struct turn *taken;
	struct line *line;
	int count = 0;

	ck_assert_ptr_null(turns__take(&turns, is_even, NULL));
	for (int owner = 0; owner < 4; owner++)
		for (int i = owner; i < 6; i++)
			wait_as(&turns, owner, i, false);
	wait_as(&turns, 5, 2, false);
	for (taken = turns__take(&turns, is_even, NULL); taken; taken = taken->next)
		count += is_even(taken, NULL) ? 1 : 100;
	ck_assert_int_eq(count, 3 + 2 + 2 + 1 + 1);
	ck_assert_ptr_null(lines[5].next);
	wait_as(&turns, 0, 7, false);
	for (count = 0; turns__next(&turns, &line); count++)
		turns__end(&turns, line);
	ck_assert_int_eq(count, 3 + 3 + 2 + 2 + 1);
	ck_assert_uint_eq(turns.waiting, 0);
}
END_TEST

/* Against a count that is made anew each time: nothing is lost, and nobody is passed over twice. */
START_TEST(random_rounds)
{
	struct turns turns = { .places = 200, .reserved = 50, .workers = 3 };
	int waiting[OWNERS] = {}, passed[OWNERS] = {}, next[OWNERS] = {};
	int running[OWNERS] = {};

	srand(7);
	for (int step = 0; step < 200000; step++) {
		int owner = rand() % OWNERS;
		struct line *line;

		if (rand() % 2) {
			if (waiting[owner] < OWNERS - 1 &&
			    !wait_as(&turns, owner, next[owner] % OWNERS, rand() % 2)) {
				waiting[owner]++;
				next[owner]++;
			}
		} else if (running[owner]) {
			turns__end(&turns, &lines[owner]);
			running[owner]--;
		} else if (turns__next(&turns, &line)) {
			int who = (int)(line - lines);

			waiting[who]--;
			running[who]++;
			for (int i = 0; i < OWNERS; i++)
				passed[i] = waiting[i] && i != who && !running[i] ? passed[i] + 1
										  : 0;
			for (int i = 0; i < OWNERS; i++)
				ck_assert_int_le(passed[i], OWNERS);
		}
		ck_assert_int_eq(lines[owner].waiting, waiting[owner]);
	}
}
END_TEST

static bool is_in(const char *network_text, const char *address_text)
{
	struct network network, address;

	ck_assert_int_eq(network__parse(&network, network_text), 0);
	ck_assert_int_eq(network__parse(&address, address_text), 0);
	return network__has(&network, &address.address);
}

START_TEST(networks)
{
	static const char *const good[] = {
		"192.0.2.7", "10.0.0.0/8",    "0.0.0.0/0",	  "::/0",
		"::1",	     "2001:db8::/32", "2001:db8::80/121", "10.1.2.4/31"
	};
	static const char *const bad[] = { "",
					   "10.0.0.1/8",
					   "10.0.0.0/33",
					   "10.0.0.0/",
					   "10.0.0.0/+8",
					   "10.0.0.0/08",
					   "10.0.0/8",
					   "2001:db8::1/32",
					   "2001:db8::/129",
					   "example.org",
					   " 10.0.0.1",
					   "10.0.0.1 ",
					   "::1%lo",
					   "10.0.0.0/8/8",
					   "[::1]",
					   "010.0.0.1" };
	struct network network;
	char text[NETWORK_BYTES];

	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++) {
		ck_assert_msg(!network__parse(&network, good[i]), "%s", good[i]);
		network__format(&network, text);
		ck_assert_str_eq(text, good[i]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		ck_assert_msg(network__parse(&network, bad[i]) == -EINVAL, "%s", bad[i]);
	ck_assert(is_in("10.0.0.0/8", "10.255.0.1") && !is_in("10.0.0.0/8", "11.0.0.1"));
	ck_assert(is_in("10.1.2.4/31", "10.1.2.5") && !is_in("10.1.2.4/31", "10.1.2.6"));
	ck_assert(is_in("0.0.0.0/0", "1.2.3.4") && !is_in("0.0.0.0/0", "2001:db8::1"));
	ck_assert(is_in("::/0", "1.2.3.4") && is_in("::ffff:10.0.0.0/104", "10.2.3.4"));
	ck_assert(is_in("2001:db8::/32", "2001:db8:1::1") && !is_in("2001:db8::/32", "2001:db9::"));
}
END_TEST

static bool is_one_owner(const char *one_text, const char *other_text)
{
	struct network one, other;

	ck_assert_int_eq(network__parse(&one, one_text), 0);
	ck_assert_int_eq(network__parse(&other, other_text), 0);
	one.address = network__owner(&one.address);
	other.address = network__owner(&other.address);
	return !memcmp(&one.address, &other.address, sizeof(one.address));
}

START_TEST(owners_of_addresses)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	struct in6_addr one, other;

	ck_assert(is_one_owner("2001:db8:1:2::1", "2001:db8:1:2:ffff::"));
	ck_assert(!is_one_owner("2001:db8:1:2::1", "2001:db8:1:3::1"));
	ck_assert(!is_one_owner("10.0.0.1", "10.0.0.2") && !is_one_owner("10.0.0.1", "::1"));
	/* An IPv4 client is the same one on a socket for both. */
	inet_pton(AF_INET, "10.0.0.1", &in.sin_addr);
	inet_pton(AF_INET6, "::ffff:10.0.0.1", &in6.sin6_addr);
	one = network__of((struct sockaddr *)&in);
	other = network__of((struct sockaddr *)&in6);
	ck_assert(!memcmp(&one, &other, sizeof(one)));
	one = network__of(&(struct sockaddr){ .sa_family = AF_UNIX });
	ck_assert(IN6_IS_ADDR_UNSPECIFIED(&one));
}
END_TEST

Suite *turns_suite(void)
{
	Suite *suite = suite_create("turns");
	TCase *tc = tcase_create("turns");

	tcase_add_checked_fixture(tc, setup, NULL);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, shares_leave_room);
	tcase_add_test(tc, each_owner_has_a_turn_in_a_round);
	tcase_add_test(tc, places_are_shared);
	tcase_add_test(tc, workers_are_shared);
	tcase_add_test(tc, who_fits_is_taken_from_all);
	tcase_add_test(tc, random_rounds);
	tcase_add_test(tc, networks);
	tcase_add_test(tc, owners_of_addresses);
	suite_add_tcase(suite, tc);
	return suite;
}
