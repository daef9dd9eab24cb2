// SPDX-License-Identifier: Apache-2.0
/*
 * The life of the BPF object: what the kernel offers is found out first (BTF,
 * and, if what was chosen does not load together, a trial of each, because a hook
 * that BTF names may still be refused), then everything is loaded, the free lists are filled, the
 * programs attached, and sockets that are older than the agent adopted.
 */
#include "loader/loader.h"

#include <bpf/bpf.h>
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/log.h"
#include "config/config.h"
#include "defaults.h"
#include "loader/hooks.h"
#include "loader/loader_internal.h"
#include "loader/probes.h"
#include "loader/tables.h"
#include "metrics/grid.h"

static char message[512];
static char last_warning[256];

static int explain(int err, const char **ret_message, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message, sizeof(message), format, args);
	va_end(args);
	*ret_message = message;
	return err;
}

/* All that libbpf says, a verifier's log included. */
static void log_lines(const char *format, va_list args)
{
	char *text, *rest, *line;

	if (vasprintf(&text, format, args) < 0)
		return;
	rest = text;
	while ((line = strsep(&rest, "\n")))
		if (*line)
			log__info("%s", line);
	free(text);
}

/* libbpf's warnings are many lines for one cause; the first of a load names it. */
static int remember_warning(enum libbpf_print_level level, const char *format, va_list args)
{
	char line[256];
	size_t length;

	if (getenv("EDGETAP_LIBBPF_LOG")) {
		log_lines(format, args);
		return 0;
	}
	if (level != LIBBPF_WARN || last_warning[0])
		return 0;
	vsnprintf(line, sizeof(line), format, args);
	length = strcspn(line, "\n");
	line[length] = '\0';
	snprintf(last_warning, sizeof(last_warning), "%s", line);
	return 0;
}

/*
 * More connections than have room in their memory with anything beside the socket: the table's
 * size is never what limits them, but its buckets are there from the start.
 */
#define LEAST_BYTES_INSIDE 2048

static uint32_t max_connections(uint64_t memory)
{
	uint64_t most = memory / LEAST_BYTES_INSIDE;

	return most < 1U << 20 ? (uint32_t)most : 1U << 20;
}

static void set_sizes(struct edgetap *skeleton, const struct config *config)
{
	uint32_t connections = max_connections(config->connection_memory_bytes);

	tables__set_sizes(skeleton, config);
	skeleton->rodata->cfg_user_accounts = skeleton->rodata->cfg_pool_size[POOL_SLOTS] + 1;
	bpf_map__set_max_entries(skeleton->maps.account_by_index,
				 skeleton->rodata->cfg_user_accounts + USER_ACCOUNTS);
	bpf_map__set_max_entries(skeleton->maps.plain_by_connection,
				 config->tls_uprobes ? connections : 1);
	bpf_map__set_max_entries(skeleton->maps.connection_by_object,
				 config->tls_uprobes ? connections : 1);
	bpf_map__set_max_entries(skeleton->maps.call_by_goroutine,
				 config->tls_uprobes ? DEFAULT_MAX_GO_CALLS : 1);
	bpf_map__set_max_entries(skeleton->maps.http2_by_connection, connections);
	bpf_map__set_max_entries(skeleton->maps.streams_by_connection, connections);
	bpf_map__set_max_entries(skeleton->maps.stream_by_id, config->max_streams);
}

/* Index of a v1 controller in css_set.subsys: the value of <name>_cgrp_id, or -1. */
static int controller_index(const struct btf *btf, const char *controller)
{
	const struct btf_type *type;
	const struct btf_enum *value;
	char name[64];
	int id;

	/* the unified files call it cpuacct and blkio, the kernel cpuacct and io */
	snprintf(name, sizeof(name), "%s_cgrp_id",
		 !strcmp(controller, "blkio") ? "io" : controller);
	id = btf__find_by_name_kind(btf, "cgroup_subsys_id", BTF_KIND_ENUM);
	if (id < 0)
		return -1;
	type = btf__type_by_id(btf, id);
	value = btf_enum(type);
	for (int i = 0; i < btf_vlen(type); i++)
		if (!strcmp(btf__name_by_offset(btf, value[i].name_off), name))
			return value[i].val;
	return -1;
}

