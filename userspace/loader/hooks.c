// SPDX-License-Identifier: Apache-2.0
#include "loader/hooks.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "loader/probes.h"

static const struct {
	const char *name;
	bool required;
	const char *without;
} facts[HOOK_FACT_N] = {
#define FACT_ROW(id, name_, required_, without_)                                                   \
	[HOOK_FACT_##id] = { .name = (name_), .required = (required_), .without = (without_) },
	HOOK_FACTS(FACT_ROW)
#undef FACT_ROW
};

const struct hook hooks[HOOK_N] = {
#define HOOK_ROW(fact_, program, kind_, target_, arguments_, beside_)                              \
	[HOOK_##program] = { .fact = HOOK_FACT_##fact_,                                            \
			     .kind = HOOK_##kind_,                                                 \
			     .target = (target_),                                                  \
			     .arguments = (arguments_),                                            \
			     .beside = HOOK_##beside_ },
	HOOK_ROWS(HOOK_ROW)
#undef HOOK_ROW
};

/* A choice looks only back: what a program is used together with stands before it. */
#define BESIDE_STANDS_BEFORE(fact, program, kind, target, arguments, beside)                       \
	_Static_assert(HOOK_##beside == HOOK_NONE || HOOK_##beside < HOOK_##program,               \
		       "see hooks__choose");                                                       \
	_Static_assert(((arguments) > 0) == (HOOK_##kind == HOOK_FEXIT), "arguments are fexit's");
HOOK_ROWS(BESIDE_STANDS_BEFORE)
#undef BESIDE_STANDS_BEFORE

/* CONFIG_SCHED_INFO; a kernel without it has the type with nothing in it. */
static bool has_run_delay(const struct btf *btf)
{
	int id = btf__find_by_name_kind(btf, "sched_info", BTF_KIND_STRUCT);
	const struct btf_type *type = id > 0 ? btf__type_by_id(btf, (__u32)id) : NULL;

	for (int i = 0; type && i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, btf_members(type)[i].name_off), "run_delay"))
			return true;
	return false;
}

/* Those of plain_frames_read are all that go on frame by frame. */
bool hook__has_probe(enum hook_id hook, const struct bpf_program *program)
{
	static const char frames[] = "plain_frames_";
	bool has_frames = !strncmp(bpf_program__name(program), frames, sizeof(frames) - 1);

	return probes__is_probe(program) && has_frames == (hook == HOOK_plain_frames_read);
}

bool hook__is_required(enum hook_id hook)
{
	return facts[hooks[hook].fact].required;
}

/* Whether the kernel's BTF has the function, with as many arguments as the program wants. */
static bool has_function(const struct btf *btf, const struct hook *hook)
{
	int id = btf__find_by_name_kind(btf, hook->target, BTF_KIND_FUNC);
	const struct btf_type *type;

	if (id <= 0)
		return false;
	type = btf__type_by_id(btf, btf__type_by_id(btf, (__u32)id)->type);
	return type && btf_vlen(type) == hook->arguments;
}

static bool is_in_btf(enum hook_id id, const struct btf *btf)
{
	const struct hook *hook = &hooks[id];
	char name[96];

	switch (hook->kind) {
	case HOOK_PROBE:
		return true;
	case HOOK_FEXIT:
		return has_function(btf, hook);
	case HOOK_ITERATOR:
		snprintf(name, sizeof(name), "bpf_iter__%s", hook->target);
		return btf__find_by_name_kind(btf, name, BTF_KIND_STRUCT) > 0 &&
		       (id != HOOK_run_delays || has_run_delay(btf));
	case HOOK_TRACEPOINT:
		snprintf(name, sizeof(name), "btf_trace_%s", hook->target);
		return btf__find_by_name_kind(btf, name, BTF_KIND_TYPEDEF) > 0;
	}
	return false;
}

static const char *label_of(enum hook_id id)
{
	static char labels[HOOK_N][64];
	const struct hook *hook = &hooks[id];
	const size_t size = sizeof(labels[id]);

	switch (hook->kind) {
	case HOOK_PROBE:
		snprintf(labels[id], size, "%s", hook->target);
		break;
	case HOOK_FEXIT:
		snprintf(labels[id], size, "fexit/%s of %d", hook->target, hook->arguments);
		break;
	case HOOK_ITERATOR:
		snprintf(labels[id], size, "iter/%s", hook->target);
		break;
	case HOOK_TRACEPOINT:
		snprintf(labels[id], size, "tp_btf/%s", hook->target);
		break;
	}
	return labels[id];
}

/* Whether one of the first hooks, as many as count, was chosen for the fact. */
static bool has_chosen(const struct loader_hook *lines, size_t count, enum hook_fact fact)
{
	for (size_t i = 0; i < count; i++)
		if (lines[i].chosen && hooks[i].fact == fact)
			return true;
	return false;
}

/* Programs that read the bytes of sockets' queues. */
static bool needs_queues(enum hook_id id)
{
	return id == HOOK_tcp_rcv_space_adjust || id == HOOK_frames_taken;
}

static void choose(struct loader_hook *lines, enum hook_id id, const struct btf *btf,
		   const struct hook_conditions *conditions)
{
	bool refused = conditions->refused.has[id];
	const char *no_queues = needs_queues(id) ? conditions->no_queues : NULL;
	const struct hook *hook = &hooks[id];
	struct loader_hook *line = &lines[id];
	bool partner = hook->beside == HOOK_NONE || lines[hook->beside].chosen;
	bool taken = has_chosen(lines, id, hook->fact);
	bool is_last = id + 1 == HOOK_N || hooks[id + 1].fact != hook->fact;
	bool is_off = !conditions->probes && hook->kind == HOOK_PROBE;

	line->fact = facts[hook->fact].name;
	line->hook = label_of(id);
	line->available = is_in_btf(id, btf) && !refused && !no_queues;
	line->chosen = line->available && !taken && partner && !is_off;
	if (is_off)
		line->reason = "tls_uprobes is false";
	else if (line->chosen)
		line->reason = "";
	else if (is_last && !taken && partner && facts[hook->fact].without)
		line->reason = facts[hook->fact].without;
	else if (no_queues && is_in_btf(id, btf))
		line->reason = no_queues;
	else if (refused)
		line->reason = "the kernel has it but refuses the program";
	else if (!line->available)
		line->reason = "this kernel does not have it in this form";
	else if (taken)
		line->reason = "a better hook gives the same fact";
	else
		line->reason = "not needed with the hooks chosen";
}

int hooks__choose(struct loader_hook ret_lines[HOOK_N], const struct btf *btf,
		  const struct hook_conditions *conditions, const char **ret_missing)
{
	for (enum hook_id id = 0; id < HOOK_N; id++)
		choose(ret_lines, id, btf, conditions);
	for (enum hook_fact fact = 0; fact < HOOK_FACT_N; fact++) {
		if (!facts[fact].required || has_chosen(ret_lines, HOOK_N, fact))
			continue;
		*ret_missing = facts[fact].name;
		return -EOPNOTSUPP;
	}
	return 0;
}
