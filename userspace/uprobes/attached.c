// SPDX-License-Identifier: Apache-2.0
#include "uprobes/attached.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "identity/process.h"
#include "uprobes/find.h"
#include "uprobes/links.h"
#include "uprobes/successors.h"

#define NS_PER_S 1000000000ULL
#define LOOK_AGAIN_NS NS_PER_S	 /* a process that is told of again */
#define LOOKS_PER_SWEEP 64	 /* at processes that nobody told of */
#define RETRY_NS (60 * NS_PER_S) /* what the kernel refused */
/* After a search for successors that took t, the next one outside a sweep is this many t later. */
#define SEARCH_REST 100

_Static_assert(ATTACHED_FILES_OF_PROCESS <= SUCCESSORS_FILES, "a bit for each");

struct attached_file {
	struct file_state state; /* as it was read */
	bool in_use;
	bool said;	   /* why it is refused */
	uint64_t retry_ns; /* 0: what was refused stays so */
	uint32_t processes;
	uint64_t unused_since_ns; /* with processes 0 */
	uint32_t probes;
	uint32_t link_count;
	int *link; /* NULL: refused */
};

/* A process that was seen to serve. files are indices, without repetition. */
struct attached_process {
	pid_t pid; /* 0: free */
	uint64_t start;
	uint64_t looked_ns;
	uint16_t file[ATTACHED_FILES_OF_PROCESS];
	uint8_t file_count;
	uint8_t unread; /* bits 1 << enum attached_unread: counted */
	struct lineage lineage;
	char app[LABEL_BYTES];
};

struct attached {
	struct attached_ops ops;
	uint32_t libraries;
	struct find *find;
	struct successors *successors; /* files that they are to have count one process more */
	uint64_t next_search_ns;
	struct attached_file files[ATTACHED_MAX_FILES];
	struct attached_process *processes; /* by pid, open addressing */
	uint32_t process_count;
	uint32_t file_count; /* in_use */
	uint32_t link_count;
	uint32_t cursor; /* where the next sweep looks on */
	uint64_t detached_total;
	uint64_t full_total;
	uint64_t successors_total;
	uint64_t unread_total[ATTACHED_UNREADS];
	bool said_full;
};

/* One look at one process. */
struct look {
	struct attached *attached;
	struct attached_process *process;
	uint64_t now_ns;
	uint16_t file[ATTACHED_FILES_OF_PROCESS];
	uint8_t file_count;
};

#define PROCESS_PLACES (2 * ATTACHED_MAX_PROCESSES)

int attached__new(struct attached **ret_attached, const struct attached_ops *ops,
		  uint32_t libraries)
{
	struct attached *attached = calloc(1, sizeof(*attached));

	if (!attached)
		return -ENOMEM;
	attached->ops = *ops;
	attached->libraries = libraries;
	attached->processes = calloc(PROCESS_PLACES, sizeof(*attached->processes));
	if (!attached->processes || find__new(&attached->find) ||
	    successors__new(&attached->successors, ops->controller)) {
		attached__free(attached);
		return -ENOMEM;
	}
	*ret_attached = attached;
	return 0;
}

static void entry__detach(struct attached *attached, struct attached_file *file)
{
	links__detach(&attached->ops, file->link, file->link_count);
	attached->link_count -= file->link_count;
	attached->detached_total += file->link != NULL;
	free(file->link);
	file->link = NULL;
	file->link_count = 0;
	file->probes = 0;
}

static void entry__close(struct attached *attached, struct attached_file *file)
{
	entry__detach(attached, file);
	attached->file_count--;
	memset(file, 0, sizeof(*file));
}

void attached__free(struct attached *attached)
{
	if (!attached)
		return;
	for (size_t i = 0; i < ATTACHED_MAX_FILES; i++)
		if (attached->files[i].in_use)
			entry__close(attached, &attached->files[i]);
	find__free(attached->find);
	successors__free(attached->successors);
	free(attached->processes);
	free(attached);
}

static void say_full(struct attached *attached, const char *what)
{
	attached->full_total++;
	if (attached->said_full || !attached->ops.warn)
		return;
	attached->said_full = true;
	attached->ops.warn("too many %s with TLS: the plain text of further ones is not seen",
			   what);
}

static void refuse(struct attached *attached, struct attached_file *file, const struct found *found,
		   const char *app, const char *reason)
{
	if (attached->ops.warn && !file->said)
		attached->ops.warn("the plain text inside TLS of %s is not seen: %s (%s): %s", app,
				   found->path, tls_library__name(found->plan->library), reason);
	file->said = true;
}

