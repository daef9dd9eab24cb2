/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A descriptor that the main loop waits for. While what it announces cannot be
 * read it would be announced again at once, so it can be left alone for a time.
 */
#ifndef EDGETAP_AGENT_WATCH_H
#define EDGETAP_AGENT_WATCH_H

#include <stdint.h>

struct watch {
	int epoll_fd;
	int fd;
	uint64_t resume_ns; /* CLOCK_MONOTONIC; UINT64_MAX: it is being waited for */
};

/* Waits for fd to be readable from now on; both stay the caller's. 0 or a negative errno. */
int watch__start(struct watch *watch, int epoll_fd, int fd);

/* Not again before resume_ns. */
void watch__pause(struct watch *watch, uint64_t resume_ns);

/* Ends a pause that is over. */
void watch__resume(struct watch *watch, uint64_t now_ns);

#endif
