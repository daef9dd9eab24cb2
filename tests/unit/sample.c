// SPDX-License-Identifier: Apache-2.0
#include "sample.h"

#include <arpa/inet.h>
#include <nghttp2/nghttp2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "defaults.h"
#include "exposition/exposition.h"

#define SAMPLE_NAMES 4096

const uint64_t sample_classic_ns[SAMPLE_CLASSIC] = {
	100000,	  250000,    500000,	1000000,   2500000,    5000000,	   10000000,   25000000,
	50000000, 100000000, 250000000, 500000000, 1000000000, 2500000000, 5000000000, 10000000000,
};

static void *must(void *memory)
{
	if (!memory)
		abort();
	return memory;
}

static const struct identity *get_identity(const struct identity_table *table, uint32_t slot)
{
	const struct identity *identities = (const void *)table;

	return identities[slot].app ? &identities[slot] : NULL;
}

void sample__bounds(struct sample *sample, const uint64_t *classic_ns, size_t count)
{
	if (grid__build(&sample->grid, classic_ns, count))
		abort();
	sample->classic_ns = classic_ns;
	sample->classic_count = count;
}

void sample__init(struct sample *sample, uint32_t slots, uint32_t statuses, uint32_t groups)
{
	*sample = (struct sample){ .statuses_used = 1, .groups_used = 1, .rpcs_used = 1 };
	sample__bounds(sample, sample_classic_ns, SAMPLE_CLASSIC);
	sample->slots = must(calloc(slots, sizeof(*sample->slots)));
	sample->statuses = must(calloc(statuses, sizeof(*sample->statuses)));
	sample->groups = must(calloc(groups, sizeof(*sample->groups)));
	sample->rpcs = must(calloc(SAMPLE_RPCS, sizeof(*sample->rpcs)));
	sample->name = must(calloc(SAMPLE_NAMES, sizeof(*sample->name)));
	sample->identities = must(calloc(slots, sizeof(*sample->identities)));
	sample->source.get = get_identity;
	sample->source.table = (const void *)sample->identities;
	sample->snapshot = (struct snapshot){
		.grid = &sample->grid,
		.slots = sample->slots,
		.slot_count = slots,
		.statuses = sample->statuses,
		.status_count = statuses,
		.groups = sample->groups,
		.group_count = groups,
		.rpcs = sample->rpcs,
		.rpc_count = SAMPLE_RPCS,
	};
	for (int kind = 0; kind < SERIES_KINDS; kind++) {
		sample->series[kind] = must(calloc(SAMPLE_SERIES, sizeof(*sample->series[kind])));
		sample->snapshot.series[kind] = sample->series[kind];
	}
}

void sample__free(struct sample *sample)
{
	free(sample->slots);
	free(sample->statuses);
	free(sample->groups);
	free(sample->rpcs);
	for (int kind = 0; kind < SERIES_KINDS; kind++)
		free(sample->series[kind]);
	free(sample->name);
	free(sample->identities);
	readings__free(sample->readings);
}

void sample__instance(struct sample *sample, uint32_t slot, const char *app, const char *instance)
{
	static uint64_t lives;

	sample->slots[slot] = (struct instance_slot){
		.in_use = 1,
		.generation = sample->slots[slot].generation + 1,
		.born_ns = ++lives,
	};
	sample->identities[slot] = (struct identity){ .app = app,
						      .instance = instance,
						      .namespace_ = "",
						      .pod = "",
						      .container = "",
						      .runtime = "" };
}

static struct row_group *find_group(struct sample *sample, uint32_t slot, unsigned int status)
{
	struct row_group *group;

	for (uint32_t i = 1; i < sample->groups_used; i++) {
		group = &sample->groups[i];
		if (group->in_use && group->key.slot == slot && group->key.status == status)
			return group;
	}
	if (sample->groups_used == sample->snapshot.group_count)
		return &sample->groups[OTHER_INDEX];
	group = &sample->groups[sample->groups_used++];
	group->key = (struct row_group_key){ .slot = slot, .status = (uint16_t)status };
	group->in_use = 1;
	return group;
}

void sample__observe(struct sample *sample, uint32_t slot, unsigned int status, unsigned int row,
		     uint64_t ns)
{
	struct row *r = &find_group(sample, slot, status)->row[row];
	uint32_t cell = 0;

	while (cell < sample->grid.bounds && ns > sample->grid.bound_ns[cell])
		cell++;
	r->cell[cell]++;
	r->sum_ns += ns;
}

