// SPDX-License-Identifier: Apache-2.0
/*
 * Servers that are none, and what they get: each case plays a script to a real libpq and keeps
 * all that came back.
 */
#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "collect/postgres/ask.h"
#include "collect/postgres/dial.h"
#include "collect/postgres/gate.h"

Suite *postgres_dial_suite(void);

#define SECRET "xyzzy-secret"

#define CLEAR "R\0\0\0\x08\0\0\0\x03"
#define MD5 "R\0\0\0\x0c\0\0\0\x05salt"
#define SCRAM "R\0\0\0\x17\0\0\0\x0aSCRAM-SHA-256\0\0"
#define OK "R\0\0\0\x08\0\0\0\0"
#define NOTICE "N\0\0\0\x0eSNOTICE\0\0\0"
#define VERSION "v\0\0\0\x0c\0\0\0\0\0\0\0\0"
#define ERROR "E\0\0\0\x14SERROR\0Mnot so\0\0"
#define READY                                                                                      \
	"S\0\0\0\x19server_version\0"                                                              \
	"15.18\0"                                                                                  \
	"Z\0\0\0\x05I"

/* A part of a script: bytes, behind what the client says first if it is to be waited for. */
struct part {
	const char *bytes;
	size_t size;
	bool waits;
};

#define SAYS(text)                                                                                 \
	{                                                                                          \
		text, sizeof(text) - 1, false                                                      \
	}
#define ANSWERS(text)                                                                              \
	{                                                                                          \
		text, sizeof(text) - 1, true                                                       \
	}

struct play {
	const char *name;
	enum postgres_failure failure; /* through TCP, without TLS */
	struct part part[4];
	bool closes; /* at the end; it is silent else */
};

static const struct play plays[] = {
	{ "clear text", POSTGRES_UNPROVEN, { ANSWERS(CLEAR) }, false },
	{ "MD5", POSTGRES_UNPROVEN, { ANSWERS(MD5) }, false },
	{ "clear text at once", POSTGRES_UNPROVEN, { SAYS(CLEAR) }, false },
	{ "GSSAPI", POSTGRES_UNPROVEN, { ANSWERS("R\0\0\0\x08\0\0\0\x07") }, false },
	{ "SSPI", POSTGRES_UNPROVEN, { ANSWERS("R\0\0\0\x08\0\0\0\x09") }, false },
	{ "Kerberos", POSTGRES_UNPROVEN, { ANSWERS("R\0\0\0\x08\0\0\0\x02") }, false },
	{ "an unknown code", POSTGRES_UNPROVEN, { ANSWERS("R\0\0\0\x08\xff\xff\xff\xff") }, false },
	/* what libpq answers at any step of it */
	{ "SCRAM, then clear text", POSTGRES_UNPROVEN, { ANSWERS(SCRAM), ANSWERS(CLEAR) }, false },
	{ "SCRAM, then MD5", POSTGRES_UNPROVEN, { ANSWERS(SCRAM), ANSWERS(MD5) }, false },
	{ "SCRAM and clear text at once", POSTGRES_UNPROVEN, { ANSWERS(SCRAM CLEAR) }, false },
	{ "SCRAM and MD5 at once", POSTGRES_UNPROVEN, { SAYS(SCRAM MD5) }, false },
	/* libpq 15 takes neither before it is in, later ones do */
	{ "notice, clear text", POSTGRES_NONE, { ANSWERS(NOTICE CLEAR) }, true },
	{ "notice, then clear text", POSTGRES_NONE, { ANSWERS(NOTICE), SAYS(CLEAR) }, true },
	{ "version, clear text", POSTGRES_NONE, { ANSWERS(VERSION CLEAR) }, true },
	{ "error, clear text", POSTGRES_NONE, { ANSWERS(ERROR CLEAR) }, true },
	/* nobody asked whether there is TLS */
	{ "TLS", POSTGRES_UNPROVEN, { ANSWERS("S"), SAYS(CLEAR) }, false },
	{ "a greeting", POSTGRES_UNPROVEN, { SAYS("220 ready\r\n") }, false },
	{ "no length", POSTGRES_UNPROVEN, { ANSWERS("R\0\0\0\x03\0\0\0\x03") }, false },
	{ "no code", POSTGRES_UNPROVEN, { ANSWERS("R\0\0\0\x07\0\0\0\x03") }, false },
	{ "too long", POSTGRES_UNPROVEN, { ANSWERS("R\x7f\xff\xff\xff\0\0\0\x0a") }, false },
	{ "closes", POSTGRES_CONNECT, {}, true },
	{ "closes within", POSTGRES_CONNECT, { ANSWERS("R\0\0\0\x08\0\0") }, true },
	{ "closes after SCRAM", POSTGRES_CONNECT, { ANSWERS(SCRAM) }, true },
	/* what is not refused does not come to nothing, or the refusals would show nothing */
	{ "in", POSTGRES_NONE, { ANSWERS(OK READY) }, false },
	{ "in, in parts", POSTGRES_NONE, { ANSWERS(OK), SAYS(READY) }, false },
};

