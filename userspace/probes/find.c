// SPDX-License-Identifier: Apache-2.0
#include "probes/find.h"

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
#include "probes/mapped.h"

#define BUCKETS 1024
#define NONE UINT16_MAX
#define PATH_BYTES 256

_Static_assert(FIND_MAX_FILES < NONE, "an index for each");

struct known {
	struct file_state state; /* bytes and time tell whether it is still the same */
	bool is_program;
	uint16_t account;  /* whose it is; OWNERS_COMMON: of several */
	uint16_t next;	   /* of its bucket; or free */
	uint64_t used;	   /* when, counted in look-ups; 0: free */
	uint64_t calm_ns;  /* before that, a change is not looked at; 0: there was none */
	struct plan *plan; /* NULL: no TLS in it */
};

struct find {
	struct known known[FIND_MAX_FILES];
	uint16_t bucket[BUCKETS];
	uint16_t free;
	struct owners *owners;
	uint64_t lookups;
	uint64_t reads;
	struct plan scratch;
	struct filesystems *filesystems;
	struct patience *patience;
	char may_hang_at[PATH_BYTES];
};

struct search {
	struct find *find;
	const struct find_look *look;
	uint64_t reads; /* before it */
	bool lacks_time;
	bool has_program;
	struct process_exe program;
	struct find_unread unread;
};

