// SPDX-License-Identifier: Apache-2.0
/*
 * Every option: its names, type, bounds, default and help, and nowhere else. Adding one is a row
 * here, a field in struct config, and its use; edgetap(1) and edgetap.yaml have an entry for it.
 */
#include <stddef.h>
#include <string.h>

#include "config/option.h"
#include "defaults.h"
#include "row.h"

#define NS_PER_S 1000000000ULL
#define NS_PER_DAY (86400 * NS_PER_S)

#define FIELD(field) .offset = offsetof(struct config, field)
#define BOUNDS(from, to) .min = (from), .max = (to)

/* A number that both sides share at compile time, as a text. */
#define TEXT_OF(number) #number
#define STANDARD(number) .standard = TEXT_OF(number)

/* clang-format off */
static const struct config_option options[] = {
	{ "listen", OPTION_LISTEN, FIELD(listen), .of = OF_BOTH, .standard = "127.0.0.1:9777",
	  .standard_of_gateway = "127.0.0.1:9778",
	  .begins = "The page and its labels", .argument = "ADDR:PORT",
	  .help = "where to serve" },
	{ "region", OPTION_LABEL, FIELD(region), .standard = "auto", .reloads = true,
	  .argument = "NAME",
	  .help = "value of the label region; auto: as the surroundings tell" },
	{ "host", OPTION_LABEL, FIELD(host), .unset = "the machine's name", .reloads = true,
	  .argument = "NAME",
	  .help = "value of the label host" },
	{ "retention", OPTION_DURATION, FIELD(retention_ns), BOUNDS(0, 30 * NS_PER_DAY),
	  .standard = "5m", .reloads = true, .argument = "TIME",
	  .help = "how long the series of a dead instance stay" },
	{ "buckets", OPTION_BUCKETS, FIELD(bucket_ns), BOUNDS(1, GRID_MAX_CLASSIC),
	  .standard = "0.0001,0.00025,0.0005,0.001,0.0025,0.005,0.01,0.025,0.05,0.1,0.25,0.5,1,2.5,5,10",
	  .argument = "SECONDS,...",
	  .help = "upper bounds of the classic histogram buckets" },
	{ "read_queues", OPTION_BOOL, FIELD(read_queues), .standard = "true",
	  .help = "read bytes in the kernel's queues where it lets one, else by system calls" },
	{ "status_by_code", OPTION_BOOL, FIELD(status_by_code), .standard = "false",
	  .help = "histograms by exact status instead of its class" },

	{ "collector.host", OPTION_BOOL, FIELD(collect_host), .standard = "true",
	  .begins = "Collectors",
	  .help = "read memory, CPU, disks, network and file systems of machine and instances" },
	{ "collector.unix", OPTION_BOOL, FIELD(collect_unix), .standard = "true",
	  .help = "count the UNIX sockets that instances listen on" },
	{ "collector.tls", OPTION_BOOL, FIELD(tls_uprobes), .standard = "true",
	  .synonym = "tls_uprobes",
	  .help = "see the plain text inside TLS, through uprobes" },
	{ "tls_libraries", OPTION_SET, FIELD(tls_libraries), .standard = "openssl,gnutls,go",
	  .argument = "NAME,...",
	  .help = "in which libraries: openssl, gnutls, go" },
	{ "collector.postgres", OPTION_BOOL, FIELD(postgres), .standard = "true",
	  .synonym = "postgres",
	  .help = "ask servers of Postgres for their statistics" },
	{ "postgres_interval", OPTION_DURATION, FIELD(postgres_interval_ns),
	  BOUNDS(NS_PER_S, 30 * NS_PER_S), .standard = "15s", .argument = "TIME",
	  .help = "how often each is asked" },
	{ "collector.endpoints", OPTION_BOOL, FIELD(custom_metrics), .standard = "true",
	  .synonym = "custom_metrics",
	  .help = "ask instances for the metrics that they expose themselves" },
	{ "custom_interval", OPTION_DURATION, FIELD(custom_interval_ns),
	  BOUNDS(NS_PER_S, 3600 * NS_PER_S), .standard = "15s", .argument = "TIME",
	  .help = "how often they are asked" },
	{ "custom_endpoints", OPTION_NUMBER, FIELD(custom_endpoints), BOUNDS(1, 4096),
	  .standard = "512", .argument = "N",
	  .help = "endpoints that are asked" },
	{ "custom_samples", OPTION_NUMBER, FIELD(custom_samples), BOUNDS(1, 1000000),
	  .standard = "50000", .argument = "N",
	  .help = "samples of one endpoint" },
	{ "custom_body_bytes", OPTION_NUMBER, FIELD(custom_body_bytes), BOUNDS(1024, 1U << 28),
	  .standard = "10485760", .argument = "N",
	  .help = "bytes of one endpoint's answer, unpacked" },
	{ "custom_wire_bytes", OPTION_NUMBER, FIELD(custom_wire_bytes), BOUNDS(1024, 1U << 28),
	  .standard = "4194304", .argument = "N",
	  .help = "bytes of one endpoint's answer, as they are sent" },

	{ "family.tcp_histograms", OPTION_BOOL, FIELD(family[FAMILY_TCP_HISTOGRAMS]), .standard = "true",
	  .reloads = true, .begins = "Families on /metrics and /metrics/apps",
	  .help = "histograms of round trips and of connecting: edgetap_*_tcp_*_seconds" },
	{ "family.destinations", OPTION_BOOL, FIELD(family[FAMILY_DESTINATIONS]), .standard = "true",
	  .reloads = true,
	  .help = "connects by address: edgetap_outbound_destination_*" },
	{ "family.memory", OPTION_BOOL, FIELD(family[FAMILY_MEMORY]), .standard = "true",
	  .reloads = true,
	  .help = "edgetap_instance_memory_*" },
	{ "family.pressure", OPTION_BOOL, FIELD(family[FAMILY_PRESSURE]), .standard = "true",
	  .reloads = true,
	  .help = "edgetap_instance_pressure_*" },
	{ "family.disk", OPTION_BOOL, FIELD(family[FAMILY_DISK]), .standard = "true",
	  .reloads = true,
	  .help = "edgetap_instance_disk_*" },
	{ "family.network", OPTION_BOOL, FIELD(family[FAMILY_NETWORK]), .standard = "true",
	  .reloads = true,
	  .help = "edgetap_instance_network_*" },
	{ "family.filesystem", OPTION_BOOL, FIELD(family[FAMILY_FILESYSTEM]), .standard = "true",
	  .reloads = true,
	  .help = "edgetap_instance_filesystem_*" },

	{ "max_instances", OPTION_NUMBER, FIELD(max_instances), BOUNDS(2, 65536),
	  STANDARD(DEFAULT_MAX_INSTANCES), .begins = "Limits", .argument = "N",
	  .help = "instances observed at once, __other__ included" },
	{ "max_statuses", OPTION_NUMBER, FIELD(max_statuses), BOUNDS(2, 1048576),
	  STANDARD(DEFAULT_MAX_STATUSES), .argument = "N",
	  .help = "pairs of instance and status" },
	{ "max_groups", OPTION_NUMBER, FIELD(max_groups), BOUNDS(2, 65536),
	  STANDARD(DEFAULT_MAX_GROUPS), .argument = "N",
	  .help = "groups of histogram rows" },
	{ "connection_memory", OPTION_BYTES, FIELD(connection_memory),
	  BOUNDS(1U << 20, 1ULL << 40), .standard = "auto", .argument = "BYTES",
	  .help = "kernel memory of what is remembered of connections; auto: a part of the cgroup's" },
	{ "max_destinations", OPTION_NUMBER, FIELD(max_destinations), BOUNDS(1, 1048576),
	  STANDARD(DEFAULT_MAX_DESTINATIONS), .argument = "N",
	  .help = "addresses connected to" },
	{ "max_rpcs", OPTION_NUMBER, FIELD(max_rpcs), BOUNDS(1, STATUS_RPC_MAX - 1),
	  STANDARD(DEFAULT_MAX_RPCS), .argument = "N",
	  .help = "pairs of instance and gRPC method" },
	{ "max_streams", OPTION_NUMBER, FIELD(max_streams), BOUNDS(16, 4194304),
	  STANDARD(DEFAULT_MAX_STREAMS), .argument = "N",
	  .help = "HTTP/2 requests followed at once" },
	{ "max_apps", OPTION_NUMBER, FIELD(max_apps), BOUNDS(1, 65536), .standard = "2048",
	  .argument = "N",
	  .help = "apps whose totals outlive their instances" },

	{ "cgroup_hierarchy", OPTION_HIERARCHY, FIELD(cgroup_hierarchy), .standard = "auto",
	  .begins = "Surroundings", .argument = "NAME",
	  .help = "auto, v2, or the v1 controller that tells containers apart" },
	{ "docker_socket", OPTION_PATH, FIELD(docker_socket), .unset = "the usual places",
	  .argument = "PATH",
	  .help = "Docker's API socket" },
	{ "podman_socket", OPTION_PATH, FIELD(podman_socket), .unset = "the usual places",
	  .argument = "PATH",
	  .help = "Podman's API socket" },
	{ "containerd_socket", OPTION_PATH, FIELD(containerd_socket), .unset = "the usual places",
	  .argument = "PATH",
	  .help = "containerd's API socket" },
	{ "containerd_state", OPTION_PATH, FIELD(containerd_state), .unset = "the usual places",
	  .argument = "DIR",
	  .help = "containerd's state directory" },
	{ "crio_state", OPTION_PATH, FIELD(crio_state), .unset = "the usual places",
	  .argument = "DIR",
	  .help = "CRI-O's state directory" },
	{ "state_dir", OPTION_PATH, FIELD(state_dir), .standard = "/run/edgetap",
	  .argument = "DIR",
	  .help = "what one run leaves to the next" },

	{ "http_connections", OPTION_NUMBER, FIELD(http_connections), .of = OF_BOTH, BOUNDS(1, 1024),
	  .standard = "64", .begins = "Clients", .argument = "N",
	  .help = "clients served at once" },
	{ "http_timeout", OPTION_TIMEOUT, FIELD(http_timeout_ms), .of = OF_BOTH, BOUNDS(1000, 600000),
	  .standard = "10s", .argument = "TIME",
	  .help = "how long a client may take to ask" },
	{ "scrapers", OPTION_NETWORKS, FIELD(scrapers), .of = OF_BOTH, BOUNDS(0, CONFIG_MAX_SCRAPERS),
	  .unset = "none", .argument = "NETWORK,...",
	  .help = "addresses that always find room, such as 10.0.0.7 or 2001:db8::/64" },
	{ "macaroon_key_file", OPTION_PATH, FIELD(macaroon_key_file), .of = OF_BOTH, .unset = "none",
	  .reloads = true, .argument = "PATH",
	  .help = "keys of the tokens that `edgetap token` makes" },
	{ "web_config_file", OPTION_PATH, FIELD(web_config_file), .of = OF_BOTH, .unset = "none",
	  .reloads = true, .argument = "PATH",
	  .help = "TLS and passwords, as Prometheus' exporters have it" },

	{ "query_url", OPTION_URL, FIELD(query_url), .of = OF_GATEWAY, .unset = "none", .begins = "Queries",
	  .argument = "URL",
	  .help = "the Prometheus or VictoriaMetrics behind /prometheus/ORG/" },
	{ "query_org", OPTION_LABEL, FIELD(query_org), .of = OF_GATEWAY, .standard = "personal",
	  .argument = "NAME",
	  .help = "ORG in that path" },
	{ "query_token_file", OPTION_PATH, FIELD(query_token_file), .of = OF_GATEWAY, .unset = "none",
	  .argument = "PATH",
	  .help = "the bearer token that it is asked with" },
	{ "query_ca_file", OPTION_PATH, FIELD(query_ca_file), .of = OF_GATEWAY,
	  .unset = "the system's", .argument = "PATH",
	  .help = "the authorities that prove who it is" },
	{ "query_timeout", OPTION_TIMEOUT, FIELD(query_timeout_ms), .of = OF_GATEWAY, BOUNDS(1000, 600000),
	  .standard = "60s", .argument = "TIME",
	  .help = "how long it may take to answer" },
	{ "query_threads", OPTION_NUMBER, FIELD(query_threads), .of = OF_GATEWAY, BOUNDS(1, 16),
	  .standard = "4", .argument = "N",
	  .help = "queries of one client asked at once" },
};
/* clang-format on */

#define OPTION_COUNT (sizeof(options) / sizeof(options[0]))

_Static_assert(OPTION_COUNT <= OPTION_MAX, "who keeps something for each has room");

size_t config_option__all(const struct config_option **ret_options)
{
	*ret_options = options;
	return OPTION_COUNT;
}

const char *config_option__spelling(const struct config_option *option, size_t i)
{
	const char *const names[] = { option->name, option->synonym, option->old };

	for (size_t n = 0; n < sizeof(names) / sizeof(names[0]); n++)
		if (names[n] && i-- == 0)
			return names[n];
	return NULL;
}

const struct config_option *config_option__find(const char *name)
{
	const char *spelling;

	for (size_t i = 0; i < OPTION_COUNT; i++)
		for (size_t n = 0; (spelling = config_option__spelling(&options[i], n)); n++)
			if (strcmp(spelling, name) == 0)
				return &options[i];
	return NULL;
}