struct bpf_program *loader__program(const struct edgetap *skeleton, enum hook_id hook)
{
	static const size_t offset[HOOK_N] = {
#define PROGRAM_OFFSET(fact, program, ...)                                                         \
	[HOOK_##program] = offsetof(struct edgetap, progs.program),
		HOOK_ROWS(PROGRAM_OFFSET)
#undef PROGRAM_OFFSET
	};

	return *(struct bpf_program *const *)((const char *)skeleton + offset[hook]);
}

/* Whether the hook's program, or its programs, are loaded with the object. */
static void set_autoload(const struct edgetap *skeleton, enum hook_id hook, bool wanted)
{
	struct bpf_program *program;

	if (hooks[hook].kind != HOOK_PROBE) {
		bpf_program__set_autoload(loader__program(skeleton, hook), wanted);
		return;
	}
	bpf_object__for_each_program(program, skeleton->obj)
		if (hook__has_probe(hook, program))
			bpf_program__set_autoload(program, wanted);
}

/* Opens the object with everything set but nothing loaded. */
static struct edgetap *open_object(const struct loader *loader)
{
	struct edgetap *skeleton = edgetap__open();
	const struct config *config = loader->config;

	if (!skeleton)
		return NULL;
	set_sizes(skeleton, config);
	memcpy((void *)&skeleton->rodata->cfg_grid, &loader->grid, sizeof(loader->grid));
	skeleton->rodata->cfg_cgroup_subsys = loader->cgroup_subsys;
	skeleton->rodata->cfg_memory = config->connection_memory_bytes;
	skeleton->rodata->cfg_status_by_code = config->status_by_code;
	skeleton->rodata->cfg_page_base = loader->queues.page_base;
	skeleton->rodata->cfg_page_shift = loader->queues.page_shift;
	skeleton->rodata->has_queues = loader__has_hook(loader, HOOK_tcp_rcv_space_adjust);
	probes__prepare(skeleton->obj, config->tls_uprobes, loader->probe_links);
	for (enum hook_id id = 0; id < HOOK_N; id++)
		set_autoload(skeleton, id, loader->lines[id].chosen);
	skeleton->rodata->has_accept = loader__has_hook(loader, HOOK_inet_csk_accept) ||
				       loader__has_hook(loader, HOOK_inet_csk_accept_flags);
	skeleton->rodata->has_run_delay = loader__has_hook(loader, HOOK_run_delays);
	skeleton->rodata->cfg_libraries = loader__has_hook(loader, HOOK_plain_text_read);
	return skeleton;
}

/* Whether an empty program can be put behind this function: fexit is not in every kernel. */
static bool attaches_behind(const struct btf *btf, const char *function)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	int id = btf__find_by_name_kind(btf, function, BTF_KIND_FUNC), program, link = -1;
	struct bpf_prog_load_opts options = {
		.sz = sizeof(options),
		.expected_attach_type = BPF_TRACE_FEXIT,
		.attach_btf_id = (uint32_t)id,
	};

	if (id <= 0)
		return false;
	program = bpf_prog_load(BPF_PROG_TYPE_TRACING, "edgetap_trial", "GPL", nothing,
				sizeof(nothing) / sizeof(nothing[0]), &options);
	if (program >= 0) {
		link = bpf_raw_tracepoint_open(NULL, program);
		close(program);
	}
	if (link >= 0)
		close(link);
	return link >= 0;
}

/* Whether the kernel takes the programs of the hook. */
static bool trial(const struct loader *loader, enum hook_id hook)
{
	struct edgetap *skeleton = open_object(loader);
	struct bpf_program *program;
	bool taken;

	if (!skeleton)
		return false;
	bpf_object__for_each_program(program, skeleton->obj)
		bpf_program__set_autoload(program, false);
	set_autoload(skeleton, hook, true);
	last_warning[0] = '\0';
	taken = edgetap__load(skeleton) == 0;
	edgetap__destroy(skeleton);
	return taken;
}

/* What has been found out about hooks beyond BTF. */
struct findings {
	struct hook_conditions conditions;
	struct hook_set tried;	  /* their programs were loaded alone */
	struct hook_set attached; /* something was attached there, or could not be */
	bool any_refused;
};

static void refuse(struct findings *findings, enum hook_id hook)
{
	findings->conditions.refused.has[hook] = true;
	findings->any_refused = true;
}

/*
 * Loads what is chosen. 0; or a negative errno with a sentence; or 1 if programs were
 * found to be refused.
 */
static int load_chosen(struct loader *loader, struct findings *findings, const char **ret_message)
{
	bool again = false;
	int err;

	last_warning[0] = '\0';
	loader->skeleton = open_object(loader);
	if (!loader->skeleton)
		return explain(-ENOMEM, ret_message, "out of memory");
	err = edgetap__load(loader->skeleton);
	if (!err)
		return 0;
	edgetap__destroy(loader->skeleton);
	loader->skeleton = NULL;
	if (err == -EPERM)
		return explain(err, ret_message,
			       "the kernel does not permit loading BPF programs; run as root, or "
			       "with CAP_BPF, CAP_PERFMON and CAP_SYS_RESOURCE");
	for (enum hook_id id = 0; id < HOOK_N; id++) {
		if (!loader->lines[id].chosen || findings->tried.has[id])
			continue;
		findings->tried.has[id] = true;
		if (trial(loader, id))
			continue;
		refuse(findings, id);
		again = true;
		if (hook__is_required(id))
			break; /* there may be no other */
	}
	if (again)
		return 1;
	return explain(err, ret_message, "the BPF programs do not load: %s",
		       last_warning[0] ? last_warning : strerror(-err));
}

