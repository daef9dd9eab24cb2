// SPDX-License-Identifier: Apache-2.0
#include <check.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "uprobes/plan.h"
#include "uprobes/probe_point.h"

Suite *probe_point_suite(void);

static struct disassembler disassembler;
static struct plan plan;

/* Whether the library is there; a test that needs it says so if not. */
static bool has_disassembler(void)
{
	int err = disassembler.library ? 0 : disassembler__open(&disassembler, EM_X86_64);

	if (err == -ENOPKG)
		fprintf(stderr, "SKIP probe_point: " DISASSEMBLER_NAME " is not installed\n");
	else
		ck_assert_int_eq(err, 0);
	return !err;
}

static void close_disassembler(void)
{
	disassembler__close(&disassembler);
}

/* Machine code as bytes and their number. */
#define CODE(text) (const uint8_t *)(text), sizeof(text) - 1

static const struct {
	const uint8_t *code;
	size_t bytes;
	enum probe_abi abi;
	uint32_t place, place_without; /* without a disassembler */
} places[] = {
	/* push rbx; push r12; a jump; a call */
	{ CODE("\x53\x48\x83\xec\x10"), PROBE_ABI_C4, 0, 0 },
	{ CODE("\x41\x54\x55"), PROBE_ABI_C4, 0, 0 },
	{ CODE("\xe9\x00\x01\x00\x00"), PROBE_ABI_C4, 0, 0 },
	/* endbr64; push rbp; push r15 */
	{ CODE("\xf3\x0f\x1e\xfa\x55\x48\x89\xe5"), PROBE_ABI_C4, 4, 4 },
	{ CODE("\xf3\x0f\x1e\xfa\x41\x57"), PROBE_ABI_C4, 4, 4 },
	/* endbr64, cut off; endbr64; sub rsp, 8; push rbx */
	{ CODE("\xf3\x0f\x1e\xfa"), PROBE_ABI_C4, 0, 0 },
	{ CODE("\xf3\x0f\x1e\xfa\x48\x83\xec\x08\x53"), PROBE_ABI_C4, 0, 0 },
	/* endbr64; push rbx; and a loop to behind the endbr64: passed more than once */
	{ CODE("\xf3\x0f\x1e\xfa\x53\x5b\xeb\xfc\xc3"), PROBE_ABI_C4, 0, 0 },
	/* the same to the endbr64, as a call of its own is */
	{ CODE("\xf3\x0f\x1e\xfa\x53\x5b\xeb\xf8\xc3"), PROBE_ABI_C4, 4, 4 },
	/* cmp qword [rdi+0x30], 0; je */
	{ CODE("\x48\x83\x7f\x30\x00\x74\x09"), PROBE_ABI_C4, 5, 0 },
	/* mov rax, rdi; push rbx */
	{ CODE("\x48\x89\xf8\x53"), PROBE_ABI_C4, 3, 0 },
	/* xor r8d, r8d; xor ecx, ecx; jmp: the fourth argument is gone */
	{ CODE("\x45\x31\xc0\x31\xc9\xe9\x86\x9c\x00\x00"), PROBE_ABI_C3, 5, 0 },
	{ CODE("\x45\x31\xc0\x31\xc9\xe9\x86\x9c\x00\x00"), PROBE_ABI_C4, 0, 0 },
	/* mov rsi, rdi; push rbx. mov sil, al; push. xchg rsi, rdi; push. call rax; push. ret; push
	 */
	{ CODE("\x48\x89\xfe\x53"), PROBE_ABI_C3, 0, 0 },
	{ CODE("\x40\x88\xc6\x53"), PROBE_ABI_C3, 0, 0 },
	{ CODE("\x48\x87\xfe\x53"), PROBE_ABI_C3, 0, 0 },
	{ CODE("\xff\xd0\x53"), PROBE_ABI_C3, 0, 0 },
	{ CODE("\xc3\x53"), PROBE_ABI_C3, 0, 0 },
	/* no instruction; none at all */
	{ CODE("\x06\x53"), PROBE_ABI_C3, 0, 0 },
	{ CODE(""), PROBE_ABI_C3, 0, 0 },
	/* cmp rsp, [r14+0x10]; jbe. lea r12, [rsp-0x40]; cmp r12, [r14+0x10]; jbe */
	{ CODE("\x49\x3b\x66\x10\x0f\x86\xc2\x03\x00\x00"), PROBE_ABI_GO, 4, 0 },
	{ CODE("\x4c\x8d\x64\x24\xc0\x4d\x3b\x66\x10\x76\x20"), PROBE_ABI_GO, 9, 0 },
	/* the same, after xor eax, eax: the receiver is gone, which C would not mind */
	{ CODE("\x31\xc0\x49\x3b\x66\x10\x0f\x86\xc2\x03\x00\x00"), PROBE_ABI_GO, 0, 0 },
	{ CODE("\x31\xc0\x49\x3b\x66\x10\x0f\x86\xc2\x03\x00\x00"), PROBE_ABI_C4, 6, 0 },
};

