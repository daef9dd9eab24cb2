// SPDX-License-Identifier: Apache-2.0
/* From records to a moment. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/grid.h"
#include "metrics/rpc_path.h"
#include "moment.h"

__attribute__((format(printf, 1, 2), noreturn)) static void refuse(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fputs("recording: ", stderr);
	vfprintf(stderr, format, args);
	fputc('\n', stderr);
	va_end(args);
	abort();
}

static void *must(void *memory)
{
	if (!memory)
		refuse("no memory");
	return memory;
}

static uint64_t number_of(const json_t *value)
{
	const char *text = json_string_value(value);
	unsigned long long number;
	char *end;

	if (!text)
		return 0;
	number = strtoull(text, &end, 10);
	if (!*text || *end)
		refuse("\"%s\" is no number", text);
	return number;
}

static uint64_t number(const json_t *record, const char *name)
{
	return number_of(json_object_get(record, name));
}

/* It is freed with the moment. */
static void keep(struct moment *moment, char *text)
{
	moment->kept =
		must(realloc(moment->kept, (moment->kept_count + 1) * sizeof(*moment->kept)));
	moment->kept[moment->kept_count++] = text;
}

/* Bytes that are no UTF-8 stand in an array, in hexadecimal. */
static const char *bytes_of(struct moment *moment, const json_t *bytes, size_t *ret_length)
{
	size_t length = json_array_size(bytes), i;
	char *text = must(calloc(length + 1, 1));
	json_t *byte;

	json_array_foreach(bytes, i, byte)
		text[i] = (char)strtoul(json_string_value(byte), NULL, 16);
	keep(moment, text);
	*ret_length = length;
	return text;
}

static const char *text(struct moment *moment, const json_t *record, const char *name)
{
	const json_t *value = json_object_get(record, name);
	size_t length;

	if (json_is_array(value))
		return bytes_of(moment, value, &length);
	return value ? json_string_value(value) : "";
}

static int index_of(const struct moment_names *names, const char *name)
{
	char *end;
	long i;

	for (i = 0; i < names->count; i++)
		if (names->name[i] && strcmp(names->name[i], name) == 0)
			return (int)i;
	i = strtol(name, &end, 10);
	if (!*name || *end || i < 0 || i >= names->count)
		refuse("nothing is called %s", name);
	return (int)i;
}

static void read_counts(__u64 *ret_count, const json_t *record, const struct moment_names *names)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)record, name, value)
		ret_count[index_of(names, name)] = number_of(value);
}

static void read_labels(struct moment *moment, struct model_labels *ret_labels,
			const json_t *record)
{
	*ret_labels = (struct model_labels){ {
		[MODEL_APP] = text(moment, record, "app"),
		[MODEL_NAMESPACE] = text(moment, record, "namespace"),
		[MODEL_INSTANCE] = text(moment, record, "instance"),
		[MODEL_POD] = text(moment, record, "pod"),
		[MODEL_CONTAINER] = text(moment, record, "container"),
	} };
}

/* The record with this number of a list, or NULL behind its end. */
static const json_t *nth(const json_t *records, const char *kind, uint32_t i)
{
	char key[64];

	snprintf(key, sizeof(key), "%s %03u", kind, i);
	return json_object_get(records, key);
}

static uint32_t count_of(const json_t *records, const char *kind)
{
	uint32_t count = 0;

	while (nth(records, kind, count))
		count++;
	return count;
}

/* Memory for a list of records, a void pointer; there may be none. */
static void *list(const json_t *records, const char *kind, uint32_t *ret_count, size_t size)
{
	*ret_count = count_of(records, kind);
	return must(calloc(*ret_count + 1, size));
}

static void read_agent(struct moment *moment, const json_t *records)
{
	const json_t *agent = json_object_get(records, "agent");
	const json_t *bounds = json_object_get(agent, "bounds_ns");
	struct grid *grid = must(calloc(1, sizeof(*grid)));

	moment->region = text(moment, agent, "region");
	moment->host = text(moment, agent, "host");
	moment->version = text(moment, agent, "version");
	moment->revision = text(moment, agent, "revision");
	moment->run = text(moment, agent, "proxy_id");
	moment->has_pods = number(agent, "has_pods");
	moment->max_apps = (uint32_t)number(agent, "max_apps");
	moment->classic_count = json_array_size(bounds);
	for (size_t i = 0; i < moment->classic_count && i < GRID_MAX_CLASSIC; i++)
		moment->classic_ns[i] = number_of(json_array_get(bounds, i));
	if (grid__build(grid, moment->classic_ns, moment->classic_count))
		refuse("its bounds are none");
	moment->snapshot.grid = grid;
}

