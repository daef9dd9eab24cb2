// SPDX-License-Identifier: Apache-2.0
/* The pages of views: what the agent counts about itself, what is left out, rendering. */
#include "agent/pages.h"

#include <errno.h>
#include <string.h>

#include "agent/extra_series.h"
#include "base/log.h"
#include "base/version.h"

static void count_http(const struct agent *agent, uint64_t counts[OWN_COUNTS])
{
	const struct http_server *server = atomic_load(&agent->server);
	struct http_server_stats stats = {};

	if (server)
		http_server__stats(server, &stats);
	counts[OWN_HTTP_REQUESTS] = stats.requests;
	counts[OWN_HTTP_RENDERINGS] = stats.renderings;
	counts[OWN_HTTP_REFUSED_CONNECTIONS] = stats.refused_connections;
	counts[OWN_HTTP_DISPLACED] = stats.displaced;
	counts[OWN_HTTP_REFUSED_BUSY] = stats.refused_busy;
	counts[OWN_HTTP_REFUSED_LATE] = stats.refused_late;
	counts[OWN_HTTP_REFUSED_MEMORY] = stats.refused_memory;
	counts[OWN_HTTP_ABANDONED] = stats.abandoned;
	counts[OWN_HTTP_CONNECTIONS] = stats.connections;
	counts[OWN_HTTP_CUT_REQUEST] = stats.cut_request;
	counts[OWN_HTTP_CUT_SEND] = stats.cut_send;
	counts[OWN_HTTP_OPEN_CONNECTIONS] = stats.open_connections;
	counts[OWN_HTTP_RESPONSE_BYTES] = stats.response_bytes;
	counts[OWN_WARNINGS_HELD_BACK] = log__held_back();
}

static void count_tls(const struct agent *agent, uint64_t counts[OWN_COUNTS])
{
	struct attached_stats probes;
	struct tls_names_stats names;

	worker__stats(agent->probes, &probes);
	tls_names__stats(agent->tls_names, &names);
	counts[OWN_TLS_FILES] = probes.files;
	counts[OWN_TLS_PROBES] = probes.probes;
	counts[OWN_TLS_PENDING_HELLOS] = names.hellos_pending;
	counts[OWN_TLS_UNREAD_MEMORY_MAP] = probes.unread_total[UNREAD_MEMORY_MAP];
	counts[OWN_TLS_UNREAD_FILE_SYSTEM] = probes.unread_total[UNREAD_FILE_SYSTEM];
	counts[OWN_TLS_WITHIN_50_MS] = probes.delay_total[DELAY_50_MS];
	counts[OWN_TLS_WITHIN_200_MS] = probes.delay_total[DELAY_200_MS];
	counts[OWN_TLS_WITHIN_1_S] = probes.delay_total[DELAY_1_S];
	counts[OWN_TLS_LATER] = probes.delay_total[DELAY_LONGER];
}

/* What the agent counts about itself; ctx is the agent. */
static void own_counts(void *ctx, uint64_t ret_counts[OWN_COUNTS])
{
	const struct agent *agent = ctx;

	memset(ret_counts, 0, OWN_COUNTS * sizeof(*ret_counts));
	count_http(agent, ret_counts);
	count_tls(agent, ret_counts);
	collectors__count(agent->collectors, ret_counts);
}

/* The names of the families that one switch is for: edgetap's own, not those of other pages. */
static const char *const family_patterns[FAMILY_N] = {
	[FAMILY_TCP_HISTOGRAMS] = "edgetap_*_tcp_*_seconds",
	[FAMILY_DESTINATIONS] = "edgetap_outbound_destination_*",
	[FAMILY_MEMORY] = "edgetap_instance_memory_*",
	[FAMILY_PRESSURE] = "edgetap_instance_pressure_*",
	[FAMILY_DISK] = "edgetap_instance_disk_*",
	[FAMILY_NETWORK] = "edgetap_instance_network_*",
	[FAMILY_FILESYSTEM] = "edgetap_instance_filesystem_*",
};

_Static_assert(FAMILY_N <= EXPOSITION_MAX_HIDDEN, "all can be left out");

int agent__new_exposition(struct agent *agent)
{
	struct exposition_options options = {
		.region = agent->config.region,
		.host = agent->config.host,
		.run = agent->run,
		.version = version_number,
		.revision = version_revision,
		.abi = agent->abi,
		.classic_ns = agent->config.bucket_ns,
		.classic_count = agent->config.bucket_count,
		.identities = { identity_table__get, agent->identity, identity_table__has_pods },
		.rollup = agent->rollup,
		.readings = collectors__readings(agent->collectors),
		.await_readings = collectors__finish_reading,
		.await_ctx = agent->collectors,
		.own = own_counts,
		.own_ctx = agent,
	};
	struct exposition *fresh;
	int err;

	for (int i = 0; i < FAMILY_N; i++)
		if (!agent->config.family[i])
			options.hidden[options.hidden_count++] = family_patterns[i];
	err = exposition__new(&fresh, &options);
	if (err)
		return err;
	exposition__free(agent->exposition);
	agent->exposition = fresh;
	return 0;
}

/* The rest, while files are read for it. */
static int render_counts(struct agent *agent, const struct view *view,
			 const struct encoder *encoder, const struct scope *scope, bool with_delays,
			 struct buffer *out)
{
	int err = with_delays ? loader__count_delays(agent->loader) : 0;
	const struct snapshot *snapshot;

	if (err)
		log__warn("how long threads waited for a CPU cannot be read: %s", strerror(-err));
	snapshot = agent__snapshot(agent);
	if (!snapshot)
		return -ENODATA;
	return exposition__render(agent->exposition, snapshot, view, encoder, scope, out);
}

int agent__render(struct agent *agent, const struct view *view, const struct encoder *encoder,
		  const struct scope *scope, struct buffer *out)
{
	struct exposition_extra extra = { 0 };
	struct exposition_needs needs;
	int err = 0;

	pthread_mutex_lock(&agent->lock);
	exposition__needs(agent->exposition, view, scope, &needs);
	if (view->has_extra)
		err = extra_series__begin(agent, view, scope, &extra);
	if (!err) {
		/* before all else: what takes longest */
		collectors__start_reading(agent->collectors, &needs.readings);
		err = render_counts(agent, view, encoder, scope, needs.run_delays, out);
		collectors__finish_reading(agent->collectors);
	}
	extra_series__end(agent, &extra);
	pthread_mutex_unlock(&agent->lock);
	return err;
}
