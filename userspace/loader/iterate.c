// SPDX-License-Identifier: Apache-2.0
/* Programs that run when somebody wants them to: over open files, over threads. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "loader/loader_internal.h"

#define DELAYS_NS 1000000000ULL

/* Opens an iterator of the hook's loaded program: a descriptor, or a negative errno. */
static int open_iterator(const struct loader *loader, enum hook_id hook)
{
	const struct bpf_program *program = loader__program(loader->skeleton, hook);
	struct bpf_link *link = bpf_program__attach_iter(program, NULL);
	int fd, err;

	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	err = fd < 0 ? -errno : 0;
	bpf_link__destroy(link);
	return err ? err : fd;
}

int loader__iterate(const struct loader *loader, enum hook_id hook)
{
	int fd = open_iterator(loader, hook), err = 0;
	char nothing[256];
	ssize_t n;

	if (fd < 0)
		return fd;
	/* EAGAIN: a million were passed over without a word; it goes on from there */
	do
		n = read(fd, nothing, sizeof(nothing));
	while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
	if (n < 0)
		err = -errno;
	close(fd);
	return err;
}

/* Each read looks at a million files at most. */
#define UNIX_READ_NS 250000000ULL

int loader__unix_listeners(const struct loader *loader,
			   int (*on_listener)(void *ctx, const struct unix_listener *listener),
			   void *ctx)
{
	struct unix_listener listener[64];
	uint64_t end_ns = clock__now_ns() + UNIX_READ_NS;
	int fd, err = 0;
	ssize_t n = 1;

	if (!loader__has_hook(loader, HOOK_unix_listeners))
		return -EOPNOTSUPP;
	fd = open_iterator(loader, HOOK_unix_listeners);
	if (fd < 0)
		return fd;
	while (!err && n != 0) {
		n = read(fd, listener, sizeof(listener));
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			err = -errno;
		for (ssize_t i = 0; !err && i < n / (ssize_t)sizeof(listener[0]); i++)
			err = on_listener(ctx, &listener[i]);
		if (!err && n != 0 && clock__now_ns() > end_ns)
			err = -ETIME;
	}
	close(fd);
	return err;
}

int loader__count_delays(struct loader *loader)
{
	uint64_t now = clock__now_ns();

	if (now < loader->next_delays_ns || !loader__has_hook(loader, HOOK_run_delays))
		return 0;
	loader->next_delays_ns = now + DELAYS_NS;
	return loader__iterate(loader, HOOK_run_delays);
}

uint64_t loader__uncounted(const struct loader *loader)
{
	uint64_t delay = 1ULL << COUNT_RUN_DELAY_NS;

	if (!loader__has_hook(loader, HOOK_sched_process_exit))
		return delay | 1ULL << COUNT_OOM_KILLS;
	return loader__has_hook(loader, HOOK_run_delays) ? 0 : delay;
}