static void read_machine(struct moment *moment, const json_t *records)
{
	struct snapshot *snapshot = &moment->snapshot;
	const json_t *machine = json_object_get(records, "machine");
	const json_t *uncounted = json_object_get(machine, "uncounted");
	struct snapshot_program *programs;
	struct snapshot_map *maps;

	snapshot->live_sockets = number(machine, "live_sockets");
	snapshot->connection_bytes = number(machine, "connection_bytes");
	snapshot->connection_bytes_limit = number(machine, "connection_bytes_limit");
	for (size_t i = 0; i < json_array_size(uncounted); i++)
		snapshot->uncounted |= 1ULL
				       << index_of(&names_counts,
						   json_string_value(json_array_get(uncounted, i)));
	read_counts((__u64 *)snapshot->loss, json_object_get(records, "loss"), &names_losses);
	read_counts((__u64 *)moment->own, json_object_get(records, "exporter"), &names_exporter);
	read_counts((__u64 *)moment->own, json_object_get(records, "tls"), &names_tls);
	read_counts((__u64 *)moment->own, json_object_get(records, "databases"), &names_databases);
	snapshot->maps = maps = list(records, "map", &snapshot->map_count, sizeof(*maps));
	for (uint32_t i = 0; i < snapshot->map_count; i++) {
		const json_t *record = nth(records, "map", i);

		maps[i] = (struct snapshot_map){ text(moment, record, "name"),
						 number(record, "entries"),
						 number(record, "capacity"),
						 number(record, "bytes") };
	}
	snapshot->programs = programs =
		list(records, "program", &snapshot->program_count, sizeof(*programs));
	for (uint32_t i = 0; i < snapshot->program_count; i++) {
		const json_t *record = nth(records, "program", i);

		programs[i] = (struct snapshot_program){ text(moment, record, "name"),
							 number(record, "runs"),
							 number(record, "run_ns"),
							 number(record, "missed") };
	}
}

static void read_slots(struct moment *moment, const json_t *records)
{
	uint32_t count = (uint32_t)number(json_object_get(records, "agent"), "slots");
	struct instance_slot *slots = must(calloc(count + 1, sizeof(*slots)));

	moment->identity = must(calloc(count + 1, sizeof(*moment->identity)));
	for (uint32_t i = 0; i < count; i++) {
		const json_t *record = nth(records, "slot", i);
		struct identity *identity;

		if (!record)
			continue;
		slots[i].in_use = 1;
		slots[i].generation = (uint32_t)number(record, "generation");
		slots[i].account = (uint32_t)number(record, "account");
		slots[i].born_ns = number(record, "born_ns");
		read_counts(slots[i].count, json_object_get(record, "counts"), &names_counts);
		if (!json_object_get(record, "app"))
			continue;
		identity = must(calloc(1, sizeof(*identity)));
		identity->app = text(moment, record, "app");
		identity->instance = text(moment, record, "instance");
		identity->namespace_ = text(moment, record, "namespace");
		identity->pod = text(moment, record, "pod");
		identity->container = text(moment, record, "container");
		identity->runtime = "";
		identity->dropped = number(record, "dropped");
		moment->identity[i] = identity;
	}
	moment->snapshot.slots = slots;
	moment->snapshot.slot_count = count;
}

/* What follows the kind in a key; NULL if it is of another one. */
static const char *rest_of(const char *key, const char *kind)
{
	size_t length = strlen(kind);

	return strncmp(key, kind, length) == 0 && key[length] == ' ' ? key + length + 1 : NULL;
}

/* Slot and status of a key, "003 404"; false if it is of what is beyond a limit. */
static bool read_key(const char *rest, uint32_t *ret_slot, uint16_t *ret_status)
{
	char name[MOMENT_STATUS_BYTES];

	if (strcmp(rest, "other") == 0)
		return false;
	if (sscanf(rest, "%u %15s", ret_slot, name) != 2)
		refuse("%s is no slot and status", rest);
	*ret_status = (uint16_t)moment_status__of(name);
	return true;
}

static void read_statuses(struct moment *moment, const json_t *records)
{
	struct status_entry *statuses =
		must(calloc(json_object_size(records) + 1, sizeof(*statuses)));
	uint32_t used = OTHER_INDEX + 1, i;
	const char *key, *rest;
	json_t *record;

	json_object_foreach((json_t *)records, key, record) {
		struct status_key to = { 0 };

		rest = rest_of(key, "status");
		if (!rest)
			continue;
		i = read_key(rest, &to.slot, &to.status) ? used++ : OTHER_INDEX;
		statuses[i].key = to;
		statuses[i].in_use = 1;
		read_counts(statuses[i].responses, record, &names_methods);
	}
	moment->snapshot.statuses = statuses;
	moment->snapshot.status_count = used;
}

