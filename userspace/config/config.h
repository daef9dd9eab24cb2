/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration. Each source overrides the ones before it: defaults, file,
 * environment, flags.
 */
#ifndef EDGETAP_CONFIG_H
#define EDGETAP_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/network.h"
#include "grid.h"

#define CONFIG_DEFAULT_FILE "/etc/edgetap.yaml"
#define CONFIG_GATEWAY_FILE "/etc/edgetap-gateway.yaml"
#define CONFIG_FILE_MAX_BYTES (1024 * 1024)
#define CONFIG_MAX_RULES 1024
#define CONFIG_MAX_TOKENS 256
#define CONFIG_MAX_TOKEN_APPS 64
#define CONFIG_MAX_SCRAPERS 16
#define CONFIG_ERROR_BYTES 512

/* Libraries whose plain text is seen. Bits of tls_libraries, in the order of their names. */
#define TLS_OPENSSL (1U << 0)
#define TLS_GNUTLS (1U << 1)
#define TLS_GO (1U << 2)
#define TLS_ALL (TLS_OPENSSL | TLS_GNUTLS | TLS_GO)

/* Who is configured: config/role.h. */
enum config_role {
	CONFIG_AGENT,
	CONFIG_GATEWAY,
};

/* A rule: the first whose patterns (fnmatch, empty matches all) all fit decides. */
struct config_rule {
	char *match_app;
	char *match_instance;
	char *match_cgroup; /* path below the hierarchy's mount */
	char *match_exe;
	char *set_app;	 /* NULL: unchanged */
	bool no_uprobes; /* its plain text inside TLS is left alone */
	bool drop;
};

/* A token that is compared as it is. What it allows is the same whoever brings it. */
struct config_token {
	char *name;	  /* in messages; NULL: none */
	char *token_file; /* one of these two */
	char *sha256;	  /* 64 hexadecimal digits, lower case */
	char *org;	  /* NULL: any */
	char **apps;	  /* none: all */
	size_t app_count;
};

/*
 * How servers of Postgres are asked: the first whose patterns (as above) both fit decides. What
 * stands below them is then demanded of the server, see postgres/proof.h.
 */
struct config_postgres {
	char *match_app;
	char *match_instance;
	char *match_user; /* name or number; NULL: any, as the next three */
	char *match_unit;
	char *match_exe;       /* absolute path */
	char *match_container; /* id, twelve digits of it or more, or name */
	char *conninfo;	       /* of libpq, or NULL */
	char *password_file;   /* whose first line is the password, or NULL */
	bool may_send_clear;   /* also over TCP where no TLS proves who gets it */
	bool is_off;	       /* not at all */
};

#define CONFIG_MAX_METRICS 256
#define CONFIG_MAX_PROCESSES 32

/* Where instances that a rule fits expose metrics of their own: every one that fits counts. */
struct config_metrics {
	struct config_rule match; /* its patterns; the rest is unused */
	uint16_t port;
	char *path;	  /* begins with a slash */
	char **processes; /* patterns of names, one of which must fit; none: any */
	size_t process_count;
};

/* Families of metrics that can be left out of the page together. */
enum config_family {
	FAMILY_TCP_HISTOGRAMS,
	FAMILY_DESTINATIONS,
	FAMILY_MEMORY,
	FAMILY_PRESSURE,
	FAMILY_DISK,
	FAMILY_NETWORK,
	FAMILY_FILESYSTEM,
	FAMILY_N
};

struct config {
	enum config_role role;
	const char *idle;  /* the first key of the file that has no effect on it, or NULL */
	size_t idle_count; /* how many such keys there are */

	char *path;   /* absolute, of the file that was read; NULL: none */
	char **notes; /* what to tell of names that are no longer in use */
	size_t note_count;

	char *listen; /* ADDR:PORT, [V6]:PORT */
	char *region; /* "auto" until config__load has looked for it; "": no such label */
	char *host;
	char *cgroup_hierarchy; /* "auto", "v2", or a v1 controller */
	uint64_t retention_ns;	/* how long a dead instance's series stay */
	bool status_by_code;	/* histograms by exact status instead of class */
	bool family[FAMILY_N];	/* served */

	char *state_dir; /* what one run leaves to the next */

	uint64_t bucket_ns[GRID_MAX_CLASSIC]; /* classic `le` bounds, ascending */
	size_t bucket_count;

	uint32_t max_instances;
	uint32_t max_statuses;
	uint32_t max_groups;
	uint32_t max_destinations;
	uint32_t max_rpcs;    /* gRPC methods */
	uint32_t max_streams; /* HTTP/2 */
	uint32_t max_apps;    /* roll-ups of retired instances */

