/* SPDX-License-Identifier: Apache-2.0 */
/* The native view, and the same families by app. */
#include "exposition/rows.h"
#include "views/native/readings.h"
#include "views/views.h"

#define ABORTED(by_, phase_) (COUNT_HTTP_ABORTED + (by_)*ABORT_PHASE_N + (phase_))

static const struct family_part aborted[] = {
	{ ABORTED(ABORT_BY_CLIENT, ABORT_IN_REQUEST), { "client", "request" } },
	{ ABORTED(ABORT_BY_CLIENT, ABORT_IN_WAIT), { "client", "wait" } },
	{ ABORTED(ABORT_BY_CLIENT, ABORT_IN_RESPONSE), { "client", "response" } },
	{ ABORTED(ABORT_BY_SERVER, ABORT_IN_REQUEST), { "server", "request" } },
	{ ABORTED(ABORT_BY_SERVER, ABORT_IN_WAIT), { "server", "wait" } },
	{ ABORTED(ABORT_BY_SERVER, ABORT_IN_RESPONSE), { "server", "response" } },
};

static const struct family_part resets[] = {
	{ COUNT_RESETS_IN, { "in" } },
	{ COUNT_RESETS_OUT, { "out" } },
};

static const struct family_part connect_errors[] = {
	{ COUNT_OUTBOUND_REFUSED, { "refused" } },
	{ COUNT_OUTBOUND_FAILED, { "failed" } },
};

static const struct family_part destination_connects[] = {
	{ DESTINATION_CONNECTS, {} },
};

static const struct family_part destination_errors[] = {
	{ DESTINATION_REFUSED, { "refused" } },
	{ DESTINATION_FAILED, { "failed" } },
};

static const struct family_part upgraded_bytes[] = {
	{ COUNT_UPGRADED_BYTES_IN, { "in" } },
	{ COUNT_UPGRADED_BYTES_OUT, { "out" } },
};

static const struct family_part websocket_messages[] = {
	{ COUNT_WEBSOCKET_MESSAGES_IN, { "in" } },
	{ COUNT_WEBSOCKET_MESSAGES_OUT, { "out" } },
};

static const struct family_part upgraded_rows[] = { { ROW_UPGRADED, {} } };
static const struct family_part rpc_response_rows[] = { { ROW_RPC_RESPONSE, {} } };
static const struct family_part rpc_first_byte_rows[] = { { ROW_RPC_FIRST_BYTE, {} } };

static const struct family_part tls_versions[] = {
	{ ROW_TLS_1_0, { "1.0" } },
	{ ROW_TLS_1_1, { "1.1" } },
	{ ROW_TLS_1_2, { "1.2" } },
	{ ROW_TLS_1_3, { "1.3" } },
};

static const struct family_part tls_files[] = { { OWN_TLS_FILES, {} } };
static const struct family_part tls_probes[] = { { OWN_TLS_PROBES, {} } };
static const struct family_part pg_servers[] = { { OWN_POSTGRES_SERVERS, {} } };
static const struct family_part pg_not_shown[] = { { OWN_POSTGRES_LEFT_OUT, { "limit" } },
						   { OWN_POSTGRES_HIDDEN, { "same_instance" } } };
static const struct family_part pg_asks[] = { { OWN_POSTGRES_ASKS, {} } };
static const struct family_part pg_failures[] = {
#define FAILURE_PART(id, name) { OWN_POSTGRES_FAILED_##id, { name } },
	OWN_POSTGRES_FAILED(FAILURE_PART)
#undef FAILURE_PART
};
static const struct family_part tls_pending[] = { { OWN_TLS_PENDING_HELLOS, {} } };
static const struct family_part tls_unread[] = { { OWN_TLS_UNREAD_MEMORY_MAP, { "memory_map" } },
						 { OWN_TLS_UNREAD_FILE_SYSTEM,
						   { "file_system" } } };
static const struct family_part tls_found[] = { { OWN_TLS_WITHIN_50_MS, { "50ms" } },
						{ OWN_TLS_WITHIN_200_MS, { "200ms" } },
						{ OWN_TLS_WITHIN_1_S, { "1s" } },
						{ OWN_TLS_LATER, { "longer" } } };

