// SPDX-License-Identifier: Apache-2.0
#include "uprobes/find.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "files/filesystems.h"
#include "files/foreign.h"
#include "files/patience.h"
#include "identity/process.h"
#include "uprobes/mapped.h"

#define WAYS 8 /* entries in which one file may be */
#define PATH_BYTES 256

struct known {
	struct file_state state; /* bytes and time tell whether it is still the same */
	bool is_program;
	uint64_t used;	   /* when, counted in look-ups; 0: empty */
	struct plan *plan; /* NULL: no TLS in it */
};

struct find {
	struct known known[FIND_MAX_FILES];
	uint64_t lookups;
	struct plan scratch;
	struct filesystems *filesystems;
	struct patience *patience;
	char may_hang_at[PATH_BYTES];
};

struct search {
	struct find *find;
	pid_t pid;
	uint32_t libraries;
	bool has_program;
	struct process_exe program;
	void (*on_found)(void *ctx, const struct found *found);
	void *ctx;
	struct find_unread unread;
};

int find__new(struct find **ret_find)
{
	struct find *find = calloc(1, sizeof(*find));

	if (!find)
		return -ENOMEM;
	if (filesystems__new(&find->filesystems) || patience__new(&find->patience, FIND_WAIT_MS)) {
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
	filesystems__free(find->filesystems);
	patience__free(find->patience);
	free(find);
}

static struct known *ways_of(struct find *find, const struct file_id *id)
{
	uint64_t mixed = (id->dev * 0x9e3779b97f4a7c15ULL) ^ (id->inode * 0xc2b2ae3d27d4eb4fULL);

	return &find->known[(mixed >> 32) % (FIND_MAX_FILES / WAYS) * WAYS];
}

/* The entry of this file, or the one to be used for it, emptied. */
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

/* What is in a file that has not been read. As plan__make. */
static int read_file(struct find *find, int path_fd, const char *path, bool is_program)
{
	const char *slash = strrchr(path, '/');
	int fd = foreign__open(path_fd), result;
	struct elf_source source;

	if (fd < 0)
		return fd;
	result = elf_source__file(&source, fd);
	if (!result)
		result = plan__make(&find->scratch, &source, slash ? slash + 1 : path, is_program);
	close(fd);
	return result;
}

/* NULL with a negative errno in ret_err, or with 0 if there is no TLS in it. */
static const struct plan *plan_of(struct find *find, int fd, const struct file_state *state,
				  const char *path, bool is_program, int *ret_err)
{
	struct plan *plan = NULL;
	bool is_known;
	struct known *known = look_up(find, state, is_program, &is_known);
	int result;

	*ret_err = 0;
	if (is_known)
		return known->plan;
	result = read_file(find, fd, path, is_program);
	if (result > 0) {
		size_t bytes = offsetof(struct plan, probe) +
			       find->scratch.count * sizeof(struct plan_probe);

		plan = malloc(bytes);
		if (!plan)
			result = -ENOMEM;
		else
			memcpy(plan, &find->scratch, bytes);
	}
	if (result < 0) {
		*ret_err = result;
		return NULL;
	}
	*known = (struct known){
		.state = *state,
		.is_program = is_program,
		.used = find->lookups,
		.plan = plan,
	};
	return plan;
}

/* 0 for a file that may be read, or a negative errno. */
static int check_file(struct search *search, const struct mapped_file *file,
		      struct file_state *ret_state)
{
	int err = file->fd < 0 ? file->fd
			       : foreign__check(search->find->filesystems, search->pid, file->fd,
						file->mapping.major, file->mapping.minor);

	return err ? err : file__state(file->fd, &file->mapping, ret_state);
}

static void note_unread(struct search *search, const char *path, int err)
{
	/* neither a device nor a pipe is a library */
	if (err == -EINVAL)
		return;
	if (err != -EREMOTE) {
		search->unread.errors++;
		return;
	}
	search->unread.may_hang++;
	snprintf(search->find->may_hang_at, PATH_BYTES, "%s", path);
	search->unread.may_hang_at = search->find->may_hang_at;
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
	found.plan = plan_of(search->find, found.fd, &found.state, path, is_program, &err);
	if (err)
		note_unread(search, path, err);
	if (found.plan && search->libraries >> (found.plan->library - 1) & 1)
		search->on_found(search->ctx, &found);
}

static void read_mapped(void *ctx)
{
	mapped__read(ctx);
}

static void drop_mapped(void *ctx)
{
	mapped__free(ctx);
}

int find__process(struct find *find, pid_t pid, uint64_t owner, uint32_t libraries,
		  void (*on_found)(void *ctx, const struct found *found), void *ctx,
		  struct find_unread *ret_unread)
{
	struct search search = {
		.find = find,
		.pid = pid,
		.libraries = libraries,
		.on_found = on_found,
		.ctx = ctx,
	};
	struct mapped *mapped = calloc(1, sizeof(*mapped));
	const struct patience_work work = {
		.run = read_mapped,
		.drop = drop_mapped,
		.ctx = mapped,
		.pid = pid,
		.owner = owner,
	};
	int err = mapped ? 0 : -ENOMEM;

	if (!err) {
		mapped->pid = pid;
		err = patience__do(find->patience, &work);
	}
	if (err) {
		if (err != -ETIMEDOUT)
			free(mapped);
		return err;
	}
	search.has_program = process__exe(pid, &search.program, NULL) == 0;
	filesystems__forget(find->filesystems);
	for (size_t i = 0; i < mapped->count; i++)
		search_file(&search, &mapped->file[i]);
	err = mapped->err;
	mapped__free(mapped);
	if (ret_unread)
		*ret_unread = search.unread;
	return err;
}
