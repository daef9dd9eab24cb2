// SPDX-License-Identifier: Apache-2.0
/*
 * Thousands of connections between a client and a server that do nothing wrong,
 * in random pieces and at random times, ended at random places. The test knows
 * what happened to each request; the BPF programs must have counted the same,
 * each once, and lost nothing.
 */
#include <check.h>
#include <stdio.h>
#include <string.h>

#include "exchange.h"

Suite *exchange_random_suite(void);

#define MAX_REQUESTS 10
#define STATUSES 6
#define NONE SIZE_MAX

static const struct {
	enum http_method method;
	const char *name;
} methods[] = { { METHOD_GET, "GET" },	       { METHOD_HEAD, "HEAD" },
		{ METHOD_POST, "POST" },       { METHOD_PUT, "PUT" },
		{ METHOD_DELETE, "DELETE" },   { METHOD_PATCH, "PATCH" },
		{ METHOD_OPTIONS, "OPTIONS" }, { METHOD_OTHER, "REPORT" } };

static const unsigned int statuses[STATUSES] = { 200, 204, 304, 404, 500, 503 };

/* What must have been counted in all. */
static struct {
	uint64_t responses[STATUSES][METHOD_N];
	uint64_t aborted[ABORT_BY_N][ABORT_PHASE_N];
	uint64_t bytes_in, bytes_out, connections;
} truth;

struct message {
	size_t header_end, end; /* offsets in its stream; end NONE: with the connection */
	size_t start;		/* of a response: behind an interim one */
	enum http_method method;
	unsigned int status; /* index */
};

struct stream {
	char text[16384];
	size_t bytes, done; /* bytes that have arrived or were written */
	struct message message[MAX_REQUESTS];
};

struct simulation {
	struct stream in, out;
	size_t read;
	int requests, answered; /* answered: responses begun */
	struct connection *c;
};

static uint64_t seed;

static unsigned int roll(unsigned int below)
{
	seed ^= seed >> 12;
	seed ^= seed << 25;
	seed ^= seed >> 27;
	return (unsigned int)((seed * 2685821657736338717ULL) >> 33) % below;
}

static void add(struct stream *s, const char *text)
{
	size_t n = strlen(text);

	ck_assert_uint_lt(s->bytes + n, sizeof(s->text));
	memcpy(s->text + s->bytes, text, n);
	s->bytes += n;
}

static void add_chunks(struct stream *s)
{
	char line[64];

	for (unsigned int n = roll(4); n > 0; n--) {
		unsigned int size = 1 + roll(50);

		snprintf(line, sizeof(line), "%x%s\r\n", size,
			 roll(3) ? "" : ";note=\"something long to carry\"");
		add(s, line);
		memset(s->text + s->bytes, '\n', size);
		s->bytes += size;
		add(s, "\r\n");
	}
	add(s, roll(3) ? "0\r\n\r\n" : "0\r\nTrailer: x\r\n\r\n");
}

static void add_header(struct stream *s)
{
	static const char *const line[] = { "Host: a\r\n", "Accept: */*\r\n",
					    "User-Agent: a client with a rather long name/1.0\r\n",
					    "Content-Type: text/plain\r\n" };

	for (unsigned int n = roll(4); n > 0; n--)
		add(s, line[roll(4)]);
}

static void add_request(struct stream *s, struct message *m)
{
	unsigned int which = roll(8), body = roll(3), length = roll(200);
	char line[64];

	m->method = methods[which].method;
	snprintf(line, sizeof(line), "%s%s /%u%s HTTP/1.1\r\n", roll(9) ? "" : "\r\n",
		 methods[which].name, roll(1000), roll(2) ? "" : "/that/is/longer/than/a/carry");
	add(s, line);
	add_header(s);
	if (body == 1) {
		snprintf(line, sizeof(line), "Content-Length: %u\r\n", length);
		add(s, line);
	} else if (body == 2) {
		add(s, "Transfer-Encoding: chunked\r\n");
	}
	add(s, "\r\n");
	m->header_end = s->bytes;
	if (body == 1) {
		memset(s->text + s->bytes, 'b', length);
		s->bytes += length;
	} else if (body == 2) {
		add_chunks(s);
	}
	m->end = s->bytes;
}