/* Attaches the file of an entry without links. One that is refused stays without. */
static void entry__attach(struct attached *attached, struct attached_file *file,
			  const struct found *found, const struct look *look)
{
	const struct plan *plan = found->plan;
	const char *program = "", *app = look->process->app;
	int links[PLAN_MAX_PROBES], count;
	char path[64], reason[160];

	file->state = found->state;
	file->retry_ns = 0;
	if (plan->reason || !plan->count) {
		refuse(attached, file, found, app, plan->reason ? plan->reason : "nothing found");
		return;
	}
	for (size_t i = 0; i < plan->count; i++) {
		if (attached->ops.has_program(attached->ops.ctx, plan->probe[i].program))
			continue;
		refuse(attached, file, found, app, "no program for it is loaded");
		return;
	}
	file->retry_ns = look->now_ns + RETRY_NS;
	if (attached->link_count + plan->count > ATTACHED_MAX_LINKS) {
		say_full(attached, "files");
		return;
	}
	snprintf(path, sizeof(path), "/proc/self/fd/%d", found->fd);
	count = links__attach(&attached->ops, plan, path, links, &program);
	if (count > 0) {
		file->link = malloc((size_t)count * sizeof(*links));
		if (!file->link) {
			links__detach(&attached->ops, links, (uint32_t)count);
			count = -ENOMEM;
		}
	}
	if (count <= 0) {
		snprintf(reason, sizeof(reason), "the kernel refuses %s: %s", program,
			 strerror(-count));
		refuse(attached, file, found, app, reason);
		return;
	}
	memcpy(file->link, links, (size_t)count * sizeof(*links));
	file->link_count = (uint32_t)count;
	file->probes = (uint32_t)plan->count;
	attached->link_count += (uint32_t)count;
}

/* Whether the file was written to since: its probes are in the wrong places. */
static bool has_changed(const struct attached_file *file, const struct found *found)
{
	return file->state.bytes != found->state.bytes ||
	       file->state.changed_ns != found->state.changed_ns;
}

static void on_found(void *ctx, const struct found *found)
{
	struct look *look = ctx;
	struct attached *attached = look->attached;
	struct attached_file *file = NULL, *free_place = NULL;
	uint16_t i;

	for (size_t j = 0; j < ATTACHED_MAX_FILES && !file; j++) {
		struct attached_file *other = &attached->files[j];

		if (!other->in_use && !free_place)
			free_place = other;
		if (other->in_use && file_id__equals(&other->state.id, &found->state.id))
			file = other;
	}
	if ((!file && !free_place) || look->file_count == ATTACHED_FILES_OF_PROCESS) {
		say_full(attached, "files");
		return;
	}
	if (!file) {
		file = free_place;
		file->in_use = true;
		attached->file_count++;
		entry__attach(attached, file, found, look);
	} else if (has_changed(file, found)) {
		entry__detach(attached, file);
		entry__attach(attached, file, found, look);
	} else if (!file->link && file->retry_ns && look->now_ns >= file->retry_ns) {
		entry__attach(attached, file, found, look);
	}
	i = (uint16_t)(file - attached->files);
	for (size_t j = 0; j < look->file_count; j++)
		if (look->file[j] == i)
			return;
	file->processes++;
	look->file[look->file_count++] = i;
}

static void let_go(struct attached *attached, const uint16_t *file, size_t count, uint64_t now_ns)
{
	for (size_t i = 0; i < count; i++) {
		struct attached_file *entry = &attached->files[file[i]];

		if (--entry->processes == 0)
			entry->unused_since_ns = now_ns;
	}
}

/* The place of this pid, or the free one for it. Never full: half of the places are free. */
static uint32_t place_of(const struct attached *attached, pid_t pid)
{
	uint32_t i = (uint32_t)pid * 2654435761U % PROCESS_PLACES;

	while (attached->processes[i].pid && attached->processes[i].pid != pid)
		i = (i + 1) % PROCESS_PLACES;
	return i;
}

/* Its files wait for its successors; those that cannot are let go. */
static void leave_to_successors(struct attached *attached, const struct attached_process *process,
				uint64_t now_ns)
{
	uint8_t kept = 0;

	if (!process->file_count)
		return;
	if (successors__ended(attached->successors, process->pid, &process->lineage, process->app,
			      process->file, process->file_count, &kept))
		attached->full_total++;
	for (size_t i = 0; i < process->file_count; i++)
		if (!(kept >> i & 1))
			let_go(attached, &process->file[i], 1, now_ns);
}

/* Those behind it move up, so that they are still found. */
static void clear_place(struct attached *attached, uint32_t i)
{
	struct attached_process *process = attached->processes;

	attached->process_count--;
	process[i].pid = 0;
	for (uint32_t j = (i + 1) % PROCESS_PLACES; process[j].pid; j = (j + 1) % PROCESS_PLACES) {
		struct attached_process moved = process[j];

		process[j].pid = 0;
		process[place_of(attached, moved.pid)] = moved;
	}
}

