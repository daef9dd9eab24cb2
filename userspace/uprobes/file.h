/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What tells a file that a process has mapped from all others: the kernel places
 * probes by inode.
 */
#ifndef EDGETAP_UPROBES_FILE_H
#define EDGETAP_UPROBES_FILE_H

#include <stdbool.h>
#include <stdint.h>

#include "uprobes/maps.h"

/*
 * Device and inode; of a file on overlayfs, of the file below it that the kernel
 * uses, so that a library in an image is one file for all of its containers.
 */
struct file_id {
	uint64_t dev;
	uint64_t inode;
};

/* The file and its content as far as stat(2) tells. */
struct file_state {
	struct file_id id;
	uint64_t bytes;
	int64_t changed_ns;  /* content or attributes */
	struct file_id seen; /* as stat(2) has it */
};

static inline bool file_id__equals(const struct file_id *a, const struct file_id *b)
{
	return a->dev == b->dev && a->inode == b->inode;
}

/*
 * The state of an open file (O_PATH will do), which this mapping (NULL: none) is of. 0, -EINVAL for
 * one that is not regular, or another negative errno.
 */
int file__state(int fd, const struct mapping *mapping, struct file_state *ret_state);

#endif
