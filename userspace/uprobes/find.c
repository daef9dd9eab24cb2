// SPDX-License-Identifier: Apache-2.0
#include "uprobes/find.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "files/filesystems.h"
#include "files/foreign.h"
#include "files/patience.h"
#include "identity/process.h"
#include "uprobes/mapped.h"

#define WAYS 8 /* entries in which one file may be */
#define NS_PER_S 1000000000ULL

struct known {
	struct file_state state; /* bytes and time tell whether it is still the same */
	bool is_program;
	uint64_t used;	   /* when, counted in look-ups; 0: empty */
	struct plan *plan; /* NULL: no TLS in it */
};

struct find {
	pthread_mutex_t lock; /* of the next two */
	struct known known[FIND_MAX_FILES];
	uint64_t lookups;
	struct filesystems *filesystems[2]; /* of brief looks the second */
	struct patience *patience;
};

struct search {
	struct find *find;
	const struct find_look *look;
	bool has_program;
	struct process_exe program;
	uint64_t until_ns; /* of a brief look */
	uint64_t until_cpu_ns;
	bool is_late;
	struct plan plan; /* of the file at hand */
	struct find_unread unread;
};

/* A file that is not read on when it is too late. */
struct timed_source {
	struct elf_source source;
	struct search *search;
};

int find__new(struct find **ret_find)
{
	struct find *find = calloc(1, sizeof(*find));

	if (!find)
		return -ENOMEM;
	pthread_mutex_init(&find->lock, NULL);
	if (filesystems__new(&find->filesystems[0]) || filesystems__new(&find->filesystems[1]) ||
	    patience__new(&find->patience, FIND_WAIT_MS)) {
		find__free(find);
		return -ENOMEM;
	}
	*ret_find = find;
	return 0;
}

void find__free(struct find *find)
{
	if (!find)
		return;
	for (size_t i = 0; i < FIND_MAX_FILES; i++)
		free(find->known[i].plan);
	filesystems__free(find->filesystems[0]);
	filesystems__free(find->filesystems[1]);
	patience__free(find->patience);
	pthread_mutex_destroy(&find->lock);
	free(find);
}

static struct known *ways_of(struct find *find, const struct file_id *id)
{
	uint64_t mixed = (id->dev * 0x9e3779b97f4a7c15ULL) ^ (id->inode * 0xc2b2ae3d27d4eb4fULL);

	return &find->known[(mixed >> 32) % (FIND_MAX_FILES / WAYS) * WAYS];
}

/* The entry of this file, or the one to be used for it, emptied. Under the lock. */
static struct known *look_up(struct find *find, const struct file_state *state, bool is_program,
			     bool *ret_is_known)
{
	struct known *ways = ways_of(find, &state->id), *oldest = &ways[0];

	find->lookups++;
	*ret_is_known = false;
	for (size_t i = 0; i < WAYS; i++) {
		struct known *known = &ways[i];

		if (known->used && file_id__equals(&known->state.id, &state->id) &&
		    known->is_program == is_program) {
			*ret_is_known = known->state.bytes == state->bytes &&
					known->state.changed_ns == state->changed_ns;
			oldest = known;
			break;
		}
		if (known->used < oldest->used)
			oldest = known;
	}
	if (!*ret_is_known) {
		free(oldest->plan);
		memset(oldest, 0, sizeof(*oldest));
	} else {
		oldest->used = find->lookups;
	}
	return oldest;
}

static size_t plan_bytes(const struct plan *plan)
{
	return offsetof(struct plan, probe) + plan->count * sizeof(struct plan_probe);
}

/* False if the file is not known. Else whether it has a plan, which goes to the search. */
static bool recall(struct search *search, const struct file_state *state, bool is_program,
		   bool *ret_has_plan)
{
	struct find *find = search->find;
	const struct known *known;
	bool is_known;

	pthread_mutex_lock(&find->lock);
	known = look_up(find, state, is_program, &is_known);
	if (is_known && known->plan)
		memcpy(&search->plan, known->plan, plan_bytes(known->plan));
	*ret_has_plan = is_known && known->plan;
	pthread_mutex_unlock(&find->lock);
	return is_known;
}

/* plan: NULL for a file without TLS. Without memory it is not remembered. */
static void remember(struct find *find, const struct file_state *state, bool is_program,
		     const struct plan *plan)
{
	struct plan *copy = plan ? malloc(plan_bytes(plan)) : NULL;
	struct known *known;
	bool is_known;

	if (plan && !copy)
		return;
	if (plan)
		memcpy(copy, plan, plan_bytes(plan));
	pthread_mutex_lock(&find->lock);
	known = look_up(find, state, is_program, &is_known);
	/* another thread may have read it, too */
	free(known->plan);
	*known = (struct known){
		.state = *state,
		.is_program = is_program,
		.used = find->lookups,
		.plan = copy,
	};
	pthread_mutex_unlock(&find->lock);
}

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec;
}

