# SPDX-License-Identifier: Apache-2.0
"""The dashboard of edgetap's own names, from /metrics: which app is slow or failing, and why."""
import board
from board import Graph, Heatmap, Query, Row, Table, now, quantile, quantiles, rate, ratio

EDGE = "edgetap_edge_http_response_time_seconds"
APP = "edgetap_app_http_response_time_seconds"
QUEUE = "edgetap_app_http_queue_time_seconds"
FIRST = "edgetap_app_http_time_to_first_byte_seconds"
GRPC = "edgetap_app_grpc_response_time_seconds"
RESPONSES = "edgetap_edge_http_responses_total"

# A share of errors, and a time that a person notices.
ERRORS = ("green", (0.01, "orange"), (0.05, "red"))
SLOW = ("green", (0.5, "orange"), (2, "red"))
WAITS = ("green", (0.1, "orange"), (0.5, "red"))
FULL = ("green", (0.8, "orange"), (0.95, "red"))


def errors(by, status="5..", filters="<S>"):
    """Share of the responses that have such a status."""
    part = rate(RESPONSES, by, f'{filters},status=~"{status}"')
    return ratio(part, rate(RESPONSES, by, filters), by)


def waiting(by):
    """
    Share of the time of answered requests that passed before the app read them: what the edge's clock has more.
    Queue time itself is also that of requests that were given up, which no response time contains.
    """
    return f"clamp_min(1 - {rate(APP + '_sum', by)} / ({rate(EDGE + '_sum', by)} > 0), 0)"


def overview():
    return Row(
        "Which app is slow or failing, and is it queueing?",
        Table(
            "Apps",
            "Each app over the time shown. Queued is how much of its answered requests' time passed before the "
            "app read them: much of it means too few workers, not slow ones.",
            ["namespace", "app"],
            [
                ("Requests", "reqps", None, Query(rate(RESPONSES, "app") + " > 0")),
                ("Errors (5xx)", "percentunit", ERRORS, Query(errors("app"))),
                ("p50", "s", None, Query(quantile(0.5, EDGE, "app") + " > 0")),
                ("p95", "s", SLOW, Query(quantile(0.95, EDGE, "app") + " > 0")),
                ("p99", "s", None, Query(quantile(0.99, EDGE, "app") + " > 0")),
                ("Queue p95", "s", SLOW, Query(quantile(0.95, QUEUE, "app") + " > 0")),
                ("Queued", "percentunit", WAITS, Query(waiting("app"))),
                ("Most in flight", "short", None,
                 Query("sum by (app) (max_over_time(edgetap_app_concurrency{<S>}[<I>])) > 0")),
                ("Aborted", "reqps", None,
                 Query(rate("edgetap_app_http_requests_aborted_total", "app") + " > 0")),
            ],
            "p95", width=24, height=9,
        ),
        Graph("Slowest apps", "The ten highest 95th percentiles of the time at the edge: from the first byte "
              "of a request to the last byte of its response.",
              Query(f"topk(10, {quantile(0.95, EDGE, 'app')} > 0)", "{{app}}"), "s"),
        Graph("Failing apps", "Share of responses that are 5xx, the ten highest.",
              Query(f"topk(10, {errors('app')})", "{{app}}"), "percentunit", thresholds=ERRORS),
        Graph("Queueing apps", "95th percentile of the time that requests waited for the app to read them, "
              "the ten highest.",
              Query(f"topk(10, {quantile(0.95, QUEUE, 'app')} > 0)", "{{app}}"), "s"),
    )


