# SPDX-License-Identifier: Apache-2.0
"""The dashboard of the names of Fly.io, from /metrics/fly, in the order of their page."""
import board
from board import Graph, Query, Row, Table, now, quantile, quantiles, rate, ratio

EDGE = "fly_edge_http_response_time_seconds"
APP = "fly_app_http_response_time_seconds"
RESPONSES = "fly_edge_http_responses_count"
EACH, LABEL = "app, instance", "{{app}} {{instance}}"

ERRORS = ("green", (0.01, "orange"), (0.05, "red"))
SLOW = ("green", (0.5, "orange"), (2, "red"))
FULL = ("green", (0.8, "orange"), (0.95, "red"))
FULL_PERCENT = ("green", (80, "orange"), (95, "red"))


def errors(by, name=RESPONSES, filters="<A>"):
    return ratio(rate(name, by, filters + ',status=~"5.."'), rate(name, by, filters), by)


def wait(by):
    """Mean time between a request's arrival and the app reading it: what the edge's clock has more."""
    def mean(name, filters):
        return f"{rate(name + '_sum', by, filters)} / ({rate(name + '_count', by, filters)} > 0)"

    return f"clamp_min({mean(EDGE, '<A>')} - {mean(APP, '<A>')}, 0)"


def each(name, what, by=EACH, label=LABEL, scale=""):
    """A rate by instance."""
    return Query(rate(name, by, scale=scale), f"{label} {what}".strip())


def overview():
    return Row(
        "Which app is slow or failing, and is it queueing?",
        Table(
            "Apps",
            "Each app over the time shown. Waiting is the mean time by which its requests take longer at the "
            "edge than in the app: they were there, and the app did not read them.",
            ["app"],
            [
                ("Requests", "reqps", None, Query(rate(RESPONSES, "app", "<A>") + " > 0")),
                ("Errors (5xx)", "percentunit", ERRORS, Query(errors("app"))),
                ("p50", "s", None, Query(quantile(0.5, EDGE, "app", "<A>") + " > 0")),
                ("p95", "s", SLOW, Query(quantile(0.95, EDGE, "app", "<A>") + " > 0")),
                ("p99", "s", None, Query(quantile(0.99, EDGE, "app", "<A>") + " > 0")),
                ("Waiting", "s", SLOW, Query(wait("app"))),
                ("Most in flight", "short", None,
                 Query("sum by (app) (max_over_time(fly_app_concurrency{<S>}[<I>])) > 0")),
                ("Instances", "short", None,
                 Query(f"{now('fly_instance_up', 'app')} and {rate(RESPONSES, 'app', '<A>')} > 0")),
            ],
            "p95", width=24, height=9,
        ),
        Graph("Slowest apps", "The ten highest 95th percentiles of the time at the edge.",
              Query(f"topk(10, {quantile(0.95, EDGE, 'app', '<A>')} > 0)", "{{app}}"), "s"),
        Graph("Failing apps", "Share of responses that are 5xx, the ten highest.",
              Query(f"topk(10, {errors('app')})", "{{app}}"), "percentunit", thresholds=ERRORS),
        Graph("Queueing apps", "Mean time that requests waited for the app to read them, the ten highest.",
              Query(f"topk(10, {wait('app')})", "{{app}}"), "s"),
    )


def edge():
    return Row(
        "Edge",
        Graph("Responses by status", "Final responses that left the apps.",
              Query(rate(RESPONSES, "status", "<A>"), "{{status}}"), "reqps", stack=True, by_status=True),
        Graph("Response time", "From the first byte of the request to the last byte of the response.",
              quantiles(EDGE, "<A>"), "s"),
        Graph("Response time by status", "95th percentile.",
              Query(quantile(0.95, EDGE, "status", "<A>"), "{{status}}"), "s", by_status=True),
        Graph("Connections", "TCP connections made and ended.",
              [Query(rate("fly_edge_tcp_connects_count", "", "<A>"), "made"),
               Query(rate("fly_edge_tcp_disconnects_count", "", "<A>"), "ended")], "cps", width=6),
        Graph("Bytes", "TCP payload, in from clients and out to them.",
              [Query(rate("fly_edge_data_in", "", "<A>"), "in"),
               Query(rate("fly_edge_data_out", "", "<A>"), "out")], "Bps", width=6),
        Graph("TLS handshake time", "95th percentile by version.",
              Query(quantile(0.95, "fly_edge_tls_handshake_time_seconds", "version", "<A>"), "TLS {{version}}"),
              "s", width=6),
        Graph("Failed TLS handshakes", "By the server name asked for.",
              Query(rate("fly_edge_tls_handshake_errors", "servername", "<A>"), "{{servername}}"), "cps", width=6),
    )