int find__new(struct find **ret_find, struct owners *owners)
{
	struct find *find = calloc(1, sizeof(*find));

	if (!find)
		return -ENOMEM;
	if (filesystems__new(&find->filesystems) || patience__new(&find->patience, FIND_WAIT_MS)) {
		find__free(find);
		return -ENOMEM;
	}
	find->owners = owners;
	for (size_t i = 0; i < BUCKETS; i++)
		find->bucket[i] = NONE;
	for (size_t i = 0; i < FIND_MAX_FILES; i++)
		find->known[i].next = i + 1 < FIND_MAX_FILES ? (uint16_t)(i + 1) : NONE;
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

uint64_t find__reads(const struct find *find)
{
	return find->reads;
}

static uint16_t *bucket_of(struct find *find, const struct file_id *id)
{
	uint64_t mixed = (id->dev * 0x9e3779b97f4a7c15ULL) ^ (id->inode * 0xc2b2ae3d27d4eb4fULL);

	return &find->bucket[(mixed >> 32) % BUCKETS];
}

static struct known *look_up(struct find *find, const struct file_id *id, bool is_program)
{
	find->lookups++;
	for (uint16_t i = *bucket_of(find, id); i != NONE; i = find->known[i].next)
		if (file_id__equals(&find->known[i].state.id, id) &&
		    find->known[i].is_program == is_program)
			return &find->known[i];
	return NULL;
}

static void forget(struct find *find, struct known *known)
{
	uint16_t i = (uint16_t)(known - find->known), *at = bucket_of(find, &known->state.id);

	while (*at != i)
		at = &find->known[*at].next;
	*at = known->next;
	owners__give(find->owners, known->account, OWNS_PLANS, 1);
	free(known->plan);
	*known = (struct known){ .next = find->free };
	find->free = i;
}

/* Whether a goes before b: one without TLS, then the longest unused. */
static bool goes_before(const struct known *a, const struct known *b)
{
	if (!a->plan != !b->plan)
		return !a->plan;
	return a->used < b->used;
}

/* Forgets a file of the account, or of anybody (NONE). False if there is none. */
static bool make_room(struct find *find, uint16_t account)
{
	struct known *worst = NULL;

	for (size_t i = 0; i < FIND_MAX_FILES; i++) {
		struct known *known = &find->known[i];

		if (known->used && (account == NONE || known->account == account) &&
		    (!worst || goes_before(known, worst)))
			worst = known;
	}
	if (worst)
		forget(find, worst);
	return worst;
}

/* Remembers a file, whose plan it takes over. */
static void remember(struct find *find, const struct known *file)
{
	uint16_t *bucket = bucket_of(find, &file->state.id), i;

	while (!owners__take(find->owners, file->account, OWNS_PLANS, 1))
		if (!make_room(find, file->account))
			make_room(find, NONE);
	i = find->free;
	find->free = find->known[i].next;
	find->known[i] = *file;
	find->known[i].used = find->lookups;
	find->known[i].next = *bucket;
	*bucket = i;
}

/* One that others use, too, does not go for the first one's sake. */
static void use(struct find *find, struct known *known, uint16_t account)
{
	known->used = find->lookups;
	if (known->account == account || known->account == OWNERS_COMMON ||
	    !owners__take(find->owners, OWNERS_COMMON, OWNS_PLANS, 1))
		return;
	owners__give(find->owners, known->account, OWNS_PLANS, 1);
	known->account = OWNERS_COMMON;
}

/*
 * Until when the file is left alone after a change; 0: there was none. On overlayfs one that was
 * touched is another file, and still the same to its process.
 */
static uint64_t calm_of(const struct find *find, const struct file_state *state)
{
	uint64_t calm_ns = 0;

	for (size_t i = 0; state->born_ns && i < FIND_MAX_FILES; i++) {
		const struct known *known = &find->known[i];

		if (known->used && file_id__equals(&known->state.seen, &state->seen) &&
		    known->state.born_ns == state->born_ns && known->calm_ns >= calm_ns)
			calm_ns = known->calm_ns ? known->calm_ns : 1;
	}
	return calm_ns;
}

/* What is in a file that has not been read. As plan__make. */
static int read_file(struct find *find, int path_fd, const char *path, bool is_program)
{
	const char *slash = strrchr(path, '/');
	int fd = foreign__open(path_fd), result;
	struct elf_source source;

	if (fd < 0)
		return fd;
	find->reads++;
	result = elf_source__file(&source, fd);
	if (!result)
		result = plan__make(&find->scratch, &source, slash ? slash + 1 : path, is_program);
	close(fd);
	return result;
}

/* Whether there is time for one more: a look that is over makes some progress all the same. */
static bool has_time(const struct search *search)
{
	return !search->look->clock || search->find->reads == search->reads ||
	       search->look->clock() < search->look->until_ns;
}

/*
 * NULL with a negative errno in ret_err (-EAGAIN: later), or with 0 if there is no TLS in it.
 */
static const struct plan *plan_of(struct search *search, int fd, const struct file_state *state,
				  const char *path, bool is_program, int *ret_err)
{
	struct find *find = search->find;
	const struct find_look *look = search->look;
	struct known *known = look_up(find, &state->id, is_program);
	struct known fresh = {
		.state = *state,
		.is_program = is_program,
		.account = look->account,
	};
	uint64_t calm_ns;
	int result;

	*ret_err = 0;
	if (known && known->state.bytes == state->bytes &&
	    known->state.changed_ns == state->changed_ns) {
		use(find, known, look->account);
		return known->plan;
	}
	*ret_err = -EAGAIN;
	if (!has_time(search)) {
		search->lacks_time = true;
		return NULL;
	}
	calm_ns = calm_of(find, state);
	if (look->now_ns < calm_ns)
		return NULL;
	*ret_err = 0;
	result = read_file(find, fd, path, is_program);
	if (result > 0) {
		size_t bytes = offsetof(struct plan, probe) +
			       find->scratch.count * sizeof(struct plan_probe);

		fresh.plan = malloc(bytes);
		if (!fresh.plan)
			result = -ENOMEM;
		else
			memcpy(fresh.plan, &find->scratch, bytes);
	}
	if (known)
		forget(find, known);
	if (result < 0) {
		*ret_err = result;
		return NULL;
	}
	if (calm_ns)
		fresh.calm_ns = look->now_ns + FIND_CALM_NS;
	remember(find, &fresh);
	return fresh.plan;
}

/* 0 for a file that may be read, or a negative errno. */
static int check_file(struct search *search, const struct mapped_file *file,
		      struct file_state *ret_state)
{
	int err = file->fd < 0 ? file->fd
			       : foreign__check(search->find->filesystems, search->look->pid,
						file->fd, file->mapping.major, file->mapping.minor);

	return err ? err : file__state(file->fd, &file->mapping, ret_state);
}

static void note_unread(struct search *search, const char *path, int err)
{
	/* neither a device nor a pipe is a library */
	if (err == -EINVAL)
		return;
	if (err == -EAGAIN)
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
	found.plan = plan_of(search, found.fd, &found.state, path, is_program, &err);
	if (err)
		note_unread(search, path, err);
	if (err == -EAGAIN ||
	    (found.plan && search->look->libraries >> (found.plan->library - 1) & 1))
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

int find__process(struct find *find, const struct find_look *look, struct find_unread *ret_unread)
{
	struct search search = { .find = find, .look = look, .reads = find->reads };
	struct mapped *mapped = calloc(1, sizeof(*mapped));
	const struct patience_work work = {
		.run = read_mapped,
		.drop = drop_mapped,
		.ctx = mapped,
		.pid = look->pid,
		.owner = look->owner,
	};
	int err = mapped ? 0 : -ENOMEM;

	if (!err) {
		mapped->pid = look->pid;
		err = patience__do(find->patience, &work);
	}
	if (err) {
		if (err != -ETIMEDOUT)
			free(mapped);
		return err;
	}
	search.has_program = process__exe(look->pid, &search.program, NULL) == 0;
	filesystems__forget(find->filesystems);
	for (size_t i = 0; i < mapped->count; i++)
		search_file(&search, &mapped->file[i]);
	err = search.lacks_time ? -EAGAIN : mapped->err;
	mapped__free(mapped);
	if (ret_unread)
		*ret_unread = search.unread;
	return err;
}