START_TEST(the_first_cheap_instruction)
{
	if (!has_disassembler())
		return;
	ck_assert_uint_eq(probe_point__in(&disassembler, places[_i].abi, places[_i].code,
					  places[_i].bytes),
			  places[_i].place);
	ck_assert_uint_eq(probe_point__in(NULL, places[_i].abi, places[_i].code, places[_i].bytes),
			  places[_i].place_without);
}
END_TEST

/* xor eax, eax; test edx, edx; js; movsxd rdx, edx; call +0x100 */
#define BEFORE "\x48\x83\xec\x18\x31\xc0\x85\xd2\x78\x2f"
#define AFTER "\x48\x63\xd2\xe8\x00\x01\x00\x00"
#define STACK "\x48\x89\xe1" /* mov rcx, rsp */

static const struct {
	const uint8_t *code;
	size_t bytes;
	enum place_form form;
	uint64_t target; /* from the end of the code; 0: refused */
} calls[] = {
	{ CODE(BEFORE STACK AFTER), PLACE_FORM_INT, 0x100 },
	/* lea rcx, [rsp+8]; lea rcx, [rsi+8]; lea rcx, [rsp+rax+8] */
	{ CODE(BEFORE "\x48\x8d\x4c\x24\x08" AFTER), PLACE_FORM_INT, 0x100 },
	{ CODE(BEFORE "\x48\x8d\x4e\x08" AFTER), PLACE_FORM_INT, 0 },
	{ CODE(BEFORE "\x48\x8d\x4c\x04\x08" AFTER), PLACE_FORM_INT, 0 },
	/* nothing; mov r8, rsp and xor ecx, ecx, as from OpenSSL 3.2 on; both */
	{ CODE(BEFORE AFTER), PLACE_FORM_INT, 0 },
	{ CODE(BEFORE "\x49\x89\xe0\x31\xc9" AFTER), PLACE_FORM_INT, 0 },
	{ CODE(BEFORE STACK "\x31\xc9" AFTER), PLACE_FORM_INT, 0 },
	/* mov rsi, rax; mov edi, eax; mov edx, 1; sub rsp, 8 behind */
	{ CODE(BEFORE STACK "\x48\x89\xc6" AFTER), PLACE_FORM_INT, 0 },
	{ CODE(BEFORE STACK "\x89\xc7" AFTER), PLACE_FORM_INT, 0 },
	{ CODE(BEFORE STACK "\xba\x01\x00\x00\x00" AFTER), PLACE_FORM_INT, 0 },
	{ CODE(BEFORE STACK "\x48\x83\xec\x08" AFTER), PLACE_FORM_INT, 0 },
	/* a jump, a return, a call of a pointer first */
	{ CODE(BEFORE STACK "\xeb\x00" AFTER), PLACE_FORM_INT, 0 },
	{ CODE(BEFORE STACK "\xc3" AFTER), PLACE_FORM_INT, 0 },
	{ CODE(BEFORE STACK "\xff\xd0" AFTER), PLACE_FORM_INT, 0 },
	/* with its own fourth argument: sub rsp, 8; call. With endbr64. That changed */
	{ CODE("\x48\x83\xec\x08\xe8\x00\x01\x00\x00"), PLACE_FORM_BYTES, 0x100 },
	{ CODE("\xf3\x0f\x1e\xfa\x48\x83\xec\x08\xe8\x00\x01\x00\x00"), PLACE_FORM_BYTES, 0x100 },
	{ CODE(BEFORE STACK AFTER), PLACE_FORM_BYTES, 0 },
	{ CODE("\x48\x63\xd2\xe8\x00\x01\x00\x00"), PLACE_FORM_BYTES, 0 },
	/* cut off */
	{ CODE("\x48\x83\xec\x08\xe8\x00\x01\x00"), PLACE_FORM_BYTES, 0 },
};

