// SPDX-License-Identifier: Apache-2.0
#include "collect/unix/unix_sockets.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/log.h"
#include "collect/collectors.h"
#include "config/config.h"
#include "defaults.h"
#include "loader/loader.h"

/* Processes and sockets of theirs; with more than this nothing is told. */
#define HOLDERS_MAX 65536U

/* Instances that are known by nothing but their sockets; with more than this those are `__other__`.
 */
#define NAMES_MAX 1024U

/* A look at all open files is followed by a pause of that many times its duration. */
#define PAUSE_FACTOR 50

/* Finding out labels may ask a container runtime: what there is no time for waits for the next
 * read. */
#define NAMING_NS 20000000ULL
#define NAME_AGAIN_NS 10000000000ULL

#define INIT 1

/* An instance that holds such sockets. */
struct name {
	struct instance_key key;
	pid_t pid;
	char comm[EVENT_COMM_BYTES];
	const struct identity *identity; /* NULL: not found out yet */
	struct identity *own;		 /* found out for this, where nobody else has one */
	uint64_t named_ns;
	int64_t owner; /* of readings; negative: none */
};

struct unix_sockets {
	struct collector_env env;
	struct unix_listener *listener; /* by socket, once for each key */
	size_t count;
	struct name *name; /* by key */
	size_t name_count;
	uint64_t next_ns;
	bool is_known; /* the last look saw all */
};

/* One socket of one owner. */
struct holding {
	int64_t owner;
	uint64_t inode;
};

static void free_names(struct unix_sockets *sockets)
{
	for (size_t i = 0; i < sockets->name_count; i++)
		free(sockets->name[i].own);
	free(sockets->name);
	sockets->name = NULL;
	sockets->name_count = 0;
}

/* Init behind all others. */
static int by_socket(const void *a, const void *b)
{
	const struct unix_listener *x = a, *y = b;

	if (x->inode != y->inode)
		return x->inode < y->inode ? -1 : 1;
	if ((x->tgid == INIT) != (y->tgid == INIT))
		return x->tgid == INIT ? 1 : -1;
	return memcmp(&x->key, &y->key, sizeof(x->key));
}

size_t unix_listeners__unique(struct unix_listener *listener, size_t count)
{
	size_t kept = 0;

	if (count)
		qsort(listener, count, sizeof(*listener), by_socket);
	for (size_t i = 0; i < count; i++) {
		const struct unix_listener *last = kept ? &listener[kept - 1] : NULL;

		if (last && last->inode == listener[i].inode &&
		    (listener[i].tgid == INIT ||
		     memcmp(&last->key, &listener[i].key, sizeof(last->key)) == 0))
			continue;
		listener[kept++] = listener[i];
	}
	return kept;
}

static int on_listener(void *ctx, const struct unix_listener *listener)
{
	struct unix_sockets *sockets = ctx;

	if (!sockets->listener) {
		sockets->listener = calloc(HOLDERS_MAX, sizeof(*listener));
		if (!sockets->listener)
			return -ENOMEM;
	}
	/* many workers may have one socket */
	if (sockets->count == HOLDERS_MAX) {
		sockets->count = unix_listeners__unique(sockets->listener, sockets->count);
		/* room for one more would make the next of this come soon */
		if (sockets->count > HOLDERS_MAX / 2)
			return -E2BIG;
	}
	sockets->listener[sockets->count++] = *listener;
	return 0;
}

/* Which there are now, unless it is too soon after the last look. */
static void look(struct unix_sockets *sockets, const struct loader *loader)
{
	uint64_t start_ns = clock__now_ns();
	int err;

	if (start_ns < sockets->next_ns)
		return;
	sockets->count = 0;
	err = loader__unix_listeners(loader, on_listener, sockets);
	sockets->is_known = !err;
	if (err && err != -EOPNOTSUPP)
		log__warn("listening UNIX sockets cannot be counted: %s", strerror(-err));
	sockets->count = unix_listeners__unique(sockets->listener, sockets->count);
	sockets->next_ns = start_ns + (clock__now_ns() - start_ns) * PAUSE_FACTOR;
}

static int by_key(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	return memcmp(&x->key, &y->key, sizeof(x->key));
}

static struct name *find_name(struct name *name, size_t count, const struct instance_key *key)
{
	const struct name wanted = { .key = *key };

	return count ? bsearch(&wanted, name, count, sizeof(*name), by_key) : NULL;
}

/* The keys of all that hold one, each once. */
static int list_names(const struct unix_sockets *sockets, struct name **ret_name, size_t *ret_count)
{
	struct name *name = calloc(sockets->count + 1, sizeof(*name));
	size_t kept = 0;

	if (!name)
		return -ENOMEM;
	for (size_t i = 0; i < sockets->count; i++) {
		name[i].key = sockets->listener[i].key;
		name[i].pid = (pid_t)sockets->listener[i].tgid;
		memcpy(name[i].comm, sockets->listener[i].comm, sizeof(name[i].comm));
	}
	qsort(name, sockets->count, sizeof(*name), by_key);
	for (size_t i = 0; i < sockets->count; i++)
		if (!kept || by_key(&name[kept - 1], &name[i]) != 0)
			name[kept++] = name[i];
	*ret_name = name;
	*ret_count = kept;
	return 0;
}

