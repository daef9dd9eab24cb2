// SPDX-License-Identifier: Apache-2.0
#include "uprobes/attached.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "identity/process.h"
#include "uprobes/find.h"
#include "uprobes/probed.h"
#include "uprobes/processes.h"
#include "uprobes/successors.h"

#define NS_PER_S 1000000000ULL
#define LOOK_AGAIN_NS NS_PER_S /* a process that is told of again */
#define LOOKS_PER_SWEEP 64     /* at processes that nobody told of */
/* After a search for successors that took t, the next one outside a sweep is this many t later. */
#define SEARCH_REST 100

_Static_assert(ATTACHED_FILES_OF_PROCESS <= SUCCESSORS_FILES, "a bit for each");

struct attached {
	struct attached_ops ops;
	uint32_t libraries;
	struct find *find;
	uint64_t next_search_ns; /* the sweeping thread's */
	/*
	 * Of all below. It is held for moments only, never while a process or the kernel is waited
	 * for: the thread that sweeps is of lower priority than the one that newcomers wait for.
	 */
	pthread_mutex_t lock;
	struct probed *probed;
	struct successors *successors; /* files that they are to have count one process more */
	struct processes processes;
	uint32_t cursor; /* where the next sweep looks on */
	uint64_t full_total;
	uint64_t successors_total;
	uint64_t unread_total[ATTACHED_UNREADS];
	uint64_t delay_total[ATTACHED_DELAYS];
};

/* One look at one process, whose entry may be gone when it is over. */
struct look {
	struct attached *attached;
	pid_t pid;
	uint64_t start;
	bool is_brief;
	bool is_first; /* its entry is new */
	uint64_t now_ns;
	struct lineage lineage;
	char app[LABEL_BYTES];
	uint16_t file[ATTACHED_FILES_OF_PROCESS];
	uint8_t file_count;
	bool has_more; /* which takes longer than a brief look may */
};

int attached__new(struct attached **ret_attached, const struct attached_ops *ops,
		  uint32_t libraries)
{
	struct attached *attached = calloc(1, sizeof(*attached));

	if (!attached)
		return -ENOMEM;
	attached->ops = *ops;
	attached->libraries = libraries;
	pthread_mutex_init(&attached->lock, NULL);
	if (processes__init(&attached->processes) || find__new(&attached->find) ||
	    probed__new(&attached->probed, &attached->ops) ||
	    successors__new(&attached->successors, ops->controller)) {
		attached__free(attached);
		return -ENOMEM;
	}
	*ret_attached = attached;
	return 0;
}

void attached__free(struct attached *attached)
{
	if (!attached)
		return;
	probed__free(attached->probed);
	find__free(attached->find);
	successors__free(attached->successors);
	processes__close(&attached->processes);
	pthread_mutex_destroy(&attached->lock);
	free(attached);
}

/* Takes the lock for a moment. */
static void on_found(void *ctx, const struct found *found)
{
	struct look *look = ctx;
	struct attached *attached = look->attached;
	struct probed_job job = {};
	bool is_known = false;
	int err = -ENOSPC;

	pthread_mutex_lock(&attached->lock);
	if (look->file_count == ATTACHED_FILES_OF_PROCESS)
		probed__say_full(attached->probed, "files");
	else
		err = probed__use(attached->probed, found, look->app, look->is_brief, look->now_ns,
				  &job);
	look->has_more |= err == -EAGAIN;
	for (size_t i = 0; !err && i < look->file_count; i++)
		is_known |= look->file[i] == job.file;
	if (is_known)
		probed__let_go(attached->probed, &job.file, 1, look->now_ns);
	else if (!err)
		look->file[look->file_count++] = job.file;
	pthread_mutex_unlock(&attached->lock);
	if (err || !job.is_needed)
		return;
	probed__do(attached->probed, found, &job);
	pthread_mutex_lock(&attached->lock);
	probed__done(attached->probed, found, look->app, &job);
	pthread_mutex_unlock(&attached->lock);
}

/* Its files wait for its successors; those that cannot are let go. */
static void leave_to_successors(struct attached *attached, const struct known_process *process,
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
			probed__let_go(attached->probed, &process->file[i], 1, now_ns);
}

/* Takes out a process that has ended. */
static void remove_process(struct attached *attached, struct known_process *process,
			   uint64_t now_ns)
{
	leave_to_successors(attached, process, now_ns);
	processes__remove(&attached->processes, process);
}

