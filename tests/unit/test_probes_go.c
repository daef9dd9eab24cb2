// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "probes_elf.h"
#include "uprobes/go.h"
#include "uprobes/plan.h"
#include "uprobes/returns.h"

#ifndef EM_AARCH64
#define EM_AARCH64 183
#endif

Suite *probes_go_suite(void);

static const char *const names[] = { "runtime.main", "crypto/tls.(*Conn).Read",
				     "crypto/tls.(*Conn).Write" };
static const char *const wanted[] = { "crypto/tls.(*Conn).Write", "crypto/tls.(*Conn).Read",
				      "crypto/tls.(*Conn).Close" };

static struct made made;
static struct elf elf;
static const char *reason;

static void open_made(void)
{
	const struct elf_source source = made__source(&made);

	ck_assert_int_eq(elf__open(&elf, &source, &reason), 0);
}

static void check_found(const struct elf_symbol *symbols)
{
	ck_assert_uint_eq(symbols[0].address, MADE_CODE_ADDRESS + 128);
	ck_assert_uint_eq(symbols[0].offset, MADE_CODE_OFFSET + 128);
	ck_assert_uint_eq(symbols[0].bytes, 64);
	ck_assert_uint_eq(symbols[1].address, MADE_CODE_ADDRESS + 64);
	ck_assert_uint_eq(symbols[2].address, 0);
}

static const uint32_t magics[] = { 0xfffffffaU, 0xfffffff0U, 0xfffffff1U };

START_TEST(stripped_programs_have_their_functions)
{
	struct elf_symbol symbols[3] = {};

	made__build(&made, names, 3, 1);
	made__fill_pclntab(&made, magics[_i], MADE_CODE_ADDRESS, names, 3);
	open_made();
	ck_assert(go__is(&elf));
	ck_assert_int_eq(go__find_in_pclntab(&elf, wanted, 3, symbols, &reason), 2);
	check_found(symbols);
}
END_TEST

/* The word for the start of the text is zero: the build id at its start tells it. */
START_TEST(text_is_found_by_the_build_id)
{
	struct elf_symbol symbols[3] = {};

	made__build(&made, names, 3, 1);
	made__fill_pclntab(&made, 0xfffffff1U, 0, names, 3);
	open_made();
	ck_assert_int_eq(go__find_in_pclntab(&elf, wanted, 3, symbols, &reason), -ENOENT);
	ck_assert_str_eq(reason, "where its code begins cannot be told");
	memcpy(made.byte + MADE_CODE_OFFSET, "\xff Go build ID: \"", 16);
	ck_assert_int_eq(go__find_in_pclntab(&elf, wanted, 3, symbols, &reason), 2);
	check_found(symbols);
}
END_TEST

START_TEST(unknown_tables_are_refused)
{
	struct elf_symbol symbols[3] = {};

	made__build(&made, names, 3, 1);
	made__fill_pclntab(&made, 0xfffffff2U, MADE_CODE_ADDRESS, names, 3);
	open_made();
	ck_assert_int_eq(go__find_in_pclntab(&elf, wanted, 3, symbols, &reason), -EOPNOTSUPP);
	made__fill_pclntab(&made, 0xfffffff1U, MADE_CODE_ADDRESS, names, 3);
	memset(made.pclntab + 8, 0xff, 8); /* functions without end */
	ck_assert_int_eq(go__find_in_pclntab(&elf, wanted, 3, symbols, &reason), -ENOENT);
	made__fill_pclntab(&made, 0xfffffff1U, MADE_CODE_ADDRESS, names, 3);
	memset(made.pclntab + 600 + 4, 0xff, 4); /* the first function's place */
	ck_assert_int_eq(go__find_in_pclntab(&elf, wanted, 3, symbols, &reason), -EIO);
	ck_assert_uint_eq(symbols[0].address, 0);
}
END_TEST

START_TEST(versions)
{
	ck_assert_int_eq(go__minor("go1.19.8"), 19);
	ck_assert_int_eq(go__minor("go1.17"), 17);
	ck_assert_int_eq(go__minor("devel go1.23-deadbeef"), 23);
	ck_assert_int_eq(go__minor("devel +deadbeef"), -EINVAL);
	ck_assert_int_eq(go__minor("go1.x"), -EINVAL);
	ck_assert_int_eq(go__minor("go1.9999999999999999999999"), -EINVAL);
	ck_assert_int_eq(go__minor(""), -EINVAL);
}
END_TEST

static uint32_t offsets[64];

static int returns(uint16_t machine, const void *code, size_t bytes)
{
	return returns__find(machine, code, bytes, offsets, 64, &reason);
}

/* Whether the library is there; a test that needs it says so if not. */
static bool has_disassembler(void)
{
	if (returns(EM_X86_64, "\xc3", 1) != -ENOPKG)
		return true;
	fprintf(stderr, "SKIP probes_go: %s\n", reason);
	return false;
}

