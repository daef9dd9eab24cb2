// SPDX-License-Identifier: Apache-2.0
#include "uprobes/probed.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uprobes/links.h"

#define RETRY_NS 60000000000ULL /* what the kernel refused */

struct probed_file {
	struct file_state state; /* as it was read */
	bool in_use;
	bool said;	   /* why it is refused */
	bool is_busy;	   /* a job of it is not done yet: nobody begins another */
	uint64_t retry_ns; /* 0: what was refused stays so */
	uint32_t processes;
	uint64_t unused_since_ns; /* with processes 0 */
	uint32_t probes;
	struct probed_links links; /* none: refused */
};

struct probed {
	const struct attached_ops *ops;
	struct probed_file files[ATTACHED_MAX_FILES];
	uint32_t link_count; /* and of those that are about to be made the most */
	uint64_t detached_total;
	uint64_t full_total;
	bool said_full;
};

int probed__new(struct probed **ret_probed, const struct attached_ops *ops)
{
	struct probed *probed = calloc(1, sizeof(*probed));

	if (!probed)
		return -ENOMEM;
	probed->ops = ops;
	*ret_probed = probed;
	return 0;
}

void probed__close(const struct probed *probed, struct probed_links *links)
{
	links__detach(probed->ops, links->link, links->count);
	free(links->link);
	*links = (struct probed_links){};
}

static struct probed_links take_links(struct probed *probed, struct probed_file *file)
{
	struct probed_links links = file->links;

	probed->link_count -= links.count;
	probed->detached_total += links.link != NULL;
	file->links = (struct probed_links){};
	file->probes = 0;
	return links;
}

void probed__free(struct probed *probed)
{
	if (!probed)
		return;
	for (size_t i = 0; i < ATTACHED_MAX_FILES; i++) {
		struct probed_links links = take_links(probed, &probed->files[i]);

		probed__close(probed, &links);
	}
	free(probed);
}

void probed__say_full(struct probed *probed, const char *what)
{
	probed->full_total++;
	if (probed->said_full || !probed->ops->warn)
		return;
	probed->said_full = true;
	probed->ops->warn("too many %s with TLS: the plain text of further ones is not seen", what);
}

static void refuse(const struct probed *probed, struct probed_file *file, const struct found *found,
		   const char *app, const char *reason)
{
	if (probed->ops->warn && !file->said)
		probed->ops->warn("the plain text inside TLS of %s is not seen: %s (%s): %s", app,
				  found->path, tls_library__name(found->plan->library), reason);
	file->said = true;
}

/* Why no probe of the plan can be attached, static; or NULL. */
static const char *obstacle(const struct probed *probed, const struct plan *plan)
{
	if (plan->reason || !plan->count)
		return plan->reason ? plan->reason : "nothing found";
	for (size_t i = 0; i < plan->count; i++)
		if (!probed->ops->has_program(probed->ops->ctx, plan->probe[i].program))
			return "no program for it is loaded";
	return NULL;
}

/* Begins to attach, with room for the links. False for a file that stays without. */
static bool begin(struct probed *probed, struct probed_file *file, const struct found *found,
		  const char *app, uint64_t now_ns)
{
	const char *reason = obstacle(probed, found->plan);

	file->state = found->state;
	file->retry_ns = 0;
	if (reason) {
		refuse(probed, file, found, app, reason);
		return false;
	}
	file->retry_ns = now_ns + RETRY_NS;
	if (probed->link_count + found->plan->count > ATTACHED_MAX_LINKS) {
		probed__say_full(probed, "files");
		return false;
	}
	probed->link_count += (uint32_t)found->plan->count;
	return true;
}

/* Whether the file was written to since: its probes are in the wrong places. */
static bool has_changed(const struct probed_file *file, const struct found *found)
{
	return file->state.bytes != found->state.bytes ||
	       file->state.changed_ns != found->state.changed_ns;
}

/* The entry of this file, or one that is free; NULL if there is none. */
static struct probed_file *entry_of(struct probed *probed, const struct file_id *id)
{
	struct probed_file *free_place = NULL;

