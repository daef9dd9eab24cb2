// SPDX-License-Identifier: Apache-2.0
/*
 * A server without any library, so that a 64-bit compiler can make a 32-bit
 * program of it (-m32 -nostdlib): answers every read on every connection with
 * 200, one connection after the other. argv[1] is the port.
 */
#include <stdint.h>

enum { SYS_exit = 1, SYS_read = 3, SYS_write = 4, SYS_close = 6 };
enum { SYS_socket = 359, SYS_bind = 361, SYS_listen = 363, SYS_accept4 = 364 };

static long call(long number, long a, long b, long c, long d)
{
	long result;

	__asm__ volatile("int $0x80"
			 : "=a"(result)
			 : "a"(number), "b"(a), "c"(b), "d"(c), "S"(d)
			 : "memory");
	return result;
}

static void serve(const char *port)
{
	static const char answer[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct {
		uint16_t family, port_be;
		uint32_t address_be;
		char zero[8];
	} at = { .family = 2 };
	static char data[4096];
	unsigned int number = 0;
	long listener, fd;

	for (; *port; port++)
		number = number * 10 + (unsigned int)(*port - '0');
	at.port_be = (uint16_t)(number << 8 | number >> 8);
	at.address_be = 0x0100007f;
	listener = call(SYS_socket, 2, 1, 0, 0);
	if (call(SYS_bind, listener, (long)&at, sizeof(at), 0) ||
	    call(SYS_listen, listener, 16, 0, 0))
		call(SYS_exit, 1, 0, 0, 0);
	while ((fd = call(SYS_accept4, listener, 0, 0, 0)) >= 0) {
		while (call(SYS_read, fd, (long)data, sizeof(data), 0) > 0)
			call(SYS_write, fd, (long)answer, sizeof(answer) - 1, 0);
		call(SYS_close, fd, 0, 0, 0);
	}
	call(SYS_exit, 0, 0, 0, 0);
}

void begin(long *stack);

__attribute__((used)) void begin(long *stack)
{
	serve((const char *)stack[2]); /* argc, argv[0], argv[1] */
}

__asm__(".globl _start\n_start:\n\tmov %esp, %eax\n\tpush %eax\n\tcall begin\n");
