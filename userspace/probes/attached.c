// SPDX-License-Identifier: Apache-2.0
#include "probes/attached.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "clock.h"
#include "probes/find.h"
#include "probes/heirs.h"
#include "probes/owners.h"
#include "probes/probed.h"

#define NS_PER_S 1000000000ULL
#define LOOK_AGAIN_NS NS_PER_S /* a process that is told of again */
#define LOOKS_PER_SWEEP 64     /* at processes that nobody told of */
/* After a search for heirs that took t, the next one outside a sweep is this many t later. */
#define SEARCH_REST 100
/* How long the heirs of one owner are looked at in one search. */
#define SEARCH_TURN_NS ATTACHED_TURN_NS

_Static_assert(ATTACHED_FILES_OF_PROCESS <= HEIRS_FILES, "a bit for each");

/* A process that was seen to serve. files are indices, without repetition. */
struct attached_process {
	pid_t pid; /* 0: free */
	uint64_t start;
	uint64_t looked_ns; /* 0: it was not, or not to the end */
	uint16_t account;   /* of its owner */
	uint8_t round;	    /* of its owner's, in which it was looked at */
	uint16_t file[ATTACHED_FILES_OF_PROCESS];
	uint8_t file_count;
	uint8_t unread; /* bits 1 << enum attached_unread: counted */
	struct kin kin;
	char app[LABEL_BYTES];
};

/* What is looked at again of an owner between two sweeps. */
struct again {
	uint8_t round; /* who was looked at in it waits for the next */
	uint32_t looks;
	bool has_more;
};

struct attached {
	struct attached_ops ops;
	uint32_t libraries;
	struct owners *owners;
	struct find *find;
	struct probed *probed;
	struct heirs *heirs; /* files that they are to have count one process more */
	uint64_t next_search_ns;
	struct attached_process *processes; /* by pid, open addressing */
	uint32_t process_count;
	struct again again[OWNERS_MAX];
	uint32_t quota;	    /* looks for each */
	uint32_t looks;	    /* left for all, until the next sweep */
	uint32_t cursor;    /* where they go on */
	uint32_t scan_left; /* places */
	uint64_t full_total;
	uint64_t heirs_total;
	uint64_t unread_total[ATTACHED_UNREADS];
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
	const uint32_t room[OWNERS_TABLES] = {
		[OWNS_FILES] = ATTACHED_MAX_FILES,
		[OWNS_LINKS] = ops->max_links && ops->max_links < ATTACHED_MAX_LINKS
				       ? ops->max_links
				       : ATTACHED_MAX_LINKS,
		[OWNS_PROCESSES] = ATTACHED_MAX_PROCESSES,
		[OWNS_PLANS] = FIND_MAX_FILES,
	};
	struct attached *attached = calloc(1, sizeof(*attached));

	if (!attached)
		return -ENOMEM;
	attached->ops = *ops;
	if (!attached->ops.clock)
		attached->ops.clock = clock__now_ns;
	attached->libraries = libraries;
	attached->processes = calloc(PROCESS_PLACES, sizeof(*attached->processes));
	if (!attached->processes || owners__new(&attached->owners, room) ||
	    find__new(&attached->find, attached->owners) ||
	    probed__new(&attached->probed, ops, attached->owners) ||
	    heirs__new(&attached->heirs, ops->controller)) {
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
	heirs__free(attached->heirs);
	owners__free(attached->owners);
	free(attached->processes);
	free(attached);
}

/* Each process counts once for a reason, and of each owner the first is told of. */
static void note_unread(struct attached *attached, struct attached_process *process,
			enum attached_unread reason, const char *path)
{
	static const char *const sentences[ATTACHED_UNREADS] = {
		[UNREAD_MEMORY_MAP] = "does not show its memory map",
		[UNREAD_FILE_SYSTEM] = "runs from a file system that may hang, which is not read",
		[UNREAD_TIME] = ("has to wait, as looking at its container, unit or user has cost "
				 "too much"),
		[UNREAD_ROOM] =
			"has no room left, of which its container, unit or user has its part",
	};

