// SPDX-License-Identifier: Apache-2.0
/* The smallest server: answers every read with 200, or 404 for paths that start with /n. */
#include <arpa/inet.h>
#include <err.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	static const char no[] = "HTTP/1.1 404 No\r\nContent-Length: 2\r\n\r\nno";
	struct sockaddr_in at = { .sin_family = AF_INET };
	int listener = socket(AF_INET, SOCK_STREAM, 0), fd;
	char data[4096];

	if (argc != 2)
		errx(1, "usage: tiny PORT");
	prctl(PR_SET_PDEATHSIG, SIGTERM);
	at.sin_port = htons((uint16_t)atoi(argv[1]));
	at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	if (bind(listener, (struct sockaddr *)&at, sizeof(at)) || listen(listener, 16))
		err(1, "listen on %s", argv[1]);
	while ((fd = accept(listener, NULL, NULL)) >= 0) {
		while (read(fd, data, sizeof(data)) > 0) {
			const char *answer = memcmp(data, "GET /n", 6) ? ok : no;

			if (write(fd, answer, sizeof(ok) - 1) < 0)
				break;
		}
		close(fd);
	}
	return 0;
}
