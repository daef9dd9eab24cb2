// SPDX-License-Identifier: Apache-2.0
/* What servers and the processes that ask them say, and which version is asked what. */
#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "collect/postgres/ask.h"
#include "collect/postgres/find.h"
#include "collect/postgres/queries.h"
#include "collect/postgres/result.h"
#include "collect/postgres/server.h"
#include "collect/postgres/server_files.h"
#include "config/conninfo.h"

Suite *postgres_suite(void);

#define NS_PER_S 1000000000ULL

static int parse(const char *text, struct postgres_result *ret_result)
{
	return postgres_result__parse(text, strlen(text), ret_result);
}

/* The value of a kind with these labels; fails if there is none. */
static uint64_t value_of(const struct postgres_result *result, enum reading_kind kind,
			 const char *first, const char *second)
{
	for (size_t i = 0; i < result->count; i++)
		if (result->value[i].kind == kind &&
		    strcmp(result->text + result->value[i].label[0], first) == 0 &&
		    strcmp(result->text + result->value[i].label[1], second) == 0)
			return result->value[i].value;
	ck_abort_msg("no %s of \"%s\", \"%s\"", postgres_kind__name(kind), first, second);
}

/* Recorded from PostgreSQL 15.18, shortened. */
static const char recorded[] =
	"edgetap 1\n"
	"up 150018 postgres\n"
	"PG_DATABASE_NUMBACKENDS\t0\t\n"
	"PG_DATABASE_XACT_COMMIT\t0\t\n"
	"PG_DATABASE_NUMBACKENDS\t1\tpostgres\n"
	"PG_DATABASE_XACT_COMMIT\t307\tpostgres\n"
	"PG_DATABASE_BLK_READ_TIME\t4511000\tpostgres\n"
	"PG_ACTIVITY_COUNT\t1\tpostgres\tactive\n"
	"PG_ACTIVITY_MAX_TX_DURATION\t0\tpostgres\tactive\n"
	"PG_ACTIVITY_COUNT\t0\tpostgres\tidle in transaction (aborted)\n"
	"PG_BGWRITER_STATS_RESET\t1795276024340657000\n"
	"PG_REPLICATION_WAL_LSN_DIFF\t96\twalreceiver\t127.0.0.1\tstreaming\n"
	"PG_REPLICATION_LAG\t0\n"
	"missing\t1\n"
	"end\n";

START_TEST(test_recorded)
{
	struct postgres_result result;

	ck_assert_int_eq(parse(recorded, &result), 0);
	ck_assert_int_eq(result.failure, POSTGRES_NONE);
	ck_assert_int_eq(result.version, 150018);
	ck_assert_str_eq(result.role, "postgres");
	ck_assert_uint_eq(result.missing, 1);
	ck_assert_uint_eq(result.repeated, 0);
	ck_assert_uint_eq(result.count, 11);
	ck_assert_uint_eq(value_of(&result, READING_PG_DATABASE_XACT_COMMIT, "postgres", ""), 307);
	ck_assert_uint_eq(value_of(&result, READING_PG_DATABASE_NUMBACKENDS, "", ""), 0);
	ck_assert_uint_eq(value_of(&result, READING_PG_ACTIVITY_COUNT, "postgres", "active"), 1);
	ck_assert_uint_eq(value_of(&result, READING_PG_BGWRITER_STATS_RESET, "", ""),
			  1795276024340657000ULL);
	ck_assert_uint_eq(value_of(&result, READING_PG_REPLICATION_WAL_LSN_DIFF, "walreceiver",
				   "127.0.0.1"),
			  96);
	postgres_result__free(&result);
}
END_TEST

/* Cut anywhere, it is no result. */
START_TEST(test_cut)
{
	struct postgres_result result;

	for (size_t length = 0; length < sizeof(recorded) - 1; length++)
		ck_assert_int_eq(postgres_result__parse(recorded, length, &result), -EBADMSG);
}
END_TEST