static bool is_late(struct search *search)
{
	if (search->look->is_brief && !search->is_late)
		search->is_late = clock__now_ns() >= search->until_ns ||
				  cpu_ns() >= search->until_cpu_ns;
	return search->is_late;
}

static ssize_t read_in_time(void *ctx, void *to, size_t bytes, uint64_t offset)
{
	const struct timed_source *timed = ctx;

	if (is_late(timed->search))
		return -EAGAIN;
	return timed->source.read(timed->source.ctx, to, bytes, offset);
}

/* What is in a file that has not been read. As plan__make, and -EAGAIN if it is too late for it. */
static int read_file(struct search *search, int path_fd, const char *path, bool is_program)
{
	const char *slash = strrchr(path, '/');
	struct timed_source timed = { .search = search };
	int fd = foreign__open(path_fd), result;
	struct elf_source source;

	if (fd < 0)
		return fd;
	result = elf_source__file(&timed.source, fd);
	if (!result) {
		source = (struct elf_source){ read_in_time, &timed, timed.source.size };
		result = plan__make(&search->plan, &source, slash ? slash + 1 : path, is_program);
	}
	close(fd);
	/* what a part of the file says is no result */
	return search->is_late ? -EAGAIN : result;
}

/* NULL with a negative errno in ret_err, or with 0 if there is no TLS in it. */
static const struct plan *plan_of(struct search *search, int fd, const struct file_state *state,
				  const char *path, bool is_program, int *ret_err)
{
	bool has_plan;
	int result;

	*ret_err = 0;
	if (recall(search, state, is_program, &has_plan))
		return has_plan ? &search->plan : NULL;
	result = read_file(search, fd, path, is_program);
	if (result < 0) {
		*ret_err = result;
		return NULL;
	}
	remember(search->find, state, is_program, result ? &search->plan : NULL);
	return result ? &search->plan : NULL;
}

/* 0 for a file that may be read, or a negative errno. */
static int check_file(struct search *search, const struct mapped_file *file,
		      struct file_state *ret_state)
{
	int err = file->fd < 0 ? file->fd
			       : foreign__check(search->find->filesystems[search->look->is_brief],
						search->look->pid, file->fd, file->mapping.major,
						file->mapping.minor);

	return err ? err : file__state(file->fd, &file->mapping, ret_state);
}

static void note_unread(struct search *search, const char *path, int err)
{
	/* neither a device nor a pipe is a library */
	if (err == -EINVAL || search->is_late)
		return;
	if (err != -EREMOTE) {
		search->unread.errors++;
		return;
	}
	search->unread.may_hang++;
	snprintf(search->unread.may_hang_at, sizeof(search->unread.may_hang_at), "%s", path);
}

static void search_file(struct search *search, const struct mapped_file *file)
{
	const char *path = file->mapping.path;
	struct found found = { .path = path, .fd = file->fd };
	bool is_program;
	int err = check_file(search, file, &found.state);

	if (err) {
		note_unread(search, path, err);
		return;
	}
	is_program = search->has_program && search->program.dev == found.state.seen.dev &&
		     search->program.inode == found.state.seen.inode;
	found.plan = plan_of(search, found.fd, &found.state, path, is_program, &err);
	if (err)
		note_unread(search, path, err);
	if (found.plan && search->look->libraries >> (found.plan->library - 1) & 1)
		search->look->on_found(search->look->ctx, &found);
}

static void read_mapped(void *ctx)
{
	mapped__read(ctx);
}

static void drop_mapped(void *ctx)
{
	mapped__free(ctx);
}

/* What the process maps, to be freed. */
static int map_of(struct find *find, const struct find_look *look, struct mapped **ret_mapped)
{
	struct mapped *mapped = calloc(1, sizeof(*mapped));
	const struct patience_work work = {
		.run = read_mapped,
		.drop = drop_mapped,
		.ctx = mapped,
		.pid = look->pid,
		.owner = look->owner,
		.is_brief = look->is_brief,
	};
	int err;

	if (!mapped)
		return -ENOMEM;
	mapped->pid = look->pid;
	err = patience__do(find->patience, &work);
	if (!err)
		*ret_mapped = mapped;
	else if (err != -ETIMEDOUT)
		free(mapped);
	return err;
}

int find__process(struct find *find, const struct find_look *look, struct find_unread *ret_unread)
{
	struct search search = {
		.find = find,
		.look = look,
		.until_ns = clock__now_ns() + FIND_BRIEF_NS,
		.until_cpu_ns = cpu_ns() + FIND_BRIEF_CPU_NS,
	};
	struct mapped *mapped;
	int err = map_of(find, look, &mapped);

	if (err)
		return err;
	search.has_program = process__exe(look->pid, &search.program, NULL) == 0;
	filesystems__forget(find->filesystems[look->is_brief]);
	for (size_t i = 0; i < mapped->count && !is_late(&search); i++)
		search_file(&search, &mapped->file[i]);
	err = search.is_late ? -EAGAIN : mapped->err;
	mapped__free(mapped);
	if (ret_unread)
		*ret_unread = search.unread;
	return err;
}