/* Takes functions behind which nothing can be attached out of the choice; whether there are some. */
static bool refuse_unattachable(const struct loader *loader, struct findings *findings)
{
	bool found = false;

	for (enum hook_id id = 0; id < HOOK_N; id++) {
		if (!loader->lines[id].chosen || hooks[id].kind != HOOK_FEXIT ||
		    findings->attached.has[id])
			continue;
		findings->attached.has[id] = true;
		if (attaches_behind(loader->btf, hooks[id].target))
			continue;
		refuse(findings, id);
		found = true;
	}
	return found;
}

/* Takes programs that the kernel refuses out of the choice until what is left loads. */
static int settle(struct loader *loader, const char **ret_message)
{
	struct findings findings = { .conditions.probes = loader->config->tls_uprobes };
	const char *missing;
	int err;

	findings.conditions.no_queues = loader->config->read_queues ? queues__try(&loader->queues)
								    : "read_queues is false";
	for (;;) {
		err = hooks__choose(loader->lines, loader->btf, &findings.conditions, &missing);
		if (err && findings.any_refused)
			return explain(
				err, ret_message,
				"this kernel refuses every program that observes %s, as those "
				"before 5.15 do; EDGETAP_LIBBPF_LOG=1 shows its reasons",
				missing);
		if (err)
			return explain(
				err, ret_message,
				"no way to observe %s on this kernel; `edgetap doctor` tells "
				"which hooks it has",
				missing);
		if (refuse_unattachable(loader, &findings))
			continue;
		err = load_chosen(loader, &findings, ret_message);
		if (err <= 0)
			return err;
	}
}

int loader__new(struct loader **ret_loader, const struct config *config,
		const char *hierarchy_controller, const char **ret_message)
{
	struct loader *loader;
	int err;

	libbpf_set_print(remember_warning);
	loader = calloc(1, sizeof(*loader));
	if (!loader)
		return explain(-ENOMEM, ret_message, "out of memory");
	loader->config = config;
	loader->btf = btf__load_vmlinux_btf();
	if (!loader->btf) {
		err = explain(-errno, ret_message,
			      "this kernel has no type information (/sys/kernel/btf/vmlinux); it "
			      "must be built with CONFIG_DEBUG_INFO_BTF=y");
		goto fail;
	}
	loader->probe_links = probes__has_links(loader->btf);
	err = grid__build(&loader->grid, config->bucket_ns, config->bucket_count);
	if (err) {
		explain(err, ret_message, "buckets: too many, or too close together");
		goto fail;
	}
	loader->cgroup_subsys = -1;
	if (hierarchy_controller) {
		loader->cgroup_subsys = controller_index(loader->btf, hierarchy_controller);
		if (loader->cgroup_subsys < 0) {
			err = explain(-ENOENT, ret_message,
				      "this kernel has no cgroup controller %s",
				      hierarchy_controller);
			goto fail;
		}
	}
	err = settle(loader, ret_message);
	if (err)
		goto fail;
	/* several MB that nobody asks any more */
	btf__free(loader->btf);
	loader->btf = NULL;
	*ret_loader = loader;
	return 0;
fail:
	loader__free(loader);
	return err;
}

size_t loader__hooks(const struct loader *loader, const struct loader_hook **ret_hooks)
{
	*ret_hooks = loader->lines;
	return HOOK_N;
}

static int open_arrays(struct loader *loader)
{
	struct status_entry *statuses;
	struct row_group *groups;
	int err;

	err = tables__open(loader);
	if (err)
		return err;
	statuses = loader->pools[POOL_STATUSES].memory;
	statuses[OTHER_INDEX].key.status = STATUS_OTHER;
	groups = loader->pools[POOL_GROUPS].memory;
	groups[OTHER_INDEX].key.status = STATUS_OTHER;
	return mapped_array__open(&loader->accounts, loader->skeleton->maps.account_by_index);
}

/* Puts a program, if it was loaded, where another one goes on with it. */
static int set_tail(const struct bpf_map *map, const struct bpf_program *program, uint32_t at)
{
	int fd = bpf_program__fd(program);

	if (fd < 0)
		return 0;
	return bpf_map_update_elem(bpf_map__fd(map), &at, &fd, BPF_ANY) ? -errno : 0;
}