static const char *const bad[] = {
	"",
	"end\n",
	"edgetap 2\nup 150018 a\nend\n",
	"edgetap 1\nup 150018\nend\n",
	"edgetap 1\nup 150018 \nend\n",
	"edgetap 1\nup -1 a\nend\n",
	"edgetap 1\nup 99999999999 a\nend\n",
	"edgetap 1\nup 150018 a\nend\nend\n",
	"edgetap 1\nup 150018 a\nend\n ",
	"edgetap 1\nup 150018 a\nPG_UP\t1\nend\n",
	"edgetap 1\nup 150018 a\nMEM_TOTAL\t1\nend\n",
	"edgetap 1\nup 150018 a\nPG_NOTHING\t1\nend\n",
	"edgetap 1\nup 150018 a\nPG_ARCHIVER_FAILED\t-1\nend\n",
	"edgetap 1\nup 150018 a\nPG_ARCHIVER_FAILED\t1.5\nend\n",
	"edgetap 1\nup 150018 a\nPG_ARCHIVER_FAILED\t01\nend\n",
	"edgetap 1\nup 150018 a\nPG_ARCHIVER_FAILED\t\nend\n",
	"edgetap 1\nup 150018 a\nPG_ARCHIVER_FAILED\t18446744073709551616\nend\n",
	"edgetap 1\nup 150018 a\nPG_ARCHIVER_FAILED\t1\tx\nend\n",
	"edgetap 1\nup 150018 a\nPG_DATABASE_SIZE\t1\nend\n",
	"edgetap 1\nup 150018 a\nPG_DATABASE_SIZE\t1\ta\tb\nend\n",
	"edgetap 1\nup 150018 a\nPG_DATABASE_SIZE\t1\ta\rb\nend\n",
	"edgetap 1\nup 150018 a\nmissing\tx\nend\n",
	"edgetap 1\ndown\nend\n",
	"edgetap 1\ndown none it is up\nend\n",
	"edgetap 1\ndown whatever it is\nend\n",
	"edgetap 1\ndown password no\nPG_ARCHIVER_FAILED\t1\nend\n",
};

START_TEST(test_bad)
{
	struct postgres_result result;

	ck_assert_msg(parse(bad[_i], &result) == -EBADMSG, "%s", bad[_i]);
}
END_TEST

START_TEST(test_down)
{
	struct postgres_result result;

	ck_assert_int_eq(
		parse("edgetap 1\ndown password fe_sendauth: no \xffpassword\nend\n", &result), 0);
	ck_assert_int_eq(result.failure, POSTGRES_PASSWORD);
	ck_assert_str_eq(result.sentence, "fe_sendauth: no \\xffpassword");
	ck_assert_uint_eq(result.count, 0);
	postgres_result__free(&result);
}
END_TEST

/* A series twice, once by the names as they are and once by what they are repaired to. */
START_TEST(test_repeated)
{
	struct postgres_result result;

	ck_assert_int_eq(parse("edgetap 1\nup 150018 a\n"
			       "PG_DATABASE_SIZE\t7\tx\n"
			       "PG_DATABASE_SIZE\t5\tx\n"
			       "PG_DATABASE_SIZE\t3\t\xfe\n"
			       "PG_DATABASE_SIZE\t4\t\xff\n"
			       "end\n",
			       &result),
			 0);
	ck_assert_uint_eq(result.count, 2);
	ck_assert_uint_eq(result.repeated, 2);
	ck_assert_uint_eq(value_of(&result, READING_PG_DATABASE_SIZE, "x", ""), 5);
	ck_assert_uint_eq(value_of(&result, READING_PG_DATABASE_SIZE, "\xef\xbf\xbd", ""), 3);
	postgres_result__free(&result);
}
END_TEST

