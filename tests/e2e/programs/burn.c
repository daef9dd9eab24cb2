// SPDX-License-Identifier: Apache-2.0
/*
 * burn PORT CPU MS CHILDREN: listens, and at SIGUSR1 lets two threads burn MS
 * milliseconds of the clock on one CPU, and as many children as told 5 ms of it
 * one after the other. Prints "burnt NS": what the children waited for the CPU,
 * as the kernel shows it of each when it has ended. At the next SIGUSR1 the
 * threads end, and it prints "ended".
 */
#include <arpa/inet.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS 2
#define CHILDREN_MAX 1000

static long burn_ms;
static sem_t leave;

static long now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000000 + now.tv_nsec / 1000;
}

static void burn(long us)
{
	for (long end = now_us() + us; now_us() < end;)
		;
}

static void *run(void *unused)
{
	burn(burn_ms * 1000);
	while (sem_wait(&leave))
		;
	return unused;
}

static unsigned long long waited_ns(pid_t pid)
{
	unsigned long long ran, waited = 0;
	char path[64];
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/schedstat", pid);
	file = fopen(path, "r");
	if (!file || fscanf(file, "%llu %llu", &ran, &waited) != 2)
		exit(3);
	fclose(file);
	return waited;
}

static unsigned long long burn_children(int count)
{
	unsigned long long sum = 0;
	static pid_t child[CHILDREN_MAX];
	siginfo_t info;

	for (int i = 0; i < count; i++) {
		child[i] = fork();
		if (child[i] == 0) {
			burn(5000);
			_exit(0);
		}
		if (child[i] < 0 || waitid(P_PID, (id_t)child[i], &info, WEXITED | WNOWAIT))
			exit(3);
	}
	usleep(100000); /* the last one has left the CPU, too */
	for (int i = 0; i < count; i++) {
		sum += waited_ns(child[i]);
		waitpid(child[i], NULL, 0);
	}
	return sum;
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = { .sin_family = AF_INET };
	int s = socket(AF_INET, SOCK_STREAM, 0), signal;
	unsigned long long sum;
	pthread_t thread[THREADS];
	sigset_t wanted;
	cpu_set_t cpu;

	if (argc != 5)
		return 2;
	at.sin_port = htons((uint16_t)atoi(argv[1]));
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	burn_ms = atol(argv[3]);
	sigemptyset(&wanted);
	sigaddset(&wanted, SIGUSR1);
	sigprocmask(SIG_BLOCK, &wanted, NULL);
	sem_init(&leave, 0, 0);
	CPU_ZERO(&cpu);
	CPU_SET(atoi(argv[2]), &cpu);
	if (sched_setaffinity(0, sizeof(cpu), &cpu) || bind(s, (void *)&at, sizeof(at)) ||
	    listen(s, 1))
		return 3;

	sigwait(&wanted, &signal);
	for (int i = 0; i < THREADS; i++)
		if (pthread_create(&thread[i], NULL, run, NULL))
			return 3;
	sum = burn_children(atoi(argv[4]) % CHILDREN_MAX);
	usleep((useconds_t)burn_ms * 1000 + 200000);
	printf("burnt %llu\n", sum);
	fflush(stdout);

	sigwait(&wanted, &signal);
	for (int i = 0; i < THREADS; i++)
		sem_post(&leave);
	for (int i = 0; i < THREADS; i++)
		pthread_join(thread[i], NULL);
	puts("ended");
	fflush(stdout);
	sigwait(&wanted, &signal);
	return 0;
}
