/* SPDX-License-Identifier: Apache-2.0 */
/* The facts of the machine as a whole. */
#ifndef EDGETAP_COLLECT_HOST_NODE_H
#define EDGETAP_COLLECT_HOST_NODE_H

#include <stdint.h>

#include "collect/host/devices.h"
#include "collect/host/file_buffers.h"
#include "collect/host/mounts.h"
#include "collect/host/proc_files.h"
#include "metrics/readings.h"

/* The app label of what belongs to no app. */
#define NODE_APP "__node__"

enum node_file {
	NODE_MEMINFO,
	NODE_LOADAVG,
	NODE_STAT,
	NODE_DISKSTATS,
	NODE_NET_DEV, /* of the host's network, whichever the agent is in */
	NODE_FILE_NR,
	NODE_PRESSURE_CPU,
	NODE_PRESSURE_MEMORY,
	NODE_PRESSURE_IO,
	NODE_FILES
};

struct node {
	int fd[NODE_FILES]; /* -1: this kernel does not have it */
	int mountinfo_fd;
	int root_fd; /* the host's root directory */
	struct mount_list mounts;
	bool mounts_known;
	struct devices devices;
	struct proc_cpu_floor floor;
	uint64_t ticks_per_second;
	uint64_t memory_bytes, swap_bytes; /* as of the last reading */
};

/* host_root is "" or the root directory of the host's mount namespace. Returns 0 or an errno. */
int node__open(struct node *ret_node, const char *host_root);
void node__close(struct node *node);

/* Looks whether the host's mounts have changed. */
void node__look(struct node *node, struct file_buffers *buffers);

/* Adds what is so now; host is the label `instance` of its owner. */
void node__read(struct node *node, struct file_buffers *buffers, const char *host,
		struct readings *readings);

#endif