START_TEST(test_too_many)
{
	struct postgres_result result;
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);

	fprintf(out, "edgetap 1\nup 150018 a\n");
	for (int i = 0; i <= POSTGRES_MAX_VALUES; i++)
		fprintf(out, "PG_DATABASE_SIZE\t1\t%d\n", i);
	fprintf(out, "end\n");
	fclose(out);
	ck_assert_int_eq(postgres_result__parse(text, size, &result), -E2BIG);
	free(text);
}
END_TEST

/* Which kinds a version is asked for, and that none is asked for twice. */
static void asked(int version, bool ret_asked[READING_KINDS])
{
	const struct postgres_query *queries;
	size_t count = postgres_query__all(&queries);

	memset(ret_asked, 0, READING_KINDS * sizeof(*ret_asked));
	for (size_t i = 0; i < count; i++) {
		if (!postgres_query__fits(&queries[i], version))
			continue;
		for (unsigned int k = 0; k < queries[i].kinds; k++) {
			ck_assert_msg(!ret_asked[queries[i].kind[k]], "%s twice in %d",
				      postgres_kind__name(queries[i].kind[k]), version);
			ret_asked[queries[i].kind[k]] = true;
		}
	}
}

START_TEST(test_versions)
{
	static const int versions[] = { 100000, 110022, 120000, 130014, 140011,
					150018, 160004, 170000, 180000 };
	bool is_asked[READING_KINDS];

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		const int version = versions[i];

		asked(version, is_asked);
		for (int kind = READING_PG_ACTIVITY_COUNT; kind < READING_PG_UP; kind++) {
			bool there = true;

			/* what backends write is not in the views of 17 */
			if (kind == READING_PG_BGWRITER_BUFFERS_BACKEND ||
			    kind == READING_PG_BGWRITER_BUFFERS_BACKEND_FSYNC)
				there = version < 170000;
			if (kind == READING_PG_REPLICATION_REPLY_TIME)
				there = version >= 120000;
			ck_assert_msg(is_asked[kind] == there, "%s of %d",
				      postgres_kind__name((enum reading_kind)kind), version);
		}
	}
	ck_assert_int_eq(postgres_kind__labels(READING_PG_UP), -1);
	ck_assert_int_eq(postgres_kind__labels(READING_MEM_TOTAL), -1);
	ck_assert_int_eq(postgres_kind__find("PG_UP", 5), -1);
}
END_TEST

START_TEST(test_postmaster)
{
	struct postmaster p;

	ck_assert_int_eq(server_files__postmaster("5681\n/data\n1795276024\n5499\n/run/postgresql\n"
						  "127.0.0.1\n 11207057         4\nready   \n",
						  &p),
			 0);
	ck_assert_uint_eq(p.port, 5499);
	ck_assert_str_eq(p.socket_directory, "/run/postgresql");
	ck_assert(p.is_ready);
	ck_assert_int_eq(
		server_files__postmaster("1\n/data\n2\n5432\nsock\n*\n1 1\nstarting\n", &p), 0);
	ck_assert_str_eq(p.socket_directory, "/data/sock");
	ck_assert(!p.is_ready);
	ck_assert_int_eq(server_files__postmaster("1\n/data\n2\n5432\n\n*\n1 1\nstandby \n", &p),
			 0);
	ck_assert_str_eq(p.socket_directory, "");
	ck_assert(p.is_ready);
	/* not written yet */
	ck_assert_int_eq(server_files__postmaster("1\n/data\n2\n5432\n\n", &p), 0);
	ck_assert(!p.is_ready);
	ck_assert_int_eq(server_files__postmaster("1\n/data\n2\n5432\n/tmp", &p), 0);
	ck_assert(!p.is_ready);
	ck_assert_int_eq(server_files__postmaster("", &p), -EBADMSG);
	ck_assert_int_eq(server_files__postmaster("1\n/data\n2\n5432", &p), -EBADMSG);
	ck_assert_int_eq(server_files__postmaster("1\n/data\n2\n0\n/tmp\n", &p), -EBADMSG);
	ck_assert_int_eq(server_files__postmaster("1\n/data\n2\n65536\n/tmp\n", &p), -EBADMSG);
	ck_assert_int_eq(server_files__postmaster("1\n/data\n2\n54 32\n/tmp\n", &p), -EBADMSG);
	ck_assert_int_eq(server_files__postmaster("1\ndata\n2\n5432\nsock\n", &p), -EBADMSG);
	ck_assert_int_eq(server_files__postmaster(
				 "1\n/data\n2\n5432\n/a234567890123456789012345678901234567890"
				 "12345678901234567890123456789012345678901234567890123456789012"
				 "345678901234567890\n",
				 &p),
			 -EBADMSG);
}
END_TEST