/* The last cell is of what is above all bounds. */
static uint32_t cell_of(const struct grid *grid, uint64_t bound_ns)
{
	uint32_t i = 0;

	while (i < grid->bounds && grid->bound_ns[i] < bound_ns)
		i++;
	return i;
}

static void read_rows(const struct moment *moment, struct row_group *ret_group, uint32_t slot,
		      uint16_t status, const json_t *record)
{
	const struct grid *grid = moment->snapshot.grid;
	const char *name, *bound;
	json_t *value, *cell;

	ret_group->key = (struct row_group_key){ .slot = slot, .status = status };
	ret_group->in_use = 1;
	json_object_foreach((json_t *)record, name, value) {
		struct row *row = &ret_group->row[index_of(moment_names__rows(status), name)];

		row->sum_ns = number(value, "sum_ns");
		json_object_foreach(json_object_get(value, "cells"), bound, cell) {
			uint64_t bound_ns = strcmp(bound, "inf") ? strtoull(bound, NULL, 10)
								 : UINT64_MAX;

			row->cell[cell_of(grid, bound_ns)] = number_of(cell);
		}
	}
}

/* A path in hexadecimal. */
static void read_path(struct rpc_key *ret_key, const char *path)
{
	unsigned int byte;

	for (; sscanf(path, "%2x", &byte) == 1 && ret_key->bytes < RPC_PATH_BYTES; path += 2)
		ret_key->path[ret_key->bytes++] = (uint8_t)byte;
}

/* Groups of histograms: those of gRPC methods know these by their index. */
static void read_rpcs(struct moment *moment, const json_t *records)
{
	size_t most = json_object_size(records) + 1;
	struct row_group *groups = must(calloc(most, sizeof(*groups)));
	struct rpc_entry *rpcs = must(calloc(most, sizeof(*rpcs)));
	uint32_t used = OTHER_INDEX + 1, groups_used = OTHER_INDEX + 1, i;
	const char *key, *rest;
	json_t *record;

	json_object_foreach((json_t *)records, key, record) {
		char coding[16], path[2 * RPC_PATH_BYTES + 1] = "";
		uint32_t slot = 0;
		uint16_t status = 0;

		if ((rest = rest_of(key, "rows"))) {
			i = read_key(rest, &slot, &status) ? groups_used++ : OTHER_INDEX;
			read_rows(moment, &groups[i], slot, status, record);
		}
		rest = rest_of(key, "rpc");
		if (!rest)
			continue;
		i = sscanf(rest, "%u %15s %176s", &slot, coding, path) >= 2 ? used++ : OTHER_INDEX;
		rpcs[i].key = (struct rpc_key){ .slot = slot };
		rpcs[i].in_use = 1;
		rpcs[i].key.huffman = i && strcmp(coding, "huffman") == 0;
		read_path(&rpcs[i].key, path);
		read_counts(rpcs[i].responses, json_object_get(record, "codes"), &names_codes);
		if (json_object_get(record, "rows"))
			read_rows(moment, &groups[groups_used++], slot, (uint16_t)STATUS_RPC(i),
				  json_object_get(record, "rows"));
	}
	moment->snapshot.groups = groups;
	moment->snapshot.group_count = groups_used;
	moment->snapshot.rpcs = rpcs;
	moment->snapshot.rpc_count = used;
}

static void read_destination(struct moment *moment, const json_t *record,
			     struct snapshot_series *to)
{
	uint16_t port_be16 = htons((uint16_t)number(record, "port"));
	char *name = must(calloc(1, NAME_ADDRESS_BYTES));

	keep(moment, name);
	if (inet_pton(AF_INET6, text(moment, record, "address"), name) != 1)
		refuse("a destination has no address");
	memcpy(name + 16, &port_be16, sizeof(port_be16));
	to->name[0] = name;
	to->count[DESTINATION_CONNECTS] = number(record, "connects");
	to->count[DESTINATION_REFUSED] = number(record, "refused");
	to->count[DESTINATION_FAILED] = number(record, "failed");
}

static void read_tls_error(struct moment *moment, const json_t *record, struct snapshot_series *to)
{
	to->name[0] = text(moment, record, "server_name");
	to->name[1] = text(moment, record, "by");
	to->name[2] = text(moment, record, "reason");
	to->count[0] = number(record, "count");
}

static void read_tls_hello(struct moment *moment, const json_t *record, struct snapshot_series *to)
{
	to->name[0] = text(moment, record, "alpn");
	to->count[0] = number(record, "count");
}

