/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Loads the BPF programs that this kernel can run, attaches them and gives
 * access to what they count. The only header behind which libbpf is known.
 */
#ifndef EDGETAP_LOADER_H
#define EDGETAP_LOADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "event.h"
#include "snapshot/snapshot.h"
#include "unix_listener.h"

struct config;
struct loader;

/* One line of what the kernel offers and what was chosen, for `doctor`. */
struct loader_hook {
	const char *fact; /* what it observes */
	const char *hook; /* "tp_btf/sock_recv_length", "fexit/tcp_recvmsg", ... */
	bool available;	  /* the kernel has it and the program loads */
	bool chosen;
	const char *reason; /* why, or why not; static or owned by the loader */
};

/*
 * Chooses hooks by probing (BTF and trial loads). Nothing stays loaded.
 * hierarchy_controller is NULL for cgroup v2. On failure returns a negative
 * errno and one sentence for the user in ret_message (static storage).
 */
int loader__new(struct loader **ret_loader, const struct config *config,
		const char *hierarchy_controller, const char **ret_message);

/* Hooks considered, valid as long as the loader. */
size_t loader__hooks(const struct loader *loader, const struct loader_hook **ret_hooks);

/* Loads and attaches; adopts sockets that are older. 0, or negative errno and a sentence. */
int loader__attach(struct loader *loader, const uint64_t *shared_cgroups, size_t shared_count,
		   const char **ret_message);

/* Detaches and frees everything. NULL is allowed. */
void loader__free(struct loader *loader);

/* Marks a further cgroup as shared (see identity.h). 0 or a negative errno. */
int loader__share_cgroup(struct loader *loader, uint64_t cgroup_id);

/* Such a cgroup is gone; one that was not marked is fine. 0 or a negative errno. */
int loader__unshare_cgroup(struct loader *loader, uint64_t cgroup_id);

/*
 * File descriptor that polls readable while events wait. drain calls on_event for
 * each: its kind comes first and tells its type (enum event_kind), and bytes are as many as that
 * type has; a struct event_tls_hello may end behind its last byte.
 */
int loader__event_fd(const struct loader *loader);
int loader__drain(struct loader *loader,
		  void (*on_event)(void *ctx, const void *event, size_t bytes), void *ctx);

/*
 * The counts as they are now. The struct and what it points to are the
 * loader's own and valid until the next call. Not thread-safe: callers hold
 * the agent's lock.
 */
const struct snapshot *loader__snapshot(struct loader *loader);

/*
 * Retiring a slot takes two steps, so that a program that was running sees
 * memory that is still its own: detach makes the kernel forget the slot (its
 * counts stand still), and, at least a second later, reuse gives it back.
 * Between the two the caller adds the final counts to its roll-up.
 */
int loader__slot_detach(struct loader *loader, uint32_t slot);
int loader__slot_reuse(struct loader *loader, uint32_t slot);

/* Whether slots are wanting: few are left of all, or a user has many with what runs no more. */
bool loader__wants_slots(const struct loader *loader);

/*
 * Uprobes, loaded only if the configuration has tls_uprobes. Any thread, after
 * loader__attach and before loader__free.
 *
 * Whether a program of this name is loaded and can be attached.
 */
bool loader__has_probe(const struct loader *loader, const char *program);

/* Whether this kernel attaches each of them by an event, for which it may want CAP_SYS_ADMIN. */
bool loader__probes_by_event(const struct loader *loader);

/*
 * Runs the program whenever any process comes to one of these offsets of this file,
 * or, with is_return, returns from the function there. path may be one of
 * /proc/self/fd. Returns how many links were made (1 to count): file descriptors, the caller's,
 * which hold the file but not path. Or, with none left: -ENOENT if there is no such program
 * or file; -EACCES without CAP_PERFMON (or CAP_SYS_ADMIN, see above); -EOPNOTSUPP without uprobes;
 * or another negative errno of perf_event_open(2) and bpf(2).
 */
int loader__probe(const struct loader *loader, const char *path, const uint64_t *offsets,
		  size_t count, const char *program, bool is_return, int *ret_links);

/*
 * How many links of uprobes there are in the kernel whose programs are called as
 * ours: those of other agents, and of this loader. Or a negative errno.
 */
int loader__count_probes(const struct loader *loader);

/* Ends it. The kernel waits for programs that are running, so this may take milliseconds. */
void loader__unprobe(int link);

/*
 * Adds to the slots what their threads have waited for a CPU since they were last
 * looked at. Does nothing less than a second after that. 0 or a negative errno.
 */
int loader__count_delays(struct loader *loader);

/*
 * Calls on_listener for every process that holds a listening UNIX stream socket, of all network
 * namespaces, and every socket that it holds. Returns 0; -EOPNOTSUPP if this kernel cannot tell;
 * -ETIME if there are too many open files to look at all; what on_listener returned, if that is
 * not 0; or another negative errno.
 */
int loader__unix_listeners(const struct loader *loader,
			   int (*on_listener)(void *ctx, const struct unix_listener *listener),
			   void *ctx);

/* Deletes HTTP/2 streams whose connection has ended and which its end did not find. */
void loader__sweep_streams(struct loader *loader);

/*
 * What tells whether agents could follow each other with one set of maps: the version and hash
 * of include/abi.h, "1-0123456789abcdef". Needs no privilege. Returns 0 or -ENOMEM.
 */
#define LOADER_ABI_BYTES 32
int loader__abi(char ret_text[LOADER_ABI_BYTES]);

/* Kernel memory that all maps take at the configured sizes, bytes. */
uint64_t loader__map_bytes(const struct loader *loader);

#endif
