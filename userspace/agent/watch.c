// SPDX-License-Identifier: Apache-2.0
#include "agent/watch.h"

#include <errno.h>
#include <sys/epoll.h>

static int control(const struct watch *watch, int operation, uint32_t events)
{
	struct epoll_event event = { .events = events, .data.fd = watch->fd };

	return epoll_ctl(watch->epoll_fd, operation, watch->fd, &event) ? -errno : 0;
}

int watch__start(struct watch *watch, int epoll_fd, int fd)
{
	*watch = (struct watch){ .epoll_fd = epoll_fd, .fd = fd, .resume_ns = UINT64_MAX };
	return control(watch, EPOLL_CTL_ADD, EPOLLIN);
}

void watch__pause(struct watch *watch, uint64_t resume_ns)
{
	watch->resume_ns = resume_ns;
	control(watch, EPOLL_CTL_MOD, 0);
}

void watch__resume(struct watch *watch, uint64_t now_ns)
{
	if (now_ns < watch->resume_ns)
		return;
	watch->resume_ns = UINT64_MAX;
	control(watch, EPOLL_CTL_MOD, EPOLLIN);
}