def app():
    return Row(
        "App",
        Graph("Responses by instance", "The ten busiest instances.",
              Query(f"topk(10, {rate('fly_app_http_responses_count', EACH)})", LABEL), "reqps"),
        Graph("Failing instances", "Share of responses that are 5xx, the ten highest.",
              Query(f"topk(10, {errors(EACH, 'fly_app_http_responses_count', '<S>')})", LABEL),
              "percentunit", thresholds=ERRORS),
        Graph("Slow instances", "95th percentile of the time in the app, the ten slowest.",
              Query(f"topk(10, {quantile(0.95, APP, EACH)} > 0)", LABEL), "s"),
        Graph("Time in the app", "From the first byte read to the last byte written.", quantiles(APP), "s",
              width=6),
        Graph("Concurrency", "Requests read and not answered yet.",
              Query(now("fly_app_concurrency", "app"), "{{app}}"), "short", width=6),
        Graph("Time to accept", "From the completed TCP handshake to the app accepting the connection; only "
              "where the kernel lets accept be seen.", quantiles("fly_app_connect_time_seconds"), "s", width=6),
        Graph("Connections of apps", "Taken by the apps, and given up by them.",
              [Query(rate("fly_app_tcp_connects_count", ""), "taken"),
               Query(rate("fly_app_tcp_disconnects_count", ""), "given up")], "cps", width=6),
    )


def memory():
    name = "fly_instance_memory"
    kinds = ("buffers", "cached", "swap_cached", "active", "inactive", "dirty", "writeback", "slab", "shmem")
    kernel = ("vmalloc_total", "vmalloc_used", "vmalloc_chunk")
    in_use = f"({name}_mem_total{{<S>}} - {name}_mem_available{{<S>}})"
    swapped = f"({name}_swap_total{{<S>}} - {name}_swap_free{{<S>}})"
    return Row(
        "Instance memory",
        Graph("Memory used", "Share of what the instance may use that could not be had without swapping, the "
              "ten fullest.", Query(f"topk(10, max by ({EACH}) ({in_use} / ({name}_mem_total{{<S>}} > 0)))", LABEL),
              "percentunit", width=6, top=1, thresholds=FULL),
        Graph("Memory free", "Bytes that nothing uses, not even a cache.",
              Query(f"max by ({EACH}) ({name}_mem_free{{<S>}})", LABEL), "bytes", width=6),
        Graph("Memory by kind", "What it is used for, all instances shown together.",
              [Query(now(f"{name}_{kind}", ""), kind.replace("_", " ")) for kind in kinds], "bytes", width=6),
        Graph("Swap used", "Bytes.", Query(f"max by ({EACH}) ({swapped})", LABEL), "bytes", width=6),
        Graph("Kernel mappings", "The kernel's area of virtual mappings: its size, what is used, the largest "
              "piece.", [Query(now(f"{name}_{kind}", ""), kind.replace("_", " ")) for kind in kernel], "bytes",
              width=24, height=6),
        closed=True,
    )


def cpu():
    return Row(
        "Instance load and CPU",
        Graph("Up", "Instances that live.", Query(now("fly_instance_up", "app"), "{{app}}"), "short", width=6,
              stack=True),
        Graph("CPU", "CPUs in use, the ten busiest instances.",
              Query("topk(10, " + rate("fly_instance_cpu", EACH, '<S>,mode!~"idle|iowait|guest|guest_nice"') +
                    " / 100)", LABEL), "short", width=6),
        Graph("CPU by mode", "CPUs by what their time goes to.",
              Query(rate("fly_instance_cpu", "mode", scale=" / 100"), "{{mode}}"), "short", width=6, stack=True),
        Graph("Load average", "Processes running or waiting to, on average over so many minutes.",
              Query("max by (instance, minutes) (fly_instance_load_average{<S>})", "{{instance}} {{minutes}} min"),
              "short", width=6),
        closed=True,
    )


