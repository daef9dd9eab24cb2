// SPDX-License-Identifier: Apache-2.0
/*
 * What an agent has in the kernel, asked from outside.
 *
 * Usage: agent_bpf attached       how many agents observe this machine
 *        agent_bpf ring PID       bytes that the agent's event ring was ever given
 *        agent_bpf ring PID FROM  and the events since it was given FROM bytes:
 *                                 "POSITION EVENTS", still in the ring or not
 *                                 countable (-1) where they are overwritten
 */
#include <bpf/bpf.h>
#include <dirent.h>
#include <errno.h>
#include <linux/bpf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The program that every agent has, whichever hooks its kernel offers, as the kernel cuts its name.
 */
#define PROGRAM "inet_sock_set_s"

static void die(const char *what)
{
	fprintf(stderr, "agent_bpf: %s: %s\n", what, strerror(errno));
	exit(EXIT_FAILURE);
}

static int count_attached(void)
{
	__u32 id = 0;
	int found = 0;

	while (!bpf_prog_get_next_id(id, &id)) {
		struct bpf_prog_info info = {};
		__u32 size = sizeof(info);
		int fd = bpf_prog_get_fd_by_id(id);

		if (fd < 0)
			continue; /* just gone */
		if (!bpf_obj_get_info_by_fd(fd, &info, &size) && !strcmp(info.name, PROGRAM))
			found++;
		close(fd);
	}
	if (errno != ENOENT)
		die("list of programs");
	return found;
}

/* The ring buffer that a process holds, and its size. */
static int find_ring(int pid, size_t *ret_bytes)
{
	char path[64], line[128];
	struct dirent *entry;
	int found = -1;
	DIR *directory;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", pid);
	directory = opendir(path);
	if (!directory)
		die(path);
	while (found < 0 && (entry = readdir(directory))) {
		unsigned int type = 0, entries = 0, id = 0;
		FILE *file;

		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%.16s", pid, entry->d_name);
		file = fopen(path, "re");
		if (!file)
			continue;
		while (fgets(line, sizeof(line), file)) {
			sscanf(line, "map_type: %u", &type);
			sscanf(line, "max_entries: %u", &entries);
			sscanf(line, "map_id: %u", &id);
		}
		fclose(file);
		if (type != BPF_MAP_TYPE_RINGBUF)
			continue;
		found = bpf_map_get_fd_by_id(id);
		*ret_bytes = entries;
	}
	closedir(directory);
	return found;
}

/* Records between two positions. Layout: Documentation/bpf/ringbuf.rst and linux/bpf.h. */
static long count_records(const char *data, size_t bytes, unsigned long from, unsigned long to)
{
	long records = 0;

	if (to - from > bytes)
		return -1;
	while (from < to) {
		unsigned int length;

		memcpy(&length, data + (from & (bytes - 1)), sizeof(length));
		length &= ~(BPF_RINGBUF_BUSY_BIT | BPF_RINGBUF_DISCARD_BIT);
		from += (length + BPF_RINGBUF_HDR_SZ + 7UL) & ~7UL;
		records++;
	}
	return records;
}

int main(int argc, char **argv)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE), bytes = 0;
	unsigned long position;
	const char *producer;
	int fd;

	if (argc == 2 && !strcmp(argv[1], "attached")) {
		printf("%d\n", count_attached());
		return EXIT_SUCCESS;
	}
	if ((argc != 3 && argc != 4) || strcmp(argv[1], "ring")) {
		fprintf(stderr, "usage: agent_bpf attached | ring PID [FROM]\n");
		return EXIT_FAILURE;
	}
	errno = 0;
	fd = find_ring(atoi(argv[2]), &bytes);
	if (fd < 0)
		die("the agent's event ring");
	/* The page after the consumer's holds the producer's position, then comes the data. */
	producer = mmap(NULL, page + bytes, PROT_READ, MAP_SHARED, fd, (off_t)page);
	if (producer == MAP_FAILED)
		die("map of the event ring");
	position = __atomic_load_n((const unsigned long *)producer, __ATOMIC_ACQUIRE);
	if (argc == 3)
		printf("%lu\n", position);
	else
		printf("%lu %ld\n", position,
		       count_records(producer + page, bytes, strtoul(argv[3], NULL, 10), position));
	return EXIT_SUCCESS;
}
