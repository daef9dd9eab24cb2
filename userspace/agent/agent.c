// SPDX-License-Identifier: Apache-2.0
#include "agent/agent.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "agent/pages.h"
#include "agent/privileges.h"
#include "agent/run.h"
#include "base/clock.h"
#include "base/log.h"
#include "defaults.h"

#define NS_PER_S 1000000000ULL
#define SWEEP_NS (10 * NS_PER_S)
#define SWEEP_IN_A_HURRY_NS (NS_PER_S / 2)
#define PROBES_SWEEP_NS                                                                            \
	(5 * NS_PER_S) /* a breakpoint of nobody's is a cost to whoever maps the file */

/*
 * Programs that were running when a slot was detached have long returned by
 * then; scrapes have had the time to see the counts stand still.
 */
#define RETIRE_NS (1 * NS_PER_S)

/* Every slot, `__other__` included. */
static uint32_t agent__slots(const struct agent *agent)
{
	return agent->config.max_instances + 1;
}

/* Every folder of collect/ has one, under its name: the Makefile lists them. */
#define COLLECTOR(name) extern const struct collector collector_##name;
#include "collector_list.h"
#undef COLLECTOR

static const struct collector *const collector_table[] = {
#define COLLECTOR(name) &collector_##name,
#include "collector_list.h"
#undef COLLECTOR
};

static int attach_probes(void *ctx, const char *path, const uint64_t *offsets, size_t count,
			 const char *program, bool is_return, int *ret_links)
{
	return loader__probe(ctx, path, offsets, count, program, is_return, ret_links);
}

static void detach_probe(void *ctx, int link)
{
	(void)ctx;
	loader__unprobe(link);
}

static bool has_program(void *ctx, const char *program)
{
	return loader__has_probe(ctx, program);
}

/* Every probe holds a descriptor, every instance some; the limit that a shell gives is made for
 * less. */
static void raise_descriptors(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return;
	limit.rlim_cur = limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit))
		log__warn("the limit of open files stays low: %s", strerror(errno));
}

static int agent__new_probes(struct agent *agent)
{
	struct attached_ops ops = {
		.attach = attach_probes,
		.detach = detach_probe,
		.has_program = has_program,
		.warn = log__warn,
		.ctx = agent->loader,
	};
	struct attached *attached;
	int err;

	if (!agent->config.tls_uprobes)
		return 0;
	if (identity_table__hierarchy(agent->identity, &ops.controller) < 0)
		ops.controller = NULL;
	err = attached__new(&attached, &ops, agent->config.tls_libraries);
	return err ? err : worker__new(&agent->probes, attached, PROBES_SWEEP_NS);
}

static int agent__new_collectors(struct agent *agent)
{
	const struct collector_env env = {
		.config = &agent->config,
		.identity = agent->identity,
		.loader = agent->loader,
		.broker = agent->broker,
	};

	return collectors__new(&agent->collectors, collector_table,
			       sizeof(collector_table) / sizeof(collector_table[0]), &env);
}

unsigned int agent__uses(const struct agent *agent)
{
	return privileges__uses(&agent->config, loader__probes_by_event(agent->loader));
}

int agent__new(struct agent *agent, const char **ret_message)
{
	const char *controller = NULL;
	int err;

	*ret_message = NULL;
	agent->run = run__take(agent->config.state_dir, &err);
	if (err)
		log__info("%s/proxy_id cannot be kept (%s): the label proxy_id will not tell every "
			  "restart",
			  agent->config.state_dir, strerror(-err));
	err = identity_table__new(&agent->identity, &agent->config, agent__slots(agent));
	if (err)
		return err;
	if (identity_table__hierarchy(agent->identity, &controller) < 0)
		controller = NULL;
	err = loader__new(&agent->loader, &agent->config, controller, ret_message);
	if (err)
		return err;
	err = rollup__new(&agent->rollup, agent->config.max_apps, agent__slots(agent));
	raise_descriptors();
	if (!err)
		err = agent__new_collectors(agent);
	if (!err)
		err = loader__abi(agent->abi);
	if (!err)
		err = agent__new_exposition(agent);
	if (!err)
		err = retire_queue__new(&agent->retiring, agent__slots(agent));
	if (!err)
		err = tls_names__new(&agent->tls_names, agent__slots(agent));
	if (!err)
		err = agent__new_probes(agent);
	if (err)
		*ret_message = "out of memory";
	return err;
}