static struct status_entry *find_status(struct sample *sample, uint32_t slot, unsigned int status)
{
	struct status_entry *entry;

	for (uint32_t i = 1; i < sample->statuses_used; i++) {
		entry = &sample->statuses[i];
		if (entry->in_use && entry->key.slot == slot && entry->key.status == status)
			return entry;
	}
	if (sample->statuses_used == sample->snapshot.status_count)
		return &sample->statuses[OTHER_INDEX];
	entry = &sample->statuses[sample->statuses_used++];
	entry->key = (struct status_key){ .slot = slot, .status = (uint16_t)status };
	entry->in_use = 1;
	return entry;
}

void sample__respond(struct sample *sample, uint32_t slot, unsigned int status,
		     enum http_method method, uint64_t times, uint64_t ns)
{
	sample->slots[slot].count[COUNT_HTTP_STARTED] += times;
	find_status(sample, slot, status)->responses[method] += times;
	for (uint64_t i = 0; i < times; i++)
		for (unsigned int row = 0; row < GROUP_ROWS; row++)
			sample__observe(sample, slot, status / 100, row, ns);
}

static char *new_name(struct sample *sample)
{
	if (sample->names_used == SAMPLE_NAMES)
		abort();
	return sample->name[sample->names_used++];
}

struct snapshot_series *sample__series(struct sample *sample, uint32_t slot, enum series_kind kind,
				       const char *const name[SERIES_NAMES])
{
	struct snapshot_series *series =
		&sample->series[kind][sample->snapshot.series_count[kind]++];

	if (sample->snapshot.series_count[kind] > SAMPLE_SERIES)
		abort();
	*series = (struct snapshot_series){ .slot = slot,
					    .generation = sample->slots[slot].generation };
	memcpy(series->name, name, sizeof(series->name));
	return series;
}

void sample__destination(struct sample *sample, uint32_t slot, const char *address, uint16_t port,
			 uint64_t connects, uint64_t refused, uint64_t failed)
{
	uint16_t port_be16 = htons(port);
	char *name = new_name(sample);
	uint64_t *count;

	if (strchr(address, ':')) {
		inet_pton(AF_INET6, address, name);
	} else {
		name[10] = name[11] = (char)0xff;
		inet_pton(AF_INET, address, name + 12);
	}
	memcpy(name + 16, &port_be16, sizeof(port_be16));
	count = sample__series(sample, slot, SERIES_DESTINATIONS,
			       (const char *[SERIES_NAMES]){ name })
			->count;
	count[DESTINATION_CONNECTS] = connects;
	count[DESTINATION_REFUSED] = refused;
	count[DESTINATION_FAILED] = failed;
}

/* The length's seven bits below the Huffman bit (RFC 7541, 5.2), in a field never indexed. */
static size_t code_path(uint8_t *ret_bytes, size_t capacity, const char *path)
{
	nghttp2_nv field = { (uint8_t *)":path", (uint8_t *)path, 5, strlen(path),
			     NGHTTP2_NV_FLAG_NO_INDEX };
	nghttp2_hd_deflater *deflater;
	uint8_t block[256];
	ssize_t length;

	if (nghttp2_hd_deflate_new(&deflater, 4096))
		abort();
	length = nghttp2_hd_deflate_hd(deflater, block, sizeof(block), &field, 1);
	nghttp2_hd_deflate_del(deflater);
	if (length < 3 || block[0] != 0x14 || !(block[1] & 0x80) ||
	    (size_t)length - 2 != (block[1] & 0x7f) || (size_t)length - 2 > capacity)
		abort();
	memcpy(ret_bytes, block + 2, (size_t)length - 2);
	return (size_t)length - 2;
}

void sample__rpc_key(struct rpc_key *ret_key, uint32_t slot, const char *path, bool huffman)
{
	size_t length = strlen(path);

	*ret_key = (struct rpc_key){ .slot = slot, .huffman = huffman };
	if (huffman)
		length = code_path(ret_key->path, RPC_PATH_BYTES, path);
	else if (length > RPC_PATH_BYTES)
		abort();
	else
		memcpy(ret_key->path, path, length);
	ret_key->bytes = (uint8_t)length;
}