	for (size_t i = 0; i < ATTACHED_MAX_FILES; i++) {
		struct probed_file *file = &probed->files[i];

		if (file->in_use && file_id__equals(&file->state.id, id))
			return file;
		if (!file->in_use && !free_place)
			free_place = file;
	}
	return free_place;
}

int probed__use(struct probed *probed, const struct found *found, const char *app, bool is_brief,
		uint64_t now_ns, struct probed_job *ret_job)
{
	struct probed_file *file = entry_of(probed, &found->state.id);
	struct probed_job job = {};

	if (!file) {
		probed__say_full(probed, "files");
		return -ENOSPC;
	}
	/* nothing new has been attached before nothing old is left, which takes a wait for each */
	if (is_brief && file->links.link && has_changed(file, found))
		return -EAGAIN;
	job.file = (uint16_t)(file - probed->files);
	file->processes++;
	if (file->is_busy) {
		*ret_job = job;
		return 0;
	}
	if (file->in_use && has_changed(file, found))
		job.old = take_links(probed, file);
	else if (file->in_use && (file->links.link || !file->retry_ns || now_ns < file->retry_ns)) {
		*ret_job = job;
		return 0;
	}
	file->in_use = true;
	job.attaches = begin(probed, file, found, app, now_ns);
	job.is_needed = job.attaches || job.old.link;
	file->is_busy = job.is_needed;
	*ret_job = job;
	return 0;
}

void probed__do(const struct probed *probed, const struct found *found, struct probed_job *job)
{
	int links[PLAN_MAX_PROBES], count;
	char path[64];

	if (job->old.link)
		probed__close(probed, &job->old);
	if (!job->attaches)
		return;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", found->fd);
	count = links__attach(probed->ops, found->plan, path, links, &job->program);
	if (count > 0) {
		job->made.link = malloc((size_t)count * sizeof(*links));
		if (!job->made.link) {
			links__detach(probed->ops, links, (uint32_t)count);
			count = -ENOMEM;
		}
	}
	job->err = count < 0 ? count : 0;
	if (!job->made.link)
		return;
	memcpy(job->made.link, links, (size_t)count * sizeof(*links));
	job->made.count = (uint32_t)count;
}

void probed__done(struct probed *probed, const struct found *found, const char *app,
		  struct probed_job *job)
{
	struct probed_file *file = &probed->files[job->file];
	char reason[160];

	file->is_busy = false;
	if (!job->attaches)
		return;
	probed->link_count -= (uint32_t)found->plan->count - job->made.count;
	if (job->made.link) {
		file->links = job->made;
		file->probes = (uint32_t)found->plan->count;
		return;
	}
	snprintf(reason, sizeof(reason), "the kernel refuses %s: %s", job->program,
		 strerror(-job->err));
	refuse(probed, file, found, app, reason);
}

void probed__let_go(struct probed *probed, const uint16_t *file, size_t count, uint64_t now_ns)
{
	for (size_t i = 0; i < count; i++) {
		struct probed_file *entry = &probed->files[file[i]];

		if (--entry->processes == 0)
			entry->unused_since_ns = now_ns;
	}
}

bool probed__expire(struct probed *probed, uint64_t now_ns, struct probed_links *ret_links)
{
	for (size_t i = 0; i < ATTACHED_MAX_FILES; i++) {
		struct probed_file *file = &probed->files[i];

		if (!file->in_use || file->is_busy || file->processes ||
		    now_ns < file->unused_since_ns + ATTACHED_LINGER_NS)
			continue;
		*ret_links = take_links(probed, file);
		*file = (struct probed_file){};
		return true;
	}
	return false;
}

void probed__stats(const struct probed *probed, struct attached_stats *stats)
{
	stats->detached_total = probed->detached_total;
	stats->full_total += probed->full_total;
	for (size_t i = 0; i < ATTACHED_MAX_FILES; i++) {
		const struct probed_file *file = &probed->files[i];

		if (!file->in_use)
			continue;
		stats->files += file->links.link != NULL;
		stats->refused += file->links.link == NULL;
		stats->probes += file->probes;
		stats->links += file->links.count;
	}
}
