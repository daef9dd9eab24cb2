/* SPDX-License-Identifier: Apache-2.0 */
/* What is told by name, as the model has it: gRPC methods, TLS errors and hellos, exit codes. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "defaults.h"
#include "metrics/model_internal.h"

/* Paths are decoded once and not at every scrape. Returns NULL without memory. */
static const char *text_of(struct model *model, uint32_t index, const struct rpc_entry *rpc)
{
	struct model_rpc_text **known = &model->rpc_text[index];

	if (!*known) {
		*known = calloc(1, sizeof(**known));
		if (!*known)
			return NULL;
	} else if (!memcmp(&(*known)->key, &rpc->key, sizeof(rpc->key))) {
		return (*known)->text;
	}
	(*known)->key = rpc->key;
	rpc_path__text((*known)->text, &(*known)->key);
	return (*known)->text;
}

int model__read_rpcs(struct model *model, const struct snapshot *snapshot)
{
	for (uint32_t i = 0; i < snapshot->rpc_count; i++) {
		const struct rpc_entry *rpc = &snapshot->rpcs[i];
		bool other = i == OTHER_INDEX;
		uint32_t source =
			model__source_of(model, snapshot, other ? OTHER_INDEX : rpc->key.slot);
		const char *text = VALUE_OTHER;

		if ((!other && !rpc->in_use) || source == NO_SOURCE)
			continue;
		if (!other)
			text = text_of(model, i, rpc);
		if (!text)
			return -ENOMEM;
		model->rpcs[model->rpc_items++] =
			(struct model_rpc){ source, text, rpc->responses };
	}
	return 0;
}

void model__read_rollup_rpcs(struct model *model, const struct rollup_entry *entry, uint32_t source)
{
	for (uint32_t i = 0; i < entry->rpc_count; i++) {
		const struct rollup_rpc *rpc = entry->rpcs[i];

		model->rpcs[model->rpc_items++] =
			(struct model_rpc){ source, rpc->method, rpc->responses };
		model->rows[model->row_items++] =
			(struct model_rows){ source, STATUS_RPC(0), rpc->method, rpc->row };
	}
}

const char *model__method_of(const struct model *model, const struct snapshot *snapshot,
			     const struct row_group_key *group)
{
	uint32_t rpc;

	if (!status_is_rpc(group->status))
		return NULL;
	rpc = rpc_group__entry(group, snapshot);
	/* an entry that came after the entries were read has no text yet */
	if (rpc == OTHER_INDEX || !model->rpc_text[rpc] ||
	    memcmp(&model->rpc_text[rpc]->key, &snapshot->rpcs[rpc].key, sizeof(struct rpc_key)))
		return VALUE_OTHER;
	return model->rpc_text[rpc]->text;
}

static const char *checked(const char *name)
{
	return utf8__valid(name) ? name : VALUE_OTHER;
}

static void add_named(struct model *model, uint32_t source, enum named_kind kind, uint64_t count,
		      const char *const name[NAMED_NAMES])
{
	struct model_named *named = &model->named[model->named_items++];

	*named = (struct model_named){ .owner = source, .kind = kind, .count = count };
	for (int i = 0; i < NAMED_NAMES; i++)
		named->name[i] = name[i] ? checked(name[i]) : "";
}

/* Failed handshakes that the kernel could only count. */
static void add_unnamed(struct model *model, uint32_t source)
{
	uint64_t count = model->source[source].count[COUNT_TLS_UNNAMED_ERRORS];

	if (count)
		add_named(model, source, NAMED_TLS_ERROR, count,
			  (const char *[]){ VALUE_OTHER, VALUE_OTHER, VALUE_OTHER });
}

void model__read_named(struct model *model, const struct snapshot *snapshot)
{
	for (uint32_t i = 0; i < model->sources; i++)
		add_unnamed(model, i);
	for (uint32_t i = 0; i < snapshot->tls_error_count; i++) {
		const struct snapshot_tls_error *e = &snapshot->tls_errors[i];
		uint32_t source = model__source_of(model, snapshot, e->slot);

		if (source != NO_SOURCE && slot__is_current(snapshot, e->slot, e->generation))
			add_named(model, source, NAMED_TLS_ERROR, e->count,
				  (const char *[]){ e->server_name, e->by, e->reason });
	}
	for (uint32_t i = 0; i < snapshot->tls_hello_count; i++) {
		const struct snapshot_tls_hello *h = &snapshot->tls_hellos[i];
		uint32_t source = model__source_of(model, snapshot, h->slot);

		if (source != NO_SOURCE && slot__is_current(snapshot, h->slot, h->generation))
			add_named(model, source, NAMED_TLS_HELLO, h->count,
				  (const char *[NAMED_NAMES]){ h->alpn });
	}
	for (uint32_t i = 0; i < snapshot->exit_count; i++) {
		const struct snapshot_exit *e = &snapshot->exits[i];
		uint32_t source = model__source_of(model, snapshot, e->key.slot);

		if (source != NO_SOURCE &&
		    slot__is_current(snapshot, e->key.slot, e->key.generation))
			add_named(model, source, NAMED_EXIT, e->count,
				  (const char *[NAMED_NAMES]){ e->code });
	}
}

void model__read_rollup_named(struct model *model, const struct rollup_entry *entry,
			      uint32_t source)
{
	add_unnamed(model, source);
	for (uint32_t i = 0; i < entry->named_count; i++)
		add_named(model, source, entry->named[i].kind, entry->named[i].count,
			  (const char *const *)entry->named[i].name);
}