/* Takes out a process that has ended. */
static void remove_process(struct attached *attached, uint32_t i, uint64_t now_ns)
{
	leave_to_successors(attached, &attached->processes[i], now_ns);
	clear_place(attached, i);
}

static bool has_ended(const struct attached_process *process)
{
	struct process_stat stat;
	int err = process_stat__read(&stat, process->pid);

	return err == -ENOENT || err == -ESRCH || (!err && stat.start != process->start);
}

/* Who answers for a process that hangs: its user in its instance. */
static uint64_t owner_of(pid_t pid, const struct lineage *lineage)
{
	uid_t uid = 0;

	process__uid(pid, &uid);
	return lineage->cgroup ^ uid * 0x9e3779b97f4a7c15ULL;
}

/* Each process counts once for a reason, and the first of all is told of. */
static void note_unread(struct attached *attached, struct attached_process *process,
			enum attached_unread reason, const char *path)
{
	static const char *const sentences[ATTACHED_UNREADS] = {
		[UNREAD_MEMORY_MAP] = "does not show its memory map",
		[UNREAD_FILE_SYSTEM] = "runs from a file system that may hang, which is not read",
	};

	if (process->unread >> reason & 1)
		return;
	process->unread |= (uint8_t)(1U << reason);
	if (attached->unread_total[reason]++ == 0 && attached->ops.warn)
		attached->ops.warn("the plain text inside TLS of %s (process %d) may not be seen: "
				   "it %s%s%s; further ones are counted",
				   process->app, (int)process->pid, sentences[reason],
				   path ? ": " : "", path ? path : "");
}

/*
 * What it maps now takes the place of what it mapped before. -ESRCH if it has ended: what it
 * mapped before stays, for its successors. It stays, too, if it cannot be seen what it maps now.
 */
static int look_at(struct attached *attached, struct attached_process *process, uint64_t now_ns)
{
	struct look look = { .attached = attached, .process = process, .now_ns = now_ns };
	struct lineage lineage = process->lineage;
	int err = lineage__read(&lineage, process->pid, attached->ops.controller);
	const struct find_look how = {
		.pid = process->pid,
		.owner = owner_of(process->pid, &lineage),
		.libraries = attached->libraries,
		.on_found = on_found,
		.ctx = &look,
	};
	struct find_unread unread = {};

	process->looked_ns = now_ns;
	if (!err)
		err = find__process(attached->find, &how, &unread);
	if (err == -ETIMEDOUT || err == -EBUSY) {
		note_unread(attached, process, UNREAD_MEMORY_MAP, NULL);
		process->lineage = lineage;
		return err;
	}
	if (unread.may_hang)
		note_unread(attached, process, UNREAD_FILE_SYSTEM, unread.may_hang_at);
	if (err == -E2BIG)
		err = 0;
	/* one that ends meanwhile shows nothing, or a part, and no error */
	if (err == -ENOENT || (!err && !lineage__has_memory(process->pid)))
		err = -ESRCH;
	if (err == -ESRCH && process->file_count) {
		let_go(attached, look.file, look.file_count, now_ns);
		return err;
	}
	process->lineage = lineage;
	let_go(attached, process->file, process->file_count, now_ns);
	memcpy(process->file, look.file, sizeof(look.file));
	process->file_count = look.file_count;
	return err;
}

/* The entry of a living process, a new one if there is none. */
static int take_process(struct attached *attached, pid_t pid, const char *app, uint64_t now_ns,
			struct attached_process **ret_process)
{
	struct attached_process *process;
	struct process_stat stat;
	uint32_t i;
	int err;

	if (pid <= 0)
		return -ESRCH;
	err = process_stat__read(&stat, pid);
	i = place_of(attached, pid);
	process = &attached->processes[i];
	if (process->pid &&
	    (err == -ENOENT || err == -ESRCH || (!err && process->start != stat.start))) {
		remove_process(attached, i, now_ns);
		i = place_of(attached, pid);
		process = &attached->processes[i];
	}
	if (err)
		return err == -ENOENT ? -ESRCH : err;
	if (!process->pid) {
		if (attached->process_count == ATTACHED_MAX_PROCESSES) {
			say_full(attached, "processes");
			return -ENOSPC;
		}
		*process = (struct attached_process){ .pid = pid, .start = stat.start };
		snprintf(process->app, sizeof(process->app), "%s", app);
		attached->process_count++;
	}
	*ret_process = process;
	return 0;
}

