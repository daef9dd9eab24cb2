// SPDX-License-Identifier: Apache-2.0
#include "uprobes/elf.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define MAX_SECTIONS 4096
#define MAX_NAME_PLACES 64 /* in one string table, of all names that are looked for */

#ifndef EM_AARCH64
#define EM_AARCH64 183
#endif

#if defined(__x86_64__)
#define EM_HERE EM_X86_64
#elif defined(__aarch64__)
#define EM_HERE EM_AARCH64
#else
#define EM_HERE EM_NONE
#endif

/* Where a name of interest stands in a string table. */
struct place {
	uint32_t at;
	uint32_t name;
};

struct places {
	struct place place[MAX_NAME_PLACES];
	size_t count;
	uint64_t bits; /* a filter: one bit for each `at` */
};

static ssize_t read_file(void *ctx, void *to, size_t bytes, uint64_t offset)
{
	int fd = (int)(intptr_t)ctx;
	size_t length = 0;

	while (length < bytes) {
		ssize_t n =
			pread(fd, (char *)to + length, bytes - length, (off_t)(offset + length));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		length += (size_t)n;
	}
	return (ssize_t)length;
}

int elf_source__file(struct elf_source *ret_source, int fd)
{
	struct stat stat;

	if (fstat(fd, &stat))
		return -errno;
	if (!S_ISREG(stat.st_mode))
		return -EINVAL;
	*ret_source = (struct elf_source){
		.read = read_file,
		.ctx = (void *)(intptr_t)fd,
		.size = (uint64_t)stat.st_size,
	};
	return 0;
}

/* Up to size bytes; how many, or a negative errno. */
static ssize_t elf__read_some(struct elf *elf, void *to, size_t size, uint64_t offset)
{
	if (offset >= elf->source.size)
		return 0;
	if (size > elf->source.size - offset)
		size = (size_t)(elf->source.size - offset);
	if (size > elf->budget)
		return -E2BIG;
	elf->budget -= size;
	return elf->source.read(elf->source.ctx, to, size, offset);
}

int elf__read(struct elf *elf, void *to, size_t size, uint64_t offset)
{
	ssize_t n = elf__read_some(elf, to, size, offset);

	if (n < 0)
		return (int)n;
	return (size_t)n == size ? 0 : -ENODATA;
}

const void *elf__at(struct elf *elf, struct elf_window *window, uint64_t offset, size_t size)
{
	if (offset < window->start || offset - window->start > window->have ||
	    size > window->have - (offset - window->start)) {
		ssize_t n;

		if (size > sizeof(window->byte))
			return NULL;
		window->have = 0;
		n = elf__read_some(elf, window->byte, sizeof(window->byte), offset);
		if (n < 0 || (size_t)n < size)
			return NULL;
		window->start = offset;
		window->have = (size_t)n;
	}
	return window->byte + (offset - window->start);
}

static bool inside(uint64_t offset, uint64_t bytes, uint64_t size)
{
	return offset <= size && bytes <= size - offset;
}

int elf__offset(const struct elf *elf, uint64_t address, uint64_t size, bool code,
		uint64_t *ret_offset)
{
	for (size_t i = 0; i < elf->segment_count; i++) {
		const struct elf_segment *segment = &elf->segment[i];

		if (address < segment->part.address || (code && !segment->is_code) ||
		    !inside(address - segment->part.address, size, segment->part.bytes))
			continue;
		*ret_offset = segment->part.offset + (address - segment->part.address);
		return 0;
	}
	return -ENOENT;
}

static int refuse(int err, const char **ret_reason, const char *reason)
{
	*ret_reason = reason;
	return err;
}

static int read_segments(struct elf *elf, const Elf64_Ehdr *header, const char **ret_reason)
{
	Elf64_Phdr program;

	if (header->e_phentsize != sizeof(program) || header->e_phnum > 256)
		return refuse(-ENOEXEC, ret_reason, "its program headers are broken");
	for (size_t i = 0; i < header->e_phnum; i++) {
		int err = elf__read(elf, &program, sizeof(program),
				    header->e_phoff + i * sizeof(program));

		if (err == -ENODATA)
			return refuse(-ENOEXEC, ret_reason, "its program headers are broken");
		if (err)
			return err;
		if (program.p_type != PT_LOAD || !program.p_filesz)
			continue;
		if (!inside(program.p_offset, program.p_filesz, elf->source.size) ||
		    program.p_vaddr + program.p_filesz < program.p_vaddr)
			return refuse(-ENOEXEC, ret_reason, "a segment is not inside the file");
		if (elf->segment_count == ELF_MAX_SEGMENTS)
			return refuse(-E2BIG, ret_reason, "it has too many segments");
		elf->segment[elf->segment_count++] = (struct elf_segment){
			.part = { program.p_vaddr, program.p_offset, program.p_filesz },
			.is_code = program.p_flags & PF_X,
		};
	}
	return 0;
}

