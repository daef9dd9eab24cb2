// SPDX-License-Identifier: Apache-2.0
#include "base/printable.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/utf8.h"

/* "\UNNNNNNNN" and a NUL. */
#define PIECE_BYTES 11

static const struct {
	uint32_t first, last;
} unprintable[] = {
	{ 0x80, 0x9f },	      /* C1: a terminal may take U+009B as ESC [ */
	{ 0x61c, 0x61c },     /* direction of Arabic */
	{ 0x180b, 0x180f },   /* selectors of Mongolian, without width */
	{ 0x200b, 0x200f },   /* no width; direction */
	{ 0x2028, 0x202e },   /* line, paragraph; embedding, override */
	{ 0x2060, 0x206f },   /* joiners; isolates */
	{ 0xfeff, 0xfeff },   /* byte order mark */
	{ 0xfff9, 0xfffb },   /* annotations */
	{ 0xe0000, 0xe007f }, /* tags */
};

static bool is_unprintable(uint32_t character)
{
	for (size_t i = 0; i < sizeof(unprintable) / sizeof(*unprintable); i++)
		if (character >= unprintable[i].first && character <= unprintable[i].last)
			return true;
	return false;
}

static uint32_t decode(const unsigned char *bytes, int length)
{
	uint32_t character = bytes[0] & (0xff >> (length + 1));

	for (int i = 1; i < length; i++)
		character = character << 6 | (bytes[i] & 0x3f);
	return character;
}

/* What is shown of the next character or bad byte. Returns how many bytes that is of the text. */
static size_t take(const char *text, size_t length, char ret_piece[PIECE_BYTES])
{
	const unsigned char *bytes = (const unsigned char *)text;
	int step = utf8__character(text, length);
	uint32_t character;

	if (step < 0 || (step == 1 && (bytes[0] < ' ' || bytes[0] == 0x7f))) {
		snprintf(ret_piece, PIECE_BYTES, "\\x%02x", bytes[0]);
		return 1;
	}
	character = step == 1 ? bytes[0] : decode(bytes, step);
	if (is_unprintable(character)) {
		snprintf(ret_piece, PIECE_BYTES, character > 0xffff ? "\\U%08x" : "\\u%04x",
			 character);
		return (size_t)step;
	}
	memcpy(ret_piece, text, (size_t)step);
	ret_piece[step] = '\0';
	return (size_t)step;
}

size_t printable__copy(char *to, size_t room, const char *text)
{
	size_t length = strlen(text), used = 0, fits = 0, size;
	char piece[PIECE_BYTES];

	for (size_t at = 0; at < length; used += size) {
		at += take(text + at, length - at, piece);
		size = strlen(piece);
		if (used + size > room - 1) {
			memcpy(to + fits, "...", 4);
			return fits + 3;
		}
		memcpy(to + used, piece, size);
		/* up to here the dots can follow */
		if (used + size + 3 <= room - 1)
			fits = used + size;
	}
	to[used] = '\0';
	return used;
}

const char *printable__brief(char buffer[PRINTABLE_BRIEF_BYTES], const char *text)
{
	printable__copy(buffer, PRINTABLE_BRIEF_BYTES, text);
	return buffer;
}

void printable__write(FILE *out, const char *bytes, size_t length)
{
	char piece[PIECE_BYTES];

	for (size_t at = 0; at < length;) {
		at += take(bytes + at, length - at, piece);
		fputs(piece, out);
	}
}

void printable__print(FILE *out, const char *text)
{
	printable__write(out, text, strlen(text));
}
