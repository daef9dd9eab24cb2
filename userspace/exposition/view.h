/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A view is a table. Each row is a family: what it is called, which fact it
 * shows, under which labels, in which unit. What a row does not name as a
 * label is summed over, so a view without `instance` shows apps, including
 * what their retired instances have counted.
 */
#ifndef EDGETAP_EXPOSITION_VIEW_H
#define EDGETAP_EXPOSITION_VIEW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "encoders/encoder.h"
#include "metrics/model.h"
#include "metrics/own.h"
#include "metrics/readings.h"

/*
 * Labels that any series may carry; empty ones are left out. Where the machine has pods
 * every series has those that scrapers in Kubernetes give to targets, if need be without a
 * value (model_label__of_targets).
 */
enum standard_label {
	STANDARD_APP,
	STANDARD_REGION,
	STANDARD_HOST,
	STANDARD_INSTANCE,
	STANDARD_NAMESPACE,
	STANDARD_POD,
	STANDARD_CONTAINER,
	STANDARD_RUN, /* of the agent: another one after each start */
	STANDARD_LABELS
};

enum fact {
	/* Of entities. */
	FACT_COUNTS,	/* parts: enum instance_count */
	FACT_IN_FLIGHT, /* requests */
	FACT_RESPONSES, /* labels: status, method */
	FACT_HISTOGRAM, /* http_rows, connection_rows; labels: status */
	FACT_UPGRADED,	/* connections that are no longer HTTP */
	FACT_ROWS,	/* rows of the group with `group`'s status; parts: its rows */
	FACT_RPC_ROWS,	/* parts: enum rpc_row; labels: method, the parts' first */
	FACT_RPCS,	/* labels: method, grpc-status */
	FACT_SERIES,	/* of the kind `series`; parts: their counts, of several; labels: the
			 * names', the parts' */

	FACT_READING, /* of user space's readings: `reading`, with its kind's labels */

	/* Of the agent; they carry region and host only. */
	FACT_BUILD, /* labels: version, revision, abi */
	FACT_INSTANCES,
	FACT_SOCKETS,
	FACT_CONNECTION_BYTES,
	FACT_CONNECTION_BYTES_LIMIT,
	FACT_LOSSES,	   /* labels: reason */
	FACT_PROGRAM_RUNS, /* this and below: labels: name */
	FACT_PROGRAM_TIME, /* ns */
	FACT_PROGRAM_MISSED,
	FACT_MAP_ENTRIES,
	FACT_MAP_CAPACITY,
	FACT_MAP_BYTES,
	FACT_RENDER_TIME, /* ns, of the exposition before this; no label */
	FACT_OWN,	  /* parts: enum own_count */
	FACT_READINGS_LOST,
};

#define FAMILY_LABELS 3

/* One of several counts in a family, and the values of the family's labels that tell it apart. */
struct family_part {
	unsigned int field;
	const char *value[FAMILY_LABELS]; /* NULL where the family has no such label */
};

struct family {
	struct metric_head head;
	enum fact fact;
	/* Names of the fact's labels in its order; NULL: summed over. */
	const char *label[FAMILY_LABELS];
	unsigned int roles; /* only entities seen in one of these (enum model_role); 0: all */
	unsigned int drop;  /* bits of enum standard_label, beyond what the view drops */

	const struct family_part *part;
	size_t part_count;
	unsigned int http_rows;	      /* bits of enum http_row */
	unsigned int connection_rows; /* bits of enum connection_row */
	uint16_t group;		      /* STATUS_TLS or STATUS_UPGRADE */
	enum series_kind series;      /* of FACT_SERIES */
	uint16_t reading;	      /* enum reading_kind */
	uint16_t times;		 /* of FACT_READING: the kind that it is multiplied by; 0: none */
	uint16_t factor;	 /* likewise: a number; 0: none */
	uint8_t status_by_class; /* statuses as "2xx" even where the exact code is known */
	uint8_t skip_zero;	 /* a series whose value is zero is left out */
};

struct family_table {
	const struct family *family;
	size_t count;
};

#define VIEW_HOST_BYTES 256 /* a host's name (HOST_NAME_MAX), repaired */

struct view {
	const char *name;
	const char *path;		    /* where it is served */
	const char *description;	    /* one line, for the landing page */
	const char *label[STANDARD_LABELS]; /* their names here; NULL: summed over */
	/* What the machine is called here; NULL: as it is. "" stays "". */
	void (*host)(char ret_label[VIEW_HOST_BYTES], const char *host);
	const struct family *family;
	size_t family_count;
	const struct family_table *readings; /* more families, after these; NULL: none */
	bool text_only;			     /* names that only text 0.0.4 has room for */
	bool has_extra;			     /* others' series are on the page, too; text_only */
};

/* The machine's label in a view: host, or what is written to the buffer. */
const char *view__host(const struct view *view, const char *host, char buffer[VIEW_HOST_BYTES]);

/* The format for a client that accepts this, of those that can show the view. */
const struct encoder *view__encoder(const struct view *view, const char *accept);

#endif
