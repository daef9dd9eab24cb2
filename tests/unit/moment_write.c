// SPDX-License-Identifier: Apache-2.0
/* From a moment to records. */
#include <arpa/inet.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "metrics/rpc_path.h"
#include "moment.h"

#define KEY_BYTES 256

static json_t *text_of(const char *text, size_t length)
{
	json_t *value = json_stringn(text, length), *bytes;
	char hex[3];

	if (value)
		return value;
	/* no UTF-8 */
	bytes = json_array();
	for (size_t i = 0; i < length; i++) {
		snprintf(hex, sizeof(hex), "%02x", (unsigned char)text[i]);
		json_array_append_new(bytes, json_string(hex));
	}
	return bytes;
}

static void put_text(json_t *record, const char *name, const char *text)
{
	if (text && *text)
		json_object_set_new(record, name, text_of(text, strlen(text)));
}

static void put_number(json_t *record, const char *name, uint64_t number)
{
	if (number)
		json_object_set_new(record, name, json_sprintf("%llu", (unsigned long long)number));
}

static void put_counts(json_t *record, const struct moment_names *names, const __u64 *count)
{
	char index[16];

	for (int i = 0; i < names->count; i++) {
		if (names->is_part && !names->name[i])
			continue;
		snprintf(index, sizeof(index), "%d", i);
		put_number(record, names->name[i] ? names->name[i] : index, count[i]);
	}
}

/* An object that is left out where there is nothing in it. */
static void put_object(json_t *record, const char *name, json_t *object)
{
	if (json_object_size(object))
		json_object_set_new(record, name, object);
	else
		json_decref(object);
}

__attribute__((format(printf, 3, 4))) static void add(json_t *records, json_t *record,
						      const char *format, ...)
{
	char key[KEY_BYTES];
	va_list args;

	va_start(args, format);
	vsnprintf(key, sizeof(key), format, args);
	va_end(args);
	json_object_set_new(records, key, record);
}

static void put_labels(json_t *record, const struct model_labels *labels)
{
	static const char *const names[MODEL_LABELS] = {
		[MODEL_APP] = "app", [MODEL_NAMESPACE] = "namespace", [MODEL_INSTANCE] = "instance",
		[MODEL_POD] = "pod", [MODEL_CONTAINER] = "container",
	};

	for (int i = 0; i < MODEL_LABELS; i++)
		put_text(record, names[i], labels->value[i]);
}

/* What is edgetap's own, such as the machine, begins with two underlines. */
static bool is_wanted(const char *app, const char *apps)
{
	return strncmp(app, "__", 2) == 0 || strncmp(app, apps, strlen(apps)) == 0;
}

/* Whether what is counted for a slot is recorded. */
static bool is_recorded(const struct moment *moment, uint32_t slot, const char *apps)
{
	if (slot == OTHER_INDEX)
		return true;
	if (slot >= moment->snapshot.slot_count || !moment->snapshot.slots[slot].in_use)
		return false;
	return moment->identity[slot] ? is_wanted(moment->identity[slot]->app, apps) : !*apps;
}

static void write_agent(json_t *records, const struct moment *moment)
{
	json_t *agent = json_object(), *bounds = json_array();

	put_text(agent, "region", moment->region);
	put_text(agent, "host", moment->host);
	put_text(agent, "version", moment->version);
	put_text(agent, "revision", moment->revision);
	put_text(agent, "proxy_id", moment->run);
	put_number(agent, "has_pods", moment->has_pods);
	put_number(agent, "slots", moment->snapshot.slot_count);
	put_number(agent, "max_apps", moment->max_apps);
	for (size_t i = 0; i < moment->classic_count; i++)
		json_array_append_new(
			bounds, json_sprintf("%llu", (unsigned long long)moment->classic_ns[i]));
	json_object_set_new(agent, "bounds_ns", bounds);
	add(records, agent, "agent");
}

