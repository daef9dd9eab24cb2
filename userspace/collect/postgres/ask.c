// SPDX-License-Identifier: Apache-2.0
#include "collect/postgres/ask.h"

#include <libpq-fe.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "collect/postgres/dial.h"
#include "collect/postgres/queries.h"
#include "config/conninfo.h"

#define STRINGS 32
#define SILENT_S 3

/* Longer than any path may be (PATH_MAX): what is looked for there is never found. */
#define NO_PATH_BYTES 4200

/*
 * search_path: a user of the database may have made functions and operators of the names that the
 * queries use, which would run as the role that asks.
 */
#define SESSION                                                                                    \
	"-c search_path=pg_catalog -c default_transaction_read_only=on -c statement_timeout=5000 " \
	"-c lock_timeout=1000 -c idle_in_transaction_session_timeout=10000"

struct strings {
	const char *name[STRINGS], *value[STRINGS];
	int count;
};

static void strings__set(struct strings *strings, const char *name, const char *value)
{
	for (int i = 0; i < strings->count; i++) {
		if (strcmp(strings->name[i], name) != 0)
			continue;
		strings->value[i] = value;
		return;
	}
	/* the last stays NULL */
	if (strings->count == STRINGS - 1)
		return;
	strings->name[strings->count] = name;
	strings->value[strings->count++] = value;
}

void ask__add_role(struct ask *ask, const char *role)
{
	if (!*role || ask->roles == ASK_ROLES)
		return;
	for (unsigned int i = 0; i < ask->roles; i++)
		if (strcmp(ask->role[i], role) == 0)
			return;
	ask->role[ask->roles++] = role;
}

/* The environment is empty, so that nothing is set that is not set here. */
static void fill(const struct ask *ask, const char *role, const PQconninfoOption *given,
		 const char *no_path, struct strings *strings)
{
	if (!conninfo__has_host(ask->conninfo)) {
		strings__set(strings, "host", ask->host);
		strings__set(strings, "port", ask->port);
		/* no library for these may be looked for inside */
		strings__set(strings, "sslmode", "disable");
	}
	strings__set(strings, "user", role);
	strings__set(strings, "dbname", "postgres");
	for (const PQconninfoOption *option = given; option && option->keyword; option++)
		if (option->val)
			strings__set(strings, option->keyword, option->val);
	if (ask->password) {
		strings__set(strings, "password", ask->password);
		/* what is asked for inside TLS that proves nothing, nobody here could see */
		if (!ask->may_send_clear && !conninfo__is_verified(ask->conninfo))
			strings__set(strings, "sslmode", "disable");
	}
	strings__set(strings, "gssencmode", "disable");
	strings__set(strings, "passfile", no_path);
	strings__set(strings, "application_name", "edgetap");
	strings__set(strings, "client_encoding", "UTF8");
	strings__set(strings, "options", SESSION);
}

static enum postgres_failure connect_as(const struct ask *ask, const char *role,
					PGconn **ret_connection, const char **ret_sentence)
{
	PQconninfoOption *options = ask->conninfo ? PQconninfoParse(ask->conninfo, NULL) : NULL;
	static char no_path[NO_PATH_BYTES];
	struct strings strings = {};
	struct dial dial = {
		.name = strings.name,
		.value = strings.value,
		.has_password = ask->password != NULL,
		.may_send_clear = ask->may_send_clear || conninfo__is_verified(ask->conninfo),
		.pid = ask->pid,
		.uid = ask->uid,
	};
	enum postgres_failure failure;

	memset(no_path, '/', sizeof(no_path) - 1);
	fill(ask, role, options, no_path, &strings);
	failure = dial__connect(&dial, ret_connection, ret_sentence);
	PQconninfoFree(options);
	return failure;
}

