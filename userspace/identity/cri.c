// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "identity/cri.h"
#include "identity/runtime_facts.h"

/* Numbers of fields. */
enum {
	REQUEST_FILTER = 1,
	FILTER_ID = 1,
	RESPONSE_ITEMS = 1,
	SANDBOX_ID = 1,
	SANDBOX_LABELS = 5,
	SANDBOX_ANNOTATIONS = 6,
	ENTRY_KEY = 1,
	ENTRY_VALUE = 2,
};

/* Wire types (protobuf.dev, Encoding). */
enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

/* Bytes that are still to be read, and what was just read of them. */
struct message {
	const uint8_t *at, *end;
	uint64_t field;
	const uint8_t *bytes; /* NULL if the field has another type */
	size_t len;
	bool bad;
};

static struct message message_of(const uint8_t *bytes, size_t len)
{
	return (struct message){ .at = bytes, .end = bytes + len };
}

static bool bad(struct message *m)
{
	m->bad = true;
	return false;
}

static bool read_varint(struct message *m, uint64_t *ret_value)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64 && m->at < m->end; shift += 7) {
		uint8_t byte = *m->at++;

		value |= (uint64_t)(byte & 0x7f) << shift;
		if (byte & 0x80)
			continue;
		*ret_value = value;
		return true;
	}
	return bad(m);
}

/* The next field. False at the end, or behind what is no field. */
static bool next(struct message *m)
{
	uint64_t tag, value;

	m->bytes = NULL;
	m->len = 0;
	if (m->bad || m->at == m->end || !read_varint(m, &tag))
		return false;
	m->field = tag >> 3;
	switch (tag & 7) {
	case WIRE_VARINT:
		return read_varint(m, &value);
	case WIRE_64:
		value = 8;
		break;
	case WIRE_32:
		value = 4;
		break;
	case WIRE_BYTES:
		if (!read_varint(m, &value))
			return false;
		break;
	default:
		return bad(m);
	}
	if (value > (size_t)(m->end - m->at))
		return bad(m);
	if ((tag & 7) == WIRE_BYTES) {
		m->bytes = m->at;
		m->len = value;
	}
	m->at += value;
	return true;
}

size_t cri__ask_sandbox(char question[static CRI_QUESTION_BYTES], const char *id)
{
	size_t len = strnlen(id, 64);

	question[0] = REQUEST_FILTER << 3 | WIRE_BYTES;
	question[1] = (char)(len + 2);
	question[2] = FILTER_ID << 3 | WIRE_BYTES;
	question[3] = (char)len;
	memcpy(question + 4, id, len);
	return 4 + len;
}

/* One entry of a map of strings. */
static bool take_entry(struct runtime_facts *facts, unsigned int kind,
		       const struct message *sandbox)
{
	struct message entry = message_of(sandbox->bytes, sandbox->len), key = { 0 }, value = { 0 };

	while (next(&entry)) {
		if (entry.bytes && entry.field == ENTRY_KEY)
			key = entry;
		else if (entry.bytes && entry.field == ENTRY_VALUE)
			value = entry;
	}
	if (!entry.bad && key.bytes && value.bytes)
		runtime_facts__label(facts, kind, (const char *)key.bytes, key.len,
				     (const char *)value.bytes, value.len);
	return !entry.bad;
}

static bool is_sandbox(struct message sandbox, const char *id)
{
	while (next(&sandbox))
		if (sandbox.bytes && sandbox.field == SANDBOX_ID)
			return sandbox.len == strlen(id) &&
			       memcmp(sandbox.bytes, id, sandbox.len) == 0;
	return false;
}

static int take_pod(struct runtime_facts *facts, struct message sandbox)
{
	while (next(&sandbox)) {
		unsigned int kind = sandbox.field == SANDBOX_LABELS	   ? RUNTIME_LABEL
				    : sandbox.field == SANDBOX_ANNOTATIONS ? RUNTIME_ANNOTATION
									   : 0;

		if (sandbox.bytes && kind && !take_entry(facts, kind, &sandbox))
			return -EBADMSG;
	}
	return sandbox.bad ? -EBADMSG : 0;
}

int cri__take_sandbox(struct runtime_facts *facts, const char *answer, size_t len, const char *id)
{
	struct message list = message_of((const uint8_t *)answer, len);

	while (next(&list)) {
		struct message sandbox;

		if (!list.bytes || list.field != RESPONSE_ITEMS)
			continue;
		sandbox = message_of(list.bytes, list.len);
		if (is_sandbox(sandbox, id))
			return take_pod(facts, sandbox);
	}
	return list.bad ? -EBADMSG : -ENOENT;
}