static void write_machine(json_t *records, const struct moment *moment)
{
	const struct snapshot *snapshot = &moment->snapshot;
	json_t *machine = json_object(), *loss = json_object(), *exporter = json_object();
	json_t *tls = json_object(), *databases = json_object(), *uncounted = json_array();

	put_number(machine, "live_sockets", snapshot->live_sockets);
	put_number(machine, "connection_bytes", snapshot->connection_bytes);
	put_number(machine, "connection_bytes_limit", snapshot->connection_bytes_limit);
	for (int i = 0; i < INSTANCE_COUNTS; i++)
		if (snapshot->uncounted & 1ULL << i)
			json_array_append_new(uncounted, json_string(names_counts.name[i]));
	json_object_set_new(machine, "uncounted", uncounted);
	add(records, machine, "machine");
	put_counts(loss, &names_losses, (const __u64 *)snapshot->loss);
	add(records, loss, "loss");
	put_counts(exporter, &names_exporter, (const __u64 *)moment->own);
	add(records, exporter, "exporter");
	put_counts(tls, &names_tls, (const __u64 *)moment->own);
	add(records, tls, "tls");
	put_counts(databases, &names_databases, (const __u64 *)moment->own);
	add(records, databases, "databases");
	for (uint32_t i = 0; i < snapshot->map_count; i++) {
		const struct snapshot_map *map = &snapshot->maps[i];
		json_t *record = json_object();

		put_text(record, "name", map->name);
		put_number(record, "entries", map->entries);
		put_number(record, "capacity", map->capacity);
		put_number(record, "bytes", map->bytes);
		add(records, record, "map %03u", i);
	}
	for (uint32_t i = 0; i < snapshot->program_count; i++) {
		const struct snapshot_program *program = &snapshot->programs[i];
		json_t *record = json_object();

		put_text(record, "name", program->name);
		put_number(record, "runs", program->run_count);
		put_number(record, "run_ns", program->run_ns);
		put_number(record, "missed", program->missed);
		add(records, record, "program %03u", i);
	}
}

static void write_slot(json_t *records, const struct moment *moment, uint32_t slot)
{
	const struct instance_slot *from = &moment->snapshot.slots[slot];
	const struct identity *identity = slot == OTHER_INDEX ? NULL : moment->identity[slot];
	json_t *record = json_object(), *counts = json_object();

	put_number(record, "generation", from->generation);
	put_number(record, "account", from->account);
	put_number(record, "born_ns", from->born_ns);
	if (identity) {
		const struct model_labels labels = model_labels__of(identity);

		put_labels(record, &labels);
		put_number(record, "dropped", identity->dropped);
	}
	put_counts(counts, &names_counts, from->count);
	put_object(record, "counts", counts);
	add(records, record, "slot %03u", slot);
}

static void write_statuses(json_t *records, const struct moment *moment, const char *apps)
{
	const struct snapshot *snapshot = &moment->snapshot;
	char name[MOMENT_STATUS_BYTES];

	for (uint32_t i = 0; i < snapshot->status_count; i++) {
		const struct status_entry *status = &snapshot->statuses[i];
		json_t *record;

		if (i != OTHER_INDEX &&
		    (!status->in_use || !is_recorded(moment, status->key.slot, apps)))
			continue;
		record = json_object();
		put_counts(record, &names_methods, status->responses);
		moment_status__name(name, status->key.status);
		if (i == OTHER_INDEX)
			add(records, record, "status other");
		else
			add(records, record, "status %03u %s", status->key.slot, name);
	}
}

static void put_row(json_t *record, const char *name, const struct row *row,
		    const struct grid *grid)
{
	json_t *object = json_object(), *cells = json_object();
	char bound[24];

	put_number(object, "sum_ns", row->sum_ns);
	for (uint32_t i = 0; i <= grid->bounds; i++) {
		if (i < grid->bounds)
			snprintf(bound, sizeof(bound), "%llu",
				 (unsigned long long)grid->bound_ns[i]);
		else
			snprintf(bound, sizeof(bound), "inf");
		put_number(cells, bound, row->cell[i]);
	}
	put_object(object, "cells", cells);
	put_object(record, name, object);
}

static json_t *rows_of(const struct moment *moment, const struct row_group *group,
		       const struct moment_names *names)
{
	json_t *record = json_object();
	char index[16];

	for (int i = 0; i < names->count; i++) {
		snprintf(index, sizeof(index), "%d", i);
		put_row(record, names->name[i] ? names->name[i] : index, &group->row[i],
			moment->snapshot.grid);
	}
	return record;
}