	uint64_t connection_memory;	  /* bytes of kernel memory; 0: auto */
	uint64_t connection_memory_bytes; /* what that is; see memory_limit__settle() */
	uint64_t custom_memory_bytes;	  /* of what all instances expose; likewise */

	char *docker_socket; /* NULL: the usual places */
	char *podman_socket;
	char *containerd_socket;
	char *containerd_state; /* directory */
	char *crio_state;

	uint32_t http_connections; /* clients at once */
	uint32_t http_timeout_ms;
	struct network scrapers[CONFIG_MAX_SCRAPERS]; /* for whom places are kept */
	size_t scraper_count;

	char *query_url;	/* of a Prometheus or VictoriaMetrics; NULL: none */
	char *query_org;	/* the organisation in /prometheus/ORG/ */
	char *query_token_file; /* NULL: none */
	char *query_ca_file;	/* NULL: the system's */
	uint32_t query_timeout_ms;
	uint32_t query_threads;

	bool collect_host; /* files of the machine, its containers and units */
	bool collect_unix; /* listening UNIX sockets */

	bool read_queues;	/* of sockets, instead of the memory of those who read and write */
	bool tls_uprobes;	/* see plain text inside TLS, through uprobes */
	uint32_t tls_libraries; /* of these: bits TLS_OPENSSL ... */

	struct config_token *tokens;
	size_t token_count;
	char *macaroon_key_file; /* NULL: none are accepted */
	char *web_config_file;	 /* NULL: plain HTTP, no passwords */

	bool postgres;		       /* ask servers of Postgres */
	uint64_t postgres_interval_ns; /* how often each */
	struct config_postgres *postgres_rules;
	size_t postgres_rule_count;

	bool custom_metrics;	     /* ask instances for metrics of their own */
	uint64_t custom_interval_ns; /* how often */
	uint32_t custom_endpoints;   /* at once */
	uint32_t custom_samples;     /* of one endpoint */
	uint32_t custom_body_bytes;  /* of one answer, unpacked */
	uint32_t custom_wire_bytes;  /* and as it is sent */

	struct config_rule *rules;
	size_t rule_count;
	struct config_metrics *metrics;
	size_t metrics_count;
};

/* One line without a newline: where, what was expected, what was found. */
struct config_error {
	char text[CONFIG_ERROR_BYTES];
	bool is_usage; /* what is wrong stands on the command line */
};

/* An option as given on the command line. */
struct config_flag {
	const char *name;  /* any of its names, as in the file: `max_instances` */
	const char *value; /* text */
};

#define CONFIG_NAMES_BYTES 256

/* What a configuration is made of. The same sources give the same, wherever the process is. */
struct config_sources {
	enum config_role role;
	const char *path;      /* of the file that a flag named; NULL: none did */
	const char *directory; /* in which relative paths begin, absolute; NULL: in none */
	const struct config_flag *flags;
	size_t flag_count;
	char *const *environment; /* NAME=VALUE, NULL behind the last */
};

/*
 * Every function below that returns int returns 0, or a negative errno with
 * the sentence for the user in error. None of them prints. After a failure the
 * configuration may be partly changed, but is always safe to free.
 */

/* Fills config, whatever it held, with defaults. host is the machine's name. */
int config__init(struct config *config, struct config_error *error);

/* Frees what config points to and zeroes it. */
void config__free(struct config *config);

/*
 * Applies a YAML text. name is that of its file, in messages; relative paths in it begin where
 * the last slash of the name is, and without one there can be none. Nothing is opened. An empty
 * text changes nothing.
 */
int config__parse(struct config *config, const char *bytes, size_t length, const char *name,
		  struct config_error *error);

/* Reads and applies a file. -ENOENT if there is none. */
int config__read_file(struct config *config, const char *path, struct config_error *error);

/*
 * All sources in their order. The file is the one of the sources' path, else of EDGETAP_CONFIG
 * in the environment, else the role's default file if that exists; config->path tells, also after a
 * failure. The gateway listens on another port than the agent, and without a query_url
 * -EDESTADDRREQ is returned.
 */
int config__load(struct config *config, const struct config_sources *sources,
		 struct config_error *error);

/*
 * Whether anything differs that cannot change while observing; its names, comma between them, as
 * many as have room. They are "" if nothing does.
 */
bool config__differs(const struct config *config, const struct config *other,
		     char ret_names[CONFIG_NAMES_BYTES]);

/*
 * Takes over what may change while observing (what is reloadable; rules, tokens, metrics) from
 * other, by exchanging it: other then holds the old values, which the caller frees once nobody
 * uses them.
 */
void config__reload(struct config *config, struct config *other);

#endif