static uint32_t find_rpc(struct sample *sample, const struct rpc_key *key)
{
	for (uint32_t i = 1; i < sample->rpcs_used; i++)
		if (sample->rpcs[i].in_use && !memcmp(&sample->rpcs[i].key, key, sizeof(*key)))
			return i;
	if (sample->rpcs_used == SAMPLE_RPCS)
		return OTHER_INDEX;
	sample->rpcs[sample->rpcs_used].key = *key;
	sample->rpcs[sample->rpcs_used].in_use = 1;
	return sample->rpcs_used++;
}

void sample__call(struct sample *sample, uint32_t slot, const char *path, bool huffman,
		  unsigned int code, uint64_t times, uint64_t ns)
{
	struct rpc_key key;
	uint32_t i;

	sample__rpc_key(&key, slot, path, huffman);
	i = find_rpc(sample, &key);
	sample->rpcs[i].responses[code] += times;
	for (uint64_t n = 0; i != OTHER_INDEX && n < times; n++)
		for (unsigned int row = 0; row < RPC_ROWS; row++)
			sample__observe(sample, slot, STATUS_RPC(i), row, ns);
}

void sample__tls_error(struct sample *sample, uint32_t slot, const char *server_name,
		       const char *by, const char *reason, uint64_t count)
{
	sample__series(sample, slot, SERIES_TLS_ERRORS, (const char *[]){ server_name, by, reason })
		->count[0] = count;
}

void sample__tls_hello(struct sample *sample, uint32_t slot, const char *alpn, uint64_t count)
{
	sample__series(sample, slot, SERIES_TLS_HELLOS, (const char *[SERIES_NAMES]){ alpn })
		->count[0] = count;
}

void sample__exit(struct sample *sample, uint32_t slot, unsigned int code, uint64_t count)
{
	char *name = new_name(sample);

	snprintf(name, SERIES_TEXT_BYTES, "%u", code);
	sample__series(sample, slot, SERIES_EXITS, (const char *[SERIES_NAMES]){ name })->count[0] =
		count;
}

static void forget_series(struct sample *sample, uint32_t slot, enum series_kind kind)
{
	uint32_t *count = &sample->snapshot.series_count[kind], kept = 0;

	for (uint32_t i = 0; i < *count; i++)
		if (sample->series[kind][i].slot != slot)
			sample->series[kind][kept++] = sample->series[kind][i];
	*count = kept;
}

void sample__reuse(struct sample *sample, uint32_t slot)
{
	for (uint32_t i = 1; i < sample->statuses_used; i++)
		if (sample->statuses[i].key.slot == slot)
			sample->statuses[i] = (struct status_entry){};
	for (uint32_t i = 1; i < sample->groups_used; i++)
		if (sample->groups[i].key.slot == slot)
			sample->groups[i] = (struct row_group){};
	for (uint32_t i = 1; i < sample->rpcs_used; i++)
		if (sample->rpcs[i].key.slot == slot)
			sample->rpcs[i] = (struct rpc_entry){};
	for (enum series_kind kind = 0; kind < SERIES_KINDS; kind++)
		forget_series(sample, slot, kind);
	sample->slots[slot] =
		(struct instance_slot){ .generation = sample->slots[slot].generation + 1 };
	sample->identities[slot].app = NULL;
}

/* Each count another one. */
static void own_counts(void *ctx, uint64_t ret_counts[OWN_COUNTS])
{
	(void)ctx;
	for (int i = 0; i < OWN_COUNTS; i++)
		ret_counts[i] = 100 + (uint64_t)i;
}

char *sample__render(struct sample *sample, const struct rollup *rollup, const struct view *view,
		     const struct encoder *encoder, size_t *ret_length)
{
	struct exposition_options options = {
		.region = "test",
		.host = "node",
		.version = "1.2.3",
		.revision = "abc",
		.abi = "1-0123456789abcdef",
		.classic_ns = sample->classic_ns,
		.classic_count = sample->classic_count,
		.identities = sample->source,
		.rollup = rollup,
		.readings = sample->readings,
		.run = "blue",
		.own = own_counts,
	};
	struct exposition *exposition;
	struct buffer out;
	size_t length;
	char *text;

	buffer__init(&out);
	if (exposition__new(&exposition, &options))
		abort();
	exposition__set_extra(exposition, sample->extra);
	if (exposition__render(exposition, &sample->snapshot, view, encoder,
			       sample->scope ? sample->scope : &scope_all, &out))
		abort();
	exposition__free(exposition);
	buffer__append_char(&out, '\0');
	text = must(buffer__take(&out, &length));
	if (ret_length)
		*ret_length = length - 1;
	return text;
}
