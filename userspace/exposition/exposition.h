/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From a snapshot to the bytes of a scrape: builds the model, walks a view's
 * table over it and feeds an encoder.
 */
#ifndef EDGETAP_EXPOSITION_EXPOSITION_H
#define EDGETAP_EXPOSITION_EXPOSITION_H

#include <stddef.h>
#include <stdint.h>

#include "base/scope.h"
#include "encoders/buffer.h"
#include "encoders/encoder.h"
#include "exposition/view.h"
#include "metrics/rollup.h"
#include "snapshot/snapshot.h"

struct exposition_options {
	const char *region, *host; /* "": no such label */
	const char *proxy_id;	   /* the same; NULL: none either */
	const char *version, *revision;
	const uint64_t *classic_ns; /* the bounds that the grid was built with */
	size_t classic_count;
	struct model_identities identities;
	const struct rollup *rollup; /* NULL: nothing retires */
	struct readings *readings;   /* what user space has read; NULL: nothing */
	/* Returns when the readings are there; they are looked at last. NULL: they always are. */
	void (*await_readings)(void *ctx);
	void *await_ctx;
	/* Tells the present counts, by enum exporter_field; NULL: nothing is known of them. */
	void (*exporter)(void *ctx, uint64_t ret_counts[EXPORTER_FIELDS]);
	void *exporter_ctx;
	/* The same by enum tls_field. */
	void (*tls)(void *ctx, uint64_t ret_counts[TLS_FIELDS]);
	void *tls_ctx;
	void (*databases)(void *ctx, uint64_t ret_counts[DATABASE_FIELDS]);
	void *databases_ctx;
};

struct exposition;

/*
 * Strings and bounds are copied; identities, roll-up and readings must outlive it.
 * Returns 0, -ENOMEM, or -E2BIG for more bounds than GRID_MAX_CLASSIC.
 */
int exposition__new(struct exposition **ret_exposition, const struct exposition_options *options);
void exposition__free(struct exposition *exposition);

/*
 * Others that write series of their own, in text 0.0.4, into a view that has room
 * for guests. Nobody may be in two places of a page, so they are asked twice.
 */
struct exposition_guest {
	/* Appends lines of this family behind ours, whose HELP and TYPE are written. */
	void (*family)(void *ctx, const struct metric_head *head, struct buffer *out);
	/* Appends all families that were not written yet. */
	void (*rest)(void *ctx, struct buffer *out);
	void *ctx;
};

/* For what is rendered from now on; NULL: nobody. It must stay that long. */
void exposition__invite(struct exposition *exposition, const struct exposition_guest *guest);

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