START_TEST(returns_of_x86)
{
	/* mov eax,0xc3c3c3c3; test; je +1; ret; mov rax,[rsp+0xc3]; ret 8; nop; int3 */
	static const uint8_t code[] = { 0xb8, 0xc3, 0xc3, 0xc3, 0xc3, 0x85, 0xc0, 0x74,
					0x01, 0xc3, 0x48, 0x8b, 0x84, 0x24, 0xc3, 0x00,
					0x00, 0x00, 0xc2, 0x08, 0x00, 0x90, 0xcc };

	if (!has_disassembler())
		return;
	ck_assert_int_eq(returns(EM_X86_64, code, sizeof(code)), 2);
	ck_assert_uint_eq(offsets[0], 9);
	ck_assert_uint_eq(offsets[1], 18);
	/* an instruction that has been cut off, and one that does not exist */
	ck_assert_int_eq(returns(EM_X86_64, code, 3), -EILSEQ);
	ck_assert_int_eq(returns(EM_X86_64, "\xc3\x06", 2), -EILSEQ);
	ck_assert_int_eq(returns(EM_X86_64, "\x90", 1), -ENOENT);
	ck_assert_int_eq(returns(EM_X86_64, code, 0), -E2BIG);
	ck_assert_int_eq(returns__find(EM_X86_64, code, sizeof(code), offsets, 1, &reason), -E2BIG);
}
END_TEST

START_TEST(returns_of_arm64)
{
	/* mov w0,#1; ret; retaa; nop; ret x1; two words between functions */
	static const uint32_t code[] = { 0x52800020, 0xd65f03c0, 0xd65f0bff, 0xd503201f,
					 0xd65f0020, 0,		 0 };
	static const uint32_t bad[] = { 0xd65f03c0, 0xffffffff };

	if (!has_disassembler())
		return;
	ck_assert_int_eq(returns(EM_AARCH64, code, sizeof(code)), 3);
	ck_assert_uint_eq(offsets[0], 4);
	ck_assert_uint_eq(offsets[1], 8);
	ck_assert_uint_eq(offsets[2], 16);
	ck_assert_int_eq(returns(EM_AARCH64, bad, sizeof(bad)), -EILSEQ);
}
END_TEST

/* Addresses of the returns that objdump sees between two addresses, into found. */
static size_t objdump(const char *path, uint64_t start, uint64_t end, uint64_t *found, size_t max)
{
	char command[512], line[512];
	size_t count = 0;
	FILE *out;

	snprintf(command, sizeof(command),
		 "objdump -d --no-show-raw-insn --start-address=0x%llx --stop-address=0x%llx %s",
		 (unsigned long long)start, (unsigned long long)end, path);
	out = popen(command, "r");
	ck_assert_ptr_nonnull(out);
	while (fgets(line, sizeof(line), out)) {
		char *colon = strchr(line, ':'), *name;

		if (!colon || line[0] != ' ')
			continue;
		name = colon + 1 + strspn(colon + 1, " \t");
		if (strncmp(name, "ret", 3) == 0 && count < max)
			found[count++] = strtoull(line, NULL, 16);
	}
	ck_assert_int_eq(pclose(out), 0);
	return count;
}

/* The Go toolchain's own program speaks TLS; objdump tells where its functions return. */
START_TEST(a_real_program)
{
	char path[4096] = "";
	FILE *which = popen("p=$(command -v go) && readlink -f \"$p\"", "r");
	static struct plan plan;
	static const char *const method[] = { "crypto/tls.(*Conn).Read",
					      "crypto/tls.(*Conn).Write" };
	static const char *const program[] = { "go_read", "go_write" };
	struct elf_symbol symbols[2] = {};
	struct elf_source source;
	int fd;

	ck_assert_ptr_nonnull(which);
	if (!fgets(path, sizeof(path), which))
		path[0] = '\0';
	pclose(which);
	path[strcspn(path, "\n")] = '\0';
	if (!path[0]) {
		fprintf(stderr, "SKIP probes_go: no go to look at\n");
		return;
	}
	if (!has_disassembler())
		return;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(elf_source__file(&source, fd), 0);
	ck_assert_int_eq(elf__open(&elf, &source, &reason), 0);
	ck_assert_int_eq(plan__make(&plan, &source, "go", true), 1);
	ck_assert_int_eq(plan.library, TLS_LIBRARY_GO);
	ck_assert_msg(!plan.reason, "%s", plan.reason);
	ck_assert_int_eq(strncmp(plan.version, "go1.", 4), 0);
	ck_assert_int_eq(go__find_in_pclntab(&elf, method, 2, symbols, &reason), 2);
	for (size_t i = 0; i < 2; i++) {
		uint64_t seen[64];
		size_t count = objdump(path, symbols[i].address,
				       symbols[i].address + symbols[i].bytes, seen, 64);
		size_t probes = 0;
		char leave[32];

		snprintf(leave, sizeof(leave), "%s_return", program[i]);
		for (size_t j = 0; j < plan.count; j++) {
			if (strcmp(plan.probe[j].program, leave) != 0)
				continue;
			ck_assert_uint_lt(probes, count);
			ck_assert_uint_eq(plan.probe[j].offset - symbols[i].offset,
					  seen[probes] - symbols[i].address);
			ck_assert(!plan.probe[j].is_return);
			probes++;
		}
		ck_assert_uint_gt(count, 0);
		ck_assert_uint_eq(probes, count);
	}
	close(fd);
}
END_TEST

Suite *probes_go_suite(void)
{
	Suite *suite = suite_create("probes_go");
	TCase *tc = tcase_create("probes_go");

	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, stripped_programs_have_their_functions, 0, 3);
	tcase_add_test(tc, text_is_found_by_the_build_id);
	tcase_add_test(tc, unknown_tables_are_refused);
	tcase_add_test(tc, versions);
	tcase_add_test(tc, returns_of_x86);
	tcase_add_test(tc, returns_of_arm64);
	tcase_add_test(tc, a_real_program);
	suite_add_tcase(suite, tc);
	return suite;
}
