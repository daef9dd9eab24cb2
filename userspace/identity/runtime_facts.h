/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What runtimes write about a container, reduced to what labels need. Pure:
 * bytes in, facts out. The bytes are not trusted: any input is survived, and
 * every string that comes out is clean (see names.h).
 */
#ifndef EDGETAP_IDENTITY_RUNTIME_FACTS_H
#define EDGETAP_IDENTITY_RUNTIME_FACTS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "identity/names.h"

#define RUNTIME_DOCUMENT_MAX (1024 * 1024) /* larger ones are not read */
#define RUNTIME_PATH_BYTES 1024
#define RUNTIME_SWITCH_BYTES 8 /* longer ones are nothing that is known */
#define RUNTIME_METRICS_PATH_BYTES 257

/* Where it exposes metrics of its own, as prometheus.io/... say; see runtime_facts__metrics(). */
struct runtime_metrics {
	char scrape[RUNTIME_SWITCH_BYTES];
	char scheme[RUNTIME_SWITCH_BYTES];
	char port[RUNTIME_SWITCH_BYTES];
	char path[RUNTIME_METRICS_PATH_BYTES];
};

/* Empty strings are facts that are not known. */
struct runtime_facts {
	char name[LABEL_BYTES];	      /* what the user calls the container */
	char app[LABEL_BYTES];	      /* said outright by a label */
	int app_rank;		      /* how much that label counts for; 0: none */
	char namespace_[LABEL_BYTES]; /* Kubernetes, as are the next two */
	char pod[LABEL_BYTES];
	char container[LABEL_BYTES];
	char sandbox_id[LABEL_BYTES];	 /* which knows the pod's labels */
	char bundle[RUNTIME_PATH_BYTES]; /* directory of the OCI config.json */
	struct runtime_metrics metrics;
	bool is_incomplete; /* who may know more did not answer */
};

/*
 * What a text with a name may say: in Kubernetes labels tell who a pod is, annotations where its
 * metrics are; elsewhere there is one kind, which says both.
 */
#define RUNTIME_LABEL 0x1
#define RUNTIME_ANNOTATION 0x2

/* Adds what such a text says, if it is one that counts. */
void runtime_facts__label(struct runtime_facts *facts, unsigned int kinds, const char *key,
			  size_t key_len, const char *value, size_t value_len);

/*
 * Each reads one JSON document of len bytes and adds what it says to facts;
 * what is known already stays, except an app that a weaker label gave. Returns
 * 0, -EBADMSG if it is not such a document, or -ENOENT if it does not speak of
 * the container.
 */

/* Docker's GET /containers/ID/json (Podman's too), and Docker's own config.v2.json. */
int runtime_facts__docker(struct runtime_facts *facts, const char *json, size_t len);

/* An OCI bundle's config.json: annotations of CRI runtimes, Podman, nerdctl. */
int runtime_facts__oci(struct runtime_facts *facts, const char *json, size_t len);

/* The containers.json of containers/storage (Podman): the name of one id. */
int runtime_facts__storage(struct runtime_facts *facts, const char *json, size_t len,
			   const char *id);

/* runc's state.json: the annotations, as "key=value" strings, and the bundle. */
int runtime_facts__runc(struct runtime_facts *facts, const char *json, size_t len);

/*
 * The port at which the container's labels ask to be scraped: prometheus.io/scrape is true,
 * prometheus.io/port is one, prometheus.io/scheme is http if it is there. 0: nowhere. ret_path
 * is prometheus.io/path, "/metrics" if that is missing, and points into facts.
 */
uint16_t runtime_facts__metrics(const struct runtime_facts *facts, const char **ret_path);

/*
 * Where runc's state.json, crun's status or an OCI config.json say that the
 * container's cgroup is. strip_point removes a hierarchy's mount from an
 * absolute file name and returns what is below, or NULL. path holds size
 * bytes. Returns 0 or as above.
 */
int runtime_facts__cgroup(const char *json, size_t len,
			  const char *(*strip_point)(void *ctx, const char *file), void *ctx,
			  char *path, size_t size);

#endif