void agent__free(struct agent *agent)
{
	/* a thread that hangs still has the loader's programs */
	if (worker__free(agent->probes))
		loader__free(agent->loader);
	collectors__free(agent->collectors);
	broker__free(agent->broker);
	tls_names__free(agent->tls_names);
	exposition__free(agent->exposition);
	rollup__free(agent->rollup);
	retire_queue__free(agent->retiring);
	identity_table__free(agent->identity);
	config__free(&agent->config);
}

/* To be done again whenever tls_names has changed. */
static void agent__take_names(struct agent *agent)
{
	struct snapshot *snapshot = &agent->snapshot;

	snapshot->series_count[SERIES_TLS_ERRORS] =
		(uint32_t)tls_names__errors(agent->tls_names, &snapshot->series[SERIES_TLS_ERRORS]);
	snapshot->series_count[SERIES_TLS_HELLOS] =
		(uint32_t)tls_names__hellos(agent->tls_names, &snapshot->series[SERIES_TLS_HELLOS]);
}

const struct snapshot *agent__snapshot(struct agent *agent)
{
	const struct snapshot *snapshot = loader__snapshot(agent->loader);

	if (!snapshot)
		return NULL;
	agent->snapshot = *snapshot;
	agent__take_names(agent);
	return &agent->snapshot;
}

/* The first of two steps; the second is agent__reuse. */
static void agent__retire(struct agent *agent, uint32_t slot)
{
	int err;

	if (slot == OTHER_INDEX || retire_queue__has(agent->retiring, slot))
		return;
	err = loader__slot_detach(agent->loader, slot);
	if (!err)
		err = retire_queue__push(agent->retiring, slot, clock__now_ns() + RETIRE_NS);
	if (err)
		log__warn("instance slot %u cannot be retired: %s", slot, strerror(-err));
}

static void on_shared_gone(void *ctx, uint64_t cgroup_id)
{
	struct agent *agent = ctx;
	int err = loader__unshare_cgroup(agent->loader, cgroup_id);

	if (err)
		log__warn("cgroup %llu is gone, and cannot be taken out of the shared ones: %s",
			  (unsigned long long)cgroup_id, strerror(-err));
}

static void on_expired(void *ctx, uint32_t slot)
{
	agent__retire(ctx, slot);
}

/* err is what the identity table said to a birth. */
static void agent__born(struct agent *agent, uint32_t slot, uint64_t cgroup_id, int err)
{
	if (err == 0) {
		collectors__born(agent->collectors, clock__now_ns());
		return;
	}
	if (err < 0) {
		log__warn("the labels of instance slot %u are not known: %s", slot, strerror(-err));
		return;
	}
	err = loader__share_cgroup(agent->loader, cgroup_id);
	/* Without that the kernel would take another such slot at once: leave it this one. */
	if (err)
		log__warn("processes of cgroup %llu cannot be told apart: %s",
			  (unsigned long long)cgroup_id, strerror(-err));
	else
		agent__retire(agent, slot);
}

