/* SPDX-License-Identifier: Apache-2.0 */
/* Which processes are Postgres servers, from /proc. */
#ifndef EDGETAP_COLLECT_POSTGRES_FIND_H
#define EDGETAP_COLLECT_POSTGRES_FIND_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* Of /proc/PID/stat (proc(5)). */
struct find_stat {
	char name[64];
	char state;
	pid_t parent;
	uint64_t start_ticks;
};

/* Reads one, NUL-terminated; the name may hold anything. Returns 0 or -EBADMSG. Pure. */
int find__parse(const char *text, struct find_stat *ret_stat);

/* Of a process now. 0, or a negative errno: -ESRCH if it has ended. */
int find__stat(pid_t pid, struct find_stat *ret_stat);

/*
 * The server that a process belongs to: itself, or one that it descends from, the topmost called
 * "postgres". Returns its pid and what it is, or -ESRCH.
 */
pid_t find__server(pid_t pid, struct find_stat *ret_stat);

/* Calls for every server there is. */
void find__each(void (*on_server)(void *ctx, pid_t pid, const struct find_stat *stat), void *ctx);

#endif
