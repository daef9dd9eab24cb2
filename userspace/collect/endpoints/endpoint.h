/* SPDX-License-Identifier: Apache-2.0 */
/* One endpoint, from request to what it exposes. Of the scraper's thread. */
#ifndef EDGETAP_COLLECT_ENDPOINTS_ENDPOINT_H
#define EDGETAP_COLLECT_ENDPOINTS_ENDPOINT_H

#include "collect/endpoints/custom.h"
#include "collect/endpoints/fetch.h"

/* What tells endpoints apart. Shared with pages, and does not change but for is_taken. */
struct endpoint_target {
	_Atomic uint32_t references;
	uint32_t slot, generation;
	pid_t pid;
	bool by_executable;
	char *cgroup;
	uint16_t port;
	struct model_labels labels;
	char *path;
	char *app;   /* who shares: app and namespace */
	char *owner; /* as in struct page_source */
	char *name;  /* ":PORT/PATH" */
	bool is_taken;
};

struct endpoint {
	uint64_t id;
	struct endpoint_target *target;
	struct fetch fetch;
	uint64_t page_held, packed_held; /* of its app's share */
	uint64_t next_ns, begun_ns;

	/* What others may read under the lock. */
	struct exposed *exposed; /* NULL: down, or never asked */
	uint64_t exposed_ns;
	struct page_tally tally; /* of the last page, which may be of the scrape before */
	bool was_asked;
	enum custom_reason reason; /* of the last scrape */
	uint64_t duration_ns;
	uint64_t failures[CUSTOM_REASON_N];
};

/* The deep copy that the scraper works with, with one reference. NULL without memory. */
struct endpoint_target *endpoint_target__new(const struct custom_target *target);
struct endpoint_target *endpoint_target__ref(struct endpoint_target *target);
/* NULL is allowed. */
void endpoint_target__unref(struct endpoint_target *target);
/* Equal if they are of the same endpoint. */
int endpoint_target__compare(const struct endpoint_target *a, const struct endpoint_target *b);

/* Its standard labels as in the text format, the caller's. NULL without memory. */
char *endpoint_target__labels(const struct endpoint_target *target,
			      const struct custom_place *place);

/*
 * Those that a scraper would give to its series (see model_label__of_targets), as bits of
 * enum model_label. Its own are nobody's to overwrite, except in a pod.
 */
unsigned int endpoint_target__bare(const struct endpoint_target *target,
				   const struct custom_place *place);

/*
 * Reads what fetch has in its body. Returns what is exposed, with a reference, or NULL
 * and the reason and, for a text that is not in the format, where.
 */
struct exposed *endpoint__read(const struct endpoint *endpoint, uint32_t max_samples,
			       const uint64_t key[2], enum custom_reason *ret_reason,
			       uint32_t *ret_line, const char **ret_message);

/*
 * Takes from the app's share what these need in place of what the endpoint has; NULL: nothing.
 * Returns CUSTOM_NONE, or what there is no more of; then it has nothing.
 */
enum custom_reason endpoint__hold(struct endpoint *endpoint, const struct exposed *exposed);

/* The words of a reason for a sentence. Static. */
const char *custom_reason__words(enum custom_reason reason);

#endif
