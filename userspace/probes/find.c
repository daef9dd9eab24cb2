// SPDX-License-Identifier: Apache-2.0
#include "probes/find.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WAYS 8 /* entries in which one file may be */

struct known {
	struct file_state state; /* bytes and time tell whether it is still the same */
	bool is_program;
	uint64_t used;	   /* when, counted in look-ups; 0: empty */
	struct plan *plan; /* NULL: no TLS in it */
};

struct find {
	struct known known[FIND_MAX_FILES];
	uint64_t lookups;
	uint64_t reads;
	struct plan scratch;
};

struct search {
	struct find *find;
	pid_t pid;
	uint32_t libraries;
	bool has_program; /* the first file is the executable */
	struct file_state program;
	void (*on_found)(void *ctx, const struct found *found);
	void *ctx;
	unsigned int unreadable;
};

int find__new(struct find **ret_find)
{
	struct find *find = calloc(1, sizeof(*find));

	if (!find)
		return -ENOMEM;
	*ret_find = find;
	return 0;
}

void find__free(struct find *find)
{
	if (!find)
		return;
	for (size_t i = 0; i < FIND_MAX_FILES; i++)
		free(find->known[i].plan);
	free(find);
}

uint64_t find__reads(const struct find *find)
{
	return find->reads;
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

/* NULL with a negative errno in ret_err, or with 0 if there is no TLS in it. */
static const struct plan *plan_of(struct find *find, int fd, const struct file_state *state,
				  const char *path, bool is_program, int *ret_err)
{
	const char *slash = strrchr(path, '/');
	struct elf_source source;
	struct plan *plan = NULL;
	bool is_known;
	struct known *known = look_up(find, state, is_program, &is_known);
	int result;

	*ret_err = 0;
	if (is_known)
		return known->plan;
	find->reads++;
	result = elf_source__file(&source, fd);
	if (!result)
		result = plan__make(&find->scratch, &source, slash ? slash + 1 : path, is_program);
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

static bool on_mapping(void *ctx, const struct mapping *mapping)
{
	struct search *search = ctx;
	const struct plan *plan;
	struct found found = { .path = mapping->path };
	bool is_program;
	int err;

	found.fd = file__open(search->pid, mapping, &found.state);
	if (found.fd < 0) {
		search->unreadable += found.fd != -EINVAL;
		return true;
	}
	is_program = search->has_program &&
		     file_id__equals(&search->program.seen, &found.state.seen);
	plan = plan_of(search->find, found.fd, &found.state, mapping->path, is_program, &err);
	if (err)
		search->unreadable++;
	found.plan = plan;
	if (plan && search->libraries >> (plan->library - 1) & 1)
		search->on_found(search->ctx, &found);
	close(found.fd);
	return true;
}

int find__process(struct find *find, pid_t pid, uint32_t libraries,
		  void (*on_found)(void *ctx, const struct found *found), void *ctx,
		  unsigned int *ret_unreadable)
{
	struct search search = {
		.find = find,
		.pid = pid,
		.libraries = libraries,
		.on_found = on_found,
		.ctx = ctx,
	};
	int err;

	search.has_program = file__program(pid, &search.program) == 0;
	err = maps__each(pid, on_mapping, &search);
	if (ret_unreadable)
		*ret_unreadable = search.unreadable;
	return err;
}
