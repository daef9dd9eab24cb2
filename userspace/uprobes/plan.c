// SPDX-License-Identifier: Apache-2.0
#include "uprobes/plan.h"

#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "uprobes/disassembler.h"
#include "uprobes/go.h"
#include "uprobes/probe_point.h"
#include "uprobes/returns.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

enum role { ROLE_READ, ROLE_WRITE, ROLE_OTHER };

struct wanted {
	const char *name;
	enum role role;
	const char *enter;
	const char *leave;
};

/*
 * In the order that links__attach() reverses. What neither reads nor writes comes
 * first here and last there: a connection that began with a call of it that was seen
 * has none before that was not. SSL_accept and SSL_peek too: with them a socket's
 * bytes are known to belong to an object before the first of them is read as plain text.
 */
static const struct wanted openssl[] = {
	{ "SSL_do_handshake", ROLE_OTHER, "tls_other_enter", "tls_other_return" },
	{ "SSL_accept", ROLE_OTHER, "tls_other_enter", "tls_other_return" },
	{ "SSL_peek", ROLE_OTHER, "tls_other_enter", "tls_other_return" },
	{ "SSL_shutdown", ROLE_OTHER, "tls_other_enter", "tls_other_return" },
	{ "SSL_read", ROLE_READ, "tls_read_enter", "tls_read_return" },
	{ "SSL_read_ex", ROLE_READ, "tls_read_ex_enter", "tls_read_return" },
	{ "SSL_write", ROLE_WRITE, "tls_write_enter", "tls_write_return" },
	{ "SSL_write_ex", ROLE_WRITE, "tls_write_ex_enter", "tls_write_return" },
	{ "SSL_read_early_data", ROLE_READ, "tls_read_ex_enter", "tls_read_return" },
	{ "SSL_write_early_data", ROLE_WRITE, "tls_write_ex_enter", "tls_write_return" },
};

static const struct wanted gnutls[] = {
	{ "gnutls_handshake", ROLE_OTHER, "tls_other_enter", "tls_other_return" },
	{ "gnutls_bye", ROLE_OTHER, "tls_other_enter", "tls_other_return" },
	{ "gnutls_record_recv", ROLE_READ, "tls_read_enter", "tls_read_return" },
	{ "gnutls_record_send", ROLE_WRITE, "tls_write_enter", "tls_write_return" },
};

/* Of the handshakes the first that is there, the innermost: the others are inlined or call it. */
static const struct wanted go[] = {
	{ "crypto/tls.(*Conn).handshakeContext", ROLE_OTHER, "go_handshake_enter",
	  "go_handshake_return" },
	{ "crypto/tls.(*Conn).HandshakeContext", ROLE_OTHER, "go_handshake_enter",
	  "go_handshake_return" },
	{ "crypto/tls.(*Conn).Handshake", ROLE_OTHER, "go_handshake_enter", "go_handshake_return" },
	{ "crypto/tls.(*Conn).Read", ROLE_READ, "go_read_enter", "go_read_return" },
	{ "crypto/tls.(*Conn).Write", ROLE_WRITE, "go_write_enter", "go_write_return" },
};

const char *tls_library__name(enum tls_library library)
{
	static const char *const names[TLS_LIBRARIES] = { NULL, "openssl", "gnutls", "go" };

	return library < TLS_LIBRARIES ? names[library] : NULL;
}

static void add(struct plan *plan, uint64_t offset, const char *program, bool is_return)
{
	if (plan->count == PLAN_MAX_PROBES) {
		plan->reason = "it would take too many probes";
		return;
	}
	plan->probe[plan->count++] = (struct plan_probe){ offset, program, is_return };
}

static void name_function(struct plan *plan, const char *name)
{
	size_t used = strlen(plan->functions);
	/* of a method, the last part tells enough */
	const char *brief = strrchr(name, '.');

	snprintf(plan->functions + used, sizeof(plan->functions) - used, "%s%s", used ? " " : "",
		 brief ? brief + 1 : name);
}

/* Whether plain text is seen in both directions; else says what is missing. */
static bool is_whole(struct plan *plan, const struct wanted *wanted, size_t count,
		     const struct elf_symbol *symbols)
{
	bool has_read = false, has_write = false;

	for (size_t i = 0; i < count; i++) {
		has_read |= symbols[i].address && wanted[i].role == ROLE_READ;
		has_write |= symbols[i].address && wanted[i].role == ROLE_WRITE;
	}
	if (!has_read && !has_write)
		plan->reason = "it has none of the functions that read and write";
	else if (!has_read)
		plan->reason = "it has no function that reads";
	else if (!has_write)
		plan->reason = "it has no function that writes";
	return has_read && has_write;
}

