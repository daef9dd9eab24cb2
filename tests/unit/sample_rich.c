// SPDX-License-Identifier: Apache-2.0
/* A sample with a little of everything. */
#include "sample_rich.h"

#include <stdlib.h>

#include "defaults.h"

static struct snapshot_map maps[] = { { "instance_by_slot", 3, 2048, 524288 },
				      { "counts_by_destination", 0, 4096, 4096 },
				      { "events", 0, 0, 266240 } }; /* its fill is not known */
static struct snapshot_program programs[] = { { "sock_recv_length", 1000, 1500000123, 2 },
					      { "sched_process_exec", 0, 0, 0 } };

const uint64_t sample_few_ns[SAMPLE_FEW] = { 1000, 2500000, 1000000000, 10000000000 };

/* The same value for a kind, wherever in the list it stands. */
static uint64_t value_of(const char *name)
{
	uint64_t value = 7;

	for (; *name; name++)
		value = (value * 31 + (unsigned char)*name) % 999999937;
	return value;
}

/* One of each kind. */
static void read_something(struct sample *sample)
{
	static const char *const names[] = {
#define NAME(name, unit) #name,
		READINGS(NAME)
#undef NAME
	};
	const struct model_labels labels = { { "shop", "prod", "0123456789ab", "shop-1", "web" } };
	int64_t owner;

	if (readings__new(&sample->readings))
		abort();
	owner = readings__owner(sample->readings, &labels);
	for (int kind = 0; kind < READING_KINDS; kind++)
		readings__add(sample->readings, owner, kind, value_of(names[kind]), "first",
			      "second", "third");
}