static void write_groups(json_t *records, const struct moment *moment, const char *apps)
{
	const struct snapshot *snapshot = &moment->snapshot;
	char name[MOMENT_STATUS_BYTES];

	for (uint32_t i = 0; i < snapshot->group_count; i++) {
		const struct row_group *group = &snapshot->groups[i];
		json_t *record;

		if (i != OTHER_INDEX && (!group->in_use || status_is_rpc(group->key.status) ||
					 !is_recorded(moment, group->key.slot, apps)))
			continue;
		record = rows_of(moment, group, moment_names__rows(group->key.status));
		moment_status__name(name, group->key.status);
		if (i == OTHER_INDEX)
			add(records, record, "rows other");
		else
			add(records, record, "rows %03u %s", group->key.slot, name);
	}
}

static void put_rpc_rows(json_t *record, const struct moment *moment, uint32_t slot,
			 unsigned int status)
{
	for (uint32_t i = 1; i < moment->snapshot.group_count; i++) {
		const struct row_group *group = &moment->snapshot.groups[i];

		if (group->in_use && group->key.slot == slot && group->key.status == status)
			put_object(record, "rows",
				   rows_of(moment, group, moment_names__rows(status)));
	}
}

static void write_rpcs(json_t *records, const struct moment *moment, const char *apps)
{
	const struct snapshot *snapshot = &moment->snapshot;
	char path[2 * RPC_PATH_BYTES + 1];

	for (uint32_t i = 0; i < snapshot->rpc_count; i++) {
		const struct rpc_entry *rpc = &snapshot->rpcs[i];
		json_t *record, *codes;

		if (i != OTHER_INDEX && (!rpc->in_use || !is_recorded(moment, rpc->key.slot, apps)))
			continue;
		record = json_object();
		codes = json_object();
		put_counts(codes, &names_codes, rpc->responses);
		put_object(record, "codes", codes);
		if (i == OTHER_INDEX) {
			add(records, record, "rpc other");
			continue;
		}
		put_rpc_rows(record, moment, rpc->key.slot, STATUS_RPC(i));
		*path = '\0';
		for (int n = 0; n < rpc->key.bytes; n++)
			snprintf(path + 2 * n, 3, "%02x", rpc->key.path[n]);
		add(records, record, "rpc %03u %s %s", rpc->key.slot,
		    rpc->key.huffman ? "huffman" : "plain", path);
	}
}

static void put_destination(json_t *record, const struct snapshot_series *from)
{
	char address[INET6_ADDRSTRLEN];
	uint16_t port_be16;

	memcpy(&port_be16, from->name[0] + 16, sizeof(port_be16));
	inet_ntop(AF_INET6, from->name[0], address, sizeof(address));
	put_text(record, "address", address);
	put_number(record, "port", ntohs(port_be16));
	put_number(record, "connects", from->count[DESTINATION_CONNECTS]);
	put_number(record, "refused", from->count[DESTINATION_REFUSED]);
	put_number(record, "failed", from->count[DESTINATION_FAILED]);
}

static void put_tls_error(json_t *record, const struct snapshot_series *from)
{
	put_text(record, "server_name", from->name[0]);
	put_text(record, "by", from->name[1]);
	put_text(record, "reason", from->name[2]);
	put_number(record, "count", from->count[0]);
}

static void put_tls_hello(json_t *record, const struct snapshot_series *from)
{
	put_text(record, "alpn", from->name[0]);
	put_number(record, "count", from->count[0]);
}

static void put_exit(json_t *record, const struct snapshot_series *from)
{
	put_text(record, "code", from->name[0]);
	put_number(record, "count", from->count[0]);
}