/* All code of a function, to be freed; NULL if its size is not known or it cannot be read. */
static uint8_t *code_of(struct elf *elf, const struct elf_symbol *symbol)
{
	uint8_t *code;

	if (!symbol->bytes || symbol->bytes > RETURNS_MAX_CODE_BYTES)
		return NULL;
	code = malloc((size_t)symbol->bytes);
	if (!code || !elf__read(elf, code, (size_t)symbol->bytes, symbol->offset))
		return code;
	free(code);
	return NULL;
}

/* Where in the file a function of x86-64 is best probed: at its begin if nothing better is known. */
static uint64_t best_place(struct elf *elf, const struct disassembler *d, enum probe_abi abi,
			   const struct elf_symbol *symbol)
{
	uint64_t offset = symbol->offset;
	uint8_t *code = elf->machine == EM_X86_64 ? code_of(elf, symbol) : NULL;

	if (code)
		offset += probe_point__in(d, abi, code, (size_t)symbol->bytes);
	free(code);
	return offset;
}

/* The function that one of OpenSSL calls with all its arguments; 0: none. */
static uint64_t called_by(struct elf *elf, const struct disassembler *d, enum place_form form,
			  const struct elf_symbol *symbol)
{
	uint8_t *code = code_of(elf, symbol);
	uint64_t target = 0;

	if (!code ||
	    !probe_point__calls(d, form, code, (size_t)symbol->bytes, symbol->address, &target))
		target = 0;
	free(code);
	return target;
}

/* Where in the file a function without a name is best probed, if that is cheap there; else 0. */
static uint64_t cheap_place(struct elf *elf, const struct disassembler *d, uint64_t address)
{
	/* an internal function, whose end nobody tells: enough for all jumps to its begin */
	uint8_t code[2048];
	struct elf_symbol symbol = { .address = address };
	uint32_t place;

	for (symbol.bytes = sizeof(code); symbol.bytes >= 64; symbol.bytes /= 2)
		if (!elf__offset(elf, address, symbol.bytes, true, &symbol.offset))
			break;
	if (symbol.bytes < 64 || elf__read(elf, code, (size_t)symbol.bytes, symbol.offset))
		return 0;
	place = probe_point__in(d, PROBE_ABI_C4, code, (size_t)symbol.bytes);
	if (!probe_point__is_cheap(code + place, (size_t)symbol.bytes - place))
		return 0;
	return symbol.offset + place;
}

static const struct elf_symbol *symbol_of(const char *name, const struct wanted *wanted,
					  size_t count, const struct elf_symbol *symbols)
{
	for (size_t i = 0; i < count; i++)
		if (symbols[i].address && strcmp(wanted[i].name, name) == 0)
			return &symbols[i];
	return NULL;
}

/*
 * SSL_read() and SSL_read_ex() of OpenSSL do no more than call ssl_read_internal(), which
 * takes the arguments of the latter; SSL_write() likewise, up to 3.1. Where they begin is
 * slow to probe, because they save no register, and it is not, because it does. Taken
 * for it is only what both of them call, with a place on its stack as the fourth argument the
 * one, with its own the other; so both are seen there, and neither twice. 0: there is none.
 */
static uint64_t shared_place(struct elf *elf, const struct disassembler *d,
			     const struct elf_symbol *brief, const struct elf_symbol *full,
			     const struct elf_symbol *peek, const struct elf_symbol *symbols,
			     size_t count)
{
	uint64_t target;

	if (!brief || !full)
		return 0;
	target = called_by(elf, d, PLACE_FORM_INT, brief);
	if (!target || called_by(elf, d, PLACE_FORM_BYTES, full) != target ||
	    (peek && called_by(elf, d, PLACE_FORM_INT, peek) == target))
		return 0;
	for (size_t i = 0; i < count; i++)
		if (symbols[i].address == target)
			return 0;
	return cheap_place(elf, d, target);
}

/* The shared places of OpenSSL's functions, 0 for each that has none. */
static void find_shared(struct elf *elf, const struct disassembler *d, const struct wanted *wanted,
			size_t count, const struct elf_symbol *symbols, uint64_t *shared)
{
	static const char *const pairs[][2] = {
		{ "SSL_read", "SSL_read_ex" },
		{ "SSL_write", "SSL_write_ex" },
	};
	const struct elf_symbol *peek = symbol_of("SSL_peek", wanted, count, symbols);

	for (size_t i = 0; i < COUNT(pairs); i++) {
		const struct elf_symbol *brief = symbol_of(pairs[i][0], wanted, count, symbols);
		const struct elf_symbol *full = symbol_of(pairs[i][1], wanted, count, symbols);
		uint64_t place = shared_place(elf, d, brief, full, peek, symbols, count);

		if (!place)
			continue;
		shared[brief - symbols] = place;
		shared[full - symbols] = place;
	}
}

