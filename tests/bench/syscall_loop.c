// SPDX-License-Identifier: Apache-2.0
/*
 * What a system call costs that is no socket operation.
 *
 * Usage: syscall_loop [ROUNDS]
 * Prints the nanoseconds of one getppid(): the median over rounds of 4,000, short
 * enough that most are not interrupted.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define CALLS 4000
#define MAX_ROUNDS 10000

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	static double ns[MAX_ROUNDS];
	int rounds = argc > 1 ? atoi(argv[1]) : 1000;

	if (rounds < 1 || rounds > MAX_ROUNDS) {
		fprintf(stderr, "usage: syscall_loop [ROUNDS]\n");
		return EXIT_FAILURE;
	}
	for (int round = 0; round < rounds; round++) {
		struct timespec a, b;

		clock_gettime(CLOCK_MONOTONIC, &a);
		for (int i = 0; i < CALLS; i++)
			syscall(SYS_getppid);
		clock_gettime(CLOCK_MONOTONIC, &b);
		ns[round] =
			((double)(b.tv_sec - a.tv_sec) * 1e9 + (double)(b.tv_nsec - a.tv_nsec)) /
			CALLS;
	}
	qsort(ns, (size_t)rounds, sizeof(ns[0]), by_value);
	printf("%.3f\n", ns[rounds / 2]);
	return EXIT_SUCCESS;
}