START_TEST(what_a_function_calls)
{
	uint64_t target = 0;
	bool does;

	if (!has_disassembler())
		return;
	does = probe_point__calls(&disassembler, calls[_i].form, calls[_i].code, calls[_i].bytes,
				  0x1000, &target);
	ck_assert_int_eq(does, calls[_i].target != 0);
	ck_assert_uint_eq(target, does ? 0x1000 + calls[_i].bytes + calls[_i].target : 0);
}
END_TEST

static void plan_file(const char *path, const char *name)
{
	struct elf_source source;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(elf_source__file(&source, fd), 0);
	ck_assert_int_eq(plan__make(&plan, &source, name, false), 1);
	ck_assert_msg(!plan.reason, "%s", plan.reason);
	close(fd);
}

/* Where the file has the probes of this program: how many, and the first. */
static size_t probes_of(const char *program, uint64_t *ret_first)
{
	size_t count = 0;

	for (size_t i = plan.count; i-- > 0;) {
		if (strcmp(plan.probe[i].program, program) != 0)
			continue;
		*ret_first = plan.probe[i].offset;
		count++;
	}
	return count;
}

static void check_each_once(void)
{
	for (size_t i = 0; i < plan.count; i++)
		for (size_t j = 0; j < i; j++)
			ck_assert(plan.probe[i].offset != plan.probe[j].offset ||
				  plan.probe[i].is_return != plan.probe[j].is_return);
}

/* A line of what a command prints; "" if there is none. */
static void first_line(const char *command, char *line, size_t bytes)
{
	FILE *out = popen(command, "r");

	ck_assert_ptr_nonnull(out);
	if (!fgets(line, (int)bytes, out))
		line[0] = '\0';
	line[strcspn(line, "\n")] = '\0';
	pclose(out);
}

/* What objdump says a function calls first. */
static uint64_t objdump_call(const char *path, const char *function)
{
	char command[1536], line[256];

	snprintf(command, sizeof(command),
		 "at=$(nm -D %s | awk '$3 ~ /^%s(@|$)/ {print $1; exit}') && "
		 "objdump -d --no-show-raw-insn --start-address=0x$at %s 2>/dev/null | "
		 "awk '$2 == \"call\" {print $3; exit}'",
		 path, function, path);
	first_line(command, line, sizeof(line));
	return strtoull(line, NULL, 16);
}