def requests():
    return Row(
        "Requests",
        Graph("Requests by status", "Final responses that left the instances.",
              Query(rate(RESPONSES, "status"), "{{status}}"), "reqps", stack=True, by_status=True),
        Graph("Requests by method", "The same, by method.",
              Query(rate(RESPONSES, "method"), "{{method}}"), "reqps", stack=True),
        Graph("Requests by app", "The same, by app.", Query(rate(RESPONSES, "app"), "{{app}}"), "reqps",
              stack=True),
        Graph("Error ratio", "Share of responses that are errors: 5xx are the app's, 4xx mostly its clients'.",
              [Query(errors(""), "5xx"), Query(errors("", "4.."), "4xx")], "percentunit",
              thresholds=ERRORS),
        Graph("Aborted requests", "Requests whose response was not completed, by who ended them and when.",
              Query(rate("edgetap_app_http_requests_aborted_total", "by, phase"), "{{by}} in {{phase}}"),
              "reqps", stack=True),
        Graph("Responses by instance", "As written by the apps, the ten busiest instances.",
              Query(f"topk(10, {rate('edgetap_app_http_responses_total', 'app, instance')})",
                    "{{app}} {{instance}}"), "reqps"),
        Graph("Time at the edge", "From the first byte of the request in the socket to the last byte of the "
              "response taken by the kernel.", quantiles(EDGE), "s", width=6),
        Graph("Time in the app", "From the first byte that the app read to the last one that it wrote: the "
              "time at the edge without the wait in front.", quantiles(APP), "s", width=6),
        Graph("Time to first byte", "From the first byte read by the app to the first byte of the response.",
              quantiles(FIRST), "s", width=6),
        Graph("Slow instances", "95th percentile of the time in the app, the ten slowest instances.",
              Query(f"topk(10, {quantile(0.95, APP, 'app, instance')} > 0)", "{{app}} {{instance}}"), "s",
              width=6),
        Heatmap("Time at the edge, all requests", "How many requests took how long. Two bands are two kinds "
                "of requests, which no percentile shows.",
                Query(f"sum by (le) (increase({EDGE}_bucket{{<S>}}[<I>]))", "{{le}}"), "s", width=12),
        Graph("Time by status", "95th percentile at the edge by class of status.",
              Query(quantile(0.95, EDGE, "status"), "{{status}}"), "s", width=12, by_status=True),
    )


def queueing():
    return Row(
        "Queueing and load",
        Graph("Queue time", "From the first byte of the request in the socket to the app reading it.",
              quantiles(QUEUE), "s", width=6),
        Graph("Share of time queued", "Of all that answered requests take, what passes before the app reads "
              "them.",
              Query(waiting("app"), "{{app}}"), "percentunit", width=6, thresholds=WAITS),
        Graph("In flight", "Requests read by the app and not answered yet.",
              Query(now("edgetap_app_concurrency", "app"), "{{app}}"), "short", width=6),
        Graph("Time to accept", "From the completed TCP handshake to the app accepting the connection; only "
              "where the kernel lets accept be seen.", quantiles("edgetap_app_connect_time_seconds"), "s",
              width=6),
        Graph("Waiting connections", "Connections not accepted yet, of those that may wait: at 100 % new ones "
              "are dropped.",
              Query("max by (app, instance) (edgetap_edge_listen_backlog{<S>} / "
                    "(edgetap_edge_listen_backlog_limit{<S>} > 0))", "{{app}} {{instance}}"),
              "percentunit", width=12, thresholds=FULL),
        Graph("Dropped connections", "Too many were waiting to be accepted.",
              Query(rate("edgetap_edge_listen_overflows_total", "app"), "{{app}}"), "cps", width=12),
    )