static void add_response(struct stream *s, struct message *m, enum http_method method, bool last)
{
	unsigned int length = roll(300), framing = roll(last ? 4 : 3);
	bool content;
	char line[80];

	if (!roll(6))
		add(s, "HTTP/1.1 100 Continue\r\n\r\n");
	m->status = roll(STATUSES);
	m->start = s->bytes;
	content = method != METHOD_HEAD && statuses[m->status] != 204 && statuses[m->status] != 304;
	snprintf(line, sizeof(line), "HTTP/1.1 %u%s\r\n", statuses[m->status],
		 roll(4) ? " A reason" : "");
	add(s, line);
	add_header(s);
	if (framing == 0) {
		snprintf(line, sizeof(line), "Content-Length: %u\r\n", length);
		add(s, line);
	} else if (framing == 1) {
		add(s, "Transfer-Encoding: chunked\r\n");
	} else if (framing == 2) {
		add(s, "Content-Length: 0\r\n");
	}
	add(s, "\r\n");
	m->header_end = s->bytes;
	if (content && framing == 1)
		add_chunks(s);
	if (content && (framing == 0 || framing == 3)) {
		memset(s->text + s->bytes, 'r', length);
		s->bytes += length;
	}
	m->end = content && framing == 3 ? NONE : s->bytes;
}

/* How many of the requests' headers the server has read completely. */
static int heads_read(const struct simulation *s)
{
	int n = 0;

	while (n < s->requests && s->in.message[n].header_end <= s->read)
		n++;
	return n;
}

/* How many responses are completely written. */
static int responses_written(const struct simulation *s)
{
	int n = 0;

	while (n < s->requests && s->out.message[n].end <= s->out.done)
		n++;
	return n;
}

static size_t piece(size_t most)
{
	size_t n = 1 + (roll(3) ? roll(400) : roll(9));

	return n < most ? n : most;
}

/* May the server read? It does not while two requests wait, so that no more than 16 ever do. */
static bool may_read(const struct simulation *s)
{
	return heads_read(s) - responses_written(s) < 2;
}

/* Up to here the server may write: the responses to requests that it has read. */
static size_t may_write_to(const struct simulation *s)
{
	int heads = heads_read(s);

	if (!heads)
		return 0;
	if (heads < s->requests && s->out.message[heads - 1].end == NONE)
		return s->out.bytes;
	return heads == s->requests ? s->out.bytes : s->out.message[heads - 1].end;
}

static void step(struct simulation *s)
{
	size_t n;

	switch (roll(4)) {
	case 0:
		n = piece(s->in.bytes - s->in.done);
		connection__arrive(s->c, s->in.text + s->in.done, n);
		s->in.done += n;
		break;
	case 1:
		if (may_read(s))
			s->read += connection__read(s->c, piece(NONE), (enum call)roll(CALL_N));
		break;
	case 2:
		n = piece(may_write_to(s) - s->out.done);
		connection__write(s->c, s->out.text + s->out.done, n, (enum call)roll(CALL_N));
		s->out.done += n;
		break;
	case 3:
		world__sleep(roll(2) ? roll(1000) : roll(50000000));
		break;
	}
}

/* What the ending makes of the requests that the server has read. */
static void account(const struct simulation *s, enum abort_by by, bool reset)
{
	int heads = heads_read(s), written = responses_written(s);
	size_t behind = heads ? s->in.message[heads - 1].end : 0;

	for (int i = 0; i < heads; i++) {
		const struct message *m = &s->out.message[i];
		size_t before = i ? s->out.message[i - 1].end : 0;
		/* of half an interim response it cannot be told that it is one */
		bool begun = s->out.done > before && s->out.done != m->start;
		enum abort_phase phase = begun ? ABORT_IN_RESPONSE : ABORT_IN_WAIT;

		if (i < written || (m->end == NONE && s->out.done >= m->header_end && !reset))
			truth.responses[m->status][s->in.message[i].method]++;
		else
			truth.aborted[by][phase]++;
	}
	/* a part of the next request, that is not only an empty line before it */
	if (s->read > behind && heads < s->requests &&
	    !(s->in.text[behind] == '\r' && s->read == behind + 2))
		truth.aborted[by][ABORT_IN_REQUEST]++;
	truth.bytes_in += s->in.done;
	truth.bytes_out += s->out.done;
	truth.connections++;
}