	if (process->unread >> reason & 1)
		return;
	process->unread |= (uint8_t)(1U << reason);
	attached->unread_total[reason]++;
	if (attached->ops.warn && owners__say(attached->owners, process->account, reason))
		attached->ops.warn("the plain text inside TLS of %s (process %d) may not be seen: "
				   "it %s%s%s; further ones are counted",
				   process->app, (int)process->pid, sentences[reason],
				   path ? ": " : "", path ? path : "");
}

static void on_found(void *ctx, const struct found *found)
{
	struct look *look = ctx;
	struct attached *attached = look->attached;
	struct attached_process *process = look->process;
	const struct probed_by by = { process->app, process->account, look->now_ns };
	uint16_t file = 0;
	int err;

	if (look->file_count == ATTACHED_FILES_OF_PROCESS) {
		/* nothing is known of one that was not read */
		err = found->plan ? -ENOSPC : -ENOENT;
	} else {
		err = probed__take(attached->probed, found, &by, &file);
	}
	if (err == -ENOSPC || err == -EDQUOT) {
		attached->full_total++;
		note_unread(attached, process, UNREAD_ROOM, found->path);
	}
	if (err && err != -EDQUOT)
		return;
	for (size_t i = 0; i < look->file_count; i++)
		if (look->file[i] == file)
			return;
	probed__use(attached->probed, file);
	look->file[look->file_count++] = file;
}

static void let_go(struct attached *attached, const uint16_t *file, size_t count, uint64_t now_ns)
{
	for (size_t i = 0; i < count; i++)
		probed__let_go(attached->probed, file[i], now_ns);
}

/* The place of this pid, or the free one for it. Never full: half of the places are free. */
static uint32_t place_of(const struct attached *attached, pid_t pid)
{
	uint32_t i = (uint32_t)pid * 2654435761U % PROCESS_PLACES;

	while (attached->processes[i].pid && attached->processes[i].pid != pid)
		i = (i + 1) % PROCESS_PLACES;
	return i;
}

/* Its files wait for its heirs; those that cannot are let go. */
static void leave_to_heirs(struct attached *attached, const struct attached_process *process,
			   uint64_t now_ns)
{
	uint8_t kept = 0;

	if (!process->file_count)
		return;
	if (heirs__ended(attached->heirs, process->pid, &process->kin, process->app, process->file,
			 process->file_count, &kept))
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
	owners__give(attached->owners, process[i].account, OWNS_PROCESSES, 1);
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
	leave_to_heirs(attached, &attached->processes[i], now_ns);
	clear_place(attached, i);
}

static bool has_ended(const struct attached_process *process)
{
	struct kin_stat stat;
	int err = kin_stat__read(&stat, process->pid);

	return err == -ENOENT || err == -ESRCH || (!err && stat.start != process->start);
}

static bool may_look(const struct attached *attached, uint64_t owner, uint64_t now_ns)
{
	return owners__debt_ns(attached->owners, owner, now_ns) < OWNERS_BURST_NS;
}

uint64_t attached__cost(const struct attached *attached, uint64_t owner, uint64_t now_ns)
{
	return may_look(attached, owner, now_ns) ? owners__debt_ns(attached->owners, owner, now_ns)
						 : UINT64_MAX;
}

/*
 * What it maps now takes the place of what it mapped before. -ESRCH if it has ended: what it
 * mapped before stays, for its heirs. It stays, too, if it cannot be seen what it maps now.
 */
static int read_process(struct attached *attached, struct attached_process *process,
			uint64_t now_ns)
{
	struct look look = { .attached = attached, .process = process, .now_ns = now_ns };
	const struct find_look how = {
		.pid = process->pid,
		.owner = process->kin.owner,
		.account = process->account,
		.libraries = attached->libraries,
		.now_ns = now_ns,
		.until_ns = attached->ops.clock() + ATTACHED_TURN_NS,
		.clock = attached->ops.clock,
		.on_found = on_found,
		.ctx = &look,
	};
	struct kin kin = process->kin;
	int err = kin__read(&kin, process->pid, attached->ops.controller);
	struct find_unread unread = {};

	kin.owner = process->kin.owner;
	process->looked_ns = now_ns;
	if (!err)
		err = find__process(attached->find, &how, &unread);
	if (err == -ETIMEDOUT || err == -EBUSY) {
		note_unread(attached, process, UNREAD_MEMORY_MAP, NULL);
		process->kin = kin;
		return err;
	}
	if (unread.may_hang)
		note_unread(attached, process, UNREAD_FILE_SYSTEM, unread.may_hang_at);
	if (err == -E2BIG)
		err = 0;
	/* one that ends meanwhile shows nothing, or a part, and no error */
	if (err == -ENOENT || ((!err || err == -EAGAIN) && !kin__has_memory(process->pid)))
		err = -ESRCH;
	if (err == -ESRCH && process->file_count) {
		let_go(attached, look.file, look.file_count, now_ns);
		return err;
	}
	if (err == -EAGAIN)
		process->looked_ns = 0;
	process->kin = kin;
	let_go(attached, process->file, process->file_count, now_ns);
	memcpy(process->file, look.file, sizeof(look.file));
	process->file_count = look.file_count;
	return err;
}

/* The same, and its owner pays for the time that it takes. */
static int look_at(struct attached *attached, struct attached_process *process, uint64_t now_ns)
{
	uint64_t begun_ns = attached->ops.clock();
	int err;

	err = read_process(attached, process, now_ns);
	owners__charge(attached->owners, process->account, attached->ops.clock() - begun_ns,
		       now_ns);
	if (err == -EAGAIN && !may_look(attached, process->kin.owner, now_ns))
		note_unread(attached, process, UNREAD_TIME, NULL);
	return err;
}

/* The entry of a living process, a new one if there is none. */
static int take_process(struct attached *attached, pid_t pid, const struct heir_of *of,
			uint64_t now_ns, struct attached_process **ret_process)
{
	struct attached_process *process;
	struct kin_stat stat;
	uint32_t i;
	int err;

	if (pid <= 0)
		return -ESRCH;
	err = kin_stat__read(&stat, pid);
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
		struct attached_process new = { .pid = pid, .start = stat.start };

		new.account = owners__account(attached->owners, of->owner, now_ns);
		new.round = (uint8_t)(attached->again[new.account].round - 1);
		new.kin.owner = of->owner;
		snprintf(new.app, sizeof(new.app), "%s", of->app);
		if (!owners__take(attached->owners, new.account, OWNS_PROCESSES, 1)) {
			attached->full_total++;
			note_unread(attached, &new, UNREAD_ROOM, NULL);
			return -ENOSPC;
		}
		*process = new;
		attached->process_count++;
	}
	*ret_process = process;
	return 0;
}

