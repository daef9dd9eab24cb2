/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who an instance is: from the kernel's key (cgroup, executable) to the labels
 * that its series carry, and whether it still lives.
 */
#ifndef EDGETAP_IDENTITY_H
#define EDGETAP_IDENTITY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/labels.h"
#include "event.h"
#include "instance.h"

struct config;

struct identity_table;

/*
 * Makes a table for slot indices below slot_count, reading the mounted cgroup
 * hierarchies and the configuration's rules (the configuration must outlive
 * the table). Returns 0, or a negative errno after one logged sentence.
 */
int identity_table__new(struct identity_table **ret_table, const struct config *config,
			uint32_t slot_count);
void identity_table__free(struct identity_table *table);

/*
 * The cgroup hierarchy whose ids the kernel side must use: -1 for cgroup v2,
 * else the v1 controller's name in ret_controller (static storage).
 */
int identity_table__hierarchy(const struct identity_table *table, const char **ret_controller);

/*
 * Ids of the cgroups that are neither container nor unit, whose processes are
 * told apart by executable. Called once before attaching, and again whenever
 * identity_table__born has returned 1. The array is the table's own.
 */
size_t identity_table__shared_cgroups(struct identity_table *table, const uint64_t **ret_ids);

/*
 * A slot was taken (EVENT_INSTANCE_BORN, or found in use at start). Resolves
 * the labels now, while the processes live. Returns 0; 1 if its cgroup turned
 * out to be a shared one that the kernel keyed by cgroup alone (the caller
 * updates the shared set and retires the slot, whose labels until then are
 * those of the process that took it); or a negative errno.
 */
int identity_table__born(struct identity_table *table, const struct event *event);

/*
 * A slot is in use that no event told of: it was taken before anybody listened,
 * or its event found the ring full. As identity_table__born, which this calls
 * after looking for a process of the instance.
 */
int identity_table__found(struct identity_table *table, uint32_t slot, uint32_t generation,
			  const struct instance_key *key);

/* Hints that something died; the next sweep looks at it. */
void identity_table__cgroup_removed(struct identity_table *table, uint64_t cgroup_id);
void identity_table__executable_exited(struct identity_table *table, uint32_t slot);

/*
 * Looks which instances have died (cgroup gone, or no process of the
 * executable left). Calls on_expired for every slot dead for at least the
 * configured retention; each is reported once. now_ns is CLOCK_MONOTONIC.
 */
void identity_table__sweep(struct identity_table *table, uint64_t now_ns,
			   void (*on_expired)(void *ctx, uint32_t slot), void *ctx);

/*
 * There is a want of slots, or not any more. While there is, what has died is searched for more
 * often, and expires IDENTITY_HURRY_NS after its end, if the retention is longer.
 */
#define IDENTITY_HURRY_NS 1000000000ULL
void identity_table__hurry(struct identity_table *table, bool hurries);

/*
 * Looks which shared cgroups are gone, some of them at each call, and calls
 * on_gone for these: nothing tells of their end as long as no instance is keyed
 * by them alone.
 */
void identity_table__sweep_shared(struct identity_table *table,
				  void (*on_gone)(void *ctx, uint64_t cgroup_id), void *ctx);

/*
 * Whether this machine has pods, or the agent runs in one: told by KUBERNETES_SERVICE_HOST,
 * by cgroups of a kubelet at the start, or by a pod met since. Once true it stays so.
 */
bool identity_table__has_pods(const struct identity_table *table);

/* Labels of a slot in use, or NULL if it was never announced. */
const struct identity *identity_table__get(const struct identity_table *table, uint32_t slot);

/* An instance in use, as others than the series need it. */
struct identity_instance {
	const struct identity *identity;
	uint32_t slot;
	uint32_t generation;
	uint64_t cgroup_id;
	const struct instance_key *key;
	const char *cgroup; /* path below the hierarchy's mount; "" if it is not known */
	bool is_dead;	    /* kept for its retention */
};

/*
 * Calls on_instance for every instance in use but `__other__`, those that a rule
 * drops included. What it is given is valid during the call. Stops at the first
 * non-zero result, and returns that.
 */
int identity_table__each(const struct identity_table *table,
			 int (*on_instance)(void *ctx, const struct identity_instance *instance),
			 void *ctx);

/*
 * A process of the instance that ran a moment ago: in its cgroup itself, or of its
 * executable. 0 if there is none.
 */
pid_t identity_table__process(const struct identity_table *table, uint32_t slot);

/*
 * Calls on_cgroup for every cgroup that is a container's or unit's own (not for
 * those inside it), whether an instance in use is known by it or not. Returns 0,
 * the first non-zero result, or a negative errno.
 */
int identity_table__walk(struct identity_table *table,
			 int (*on_cgroup)(void *ctx, const char *path, uint64_t id,
					  enum instance_kind kind),
			 void *ctx);

/*
 * The labels that an instance would get whose cgroup this is; pid is a process
 * in it, or 0. Returns 0 and an identity for the caller to free(); 1 if the
 * cgroup is neither container nor unit; or a negative errno.
 */
int identity_table__of_cgroup(struct identity_table *table, uint64_t cgroup_id, pid_t pid,
			      struct identity **ret_identity);

/*
 * The labels that an instance with this key would get, of any kind; pid is a process of it and comm
 * that one's name. Returns 0 and an identity for the caller to free(), or a negative errno.
 */
int identity_table__of_key(struct identity_table *table, const struct instance_key *key, pid_t pid,
			   const char comm[EVENT_COMM_BYTES], struct identity **ret_identity);

/* "", or the directory below which the host's files are found; static. */
const char *identity_table__host_root(const struct identity_table *table);

/* The mounted cgroup hierarchies, as the host sees them (see cgroup_mounts.h). */
struct cgroup_mounts;
const struct cgroup_mounts *identity_table__mounts(const struct identity_table *table);

/*
 * What was found and chosen at the start, one sentence a line, for `doctor`.
 * The lines are the table's own. Returns their number.
 */
size_t identity_table__describe(const struct identity_table *table, const char *const **ret_lines);

/*
 * The configuration's rules have changed: finds out the labels of every living
 * instance again. Those of the dead stay as they were, and those of which less
 * would be known. identity pointers from before are no longer valid.
 */
void identity_table__apply_rules(struct identity_table *table);

/*
 * Looks again for the labels of instances whose runtime did not answer, one after the other
 * until it does not again. True if some were found, as by identity_table__apply_rules.
 */
bool identity_table__retry(struct identity_table *table);

/* The slot was retired: its labels end here. */
void identity_table__forget(struct identity_table *table, uint32_t slot);

#endif