static int look_at_pid(struct attached *attached, pid_t pid, const char *app, uint64_t now_ns)
{
	struct attached_process *process;
	int err = take_process(attached, pid, app, now_ns, &process);

	if (err)
		return err;
	if (process->looked_ns && now_ns - process->looked_ns < LOOK_AGAIN_NS)
		return 0;
	err = look_at(attached, process, now_ns);
	if (err == -ESRCH)
		remove_process(attached, place_of(attached, pid), now_ns);
	return err;
}

int attached__process(struct attached *attached, const struct serving *serving, uint64_t now_ns)
{
	int err = look_at_pid(attached, serving->pid, serving->app, now_ns);

	if (err == -ESRCH && successors__missed(attached->successors, serving))
		attached->full_total++;
	return err;
}

/* One search for successors. */
struct inheritance {
	struct attached *attached;
	uint64_t now_ns;
};

static uint8_t look_at_successor(void *ctx, pid_t pid, const char *app, const uint16_t *file,
				 size_t count)
{
	const struct inheritance *inheritance = ctx;
	struct attached *attached = inheritance->attached;
	uint32_t known = attached->process_count;
	struct attached_process *process;
	uint8_t has = 0;

	if (look_at_pid(attached, pid, app, inheritance->now_ns))
		return 0;
	process = &attached->processes[place_of(attached, pid)];
	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < process->file_count; j++)
			has |= (uint8_t)((process->file[j] == file[i]) << i);
	if (attached->process_count == known)
		return has;
	/* another process of an interpreter, perhaps, which has nothing to do with TLS */
	if (count && !process->file_count)
		clear_place(attached, place_of(attached, pid));
	else
		attached->successors_total++;
	return has;
}

static void release_files(void *ctx, const uint16_t *file, size_t count)
{
	const struct inheritance *inheritance = ctx;

	let_go(inheritance->attached, file, count, inheritance->now_ns);
}

static uint64_t elapsed_ns(const struct timespec *start, const struct timespec *end)
{
	return (uint64_t)(end->tv_sec - start->tv_sec) * NS_PER_S + (uint64_t)end->tv_nsec -
	       (uint64_t)start->tv_nsec;
}

static void search_successors(struct attached *attached, uint64_t now_ns)
{
	struct inheritance inheritance = { attached, now_ns };
	const struct successors_ops ops = { look_at_successor, release_files, &inheritance };
	struct timespec start, end;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
	successors__search(attached->successors, &ops);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	attached->next_search_ns = now_ns + SEARCH_REST * elapsed_ns(&start, &end);
}

uint64_t attached__due_ns(const struct attached *attached)
{
	return successors__waiting(attached->successors) ? attached->next_search_ns : UINT64_MAX;
}

void attached__inherit(struct attached *attached, uint64_t now_ns)
{
	if (now_ns >= attached__due_ns(attached))
		search_successors(attached, now_ns);
}

void attached__sweep(struct attached *attached, uint64_t now_ns)
{
	unsigned int looks = LOOKS_PER_SWEEP;
	uint32_t first = attached->cursor;

	for (uint32_t n = 0; n < PROCESS_PLACES; n++) {
		uint32_t i = (first + n) % PROCESS_PLACES;
		struct attached_process *process = &attached->processes[i];

		if (!process->pid)
			continue;
		if (has_ended(process)) {
			remove_process(attached, i, now_ns);
			n--; /* another may have moved here */
			continue;
		}
		if (!looks)
			continue;
		looks--;
		attached->cursor = (i + 1) % PROCESS_PLACES;
		look_at(attached, process, now_ns);
	}
	if (successors__waiting(attached->successors))
		search_successors(attached, now_ns);
	for (size_t i = 0; i < ATTACHED_MAX_FILES; i++) {
		struct attached_file *file = &attached->files[i];

		if (file->in_use && !file->processes &&
		    now_ns - file->unused_since_ns >= ATTACHED_LINGER_NS)
			entry__close(attached, file);
	}
}

void attached__stats(const struct attached *attached, struct attached_stats *ret_stats)
{
	struct attached_stats stats = {
		.links = attached->link_count,
		.processes = attached->process_count,
		.detached_total = attached->detached_total,
		.full_total = attached->full_total,
		.successors_total = attached->successors_total,
	};

	for (size_t i = 0; i < ATTACHED_MAX_FILES; i++) {
		const struct attached_file *file = &attached->files[i];

		if (!file->in_use)
			continue;
		stats.files += file->link != NULL;
		stats.refused += file->link == NULL;
		stats.probes += file->probes;
	}
	memcpy(stats.unread_total, attached->unread_total, sizeof(stats.unread_total));
	*ret_stats = stats;
}