static int look_at_pid(struct attached *attached, pid_t pid, const struct heir_of *of,
		       uint64_t now_ns)
{
	struct attached_process *process;
	int err = take_process(attached, pid, of, now_ns, &process);

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
	const struct heir_of of = { serving->app, serving->owner };
	int err = look_at_pid(attached, serving->pid, &of, now_ns);

	if (err == -ESRCH && heirs__missed(attached->heirs, serving))
		attached->full_total++;
	return err;
}

/* One search for heirs. */
struct inheritance {
	struct attached *attached;
	uint64_t now_ns;
	uint64_t spent_ns[OWNERS_MAX];
};

static uint8_t look_at_heir(void *ctx, const struct heir_of *of, pid_t pid, const uint16_t *file,
			    size_t count)
{
	struct inheritance *inheritance = ctx;
	struct attached *attached = inheritance->attached;
	uint16_t account = owners__account(attached->owners, of->owner, inheritance->now_ns);
	uint32_t known = attached->process_count;
	uint64_t begun_ns = attached->ops.clock();
	int err;
	struct attached_process *process;
	uint8_t has = 0;

	if (inheritance->spent_ns[account] >= SEARCH_TURN_NS ||
	    !may_look(attached, of->owner, inheritance->now_ns))
		return 0;
	err = look_at_pid(attached, pid, of, inheritance->now_ns);
	inheritance->spent_ns[account] += attached->ops.clock() - begun_ns;
	if (err && err != -EAGAIN)
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
		attached->heirs_total++;
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

static void search_heirs(struct attached *attached, uint64_t now_ns)
{
	struct inheritance inheritance = { .attached = attached, .now_ns = now_ns };
	const struct heirs_ops ops = { look_at_heir, release_files, &inheritance };
	struct timespec start, end;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &start);
	heirs__search(attached->heirs, &ops);
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &end);
	attached->next_search_ns = now_ns + SEARCH_REST * elapsed_ns(&start, &end);
}