def connections():
    return Row(
        "Connections",
        Graph("Connections made and ended", "TCP handshakes completed on listening sockets, and ends.",
              [Query(rate("edgetap_edge_tcp_connects_total", ""), "made"),
               Query(rate("edgetap_edge_tcp_disconnects_total", ""), "ended")], "cps", width=6),
        Graph("Connections taken and given up", "By the apps themselves.",
              [Query(rate("edgetap_app_tcp_connects_total", ""), "taken"),
               Query(rate("edgetap_app_tcp_disconnects_total", ""), "given up")], "cps", width=6),
        Graph("Bytes in", "TCP payload received from clients.",
              Query(rate("edgetap_edge_data_in_bytes_total", "app"), "{{app}}"), "Bps", width=6),
        Graph("Bytes out", "TCP payload that clients have acknowledged.",
              Query(rate("edgetap_edge_data_out_bytes_total", "app"), "{{app}}"), "Bps", width=6),
        Graph("Resets", "Connections ended by a TCP reset: in, by clients; out, by us.",
              Query(rate("edgetap_edge_tcp_resets_total", "direction"), "{{direction}}"), "cps"),
        Graph("Retransmits", "Segments sent to clients again: packets are lost on the way.",
              Query(rate("edgetap_edge_tcp_retransmits_total", "app"), "{{app}}"), "pps"),
        Graph("Round-trip time", "Of clients' connections, at their end.",
              quantiles("edgetap_edge_tcp_round_trip_time_seconds"), "s"),
        Graph("UNIX sockets listened on", "What comes through these is not observed.",
              Query(now("edgetap_unix_stream_listeners", "app"), "{{app}}"), "short", width=24, height=6),
        closed=True,
    )


def tls():
    return Row(
        "TLS",
        Graph("Handshakes", "Handshakes done, by version.",
              Query(rate("edgetap_edge_tls_handshake_time_seconds_count", "version"), "TLS {{version}}"), "cps",
              width=6, stack=True),
        Graph("Handshake time", "95th percentile from the ClientHello to the handshake being done.",
              Query(quantile(0.95, "edgetap_edge_tls_handshake_time_seconds", "version"), "TLS {{version}}"),
              "s", width=6),
        Graph("Failed handshakes", "By the server name asked for, who ended them and why.",
              Query(rate("edgetap_edge_tls_handshake_errors_total", "servername, by, reason"),
                    "{{servername}} {{reason}} by {{by}}"), "cps", width=6),
        Graph("Protocols offered", "ClientHellos by the first protocol that they offer.",
              Query(rate("edgetap_edge_tls_hellos_total", "alpn"), "{{alpn}}"), "cps", width=6, stack=True),
        closed=True,
    )


def grpc():
    calls = "edgetap_app_grpc_responses_total"
    failed = rate(calls, "grpc_method", '<S>,grpc_status!="OK"')
    return Row(
        "gRPC",
        Graph("Calls by method", "Calls whose response has ended.",
              Query(rate(calls, "grpc_method"), "{{grpc_method}}"), "reqps", width=6, stack=True),
        Graph("Calls by status", "By the status in the trailers.",
              Query(rate(calls, "grpc_status"), "{{grpc_status}}"), "reqps", width=6, stack=True),
        Graph("Failed calls", "Share of the calls of a method that did not end in OK.",
              Query(ratio(failed, rate(calls, "grpc_method"), "grpc_method"), "{{grpc_method}}"),
              "percentunit", width=6, thresholds=ERRORS),
        Graph("Time of calls", "95th percentile; of streaming calls their whole duration.",
              Query(quantile(0.95, GRPC, "grpc_method"), "{{grpc_method}}"), "s", width=6),
        Graph("Time to first byte of calls", "95th percentile, from the call read by the app.",
              Query(quantile(0.95, "edgetap_app_grpc_time_to_first_byte_seconds", "grpc_method"),
                    "{{grpc_method}}"), "s", width=24),
        closed=True,
    )