def disks():
    disk = "fly_instance_disk"
    by, label = "instance, device", "{{instance}} {{device}}"

    def both(what, label_of):
        return [each(f"{disk}_{a}", b, by, label, s) for a, b, s in zip(what, label_of, ("", ""))]

    def mean(time, count):
        """Milliseconds of an operation, as seconds."""
        return f"{rate(f'{disk}_{time}', by)} / ({rate(f'{disk}_{count}', by)} > 0) / 1000"

    return Row(
        "Instance disks",
        Graph("Disk operations", "Reads and writes done.",
              both(("reads_completed", "writes_completed"), ("read", "write")), "iops", width=6),
        Graph("Disk operations merged", "Joined with a neighbour.",
              both(("reads_merged", "writes_merged"), ("read", "write")), "iops", width=6),
        Graph("Disk bytes", "Sectors of 512 bytes, as bytes.",
              [each(f"{disk}_sectors_{a}", a, by, label, " * 512") for a in ("read", "written")], "Bps", width=6),
        Graph("Time of a disk operation", "Mean of the reads and writes done.",
              [Query(mean("time_reading", "reads_completed"), label + " read"),
               Query(mean("time_writing", "writes_completed"), label + " write")], "s", width=6),
        Graph("Disk busy", "Share of time in which a disk had something to do.",
              each(f"{disk}_time_io", "", by, label, " / 1000"), "percentunit", top=1, thresholds=FULL),
        Graph("Disk queue", "Operations under way, on average.",
              each(f"{disk}_time_io_weighted", "", by, label, " / 1000"), "short"),
        Graph("Disk operations under way", "At the moment of the scrape.",
              Query(now(f"{disk}_io_in_progress", by), label), "short"),
        closed=True,
    )


def network():
    net = "fly_instance_net"
    by, label = "instance, device", "{{instance}} {{device}}"

    def graph(title, description, names, unit):
        return Graph(title, description, [each(f"{net}_{n}", n.replace("_", " "), by, label) for n in names], unit,
                     width=6)

    return Row(
        "Instance networking",
        graph("Network bytes", "By interface.", ("recv_bytes", "sent_bytes"), "Bps"),
        graph("Packets", "By interface.", ("recv_packets", "sent_packets", "recv_multicast"), "pps"),
        graph("Network errors", "Packets not received or sent.",
              ("recv_errs", "sent_errs", "recv_frame", "sent_carrier", "sent_colls"), "pps"),
        graph("Network drops", "Packets dropped, or lost in a full queue.",
              ("recv_drop", "sent_drop", "recv_fifo", "sent_fifo"), "pps"),
        graph("Compressed packets", "By interface.", ("recv_compressed", "sent_compressed"), "pps"),
        closed=True,
    )


def files():
    fs = "fly_instance_filesystem"
    return Row(
        "Instance file descriptors and file systems",
        Graph("Open files", "Share of what the machine allows.",
              Query("max by (instance) (fly_instance_filefd_allocated{<S>} / fly_instance_filefd_maximum{<S>})",
                    "{{instance}}"), "percentunit", width=6, top=1, thresholds=FULL),
        Graph("File systems used", "Share that is not available to ordinary users.",
              Query(f"max by (instance, mount) (1 - {fs}_blocks_avail{{<S>}} / ({fs}_blocks{{<S>}} > 0))",
                    "{{instance}} {{mount}}"), "percentunit", width=6, top=1, thresholds=FULL),
        Graph("Size of file systems", "Bytes.",
              Query(f"max by (instance, mount) ({fs}_blocks{{<S>}} * {fs}_block_size{{<S>}})",
                    "{{instance}} {{mount}}"), "bytes", width=6),
        Graph("Free space", "Bytes, with what is kept for root.",
              Query(f"max by (instance, mount) ({fs}_blocks_free{{<S>}} * {fs}_block_size{{<S>}})",
                    "{{instance}} {{mount}}"), "bytes", width=6),
        closed=True,
    )


def volumes():
    return Row(
        "Volumes",
        Graph("Volumes used", "Percent of each volume.",
              Query("max by (app, id) (fly_volume_used_pct{<A>})", "{{app}} {{id}}"), "percent", width=12, top=100,
              thresholds=FULL_PERCENT),
        Graph("Size of volumes", "Bytes.", Query("max by (app, id) (fly_volume_size_bytes{<A>})", "{{app}} {{id}}"),
              "bytes", width=12),
        closed=True,
    )


