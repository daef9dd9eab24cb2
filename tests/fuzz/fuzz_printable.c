// SPDX-License-Identifier: Apache-2.0
/* What others wrote is one line of UTF-8 without control characters, in any room, and stays it. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/printable.h"
#include "base/utf8.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void need(int truth)
{
	if (!truth)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t room, length;
	char *text, *to, *again;

	if (!size)
		return 0;
	room = 4 + data[0];
	text = malloc(size);
	to = malloc(room);
	again = malloc(room);
	need(text && to && again);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = '\0';
	length = printable__copy(to, room, text);
	need(length < room && strlen(to) == length && utf8__valid(to));
	for (size_t i = 0; i < length; i++)
		need((unsigned char)to[i] >= ' ' && to[i] != 0x7f);
	need(printable__copy(again, room, to) == length && !strcmp(again, to));
	free(text);
	free(to);
	free(again);
	return 0;
}
