// SPDX-License-Identifier: Apache-2.0
/* What is counted, by the names that it has in a recording. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/rpc_path.h"
#include "moment.h"

#define COUNT_OF(array) ((int)(sizeof(array) / sizeof((array)[0])))
#define NAMES(array)                                                                               \
	{                                                                                          \
		(array), COUNT_OF(array), false                                                    \
	}

#define COUNT(name) [COUNT_##name] = #name
#define GAUGE(name) [GAUGE_##name] = #name
#define ABORTED(by, phase)                                                                         \
	[COUNT_HTTP_ABORTED + ABORT_BY_##by * ABORT_PHASE_N + ABORT_IN_##phase] =                  \
		"HTTP_ABORTED_BY_" #by "_IN_" #phase

static const char *const counts[INSTANCE_COUNTS] = {
	COUNT(HTTP_STARTED),
	ABORTED(CLIENT, REQUEST),
	ABORTED(CLIENT, WAIT),
	ABORTED(CLIENT, RESPONSE),
	ABORTED(SERVER, REQUEST),
	ABORTED(SERVER, WAIT),
	ABORTED(SERVER, RESPONSE),
	COUNT(HTTP_LOST),
	COUNT(HTTP_ELSEWHERE),
	COUNT(EDGE_CONNECTS),
	COUNT(EDGE_DISCONNECTS),
	COUNT(APP_CONNECTS),
	COUNT(APP_DISCONNECTS),
	COUNT(BYTES_IN),
	COUNT(BYTES_OUT),
	COUNT(RESETS_IN),
	COUNT(RESETS_OUT),
	COUNT(RETRANSMITS),
	COUNT(LISTEN_OVERFLOWS),
	COUNT(OUTBOUND_CONNECTS),
	COUNT(OUTBOUND_REFUSED),
	COUNT(OUTBOUND_FAILED),
	COUNT(OUTBOUND_DISCONNECTS),
	COUNT(OUTBOUND_BYTES_IN),
	COUNT(OUTBOUND_BYTES_OUT),
	COUNT(OUTBOUND_RETRANSMITS),
	COUNT(FIRST_BYTE_UNSEEN),
	COUNT(TLS_UNNAMED_ERRORS),
	COUNT(UPGRADES),
	COUNT(UPGRADES_ENDED),
	COUNT(UPGRADED_BYTES_IN),
	COUNT(UPGRADED_BYTES_OUT),
	COUNT(WEBSOCKET_MESSAGES_IN),
	COUNT(WEBSOCKET_MESSAGES_OUT),
	COUNT(OOM_KILLS),
	COUNT(RUN_DELAY_NS),
	COUNT(CONNECTIONS_UNOBSERVED),
	COUNT(ENTRIES_REFUSED),
	GAUGE(LISTEN_BACKLOG),
	GAUGE(LISTEN_BACKLOG_LIMIT),
	GAUGE(RPC_METHODS),
	GAUGE(MEMORY_BYTES),
};
const struct moment_names names_counts = NAMES(counts);

#define METHOD(name) [METHOD_##name] = #name
static const char *const methods[METHOD_N] = {
	METHOD(OTHER),	METHOD(GET),	 METHOD(HEAD),	  METHOD(POST),	 METHOD(PUT),
	METHOD(DELETE), METHOD(CONNECT), METHOD(OPTIONS), METHOD(TRACE), METHOD(PATCH),
};
const struct moment_names names_methods = NAMES(methods);

static const char *const codes[RPC_CODES] = { [RPC_CODE_UNKNOWN] = "unknown" };
const struct moment_names names_codes = NAMES(codes);

static const char *const losses[LOSS_N] = {
#define LOSS(id, label, text) [LOSS_##id] = (label),
	LOSSES(LOSS)
#undef LOSS
};
const struct moment_names names_losses = NAMES(losses);

static const char *const readings[READING_KINDS] = {
#define READING(name, unit) #name,
	READINGS(READING)
#undef READING
};
const struct moment_names names_readings = NAMES(readings);

/* The parts of what the agent counts about itself. */
#define PART(array)                                                                                \
	{                                                                                          \
		(array), OWN_COUNTS, true                                                          \
	}

