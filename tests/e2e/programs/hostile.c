// SPDX-License-Identifier: Apache-2.0
/*
 * A server whose files are not what they seem: hostile PORT HOW [ARGUMENT...], then as tiny.c.
 *   map FILE...        maps the files as executable
 *   root DIR FILE...   the same, then has DIR as its root
 *   hold FILE          maps the file, and reads its own memory there until FUSE answers; another
 *                      thread maps something meanwhile: who wants the memory map waits
 *   fork               a child serves; this one waits
 * GATE of the environment: a file that it waits for between mapping and all that follows.
 */
#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FILE_BYTES (1 << 20)

static void *map(const char *path)
{
	int fd = open(path, O_RDONLY);
	void *at = fd < 0 ? MAP_FAILED
			  : mmap(NULL, FILE_BYTES, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0);

	if (at == MAP_FAILED)
		err(1, "map %s", path);
	close(fd);
	return at;
}

static void *read_memory(void *at)
{
	int fd = open("/proc/self/mem", O_RDONLY);
	char byte;

	/* its end, which nobody has read yet */
	if (fd < 0 || pread(fd, &byte, 1, (off_t)(uintptr_t)at + FILE_BYTES - 1) < 0)
		warn("read of its own memory");
	return NULL;
}

static void *map_more(void *unused)
{
	usleep(300000); /* the other one has the lock by then */
	mmap(NULL, FILE_BYTES, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return unused;
}

static void wait_for_gate(void)
{
	const char *gate = getenv("GATE");

	while (gate && access(gate, F_OK))
		usleep(10000);
}

static void hold(const char *path)
{
	pthread_t thread;
	void *at = map(path);

	wait_for_gate();
	if (pthread_create(&thread, NULL, read_memory, at) ||
	    pthread_create(&thread, NULL, map_more, NULL))
		errx(1, "no thread");
	usleep(600000);
}

static void serve(const char *port)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct sockaddr_in at = { .sin_family = AF_INET };
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	static char data[4096];

	at.sin_port = htons((uint16_t)atoi(port));
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 16))
		err(1, "listen on %s", port);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		while (read(fd, data, sizeof(data)) > 0)
			if (write(fd, ok, sizeof(ok) - 1) < 0)
				break;
		close(fd);
	}
}

int main(int argc, char **argv)
{
	const char *how = argc > 2 ? argv[2] : "";
	int first = strcmp(how, "root") ? 3 : 4;

	if (argc < 3)
		errx(1, "usage: hostile PORT HOW [ARGUMENT...]");
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!strcmp(how, "hold") && argc == 4) {
		hold(argv[3]);
	} else if (!strcmp(how, "fork")) {
		if (fork())
			return wait(NULL) < 0;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
	} else {
		for (int i = first; i < argc; i++)
			map(argv[i]);
		wait_for_gate();
		if (first == 4 && argc > 3 && (chroot(argv[3]) || chdir("/")))
			err(1, "chroot");
	}
	serve(argv[1]);
	return 0;
}