/* Whether the function is slow to probe where it begins, so that a look at its code is worth it. */
static bool is_slow(struct elf *elf, const struct elf_symbol *symbol)
{
	uint8_t code[2];

	return elf->machine == EM_X86_64 && symbol->address &&
	       !elf__read(elf, code, sizeof(code), symbol->offset) &&
	       !probe_point__is_cheap(code, sizeof(code));
}

/* How many arguments the program at the begin of the function reads. */
static enum probe_abi abi_of(const struct wanted *wanted)
{
	return strstr(wanted->enter, "_ex_") ? PROBE_ABI_C4 : PROBE_ABI_C3;
}

/* The places of C functions, 0 for those that are reached through the place of another. */
static void find_places(struct elf *elf, const struct wanted *wanted, size_t count,
			const struct elf_symbol *symbols, uint64_t *places, bool *ret_is_shared)
{
	uint64_t shared[COUNT(openssl)] = {};
	struct disassembler disassembler = {}, *d = NULL;
	bool any_slow = false;

	for (size_t i = 0; i < count; i++)
		any_slow |= is_slow(elf, &symbols[i]);
	if (any_slow && !disassembler__open(&disassembler, elf->machine))
		d = &disassembler;
	for (size_t i = 0; i < count; i++)
		if (symbols[i].address)
			places[i] = best_place(elf, d, abi_of(&wanted[i]), &symbols[i]);
	if (d)
		find_shared(elf, d, wanted, count, symbols, shared);
	for (size_t i = 0; i < count; i++) {
		ret_is_shared[i] = shared[i] != 0;
		if (!shared[i])
			continue;
		places[i] = shared[i];
		for (size_t j = 0; j < i; j++)
			if (shared[j] == shared[i])
				places[i] = 0;
	}
	disassembler__close(&disassembler);
}

static bool plan_functions(struct plan *plan, struct elf *elf, const struct wanted *wanted,
			   size_t count, const struct elf_symbol *symbols)
{
	uint64_t places[COUNT(openssl)] = {};
	bool is_shared[COUNT(openssl)];

	if (!is_whole(plan, wanted, count, symbols))
		return false;
	find_places(elf, wanted, count, symbols, places, is_shared);
	for (size_t i = 0; i < count; i++) {
		const char *enter = wanted[i].enter;

		if (!symbols[i].address)
			continue;
		name_function(plan, wanted[i].name);
		if (!places[i])
			continue;
		if (is_shared[i])
			enter = wanted[i].role == ROLE_READ ? "tls_read_ex_enter"
							    : "tls_write_ex_enter";
		add(plan, places[i], enter, false);
		add(plan, places[i], wanted[i].leave, true);
	}
	return true;
}

/* In a library only what it exports counts, which is quick to find; in a program all of it. */
static int find_in(struct elf *elf, bool all, const struct wanted *wanted, size_t count,
		   struct elf_symbol *ret_symbols)
{
	const char *names[ELF_MAX_NAMES];
	int found = 0;

	for (size_t i = 0; i < count; i++)
		names[i] = wanted[i].name;
	if (elf->dynsym.symbols.bytes)
		found = elf__find(elf, &elf->dynsym, names, count, ret_symbols);
	if (found == 0 && all && elf->symtab.symbols.bytes)
		found = elf__find(elf, &elf->symtab, names, count, ret_symbols);
	return found;
}