uint64_t attached__due_ns(const struct attached *attached)
{
	return heirs__waiting(attached->heirs) ? attached->next_search_ns : UINT64_MAX;
}

void attached__inherit(struct attached *attached, uint64_t now_ns)
{
	if (now_ns >= attached__due_ns(attached))
		search_heirs(attached, now_ns);
}

void attached__sweep(struct attached *attached, uint64_t now_ns)
{
	uint32_t owners;

	for (uint32_t i = 0; i < PROCESS_PLACES; i++) {
		if (!attached->processes[i].pid || !has_ended(&attached->processes[i]))
			continue;
		remove_process(attached, i, now_ns);
		i--; /* another may have moved here */
	}
	if (heirs__waiting(attached->heirs))
		search_heirs(attached, now_ns);
	owners = owners__holders(attached->owners, OWNS_PROCESSES);
	attached->quota = owners && owners < LOOKS_PER_SWEEP ? LOOKS_PER_SWEEP / owners : 1;
	attached->looks = LOOKS_PER_SWEEP;
	attached->scan_left = PROCESS_PLACES;
	for (size_t i = 0; i < OWNERS_MAX; i++) {
		attached->again[i].looks = 0;
		attached->again[i].has_more = false;
	}
}

/* Who has been looked at to the last begins anew. */
static void end_round(struct attached *attached)
{
	for (size_t i = 0; i < OWNERS_MAX; i++)
		attached->again[i].round += !attached->again[i].has_more;
}

/* Looks at the next one of an owner that has not had its part. False if there is none. */
static bool look_again(struct attached *attached, uint64_t now_ns)
{
	while (attached->looks && attached->scan_left) {
		struct attached_process *process = &attached->processes[attached->cursor];
		struct again *again = &attached->again[process->account];

		attached->cursor = (attached->cursor + 1) % PROCESS_PLACES;
		attached->scan_left--;
		if (process->pid && process->round != again->round) {
			if (again->looks < attached->quota &&
			    may_look(attached, process->kin.owner, now_ns)) {
				again->looks++;
				process->round = again->round;
				attached->looks--;
				look_at(attached, process, now_ns);
				if (!attached->scan_left)
					end_round(attached);
				return true;
			}
			again->has_more = true;
		}
		if (!attached->scan_left)
			end_round(attached);
	}
	return false;
}

bool attached__step(struct attached *attached, uint64_t now_ns)
{
	uint64_t begun_ns = attached->ops.clock();
	uint16_t account;

	if (look_again(attached, now_ns))
		return true;
	if (!probed__expire(attached->probed, now_ns, &account))
		return false;
	owners__charge(attached->owners, account, attached->ops.clock() - begun_ns, now_ns);
	return true;
}

void attached__stats(const struct attached *attached, struct attached_stats *ret_stats)
{
	struct attached_stats stats = {
		.processes = attached->process_count,
		.full_total = attached->full_total,
		.heirs_total = attached->heirs_total,
	};

	probed__stats(attached->probed, &stats);
	memcpy(stats.unread_total, attached->unread_total, sizeof(stats.unread_total));
	*ret_stats = stats;
}
