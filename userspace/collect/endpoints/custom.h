/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics that instances expose themselves: fetched from each endpoint in turn by a
 * thread of its own, and kept until the next time. Nothing is kept of an endpoint
 * that failed.
 */
#ifndef EDGETAP_COLLECT_ENDPOINTS_CUSTOM_H
#define EDGETAP_COLLECT_ENDPOINTS_CUSTOM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/scope.h"
#include "collect/endpoints/page.h"
#include "collect/endpoints/reason.h"
#include "metrics/rollup.h"

struct custom;

struct custom_options {
	uint64_t interval_ns;
	uint32_t timeout_ms; /* of a request; at most the interval */
	uint32_t max_endpoints;
	uint32_t max_samples; /* of an endpoint */
	size_t max_body_bytes;
	size_t max_wire_bytes;
	size_t max_common_bytes; /* of all apps, beyond the 64 KiB that each endpoint has */
	uint16_t own_port;	 /* edgetap's, in its own network namespace; 0: none */
	/*
	 * A non-blocking TCP socket in the network namespace of a process, or a negative
	 * errno. Called by the thread. NULL: only processes of the own namespace are asked.
	 */
	int (*open_socket)(void *ctx, pid_t pid, int family);
	void *open_ctx;
	__attribute__((format(printf, 1, 2))) void (*warn)(const char *format, ...);
};

/* An endpoint that shall be asked. What it points to is copied. */
struct custom_target {
	uint32_t slot, generation; /* of its instance */
	pid_t pid;		   /* a process of it */
	const char *cgroup;	   /* its own, below the hierarchy's mount; "": not known */
	bool by_executable;	   /* its processes are those of an executable */
	uint16_t port;
	const char *path; /* begins with a slash */
	struct model_labels labels;
};

/* Nothing runs yet. To be called before there are threads. 0 or -ENOMEM. */
int custom__new(struct custom **ret_custom, const struct custom_options *options);

/* Starts the thread, with the caller's privileges. 0 or a negative errno. */
int custom__start(struct custom *custom);

/* Whether custom__start was successful. */
bool custom__is_started(const struct custom *custom);

/* Ends the thread. NULL is allowed. */
void custom__free(struct custom *custom);

/*
 * What shall be asked from now on, in place of what was. Beyond the limit are left out
 * those of the apps that have most, the youngest first. 0 or -ENOMEM.
 */
int custom__set_targets(struct custom *custom, const struct custom_target *targets, size_t count);

/* What is known of an endpoint. */
struct custom_state {
	const struct model_labels *labels;
	const char *endpoint; /* ":PORT/PATH" */
	bool was_asked;	      /* else nothing below is known */
	bool is_up;
	uint64_t duration_ns;			  /* of the last scrape */
	uint32_t samples;			  /* of the last scrape that are shown */
	uint32_t reserved, coincident, duplicate; /* that are not */
	uint32_t untyped; /* families shown without their type, as endpoints disagree */
	const uint64_t *failures_total; /* by enum custom_reason */
};

/* Calls on_state for each endpoint, under a lock. Any thread. */
void custom__each(struct custom *custom,
		  void (*on_state)(void *ctx, const struct custom_state *state), void *ctx);

/*
 * Calls on_app for each app of which endpoints are left out because of the limit, under a
 * lock; once for nobody (no label) and 0 if there is none. Any thread.
 */
void custom__each_not_asked(struct custom *custom,
			    void (*on_app)(void *ctx, const struct model_labels *labels,
					   uint32_t count),
			    void *ctx);

/* Calls on_app for each endpoint that exposes a family whose name begins so: "pg_". Any thread. */
void custom__exposers(struct custom *custom, const char *prefix,
		      void (*on_app)(void *ctx, const char *app), void *ctx);

/* Labels of every series; "": no such label. */
struct custom_place {
	const char *region, *host;
	bool has_pods; /* see identity_table__has_pods() */
};

/*
 * What the scope allows of what is known now, as a page. taken: as in page__new. Any thread;
 * the one that asks is not kept waiting. Not affected by what comes later. 0 or -ENOMEM.
 */
struct custom_view;
int custom_view__new(struct custom_view **ret_view, struct custom *custom,
		     const struct scope *scope, const struct custom_place *place,
		     const char *const *taken, size_t taken_count);
struct page *custom_view__page(struct custom_view *view);
void custom_view__free(struct custom_view *view);

/* As custom__exposers, of what is in the view. */
void custom_view__exposers(const struct custom_view *view, const char *prefix,
			   void (*on_app)(void *ctx, const char *app), void *ctx);

#endif
