// SPDX-License-Identifier: Apache-2.0
#include "uprobes/processes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

int processes__init(struct processes *processes)
{
	*processes = (struct processes){
		.place = calloc(PROCESSES_PLACES, sizeof(*processes->place)),
	};
	return processes->place ? 0 : -ENOMEM;
}

void processes__close(struct processes *processes)
{
	free(processes->place);
}

/* Never full: half of the places are free. */
struct known_process *processes__at(const struct processes *processes, pid_t pid)
{
	uint32_t i = (uint32_t)pid * 2654435761U % PROCESSES_PLACES;

	while (processes->place[i].pid && processes->place[i].pid != pid)
		i = (i + 1) % PROCESSES_PLACES;
	return &processes->place[i];
}

struct known_process *processes__find(const struct processes *processes, pid_t pid, uint64_t start)
{
	struct known_process *process = processes__at(processes, pid);

	return process->pid && process->start == start ? process : NULL;
}

struct known_process *processes__add(struct processes *processes, pid_t pid, uint64_t start,
				     const char *app)
{
	struct known_process *process = processes__at(processes, pid);

	if (processes->count == ATTACHED_MAX_PROCESSES)
		return NULL;
	*process = (struct known_process){ .pid = pid, .start = start };
	snprintf(process->app, sizeof(process->app), "%s", app);
	processes->count++;
	return process;
}

/* Those behind it move up, so that they are still found. */
void processes__remove(struct processes *processes, struct known_process *process)
{
	struct known_process *place = processes->place;
	uint32_t i = (uint32_t)(process - place);

	processes->count--;
	process->pid = 0;
	for (i = (i + 1) % PROCESSES_PLACES; place[i].pid; i = (i + 1) % PROCESSES_PLACES) {
		struct known_process moved = place[i];

		place[i].pid = 0;
		*processes__at(processes, moved.pid) = moved;
	}
}

struct known_process *processes__next(const struct processes *processes, uint32_t *i)
{
	for (; *i < PROCESSES_PLACES; ++*i)
		if (processes->place[*i].pid)
			return &processes->place[*i];
	return NULL;
}