/* This machine's own library: objdump tells what its functions call. */
START_TEST(a_real_library)
{
	static const char *const directions[] = { "read", "write" };
	char path[256], command[768], line[256];

	first_line("ldconfig -p | awk '/libssl\\.so\\.3 .*x86-64/ {print $NF; exit}'", path,
		   sizeof(path));
	if (!path[0]) {
		fprintf(stderr, "SKIP probe_point: no libssl.so.3 of x86-64\n");
		return;
	}
	if (!has_disassembler())
		return;
	plan_file(path, "libssl.so.3");
	check_each_once();
	for (size_t i = 0; i < 2; i++) {
		char name[64];
		uint64_t first = 0, call[2], at;
		int fd = open(path, O_RDONLY | O_CLOEXEC);
		struct elf_source source;
		struct elf elf;
		const char *reason;

		snprintf(name, sizeof(name), "tls_%s_enter", directions[i]);
		if (probes_of(name, &first)) {
			fprintf(stderr,
				"SKIP probe_point: SSL_%s of this libssl.so.3 is by itself\n",
				directions[i]);
			close(fd);
			continue;
		}
		snprintf(name, sizeof(name), "tls_%s_ex_enter", directions[i]);
		ck_assert_uint_ge(probes_of(name, &first), 1);
		snprintf(name, sizeof(name), "SSL_%s", directions[i]);
		call[0] = objdump_call(path, name);
		snprintf(name, sizeof(name), "SSL_%s_ex", directions[i]);
		call[1] = objdump_call(path, name);
		ck_assert_uint_ne(call[0], 0);
		ck_assert_uint_eq(call[0], call[1]);
		ck_assert_int_eq(elf_source__file(&source, fd), 0);
		ck_assert_int_eq(elf__open(&elf, &source, &reason), 0);
		ck_assert_int_eq(elf__offset(&elf, call[0], 1, true, &at), 0);
		ck_assert_uint_ge(first, at);
		ck_assert_uint_le(first, at + 4);
		snprintf(command, sizeof(command),
			 "objdump -d --no-show-raw-insn --start-address=%#llx "
			 "--stop-address=%#llx %s | awk '$1 ~ /^[0-9a-f]+:$/ {print $2; exit}'",
			 (unsigned long long)(call[0] + (first - at)),
			 (unsigned long long)(call[0] + (first - at) + 2), path);
		first_line(command, line, sizeof(line));
		close(fd);
		ck_assert_str_eq(line, "push");
	}
}
END_TEST

#define FUNCTION(name, body)                                                                       \
	".globl " name "\n.type " name ", @function\n" name ":\n" body "\n.size " name ", .-" name \
	"\n"
#define ROOM "sub $24, %rsp\n"
#define LEAVE "add $24, %rsp\nret"
#define INNER(name, mark)                                                                          \
	".type " name ", @function\n.p2align 4\n" name ":\n" mark "push %rbx\npop %rbx\nret\n"
#define BRIEF(target) ROOM "lea 8(%rsp), %rcx\nmovslq %edx, %rdx\ncall " target "\n" LEAVE
#define FULL(target) ROOM "call " target "\n" LEAVE

