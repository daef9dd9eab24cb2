/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a snapshot to the bytes of a scrape: builds the model, walks a view's
 * table over it and feeds an encoder.
 */
#ifndef EDGETAP_EXPOSITION_EXPOSITION_H
#define EDGETAP_EXPOSITION_EXPOSITION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "encoders/buffer.h"
#include "encoders/encoder.h"
#include "exposition/view.h"
#include "metrics/own.h"
#include "metrics/rollup.h"
#include "snapshot/snapshot.h"

#define EXPOSITION_MAX_HIDDEN 16

struct exposition_options {
	const char *region, *host; /* "": no such label */
	const char *run;	   /* the same; NULL: none either */
	const char *version, *revision;
	const char *abi;	    /* see include/abi.h; NULL: no such label */
	const uint64_t *classic_ns; /* the bounds that the grid was built with */
	size_t classic_count;
	struct model_identities identities;
	const struct rollup *rollup; /* NULL: nothing retires */
	struct readings *readings;   /* what user space has read; NULL: nothing */
	/* Returns when the readings are there; they are looked at last. NULL: they always are. */
	void (*await_readings)(void *ctx);
	void *await_ctx;
	/* Tells what the agent counts about itself; NULL: nothing is known of it. */
	void (*own)(void *ctx, uint64_t ret_counts[OWN_COUNTS]);
	void *own_ctx;
	/* Families whose names fit one of these (fnmatch) are left out; static texts. */
	const char *hidden[EXPOSITION_MAX_HIDDEN];
	size_t hidden_count;
};

struct exposition;

/*
 * Strings and bounds are copied; identities, roll-up and readings must outlive it.
 * Returns 0, -ENOMEM, or -E2BIG for more bounds than GRID_MAX_CLASSIC.
 */
int exposition__new(struct exposition **ret_exposition, const struct exposition_options *options);
void exposition__free(struct exposition *exposition);

/*
 * Extra series, in text 0.0.4, on the page of a view that has room for them. A family
 * must not be in two places of a page, so there are two calls.
 */
struct exposition_extra {
	/* Appends lines of this family behind ours, whose HELP and TYPE are written. */
	void (*family)(void *ctx, const struct metric_head *head, struct buffer *out);
	/* Appends all families that were not written yet. */
	void (*rest)(void *ctx, struct buffer *out);
	void *ctx;
};

/* For what is rendered from now on; NULL: none. It must stay that long. */
void exposition__set_extra(struct exposition *exposition, const struct exposition_extra *extra);

/* What is read for a page alone, and need not be for one that does not show it. */
struct exposition_needs {
	bool run_delays; /* how long threads waited for a CPU */
	struct readings_wanted readings;
};

/* For exposition__render with the same arguments. */
void exposition__needs(const struct exposition *exposition, const struct view *view,
		       const struct scope *scope, struct exposition_needs *ret_needs);

/*
 * Appends a whole exposition to out (and flushes it, if it is a stream), or what
 * of it the scope allows: for less than everything, no family that is not told
 * by app and none of the agent's own. The
 * working memory is kept for the next time. Not thread-safe, and neither
 * identities, roll-up nor readings may change meanwhile: callers hold the agent's lock.
 * Returns 0, -ENOMEM, -EINVAL if the snapshot's grid does not have the
 * configured bounds, or the error of a stream's write.
 */
int exposition__render(struct exposition *exposition, const struct snapshot *snapshot,
		       const struct view *view, const struct encoder *encoder,
		       const struct scope *scope, struct buffer *out);

#endif