START_TEST(test_names)
{
	static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n\nbroken\n:x:70:0::/:\n"
				     "a:b\npostgres:x:70:70:P:/var/lib:/bin/sh\nlast:x:999:1::/:";
	static const char environment[] = "PATH=/bin\0POSTGRES_USERS=x\0POSTGRES_USER=shop owner\0"
					  "BAD=a\nb";
	char name[POSTGRES_ROLE_BYTES];
	uid_t uid;
	gid_t gid;

	ck_assert_int_eq(server_files__user(passwd, 0, name), 0);
	ck_assert_str_eq(name, "root");
	ck_assert_int_eq(server_files__user(passwd, 999, name), 0);
	ck_assert_str_eq(name, "last");
	/* the first of a number is the one that counts, and that has no name */
	ck_assert_int_eq(server_files__user(passwd, 70, name), -ENOENT);
	ck_assert_int_eq(server_files__user(passwd, 7, name), -ENOENT);
	ck_assert_int_eq(server_files__user("", 7, name), -ENOENT);
	ck_assert_int_eq(
		server_files__variable(environment, sizeof(environment), "POSTGRES_USER", name), 0);
	ck_assert_str_eq(name, "shop owner");
	ck_assert_int_eq(server_files__variable(environment, sizeof(environment), "BAD", name),
			 -ENOENT);
	ck_assert_int_eq(server_files__variable(environment, sizeof(environment), "USER", name),
			 -ENOENT);
	ck_assert_int_eq(server_files__variable(environment, 4, "PATH", name), -ENOENT);
	ck_assert_int_eq(server_files__inside("         0          0 4294967295\n", 26, &uid), 0);
	ck_assert_uint_eq(uid, 26);
	ck_assert_int_eq(server_files__inside("0 1000 1\n1 100000 65536\n", 100025, &uid), 0);
	ck_assert_uint_eq(uid, 26);
	ck_assert_int_eq(server_files__inside("0 1000 1\n1 100000 65536\n", 1001, &uid), -ENOENT);
	ck_assert_int_eq(server_files__inside("rubbish", 0, &uid), -ENOENT);
	ck_assert_int_eq(
		server_files__ids("Name:\tx\\nUid:\t0\t0\nUid:\t1\t26\t26\t26\nGid:\t2\t27\t2\t2\n",
				  &uid, &gid),
		0);
	ck_assert_uint_eq(uid, 26);
	ck_assert_uint_eq(gid, 27);
	ck_assert_int_eq(server_files__ids("Uid:\t1\n", &uid, &gid), -EBADMSG);
}
END_TEST