def upgraded():
    return Row(
        "WebSocket and other upgraded connections",
        Graph("Open now", "Connections that became something else than HTTP.",
              Query(now("edgetap_app_open_upgraded_connections", "app"), "{{app}}"), "short", width=6),
        Graph("Upgrades", "Connections upgraded.",
              Query(rate("edgetap_app_upgraded_connections_total", "app"), "{{app}}"), "cps", width=6),
        Graph("How long they last", "From the upgrade to the end.",
              quantiles("edgetap_app_upgraded_connection_time_seconds"), "s", width=6),
        Graph("WebSocket messages", "Data messages by direction.",
              Query(rate("edgetap_app_websocket_messages_total", "direction"), "{{direction}}"), "cps", width=6),
        Graph("Bytes of upgraded connections", "By direction.",
              Query(rate("edgetap_app_upgraded_data_bytes_total", "direction"), "{{direction}}"), "Bps",
              width=24),
        closed=True,
    )


def outbound():
    return Row(
        "Outbound connections: what the apps depend on",
        Graph("Connections made", "Outbound, by app.",
              Query(rate("edgetap_outbound_tcp_connects_total", "app"), "{{app}}"), "cps", width=6),
        Graph("Failed connections", "By app and reason.",
              Query(rate("edgetap_outbound_tcp_connect_errors_total", "app, reason"), "{{app}} {{reason}}"),
              "cps", width=6),
        Graph("Time to connect", "From the first SYN to the connection being there.",
              quantiles("edgetap_outbound_tcp_connect_time_seconds"), "s", width=6),
        Graph("Retransmits outbound", "Segments sent again.",
              Query(rate("edgetap_outbound_tcp_retransmits_total", "app"), "{{app}}"), "pps", width=6),
        Graph("Bytes outbound", "Payload sent and received on outbound connections.",
              [Query(rate("edgetap_outbound_data_out_bytes_total", ""), "out"),
               Query(rate("edgetap_outbound_data_in_bytes_total", ""), "in")], "Bps"),
        Graph("Destinations", "The ten that are connected to most.",
              Query(f"topk(10, {rate('edgetap_outbound_destination_connects_total', 'destination')})",
                    "{{destination}}"), "cps"),
        Graph("Failing destinations", "The ten that fail most.",
              Query("topk(10, " + rate("edgetap_outbound_destination_connect_errors_total",
                                       "destination, reason") + ")", "{{destination}} {{reason}}"), "cps"),
        closed=True,
    )


