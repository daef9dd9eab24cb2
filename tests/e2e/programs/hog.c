// SPDX-License-Identifier: Apache-2.0
/*
 * Takes so many MiB of memory, writes so many to FILE and to disk, and then uses up so
 * many CPUs until it is ended: hog MEMORY FILE MEGABYTES CPUS
 */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB (1 << 20)

static void *burn(void *unused)
{
	for (volatile unsigned long n = 0;; n++)
		;
	return unused;
}

static int write_file(const char *path, int megabytes, const char *bytes)
{
	int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0644);

	if (fd < 0)
		return -1;
	for (int i = 0; i < megabytes; i++)
		if (write(fd, bytes, MIB) != MIB)
			return -1;
	return fsync(fd) || close(fd);
}

int main(int argc, char **argv)
{
	size_t bytes;
	char *memory;
	pthread_t thread;

	if (argc != 5)
		return 2;
	bytes = (size_t)atoi(argv[1]) * MIB;
	memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (memory == MAP_FAILED)
		return 1;
	memset(memory, 1, bytes);
	if (write_file(argv[2], atoi(argv[3]), memory)) {
		perror(argv[2]);
		return 1;
	}
	printf("ready\n");
	fflush(stdout);
	for (int i = 0; i < atoi(argv[4]); i++)
		if (pthread_create(&thread, NULL, burn, NULL))
			return 1;
	pause();
	return 0;
}