/* A process serves, TLS perhaps: its plain text is to be seen, if its app's rule does not forbid. */
static void agent__serving(struct agent *agent, const struct event *event)
{
	const struct identity *identity;
	struct serving serving;

	/* not ours: its server's library knows TLS, and half of the machine maps it */
	if (event->slot == OTHER_INDEX || event->tgid == (uint32_t)getpid())
		return;
	identity = identity_table__get(agent->identity, event->slot);
	if (!identity) {
		/* its birth was not told of */
		agent__born(agent, event->slot, event->key.cgroup_id,
			    identity_table__found(agent->identity, event->slot, event->generation,
						  &event->key));
		identity = identity_table__get(agent->identity, event->slot);
	}
	if (!identity)
		return;
	collectors__listening(agent->collectors, event, identity);
	if (!agent->probes || identity->no_uprobes)
		return;
	serving = (struct serving){
		.pid = (pid_t)event->tgid,
		.told_ns = agent->told_ns,
		.kind = identity->kind,
	};
	memcpy(serving.comm, event->comm, sizeof(serving.comm));
	snprintf(serving.instance, sizeof(serving.instance), "%s", identity->instance);
	snprintf(serving.app, sizeof(serving.app), "%s", identity->app);
	worker__push(agent->probes, &serving);
}

static void on_event(void *ctx, const void *any, size_t bytes)
{
	struct agent *agent = ctx;
	const struct event *event = any;

	switch (event->kind) {
	case EVENT_INSTANCE_BORN:
		agent__born(agent, event->slot, event->key.cgroup_id,
			    identity_table__born(agent->identity, event));
		break;
	case EVENT_CGROUP_REMOVED:
		identity_table__cgroup_removed(agent->identity, event->key.cgroup_id);
		on_shared_gone(agent, event->key.cgroup_id);
		break;
	case EVENT_EXECUTABLE_EXITED:
		identity_table__executable_exited(agent->identity, event->slot);
		break;
	case EVENT_LISTENING:
	case EVENT_TLS_UNSEEN:
		agent__serving(agent, event);
		break;
	case EVENT_TLS_HELLO:
		tls_names__hello(agent->tls_names, any, bytes);
		break;
	case EVENT_TLS_END:
		tls_names__end(agent->tls_names, any);
		break;
	}
}

/* The next sweep comes soon where slots are wanting. */
static void agent__plan_sweep(struct agent *agent, uint64_t now_ns, uint64_t next_ns)
{
	bool wanting = loader__wants_slots(agent->loader);

	identity_table__hurry(agent->identity, wanting);
	if (wanting && next_ns > now_ns + SWEEP_IN_A_HURRY_NS)
		next_ns = now_ns + SWEEP_IN_A_HURRY_NS;
	agent->next_sweep_ns = next_ns;
}

int agent__drain(struct agent *agent)
{
	uint64_t told_ns = clock__now_ns();
	int err;

	pthread_mutex_lock(&agent->lock);
	agent->told_ns = told_ns;
	err = loader__drain(agent->loader, on_event, agent);
	agent__plan_sweep(agent, clock__now_ns(), agent->next_sweep_ns);
	pthread_mutex_unlock(&agent->lock);
	if (err == -EINTR || err == -EAGAIN)
		err = 0;
	if (err)
		log__warn("events cannot be read: %s", strerror(-err));
	return err;
}

/*
 * Announces slots in use that no event told of: those of sockets that are older
 * than the agent, and those whose event found the ring full.
 */
static void agent__announce_unknown(struct agent *agent)
{
	const struct snapshot *snapshot = loader__snapshot(agent->loader);

	for (uint32_t i = OTHER_INDEX + 1; snapshot && i < snapshot->slot_count; i++) {
		const struct instance_slot *slot = &snapshot->slots[i];

		if (slot->in_use && !retire_queue__has(agent->retiring, i) &&
		    !identity_table__get(agent->identity, i))
			agent__born(agent, i, slot->key.cgroup_id,
				    identity_table__found(agent->identity, i, slot->generation,
							  &slot->key));
	}
}

int agent__attach(struct agent *agent, const char **ret_message)
{
	const uint64_t *shared;
	size_t count = identity_table__shared_cgroups(agent->identity, &shared);
	int err;

	*ret_message = NULL;
	err = loader__attach(agent->loader, shared, count, ret_message);
	if (err)
		return err;
	/* First those events that know a process: it makes the look-up exact. */
	agent__drain(agent);
	pthread_mutex_lock(&agent->lock);
	agent__announce_unknown(agent);
	pthread_mutex_unlock(&agent->lock);
	agent->next_sweep_ns = clock__now_ns() + SWEEP_NS;
	return 0;
}