#define HTTP(name) [OWN_HTTP_##name] = #name
static const char *const exporter[OWN_COUNTS] = {
	HTTP(REQUESTS),
	HTTP(REFUSED_BUSY),
	HTTP(REFUSED_LATE),
	HTTP(REFUSED_MEMORY),
	HTTP(ABANDONED),
	HTTP(CONNECTIONS),
	HTTP(CUT_REQUEST),
	HTTP(CUT_SEND),
	HTTP(OPEN_CONNECTIONS),
	HTTP(RESPONSE_BYTES),
	[OWN_WARNINGS_HELD_BACK] = "WARNINGS_HELD_BACK",
	HTTP(RENDERINGS),
	HTTP(REFUSED_CONNECTIONS),
	HTTP(DISPLACED),
};
const struct moment_names names_exporter = PART(exporter);

static const char *const tls[OWN_COUNTS] = {
	[OWN_TLS_FILES] = "FILES_ATTACHED",
	[OWN_TLS_PROBES] = "PROBES_ATTACHED",
	[OWN_TLS_PENDING_HELLOS] = "PENDING_HELLOS",
	[OWN_TLS_UNREAD_MEMORY_MAP] = "UNREAD_MEMORY_MAP",
	[OWN_TLS_UNREAD_FILE_SYSTEM] = "UNREAD_FILE_SYSTEM",
	[OWN_TLS_WITHIN_50_MS] = "WITHIN_50_MS",
	[OWN_TLS_WITHIN_200_MS] = "WITHIN_200_MS",
	[OWN_TLS_WITHIN_1_S] = "WITHIN_1_S",
	[OWN_TLS_LATER] = "LATER",
};
const struct moment_names names_tls = PART(tls);

static const char *const databases[OWN_COUNTS] = { [OWN_POSTGRES_SERVERS] = "SERVERS",
						   [OWN_POSTGRES_LEFT_OUT] = "LEFT_OUT",
						   [OWN_POSTGRES_HIDDEN] = "HIDDEN",
						   [OWN_POSTGRES_ASKS] = "ASKS",
#define FAILURE(id, label) [OWN_POSTGRES_FAILED_##id] = "FAILURE_" #id,
						   OWN_POSTGRES_FAILED(FAILURE)
#undef FAILURE
};
const struct moment_names names_databases = PART(databases);

#define ROW(name) [ROW_##name] = #name
static const char *const http_rows[GROUP_ROWS] = {
	ROW(EDGE_RESPONSE),
	ROW(APP_RESPONSE),
	ROW(APP_FIRST_BYTE),
	ROW(APP_QUEUE),
};
static const char *const connection_rows[GROUP_ROWS] = {
	ROW(RTT),
	ROW(APP_CONNECT),
	ROW(OUTBOUND_CONNECT),
	ROW(ABORTED_QUEUE),
};
static const char *const tls_rows[GROUP_ROWS] = {
	ROW(TLS_1_0),
	ROW(TLS_1_1),
	ROW(TLS_1_2),
	ROW(TLS_1_3),
};
static const char *const upgrade_rows[GROUP_ROWS] = { ROW(UPGRADED) };
static const char *const rpc_rows[GROUP_ROWS] = {
	ROW(RPC_RESPONSE),
	ROW(RPC_FIRST_BYTE),
	ROW(RPC_QUEUE),
};

const struct moment_names *moment_names__rows(unsigned int status)
{
	static const struct moment_names http = NAMES(http_rows),
					 connection = NAMES(connection_rows),
					 handshake = NAMES(tls_rows), upgrade = NAMES(upgrade_rows),
					 rpc = NAMES(rpc_rows);

	return status == STATUS_NONE		 ? &connection
	       : status == STATUS_TLS		 ? &handshake
	       : status == STATUS_UPGRADE	 ? &upgrade
	       : status_is_rpc((uint16_t)status) ? &rpc
						 : &http;
}

static const struct {
	unsigned int status;
	const char *name;
} special[] = {
	{ STATUS_NONE, "connections" },
	{ STATUS_TLS, "tls" },
	{ STATUS_UPGRADE, "upgrades" },
	{ STATUS_OTHER, "other" },
};

void moment_status__name(char ret_name[MOMENT_STATUS_BYTES], unsigned int status)
{
	snprintf(ret_name, MOMENT_STATUS_BYTES, status < 10 ? "%uxx" : "%u", status);
	for (int i = 0; i < COUNT_OF(special); i++)
		if (special[i].status == status)
			snprintf(ret_name, MOMENT_STATUS_BYTES, "%s", special[i].name);
}

unsigned int moment_status__of(const char *name)
{
	for (int i = 0; i < COUNT_OF(special); i++)
		if (strcmp(special[i].name, name) == 0)
			return special[i].status;
	return (unsigned int)strtoul(name, NULL, 10);
}