def instances():
    cpu, memory = "edgetap_instance_cpu_seconds_total", "edgetap_instance_memory"
    each, label = "app, instance", "{{app}} {{instance}}"
    throttled = rate("edgetap_instance_cpu_throttled_periods_total", each)
    used = (f"({memory}_total_bytes{{<S>}} - {memory}_available_bytes{{<S>}})")
    space = "edgetap_instance_filesystem"
    return Row(
        "Instances: CPU, memory, disk, network",
        Graph("Instances that live", "By app.", Query(now("edgetap_instance_up", "app"), "{{app}}"), "short",
              width=6, stack=True),
        Graph("CPU", "CPUs in use, the ten busiest instances.",
              Query("topk(10, " + rate(cpu, each, '<S>,mode!~"idle|iowait|guest|guest_nice"') + ")", label),
              "short", width=6),
        Graph("CPU by mode", "What the CPUs' time goes to.", Query(rate(cpu, "mode"), "{{mode}}"), "short",
              width=6, stack=True),
        Graph("Load average", "Processes running or waiting to, over one minute.",
              Query('max by (instance) (edgetap_instance_load_average{<S>,minutes="1"})', "{{instance}}"),
              "short", width=6),
        Graph("Throttled by the CPU quota", "Share of the quota's periods in which an instance was stopped: "
              "it wants more CPU than its limit.",
              Query(ratio(throttled, rate("edgetap_instance_cpu_periods_total", each), each), label),
              "percentunit", width=6, thresholds=WAITS),
        Graph("Time throttled", "Time of its threads that the quota took, per second.",
              Query(rate("edgetap_instance_cpu_throttled_seconds_total", each), label), "s", width=6),
        Graph("Waiting for a CPU", "Time in which threads were ready to run and waited, per second.",
              Query(f"topk(10, {rate('edgetap_instance_run_queue_seconds_total', each)})", label), "s",
              width=6),
        Graph("Pressure", "Share of time in which some of the tasks waited for CPU, memory or disk.",
              Query('max by (instance, resource) (rate(edgetap_instance_pressure_seconds_total{<S>,kind="some"}'
                    "[<I>]))", "{{instance}} {{resource}}"), "percentunit", width=6, thresholds=WAITS),
        Graph("Memory used", "Share of its limit, or of the machine: what could not be had without swapping. "
              "The ten fullest.",
              Query(f"topk(10, max by ({each}) ({used} / ({memory}_total_bytes{{<S>}} > 0)))", label),
              "percentunit", width=6, top=1, thresholds=FULL),
        Graph("Memory by instance", "Bytes that could not be had without swapping.",
              Query(f"topk(10, max by ({each}) ({used}))", label), "bytes", width=6),
        Graph("Killed for memory", "Processes that the kernel killed because memory ran out.",
              Query(f"sum by ({each}) (increase(edgetap_instance_oom_kills_total{{<S>}}[<I>]))", label),
              "short", width=6),
        Graph("Exits", "Ends of main processes by exit code; 128 and more is a signal, 137 a kill.",
              Query("sum by (app, code) (increase(edgetap_instance_exits_total{<S>}[<I>]))",
                    "{{app}} {{code}}"), "short", width=6),
        Graph("Disk bytes", "Read and written.",
              [Query(rate("edgetap_instance_disk_read_bytes_total", each), label + " read"),
               Query(rate("edgetap_instance_disk_written_bytes_total", each), label + " written")], "Bps",
              width=6),
        Graph("Disk busy", "Share of time in which a disk had something to do.",
              Query("max by (instance, device) (rate(edgetap_instance_disk_io_time_seconds_total{<S>}[<I>]))",
                    "{{instance}} {{device}}"), "percentunit", width=6, top=1, thresholds=FULL),
        Graph("Disk operations", "Reads and writes done.",
              [Query(rate("edgetap_instance_disk_reads_completed_total", each), label + " read"),
               Query(rate("edgetap_instance_disk_writes_completed_total", each), label + " written")], "iops",
              width=6),
        Graph("File systems used", "Share that is not available to ordinary users.",
              Query(f"max by (instance, mount) (1 - {space}_available_bytes{{<S>}} / ({space}_size_bytes{{<S>}} > 0))",
                    "{{instance}} {{mount}}"), "percentunit", width=6, top=1, thresholds=FULL),
        Graph("Network bytes", "Of instances with a network of their own, and of the machine.",
              [Query(rate("edgetap_instance_network_receive_bytes_total", "instance, device"),
                     "{{instance}} {{device}} in"),
               Query(rate("edgetap_instance_network_transmit_bytes_total", "instance, device"),
                     "{{instance}} {{device}} out")], "Bps", width=6),
        Graph("Network drops", "Packets dropped on interfaces.",
              [Query(rate("edgetap_instance_network_receive_dropped_total", "instance, device"),
                     "{{instance}} {{device}} in"),
               Query(rate("edgetap_instance_network_transmit_dropped_total", "instance, device"),
                     "{{instance}} {{device}} out")], "pps", width=6),
        Graph("Processes", "Processes and threads of each instance, the ten highest.",
              Query(f"topk(10, {now('edgetap_instance_processes', each)})", label), "short", width=6),
        Graph("Open files", "Share of what the machine allows.",
              Query("max by (instance) (edgetap_instance_file_descriptors_allocated{<S>} / "
                    "edgetap_instance_file_descriptors_limit{<S>})", "{{instance}}"), "percentunit", width=6,
              top=1, thresholds=FULL),
        closed=True,
    )


