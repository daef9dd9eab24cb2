// SPDX-License-Identifier: Apache-2.0
#include "collect/postgres/gate.h"

#include <stdint.h>

#define HEAD_BYTES 5 /* type and length, which counts itself */
#define CODE_BYTES 4

/* Codes of an authentication request. Of GSSAPI and SSPI, this agent has nothing to show. */
enum {
	CODE_OK = 0,
	CODE_CLEAR = 3,
	CODE_MD5 = 5,
	CODE_SASL = 10,
	CODE_SASL_CONTINUE = 11,
	CODE_SASL_FINAL = 12,
};

static uint32_t be32(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] << 24 | (uint32_t)bytes[1] << 16 | (uint32_t)bytes[2] << 8 |
	       bytes[3];
}

static enum gate_verdict refuse(const char *sentence, const char **ret_sentence)
{
	*ret_sentence = sentence;
	return GATE_REFUSE;
}

/* SASL is SCRAM, whose answers tell the password to nobody who has it not. */
static enum gate_verdict look_at_code(uint32_t code, const char **ret_sentence)
{
	switch (code) {
	case CODE_OK:
		return GATE_DONE;
	case CODE_SASL:
	case CODE_SASL_CONTINUE:
	case CODE_SASL_FINAL:
		return GATE_PASS;
	case CODE_CLEAR:
		return refuse(
			"it asks for the password in clear text, and nothing proves who it is",
			ret_sentence);
	case CODE_MD5:
		return refuse("it asks for the MD5 of the password, and nothing proves who it is",
			      ret_sentence);
	}
	return refuse("it asks for something else than SCRAM, and nothing proves who it is",
		      ret_sentence);
}

enum gate_verdict gate__look(const unsigned char *bytes, size_t length, size_t *ret_length,
			     const char **ret_sentence)
{
	enum gate_verdict verdict = GATE_PASS;
	uint32_t size;

	if (!length)
		return GATE_MORE;
	/* an authentication request, an error, a notice, another version of the protocol */
	if (bytes[0] != 'R' && bytes[0] != 'E' && bytes[0] != 'N' && bytes[0] != 'v')
		return refuse("what it says first is no message of Postgres", ret_sentence);
	if (length < HEAD_BYTES)
		return GATE_MORE;
	size = be32(bytes + 1);
	if (size < HEAD_BYTES - 1 + (bytes[0] == 'R' ? CODE_BYTES : 0) ||
	    size > GATE_MESSAGE_BYTES - 1)
		return refuse("what it says first is no message of Postgres", ret_sentence);
	if (bytes[0] == 'R') {
		if (length < HEAD_BYTES + CODE_BYTES)
			return GATE_MORE;
		verdict = look_at_code(be32(bytes + HEAD_BYTES), ret_sentence);
	}
	if (verdict == GATE_REFUSE)
		return verdict;
	if (length < size + 1)
		return GATE_MORE;
	*ret_length = size + 1;
	return verdict;
}
