/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a server says before it has let a client in, one message after the other: whether the
 * client's library may see it. Without TLS; messages are a type, a length and that much
 * (Frontend/Backend Protocol of PostgreSQL, "Message Formats"). Pure.
 */
#ifndef EDGETAP_COLLECT_POSTGRES_GATE_H
#define EDGETAP_COLLECT_POSTGRES_GATE_H

#include <stddef.h>

/* One that is longer is none of these. */
#define GATE_MESSAGE_BYTES 8192

enum gate_verdict {
	GATE_MORE,   /* it is not complete */
	GATE_PASS,   /* it may be seen */
	GATE_DONE,   /* the same, and whatever follows: the client is in */
	GATE_REFUSE, /* answering could give the password away, or it is no message */
};

/*
 * Looks at the first message of what has come. PASS and DONE give its length; REFUSE a sentence,
 * static.
 */
enum gate_verdict gate__look(const unsigned char *bytes, size_t length, size_t *ret_length,
			     const char **ret_sentence);

#endif