uint64_t agent__connections(struct agent *agent)
{
	const struct snapshot *snapshot;
	uint64_t count;

	pthread_mutex_lock(&agent->lock);
	snapshot = loader__snapshot(agent->loader);
	count = snapshot ? snapshot->live_sockets : 0;
	pthread_mutex_unlock(&agent->lock);
	return count;
}

/*
 * The second step: the counts, which stand still now, go to the roll-up, the
 * labels end, the slot is free. One snapshot serves all that are due.
 */
static void agent__reuse(struct agent *agent, uint64_t now_ns)
{
	const struct model_identities identities = { .get = identity_table__get,
						     .table = agent->identity };
	const struct snapshot *snapshot = NULL;
	uint32_t slot;

	while (retire_queue__pop(agent->retiring, now_ns, &slot)) {
		int err;

		if (!snapshot)
			snapshot = agent__snapshot(agent);
		/* no memory: there is room in the queue, it has just given one */
		if (!snapshot) {
			retire_queue__push(agent->retiring, slot, now_ns + RETIRE_NS);
			return;
		}
		rollup__retire(agent->rollup, snapshot, slot, &identities);
		identity_table__forget(agent->identity, slot);
		tls_names__forget(agent->tls_names, slot, snapshot->slots[slot].generation);
		agent__take_names(agent);
		err = loader__slot_reuse(agent->loader, slot);
		if (err)
			log__warn("instance slot %u cannot be used again: %s", slot,
				  strerror(-err));
	}
}

static void agent__start_probes(struct agent *agent)
{
	int err = worker__start(agent->probes);

	if (!err)
		return;
	log__warn("no thread to attach uprobes, plain text inside TLS is not seen: %s",
		  strerror(-err));
	worker__free(agent->probes);
	agent->probes = NULL;
}

void agent__tick(struct agent *agent, uint64_t now_ns)
{
	pthread_mutex_lock(&agent->lock);
	if (agent->probes && !worker__is_started(agent->probes))
		agent__start_probes(agent);
	agent__reuse(agent, now_ns);
	if (now_ns >= agent->next_sweep_ns) {
		agent__announce_unknown(agent);
		identity_table__sweep(agent->identity, now_ns, on_expired, agent);
		identity_table__sweep_shared(agent->identity, on_shared_gone, agent);
		if (identity_table__retry(agent->identity))
			collectors__relabel(agent->collectors, false);
		loader__sweep_streams(agent->loader);
		collectors__sweep(agent->collectors);
		log__tick();
		agent__plan_sweep(agent, now_ns, now_ns + SWEEP_NS);
	}
	collectors__tick(agent->collectors, now_ns);
	pthread_mutex_unlock(&agent->lock);
}

uint64_t agent__next_ns(const struct agent *agent)
{
	const uint64_t next_ns[] = { retire_queue__next_ns(agent->retiring), agent->next_sweep_ns,
				     collectors__next_ns(agent->collectors) };
	uint64_t first_ns = UINT64_MAX;

	if (agent->probes && !worker__is_started(agent->probes))
		return 0;
	for (size_t i = 0; i < sizeof(next_ns) / sizeof(next_ns[0]); i++)
		if (next_ns[i] < first_ns)
			first_ns = next_ns[i];
	return first_ns;
}

void agent__reload(struct agent *agent, struct config *fresh)
{
	pthread_mutex_lock(&agent->lock);
	config__reload(&agent->config, fresh);
	identity_table__apply_rules(agent->identity);
	collectors__relabel(agent->collectors, true);
	if (agent__new_exposition(agent))
		log__warn("no memory to change labels and families");
	pthread_mutex_unlock(&agent->lock);
	config__free(fresh);
}
