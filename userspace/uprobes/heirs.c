// SPDX-License-Identifier: Apache-2.0
#include "uprobes/heirs.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "identity/process.h"

struct heirs {
	const char *controller;
	struct estate estate[HEIRS_MAX];
	size_t count;
	unsigned int looks; /* left to this search */
};

int heirs__new(struct heirs **ret_heirs, const char *controller)
{
	struct heirs *heirs = calloc(1, sizeof(*heirs));

	if (!heirs)
		return -ENOMEM;
	heirs->controller = controller;
	*ret_heirs = heirs;
	return 0;
}

void heirs__free(struct heirs *heirs)
{
	free(heirs);
}

size_t heirs__waiting(const struct heirs *heirs)
{
	return heirs->count;
}

static struct estate *new_estate(struct heirs *heirs, bool was_seen, const char *app)
{
	struct estate *estate;

	if (heirs->count == HEIRS_MAX)
		return NULL;
	estate = &heirs->estate[heirs->count++];
	memset(estate, 0, sizeof(*estate));
	estate->was_seen = was_seen;
	snprintf(estate->app, sizeof(estate->app), "%s", app);
	return estate;
}

static struct estate *find_ended(struct heirs *heirs, const struct kin *kin)
{
	for (size_t i = 0; i < heirs->count; i++) {
		struct estate *estate = &heirs->estate[i];

		if (estate->was_seen && estate->kin.place == kin->place &&
		    file_id__equals(&estate->kin.program, &kin->program))
			return estate;
	}
	return NULL;
}

static bool has_file(const struct estate *estate, uint16_t file)
{
	for (size_t i = 0; i < estate->file_count; i++)
		if (estate->file[i] == file)
			return true;
	return false;
}

int heirs__ended(struct heirs *heirs, pid_t pid, const struct kin *kin, const char *app,
		 const uint16_t *file, size_t count, uint8_t *ret_kept)
{
	struct estate *estate = find_ended(heirs, kin);
	uint8_t kept = 0;

	if (!estate)
		estate = new_estate(heirs, true, app);
	if (!estate)
		return -ENOSPC;
	estate->kin = *kin;
	if (kin->leads && estate->leader_count < HEIRS_LEADERS)
		estate->leader[estate->leader_count++] = pid;
	for (size_t i = 0; i < count && i < HEIRS_FILES; i++) {
		if (estate->file_count == HEIRS_FILES || has_file(estate, file[i]))
			continue;
		estate->missing |= (uint8_t)(1U << estate->file_count);
		estate->file[estate->file_count++] = file[i];
		kept |= (uint8_t)(1U << i);
	}
	*ret_kept = kept;
	return 0;
}

int heirs__missed(struct heirs *heirs, const struct serving *serving)
{
	struct estate *estate;

	for (size_t i = 0; i < heirs->count; i++) {
		const struct serving *other = &heirs->estate[i].serving;

		if (!heirs->estate[i].was_seen && other->kind == serving->kind &&
		    strcmp(other->instance, serving->instance) == 0 &&
		    strcmp(other->comm, serving->comm) == 0)
			return 0;
	}
	estate = new_estate(heirs, false, serving->app);
	if (!estate)
		return -ENOSPC;
	estate->serving = *serving;
	return 0;
}

/* Takes the place of the oldest, if it is younger. */
static void note_young(struct estate *estate, pid_t pid, uint64_t start)
{
	struct heir *oldest = &estate->youngest[0];

	for (size_t i = 1; i < HEIRS_YOUNGEST; i++)
		if (estate->youngest[i].start < oldest->start)
			oldest = &estate->youngest[i];
	if (!oldest->pid || start > oldest->start)
		*oldest = (struct heir){ pid, start };
}

static bool is_led(const struct estate *estate, const struct kin_stat *stat)
{
	for (size_t i = 0; i < estate->leader_count; i++)
		if (stat->session == estate->leader[i] || stat->group == estate->leader[i])
			return true;
	return false;
}

/* A living process, and whose heir it may be. */
static void try_process(struct heirs *heirs, const struct heirs_ops *ops, pid_t pid)
{
	struct process_exe exe;
	struct file_id program;
	struct kin_stat stat;

	/* kernel threads have none; we are nobody's heir */
	if (pid == getpid() || process__exe(pid, &exe, NULL) || kin_stat__read(&stat, pid))
		return;
	program = (struct file_id){ exe.dev, exe.inode };
	for (size_t i = 0; i < heirs->count; i++) {
		struct estate *estate = &heirs->estate[i];

		if (!estate->was_seen) {
			if (serving__has(&estate->serving, pid, &stat, heirs->controller))
				note_young(estate, pid, stat.start);
			continue;
		}
		if (!estate->missing || !heirs->looks)
			continue;
		if (!file_id__equals(&estate->kin.program, &program) && !is_led(estate, &stat))
			continue;
		/* another instance is not ours to look at: its rule may forbid it */
		if (kin__place(pid, heirs->controller) != estate->kin.place)
			continue;
		heirs->looks--;
		estate->missing &= (uint8_t)~ops->look(ops->ctx, pid, estate->app, estate->file,
						       estate->file_count);
	}
}

static void look_at_young(struct estate *estate, const struct heirs_ops *ops)
{
	for (size_t i = 0; i < HEIRS_YOUNGEST; i++)
		if (estate->youngest[i].pid)
			ops->look(ops->ctx, estate->youngest[i].pid, estate->app, NULL, 0);
}

void heirs__search(struct heirs *heirs, const struct heirs_ops *ops)
{
	size_t count = heirs->count;
	struct dirent *entry;
	DIR *proc = opendir("/proc");

	heirs->looks = HEIRS_LOOKS;
	while (proc && (entry = readdir(proc))) {
		char *end;
		long pid = strtol(entry->d_name, &end, 10);

		if (end != entry->d_name && *end == '\0' && pid > 0)
			try_process(heirs, ops, (pid_t)pid);
	}
	if (proc)
		closedir(proc);
	for (size_t i = 0; i < count; i++) {
		struct estate *estate = &heirs->estate[i];

		if (estate->was_seen)
			ops->release(ops->ctx, estate->file, estate->file_count);
		else
			look_at_young(estate, ops);
	}
	/* a look may have found that a known process has ended, which leaves something new */
	memmove(&heirs->estate[0], &heirs->estate[count],
		(heirs->count - count) * sizeof(heirs->estate[0]));
	heirs->count -= count;
}