def volumes():
    return Row(
        "Volumes",
        Graph("Volumes used", "Share of each volume.",
              Query("max by (app, host, id) (edgetap_volume_used_ratio{<A>})", "{{app}} {{id}}"), "percentunit",
              width=12, top=1, thresholds=FULL),
        Graph("Size of volumes", "Bytes.",
              Query("max by (app, host, id) (edgetap_volume_size_bytes{<A>})", "{{app}} {{id}}"), "bytes", width=12),
        closed=True,
    )


def postgres():
    pg = "edgetap_pg"
    hit, read = rate(f"{pg}_database_blocks_hit_total", "datname"), rate(f"{pg}_database_blocks_read_total", "datname")
    return Row(
        "Postgres",
        Graph("Servers that answer", "1: statistics could be read; 0: they could not.",
              Query(f"min by (app, instance) ({pg}_up{{<S>}})", "{{app}} {{instance}}"), "short", width=6, top=1),
        Graph("Servers not asked or not shown", "Failed attempts to ask one, and servers left out, by reason.",
              [Query(rate("edgetap_postgres_failures_total", "reason", "<R>"), "{{reason}}"),
               Query(now("edgetap_postgres_servers_not_shown", "reason", "<R>"), "not shown: {{reason}}")],
              "short", width=6),
        Graph("Connections by state", "A lot of idle in transaction holds locks and keeps dead rows.",
              Query(now(f"{pg}_activity_connections", "state"), "{{state}}"), "short", width=6, stack=True),
        Graph("Oldest transaction", "Age, by database.",
              Query(f"max by (datname) ({pg}_activity_max_transaction_duration_seconds{{<S>}})", "{{datname}}"),
              "s", width=6),
        Graph("Transactions", "Committed and rolled back.",
              [Query(rate(f"{pg}_database_transactions_committed_total", "datname"), "{{datname}} committed"),
               Query(rate(f"{pg}_database_transactions_rolled_back_total", "datname"), "{{datname}} rolled back")],
              "ops", width=6),
        Graph("Found in the cache", "Share of blocks that were in the buffer cache.",
              Query(f"{hit} / ({hit} + {read} > 0)", "{{datname}}"), "percentunit", width=6, top=1),
        Graph("Rows", "Fetched, and changed.",
              [Query(rate(f"{pg}_database_tuples_{what}_total", ""), what)
               for what in ("fetched", "inserted", "updated", "deleted")], "ops", width=6),
        Graph("Deadlocks and conflicts", "Queries that had to be cancelled.",
              [Query(rate(f"{pg}_database_deadlocks_total", "datname"), "{{datname}} deadlocks"),
               Query(rate(f"{pg}_database_conflicts_total", "datname"), "{{datname}} conflicts")], "ops", width=6),
        Graph("Checkpoints", "Those asked for come before their time: WAL is written fast.",
              [Query(rate(f"{pg}_bgwriter_checkpoints_timed_total", ""), "timed"),
               Query(rate(f"{pg}_bgwriter_checkpoints_requested_total", ""), "requested")], "ops", width=6),
        Graph("Size of databases", "Bytes on disk.",
              Query(f"max by (datname) ({pg}_database_size_bytes{{<S>}})", "{{datname}}"), "bytes", width=6),
        Graph("Behind the primary", "Age of the last transaction that a standby has replayed.",
              Query(f"max by (app, instance) ({pg}_replication_lag_seconds{{<S>}})", "{{app}} {{instance}}"), "s",
              width=6),
        Graph("WAL not replayed", "What each standby is behind, as the primary sees it.",
              Query(f"max by (application_name) ({pg}_replication_wal_lsn_diff_bytes{{<S>}})",
                    "{{application_name}}"), "bytes", width=6),
        closed=True,
    )