/* Assembles a library of these functions and plans it; false if there is no assembler. */
static bool plan_assembled(const char *text)
{
	char folder[] = "/tmp/edgetap-place-XXXXXX", path[64], command[256];
	bool done;
	FILE *as;

	ck_assert_ptr_nonnull(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/libssl.so.3", folder);
	snprintf(command, sizeof(command), "gcc -shared -nostdlib -x assembler -o %s - 2>/dev/null",
		 path);
	as = popen(command, "w");
	ck_assert_ptr_nonnull(as);
	/* enough behind the last function, as there is in any library */
	fprintf(as, ".text\n%s\n.skip 4096, 0x90\n", text);
	done = pclose(as) == 0;
	if (done)
		plan_file(path, "libssl.so.3");
	else
		fprintf(stderr, "SKIP probe_point: gcc does not assemble for x86-64\n");
	unlink(path);
	rmdir(folder);
	return done;
}

static uint64_t only_probe(const char *program)
{
	uint64_t offset = 0;

	ck_assert_uint_eq(probes_of(program, &offset), 1);
	return offset;
}

START_TEST(both_forms_are_seen_in_what_they_call)
{
	if (!has_disassembler() ||
	    !plan_assembled(
		    INNER("in", "") INNER("out", "endbr64\n") FUNCTION("SSL_read", BRIEF("in"))
			    FUNCTION("SSL_read_ex", FULL("in")) FUNCTION("SSL_write", BRIEF("out"))
				    FUNCTION("SSL_write_ex", FULL("out"))))
		return;
	ck_assert_str_eq(plan.functions, "SSL_read SSL_read_ex SSL_write SSL_write_ex");
	ck_assert_uint_eq(plan.count, 4);
	/* 16 bytes on, and behind the endbr64 */
	ck_assert_uint_eq(only_probe("tls_write_ex_enter"), only_probe("tls_read_ex_enter") + 20);
	ck_assert_uint_eq(only_probe("tls_write_return"), only_probe("tls_write_ex_enter"));
	ck_assert_uint_eq(only_probe("tls_read_return"), only_probe("tls_read_ex_enter"));
}
END_TEST

/* Each function by itself, where it begins. */
static void check_apart(void)
{
	uint64_t first;

	check_each_once();
	ck_assert_uint_eq(plan.count, 6);
	ck_assert_uint_eq(probes_of("tls_read_enter", &first), 1);
	ck_assert_uint_eq(probes_of("tls_read_ex_enter", &first), 1);
	ck_assert_uint_eq(probes_of("tls_read_return", &first), 2);
	ck_assert_uint_eq(only_probe("tls_write_enter"), only_probe("tls_write_return"));
}

#define WRITE FUNCTION("SSL_write", "push %rbx\npop %rbx\nret")

static const char *const apart[] = {
	/* one of them changes the buffer */
	INNER("in", "") WRITE FUNCTION("SSL_read", "xor %esi, %esi\n" BRIEF("in"))
		FUNCTION("SSL_read_ex", FULL("in")),
	/* they call two functions */
	INNER("in", "") INNER("other", "") WRITE FUNCTION("SSL_read", BRIEF("in"))
		FUNCTION("SSL_read_ex", FULL("other")),
	/* the one calls the other, which does not do the same */
	WRITE FUNCTION("SSL_read", BRIEF("SSL_write")) FUNCTION("SSL_read_ex", FULL("SSL_write")),
	/* what they call is slow, too */
	".type in, @function\nin: sub $8, %rsp\nadd $8, %rsp\nret\n" WRITE FUNCTION(
		"SSL_read", BRIEF("in")) FUNCTION("SSL_read_ex", FULL("in")),
	/* what they call is a loop that begins at the place */
	".type in, @function\nin: endbr64\n1: push %rbx\npop %rbx\ndec %eax\njnz 1b\nret\n" WRITE
		FUNCTION("SSL_read", BRIEF("in")) FUNCTION("SSL_read_ex", FULL("in")),
};

START_TEST(what_is_not_alike_stays_apart)
{
	if (has_disassembler() && plan_assembled(apart[_i]))
		check_apart();
}
END_TEST

/* What looks at bytes without taking them must not count as reading them. */
START_TEST(peeking_is_not_reading)
{
	uint64_t first;

	if (!has_disassembler() ||
	    !plan_assembled(INNER("in", "") WRITE FUNCTION("SSL_read", BRIEF("in")) FUNCTION(
		    "SSL_read_ex", FULL("in")) FUNCTION("SSL_peek", BRIEF("in"))))
		return;
	check_each_once();
	ck_assert_uint_eq(plan.count, 8);
	ck_assert_uint_eq(probes_of("tls_read_enter", &first), 1);
	ck_assert_uint_eq(probes_of("tls_read_ex_enter", &first), 1);
}
END_TEST

START_TEST(one_form_alone_stays_where_it_begins)
{
	uint64_t first;

	if (!has_disassembler() ||
	    !plan_assembled(INNER("in", "") WRITE FUNCTION("SSL_read", BRIEF("in"))))
		return;
	ck_assert_uint_eq(plan.count, 4);
	ck_assert_uint_eq(probes_of("tls_read_ex_enter", &first), 0);
	ck_assert_uint_eq(only_probe("tls_read_enter"), only_probe("tls_read_return"));
}
END_TEST

Suite *probe_point_suite(void)
{
	Suite *suite = suite_create("probe_point");
	TCase *tc = tcase_create("probe_point");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, NULL, close_disassembler);
	tcase_add_loop_test(tc, the_first_cheap_instruction, 0, sizeof(places) / sizeof(places[0]));
	tcase_add_loop_test(tc, what_a_function_calls, 0, sizeof(calls) / sizeof(calls[0]));
	tcase_add_test(tc, a_real_library);
	tcase_add_test(tc, both_forms_are_seen_in_what_they_call);
	tcase_add_loop_test(tc, what_is_not_alike_stays_apart, 0, sizeof(apart) / sizeof(apart[0]));
	tcase_add_test(tc, peeking_is_not_reading);
	tcase_add_test(tc, one_form_alone_stays_where_it_begins);
	suite_add_tcase(suite, tc);
	return suite;
}