static bool has_ended(pid_t pid, uint64_t start)
{
	struct process_stat stat;
	int err = process_stat__read(&stat, pid);

	return err == -ENOENT || err == -ESRCH || (!err && stat.start != start);
}

/* Who answers for a process that hangs: its user in its instance. */
static uint64_t owner_of(pid_t pid, const struct lineage *lineage)
{
	uid_t uid = 0;

	process__uid(pid, &uid);
	return lineage->cgroup ^ uid * 0x9e3779b97f4a7c15ULL;
}

/* Each process counts once for a reason, and the first of all is told of. */
static void note_unread(struct attached *attached, struct known_process *process,
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

/* The entry of a living process, a new one if there is none. stat_err: of reading its stat. */
static int take_process(struct attached *attached, pid_t pid, const char *app,
			const struct process_stat *stat, int stat_err, uint64_t now_ns,
			struct known_process **ret_process)
{
	struct known_process *process = processes__at(&attached->processes, pid);

	if (process->pid && (stat_err == -ENOENT || stat_err == -ESRCH ||
			     (!stat_err && process->start != stat->start))) {
		remove_process(attached, process, now_ns);
		process = processes__at(&attached->processes, pid);
	}
	if (stat_err)
		return stat_err == -ENOENT ? -ESRCH : stat_err;
	if (!process->pid)
		process = processes__add(&attached->processes, pid, stat->start, app);
	if (!process) {
		probed__say_full(attached->probed, "processes");
		return -ENOSPC;
	}
	*ret_process = process;
	return 0;
}

static void begin_look(struct look *look, struct known_process *process)
{
	look->pid = process->pid;
	look->start = process->start;
	look->is_first = !process->looked_ns;
	look->lineage = process->lineage;
	memcpy(look->app, process->app, sizeof(look->app));
	process->looked_ns = look->now_ns;
}

/*
 * Without the lock. -ESRCH if the process has ended, also meanwhile: then it shows nothing, or a
 * part, and no error.
 */
static int read_process(struct look *look, struct find_unread *ret_unread)
{
	struct attached *attached = look->attached;
	int err = lineage__read(&look->lineage, look->pid, attached->ops.controller);
	const struct find_look how = {
		.pid = look->pid,
		.owner = owner_of(look->pid, &look->lineage),
		.libraries = attached->libraries,
		.is_brief = look->is_brief,
		.on_found = on_found,
		.ctx = look,
	};

	if (!err)
		err = find__process(attached->find, &how, ret_unread);
	if (err == -E2BIG)
		err = 0;
	if (!err && look->has_more)
		err = -EAGAIN;
	if (err == -ENOENT || ((!err || err == -EAGAIN) && !lineage__has_memory(look->pid)))
		err = -ESRCH;
	return err;
}

/*
 * What it maps now takes the place of what it mapped before. That stays for its successors if it
 * has ended, and also if it cannot be seen, or not wholly, what it maps now.
 */
static int end_look(struct look *look, struct known_process *process, int err,
		    const struct find_unread *unread)
{
	struct attached *attached = look->attached;
	bool is_seen = err != -ETIMEDOUT && err != -EBUSY;

	if (!is_seen && look->is_brief)
		err = -EAGAIN;
	else if (!is_seen)
		note_unread(attached, process, UNREAD_MEMORY_MAP, NULL);
	if (unread->may_hang)
		note_unread(attached, process, UNREAD_FILE_SYSTEM, unread->may_hang_at);
	if (err == -EAGAIN)
		process->looked_ns = 0;
	if (err != -ESRCH || !process->file_count)
		process->lineage = look->lineage;
	if (!is_seen || ((err == -ESRCH || err == -EAGAIN) && process->file_count)) {
		probed__let_go(attached->probed, look->file, look->file_count, look->now_ns);
		return err;
	}
	probed__let_go(attached->probed, process->file, process->file_count, look->now_ns);
	memcpy(process->file, look->file, sizeof(look->file));
	process->file_count = look->file_count;
	return err;
}

/* A look that has begun. Takes the lock for moments. */
static int look_at(struct look *look)
{
	struct attached *attached = look->attached;
	struct known_process *process;
	struct find_unread unread = {};
	int err = read_process(look, &unread);

	pthread_mutex_lock(&attached->lock);
	process = processes__find(&attached->processes, look->pid, look->start);
	if (process) {
		err = end_look(look, process, err, &unread);
	} else {
		/* another thread has seen that it has ended */
		probed__let_go(attached->probed, look->file, look->file_count, look->now_ns);
		err = -ESRCH;
	}
	pthread_mutex_unlock(&attached->lock);
	return err;
}

/* A process was seen to have ended. */
static void end_process(struct attached *attached, pid_t pid, uint64_t start, uint64_t now_ns)
{
	struct known_process *process;

	pthread_mutex_lock(&attached->lock);
	process = processes__find(&attached->processes, pid, start);
	if (process)
		remove_process(attached, process, now_ns);
	pthread_mutex_unlock(&attached->lock);
}

/* look: with what the caller wants; says afterwards what it was. */
static int look_at_pid(struct look *look, pid_t pid, const char *app)
{
	struct attached *attached = look->attached;
	struct known_process *process;
	struct process_stat stat = {};
	bool is_recent = false;
	int err;

	if (pid <= 0)
		return -ESRCH;
	err = process_stat__read(&stat, pid);
	pthread_mutex_lock(&attached->lock);
	err = take_process(attached, pid, app, &stat, err, look->now_ns, &process);
	if (!err) {
		is_recent = process->looked_ns && look->now_ns < process->looked_ns + LOOK_AGAIN_NS;
		if (!is_recent)
			begin_look(look, process);
	}
	pthread_mutex_unlock(&attached->lock);
	if (err || is_recent)
		return err;
	err = look_at(look);
	if (err == -ESRCH)
		end_process(attached, pid, look->start, look->now_ns);
	return err;
}

/* A server has been looked into; that counts once, and only if it has TLS. */
static void note_delay(struct attached *attached, const struct serving *serving)
{
	static const uint64_t limit_ns[DELAY_LONGER] = {
		[DELAY_50_MS] = NS_PER_S / 20,
		[DELAY_200_MS] = NS_PER_S / 5,
		[DELAY_1_S] = NS_PER_S,
	};
	struct known_process *process;
	uint64_t delay_ns = clock__now_ns() - serving->told_ns;
	enum attached_delay delay = 0;

	while (delay < DELAY_LONGER && delay_ns > limit_ns[delay])
		delay++;
	pthread_mutex_lock(&attached->lock);
	process = processes__at(&attached->processes, serving->pid);
	if (process->pid && process->file_count && !process->is_timed) {
		process->is_timed = true;
		attached->delay_total[delay]++;
	}
	pthread_mutex_unlock(&attached->lock);
}

static int look_at_server(struct attached *attached, const struct serving *serving, bool is_brief,
			  uint64_t now_ns)
{
	struct look look = { .attached = attached, .is_brief = is_brief, .now_ns = now_ns };
	int err = look_at_pid(&look, serving->pid, serving->app);

	if (!err && serving->told_ns)
		note_delay(attached, serving);
	if (err != -ESRCH)
		return err;
	pthread_mutex_lock(&attached->lock);
	if (successors__missed(attached->successors, serving))
		attached->full_total++;
	pthread_mutex_unlock(&attached->lock);
	return err;
}

int attached__process(struct attached *attached, const struct serving *serving, uint64_t now_ns)
{
	return look_at_server(attached, serving, false, now_ns);
}

int attached__process_briefly(struct attached *attached, const struct serving *serving,
			      uint64_t now_ns)
{
	return look_at_server(attached, serving, true, now_ns);
}

/* One search for successors. */
struct inheritance {
	struct attached *attached;
	uint64_t now_ns;
};

/* Which of these files the process of an entry uses. */
static uint8_t uses(const struct known_process *process, const uint16_t *file, size_t count)
{
	uint8_t has = 0;

	for (size_t i = 0; i < count; i++)
		for (size_t j = 0; j < process->file_count; j++)
			has |= (uint8_t)((process->file[j] == file[i]) << i);
	return has;
}

static uint8_t look_at_successor(void *ctx, pid_t pid, const char *app, const uint16_t *file,
				 size_t count)
{
	const struct inheritance *inheritance = ctx;
	struct attached *attached = inheritance->attached;
	struct look look = { .attached = attached, .now_ns = inheritance->now_ns };
	struct known_process *process;
	uint8_t has;

	if (look_at_pid(&look, pid, app))
		return 0;
	pthread_mutex_lock(&attached->lock);
	process = processes__at(&attached->processes, pid);
	has = process->pid ? uses(process, file, count) : 0;
	if (process->pid && look.is_first) {
		/* another process of an interpreter, perhaps, which has nothing to do with TLS */
		if (count && !process->file_count)
			processes__remove(&attached->processes, process);
		else
			attached->successors_total++;
	}
	pthread_mutex_unlock(&attached->lock);
	return has;
}

static void release_files(void *ctx, const uint16_t *file, size_t count)
{
	const struct inheritance *inheritance = ctx;
	struct attached *attached = inheritance->attached;

	pthread_mutex_lock(&attached->lock);
	probed__let_go(attached->probed, file, count, inheritance->now_ns);
	pthread_mutex_unlock(&attached->lock);
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
	bool are_waiting;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
	pthread_mutex_lock(&attached->lock);
	are_waiting = successors__begin(attached->successors);
	pthread_mutex_unlock(&attached->lock);
	if (!are_waiting)
		return;
	successors__search(attached->successors, &ops);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	attached->next_search_ns = now_ns + SEARCH_REST * elapsed_ns(&start, &end);
}

uint64_t attached__due_ns(struct attached *attached)
{
	bool are_waiting;

	pthread_mutex_lock(&attached->lock);
	are_waiting = successors__waiting(attached->successors);
	pthread_mutex_unlock(&attached->lock);
	return are_waiting ? attached->next_search_ns : UINT64_MAX;
}

void attached__inherit(struct attached *attached, uint64_t now_ns)
{
	if (now_ns >= attached__due_ns(attached))
		search_successors(attached, now_ns);
}

/* The process at place *i, or at the next that is not free; false at the end. */
static bool next_process(struct attached *attached, uint32_t *i, struct look *look)
{
	const struct known_process *process;

	pthread_mutex_lock(&attached->lock);
	process = processes__next(&attached->processes, i);
	if (process) {
		look->pid = process->pid;
		look->start = process->start;
	}
	pthread_mutex_unlock(&attached->lock);
	return process;
}

/* Takes out those that have ended. */
static void bury(struct attached *attached, uint64_t now_ns)
{
	struct look look;
	uint32_t i = 0;

	while (next_process(attached, &i, &look)) {
		/* another may move to the place of one that has */
		if (has_ended(look.pid, look.start))
			end_process(attached, look.pid, look.start, now_ns);
		else
			i++;
	}
}

/* Begins where the last one has ended, and ends where it has begun. */
static void look_again(struct attached *attached, uint64_t now_ns)
{
	uint32_t looks = LOOKS_PER_SWEEP, i = attached->cursor, last = i;
	bool is_second_half = false;

	while (looks) {
		struct look look = { .attached = attached, .now_ns = now_ns };
		struct known_process *process;

		if (!next_process(attached, &i, &look)) {
			if (is_second_half)
				break;
			is_second_half = true;
			i = 0;
			continue;
		}
		if (is_second_half && i >= last)
			break;
		i++;
		looks--;
		pthread_mutex_lock(&attached->lock);
		process = processes__find(&attached->processes, look.pid, look.start);
		if (process)
			begin_look(&look, process);
		pthread_mutex_unlock(&attached->lock);
		if (process)
			look_at(&look);
	}
	attached->cursor = i < PROCESSES_PLACES ? i : 0;
}

/* Detaches the files that nobody uses. */
static void expire(struct attached *attached, uint64_t now_ns)
{
	for (;;) {
		struct probed_links links;
		bool found;

		pthread_mutex_lock(&attached->lock);
		found = probed__expire(attached->probed, now_ns, &links);
		pthread_mutex_unlock(&attached->lock);
		if (!found)
			return;
		probed__close(attached->probed, &links);
	}
}

void attached__sweep(struct attached *attached, uint64_t now_ns)
{
	bury(attached, now_ns);
	look_again(attached, now_ns);
	search_successors(attached, now_ns);
	expire(attached, now_ns);
}

void attached__stats(struct attached *attached, struct attached_stats *ret_stats)
{
	struct attached_stats stats = {};

	pthread_mutex_lock(&attached->lock);
	stats.processes = attached->processes.count;
	stats.full_total = attached->full_total;
	stats.successors_total = attached->successors_total;
	memcpy(stats.unread_total, attached->unread_total, sizeof(stats.unread_total));
	memcpy(stats.delay_total, attached->delay_total, sizeof(stats.delay_total));
	probed__stats(attached->probed, &stats);
	pthread_mutex_unlock(&attached->lock);
	*ret_stats = stats;
}
