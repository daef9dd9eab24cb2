/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stages of the flow, put together: what serve holds while it observes.
 *
 * Two threads meet here. The main thread follows births and deaths of
 * instances; the server's render thread reads the counts when somebody asks.
 * agent.lock is held for each as a whole. The kernel counts on without it. A
 * third attaches uprobes, which takes longer than anybody should wait. While one
 * renders, another reads files for it, under the same lock.
 */
#ifndef EDGETAP_AGENT_AGENT_H
#define EDGETAP_AGENT_AGENT_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "agent/retire.h"
#include "broker/broker.h"
#include "collect/collectors.h"
#include "config/config.h"
#include "events/names.h"
#include "exposition/exposition.h"
#include "http/server.h"
#include "identity/identity.h"
#include "loader/loader.h"
#include "uprobes/worker.h"

struct agent {
	struct config config;
	pthread_mutex_t lock; /* of everything below */
	struct identity_table *identity;
	struct loader *loader;
	struct rollup *rollup;
	const char *run;	    /* its name; see run.h */
	char abi[LOADER_ABI_BYTES]; /* see loader__abi */
	struct collectors *collectors;
	struct exposition *exposition;
	struct retire_queue *retiring;
	struct tls_names *tls_names;
	struct snapshot snapshot; /* the loader's, and what tls_names adds */
	struct worker *probes;	  /* NULL: no uprobes; has a lock of its own */
	struct broker *broker;	  /* NULL: not there; any thread, without the lock */
	uint64_t next_sweep_ns;
	uint64_t told_ns; /* of the events that are taken now: when it was known that there are some
			   */
	_Atomic(struct http_server *) server; /* NULL: not started yet */
	_Atomic bool ready;
};

/*
 * Makes the stages; config has been loaded. Nothing is attached yet. Returns 0,
 * or a negative errno and one sentence in ret_message (static storage; NULL if
 * a stage has already printed it).
 */
int agent__new(struct agent *agent, const char **ret_message);

/*
 * Attaches, and announces the instances that the adopted sockets belong to.
 * Errors as above, with nothing left attached.
 */
int agent__attach(struct agent *agent, const char **ret_message);

/* What it will still do after attaching: bits of enum capability_use. */
unsigned int agent__uses(const struct agent *agent);

/* Connections that are followed now. */
uint64_t agent__connections(struct agent *agent);

/* Detaches, frees everything, the configuration too. Also after a failed agent__new. */
void agent__free(struct agent *agent);

/* Takes the kernel's events that wait. Returns 0, or a negative errno after a logged sentence. */
int agent__drain(struct agent *agent);

/* Does what is due: looks for the dead, gives back their slots. At first it starts the thread
 * that attaches uprobes: to be called with no more privileges than that one shall have. */
void agent__tick(struct agent *agent, uint64_t now_ns);

/* When agent__tick has something to do next. */
uint64_t agent__next_ns(const struct agent *agent);

/*
 * Appends what the scope allows of the counts as they are now to out, which the caller frees. Any
 * thread. Returns 0 or a negative errno.
 */
int agent__render(struct agent *agent, const struct view *view, const struct encoder *encoder,
		  const struct scope *scope, struct buffer *out);

/* Takes over what may change while observing, and frees fresh. */
void agent__reload(struct agent *agent, struct config *fresh);

#endif