def postgres():
    db, bg, replica = "pg_stat_database", "pg_stat_bgwriter", "pg_stat_replication"
    hit, read = rate(f"{db}_blks_hit", "datname"), rate(f"{db}_blks_read", "datname")

    def rates(prefix, by, label, names, scale=""):
        return [Query(rate(f"{prefix}_{n}", by, scale=scale), f"{label} {n.replace('_', ' ')}".strip())
                for n in names]

    def database(*names, scale=""):
        return rates(db, "datname", "{{datname}}", names, scale)

    def writer(*names, scale=""):
        return rates(bg, "", "", names, scale)

    def standby(name, label=""):
        return Query(f"max by (application_name) ({name}{{<S>}})", "{{application_name}} " + label)

    conflicts = ["conflicts"] + [f"conflicts_confl_{what}" for what in
                                 ("bufferpin", "deadlock", "lock", "snapshot", "tablespace")]
    return Row(
        "Postgres",
        Graph("Connections by state", "A lot of idle in transaction holds locks and keeps dead rows.",
              Query(now("pg_stat_activity_count", "state"), "{{state}}"), "short", width=6, stack=True),
        Graph("Backends", "Connected, by database.", Query(now(f"{db}_numbackends", "datname"), "{{datname}}"),
              "short", width=6),
        Graph("Oldest transaction", "Age, by database.",
              Query("max by (datname) (pg_stat_activity_max_tx_duration{<S>})", "{{datname}}"), "s", width=6),
        Graph("Transactions", "Committed and rolled back.", database("xact_commit", "xact_rollback"), "ops",
              width=6),
        Graph("Found in the cache", "Share of blocks that were in the buffer cache.",
              Query(f"{hit} / ({hit} + {read} > 0)", "{{datname}}"), "percentunit", width=6, top=1),
        Graph("Rows", "By what was done with them.",
              database("tup_returned", "tup_fetched", "tup_inserted", "tup_updated", "tup_deleted"), "ops",
              width=6),
        Graph("Time for blocks", "Spent reading and writing files, per second; zero unless track_io_timing is on.",
              database("blk_read_time", "blk_write_time", scale=" / 1000"), "s", width=6),
        Graph("Deadlocks", "By database.", database("deadlocks"), "ops", width=6),
        Graph("Conflicts with recovery", "Queries that a standby cancelled.", database(*conflicts), "ops", width=6),
        Graph("Checkpoints", "Those asked for come before their time: WAL is written fast.",
              writer("checkpoints_timed", "checkpoints_req"), "ops", width=6),
        Graph("Time of checkpoints", "Spent writing and syncing, per second.",
              writer("checkpoint_write_time", "checkpoint_sync_time", scale=" / 1000"), "s", width=6),
        Graph("Buffers", "Written by checkpoints, the background writer and the backends themselves; allocated.",
              writer("buffers_checkpoint", "buffers_clean", "buffers_backend", "buffers_backend_fsync",
                     "buffers_alloc", "maxwritten_clean"), "ops", width=6),
        Graph("WAL archived", "And failures.",
              [Query(rate("pg_stat_archiver_archived_count", ""), "archived"),
               Query(rate("pg_stat_archiver_failed_count", ""), "failed")], "ops", width=6),
        Graph("Size of databases", "Bytes on disk.",
              Query("max by (datname) (pg_database_size_bytes{<S>})", "{{datname}}"), "bytes", width=6),
        Graph("Behind the primary", "Age of the last transaction that a standby has replayed.",
              Query(f"max by ({EACH}) (pg_replication_lag{{<S>}})", LABEL), "s", width=6),
        Graph("WAL not replayed", "What each standby is behind, as the primary sees it.",
              standby(f"{replica}_pg_wal_lsn_diff"), "bytes", width=6),
        Graph("WAL written", "Bytes per second.",
              Query(f"max by (application_name) (rate({replica}_pg_current_wal_lsn_bytes{{<S>}}[<I>]))",
                    "{{application_name}}"), "Bps"),
        Graph("Standbys' last answer", "Time since.",
              Query(f"time() - max by (application_name) ({replica}_reply_time{{<S>}})", "{{application_name}}"),
              "s"),
        Graph("Counting since", "Time since the statistics were reset.",
              [Query(f"time() - max by (datname) ({db}_stats_reset{{<S>}} > 0)", "{{datname}}"),
               Query(f"time() - max by (instance) ({bg}_stats_reset{{<S>}} > 0)", "{{instance}} background writer")],
              "s"),
        closed=True,
    )


def dashboard():
    rows = (overview, edge, app, memory, cpu, disks, network, files, volumes, postgres)
    return board.dashboard(
        "edgetap-fly",
        "edgetap: the Fly.io view",
        "The metrics that Fly.io publishes for an app, as edgetap serves them at /metrics/fly. Needs that scrape "
        "with honor_labels. What is of the edge, and volumes, have no instance: that variable leaves them as they "
        "are.",
        "fly_instance_up",
        ("region", "app", "instance", "host"),
        [row() for row in rows],
    )