START_TEST(test_stat)
{
	struct find_stat stat;

	ck_assert_int_eq(find__parse("7 (postgres) S 1 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 "
				     "123456 9 9",
				     &stat),
			 0);
	ck_assert_str_eq(stat.name, "postgres");
	ck_assert_int_eq(stat.state, 'S');
	ck_assert_int_eq(stat.parent, 1);
	ck_assert_uint_eq(stat.start_ticks, 123456);
	ck_assert_int_eq(find__parse("7 (a) R 5 (b) T 3 7 7 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 "
				     "77 9 9",
				     &stat),
			 0);
	ck_assert_int_eq(stat.state, 'T');
	ck_assert_uint_eq(stat.start_ticks, 77);
	ck_assert_int_eq(find__parse("7 (postgres) S 1 7 7 0", &stat), -EBADMSG);
	ck_assert_int_eq(find__parse("7 postgres S 1", &stat), -EBADMSG);
	ck_assert_int_eq(find__parse(")(", &stat), -EBADMSG);
}
END_TEST

START_TEST(test_conninfo)
{
	const struct ask unix_socket = { .conninfo = "user=monitor" };
	const struct ask address = { .conninfo = "hostaddr=127.0.0.1" };

	ck_assert_ptr_null(conninfo__obstacle("host=127.0.0.1 port=5432 user=a dbname=b"));
	ck_assert_ptr_null(
		conninfo__obstacle("postgresql://a@127.0.0.1:5432/b?sslmode=verify-full"));
	ck_assert_ptr_nonnull(strstr(conninfo__obstacle("user=a password=b"), "password_file"));
	ck_assert_ptr_nonnull(conninfo__obstacle("service=a"));
	ck_assert_ptr_nonnull(conninfo__obstacle("passfile=/a"));
	ck_assert_ptr_nonnull(conninfo__obstacle("options='-c a=b'"));
	ck_assert_ptr_nonnull(conninfo__obstacle("nonsense"));
	ck_assert(!conninfo__has_host(unix_socket.conninfo));
	ck_assert(conninfo__has_host(address.conninfo));
}
END_TEST

static const struct model_labels labels_a = { { "shop-db", "", "a", "", "" } };
static const struct model_labels labels_b = { { "shop-db", "", "b", "", "" } };

static struct server_list list;

static void finish(struct server *server, const char *text, uint64_t now_ns)
{
	struct postgres_result result;

	ck_assert_int_eq(parse(text, &result), 0);
	server__finish(server, &result, now_ns, 15 * NS_PER_S);
}

static size_t count_of(const struct server *server, enum reading_kind kind, uint64_t now_ns,
		       uint64_t *ret_value)
{
	const struct reading *first;
	struct readings *readings;
	size_t count;

	ck_assert_int_eq(readings__new(&readings), 0);
	server__read(server, readings, now_ns);
	count = readings__of(readings, kind, &first);
	*ret_value = count ? first->value : 0;
	readings__free(readings);
	return count;
}

/* What it said is shown for a minute; whether it is up as of the last time. */
START_TEST(test_life)
{
	struct server *server = server_list__add(&list, 100, 5);
	uint64_t value;

	ck_assert(!server_list__is_due(&list, server, NS_PER_S));
	server__set_labels(server, &labels_a);
	ck_assert(server_list__is_due(&list, server, NS_PER_S));
	ck_assert_uint_eq(count_of(server, READING_PG_UP, NS_PER_S, &value), 0);
	finish(server, recorded, NS_PER_S);
	ck_assert_str_eq(server->role, "postgres");
	ck_assert(!server_list__is_due(&list, server, 15 * NS_PER_S));
	ck_assert(server_list__is_due(&list, server, 16 * NS_PER_S));
	ck_assert_uint_eq(count_of(server, READING_PG_UP, 2 * NS_PER_S, &value), 1);
	ck_assert_uint_eq(value, 1);
	finish(server, "edgetap 1\ndown connect refused\nend\n", 16 * NS_PER_S);
	ck_assert_uint_eq(count_of(server, READING_PG_UP, 17 * NS_PER_S, &value), 1);
	ck_assert_uint_eq(value, 0);
	ck_assert_uint_eq(count_of(server, READING_PG_REPLICATION_LAG, 61 * NS_PER_S, &value), 1);
	ck_assert_uint_eq(count_of(server, READING_PG_REPLICATION_LAG, 62 * NS_PER_S, &value), 0);
	/* ever less often, but never than every two minutes */
	for (uint64_t i = 0, now_ns = 31 * NS_PER_S; i < 10; i++) {
		ck_assert(server_list__is_due(&list, server, now_ns));
		finish(server, "edgetap 1\ndown connect refused\nend\n", now_ns);
		ck_assert(!server_list__is_due(&list, server, now_ns + 29 * NS_PER_S));
		now_ns += i ? i == 1 ? 60 * NS_PER_S : 120 * NS_PER_S : 30 * NS_PER_S;
	}
	/* one that is no server is nobody's failure */
	finish(server, "edgetap 1\ndown no_server it is none\nend\n", 2000 * NS_PER_S);
	ck_assert_uint_eq(count_of(server, READING_PG_UP, 2000 * NS_PER_S, &value), 0);
	server_list__free(&list);
}
END_TEST

