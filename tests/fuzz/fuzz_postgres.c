// SPDX-License-Identifier: Apache-2.0
/*
 * Whatever a process says that has asked a server, and whatever a container
 * writes into the files that it is found by: a result has no series twice, its
 * labels are UTF-8, and its numbers are in bounds. What a server says before it
 * lets a client in passes as it is or not at all.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/passwd.h"
#include "base/utf8.h"
#include "collect/postgres/find.h"
#include "collect/postgres/gate.h"
#include "collect/postgres/proof.h"
#include "collect/postgres/queries.h"
#include "collect/postgres/result.h"
#include "collect/postgres/server_files.h"
#include "config/server_match.h"
#include "identity/cgroup_path.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int condition)
{
	if (!condition)
		abort();
}

static void check_value(const struct postgres_result *result, size_t i)
{
	const struct postgres_value *value = &result->value[i], *before = value - 1;
	int labels = postgres_kind__labels((enum reading_kind)value->kind), order = 0;

	need(labels >= 0);
	for (int k = 0; k < 3; k++) {
		need(utf8__valid(result->text + value->label[k]));
		need(k < labels || !*(result->text + value->label[k]));
		if (i && before->kind == value->kind && !order)
			order = strcmp(result->text + before->label[k],
				       result->text + value->label[k]);
	}
	need(!i || before->kind < value->kind || order < 0);
}

static void check_result(const char *text, size_t size)
{
	struct postgres_result result;

	if (postgres_result__parse(text, size, &result))
		return;
	need(result.count <= POSTGRES_MAX_VALUES);
	need(result.failure < POSTGRES_FAILURE_KINDS);
	need(result.failure == POSTGRES_NONE || !result.count);
	need(utf8__valid(result.sentence));
	for (size_t i = 0; i < result.count; i++)
		check_value(&result, i);
	postgres_result__free(&result);
}

static void check_files(const char *text, size_t size)
{
	char name[POSTGRES_ROLE_BYTES];
	struct postmaster postmaster;
	struct find_stat stat;
	uid_t uid;
	gid_t gid;

	if (server_files__postmaster(text, &postmaster) == 0) {
		need(postmaster.port >= 1 && postmaster.port <= 65535);
		need(!*postmaster.socket_directory || *postmaster.socket_directory == '/');
		need(!strchr(postmaster.socket_directory, '\n'));
	}
	if (server_files__user(text, 26, name) == 0)
		need(*name && !strchr(name, '\n'));
	if (server_files__variable(text, size, "POSTGRES_USER", name) == 0)
		need(*name && !strchr(name, '\n'));
	server_files__inside(text, 26, &uid);
	server_files__ids(text, &uid, &gid);
	find__parse(text, &stat);
}

static void check_proof(const char *text, size_t size)
{
	char id[CGROUP_NAME_BYTES];
	uid_t uid;

	need(proof__in_unit(text, "postgresql.service") <= size);
	need(proof__in_container(text, id) <= size);
	passwd__find(text, "postgres", &uid);
	proof__has_user(text, 26);
	need(!server_match__is_container(text) || !strpbrk(text, "*?[/"));
}

/* No more is ever passed than has come, and no request that gives the password away. */
static void check_gate(const uint8_t *data, size_t size)
{
	while (size) {
		const char *sentence = NULL;
		size_t length = 0;
		enum gate_verdict verdict = gate__look(data, size, &length, &sentence);

		need((verdict == GATE_REFUSE) == (sentence != NULL));
		if (verdict != GATE_PASS && verdict != GATE_DONE)
			return;
		need(length >= 5 && length <= size && length <= GATE_MESSAGE_BYTES);
		need(data[0] != 'R' || data[8] == 0 || (data[8] >= 10 && data[8] <= 12));
		if (verdict == GATE_DONE)
			return;
		data += length;
		size -= length;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	check_result(text, size);
	check_files(text, size);
	check_proof(text, size);
	check_gate(data, size);
	free(text);
	return 0;
}