/* They end when they have asked, so that nobody waits for them. */
static const struct play brief[] = {
	{ "clear text", POSTGRES_NONE, { ANSWERS(CLEAR) }, true },
	{ "MD5", POSTGRES_NONE, { ANSWERS(MD5) }, true },
	{ "SCRAM", POSTGRES_NONE, { ANSWERS(SCRAM) }, true },
};

#define PLAYS (sizeof(plays) / sizeof(plays[0]))

struct theatre {
	pid_t pid;
	char port[8], directory[64];
	int heard; /* all that clients said */
	int over;  /* a byte for every client that has gone */
};

static void wait_for_client(int client, int heard)
{
	struct pollfd ready = { .fd = client, .events = POLLIN };
	char bytes[4096];
	ssize_t got;

	if (poll(&ready, 1, 3000) != 1)
		return;
	got = recv(client, bytes, sizeof(bytes), 0);
	if (got > 0 && write(heard, bytes, (size_t)got) != got)
		_exit(5);
}

/* piece: bytes at a time, so that each is read alone. */
static void perform(const struct play *play, size_t piece, int client, int heard)
{
	for (size_t i = 0; i < 4 && play->part[i].bytes; i++) {
		const struct part *part = &play->part[i];

		if (part->waits)
			wait_for_client(client, heard);
		for (size_t at = 0; at < part->size; at += piece) {
			size_t size = part->size - at < piece ? part->size - at : piece;

			if (send(client, part->bytes + at, size, MSG_NOSIGNAL) < 0)
				break;
			if (piece < part->size)
				usleep(300);
		}
	}
	if (play->closes)
		shutdown(client, SHUT_WR);
	for (char bytes[4096];;) {
		ssize_t got = recv(client, bytes, sizeof(bytes), 0);

		if (got <= 0 || write(heard, bytes, (size_t)got) != got)
			break;
	}
	close(client);
}

