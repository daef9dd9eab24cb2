// SPDX-License-Identifier: Apache-2.0
#include "probes/probed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "probes/links.h"

#define NS_PER_S 1000000000ULL
#define RETRY_NS (60 * NS_PER_S) /* what the kernel refused, or had no room */

struct entry {
	struct file_state state; /* as it was read */
	bool in_use;
	bool said;	   /* why it is refused */
	uint16_t account;  /* who answers for it */
	uint64_t retry_ns; /* 0: what was refused stays so */
	uint32_t processes;
	uint64_t unused_since_ns; /* with processes 0 */
	uint32_t probes;
	uint32_t link_count;
	int *link; /* NULL: refused */
};

struct probed {
	struct attached_ops ops;
	struct owners *owners;
	struct entry entry[ATTACHED_MAX_FILES];
	uint32_t link_count;
	uint64_t attached_total;
	uint64_t detached_total;
};

int probed__new(struct probed **ret_probed, const struct attached_ops *ops, struct owners *owners)
{
	struct probed *probed = calloc(1, sizeof(*probed));

	if (!probed)
		return -ENOMEM;
	probed->ops = *ops;
	probed->owners = owners;
	*ret_probed = probed;
	return 0;
}

static void entry__detach(struct probed *probed, struct entry *file)
{
	links__detach(&probed->ops, file->link, file->link_count);
	owners__give(probed->owners, file->account, OWNS_LINKS, file->link_count);
	probed->link_count -= file->link_count;
	probed->detached_total += file->link != NULL;
	free(file->link);
	file->link = NULL;
	file->link_count = 0;
	file->probes = 0;
}

static void entry__close(struct probed *probed, struct entry *file)
{
	entry__detach(probed, file);
	owners__give(probed->owners, file->account, OWNS_FILES, 1);
	memset(file, 0, sizeof(*file));
}

void probed__free(struct probed *probed)
{
	if (!probed)
		return;
	for (size_t i = 0; i < ATTACHED_MAX_FILES; i++)
		if (probed->entry[i].in_use)
			entry__close(probed, &probed->entry[i]);
	free(probed);
}

static void refuse(struct probed *probed, struct entry *file, const struct found *found,
		   const char *app, const char *reason)
{
	if (probed->ops.warn && !file->said)
		probed->ops.warn("the plain text inside TLS of %s is not seen: %s (%s): %s", app,
				 found->path, tls_library__name(found->plan->library), reason);
	file->said = true;
}

/* Whether the loader has all programs that the plan wants. */
static bool has_programs(const struct probed *probed, const struct plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		if (!probed->ops.has_program(probed->ops.ctx, plan->probe[i].program))
			return false;
	return true;
}

/* Attaches the file of an entry without links. Returns their number, or a negative errno. */
static int attach(struct probed *probed, struct entry *file, const struct found *found,
		  const char **ret_program)
{
	const struct plan *plan = found->plan;
	int links[PLAN_MAX_PROBES], count;
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", found->fd);
	count = links__attach(&probed->ops, plan, path, links, ret_program);
	if (count <= 0)
		return count;
	file->link = malloc((size_t)count * sizeof(*links));
	if (!file->link) {
		links__detach(&probed->ops, links, (uint32_t)count);
		return -ENOMEM;
	}
	memcpy(file->link, links, (size_t)count * sizeof(*links));
	file->link_count = (uint32_t)count;
	file->probes = (uint32_t)plan->count;
	probed->link_count += (uint32_t)count;
	probed->attached_total++;
	return count;
}

/* The same, if it may. One that is refused stays without. 0, or -EDQUOT if no room is left. */
static int entry__attach(struct probed *probed, struct entry *file, const struct found *found,
			 const struct probed_by *by)
{
	const struct plan *plan = found->plan;
	uint32_t wanted = (uint32_t)plan->count;
	const char *program = "";
	char reason[160];
	int count;

	file->state = found->state;
	file->retry_ns = 0;
	if (plan->reason || !wanted) {
		refuse(probed, file, found, by->app, plan->reason ? plan->reason : "nothing found");
		return 0;
	}
	if (!has_programs(probed, plan)) {
		refuse(probed, file, found, by->app, "no program for it is loaded");
		return 0;
	}
	file->retry_ns = by->now_ns + RETRY_NS;
	if (!owners__take(probed->owners, file->account, OWNS_LINKS, wanted))
		return -EDQUOT;
	count = attach(probed, file, found, &program);
	/* several places may have one link */
	owners__give(probed->owners, file->account, OWNS_LINKS,
		     wanted - (count > 0 ? (uint32_t)count : 0));
	if (count <= 0) {
		snprintf(reason, sizeof(reason), "the kernel refuses %s: %s", program,
			 strerror(-count));
		refuse(probed, file, found, by->app, reason);
	}
	return 0;
}

/* Whether the file was written to since: its probes are in the wrong places. */
static bool has_changed(const struct entry *file, const struct found *found)
{
	return file->state.bytes != found->state.bytes ||
	       file->state.changed_ns != found->state.changed_ns;
}

int probed__take(struct probed *probed, const struct found *found, const struct probed_by *by,
		 uint16_t *ret_file)
{
	struct entry *file = NULL, *free_place = NULL;
	int err = 0;

	for (size_t i = 0; i < ATTACHED_MAX_FILES && !file; i++) {
		struct entry *other = &probed->entry[i];

		if (!other->in_use && !free_place)
			free_place = other;
		if (other->in_use &&
		    (file_id__equals(&other->state.id, &found->state.id) ||
		     (!found->plan && file_id__equals(&other->state.seen, &found->state.seen))))
			file = other;
	}
	if (!file && !found->plan)
		return -ENOENT;
	if (!file) {
		if (!free_place || !owners__take(probed->owners, by->account, OWNS_FILES, 1))
			return -ENOSPC;
		file = free_place;
		*file = (struct entry){ .in_use = true, .account = by->account };
		file->unused_since_ns = by->now_ns;
		err = entry__attach(probed, file, found, by);
	} else if (found->plan && has_changed(file, found)) {
		entry__detach(probed, file);
		err = entry__attach(probed, file, found, by);
	} else if (found->plan && !file->link && file->retry_ns && by->now_ns >= file->retry_ns) {
		err = entry__attach(probed, file, found, by);
	}
	*ret_file = (uint16_t)(file - probed->entry);
	return err;
}

void probed__use(struct probed *probed, uint16_t file)
{
	probed->entry[file].processes++;
}

void probed__let_go(struct probed *probed, uint16_t file, uint64_t now_ns)
{
	if (--probed->entry[file].processes == 0)
		probed->entry[file].unused_since_ns = now_ns;
}

bool probed__expire(struct probed *probed, uint64_t now_ns, uint16_t *ret_account)
{
	for (size_t i = 0; i < ATTACHED_MAX_FILES; i++) {
		struct entry *file = &probed->entry[i];

		if (!file->in_use || file->processes ||
		    now_ns - file->unused_since_ns < ATTACHED_LINGER_NS)
			continue;
		*ret_account = file->account;
		entry__close(probed, file);
		return true;
	}
	return false;
}

void probed__stats(const struct probed *probed, struct attached_stats *stats)
{
	stats->links += probed->link_count;
	stats->attached_total += probed->attached_total;
	stats->detached_total += probed->detached_total;
	for (size_t i = 0; i < ATTACHED_MAX_FILES; i++) {
		const struct entry *file = &probed->entry[i];

		if (!file->in_use)
			continue;
		stats->files += file->link != NULL;
		stats->refused += file->link == NULL;
		stats->probes += file->probes;
	}
}
