// SPDX-License-Identifier: Apache-2.0
#include "loader/layouts.h"

#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "abi.h"
#include "loader/loader_internal.h"

/* FNV-1a, of 64 bits. */
#define HASH_START 0xcbf29ce484222325ULL
#define HASH_PRIME 0x100000001b3ULL

static void add_bytes(uint64_t *hash, const void *bytes, size_t count)
{
	for (const uint8_t *byte = bytes; count--; byte++)
		*hash = (*hash ^ *byte) * HASH_PRIME;
}

static void add_number(uint64_t *hash, uint64_t number)
{
	add_bytes(hash, &number, sizeof(number));
}

static void add_text(uint64_t *hash, const char *text)
{
	add_bytes(hash, text, strlen(text) + 1);
}

static void add_type(uint64_t *hash, const struct btf *btf, uint32_t id);

static void add_members(uint64_t *hash, const struct btf *btf, const struct btf_type *type)
{
	const struct btf_member *member = btf_members(type);

	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		add_text(hash, btf__name_by_offset(btf, member[i].name_off));
		add_number(hash, btf_member_bit_offset(type, i));
		add_number(hash, btf_member_bitfield_size(type, i));
		add_type(hash, btf, member[i].type);
	}
}

static void add_enum(uint64_t *hash, const struct btf *btf, const struct btf_type *type)
{
	const struct btf_enum *value = btf_enum(type);

	for (uint32_t i = 0; i < btf_vlen(type); i++) {
		add_text(hash, btf__name_by_offset(btf, value[i].name_off));
		add_number(hash, (uint32_t)value[i].val);
	}
}

static void add_variables(uint64_t *hash, const struct btf *btf, const struct btf_type *section)
{
	const struct btf_var_secinfo *variable = btf_var_secinfos(section);

	for (uint32_t i = 0; i < btf_vlen(section); i++) {
		const struct btf_type *type = btf__type_by_id(btf, variable[i].type);

		add_text(hash, btf__name_by_offset(btf, type->name_off));
		add_number(hash, variable[i].offset);
		add_type(hash, btf, type->type);
	}
}

static void add_type(uint64_t *hash, const struct btf *btf, uint32_t id)
{
	const struct btf_type *type = btf__type_by_id(btf, id);

	while (type && (btf_is_mod(type) || btf_is_typedef(type)))
		type = btf__type_by_id(btf, type->type);
	if (!type)
		return;
	add_number(hash, btf_kind(type));
	switch (btf_kind(type)) {
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
		add_text(hash, btf__name_by_offset(btf, type->name_off));
		add_number(hash, type->size);
		add_members(hash, btf, type);
		break;
	case BTF_KIND_ARRAY:
		add_number(hash, btf_array(type)->nelems);
		add_type(hash, btf, btf_array(type)->type);
		break;
	case BTF_KIND_ENUM:
		add_number(hash, type->size);
		add_enum(hash, btf, type);
		break;
	case BTF_KIND_DATASEC:
		add_variables(hash, btf, type);
		break;
	case BTF_KIND_INT:
		add_number(hash, type->size);
		break;
	}
}

uint64_t layouts__hash_type(const struct btf *btf, uint32_t type)
{
	uint64_t hash = HASH_START;

	add_type(&hash, btf, type);
	return hash;
}

static uint64_t hash_map(const struct btf *btf, const struct bpf_map *map)
{
	uint64_t hash = HASH_START;

	add_text(&hash, bpf_map__name(map));
	add_number(&hash, bpf_map__type(map));
	add_number(&hash, bpf_map__map_flags(map));
	add_number(&hash, bpf_map__key_size(map));
	add_number(&hash, bpf_map__value_size(map));
	add_type(&hash, btf, bpf_map__btf_key_type_id(map));
	add_type(&hash, btf, bpf_map__btf_value_type_id(map));
	return hash;
}

/* Of a type that the object has, or nothing. */
static uint64_t hash_named(const struct btf *btf, const char *name, uint32_t kind)
{
	int id = btf__find_by_name_kind(btf, name, kind);

	return id > 0 ? layouts__hash_type(btf, (uint32_t)id) : 0;
}

/* A sum does not depend on the order of what is in it. */
uint64_t layouts__hash(const struct bpf_object *object)
{
	const struct btf *btf = bpf_object__btf(object);
	uint64_t sum = hash_named(btf, "abi", BTF_KIND_STRUCT) +
		       hash_named(btf, ".bss", BTF_KIND_DATASEC) +
		       hash_named(btf, ".data", BTF_KIND_DATASEC);
	const struct bpf_map *map;

	bpf_object__for_each_map(map, object)
		if (!bpf_map__is_internal(map))
			sum += hash_map(btf, map);
	return sum;
}

int loader__abi(char ret_text[LOADER_ABI_BYTES])
{
	struct edgetap *skeleton = edgetap__open();

	if (!skeleton)
		return -ENOMEM;
	snprintf(ret_text, LOADER_ABI_BYTES, "%d-%016" PRIx64, ABI_VERSION,
		 layouts__hash(skeleton->obj));
	edgetap__destroy(skeleton);
	return 0;
}