static int listen_on(struct theatre *theatre, bool is_unix)
{
	struct sockaddr_un path = { .sun_family = AF_UNIX };
	struct sockaddr_in address = { .sin_family = AF_INET,
				       .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(address);
	int fd = socket(is_unix ? AF_UNIX : AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (is_unix) {
		snprintf(theatre->directory, sizeof(theatre->directory), "/tmp/dial-XXXXXX");
		ck_assert_ptr_nonnull(mkdtemp(theatre->directory));
		snprintf(theatre->port, sizeof(theatre->port), "5432");
		snprintf(path.sun_path, sizeof(path.sun_path), "%s/.s.PGSQL.5432",
			 theatre->directory);
		ck_assert_int_eq(bind(fd, (struct sockaddr *)&path, sizeof(path)), 0);
		return fd;
	}
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	snprintf(theatre->port, sizeof(theatre->port), "%u", ntohs(address.sin_port));
	return fd;
}

static void open_theatre(struct theatre *theatre, const struct play *play, size_t piece,
			 bool is_unix)
{
	int fd, heard[2], begun[2], over[2];
	char byte;

	memset(theatre, 0, sizeof(*theatre));
	fd = listen_on(theatre, is_unix);
	ck_assert_int_eq(pipe(heard), 0);
	ck_assert_int_eq(pipe(begun), 0);
	ck_assert_int_eq(pipe(over), 0);
	theatre->pid = fork();
	if (!theatre->pid) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* who listens is who it is taken for */
		if (listen(fd, 8) || write(begun[1], "", 1) != 1)
			_exit(1);
		for (;;) {
			perform(play, piece, accept(fd, NULL, NULL), heard[1]);
			if (write(over[1], "", 1) != 1)
				_exit(2);
		}
	}
	close(fd);
	close(heard[1]);
	close(begun[1]);
	close(over[1]);
	ck_assert_int_eq(read(begun[0], &byte, 1), 1);
	close(begun[0]);
	theatre->heard = heard[0];
	theatre->over = over[0];
}

/* Whether the secret, or a hash that only it gives, is among what was heard. */
static bool close_theatre(struct theatre *theatre, char *bytes, size_t size, size_t *ret_used)
{
	struct pollfd gone = { .fd = theatre->over, .events = POLLIN };
	char path[128];
	size_t used = 0;
	ssize_t got;

	/* it reads until the client has gone, and has then read all that was said */
	ck_assert_int_eq(poll(&gone, 1, 5000), 1);
	close(theatre->over);
	kill(theatre->pid, SIGKILL);
	waitpid(theatre->pid, NULL, 0);
	while (used < size && (got = read(theatre->heard, bytes + used, size - used)) > 0)
		used += (size_t)got;
	close(theatre->heard);
	if (*theatre->directory) {
		snprintf(path, sizeof(path), "%s/.s.PGSQL.5432", theatre->directory);
		unlink(path);
		rmdir(theatre->directory);
	}
	*ret_used = used;
	/* MD5 stands in the message as it is written in pg_authid */
	return memmem(bytes, used, SECRET, strlen(SECRET)) ||
	       memmem(bytes, used, "p\0\0\0\x28md5", 8);
}

static enum postgres_failure call(const struct theatre *theatre, struct dial *dial, bool *ret_works)
{
	const char *name[] = { "host",	  "port",	"user",	    "dbname", "password",
			       "sslmode", "gssencmode", "passfile", NULL };
	const char *value[] = { *theatre->directory ? theatre->directory : "127.0.0.1",
				theatre->port,
				"monitor",
				"shop",
				SECRET,
				"disable",
				"disable",
				"/none",
				NULL };
	enum postgres_failure failure;
	const char *sentence = "";
	PGconn *connection;

	dial->name = name;
	dial->value = value;
	dial->has_password = true;
	failure = dial__connect(dial, &connection, &sentence);
	ck_assert(failure == POSTGRES_NONE || *sentence);
	*ret_works = failure == POSTGRES_NONE && PQstatus(connection) == CONNECTION_OK &&
		     PQsendQuery(connection, "SELECT 'to the server'");
	if (*ret_works)
		PQflush(connection);
	PQfinish(connection);
	return failure;
}

/* No server gets it over TCP, in whatever pieces it says what it says. */
START_TEST(test_tcp)
{
	const struct play *play = &plays[_i];
	static const size_t pieces[] = { 4096, 1, 3 };

	for (size_t i = 0; i < sizeof(pieces) / sizeof(pieces[0]); i++) {
		struct dial dial = {};
		struct theatre theatre;
		enum postgres_failure failure;
		static char heard[65536];
		size_t used;
		bool works, has_leaked;

		open_theatre(&theatre, play, pieces[i], false);
		failure = call(&theatre, &dial, &works);
		has_leaked = close_theatre(&theatre, heard, sizeof(heard), &used);
		ck_assert_msg(!has_leaked, "%s, %zu bytes at a time: it has the password",
			      play->name, pieces[i]);
		if (strncmp(play->name, "in", 2) == 0) {
			ck_assert_msg(works, "%s, %zu bytes at a time", play->name, pieces[i]);
			ck_assert_ptr_nonnull(memmem(heard, used, "to the server", 13));
		} else if (play->failure == POSTGRES_NONE) {
			ck_assert_msg(failure != POSTGRES_NONE, "%s", play->name);
		} else {
			ck_assert_msg(failure == play->failure, "%s, %zu bytes at a time: %s",
				      play->name, pieces[i], postgres_failure__name(failure));
		}
	}
}
END_TEST

/* That the same servers get it where the user says so shows that they could. */
START_TEST(test_tcp_told)
{
	for (int i = 0; i < 2; i++) {
		struct dial dial = { .may_send_clear = true };
		static char heard[65536];
		struct theatre theatre;
		size_t used;
		bool works;

		open_theatre(&theatre, &brief[i], 4096, false);
		call(&theatre, &dial, &works);
		ck_assert_msg(close_theatre(&theatre, heard, sizeof(heard), &used), "%s",
			      brief[i].name);
	}
}
END_TEST

/* Of the process that was examined, or nothing is said: not even SCRAM. */
START_TEST(test_unix)
{
	static const struct {
		bool other_pid, other_uid;
	} peers[] = { { true, false }, { false, true }, { false, false } };

	for (size_t i = 0; i < sizeof(peers) / sizeof(peers[0]); i++) {
		static char heard[65536];
		struct theatre theatre;
		struct dial dial;
		enum postgres_failure failure;
		bool works, has_leaked, is_its_own = !peers[i].other_pid && !peers[i].other_uid;
		size_t used;

		for (int k = 0; k < 2; k++) {
			/* clear text, and SCRAM */
			open_theatre(&theatre, &brief[k ? 2 : 0], 4096, true);
			dial = (struct dial){
				.pid = theatre.pid + peers[i].other_pid,
				.uid = getuid() + peers[i].other_uid,
				.may_send_clear = true, /* that is over TCP */
			};
			failure = call(&theatre, &dial, &works);
			has_leaked = close_theatre(&theatre, heard, sizeof(heard), &used);
			ck_assert_int_eq(has_leaked, is_its_own && !k);
			ck_assert_int_eq(memmem(heard, used, "SCRAM-SHA-256", 13) != NULL,
					 is_its_own && k);
			if (!is_its_own)
				ck_assert_int_eq(failure, POSTGRES_UNPROVEN);
		}
	}
}
END_TEST

/* One that goes silent within a message is given up in time, and has got nothing. */
START_TEST(test_silent)
{
	static const struct play silent = {
		"silent", POSTGRES_TIMEOUT, { ANSWERS("R\0\0\0\x08") }, false
	};
	static char heard[65536];
	struct dial dial = {};
	struct theatre theatre;
	size_t used;
	bool works;

	open_theatre(&theatre, &silent, 4096, false);
	ck_assert_int_eq(call(&theatre, &dial, &works), POSTGRES_TIMEOUT);
	ck_assert(!close_theatre(&theatre, heard, sizeof(heard), &used));
}
END_TEST

/* All of it: TLS that proves nothing is not even begun, whatever conninfo says. */
START_TEST(test_ask)
{
	static const char *const modes[] = { "", "sslmode=prefer", "sslmode=require",
					     "sslmode=allow", "sslmode=disable" };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		struct ask ask = { .password = SECRET };
		static char heard[65536], said[4096];
		struct theatre theatre;
		char conninfo[128];
		int answer[2];
		ssize_t got;
		size_t used;

		open_theatre(&theatre, &plays[0], 4096, false);
		snprintf(conninfo, sizeof(conninfo), "host=127.0.0.1 port=%s user=monitor %s",
			 theatre.port, modes[i]);
		ask.conninfo = conninfo;
		ck_assert_int_eq(pipe(answer), 0);
		ask__run(&ask, answer[1]);
		close(answer[1]);
		got = read(answer[0], said, sizeof(said) - 1);
		ck_assert_int_gt(got, 0);
		said[got] = '\0';
		close(answer[0]);
		ck_assert(!close_theatre(&theatre, heard, sizeof(heard), &used));
		ck_assert_msg(strstr(said, "\ndown unproven "), "%s: %s", modes[i], said);
		/* length and code of SSLRequest */
		ck_assert_ptr_null(memmem(heard, used, "\0\0\0\x08\x04\xd2\x16\x2f", 8));
	}
}
END_TEST