/* Empty for a section that is not (all) in the file. */
static struct elf_part part_of(const struct elf *elf, const Elf64_Shdr *section)
{
	struct elf_part part = { section->sh_addr, section->sh_offset, section->sh_size };

	if (section->sh_type == SHT_NOBITS ||
	    !inside(section->sh_offset, section->sh_size, elf->source.size) ||
	    (section->sh_flags & SHF_COMPRESSED))
		return (struct elf_part){};
	return part;
}

static int read_section(struct elf *elf, const Elf64_Ehdr *header, uint64_t i, Elf64_Shdr *ret)
{
	return elf__read(elf, ret, sizeof(*ret), header->e_shoff + i * sizeof(*ret));
}

static void take_table(struct elf *elf, const Elf64_Ehdr *header, uint64_t count,
		       const Elf64_Shdr *section, struct elf_table *ret_table)
{
	Elf64_Shdr strings;

	if (section->sh_entsize != sizeof(Elf64_Sym) || section->sh_link >= count ||
	    read_section(elf, header, section->sh_link, &strings) || strings.sh_type != SHT_STRTAB)
		return;
	ret_table->symbols = part_of(elf, section);
	ret_table->strings = part_of(elf, &strings);
}

static void take_named(struct elf *elf, const char *name, const Elf64_Shdr *section)
{
	const struct elf_part part = part_of(elf, section);

	if (strcmp(name, ".text") == 0)
		elf->text = part;
	else if (strcmp(name, ".rela.dyn") == 0)
		elf->relocations = part;
	else if (strcmp(name, ".gopclntab") == 0 || strcmp(name, ".data.rel.ro.gopclntab") == 0)
		elf->go_pclntab = part;
	else if (strcmp(name, ".go.buildinfo") == 0)
		elf->go_buildinfo = part;
}

static int read_sections(struct elf *elf, const Elf64_Ehdr *header, const char **ret_reason)
{
	uint64_t count = header->e_shnum, name_index = header->e_shstrndx;
	Elf64_Shdr section, names;
	struct elf_part name_part;
	int err;

	if (!header->e_shoff)
		return 0;
	if (header->e_shentsize != sizeof(section))
		return refuse(-ENOEXEC, ret_reason, "its section headers are broken");
	err = read_section(elf, header, 0, &section);
	/* counts that do not fit the header stand in section 0 */
	if (!err && !count)
		count = section.sh_size;
	if (!err && name_index == SHN_XINDEX)
		name_index = section.sh_link;
	if (!err && (count > MAX_SECTIONS || name_index >= count))
		return refuse(-E2BIG, ret_reason, "it has too many sections, or they are broken");
	if (!err)
		err = read_section(elf, header, name_index, &names);
	if (err == -ENODATA)
		return refuse(-ENOEXEC, ret_reason, "its section headers are not in the file");
	if (err)
		return err;
	name_part = part_of(elf, &names);
	for (uint64_t i = 1; i < count; i++) {
		char name[32] = "";

		err = read_section(elf, header, i, &section);
		if (err == -ENODATA)
			return refuse(-ENOEXEC, ret_reason,
				      "its section headers are not in the file");
		if (err)
			return err;
		if (section.sh_type == SHT_SYMTAB)
			take_table(elf, header, count, &section, &elf->symtab);
		else if (section.sh_type == SHT_DYNSYM)
			take_table(elf, header, count, &section, &elf->dynsym);
		else if (section.sh_name < name_part.bytes) {
			size_t size = sizeof(name) - 1;

			if (size > name_part.bytes - section.sh_name)
				size = (size_t)(name_part.bytes - section.sh_name);
			err = elf__read(elf, name, size, name_part.offset + section.sh_name);
			if (err)
				return err == -ENODATA ? -EIO : err;
			take_named(elf, name, &section);
		}
	}
	return 0;
}