static void read_exit(struct moment *moment, const json_t *record, struct snapshot_series *to)
{
	to->name[0] = text(moment, record, "code");
	to->count[0] = number(record, "count");
}

static void read_series(struct moment *moment, const json_t *records)
{
	static const struct {
		const char *kind;
		void (*read)(struct moment *moment, const json_t *record,
			     struct snapshot_series *to);
	} forms[SERIES_KINDS] = {
		[SERIES_DESTINATIONS] = { "destination", read_destination },
		[SERIES_TLS_ERRORS] = { "tls_error", read_tls_error },
		[SERIES_TLS_HELLOS] = { "tls_hello", read_tls_hello },
		[SERIES_EXITS] = { "exit", read_exit },
	};

	for (int kind = 0; kind < SERIES_KINDS; kind++) {
		uint32_t *count = &moment->snapshot.series_count[kind];
		struct snapshot_series *to = list(records, forms[kind].kind, count, sizeof(*to));

		for (uint32_t i = 0; i < *count; i++) {
			const json_t *record = nth(records, forms[kind].kind, i);

			to[i].slot = (uint32_t)number(record, "slot");
			to[i].generation = (uint32_t)number(record, "generation");
			forms[kind].read(moment, record, &to[i]);
		}
		moment->snapshot.series[kind] = to;
	}
}

static void read_values(struct moment *moment, int64_t owner, const json_t *values)
{
	const char *name;
	json_t *of_kind, *value;
	size_t i;

	json_object_foreach((json_t *)values, name, of_kind) {
		int kind = index_of(&names_readings, name);

		json_array_foreach(of_kind, i, value) {
			if (readings__add(moment->readings, owner, (enum reading_kind)kind,
					  number_of(json_array_get(value, 0)),
					  json_string_value(json_array_get(value, 1)),
					  json_string_value(json_array_get(value, 2)),
					  json_string_value(json_array_get(value, 3))))
				refuse("a reading of %s finds no room", name);
		}
	}
}

static void read_readings(struct moment *moment, const json_t *records)
{
	const json_t *record;

	readings__clear(moment->readings);
	for (uint32_t i = 0; (record = nth(records, "reading", i)); i++) {
		struct model_labels labels;

		read_labels(moment, &labels, record);
		read_values(moment, readings__owner(moment->readings, &labels),
			    json_object_get(record, "values"));
	}
}

static void read_endpoints(struct moment *moment, const json_t *records)
{
	uint32_t count;
	struct moment_endpoint *to = list(records, "endpoint", &count, sizeof(*to));

	for (uint32_t i = 0; i < count; i++) {
		const json_t *record = nth(records, "endpoint", i);
		const json_t *body = json_object_get(record, "body");

		to[i].slot = (uint32_t)number(record, "slot");
		to[i].generation = (uint32_t)number(record, "generation");
		read_labels(moment, &to[i].labels, record);
		to[i].port = (uint16_t)number(record, "port");
		to[i].path = text(moment, record, "path");
		to[i].by_executable = number(record, "by_executable");
		to[i].is_openmetrics = number(record, "is_openmetrics");
		if (json_is_array(body)) {
			to[i].body = bytes_of(moment, body, &to[i].length);
		} else {
			to[i].body = json_string_value(body);
			to[i].length = json_string_length(body);
		}
	}
	moment->endpoint = to;
	moment->endpoint_count = count;
}

void moment__read(struct moment *ret_moment, const json_t *records, struct readings *readings)
{
	*ret_moment = (struct moment){ .readings = readings };
	read_agent(ret_moment, records);
	read_machine(ret_moment, records);
	read_slots(ret_moment, records);
	read_statuses(ret_moment, records);
	read_rpcs(ret_moment, records);
	read_series(ret_moment, records);
	read_readings(ret_moment, records);
	read_endpoints(ret_moment, records);
}

void moment__free(struct moment *moment)
{
	const struct snapshot *snapshot = &moment->snapshot;

	for (uint32_t i = 0; i < snapshot->slot_count; i++)
		free((void *)moment->identity[i]);
	free(moment->identity);
	free((void *)snapshot->grid);
	free((void *)snapshot->maps);
	free((void *)snapshot->programs);
	free((void *)snapshot->slots);
	free((void *)snapshot->statuses);
	free((void *)snapshot->groups);
	free((void *)snapshot->rpcs);
	for (int kind = 0; kind < SERIES_KINDS; kind++)
		free((void *)snapshot->series[kind]);
	free(moment->endpoint);
	for (size_t i = 0; i < moment->kept_count; i++)
		free(moment->kept[i]);
	free(moment->kept);
}
