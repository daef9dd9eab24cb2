/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All that one scrape is made from, as the agent holds it, and the same as records of a
 * file: by names, with numbers in decimal, and without what is zero or empty, so that a
 * recording outlives the structs. moment_write.c and moment_read.c are all that knows both.
 *
 * A record is a key and an object. In a key numbers have at least three digits, so that
 * the order of keys is theirs:
 *
 *	agent			 labels of every series, bounds of histograms, sizes
 *	machine, loss, exporter, tls, databases
 *	map N, program N	 in the order of the exposition
 *	slot SLOT		 an instance: generation, labels, counts
 *	status SLOT STATUS	 responses by method
 *	rows SLOT STATUS	 histograms by name: cells by their upper bound in ns, or `inf`
 *	rpc SLOT CODING PATH	 a gRPC method (its path in hexadecimal): responses by code,
 *histograms destination, tls_error, tls_hello, exit N
 *	reading N		 an owner and its values by kind: [value, labels...]
 *	endpoint N		 what an instance exposes, as it came: oldest first
 */
#ifndef EDGETAP_TESTS_MOMENT_H
#define EDGETAP_TESTS_MOMENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exposition/view.h"
#include "identity/identity.h"
#include "metrics/own.h"
#include "metrics/readings.h"
#include "snapshot/snapshot.h"

struct moment_endpoint {
	uint32_t slot, generation;
	uint16_t port;
	bool by_executable;
	bool is_openmetrics;
	const char *path;
	struct model_labels labels;
	const char *body;
	size_t length;
};

struct moment {
	const char *region, *host, *version, *revision, *run;
	uint64_t classic_ns[GRID_MAX_CLASSIC];
	size_t classic_count;
	uint32_t max_apps;
	bool has_pods;
	struct snapshot snapshot;
	const struct identity **identity; /* by slot; NULL: none is known */
	struct readings *readings;
	uint64_t own[OWN_COUNTS];
	struct moment_endpoint *endpoint;
	size_t endpoint_count;

	char **kept; /* of a moment that was read: texts that stand nowhere else */
	size_t kept_count;
};

/* Records by key, in the order of their keys, of the instances whose app begins so. */
json_t *moment__write(const struct moment *moment, const char *apps);

/*
 * Makes a moment of records, which must stay until it is freed; what readings had is gone.
 * Aborts with a sentence on what it does not understand: then there is no test.
 */
void moment__read(struct moment *ret_moment, const json_t *records, struct readings *readings);
void moment__free(struct moment *moment);

/* Names of some counts, by index; where there is none, the index is the name, or it is not theirs. */
struct moment_names {
	const char *const *name;
	int count;
	bool is_part;
};

extern const struct moment_names names_counts, names_methods, names_codes, names_losses;
extern const struct moment_names names_exporter, names_tls, names_databases, names_readings;

/* Rows of a group by what its status says; key: how that is called. */
const struct moment_names *moment_names__rows(unsigned int status);

/* "404", "4xx", "connections", "tls", "upgrades" or "other", and back. */
#define MOMENT_STATUS_BYTES 16
void moment_status__name(char ret_name[MOMENT_STATUS_BYTES], unsigned int status);
unsigned int moment_status__of(const char *name);

#endif