static const struct family_part backlog[] = { { GAUGE_LISTEN_BACKLOG, {} } };
static const struct family_part backlog_limit[] = { { GAUGE_LISTEN_BACKLOG_LIMIT, {} } };

static const struct family_part run_delay[] = { { COUNT_RUN_DELAY_NS, {} } };

static const struct family_part exporter_requests[] = { { OWN_HTTP_REQUESTS, {} } };
static const struct family_part exporter_renderings[] = { { OWN_HTTP_RENDERINGS, {} } };
static const struct family_part exporter_refused[] = {
	{ OWN_HTTP_REFUSED_BUSY, { "busy" } },
	{ OWN_HTTP_REFUSED_LATE, { "late" } },
	{ OWN_HTTP_REFUSED_MEMORY, { "memory" } },
	{ OWN_HTTP_ABANDONED, { "client_gone" } },
};
static const struct family_part exporter_connections[] = { { OWN_HTTP_CONNECTIONS, {} } };
static const struct family_part exporter_cut[] = {
	{ OWN_HTTP_CUT_REQUEST, { "slow_request" } },
	{ OWN_HTTP_CUT_SEND, { "slow_reader" } },
	{ OWN_HTTP_REFUSED_CONNECTIONS, { "address_limit" } },
	{ OWN_HTTP_DISPLACED, { "displaced" } },
};
static const struct family_part exporter_open[] = { { OWN_HTTP_OPEN_CONNECTIONS, {} } };
static const struct family_part exporter_memory[] = { { OWN_HTTP_RESPONSE_BYTES, {} } };
static const struct family_part log_held_back[] = { { OWN_WARNINGS_HELD_BACK, {} } };

