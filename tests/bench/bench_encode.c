// SPDX-License-Identifier: Apache-2.0
/*
 * How long it takes to render a scrape of 1,000 instances with two statuses
 * each and the default buckets, from the snapshot to the finished bytes; with
 * `readings` also what is read of a container that has one disk, one interface
 * and two file systems.
 *
 * Usage: bench_encode [INSTANCES [ROUNDS [text|openmetrics|protobuf [readings]]]]
 * Prints one line: format, lines, bytes, milliseconds of the first and of the
 * median round (CPU time of this thread).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../unit/sample.h"
#include "exposition/exposition.h"
#include "views/views.h"

#define MAX_ROUNDS 1000
#define NAME_BYTES 32

static double cpu_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (double)now.tv_sec * 1e3 + (double)now.tv_nsec / 1e6;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

/* Times spread over five decades, the same at every run. */
static uint64_t spread_ns(uint64_t *state)
{
	*state = *state * 6364136223846793005ULL + 1442695040888963407ULL;
	return 20000ULL << (*state >> 33) % 18;
}

static char (*fill(struct sample *sample, uint32_t instances))[NAME_BYTES]
{
	char(*names)[NAME_BYTES] = calloc(2 * (size_t)instances, sizeof(*names));
	uint64_t state = 1;

	if (!names)
		abort();
	for (uint32_t slot = 1; slot <= instances; slot++) {
		char *app = names[2 * (slot - 1)], *instance = names[2 * (slot - 1) + 1];
		struct instance_slot *s = &sample->slots[slot];

		snprintf(app, NAME_BYTES, "service-%u", slot % 100);
		snprintf(instance, NAME_BYTES, "%012x", slot * 2654435761U);
		sample__instance(sample, slot, app, instance);
		sample->identities[slot].namespace_ = "production";
		sample->identities[slot].container = "main";
		for (int i = 0; i < 20; i++) {
			sample__respond(sample, slot, 200, METHOD_GET, 1, spread_ns(&state));
			sample__respond(sample, slot, 404, METHOD_POST, 1, spread_ns(&state));
			sample__observe(sample, slot, STATUS_NONE, ROW_RTT, spread_ns(&state));
		}
		for (int i = 0; i < INSTANCE_COUNTS; i++)
			s->count[i] += 1000000 + slot;
	}
	return names;
}

/* As those who read do it before each scrape, with nothing read. */
static void read_all(struct readings *readings, const struct sample *sample, uint32_t instances)
{
	readings__clear(readings);
	for (uint32_t slot = 1; slot <= instances; slot++) {
		const struct identity *identity = &sample->identities[slot];
		const struct model_labels labels = { { identity->app, identity->namespace_,
						       identity->instance, identity->pod,
						       identity->container } };
		int64_t owner = readings__owner(readings, &labels);

		for (int kind = READING_UP; kind <= READING_MEM_SHMEM; kind++)
			readings__add(readings, owner, kind, slot, NULL, NULL, NULL);
		readings__add(readings, owner, READING_CPU, slot, "all", "user", NULL);
		readings__add(readings, owner, READING_CPU, slot, "all", "system", NULL);
		for (int kind = READING_DISK_READS; kind <= READING_DISK_WRITES; kind++)
			readings__add(readings, owner, kind, slot, "nvme0n1", NULL, NULL);
		for (int kind = READING_NET_RECV_BYTES; kind <= READING_NET_SENT_COMPRESSED; kind++)
			readings__add(readings, owner, kind, slot, "eth0", NULL, NULL);
		for (int mount = 0; mount < 2; mount++)
			for (int kind = READING_FILESYSTEM_BLOCKS;
			     kind <= READING_FILESYSTEM_BLOCKS_AVAIL; kind++)
				readings__add(readings, owner, kind, slot, mount ? "/data" : "/",
					      NULL, NULL);
		for (int i = 0; i < 6; i++)
			readings__add(readings, owner, READING_PRESSURE, slot,
				      (const char *const[]){ "cpu", "io", "memory" }[i / 2],
				      i % 2 ? "full" : "some", NULL);
		for (int kind = READING_CPU_PERIODS; kind <= READING_PROCESSES; kind++)
			readings__add(readings, owner, kind, slot, NULL, NULL, NULL);
	}
}

static const struct encoder *encoder_named(const char *name)
{
	static const struct encoder *const all[] = { &encoder_text, &encoder_openmetrics,
						     &encoder_protobuf };

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++)
		if (!strcmp(all[i]->name, name))
			return all[i];
	return NULL;
}

int main(int argc, char **argv)
{
	uint32_t instances = argc > 1 ? (uint32_t)strtoul(argv[1], NULL, 10) : 1000;
	unsigned long rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 11;
	const struct encoder *encoder = encoder_named(argc > 3 ? argv[3] : "text");
	static double ms[MAX_ROUNDS];
	struct exposition *exposition;
	size_t lines = 0;
	double first;
	struct sample sample;
	struct buffer out;
	char(*names)[NAME_BYTES];

	if (!instances || !rounds || rounds > MAX_ROUNDS || !encoder) {
		fprintf(stderr,
			"usage: %s [INSTANCES [ROUNDS [text|openmetrics|protobuf [readings]]]]\n",
			argv[0]);
		return EXIT_FAILURE;
	}
	sample__init(&sample, instances + 1, 2 * instances + 1, 3 * instances + 1);
	names = fill(&sample, instances);
	if (argc > 4 && readings__new(&sample.readings))
		return EXIT_FAILURE;
	if (exposition__new(&exposition,
			    &(struct exposition_options){ .region = "eu-central-1",
							  .host = "node-0001",
							  .version = "1",
							  .revision = "1",
							  .classic_ns = sample_classic_ns,
							  .classic_count = SAMPLE_CLASSIC,
							  .identities = sample.source,
							  .readings = sample.readings }))
		return EXIT_FAILURE;

	buffer__init(&out);
	for (unsigned long i = 0; i < rounds; i++) {
		double start = cpu_ms();

		buffer__clear(&out);
		if (sample.readings)
			read_all(sample.readings, &sample, instances);
		if (exposition__render(exposition, &sample.snapshot, &view_native, encoder,
				       &scope_all, &out))
			return EXIT_FAILURE;
		ms[i] = cpu_ms() - start;
	}
	for (size_t i = 0; i < out.length; i++)
		lines += out.data[i] == '\n';
	first = ms[0];
	qsort(ms, rounds, sizeof(ms[0]), compare);
	printf("%s lines=%zu bytes=%zu first_ms=%.2f median_ms=%.2f\n", encoder->name, lines,
	       out.length, first, ms[rounds / 2]);

	buffer__free(&out);
	exposition__free(exposition);
	sample__free(&sample);
	free(names);
	return EXIT_SUCCESS;
}
