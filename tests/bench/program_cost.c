// SPDX-License-Identifier: Apache-2.0
/*
 * How often the programs of an agent ran and for how long, by the kernel's own
 * run-time statistics, which are on as long as this runs.
 *
 * Usage: program_cost AGENT_PID
 * For each line of its input it prints one line per program, "KIND NAME RUNS NS"
 * in all so far, KIND one of tracepoint, uprobe, empty, then an empty line. The
 * empty programs sit on the hooks of the request path: what any run costs.
 *
 * Behind a tail call no run is counted; its time is that of the program before.
 */
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <stdlib.h>

#include "empty.skel.h"
#include "held.h"

#define MOST 256

static void die(const char *what)
{
	fprintf(stderr, "program_cost: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static const char *kind_of(const struct bpf_prog_info *info, int own)
{
	if (own)
		return "empty";
	return info->type == BPF_PROG_TYPE_KPROBE ? "uprobe" : "tracepoint";
}

static void print_all(const int *fds, int count, int own)
{
	for (int i = 0; i < count; i++) {
		struct bpf_prog_info info;

		if (held_info(fds[i], &info))
			die("program statistics");
		printf("%s %s %llu %llu\n", kind_of(&info, own), info.name,
		       (unsigned long long)info.run_cnt, (unsigned long long)info.run_time_ns);
	}
}

int main(int argc, char **argv)
{
	int agent[MOST], empty[MOST], agents, empties, stats, c;
	struct empty *skeleton;

	if (argc != 2) {
		fprintf(stderr, "usage: program_cost AGENT_PID\n");
		return EXIT_FAILURE;
	}
	skeleton = empty__open_and_load();
	if (!skeleton || empty__attach(skeleton))
		die("empty programs");
	stats = bpf_enable_stats(BPF_STATS_RUN_TIME);
	if (stats < 0)
		die("run-time statistics");
	/* these first: from then on this process holds the agent's, too */
	empties = held_programs(getpid(), empty, MOST);
	agents = held_programs(atoi(argv[1]), agent, MOST);
	if (agents <= 0 || empties <= 0) {
		fprintf(stderr, "program_cost: process %s holds no programs: is it the agent?\n",
			argv[1]);
		return EXIT_FAILURE;
	}
	while ((c = getchar()) != EOF) {
		if (c != '\n')
			continue;
		print_all(agent, agents, 0);
		print_all(empty, empties, 1);
		putchar('\n');
		fflush(stdout);
	}
	for (int i = 0; i < agents; i++)
		close(agent[i]);
	for (int i = 0; i < empties; i++)
		close(empty[i]);
	empty__destroy(skeleton);
	close(stats);
	return EXIT_SUCCESS;
}
