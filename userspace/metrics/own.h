/* SPDX-License-Identifier: Apache-2.0 */
/* What the agent counts about itself; a row of a view names the series. */
#ifndef EDGETAP_METRICS_OWN_H
#define EDGETAP_METRICS_OWN_H

/* Why a server of Postgres was not asked: identifier, value of the label `reason`. */
#define OWN_POSTGRES_FAILED(X)                                                                     \
	X(ENTER, "enter")	  /* its namespaces or its user */                                 \
	X(NO_SERVER, "no_server") /* no postmaster.pid: it is none */                              \
	X(STARTING, "starting")	  /* or shutting down */                                           \
	X(STOPPED, "stopped")	  /* the process is stopped */                                     \
	X(CONNECT, "connect")	  /* refused: by the socket or by the server */                    \
	X(PASSWORD, "password")	  /* it wants one */                                               \
	X(UNPROVEN, "unproven")	  /* it may not be given the one that there is */                  \
	X(QUERY, "query")	  /* a query failed that must not */                               \
	X(TIMEOUT, "timeout")	  /* no answer in time */                                          \
	X(RESULT, "result")	  /* what came back is no result */                                \
	X(BROKER, "helper")	  /* the process that would ask is not there */

enum own_count {
	/* Of the server of the expositions. */
	OWN_HTTP_REQUESTS,	 /* answered, whatever the status */
	OWN_HTTP_REFUSED_BUSY,	 /* the client had its share of the places to wait */
	OWN_HTTP_REFUSED_LATE,	 /* the client's deadline passed */
	OWN_HTTP_REFUSED_MEMORY, /* slow clients held all memory for responses */
	OWN_HTTP_ABANDONED,	 /* the client had gone */
	OWN_HTTP_CONNECTIONS,
	OWN_HTTP_CUT_REQUEST, /* connections cut: the request took too long */
	OWN_HTTP_CUT_SEND,    /* connections cut: the response was read too slowly */
	OWN_HTTP_OPEN_CONNECTIONS,
	OWN_HTTP_RESPONSE_BYTES,      /* memory of responses not yet taken by their clients */
	OWN_HTTP_RENDERINGS,	      /* of pages, each for one request or more */
	OWN_HTTP_REFUSED_CONNECTIONS, /* closed at once: their address had its share */
	OWN_HTTP_DISPLACED,	      /* cut for who had a better right to the place */

	OWN_WARNINGS_HELD_BACK, /* of the log */

	/* Of looking into TLS. */
	OWN_TLS_FILES,		/* libraries and programs whose plain text is observed */
	OWN_TLS_PROBES,		/* places in them */
	OWN_TLS_PENDING_HELLOS, /* handshakes begun whose end has not come yet */
	/* processes that were not looked into, or not wholly */
	OWN_TLS_UNREAD_MEMORY_MAP,  /* they do not show what they map */
	OWN_TLS_UNREAD_FILE_SYSTEM, /* what they map is on one that may hang */
	/* servers with TLS, by how long after they were told of they had been looked into */
	OWN_TLS_WITHIN_50_MS,
	OWN_TLS_WITHIN_200_MS,
	OWN_TLS_WITHIN_1_S,
	OWN_TLS_LATER,

	/* Of asking servers of Postgres. */
	OWN_POSTGRES_SERVERS,  /* found */
	OWN_POSTGRES_LEFT_OUT, /* beyond those that are asked */
	OWN_POSTGRES_HIDDEN,   /* not shown: in one instance with an older one */
	OWN_POSTGRES_ASKS,     /* questions */
#define OWN_POSTGRES_FAILURE(id, name) OWN_POSTGRES_FAILED_##id,
	OWN_POSTGRES_FAILED(OWN_POSTGRES_FAILURE)
#undef OWN_POSTGRES_FAILURE
		OWN_COUNTS
};

#endif