static void write_label(FILE *out, const char *text)
{
	int left = 255;

	putc('\t', out);
	for (; *text && left--; text++)
		putc((unsigned char)*text < ' ' || *text == 0x7f ? '?' : *text, out);
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

static void write_rows(FILE *out, const struct postgres_query *query, const PGresult *rows)
{
	for (int row = 0; row < PQntuples(rows) && row < POSTGRES_MAX_VALUES; row++) {
		for (unsigned int k = 0; k < query->kinds; k++) {
			const char *value = PQgetvalue(rows, row, (int)(query->labels + k));

			/* NULL is "": the server does not know either */
			if (!is_number(value))
				continue;
			fprintf(out, "%s\t%s", postgres_kind__name(query->kind[k]), value);
			for (unsigned int i = 0; i < query->labels; i++)
				write_label(out, PQgetvalue(rows, row, (int)i));
			putc('\n', out);
		}
	}
}

/* A role that is more than it need be becomes the one that may read statistics (10). */
static void lessen(PGconn *connection)
{
	const char *is_superuser = PQparameterStatus(connection, "is_superuser");

	if (is_superuser && strcmp(is_superuser, "on") == 0)
		PQclear(PQexec(connection, "SET ROLE pg_monitor"));
}

/* Everything that is asked of a version. Returns false if a query failed that must not. */
static bool ask_all(PGconn *connection, FILE *out)
{
	const struct postgres_query *queries;
	size_t count = postgres_query__all(&queries);
	int version = PQserverVersion(connection);
	unsigned int missing = 0;

	lessen(connection);
	for (size_t i = 0; i < count; i++) {
		PGresult *rows;
		bool is_good;

		if (!postgres_query__fits(&queries[i], version))
			continue;
		rows = PQexec(connection, queries[i].sql);
		is_good = PQresultStatus(rows) == PGRES_TUPLES_OK &&
			  PQnfields(rows) == (int)(queries[i].labels + queries[i].kinds);
		if (is_good)
			write_rows(out, &queries[i], rows);
		PQclear(rows);
		if (!is_good && (!queries[i].may_fail || PQstatus(connection) != CONNECTION_OK))
			return false;
		missing += !is_good;
	}
	fprintf(out, "missing\t%u\nend\n", missing);
	return true;
}

static void write_all(int fd, const char *bytes, size_t size)
{
	while (size) {
		ssize_t written = write(fd, bytes, size);

		if (written < 0)
			return;
		bytes += written;
		size -= (size_t)written;
	}
}

/* A sentence of the server's, or of libpq's, which both may span lines. */
static void say_down(int fd, enum postgres_failure failure, const char *text)
{
	char sentence[POSTGRES_SENTENCE_BYTES];

	snprintf(sentence, sizeof(sentence), "%.*s", (int)strcspn(text, "\n"), text);
	postgres_text__clean(sentence);
	dprintf(fd, "edgetap 1\ndown %s %s\nend\n", postgres_failure__name(failure),
		*sentence ? sentence : "no reason given");
}

static void say_up(PGconn *connection, int fd)
{
	char *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	bool is_good;

	if (!out) {
		say_down(fd, POSTGRES_QUERY, "no memory");
		return;
	}
	fprintf(out, "edgetap 1\nup %d %s\n", PQserverVersion(connection), PQuser(connection));
	is_good = ask_all(connection, out);
	if (fclose(out))
		is_good = false;
	if (is_good)
		write_all(fd, text, size);
	else
		say_down(fd, POSTGRES_QUERY, PQerrorMessage(connection));
	free(text);
}

void ask__run(const struct ask *ask, int fd)
{
	enum postgres_failure failure = POSTGRES_CONNECT;
	const time_t begin = time(NULL);
	PGconn *connection = NULL;
	const char *sentence = "";

	/* one that is given in conninfo stands in the place of each of these */
	for (unsigned int i = 0; i < (ask->roles ? ask->roles : 1); i++) {
		PQfinish(connection);
		failure = connect_as(ask, ask->roles ? ask->role[i] : "postgres", &connection,
				     &sentence);
		/* one that is silent will be to the others, and who is refused stays who he is */
		if (!failure || failure == POSTGRES_UNPROVEN || conninfo__has_user(ask->conninfo) ||
		    time(NULL) - begin >= SILENT_S)
			break;
	}
	if (failure)
		say_down(fd, failure, sentence);
	else if (PQserverVersion(connection) < POSTGRES_OLDEST_VERSION)
		say_down(fd, POSTGRES_QUERY, "it is older than version 10");
	else
		say_up(connection, fd);
	PQfinish(connection);
}
