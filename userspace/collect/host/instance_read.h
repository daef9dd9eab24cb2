/* SPDX-License-Identifier: Apache-2.0 */
/* The facts of one container or unit, as they are now. */
#ifndef EDGETAP_COLLECT_HOST_INSTANCE_READ_H
#define EDGETAP_COLLECT_HOST_INSTANCE_READ_H

#include "collect/host/file_buffers.h"
#include "collect/host/instances.h"
#include "metrics/readings.h"

/* What reading needs beside the instance. */
struct instance_reader {
	struct instances *instances;
	struct file_buffers *buffers; /* to be used again for each */
	struct readings *readings;
	int host_root_fd;
	uint64_t machine_bytes, machine_swap_bytes;
	uint64_t host_network; /* as net_dev__network tells them apart; 0: not known */
	unsigned char *owners; /* that have been read, by a bit each */
};

/*
 * A number that tells network namespaces apart while they live, of a net/dev that is open; 0
 * if it cannot be told. Each namespace has a tree of its own in /proc, whose inodes nobody
 * else has; unlike /proc/PID/ns this takes no right to trace.
 */
uint64_t net_dev__network(int net_dev);

/*
 * Adds what its files say. Nothing is added of one that has ended, whose labels
 * another instance has already, or in which no process runs.
 */
void instance__read(struct instance_reader *reader, struct instance *instance,
		    const struct identity *identity);

#endif
