// SPDX-License-Identifier: Apache-2.0
#include "uprobes/go.h"

#include <elf.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* First words of the table. Before 1.16 functions took their arguments from the stack. */
#define MAGIC_1_16 0xfffffffaU
#define MAGIC_1_18 0xfffffff0U
#define MAGIC_1_20 0xfffffff1U

#define MAX_FUNCTIONS 4000000

static const char build_info_magic[] = "\xff Go buildinf:";
static const char build_id_mark[] = "\xff Go build ID: \"";

/* The header, in either layout. Offsets count from the table's start. */
struct pclntab {
	struct elf_part part;
	bool is_relative; /* entries are 32 bits wide and count from the text's start */
	uint64_t text;
	uint64_t function_count;
	uint64_t names;
	uint64_t names_end;
	uint64_t functions;
};

static uint32_t u32_at(const void *at)
{
	uint32_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

static uint64_t u64_at(const void *at)
{
	uint64_t value;

	memcpy(&value, at, sizeof(value));
	return value;
}

bool go__is(const struct elf *elf)
{
	return elf->go_buildinfo.bytes > 0 || elf->go_pclntab.bytes > 0;
}

/* Since 1.18 the text stands in the section, with its length before it. */
static int inline_version(struct elf *elf, char ret_version[GO_VERSION_BYTES])
{
	uint8_t bytes[1 + GO_VERSION_BYTES] = {};
	uint64_t at = elf->go_buildinfo.offset + 32;
	size_t length;

	if (elf->go_buildinfo.bytes < 33 || elf__read(elf, bytes, 1, at))
		return -ENOENT;
	length = bytes[0];
	if (!length || length > elf->go_buildinfo.bytes - 33 || length & 0x80)
		return -ENOENT;
	if (length >= GO_VERSION_BYTES)
		length = GO_VERSION_BYTES - 1;
	if (elf__read(elf, ret_version, length, at + 1))
		return -ENOENT;
	ret_version[length] = '\0';
	return 0;
}

/* Before, the section points to a string: address and length. */
static int pointed_version(struct elf *elf, const uint8_t *header,
			   char ret_version[GO_VERSION_BYTES])
{
	uint8_t string[16];
	uint64_t offset, length;

	if (header[14] != 8 || header[15] & 1 ||
	    elf__offset(elf, u64_at(header + 16), sizeof(string), false, &offset) ||
	    elf__read(elf, string, sizeof(string), offset))
		return -ENOENT;
	length = u64_at(string + 8);
	if (!length || length > 256 || elf__offset(elf, u64_at(string), length, false, &offset))
		return -ENOENT;
	if (length >= GO_VERSION_BYTES)
		length = GO_VERSION_BYTES - 1;
	if (elf__read(elf, ret_version, (size_t)length, offset))
		return -ENOENT;
	ret_version[length] = '\0';
	return 0;
}

int go__version(struct elf *elf, char ret_version[GO_VERSION_BYTES])
{
	char version[GO_VERSION_BYTES] = "";
	uint8_t header[32];
	int err;

	if (elf->go_buildinfo.bytes < sizeof(header) ||
	    elf__read(elf, header, sizeof(header), elf->go_buildinfo.offset) ||
	    memcmp(header, build_info_magic, 14) != 0)
		return -ENOENT;
	err = header[15] & 2 ? inline_version(elf, version) : pointed_version(elf, header, version);
	if (err)
		return err;
	/* it is shown: whatever stands there */
	for (char *p = version; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
	memcpy(ret_version, version, sizeof(version));
	return 0;
}

int go__minor(const char *version)
{
	const char *at = strstr(version, "go1.");
	long minor;
	char *end;

	if (!at || at[4] < '0' || at[4] > '9')
		return -EINVAL;
	minor = strtol(at + 4, &end, 10);
	return minor < 1000 ? (int)minor : -EINVAL;
}

/*
 * The header's word for the start of the text is filled in by the dynamic
 * linker in a position-independent program; the file has it in a relocation.
 */
static uint64_t relocated(struct elf *elf, struct elf_window *window, uint64_t address)
{
	const uint32_t relative = elf->machine == EM_X86_64 ? R_X86_64_RELATIVE
							    : R_AARCH64_RELATIVE;
	uint64_t total = elf->relocations.bytes / sizeof(Elf64_Rela);

	for (uint64_t i = 0; i < total; i++) {
		const void *at = elf__at(elf, window,
					 elf->relocations.offset + i * sizeof(Elf64_Rela),
					 sizeof(Elf64_Rela));
		Elf64_Rela entry;

		if (!at)
			return 0;
		memcpy(&entry, at, sizeof(entry));
		if (entry.r_offset == address && ELF64_R_TYPE(entry.r_info) == relative)
			return (uint64_t)entry.r_addend;
	}
	return 0;
}

/* Newer linkers leave the word zero: the text begins where the build id stands in it. */
static uint64_t marked_text(struct elf *elf)
{
	char text[sizeof(build_id_mark) - 1];

	if (elf->text.bytes < sizeof(text) ||
	    elf__read(elf, text, sizeof(text), elf->text.offset) ||
	    memcmp(text, build_id_mark, sizeof(text)) != 0)
		return 0;
	return elf->text.address;
}

static int pclntab__open(struct pclntab *table, struct elf *elf, struct elf_window *window,
			 const char **ret_reason)
{
	const struct elf_part *part = &elf->go_pclntab;
	const uint8_t *header = part->bytes < 72 ? NULL : elf__at(elf, window, part->offset, 72);
	size_t offsets;

	*ret_reason = "its table of functions is missing or broken";
	if (!header || header[4] || header[5] || header[7] != 8)
		return -ENOENT;
	*table = (struct pclntab){ .part = *part, .function_count = u64_at(header + 8) };
	switch (u32_at(header)) {
	case MAGIC_1_16:
		offsets = 24; /* after the numbers of functions and files */
		break;
	case MAGIC_1_18:
	case MAGIC_1_20:
		table->is_relative = true;
		table->text = u64_at(header + 24);
		offsets = 32;
		break;
	default:
		*ret_reason = "its table of functions is of a Go version that is not known";
		return -EOPNOTSUPP;
	}
	/* names, compilation units, files, programs, functions */
	table->names = u64_at(header + offsets);
	table->names_end = u64_at(header + offsets + 8);
	table->functions = u64_at(header + offsets + 32);
	if (table->names > table->names_end || table->names_end > part->bytes ||
	    table->functions > part->bytes || !table->function_count ||
	    table->function_count > MAX_FUNCTIONS)
		return -ENOENT;
	if (table->is_relative && !table->text)
		table->text = relocated(elf, window, part->address + 24);
	if (table->is_relative && !table->text)
		table->text = marked_text(elf);
	if (table->is_relative && !table->text) {
		*ret_reason = "where its code begins cannot be told";
		return -ENOENT;
	}
	return 0;
}

/* Offsets of the wanted names among the names; UINT32_MAX for one that is not there. */
static int find_names(const struct pclntab *table, struct elf *elf, struct elf_window *window,
		      const char *const *names, size_t count, uint32_t *ret_at)
{
	uint64_t at = table->names, start = table->names;
	size_t length[ELF_MAX_NAMES], found = 0;

	for (size_t i = 0; i < count; i++) {
		ret_at[i] = UINT32_MAX;
		length[i] = strlen(names[i]);
	}
	/* start: of the string that at is in */
	while (at < table->names_end && found < count) {
		uint64_t left = table->names_end - at;
		size_t size = left < ELF_WINDOW_BYTES ? (size_t)left : ELF_WINDOW_BYTES;
		const char *text = elf__at(elf, window, table->part.offset + at, size);
		const char *p = text, *end;

		if (!text)
			return -EIO;
		while ((end = memchr(p, '\0', (size_t)(text + size - p)))) {
			uint64_t bytes = at + (uint64_t)(end - text) - start;

			for (size_t i = 0; i < count; i++) {
				/* one that was cut by the piece's start has been seen whole before */
				if (bytes != length[i] || (uint64_t)(end - text) < bytes ||
				    ret_at[i] != UINT32_MAX || memcmp(end - bytes, names[i], bytes))
					continue;
				ret_at[i] = (uint32_t)(start - table->names);
				found++;
			}
			p = end + 1;
			start = at + (uint64_t)(p - text);
		}
		if (left <= size)
			break;
		/* the next piece begins with the string that is cut here, unless it has no end */
		at = start > at ? start : at + size;
	}
	return (int)found;
}

/* The address of function i, or of the end of the last. UINT64_MAX: not readable. */
static uint64_t entry_of(const struct pclntab *table, struct elf *elf, struct elf_window *window,
			 uint64_t i, uint64_t *ret_function)
{
	size_t width = table->is_relative ? 4 : 8;
	/* behind the last entry stands the end, alone */
	size_t size = i < table->function_count ? 2 * width : width;
	uint64_t at = table->functions + i * 2 * width;
	const uint8_t *entry;

	if (at > table->part.bytes || size > table->part.bytes - at)
		return UINT64_MAX;
	entry = elf__at(elf, window, table->part.offset + at, size);
	if (!entry)
		return UINT64_MAX;
	if (size == 2 * width)
		*ret_function = table->is_relative ? u32_at(entry + 4) : u64_at(entry + 8);
	return table->is_relative ? table->text + u32_at(entry) : u64_at(entry);
}

static int find_functions(const struct pclntab *table, struct elf *elf,
			  struct elf_window windows[2], const uint32_t *name_at, size_t count,
			  size_t wanted, struct elf_symbol *ret_symbols)
{
	size_t name_field = table->is_relative ? 4 : 8; /* behind the entry in struct _func */
	size_t found = 0;

	for (uint64_t i = 0; i < table->function_count && found < wanted; i++) {
		uint64_t function = 0, end, unused, offset;
		uint64_t address = entry_of(table, elf, &windows[0], i, &function);
		const uint8_t *name;

		if (address == UINT64_MAX || function > table->part.bytes - table->functions ||
		    name_field + 4 > table->part.bytes - table->functions - function)
			return -EIO;
		name = elf__at(elf, &windows[1],
			       table->part.offset + table->functions + function + name_field, 4);
		if (!name)
			return -EIO;
		for (size_t j = 0; j < count; j++) {
			if (name_at[j] == UINT32_MAX || u32_at(name) != name_at[j] ||
			    ret_symbols[j].address)
				continue;
			end = entry_of(table, elf, &windows[0], i + 1, &unused);
			if (end == UINT64_MAX || end <= address ||
			    elf__offset(elf, address, end - address, true, &offset))
				return -EIO;
			ret_symbols[j] = (struct elf_symbol){ address, offset, end - address };
			found++;
		}
	}
	return (int)found;
}

int go__find_in_pclntab(struct elf *elf, const char *const *names, size_t count,
			struct elf_symbol *ret_symbols, const char **ret_reason)
{
	struct elf_window *windows;
	struct pclntab table;
	uint32_t name_at[ELF_MAX_NAMES];
	int result;

	if (count > ELF_MAX_NAMES)
		return -EINVAL;
	windows = calloc(2, sizeof(*windows));
	if (!windows) {
		*ret_reason = "out of memory";
		return -ENOMEM;
	}
	result = pclntab__open(&table, elf, &windows[0], ret_reason);
	if (!result) {
		*ret_reason = "its table of functions is broken";
		result = find_names(&table, elf, &windows[0], names, count, name_at);
	}
	if (result > 0)
		result = find_functions(&table, elf, windows, name_at, count, (size_t)result,
					ret_symbols);
	free(windows);
	return result;
}

int go__find(struct elf *elf, const char *const *names, size_t count,
	     struct elf_symbol *ret_symbols, const char **ret_reason)
{
	int found = 0;

	if (count > ELF_MAX_NAMES)
		return -EINVAL;
	if (elf->symtab.symbols.bytes)
		found = elf__find(elf, &elf->symtab, names, count, ret_symbols);
	for (size_t i = 0; found > 0 && i < count; i++)
		if (ret_symbols[i].address && !ret_symbols[i].bytes)
			ret_symbols[i].address = 0; /* its end is not known */
	if (found > 0)
		return found;
	return go__find_in_pclntab(elf, names, count, ret_symbols, ret_reason);
}