/* "libssl.so.3" and "libgnutls.so.30.34.3" tell it. Wheels name theirs libssl-1a2b3c.so.3. */
static void take_version(struct plan *plan, const char *name)
{
	const char *at = strstr(name, ".so.");

	snprintf(plan->version, sizeof(plan->version), "%s", at ? at + 4 : "");
	for (char *p = plan->version; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

static void plan_go_function(struct plan *plan, struct elf *elf, const struct wanted *wanted,
			     const struct elf_symbol *symbol)
{
	uint32_t offsets[PLAN_MAX_PROBES], enter = 0;
	struct disassembler disassembler;
	uint8_t *code;
	int count;

	if (symbol->bytes > RETURNS_MAX_CODE_BYTES) {
		plan->reason = "a function is larger than any that is known";
		return;
	}
	code = code_of(elf, symbol);
	if (!code) {
		plan->reason = "its code cannot be read";
		return;
	}
	count = returns__find(elf->machine, code, (size_t)symbol->bytes, offsets, PLAN_MAX_PROBES,
			      &plan->reason);
	if (count > 0 && elf->machine == EM_X86_64 &&
	    !disassembler__open(&disassembler, elf->machine)) {
		/* mostly where it jumps if its stack is too small */
		enter = probe_point__in(&disassembler, PROBE_ABI_GO, code, (size_t)symbol->bytes);
		disassembler__close(&disassembler);
	}
	free(code);
	if (count < 0)
		return;
	name_function(plan, wanted->name);
	add(plan, symbol->offset + enter, wanted->enter, false);
	for (int i = 0; i < count; i++)
		add(plan, symbol->offset + offsets[i], wanted->leave, false);
}

/* Since when arguments are in registers, and the programs know where. */
static bool is_known_abi(struct plan *plan, const struct elf *elf)
{
	int minor = go__minor(plan->version);

	if (minor < 0) {
		plan->reason = "the version of Go that built it is not known";
		return false;
	}
	if (minor < (elf->machine == EM_X86_64 ? 17 : 18)) {
		plan->reason = elf->machine == EM_X86_64 ? "it is built by a Go older than 1.17"
							 : "it is built by a Go older than 1.18";
		return false;
	}
	return true;
}

/* 1: a plan was made; 0: no TLS in it. */
static int plan_go(struct plan *plan, struct elf *elf)
{
	struct disassembler disassembler = {};
	struct elf_symbol symbols[COUNT(go)] = {};
	const char *names[COUNT(go)], *reason = NULL;
	bool has_handshake = false;
	int found;

	for (size_t i = 0; i < COUNT(go); i++)
		names[i] = go[i].name;
	found = go__find(elf, names, COUNT(go), symbols, &reason);
	if (found == 0)
		return 0;
	plan->library = TLS_LIBRARY_GO;
	if (go__version(elf, plan->version))
		plan->version[0] = '\0';
	if (found < 0) {
		plan->reason = reason ? reason : "its symbols cannot be read";
		return 1;
	}
	if (!is_whole(plan, go, COUNT(go), symbols) || !is_known_abi(plan, elf))
		return 1;
	/* its library stays loaded meanwhile: each of the functions takes it twice */
	disassembler__open(&disassembler, elf->machine);
	for (size_t i = 0; i < COUNT(go) && !plan->reason; i++) {
		if (!symbols[i].address || (go[i].role == ROLE_OTHER && has_handshake))
			continue;
		has_handshake |= go[i].role == ROLE_OTHER;
		plan_go_function(plan, elf, &go[i], &symbols[i]);
	}
	disassembler__close(&disassembler);
	if (plan->reason)
		plan->count = 0;
	return 1;
}

/* By the library's name, so that one that lacks a function is reported, not passed over. */
static bool is_named(const char *name, const char *library)
{
	return strncmp(name, library, strlen(library)) == 0 && strstr(name, ".so");
}

static int plan_c(struct plan *plan, struct elf *elf, const char *name, bool is_program)
{
	static const struct {
		enum tls_library library;
		const char *file;
		const struct wanted *wanted;
		size_t count;
	} kinds[] = {
		{ TLS_LIBRARY_OPENSSL, "libssl", openssl, COUNT(openssl) },
		{ TLS_LIBRARY_GNUTLS, "libgnutls", gnutls, COUNT(gnutls) },
	};

	for (size_t i = 0; i < COUNT(kinds); i++) {
		struct elf_symbol symbols[COUNT(openssl)] = {};
		bool named = is_named(name, kinds[i].file);
		int found =
			find_in(elf, is_program || named, kinds[i].wanted, kinds[i].count, symbols);

		if (found < 0 && !named)
			continue;
		plan->library = kinds[i].library;
		if (named)
			take_version(plan, name);
		if (found < 0)
			plan->reason = "its symbols cannot be read";
		else if (plan_functions(plan, elf, kinds[i].wanted, kinds[i].count, symbols) ||
			 named)
			return 1;
		if (named)
			return 1;
		plan->library = TLS_LIBRARY_NONE;
		plan->reason = NULL;
	}
	return 0;
}

int plan__make(struct plan *plan, const struct elf_source *source, const char *name,
	       bool is_program)
{
	const char *reason = NULL;
	struct elf elf;
	int err;

	memset(plan, 0, sizeof(*plan));
	err = elf__open(&elf, source, &reason);
	if (err == -ENOMEM || (err && !reason))
		return err;
	if (err) {
		plan->library = is_named(name, "libssl")      ? TLS_LIBRARY_OPENSSL
				: is_named(name, "libgnutls") ? TLS_LIBRARY_GNUTLS
							      : TLS_LIBRARY_NONE;
		plan->reason = reason;
		return plan->library != TLS_LIBRARY_NONE;
	}
	if (go__is(&elf) && plan_go(plan, &elf))
		return 1;
	return plan_c(plan, &elf, name, is_program);
}
