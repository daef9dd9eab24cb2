/* SPDX-License-Identifier: Apache-2.0 */
/* The executable files that a process has mapped: /proc/PID/maps (proc(5)). */
#ifndef EDGETAP_UPROBES_MAPS_H
#define EDGETAP_UPROBES_MAPS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define MAPS_MAX_FILES 512	  /* of one process */
#define MAPS_MAX_BYTES (4U << 20) /* of its list; the kernel permits 65,530 mappings */

/* One executable mapping of a file. */
struct mapping {
	uint64_t start; /* of the range, as map_files has it */
	uint64_t end;
	uint32_t major; /* of the device */
	uint32_t minor;
	uint64_t inode;
	const char *path; /* as the process sees it, newlines as \012; without " (deleted)" */
	bool is_deleted;
};

/*
 * Parses one line, NUL-terminated and without its newline, which is changed.
 * Returns true for an executable mapping of a file. Pure.
 */
bool mapping__parse(struct mapping *ret_mapping, char *line);

/*
 * Calls on_mapping for every executable file that the process has mapped, once
 * for each (the first range of it; the same one again only if others lie between), at most
 * MAPS_MAX_FILES times, until on_mapping returns false. Returns 0, -E2BIG if not all were looked
 * at, or another negative errno: -ESRCH, -ENOENT if the process has ended.
 */
int maps__each(pid_t pid, bool (*on_mapping)(void *ctx, const struct mapping *mapping), void *ctx);

#endif