static void write_series(json_t *records, const struct moment *moment, const char *apps)
{
	static const struct {
		const char *kind;
		void (*put)(json_t *record, const struct snapshot_series *from);
	} forms[SERIES_KINDS] = {
		[SERIES_DESTINATIONS] = { "destination", put_destination },
		[SERIES_TLS_ERRORS] = { "tls_error", put_tls_error },
		[SERIES_TLS_HELLOS] = { "tls_hello", put_tls_hello },
		[SERIES_EXITS] = { "exit", put_exit },
	};

	for (int kind = 0; kind < SERIES_KINDS; kind++) {
		unsigned int count = 0;

		for (uint32_t i = 0; i < moment->snapshot.series_count[kind]; i++) {
			const struct snapshot_series *from = &moment->snapshot.series[kind][i];
			json_t *record;

			if (!is_recorded(moment, from->slot, apps))
				continue;
			record = json_object();
			put_number(record, "slot", from->slot);
			put_number(record, "generation", from->generation);
			forms[kind].put(record, from);
			add(records, record, "%s %03u", forms[kind].kind, count++);
		}
	}
}

static json_t *values_of(struct readings *readings, uint32_t owner)
{
	json_t *values = json_object(), *of_kind, *value;
	const struct reading *reading;

	for (int kind = 0; kind < READING_KINDS; kind++) {
		size_t count = readings__of(readings, (enum reading_kind)kind, &reading);

		of_kind = json_array();
		for (size_t i = 0; i < count; i++) {
			int labels = READING_LABELS;

			if (reading[i].owner != owner)
				continue;
			value = json_array();
			json_array_append_new(
				value, json_sprintf("%llu", (unsigned long long)reading[i].value));
			while (labels && !*reading[i].label[labels - 1])
				labels--;
			for (int label = 0; label < labels; label++)
				json_array_append_new(value, json_string(reading[i].label[label]));
			json_array_append_new(of_kind, value);
		}
		if (json_array_size(of_kind))
			json_object_set(values, names_readings.name[kind], of_kind);
		json_decref(of_kind);
	}
	return values;
}

static void write_readings(json_t *records, const struct moment *moment, const char *apps)
{
	size_t owners = moment->readings ? readings__owners(moment->readings) : 0;
	unsigned int count = 0;

	for (uint32_t i = 0; i < owners; i++) {
		const struct model_labels *labels = readings__labels(moment->readings, i);
		json_t *record;

		/* those without an app are of nobody */
		if (*labels->value[MODEL_APP] && !is_wanted(labels->value[MODEL_APP], apps))
			continue;
		record = json_object();
		put_labels(record, labels);
		put_object(record, "values", values_of(moment->readings, i));
		add(records, record, "reading %03u", count++);
	}
}

static void write_endpoints(json_t *records, const struct moment *moment, const char *apps)
{
	unsigned int count = 0;

	for (size_t i = 0; i < moment->endpoint_count; i++) {
		const struct moment_endpoint *from = &moment->endpoint[i];
		json_t *record;

		if (!is_wanted(from->labels.value[MODEL_APP], apps))
			continue;
		record = json_object();
		put_number(record, "slot", from->slot);
		put_number(record, "generation", from->generation);
		put_labels(record, &from->labels);
		put_number(record, "port", from->port);
		put_text(record, "path", from->path);
		put_number(record, "by_executable", from->by_executable);
		put_number(record, "is_openmetrics", from->is_openmetrics);
		json_object_set_new(record, "body", text_of(from->body, from->length));
		add(records, record, "endpoint %03u", count++);
	}
}

static int compare_keys(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *sort(json_t *records)
{
	const char **key = calloc(json_object_size(records) + 1, sizeof(*key)), *name;
	json_t *sorted = json_object(), *record;
	size_t count = 0;

	json_object_foreach(records, name, record)
		key[count++] = name;
	qsort(key, count, sizeof(*key), compare_keys);
	for (size_t i = 0; i < count; i++)
		json_object_set(sorted, key[i], json_object_get(records, key[i]));
	free(key);
	json_decref(records);
	return sorted;
}

json_t *moment__write(const struct moment *moment, const char *apps)
{
	json_t *records = json_object();

	write_agent(records, moment);
	write_machine(records, moment);
	for (uint32_t i = 0; i < moment->snapshot.slot_count; i++)
		if (is_recorded(moment, i, apps))
			write_slot(records, moment, i);
	write_statuses(records, moment, apps);
	write_groups(records, moment, apps);
	write_rpcs(records, moment, apps);
	write_series(records, moment, apps);
	write_readings(records, moment, apps);
	write_endpoints(records, moment, apps);
	return sort(records);
}
