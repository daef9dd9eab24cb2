/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes as a script of what happens on a few connections: for the fuzzer, and
 * for random scripts in the unit tests. Anything may happen, so what is checked
 * is what must hold always: see world__inconsistency().
 */
#ifndef EDGETAP_TESTS_EXCHANGE_SCRIPT_H
#define EDGETAP_TESTS_EXCHANGE_SCRIPT_H

#include <stdio.h>
#include <string.h>

#include "exchange.h"

#define SCRIPT_CONNECTIONS 3
#define SCRIPT_STREAM 4096

static const char *const script_request[] = {
	"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
	"HEAD /some/where/that/is/rather/long HTTP/1.1\r\n\r\n",
	"POST / HTTP/1.1\r\nContent-Length: 30\r\n\r\n012345678901234567890123456789",
	"PUT / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nA;x=y\r\n0123456789\r\n0\r\n\r\n",
	"CONNECT a:80 HTTP/1.1\r\n\r\n",
	"POST / HTTP/1.1\r\nTransfer-Encoding: gzip\r\n\r\nrest",
	"\r\n",
	"no request\r\n",
	"POST / HTTP/1.1\r\nContent-Length: 1, 2\r\n\r\n",
	"GET / HTTP/1.1\r\nX: a header line that is longer than what the parser carries along\r\n\r\n",
	"get / HTTP/1.1\r\n\r\n",
	"neither\r\n\r\n",
	"GET /\r\n",
	"\x01\r\n",
};
#define SCRIPT_REQUESTS (sizeof(script_request) / sizeof(script_request[0]))

static const char *const script_response[] = {
	"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok",
	"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
	"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n14\r\n01234567890123456789\r\n0\r\n\r\n",
	"HTTP/1.1 204 No Content\r\n\r\n",
	"HTTP/1.1 100 Continue\r\n\r\n",
	"HTTP/1.1 101 Switching Protocols\r\n\r\n",
	"HTTP/1.0 200 OK\r\n\r\nuntil the end",
	"HTTP/1.1 500 Oops\r\nContent-Length: 40\r\n\r\n0123456789012345678901234567890123456789",
	"no response\r\n",
	"HTTP/1.1 200 OK\r\nContent-Length: none\r\n\r\n",
};

struct script_end {
	struct connection *c;
	/* what the client has still to send, and the server */
	char in[SCRIPT_STREAM], out[SCRIPT_STREAM];
	size_t in_bytes, out_bytes;
};

struct script {
	const uint8_t *data;
	size_t n;
	struct script_end end[SCRIPT_CONNECTIONS];
};

static inline unsigned int script_next(struct script *s)
{
	if (!s->n)
		return 0;
	s->n--;
	return *s->data++;
}

static inline void script_append(char *stream, size_t *bytes, const char *text)
{
	size_t n = strlen(text);

	if (*bytes + n > SCRIPT_STREAM)
		return;
	memcpy(stream + *bytes, text, n);
	*bytes += n;
}

static inline void script_drop(char *stream, size_t *bytes, size_t n)
{
	*bytes -= n;
	memmove(stream, stream + n, *bytes);
}

/* Small numbers are exact, large ones mean a lot. */
static inline size_t script_amount(unsigned int byte)
{
	return byte < 200 ? byte + 1 : (byte - 199) * 80;
}

static inline void script_arrive(struct script_end *e, size_t n)
{
	if (n > e->in_bytes)
		n = e->in_bytes;
	connection__arrive(e->c, e->in, n);
	script_drop(e->in, &e->in_bytes, n);
}

static inline void script_write(struct script_end *e, size_t n, enum call call)
{
	if (n > e->out_bytes)
		n = e->out_bytes;
	connection__write(e->c, e->out, n, call);
	script_drop(e->out, &e->out_bytes, n);
}

/* Mostly calls whose memory can be read. */
static inline enum call script_call(unsigned int byte)
{
	return byte < 224 ? (enum call)(byte % CALL_N) : (enum call)(CALL_FILE + byte % 3);
}

static inline void script_end_connection(struct script_end *e)
{
	if (e->c)
		connection__destroy(e->c);
	e->c = NULL;
}

static inline void script_step(struct script *s)
{
	unsigned int op = script_next(s), amount = script_next(s), how = op / 32 % 8;
	struct script_end *e = &s->end[op % SCRIPT_CONNECTIONS];
	static const uint64_t pause_ns[] = { 1, 900, 40000, 3000000, 70000000, 2000000000 };

	if (!e->c) {
		e->in_bytes = 0;
		e->out_bytes = 0;
		e->c = amount % 8 == 7 ? connection__older(amount << 24 | amount)
				       : connection__open(0 - amount);
	}
	switch (op / SCRIPT_CONNECTIONS % 20) {
	case 0:
	case 1:
		script_append(e->in, &e->in_bytes, script_request[amount % SCRIPT_REQUESTS]);
		break;
	case 2:
		script_append(e->in, &e->in_bytes, script_request[amount % SCRIPT_REQUESTS]);
		/* fall through */
	case 3:
	case 4:
		script_arrive(e, script_amount(amount));
		break;
	case 5:
	case 6:
	case 7:
		connection__read(e->c, script_amount(amount), script_call(script_next(s)));
		break;
	case 8:
	case 9:
		script_append(e->out, &e->out_bytes, script_response[amount % 10]);
		break;
	case 10:
	case 11:
	case 12:
		script_write(e, script_amount(amount), script_call(script_next(s)));
		break;
	case 13:
	case 14:
		world__sleep(pause_ns[amount % 6]);
		break;
	case 15:
		if (how == 7)
			connection__splice(e->c, amount);
		else
			connection__read_flags(e->c, script_amount(amount), CALL_PLAIN,
					       how & 1 ? 2 : 0x20);
		break;
	case 16:
		connection__write_begins(e->c, 20000);
		if (how & 1)
			connection__write_fails(e->c, -11);
		break;
	case 17:
		if (how == 0)
			world__retire();
		else if (how == 1)
			connection__nonblocking(e->c);
		else
			connection__shutdown(e->c);
		break;
	case 18:
		if (how & 1)
			connection__fin(e->c);
		else
			connection__reset(e->c);
		break;
	case 19:
		if (how & 1)
			connection__close(e->c);
		else
			script_end_connection(e);
		break;
	}
}

/* Null, or what was wrong. */
static inline const char *script_run(const uint8_t *data, size_t n)
{
	static struct script s;
	static char text[80];

	s.data = data;
	s.n = n;
	world__begin();
	while (s.n) {
		script_step(&s);
		if (world__in_flight() < 0) {
			snprintf(text, sizeof(text),
				 "%lld requests in flight, %zu bytes before the end",
				 (long long)world__in_flight(), s.n);
			return text;
		}
	}
	for (int i = 0; i < SCRIPT_CONNECTIONS; i++)
		script_end_connection(&s.end[i]);
	return world__inconsistency();
}

#endif