def custom():
    name = "edgetap_custom"
    label = "{{app}} {{instance}} {{endpoint}}"
    return Row(
        "Metrics that the apps expose themselves",
        Graph("Endpoints that answer", "1: the last scrape was good; 0: it was not, and nothing of it is shown.",
              Query(f"min by (app, instance, endpoint) ({name}_up{{<S>}})", label), "short", width=6, top=1),
        Graph("Time of their scrapes", "How long each endpoint takes to answer.",
              Query(f"max by (app, instance, endpoint) ({name}_scrape_duration_seconds{{<S>}})", label), "s",
              width=6),
        Graph("Failed scrapes", "By reason.", Query(rate(f"{name}_scrapes_failed_total", "app, reason"),
                                                    "{{app}} {{reason}}"), "ops", width=6),
        Graph("Their samples", "Shown, and left out by reason.",
              [Query(now(f"{name}_samples", "app"), "{{app}}"),
               Query(now(f"{name}_samples_left_out", "app, reason"), "{{app}} left out: {{reason}}")], "short",
              width=6),
        closed=True,
    )


def agent():
    return Row(
        "The agent itself",
        Graph("What it lost", "What could not be observed, parsed, stored or delivered, by reason. Zero is "
              "what the other numbers' exactness rests on.",
              Query(rate("edgetap_losses_total", "reason", "<R>") + " > 0", "{{reason}}"), "ops", width=12),
        Graph("Requests not followed", "Read by an app, and their end could not be seen.",
              Query(rate("edgetap_app_http_requests_lost_total", "app"), "{{app}}"), "reqps", width=6),
        Graph("Map fill", "The fullest kernel maps: when one is full, what is new goes to __other__ or is lost.",
              Query("topk(5, max by (host, name) (edgetap_map_entries{<R>} / (edgetap_map_entries_limit{<R>} > 0)))",
                    "{{host}} {{name}}"), "percentunit", width=6, top=1, thresholds=FULL),
        Graph("Scrape duration", "Time to render the scrape before.",
              Query("max by (host) (edgetap_last_scrape_duration_seconds{<R>})", "{{host}}"), "s", width=6),
        Graph("Kernel memory", "Of all maps.",
              Query(now("edgetap_map_memory_bytes", "host", "<R>"), "{{host}}"), "bytes", width=6),
        Graph("Observed", "Instances and sockets.",
              [Query(now("edgetap_instances", "", "<R>"), "instances"),
               Query(now("edgetap_live_sockets", "", "<R>"), "sockets")], "short", width=6),
        Graph("Probes in TLS libraries", "Files watched, and handshakes whose end is not known yet.",
              [Query(now("edgetap_tls_files_attached", "", "<R>"), "files"),
               Query(now("edgetap_tls_probes_attached", "", "<R>"), "probes"),
               Query(now("edgetap_tls_pending_hellos", "", "<R>"), "pending handshakes")], "short", width=6),
        Graph("Refused scrapes", "Requests to the agent that it did not answer, and connections that it cut.",
              [Query(rate("edgetap_exporter_requests_refused_total", "reason", "<R>"), "{{reason}}"),
               Query(rate("edgetap_exporter_connections_cut_total", "reason", "<R>"), "{{reason}}")], "reqps"),
        Graph("Readings without room", "Values that a scrape left out.",
              Query(now("edgetap_readings_lost", "host", "<R>"), "{{host}}"), "short"),
        Graph("First bytes not seen", "Responses that the time to first byte leaves out, as only the end of a "
              "large write was visible.",
              Query(rate("edgetap_app_http_first_bytes_unseen_total", "app"), "{{app}}"), "reqps"),
        closed=True,
    )


def dashboard():
    rows = (overview, requests, queueing, connections, tls, grpc, upgraded, outbound, instances, volumes,
            postgres, custom, agent)
    return board.dashboard(
        "edgetap",
        "edgetap",
        "HTTP, gRPC, WebSocket, TLS and TCP of every container, unit and process, as edgetap sees them from the "
        "kernel. Needs the scrape of /metrics with honor_labels and classic histograms.",
        "edgetap_instance_up",
        ("region", "app", "instance", "namespace", "pod", "host"),
        [row() for row in rows],
    )