static void one_connection(void)
{
	static struct simulation s;
	unsigned int steps, ending = roll(6);
	bool finished;

	memset(&s, 0, sizeof(s));
	s.requests = 1 + (int)roll(MAX_REQUESTS);
	for (int i = 0; i < s.requests; i++) {
		add_request(&s.in, &s.in.message[i]);
		add_response(&s.out, &s.out.message[i], s.in.message[i].method,
			     i + 1 == s.requests);
	}
	s.c = connection__open(roll(2) ? roll(1u << 31) : 0u - roll(2000));
	/* a third of the connections is left before all is said */
	steps = ending < 2 ? roll(300) : 100000;
	while (steps-- > 0 && (s.out.done < s.out.bytes || s.read < s.in.bytes))
		step(&s);
	finished = s.out.done == s.out.bytes && s.read == s.in.bytes;
	ck_assert(finished || ending < 2);
	switch (ending) {
	case 0: /* the client resets */
		account(&s, ABORT_BY_CLIENT, true);
		connection__reset(s.c);
		break;
	case 1: /* the server gives up */
	case 2:
		account(&s, ABORT_BY_SERVER, false);
		break;
	default: /* the client leaves, the server sees it or not */
		account(&s, ABORT_BY_CLIENT, false);
		connection__fin(s.c);
		if (roll(2))
			connection__read(s.c, 100, CALL_PLAIN);
	}
	if (roll(2)) {
		connection__close(s.c);
		world__sleep(roll(1000000));
	}
	connection__destroy(s.c);
}

START_TEST(connections)
{
	const char *problem;
	uint64_t all = 0;

	seed = 0x853c49e6748fea9bULL;
	memset(&truth, 0, sizeof(truth));
	world__queues(_i);
	world__begin();
	for (int i = 0; i < 20000; i++)
		one_connection();
	for (int s = 0; s < STATUSES; s++) {
		for (int m = 0; m < METHOD_N; m++) {
			ck_assert_msg(world__responses(statuses[s], m) == truth.responses[s][m],
				      "status %u method %d: %llu counted, %llu written",
				      statuses[s], m,
				      (unsigned long long)world__responses(statuses[s], m),
				      (unsigned long long)truth.responses[s][m]);
			all += truth.responses[s][m];
		}
	}
	for (int by = 0; by < ABORT_BY_N; by++) {
		for (int phase = 0; phase < ABORT_PHASE_N; phase++) {
			ck_assert_msg(world__aborted(by, phase) == truth.aborted[by][phase],
				      "aborted by %d in %d: %llu counted, %llu happened", by, phase,
				      (unsigned long long)world__aborted(by, phase),
				      (unsigned long long)truth.aborted[by][phase]);
			/* or the test has said nothing of it */
			ck_assert_uint_gt(truth.aborted[by][phase], 20);
		}
	}
	ck_assert_uint_gt(all, 50000);
	/* what is pipelined too deep counts, without its times */
	ck_assert_uint_le(world__row(ROW_APP_RESPONSE, NULL), all);
	ck_assert_uint_ge(world__row(ROW_APP_RESPONSE, NULL) + world__lost(LOSS_PIPELINE_FULL),
			  all);
	ck_assert_uint_lt(world__lost(LOSS_PIPELINE_FULL), all / 100);
	ck_assert_uint_eq(world__lost(LOSS_N),
			  world__lost(LOSS_ARRIVAL_UNKNOWN) + world__lost(LOSS_PIPELINE_FULL));
	ck_assert_uint_eq(world__count(COUNT_HTTP_LOST), 0);
	ck_assert_uint_eq(world__count(COUNT_BYTES_IN), truth.bytes_in);
	ck_assert_uint_eq(world__count(COUNT_BYTES_OUT), truth.bytes_out);
	ck_assert_uint_eq(world__count(COUNT_EDGE_CONNECTS), truth.connections);
	problem = world__inconsistency();
	ck_assert_msg(!problem, "%s", problem ? problem : "");
}
END_TEST

Suite *exchange_random_suite(void)
{
	Suite *suite = suite_create("exchange_random");
	TCase *core = tcase_create("core");

	tcase_set_timeout(core, 120);
	tcase_add_loop_test(core, connections, 0, 2); /* registers, queues */
	suite_add_tcase(suite, core);
	return suite;
}