/* An instance that is observed for its TCP sockets has labels already. */
static int take_slot(void *ctx, const struct identity_instance *instance)
{
	struct unix_sockets *sockets = ctx;
	struct name *name = find_name(sockets->name, sockets->name_count, instance->key);

	if (name && !instance->is_dead)
		name->identity = instance->identity;
	return 0;
}

/* What was found out before for instances that nobody else knows. */
static void take_own(struct unix_sockets *sockets, struct name *old, size_t old_count,
		     uint64_t now_ns)
{
	for (size_t i = 0; i < old_count; i++) {
		struct name *name = find_name(sockets->name, sockets->name_count, &old[i].key);

		if (name && old[i].own && !name->identity &&
		    (!old[i].own->is_incomplete || now_ns - old[i].named_ns < NAME_AGAIN_NS)) {
			name->identity = name->own = old[i].own;
			name->named_ns = old[i].named_ns;
			old[i].own = NULL;
		}
		free(old[i].own);
	}
	free(old);
}

static void find_out(struct unix_sockets *sockets, uint64_t now_ns)
{
	uint64_t end_ns = now_ns + NAMING_NS;
	size_t own = 0;

	for (size_t i = 0; i < sockets->name_count; i++)
		own += sockets->name[i].own != NULL;
	for (size_t i = 0; i < sockets->name_count && clock__now_ns() < end_ns; i++) {
		struct name *name = &sockets->name[i];

		if (name->identity)
			continue;
		if (own == NAMES_MAX) {
			name->identity = identity_table__get(sockets->env.identity, OTHER_INDEX);
			continue;
		}
		if (identity_table__of_key(sockets->env.identity, &name->key, name->pid, name->comm,
					   &name->own) == 0) {
			name->identity = name->own;
			name->named_ns = now_ns;
			own++;
		}
	}
}

/* Labels of all that hold one; those that others know first, so that all of an instance's series
 * agree. */
static int take_names(struct unix_sockets *sockets)
{
	struct name *old = sockets->name;
	size_t old_count = sockets->name_count;
	uint64_t now_ns = clock__now_ns();

	if (list_names(sockets, &sockets->name, &sockets->name_count))
		return -ENOMEM;
	identity_table__each(sockets->env.identity, take_slot, sockets);
	for (size_t i = 0; i < sockets->name_count; i++) {
		struct name *name = &sockets->name[i];

		if (!name->identity && !name->key.exe_inode)
			name->identity =
				collectors__identity(sockets->env.collectors, name->key.cgroup_id);
	}
	take_own(sockets, old, old_count, now_ns);
	find_out(sockets, now_ns);
	return 0;
}

static void own_readings(struct unix_sockets *sockets, struct readings *readings)
{
	for (size_t i = 0; i < sockets->name_count; i++) {
		const struct identity *identity = sockets->name[i].identity;

		sockets->name[i].owner = -1;
		if (identity && !identity->dropped) {
			const struct model_labels labels = model_labels__of(identity);

			sockets->name[i].owner = readings__owner(readings, &labels);
		}
	}
}

static int by_owner(const void *a, const void *b)
{
	const struct holding *x = a, *y = b;

	if (x->owner != y->owner)
		return x->owner < y->owner ? -1 : 1;
	return x->inode < y->inode ? -1 : x->inode > y->inode;
}

/* Two keys (cgroups inside a container) may be one owner, which has each socket once. */
static void add_readings(struct unix_sockets *sockets, struct readings *readings)
{
	struct holding *holding = calloc(sockets->count + 1, sizeof(*holding));
	size_t count = 0, end;

	if (!holding)
		return;
	for (size_t i = 0; i < sockets->count; i++) {
		const struct name *name =
			find_name(sockets->name, sockets->name_count, &sockets->listener[i].key);

		if (name && name->owner >= 0)
			holding[count++] =
				(struct holding){ name->owner, sockets->listener[i].inode };
	}
	qsort(holding, count, sizeof(*holding), by_owner);
	for (size_t i = 0; i < count; i = end) {
		uint64_t sum = 0;

		for (end = i; end < count && holding[end].owner == holding[i].owner; end++)
			sum += end == i || holding[end].inode != holding[end - 1].inode;
		readings__add(readings, holding[i].owner, READING_UNIX_STREAM_LISTENERS, sum, NULL,
			      NULL, NULL);
	}
	free(holding);
}

static void read_listeners(void *state, struct readings *readings)
{
	struct unix_sockets *sockets = state;

	if (!readings__wants(readings, READINGS_OF_UNIX))
		return;
	look(sockets, sockets->env.loader);
	if (!sockets->is_known || take_names(sockets))
		return;
	own_readings(sockets, readings);
	add_readings(sockets, readings);
}

static int start(void **ret_state, const struct collector_env *env)
{
	struct unix_sockets *sockets;

	if (!env->config->collect_unix)
		return 1;
	sockets = calloc(1, sizeof(*sockets));
	if (!sockets)
		return -ENOMEM;
	sockets->env = *env;
	*ret_state = sockets;
	return 0;
}

static void end(void *state)
{
	struct unix_sockets *sockets = state;

	free_names(sockets);
	free(sockets->listener);
	free(sockets);
}

static void relabel(void *state, bool all)
{
	if (all)
		free_names(state);
}

const struct collector collector_unix = {
	.name = "unix",
	.start = start,
	.free = end,
	.read = read_listeners,
	.relabel = relabel,
};