/* Every split of every message: complete or not at all, and refused as early as can be. */
START_TEST(test_gate)
{
	static const struct {
		const char *bytes;
		size_t size;
		enum gate_verdict verdict;
		size_t decided; /* bytes after which nothing changes */
	} messages[] = {
		{ CLEAR, 9, GATE_REFUSE, 9 },
		{ MD5, 13, GATE_REFUSE, 9 },
		{ SCRAM, 24, GATE_PASS, 24 },
		{ OK, 9, GATE_DONE, 9 },
		{ NOTICE, 15, GATE_PASS, 15 },
		{ ERROR, 21, GATE_PASS, 21 },
		{ VERSION, 13, GATE_PASS, 13 },
		{ "Z\0\0\0\x05I", 6, GATE_REFUSE, 1 },
		{ "S", 1, GATE_REFUSE, 1 },
		{ "N\0\0\0\x03", 5, GATE_REFUSE, 5 },
		{ "E\0\0\x20\0", 5, GATE_REFUSE, 5 },
		{ "R\0\0\x1f\xff\0\0\0\x0a", 9, GATE_MORE, 9 },
	};

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		for (size_t k = 0; k <= messages[i].size; k++) {
			/* of its own, so that a byte too far is seen */
			unsigned char *bytes = malloc(k + 1);
			const char *sentence = NULL;
			enum gate_verdict verdict;
			size_t length = 0;

			memcpy(bytes, messages[i].bytes, k);
			verdict = gate__look(bytes, k, &length, &sentence);
			free(bytes);
			ck_assert_msg(verdict == (k < messages[i].decided ? GATE_MORE
									  : messages[i].verdict),
				      "message %zu, %zu bytes", i, k);
			if (verdict == GATE_PASS || verdict == GATE_DONE)
				ck_assert_uint_eq(length, messages[i].size);
			ck_assert_int_eq(sentence != NULL, verdict == GATE_REFUSE);
		}
	}
}
END_TEST

Suite *postgres_dial_suite(void)
{
	Suite *suite = suite_create("postgres_dial");
	TCase *tests = tcase_create("dial");

	tcase_set_timeout(tests, 20);
	tcase_add_test(tests, test_gate);
	tcase_add_loop_test(tests, test_tcp, 0, PLAYS);
	tcase_add_test(tests, test_tcp_told);
	tcase_add_test(tests, test_unix);
	tcase_add_test(tests, test_silent);
	tcase_add_test(tests, test_ask);
	suite_add_tcase(suite, tests);
	return suite;
}
