// SPDX-License-Identifier: Apache-2.0
#include "collect/host/scan.h"

#include <string.h>

const char *scan__next_line(const char *at)
{
	at += strcspn(at, "\n");
	return *at ? at + 1 : at;
}

static const char *behind_blanks(const char *at)
{
	return at + strspn(at, " \t");
}

bool scan__number(const char **at, uint64_t *ret_number)
{
	const char *digit = behind_blanks(*at);
	uint64_t number = 0;

	if (*digit < '0' || *digit > '9')
		return false;
	for (; *digit >= '0' && *digit <= '9'; digit++)
		if (__builtin_mul_overflow(number, 10, &number) ||
		    __builtin_add_overflow(number, (uint64_t)(*digit - '0'), &number))
			return false;
	*at = digit;
	*ret_number = number;
	return true;
}

/* The lists are of one or two. */
static bool is_one_of(const char *list, char c)
{
	while (*list && *list != c)
		list++;
	return *list;
}

bool scan__word(const char **at, const char *ends, char *ret_word, size_t size)
{
	const char *word = behind_blanks(*at);
	size_t len = 0;

	while (word[len] && word[len] != ' ' && word[len] != '\t' && word[len] != '\n' &&
	       !is_one_of(ends, word[len]))
		len++;
	if (!len || len >= size)
		return false;
	memcpy(ret_word, word, len);
	ret_word[len] = '\0';
	*at = word + len;
	return true;
}

bool scan__skip(const char **at, const char *text)
{
	size_t len = strlen(text);

	if (strncmp(*at, text, len) != 0)
		return false;
	*at += len;
	return true;
}

uint64_t scan__scaled(uint64_t a, uint64_t b, uint64_t divisor)
{
	unsigned __int128 scaled = (unsigned __int128)a * b / divisor;

	return scaled > UINT64_MAX ? UINT64_MAX : (uint64_t)scaled;
}
