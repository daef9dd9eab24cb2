// SPDX-License-Identifier: Apache-2.0
/* Programs that run when the loader wants them to: over open files, over threads. */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "loader/internal.h"

#define DELAYS_NS 1000000000ULL

int loader__iterate(const struct loader *loader, const char *program)
{
	const struct bpf_program *found =
		bpf_object__find_program_by_name(loader->skeleton->obj, program);
	char nothing[256];
	struct bpf_link *link;
	int fd, err = 0;

	link = bpf_program__attach_iter(found, NULL);
	if (!link)
		return -errno;
	fd = bpf_iter_create(bpf_link__fd(link));
	if (fd < 0) {
		err = -errno;
	} else {
		ssize_t n;

		/* EAGAIN: a million were passed over without a word; it goes on from there */
		do
			n = read(fd, nothing, sizeof(nothing));
		while (n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)));
		if (n < 0)
			err = -errno;
		close(fd);
	}
	bpf_link__destroy(link);
	return err;
}

bool loader__has_hook(const struct loader *loader, const char *program)
{
	for (size_t i = 0; i < hook_count; i++)
		if (!strcmp(hooks[i].program, program))
			return loader->lines[i].chosen;
	return false;
}

int loader__count_delays(struct loader *loader)
{
	uint64_t now = clock__now_ns();

	if (now < loader->next_delays_ns || !loader__has_hook(loader, "run_delays"))
		return 0;
	loader->next_delays_ns = now + DELAYS_NS;
	return loader__iterate(loader, "run_delays");
}

uint64_t loader__uncounted(const struct loader *loader)
{
	uint64_t delay = 1ULL << COUNT_RUN_DELAY_NS;

	if (!loader__has_hook(loader, "sched_process_exit"))
		return delay | 1ULL << COUNT_OOM_KILLS;
	return loader__has_hook(loader, "run_delays") ? 0 : delay;
}