/* Those of the uprobes; those of tracepoints are hooks. */
static int set_library_tails(const struct edgetap *s)
{
	const struct bpf_program *const programs[] = {
		s->progs.plain_text_read,
		s->progs.plain_text_write,
		s->progs.plain_frames_read,
		s->progs.plain_frames_written,
	};
	int err = 0;

	for (uint32_t i = 0; i < sizeof(programs) / sizeof(programs[0]) && !err; i++)
		err = set_tail(s->maps.library_tail, programs[i], i);
	return err;
}

static const struct bpf_map *tail_of(const struct edgetap *s, enum hook_id hook)
{
	switch (hooks[hook].fact) {
	case HOOK_FACT_FRAMES_READ:
		return s->maps.socket_read_tail;
	case HOOK_FACT_FRAMES_WRITTEN:
		return s->maps.socket_write_tail;
	default:
		return NULL;
	}
}

/* Attaches the hook's program, or joins it to the one that goes on with it. 0 or a negative errno. */
static int attach(struct loader *loader, enum hook_id hook)
{
	const struct bpf_program *program = loader__program(loader->skeleton, hook);
	const struct bpf_map *tail = tail_of(loader->skeleton, hook);

	if (tail)
		return set_tail(tail, program, 0);
	if (hooks[hook].kind == HOOK_PROBE || hooks[hook].kind == HOOK_ITERATOR)
		return 0; /* when somebody wants it */
	loader->links[hook] = bpf_program__attach(program);
	return loader->links[hook] ? 0 : -errno;
}

static int attach_all(struct loader *loader, const char **ret_message)
{
	int err = set_library_tails(loader->skeleton);

	if (err)
		return explain(err, ret_message, "cannot join the BPF programs: %s",
			       strerror(-err));
	for (enum hook_id id = 0; id < HOOK_N; id++) {
		if (loader->lines[id].chosen)
			err = attach(loader, id);
		if (err)
			return explain(err, ret_message, "cannot attach %s: %s",
				       loader->lines[id].hook, strerror(-err));
	}
	return 0;
}

int loader__attach(struct loader *loader, const uint64_t *shared_cgroups, size_t shared_count,
		   const char **ret_message)
{
	int err;

	err = open_arrays(loader);
	if (err)
		return explain(err, ret_message, "cannot map the BPF arrays: %s", strerror(-err));
	for (size_t i = 0; i < shared_count; i++) {
		err = loader__share_cgroup(loader, shared_cgroups[i]);
		if (err)
			return explain(err, ret_message, "too many cgroups that are shared: %s",
				       strerror(-err));
	}
	loader->ring = ring_buffer__new(bpf_map__fd(loader->skeleton->maps.events),
					loader__on_sample, loader, NULL);
	if (!loader->ring)
		return explain(-errno, ret_message, "cannot read the event ring: %s",
			       strerror(errno));
	loader->skeleton->bss->observed_since_ns = clock__now_ns();
	err = attach_all(loader, ret_message);
	if (err)
		return err;
	if (loader__has_hook(loader, HOOK_adopt_sockets)) {
		loader->skeleton->bss->adopt_listeners = 1;
		err = loader__iterate(loader, HOOK_adopt_sockets);
		loader->skeleton->bss->adopt_listeners = 0;
		if (!err)
			err = loader__iterate(loader, HOOK_adopt_sockets);
		if (err)
			return explain(err, ret_message, "cannot look at open sockets: %s",
				       strerror(-err));
	}
	err = loader__count_delays(loader);
	if (err)
		return explain(err, ret_message, "cannot look at running threads: %s",
			       strerror(-err));
	return 0;
}

void loader__free(struct loader *loader)
{
	if (!loader)
		return;
	for (enum hook_id id = 0; id < HOOK_N; id++)
		bpf_link__destroy(loader->links[id]);
	ring_buffer__free(loader->ring);
	tables__close(loader);
	mapped_array__close(&loader->accounts);
	if (loader->skeleton)
		edgetap__destroy(loader->skeleton);
	btf__free(loader->btf);
	for (int kind = 0; kind < SERIES_KINDS; kind++) {
		free(loader->series[kind]);
		free(loader->names[kind]);
	}
	free(loader->maps);
	free(loader->programs);
	free(loader);
}

int loader__share_cgroup(struct loader *loader, uint64_t cgroup_id)
{
	uint8_t one = 1;
	int fd = bpf_map__fd(loader->skeleton->maps.shared_cgroups);

	return bpf_map_update_elem(fd, &cgroup_id, &one, BPF_ANY) ? -errno : 0;
}

int loader__unshare_cgroup(struct loader *loader, uint64_t cgroup_id)
{
	int fd = bpf_map__fd(loader->skeleton->maps.shared_cgroups);

	return bpf_map_delete_elem(fd, &cgroup_id) && errno != ENOENT ? -errno : 0;
}