int elf__open(struct elf *ret_elf, const struct elf_source *source, const char **ret_reason)
{
	struct elf elf = { .source = *source, .budget = ELF_BUDGET_BYTES };
	Elf64_Ehdr header;
	int err = elf__read(&elf, &header, sizeof(header), 0);

	if (err == -ENODATA || (!err && memcmp(header.e_ident, ELFMAG, SELFMAG) != 0))
		return refuse(-ENOEXEC, ret_reason, "it is no ELF file");
	if (err)
		return err;
	if (header.e_ident[EI_CLASS] != ELFCLASS64)
		return refuse(-ENOEXEC, ret_reason, "it is a 32-bit program");
	if (header.e_ident[EI_DATA] != ELFDATA2LSB || header.e_machine != EM_HERE)
		return refuse(-ENOEXEC, ret_reason, "it is for another architecture");
	if (header.e_type != ET_EXEC && header.e_type != ET_DYN)
		return refuse(-ENOEXEC, ret_reason, "it is neither a program nor a library");
	elf.machine = header.e_machine;
	err = read_segments(&elf, &header, ret_reason);
	if (!err)
		err = read_sections(&elf, &header, ret_reason);
	if (err)
		return err;
	*ret_elf = elf;
	return 0;
}

/*
 * Where the names end in the strings: that tells where they begin, also for one
 * that shares the tail of a longer string, as linkers make them.
 */
static int find_names(struct elf *elf, struct elf_window *window, const struct elf_part *strings,
		      const char *const *names, size_t count, struct places *ret_places)
{
	size_t length[ELF_MAX_NAMES], longest = 0;
	bool is_last[256] = { false }; /* most strings end otherwise than all of the names */
	uint64_t at = 0;

	for (size_t i = 0; i < count; i++) {
		length[i] = strlen(names[i]);
		longest = length[i] > longest ? length[i] : longest;
		is_last[(uint8_t)names[i][length[i] - 1]] = true;
	}
	ret_places->count = 0;
	ret_places->bits = 0;
	while (at < strings->bytes) {
		uint64_t left = strings->bytes - at;
		size_t size = left < ELF_WINDOW_BYTES ? (size_t)left : ELF_WINDOW_BYTES;
		const char *text = elf__at(elf, window, strings->offset + at, size);
		const char *end;

		if (!text)
			return -EIO;
		for (const char *p = text; (end = memchr(p, '\0', (size_t)(text + size - p)));
		     p = end + 1) {
			if (end == text || !is_last[(uint8_t)end[-1]])
				continue;
			for (size_t i = 0; i < count; i++) {
				uint32_t start;

				if ((size_t)(end - text) < length[i] ||
				    memcmp(end - length[i], names[i], length[i]) != 0 ||
				    ret_places->count == MAX_NAME_PLACES)
					continue;
				start = (uint32_t)(at + (uint64_t)(end - text) - length[i]);
				ret_places->place[ret_places->count++] =
					(struct place){ start, (uint32_t)i };
				ret_places->bits |= 1ULL << (start % 64);
			}
		}
		if (left <= size)
			break;
		/* the next piece begins where a name that is cut here does */
		at += size - (longest + 1);
	}
	return 0;
}

static void take_symbol(const struct elf *elf, const Elf64_Sym *symbol, const struct places *places,
			struct elf_symbol *ret_symbols)
{
	for (size_t i = 0; i < places->count; i++) {
		struct elf_symbol *found = &ret_symbols[places->place[i].name];
		uint64_t offset;

		if (places->place[i].at != symbol->st_name || found->address ||
		    elf__offset(elf, symbol->st_value, symbol->st_size ? symbol->st_size : 1, true,
				&offset))
			continue;
		*found = (struct elf_symbol){ symbol->st_value, offset, symbol->st_size };
	}
}

int elf__find(struct elf *elf, const struct elf_table *table, const char *const *names,
	      size_t count, struct elf_symbol *ret_symbols)
{
	struct elf_window *window;
	struct places places;
	uint64_t total = table->symbols.bytes / sizeof(Elf64_Sym);
	int err, found = 0;

	if (count > ELF_MAX_NAMES)
		return -EINVAL;
	window = calloc(1, sizeof(*window));
	if (!window)
		return -ENOMEM;
	err = find_names(elf, window, &table->strings, names, count, &places);
	window->have = 0;
	for (uint64_t i = 0; !err && places.count && i < total; i++) {
		const void *at = elf__at(elf, window, table->symbols.offset + i * sizeof(Elf64_Sym),
					 sizeof(Elf64_Sym));
		Elf64_Sym symbol;

		if (!at) {
			err = -EIO;
			break;
		}
		memcpy(&symbol, at, sizeof(symbol));
		if (ELF64_ST_TYPE(symbol.st_info) == STT_FUNC && symbol.st_shndx != SHN_UNDEF &&
		    places.bits >> (symbol.st_name % 64) & 1)
			take_symbol(elf, &symbol, &places, ret_symbols);
	}
	free(window);
	if (err)
		return err;
	for (size_t i = 0; i < count; i++)
		found += ret_symbols[i].address != 0;
	return found;
}