START_TEST(test_list)
{
	const struct config_postgres rules[] = { { .match_instance = "a", .is_off = true },
						 { .match_app = "shop-*", .conninfo = "user=x" } };
	struct server *one = server_list__add(&list, 100, 5), *two, *last = NULL;

	server__set_labels(one, &labels_a);
	ck_assert_ptr_eq(server_list__add(&list, 100, 5), one);
	/* another process of the same number */
	two = server_list__add(&list, 100, 4);
	ck_assert_ptr_ne(two, one);
	server__set_labels(two, &labels_a);
	server_list__hide(&list);
	ck_assert(one->is_hidden && !two->is_hidden);
	server__set_labels(two, &labels_b);
	server_list__hide(&list);
	ck_assert(!one->is_hidden && !two->is_hidden);
	ck_assert_int_eq(server__rule(one, rules, 2), -2);
	ck_assert_int_eq(server__rule(two, rules, 2), 1);
	ck_assert_int_eq(server__rule(two, rules, 1), -1);
	/* who only has the name takes no place from who is what the rule demands, however old */
	server__set_labels(two, &labels_a);
	finish(two, "edgetap 1\ndown unproven it is not\nend\n", NS_PER_S);
	server_list__hide(&list);
	ck_assert(!one->is_hidden && two->is_hidden);
	finish(one, "edgetap 1\ndown unproven it is not\nend\n", NS_PER_S);
	server_list__hide(&list);
	ck_assert(one->is_hidden && !two->is_hidden);
	server__set_labels(two, &labels_b);
	server_list__hide(&list);
	server_list__leave(&list, "shop-db", 10);
	ck_assert(server_list__is_left(&list, one, 9));
	ck_assert(!server_list__is_due(&list, one, 9));
	ck_assert(!server_list__is_left(&list, one, 10));
	for (int i = 0; i < POSTGRES_MAX_SERVERS; i++)
		last = server_list__add(&list, 200 + i, 1);
	ck_assert_ptr_null(last);
	server_list__remove(one);
	ck_assert_ptr_nonnull(server_list__add(&list, 300, 1));
	server_list__free(&list);
}
END_TEST

Suite *postgres_suite(void)
{
	Suite *suite = suite_create("postgres");
	TCase *tests = tcase_create("result");

	tcase_add_test(tests, test_recorded);
	tcase_add_test(tests, test_cut);
	tcase_add_loop_test(tests, test_bad, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(tests, test_down);
	tcase_add_test(tests, test_repeated);
	tcase_add_test(tests, test_too_many);
	suite_add_tcase(suite, tests);
	tests = tcase_create("server");
	tcase_add_test(tests, test_versions);
	tcase_add_test(tests, test_postmaster);
	tcase_add_test(tests, test_names);
	tcase_add_test(tests, test_stat);
	tcase_add_test(tests, test_conninfo);
	tcase_add_test(tests, test_life);
	tcase_add_test(tests, test_list);
	suite_add_tcase(suite, tests);
	return suite;
}