void sample__init_rich(struct sample *sample, struct rollup **ret_rollup)
{
	struct rollup *rollup;
	__u64 *count;

	sample__init(sample, 8, 32, 32);
	sample__bounds(sample, sample_few_ns, SAMPLE_FEW); /* the files are for people to read */
	if (rollup__new(&rollup, 4, 8))
		abort();
	sample->snapshot.maps = maps;
	sample->snapshot.map_count = sizeof(maps) / sizeof(maps[0]);
	sample->snapshot.programs = programs;
	sample->snapshot.program_count = 2;
	sample->snapshot.live_sockets = 17;
	sample->snapshot.connection_bytes = 12000;
	sample->snapshot.connection_bytes_limit = 268435456;
	sample->snapshot.loss[LOSS_IO_URING] = 4;

	sample__instance(sample, 1, "shop", "0123456789ab");
	sample->identities[1].namespace_ = "prod";
	sample->identities[1].pod = "shop-1";
	sample->identities[1].container = "web";
	sample__respond(sample, 1, 200, METHOD_GET, 3, 700); /* below the zero threshold */
	sample__respond(sample, 1, 201, METHOD_POST, 1, 1500000);
	sample__respond(sample, 1, 404, METHOD_OTHER, 1, 2500000);		  /* on a bound */
	sample__respond(sample, 1, 204, METHOD_DELETE, 1, 70000ULL * 1000000000); /* above all */
	sample__observe(sample, 1, STATUS_NONE, ROW_RTT, 123456);
	sample__observe(sample, 1, STATUS_NONE, ROW_OUTBOUND_CONNECT, 30000000);
	sample__observe(sample, 1, STATUS_NONE, ROW_ABORTED_QUEUE, 1000000001);
	count = sample->slots[1].count;
	count[COUNT_HTTP_STARTED] += 3;
	count[COUNT_HTTP_ABORTED + ABORT_BY_CLIENT * ABORT_PHASE_N + ABORT_IN_RESPONSE] = 2;
	count[COUNT_EDGE_CONNECTS] = 18446744073709551615ULL;
	count[COUNT_BYTES_OUT] = 9007199254740993ULL; /* no double has it */
	count[COUNT_RESETS_OUT] = 1;
	count[GAUGE_LISTEN_BACKLOG] = 2;
	count[GAUGE_LISTEN_BACKLOG_LIMIT] = 129;
	count[COUNT_OUTBOUND_CONNECTS] = 12;
	count[COUNT_OUTBOUND_REFUSED] = 3;
	count[COUNT_OOM_KILLS] = 2;
	count[COUNT_CONNECTIONS_UNOBSERVED] = 11;
	count[COUNT_ENTRIES_REFUSED] = 13;
	count[COUNT_RUN_DELAY_NS] = 1234567890123;
	sample__exit(sample, 1, 0, 1);
	sample__exit(sample, 1, 137, 2);
	sample__destination(sample, 1, "10.1.2.3", 5432, 7, 1, 0);
	sample__destination(sample, 1, "2001:db8::1", 443, 3, 0, 0);

	sample__call(sample, 1, "/shop.Cart/Add", true, 0, 4, 2000000);
	sample__call(sample, 1, "/shop.Cart/Add", false, 0, 1, 2000000); /* one series with these */
	sample__call(sample, 1, "/shop.Cart/Add", true, 5, 1, 2000000);
	sample__call(sample, 1, "/shop.Cart/Watch", false, 1, 1, 1500000000);
	sample__call(sample, 1, "", false, RPC_CODE_UNKNOWN, 2, 900); /* beyond its share */
	count[COUNT_UPGRADES] = 7;
	count[COUNT_UPGRADES_ENDED] = 5;
	count[COUNT_UPGRADED_BYTES_IN] = 1234;
	count[COUNT_WEBSOCKET_MESSAGES_OUT] = 9;
	sample__observe(sample, 1, STATUS_UPGRADE, ROW_UPGRADED, 60000000000ULL);
	sample__observe(sample, 1, STATUS_TLS, ROW_TLS_1_2, 4000000);
	sample__observe(sample, 1, STATUS_TLS, ROW_TLS_1_3, 2000000);
	sample__observe(sample, 1, STATUS_TLS, ROW_TLS_1_3, 3000000);
	sample__tls_error(sample, 1, "shop.example", "client", "unknown_ca", 3);
	sample__tls_error(sample, 1, "", "server", "handshake_failure", 1);
	sample__tls_error(sample, 1, "pay.example", "client", "unknown_ca", 1);
	count[COUNT_TLS_UNNAMED_ERRORS] = 2;
	sample__tls_hello(sample, 1, "h2", 5);
	sample__tls_hello(sample, 1, "", 1);

	sample__instance(sample, 2, "quote\" back\\slash\nline \xff", "/usr/bin/odd");
	sample__respond(sample, 2, 500, METHOD_GET, 2, 999999);

	/* Gone, and remembered. */
	sample__instance(sample, 3, "shop", "dead");
	sample->identities[3].namespace_ = "prod";
	sample__respond(sample, 3, 200, METHOD_GET, 100, 4000000);
	sample__call(sample, 3, "/shop.Cart/Add", true, 0, 20, 5000000);
	sample__tls_error(sample, 3, "shop.example", "client", "unknown_ca", 30);
	sample__tls_hello(sample, 3, "h2", 50);
	sample__observe(sample, 3, STATUS_TLS, ROW_TLS_1_3, 3000000);
	sample__observe(sample, 3, STATUS_UPGRADE, ROW_UPGRADED, 60000000000ULL);
	sample->slots[3].count[COUNT_UPGRADES] = 3; /* two were cut off when it died */
	sample->slots[3].count[COUNT_UPGRADES_ENDED] = 1;
	sample->slots[3].count[COUNT_OOM_KILLS] = 1;
	sample->slots[3].count[COUNT_RUN_DELAY_NS] = 1000000001;
	sample__exit(sample, 3, 137, 1);
	sample__exit(sample, 3, 3, 1);
	rollup__retire(rollup, &sample->snapshot, 3, &sample->source);
	sample__reuse(sample, 3);

	sample->slots[OTHER_INDEX].count[COUNT_EDGE_CONNECTS] = 5;
	sample->statuses[OTHER_INDEX].responses[METHOD_GET] = 6;
	sample->groups[OTHER_INDEX].row[ROW_EDGE_RESPONSE].cell[0] = 6;
	sample->rpcs[OTHER_INDEX].responses[14] = 8;
	read_something(sample);
	*ret_rollup = rollup;
}