static const struct family families[] = {
	{ COUNTER("edgetap_edge_http_responses_total", "",
		  "Final HTTP responses that left the instance, by exact status and method."),
	  .fact = FACT_RESPONSES, .label = { "status", "method" } },
	{ COUNTER("edgetap_app_http_responses_total", "",
		  "Final HTTP responses written by the app, by exact status and method."),
	  .fact = FACT_RESPONSES, .label = { "status", "method" } },
	{ COUNTER("edgetap_app_http_requests_aborted_total", "",
		  "Requests whose final response was not completed, by who ended them and when: "
		  "while the request was read, before the response, or within it."),
	  .fact = FACT_COUNTS, .roles = ROLE_SERVER, .label = { "by", "phase" }, PARTS(aborted) },
	COUNT(COUNT_HTTP_LOST, ROLE_SERVER, "edgetap_app_http_requests_lost_total", "",
	      "Requests read by the app whose end could not be followed; see edgetap_losses_total."),
	{ TIMES("edgetap_edge_http_response_time_seconds",
		"From the first byte of the request in the receive queue to the last byte of the "
		"response taken by the kernel. Under TLS: from the record that the request "
		"begins in to the last byte handed over by the TLS library."),
	  .label = { "status" }, .http_rows = BIT(ROW_EDGE_RESPONSE) },
	{ TIMES("edgetap_app_http_response_time_seconds",
		"From the first byte of the request read by the app to the last byte of the "
		"response written. Under TLS: from the first byte of plain text that the TLS "
		"library gave to the app to the last byte that it handed over."),
	  .label = { "status" }, .http_rows = BIT(ROW_APP_RESPONSE) },
	{ TIMES("edgetap_app_http_time_to_first_byte_seconds",
		"From the first byte of the request read by the app to the first byte of the "
		"final response written; under TLS, plain text that the TLS library gave and took."),
	  .label = { "status" }, .http_rows = BIT(ROW_APP_FIRST_BYTE) },
	{ TIMES("edgetap_app_http_queue_time_seconds",
		"From the first byte of the request in the receive queue to the app reading it, also "
		"of requests that are aborted later; under TLS it contains the decryption."),
	  .http_rows = BIT(ROW_APP_QUEUE), .connection_rows = BIT(ROW_ABORTED_QUEUE) },
	COUNT(COUNT_FIRST_BYTE_UNSEEN, ROLE_SERVER, "edgetap_app_http_first_bytes_unseen_total", "",
	      "Responses missing from the time to first byte, as only the end of a large write "
	      "was visible."),
	{ GAUGE("edgetap_app_concurrency", "",
		"Requests read by the app whose response is not yet written."),
	  .fact = FACT_IN_FLIGHT, .roles = ROLE_SERVER },

	{ COUNTER("edgetap_app_grpc_responses_total", "",
		  "gRPC calls whose response has ended, by method and the status in its trailers."),
	  .fact = FACT_RPCS, .label = { "grpc_method", "grpc_status" } },
	{ TIMES_OF(FACT_RPC_ROWS, "edgetap_app_grpc_response_time_seconds",
		   "From the first byte of the call read by the app to the end of its response "
		   "written, trailers included: of streaming calls their whole duration."),
	  .label = { "grpc_method" }, PARTS(rpc_response_rows) },
	{ TIMES_OF(FACT_RPC_ROWS, "edgetap_app_grpc_time_to_first_byte_seconds",
		   "From the first byte of the call read by the app to the first byte of its response "
		   "written."),
	  .label = { "grpc_method" }, PARTS(rpc_first_byte_rows) },

	COUNT(COUNT_UPGRADES, ROLE_UPGRADER, "edgetap_app_upgraded_connections_total", "",
	      "Connections that became something else than HTTP: by a response 101, or 2xx to "
	      "CONNECT."),
	{ GAUGE("edgetap_app_open_upgraded_connections", "",
		"Connections that became something else than HTTP and have not ended."),
	  .fact = FACT_UPGRADED, .roles = ROLE_UPGRADER },
	{ TIMES_OF(FACT_ROWS, "edgetap_app_upgraded_connection_time_seconds",
		   "From the response 101, or 2xx to CONNECT, to the end of the connection."),
	  .group = STATUS_UPGRADE, PARTS(upgraded_rows) },
	{ COUNTER("edgetap_app_upgraded_data_bytes_total", "bytes",
		  "What upgraded connections carried since, by direction; under TLS the plain text "
		  "where it can be seen."),
	  .fact = FACT_COUNTS, .roles = ROLE_UPGRADER, .label = { "direction" },
	  PARTS(upgraded_bytes) },
	{ COUNTER("edgetap_app_websocket_messages_total", "",
		  "Data messages of WebSocket connections, by direction; one of several frames is "
		  "one, control frames are none."),
	  .fact = FACT_COUNTS, .roles = ROLE_UPGRADER, .label = { "direction" },
	  PARTS(websocket_messages) },

	COUNT(COUNT_EDGE_CONNECTS, ROLE_SERVER, "edgetap_edge_tcp_connects_total", "",
	      "TCP handshakes completed on listening sockets."),
	COUNT(COUNT_EDGE_DISCONNECTS, ROLE_SERVER, "edgetap_edge_tcp_disconnects_total", "",
	      "Connections of listening sockets that have ended."),
	COUNT(COUNT_APP_CONNECTS, ROLE_SERVER, "edgetap_app_tcp_connects_total", "",
	      "Connections that the app took."),
	COUNT(COUNT_APP_DISCONNECTS, ROLE_SERVER, "edgetap_app_tcp_disconnects_total", "",
	      "Connections that the app gave up itself."),
	{ TIMES("edgetap_app_connect_time_seconds",
		"From the completed TCP handshake to the app accepting the connection."),
	  .connection_rows = BIT(ROW_APP_CONNECT) },
	COUNT(COUNT_BYTES_IN, ROLE_SERVER, "edgetap_edge_data_in_bytes_total", "bytes",
	      "TCP payload received from clients."),
	COUNT(COUNT_BYTES_OUT, ROLE_SERVER, "edgetap_edge_data_out_bytes_total", "bytes",
	      "TCP payload acknowledged by clients."),
	{ GAUGE("edgetap_edge_listen_backlog", "",
		"Connections waiting to be accepted, as the newest one met them, itself included."),
	  .fact = FACT_COUNTS, .roles = ROLE_SERVER, PARTS(backlog) },
	{ GAUGE("edgetap_edge_listen_backlog_limit", "",
		"Connections that may wait to be accepted before new ones are dropped."),
	  .fact = FACT_COUNTS, .roles = ROLE_SERVER, .skip_zero = 1, PARTS(backlog_limit) },
	COUNT(COUNT_LISTEN_OVERFLOWS, ROLE_SERVER, "edgetap_edge_listen_overflows_total", "",
	      "Connections dropped because too many were waiting to be accepted."),
	{ COUNTER("edgetap_edge_tcp_resets_total", "",
		  "TCP resets on connections of clients, received (in) or sent (out)."),
	  .fact = FACT_COUNTS, .roles = ROLE_SERVER, .label = { "direction" }, PARTS(resets) },
	COUNT(COUNT_RETRANSMITS, ROLE_SERVER, "edgetap_edge_tcp_retransmits_total", "",
	      "TCP segments sent again to clients."),
	{ TIMES("edgetap_edge_tcp_round_trip_time_seconds",
		"Smoothed round-trip time of a client's connection at its end."),
	  .connection_rows = BIT(ROW_RTT) },
	{ TIMES_OF(FACT_ROWS, "edgetap_edge_tls_handshake_time_seconds",
		   "From the ClientHello in the receive queue to the handshake being done on the "
		   "server's side, by the version agreed on."),
	  .group = STATUS_TLS, .label = { "version" }, PARTS(tls_versions) },
	{ COUNTER("edgetap_edge_tls_handshake_errors_total", "",
		  "TLS handshakes that failed, by the server name asked for, who ended them, and "
		  "the alert or how the connection ended."),
	  .fact = FACT_SERIES, .series = SERIES_TLS_ERRORS,
	  .label = { "servername", "by", "reason" } },
	{ COUNTER("edgetap_edge_tls_hellos_total", "",
		  "TLS ClientHellos, by the first protocol that they offer; without the label if "
		  "they offer none."),
	  .fact = FACT_SERIES, .series = SERIES_TLS_HELLOS, .label = { "alpn" } },

	COUNT(COUNT_OUTBOUND_CONNECTS, ROLE_CLIENT, "edgetap_outbound_tcp_connects_total", "",
	      "Outbound connections established."),
	COUNT(COUNT_OUTBOUND_DISCONNECTS, ROLE_CLIENT, "edgetap_outbound_tcp_disconnects_total", "",
	      "Outbound connections that have ended."),
	{ COUNTER("edgetap_outbound_tcp_connect_errors_total", "",
		  "Outbound connections not established: refused by a reset, or failed otherwise."),
	  .fact = FACT_COUNTS, .roles = ROLE_CLIENT, .label = { "reason" }, PARTS(connect_errors) },
	{ TIMES("edgetap_outbound_tcp_connect_time_seconds",
		"From the first SYN of an outbound connection to its being established."),
	  .connection_rows = BIT(ROW_OUTBOUND_CONNECT) },
	COUNT(COUNT_OUTBOUND_BYTES_IN, ROLE_CLIENT, "edgetap_outbound_data_in_bytes_total", "bytes",
	      "TCP payload received on outbound connections."),
	COUNT(COUNT_OUTBOUND_BYTES_OUT, ROLE_CLIENT, "edgetap_outbound_data_out_bytes_total",
	      "bytes", "TCP payload acknowledged on outbound connections."),
	COUNT(COUNT_OUTBOUND_RETRANSMITS, ROLE_CLIENT, "edgetap_outbound_tcp_retransmits_total", "",
	      "TCP segments sent again on outbound connections."),
	{ COUNTER("edgetap_outbound_destination_connects_total", "",
		  "Outbound connections established, by address and port."),
	  .fact = FACT_SERIES, .series = SERIES_DESTINATIONS, .label = { "destination" },
	  .skip_zero = 1, PARTS(destination_connects) },
	{ COUNTER("edgetap_outbound_destination_connect_errors_total", "",
		  "Outbound connections not established, by address and port, and reason."),
	  .fact = FACT_SERIES, .series = SERIES_DESTINATIONS, .label = { "destination", "reason" },
	  .skip_zero = 1, PARTS(destination_errors) },

	COUNT(COUNT_CONNECTIONS_UNOBSERVED, 0, "edgetap_connections_unobserved_total", "",
	      "Connections that were not followed, or not what is inside them (HTTP/2, plain text "
	      "under TLS), because the instance has its share of the memory for connections."),
	COUNT(COUNT_ENTRIES_REFUSED, 0, "edgetap_entries_refused_total", "",
	      "Statuses, histograms, gRPC methods, destinations and exit codes that are not told "
	      "apart, as the owner has its share of the table; see edgetap_losses_total."),
	COUNT(COUNT_OOM_KILLS, 0, "edgetap_instance_oom_kills_total", "",
	      "Processes that the kernel killed because memory ran out, the container's or the "
	      "machine's."),
	{ COUNTER("edgetap_instance_exits_total", "",
		  "Ends of the main process of a container or unit, by exit code; a signal is 128 "
		  "and its number."),
	  .fact = FACT_SERIES, .series = SERIES_EXITS, .label = { "code" } },
	{ .head = { .name = "edgetap_instance_run_queue_seconds_total",
		    .help = "Time that threads were ready to run and waited for a CPU.",
		    .unit = "seconds",
		    .type = METRIC_COUNTER,
		    .scale = 9 },
	  .fact = FACT_COUNTS,
	  PARTS(run_delay) },

	{ .head = { .name = "edgetap_build_info",
		    .help = "Version and revision of the agent, and the layouts of its maps (abi); "
			    "always 1.",
		    .unit = "",
		    .type = METRIC_INFO },
	  .fact = FACT_BUILD,
	  .label = { "version", "revision", "abi" } },
	{ GAUGE("edgetap_instances", "", "Instances observed now."), .fact = FACT_INSTANCES },
	{ GAUGE("edgetap_live_sockets", "", "Sockets observed now."), .fact = FACT_SOCKETS },
	{ GAUGE("edgetap_connection_memory_bytes", "bytes",
		"Kernel memory of what is remembered of connections now."),
	  .fact = FACT_CONNECTION_BYTES },
	{ GAUGE("edgetap_connection_memory_limit_bytes", "bytes",
		"What it may be; an instance may hold no more of it than is still free."),
	  .fact = FACT_CONNECTION_BYTES_LIMIT },
	{ GAUGE("edgetap_tls_files_attached", "",
		"Libraries and programs in which plain text under TLS is observed now."),
	  .fact = FACT_OWN, PARTS(tls_files) },
	{ GAUGE("edgetap_tls_probes_attached", "", "Probes in these libraries and programs now."),
	  .fact = FACT_OWN, PARTS(tls_probes) },
	{ GAUGE("edgetap_tls_pending_hellos", "",
		"TLS handshakes whose ClientHello was seen and whose end is not known yet."),
	  .fact = FACT_OWN, PARTS(tls_pending) },
	{ COUNTER("edgetap_tls_processes_unread_total", "",
		  "Servers whose plain text under TLS may not be seen, by reason: they do not show what "
		  "they map, or a file of theirs is on a file system that may hang."),
	  .fact = FACT_OWN, .label = { "reason" }, PARTS(tls_unread) },
	{ COUNTER("edgetap_tls_servers_found_total", "",
		  "Processes that serve and have a TLS library, by how long after they began to listen "
		  "its plain text was observed, each under the least that holds."),
	  .fact = FACT_OWN, .label = { "within" }, PARTS(tls_found) },
	{ GAUGE("edgetap_postgres_servers", "", "Servers of Postgres found now."), .fact = FACT_OWN,
	  PARTS(pg_servers) },
	{ GAUGE("edgetap_postgres_servers_not_shown", "",
		"Of these, by reason: there are too many, or an older one has the same labels."),
	  .fact = FACT_OWN, .label = { "reason" }, PARTS(pg_not_shown) },
	{ COUNTER("edgetap_postgres_asks_total", "", "How often one was asked for statistics."),
	  .fact = FACT_OWN, PARTS(pg_asks) },
	{ COUNTER("edgetap_postgres_failures_total", "", "How often that failed, by reason."),
	  .fact = FACT_OWN, .label = { "reason" }, PARTS(pg_failures) },
	{ COUNTER("edgetap_losses_total", "",
		  "What could not be observed, parsed, stored or delivered, by reason."),
	  .fact = FACT_LOSSES, .label = { "reason" } },
	{ COUNTER("edgetap_program_runs_total", "",
		  "Runs of each kernel program while kernel.bpf_stats_enabled is set."),
	  .fact = FACT_PROGRAM_RUNS, .label = { "name" } },
	{ .head = { .name = "edgetap_program_run_time_seconds_total",
		    .help = "Time spent in each kernel program while kernel.bpf_stats_enabled is "
			    "set.",
		    .unit = "seconds",
		    .type = METRIC_COUNTER,
		    .scale = 9 },
	  .fact = FACT_PROGRAM_TIME,
	  .label = { "name" } },
	{ COUNTER("edgetap_program_missed_runs_total", "",
		  "Runs that the kernel skipped because the program was already running."),
	  .fact = FACT_PROGRAM_MISSED, .label = { "name" } },
	{ GAUGE("edgetap_map_entries", "", "Entries in use of each kernel map."),
	  .fact = FACT_MAP_ENTRIES, .label = { "name" } },
	{ GAUGE("edgetap_map_entries_limit", "", "Entries that each kernel map has room for."),
	  .fact = FACT_MAP_CAPACITY, .label = { "name" } },
	{ GAUGE("edgetap_map_memory_bytes", "bytes", "Kernel memory of each map."),
	  .fact = FACT_MAP_BYTES, .label = { "name" } },
	{ .head = { .name = "edgetap_last_scrape_duration_seconds",
		    .help = "Time that it took to render the scrape before this one.",
		    .unit = "seconds",
		    .type = METRIC_GAUGE,
		    .scale = 9 },
	  .fact = FACT_RENDER_TIME },
	{ COUNTER("edgetap_exporter_requests_total", "",
		  "Requests that the agent's own HTTP server answered, whatever the status."),
	  .fact = FACT_OWN, PARTS(exporter_requests) },
	{ COUNTER("edgetap_exporter_renderings_total", "",
		  "Pages that the agent rendered, each for one request or more."),
	  .fact = FACT_OWN, PARTS(exporter_renderings) },
	{ COUNTER("edgetap_exporter_requests_refused_total", "",
		  "Requests to the agent that were not rendered, by reason: the client had its share of the places to wait, "
		  "the scrape timeout passed, it had its share of the memory for responses, it had "
		  "gone."),
	  .fact = FACT_OWN, .label = { "reason" }, PARTS(exporter_refused) },
	{ COUNTER("edgetap_exporter_connections_total", "", "Connections to the agent."),
	  .fact = FACT_OWN, PARTS(exporter_connections) },
	{ COUNTER("edgetap_exporter_connections_cut_total", "",
		  "Connections to the agent that it ended, by reason: the client was too slow to ask "
		  "or to read, its address had its share, another client had a better right to the "
		  "place."),
	  .fact = FACT_OWN, .label = { "reason" }, PARTS(exporter_cut) },
	{ GAUGE("edgetap_exporter_open_connections", "", "Connections to the agent now."),
	  .fact = FACT_OWN, PARTS(exporter_open) },
	{ GAUGE("edgetap_exporter_response_memory_bytes", "bytes",
		"Memory of responses that their clients have not taken yet."),
	  .fact = FACT_OWN, PARTS(exporter_memory) },
	{ COUNTER("edgetap_log_warnings_held_back_total", "",
		  "Warnings that the agent did not write, as its log had many of their kind or source "
		  "in the minute."),
	  .fact = FACT_OWN, PARTS(log_held_back) },
};

const struct view view_native = {
	.name = "native",
	.path = "/metrics",
	.description = "Metrics of every instance",
	.label = { [STANDARD_APP] = "app",
		   [STANDARD_REGION] = "region",
		   [STANDARD_HOST] = "host",
		   [STANDARD_INSTANCE] = "instance",
		   [STANDARD_NAMESPACE] = "namespace",
		   [STANDARD_POD] = "pod",
		   [STANDARD_CONTAINER] = "container" },
	.family = families,
	.family_count = LENGTH(families),
	.readings = &native_readings,
};

const struct view view_apps = {
	.name = "apps",
	.path = "/metrics/apps",
	.description = "Metrics of every app, retired instances included",
	.label = { [STANDARD_APP] = "app",
		   [STANDARD_REGION] = "region",
		   [STANDARD_HOST] = "host",
		   [STANDARD_NAMESPACE] = "namespace" },
	.family = families,
	.family_count = LENGTH(families),
	.readings = &native_readings,
};
