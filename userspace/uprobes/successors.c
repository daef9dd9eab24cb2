// SPDX-License-Identifier: Apache-2.0
#include "uprobes/successors.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "identity/process.h"

struct successors {
	const char *controller;
	struct predecessor predecessor[SUCCESSORS_MAX];
	size_t count;

	/* of the search that is under way */
	struct predecessor searched[SUCCESSORS_MAX];
	size_t searched_count;
	unsigned int looks; /* left to it */
};

int successors__new(struct successors **ret_successors, const char *controller)
{
	struct successors *successors = calloc(1, sizeof(*successors));

	if (!successors)
		return -ENOMEM;
	successors->controller = controller;
	*ret_successors = successors;
	return 0;
}

void successors__free(struct successors *successors)
{
	free(successors);
}

size_t successors__waiting(const struct successors *successors)
{
	return successors->count;
}

static struct predecessor *new_predecessor(struct successors *successors, bool was_seen,
					   const char *app)
{
	struct predecessor *predecessor;

	if (successors->count == SUCCESSORS_MAX)
		return NULL;
	predecessor = &successors->predecessor[successors->count++];
	memset(predecessor, 0, sizeof(*predecessor));
	predecessor->was_seen = was_seen;
	snprintf(predecessor->app, sizeof(predecessor->app), "%s", app);
	return predecessor;
}

static struct predecessor *find_ended(struct successors *successors, const struct lineage *lineage)
{
	for (size_t i = 0; i < successors->count; i++) {
		struct predecessor *predecessor = &successors->predecessor[i];

		if (predecessor->was_seen && predecessor->lineage.cgroup == lineage->cgroup &&
		    file_id__equals(&predecessor->lineage.program, &lineage->program))
			return predecessor;
	}
	return NULL;
}

static bool has_file(const struct predecessor *predecessor, uint16_t file)
{
	for (size_t i = 0; i < predecessor->file_count; i++)
		if (predecessor->file[i] == file)
			return true;
	return false;
}

int successors__ended(struct successors *successors, pid_t pid, const struct lineage *lineage,
		      const char *app, const uint16_t *file, size_t count, uint8_t *ret_kept)
{
	struct predecessor *predecessor = find_ended(successors, lineage);
	uint8_t kept = 0;

	if (!predecessor)
		predecessor = new_predecessor(successors, true, app);
	if (!predecessor)
		return -ENOSPC;
	predecessor->lineage = *lineage;
	if (lineage->leads && predecessor->leader_count < SUCCESSORS_LEADERS)
		predecessor->leader[predecessor->leader_count++] = pid;
	for (size_t i = 0; i < count && i < SUCCESSORS_FILES; i++) {
		if (predecessor->file_count == SUCCESSORS_FILES || has_file(predecessor, file[i]))
			continue;
		predecessor->missing |= (uint8_t)(1U << predecessor->file_count);
		predecessor->file[predecessor->file_count++] = file[i];
		kept |= (uint8_t)(1U << i);
	}
	*ret_kept = kept;
	return 0;
}

int successors__missed(struct successors *successors, const struct serving *serving)
{
	struct predecessor *predecessor;

	for (size_t i = 0; i < successors->count; i++) {
		const struct serving *other = &successors->predecessor[i].serving;

		if (!successors->predecessor[i].was_seen && other->kind == serving->kind &&
		    strcmp(other->instance, serving->instance) == 0 &&
		    strcmp(other->comm, serving->comm) == 0)
			return 0;
	}
	predecessor = new_predecessor(successors, false, serving->app);
	if (!predecessor)
		return -ENOSPC;
	predecessor->serving = *serving;
	return 0;
}

/* Takes the place of the oldest, if it is younger. */
static void note_young(struct predecessor *predecessor, pid_t pid, uint64_t start)
{
	struct successor *oldest = &predecessor->youngest[0];

	for (size_t i = 1; i < SUCCESSORS_YOUNGEST; i++)
		if (predecessor->youngest[i].start < oldest->start)
			oldest = &predecessor->youngest[i];
	if (!oldest->pid || start > oldest->start)
		*oldest = (struct successor){ pid, start };
}

static bool is_led(const struct predecessor *predecessor, const struct process_stat *stat)
{
	for (size_t i = 0; i < predecessor->leader_count; i++)
		if (stat->session == predecessor->leader[i] ||
		    stat->group == predecessor->leader[i])
			return true;
	return false;
}

/* A living process, and whose successor it may be. */
static void try_process(struct successors *successors, const struct successors_ops *ops, pid_t pid)
{
	struct process_exe exe;
	struct file_id program;
	struct process_stat stat;
	bool has_cgroup = false;
	uint64_t cgroup = 0;

	/* kernel threads have none; we are nobody's successor */
	if (pid == getpid() || process__exe(pid, &exe, NULL) || process_stat__read(&stat, pid))
		return;
	program = (struct file_id){ exe.dev, exe.inode };
	for (size_t i = 0; i < successors->searched_count; i++) {
		struct predecessor *predecessor = &successors->searched[i];

		if (!predecessor->was_seen) {
			if (serving__has(&predecessor->serving, pid, &stat, successors->controller))
				note_young(predecessor, pid, stat.start);
			continue;
		}
		if (!predecessor->missing || !successors->looks)
			continue;
		if (!file_id__equals(&predecessor->lineage.program, &program) &&
		    !is_led(predecessor, &stat))
			continue;
		if (!has_cgroup)
			cgroup = lineage__cgroup(pid, successors->controller);
		has_cgroup = true;
		/* another instance is not ours to look at: its rule may forbid it */
		if (cgroup != predecessor->lineage.cgroup)
			continue;
		successors->looks--;
		predecessor->missing &= (uint8_t)~ops->look(ops->ctx, pid, predecessor->app,
							    predecessor->file,
							    predecessor->file_count);
	}
}

static void look_at_young(struct predecessor *predecessor, const struct successors_ops *ops)
{
	for (size_t i = 0; i < SUCCESSORS_YOUNGEST; i++)
		if (predecessor->youngest[i].pid)
			ops->look(ops->ctx, predecessor->youngest[i].pid, predecessor->app, NULL,
				  0);
}

bool successors__begin(struct successors *successors)
{
	successors->searched_count = successors->count;
	memcpy(successors->searched, successors->predecessor,
	       successors->count * sizeof(successors->predecessor[0]));
	successors->count = 0;
	return successors->searched_count;
}

void successors__search(struct successors *successors, const struct successors_ops *ops)
{
	struct dirent *entry;
	DIR *proc = opendir("/proc");

	successors->looks = SUCCESSORS_LOOKS;
	while (proc && (entry = readdir(proc))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (end != entry->d_name && *end == '\0' && pid > 0)
			try_process(successors, ops, (pid_t)pid);
	}
	if (proc)
		closedir(proc);
	for (size_t i = 0; i < successors->searched_count; i++) {
		struct predecessor *predecessor = &successors->searched[i];

		if (predecessor->was_seen)
			ops->release(ops->ctx, predecessor->file, predecessor->file_count);
		else
			look_at_young(predecessor, ops);
	}
}
