// SPDX-License-Identifier: Apache-2.0
#include "probes_elf.h"

#include <string.h>

#define SECTION_NAMES_AT 0x200
#define STRINGS_AT 0x300
#define SYMBOLS_AT 0x600
#define SECTIONS_AT 0x800
#define PCLNTAB_AT 0x1800
#define PCLNTAB_BYTES 1024

enum { SECTION_NULL, SECTION_NAMES, SECTION_STRINGS, SECTION_SYMBOLS, SECTION_TEXT, SECTION_PCLN };

static const char section_names[] = "\0.shstrtab\0.strtab\0.symtab\0.text\0.gopclntab";

static uint32_t section_name(const char *name)
{
	for (size_t i = 0; i < sizeof(section_names); i += strlen(section_names + i) + 1)
		if (strcmp(section_names + i, name) == 0)
			return (uint32_t)i;
	return 0;
}

static void put_section(struct made *made, int i, const char *name, uint32_t type, uint64_t at,
			uint64_t bytes)
{
	made->sections[i].sh_name = section_name(name);
	made->sections[i].sh_type = type;
	made->sections[i].sh_offset = at;
	made->sections[i].sh_size = bytes;
}

void made__build(struct made *made, const char *const *names, size_t count, int has_pclntab)
{
	size_t length = 1;

	memset(made, 0, sizeof(*made));
	made->bytes = MADE_BYTES;
	memcpy(made->header.e_ident, ELFMAG, SELFMAG);
	made->header.e_ident[EI_CLASS] = ELFCLASS64;
	made->header.e_ident[EI_DATA] = ELFDATA2LSB;
	made->header.e_type = ET_EXEC;
#if defined(__aarch64__)
	made->header.e_machine = 183;
#else
	made->header.e_machine = EM_X86_64;
#endif
	made->header.e_phoff = sizeof(Elf64_Ehdr);
	made->header.e_phentsize = sizeof(Elf64_Phdr);
	made->header.e_phnum = 2;
	made->header.e_shoff = SECTIONS_AT;
	made->header.e_shentsize = sizeof(Elf64_Shdr);
	made->header.e_shnum = has_pclntab ? 6 : 5;
	made->header.e_shstrndx = SECTION_NAMES;

	made->code = (Elf64_Phdr *)(made->byte + sizeof(Elf64_Ehdr));
	made->code[0] = (Elf64_Phdr){ .p_type = PT_LOAD,
				      .p_flags = PF_R | PF_X,
				      .p_offset = MADE_CODE_OFFSET,
				      .p_vaddr = MADE_CODE_ADDRESS,
				      .p_filesz = 0x800,
				      .p_memsz = 0x800 };
	made->code[1] = (Elf64_Phdr){ .p_type = PT_LOAD,
				      .p_flags = PF_R,
				      .p_offset = PCLNTAB_AT,
				      .p_vaddr = 0x403000,
				      .p_filesz = PCLNTAB_BYTES,
				      .p_memsz = PCLNTAB_BYTES };
	memcpy(made->byte + SECTION_NAMES_AT, section_names, sizeof(section_names));
	made->strings = (char *)made->byte + STRINGS_AT;
	made->symbols = (Elf64_Sym *)(made->byte + SYMBOLS_AT);
	for (size_t i = 0; i < count; i++) {
		made->symbols[i + 1] = (Elf64_Sym){ .st_name = (Elf64_Word)length,
						    .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
						    .st_shndx = SECTION_TEXT,
						    .st_value = MADE_CODE_ADDRESS + 64 * i,
						    .st_size = 64 };
		memcpy(made->strings + length, names[i], strlen(names[i]) + 1);
		length += strlen(names[i]) + 1;
	}
	made->sections = (Elf64_Shdr *)(made->byte + SECTIONS_AT);
	put_section(made, SECTION_NAMES, ".shstrtab", SHT_STRTAB, SECTION_NAMES_AT,
		    sizeof(section_names));
	put_section(made, SECTION_STRINGS, ".strtab", SHT_STRTAB, STRINGS_AT, length);
	put_section(made, SECTION_SYMBOLS, ".symtab", SHT_SYMTAB, SYMBOLS_AT,
		    (count + 1) * sizeof(Elf64_Sym));
	made->sections[SECTION_SYMBOLS].sh_entsize = sizeof(Elf64_Sym);
	made->sections[SECTION_SYMBOLS].sh_link = SECTION_STRINGS;
	put_section(made, SECTION_TEXT, ".text", SHT_PROGBITS, MADE_CODE_OFFSET, 0x800);
	made->sections[SECTION_TEXT].sh_addr = MADE_CODE_ADDRESS;
	put_section(made, SECTION_PCLN, ".gopclntab", SHT_PROGBITS, PCLNTAB_AT, PCLNTAB_BYTES);
	made->sections[SECTION_PCLN].sh_addr = 0x403000;
	made->pclntab = has_pclntab ? made->byte + PCLNTAB_AT : NULL;
	/* what each function is: nothing, and a return */
	for (size_t i = 0; i < 0x800; i += 64) {
		memset(made->byte + MADE_CODE_OFFSET + i, 0x90, 64);
		made->byte[MADE_CODE_OFFSET + i + 63] = 0xc3;
	}
}

static ssize_t read_made(void *ctx, void *to, size_t bytes, uint64_t offset)
{
	const struct made *made = ctx;

	if (offset >= made->bytes)
		return 0;
	if (bytes > made->bytes - offset)
		bytes = made->bytes - offset;
	memcpy(to, made->byte + offset, bytes);
	return (ssize_t)bytes;
}

struct elf_source made__source(struct made *made)
{
	return (struct elf_source){ .read = read_made, .ctx = made, .size = made->bytes };
}

static void put(uint8_t *at, uint64_t value, size_t bytes)
{
	memcpy(at, &value, bytes);
}

void made__fill_pclntab(struct made *made, uint32_t magic, uint64_t text, const char *const *names,
			size_t count)
{
	const int is_relative = magic != 0xfffffffaU;
	const uint64_t names_at = 80, names_end = 600, functions_at = 600;
	const size_t width = is_relative ? 4 : 8, offsets = is_relative ? 32 : 24;
	size_t name = 1, function = (count + 1) * 2 * width;
	uint8_t *table = made->pclntab;

	memset(table, 0, PCLNTAB_BYTES);
	put(table, magic, 4);
	table[6] = 1;
	table[7] = 8;
	put(table + 8, count, 8);
	if (is_relative)
		put(table + 24, text, 8);
	put(table + offsets, names_at, 8);
	put(table + offsets + 8, names_end, 8);
	put(table + offsets + 32, functions_at, 8);
	for (size_t i = 0; i <= count; i++) {
		uint64_t entry = (is_relative ? 0 : MADE_CODE_ADDRESS) + 64 * i;
		uint8_t *at = table + functions_at + i * 2 * width;

		put(at, entry, width);
		if (i == count)
			break;
		put(at + width, function, width);
		put(table + functions_at + function, entry, width);
		put(table + functions_at + function + width, name, 4);
		function += 2 * width;
		memcpy(table + names_at + name, names[i], strlen(names[i]) + 1);
		name += strlen(names[i]) + 1;
	}
}
