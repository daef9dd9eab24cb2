// SPDX-License-Identifier: Apache-2.0
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/reserved.h"
#include "identity/names.h"

#define SHORT_ID_DIGITS 12
#define HEX_DIGITS "0123456789abcdef"

/* Bytes of the UTF-8 character at `from`, or 0 if there is no valid one (RFC 3629 section 4). */
static size_t utf8_len(const unsigned char *from, size_t len)
{
	unsigned char c = from[0];
	unsigned char low = 0x80, high = 0xbf; /* what the second byte may be */
	size_t want;

	if (c < 0x80)
		return c >= 0x20 && c != 0x7f;
	if (c >= 0xc2 && c <= 0xdf)
		want = 2;
	else if (c >= 0xe0 && c <= 0xef)
		want = 3;
	else if (c >= 0xf0 && c <= 0xf4)
		want = 4;
	else
		return 0;
	if (want > len)
		return 0;
	if (c == 0xe0)
		low = 0xa0;
	else if (c == 0xed)
		high = 0x9f;
	else if (c == 0xf0)
		low = 0x90;
	else if (c == 0xf4)
		high = 0x8f;
	if (from[1] < low || from[1] > high)
		return 0;
	/* U+0080 to U+009F are control characters too */
	if (c == 0xc2 && from[1] < 0xa0)
		return 0;
	for (size_t i = 2; i < want; i++)
		if (from[i] < 0x80 || from[i] > 0xbf)
			return 0;
	return want;
}

/* As names__clean, in at most `max` bytes and the NUL. Returns the length. */
static size_t clean(char *to, size_t max, const char *from, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len;) {
		size_t step = utf8_len((const unsigned char *)from + i, len - i);

		if (n + (step ? step : 1) > max)
			break;
		if (step) {
			memcpy(to + n, from + i, step);
			n += step;
			i += step;
		} else {
			to[n++] = '_';
			i++;
		}
	}
	to[n] = '\0';
	return n;
}

/* Puts text in front of a name of LABEL_BYTES; the end is cut if it must be. */
static void prepend(const char *text, char *name)
{
	char whole[LABEL_BYTES];
	size_t len = strlen(text);

	memcpy(whole, text, len);
	clean(whole + len, LABEL_BYTES - 1 - len, name, strlen(name));
	memcpy(name, whole, LABEL_BYTES);
}

void names__clean(char *to, const char *from, size_t len)
{
	size_t n = clean(to, LABEL_BYTES - 1, from, len);

	if (reserved__is(to, n))
		prepend((const char[]){ RESERVED_MARK, '\0' }, to);
}

void names__short_id(char *to, const char *id)
{
	size_t len = strlen(id);

	if (len >= 32 && strspn(id, HEX_DIGITS) == len)
		len = SHORT_ID_DIGITS;
	names__clean(to, id, len);
}

void names__unit_app(char *to, const char *unit)
{
	const char *dot = strrchr(unit, '.');
	size_t len = strlen(unit);

	if (dot && dot != unit && (strcmp(dot, ".service") == 0 || strcmp(dot, ".scope") == 0))
		len = (size_t)(dot - unit);
	names__clean(to, unit, len);
}

void names__add_user(char *name, uid_t user)
{
	char whole[LABEL_BYTES], mark[16];
	size_t len = (size_t)snprintf(mark, sizeof(mark), "@%u", user);
	size_t n = clean(whole, LABEL_BYTES - 1 - len, name, strlen(name));

	memcpy(whole + n, mark, len + 1);
	memcpy(name, whole, n + len + 1);
}

static bool ends(const char *text, const char *suffix)
{
	size_t len = strlen(text), suffix_len = strlen(suffix);

	return len >= suffix_len && strcmp(text + len - suffix_len, suffix) == 0;
}

/* Whether it could be the instance label of what is no executable. */
static bool is_like_others(const char *name)
{
	const char *at = strrchr(name, '@');

	return ends(name, ".service") || ends(name, ".scope") ||
	       (strlen(name) == SHORT_ID_DIGITS && strspn(name, HEX_DIGITS) == SHORT_ID_DIGITS) ||
	       (at && at[1] && strspn(at + 1, "0123456789") == strlen(at + 1));
}

void names__executable(char *to, const char *name)
{
	names__clean(to, name, strlen(name));
	if (is_like_others(to))
		prepend(NAMES_APART, to);
}

const char *names__file(const char *label)
{
	while (strncmp(label, NAMES_APART, strlen(NAMES_APART)) == 0)
		label += strlen(NAMES_APART);
	return label;
}

bool names__is_executable(const char *label, const char *name)
{
	char clean_name[LABEL_BYTES];

	names__clean(clean_name, name, strlen(name));
	return strcmp(names__file(label), names__file(clean_name)) == 0;
}

/*
 * Takes the last segment "-xxx" off a name of *len bytes when it is made of
 * `alphabet` only and between min and max bytes long, and leaves something.
 */
static bool strip_segment(const char *name, size_t *len, const char *alphabet, size_t min,
			  size_t max)
{
	size_t n = 0;

	while (n < *len && name[*len - 1 - n] != '-') {
		if (!strchr(alphabet, name[*len - 1 - n]))
			return false;
		n++;
	}
	if (n < min || n > max || n + 1 >= *len)
		return false;
	*len -= n + 1;
	return true;
}

void names__pod_owner(char *to, const char *pod, const char *node)
{
	/* what apimachinery's random names are made of: no vowels, nothing that looks like another */
	static const char random_alphabet[] = "bcdfghjklmnpqrstvwxz2456789";
	/* and what the decimal digits of a template's hash become in it */
	static const char hash_alphabet[] = "456789bcdf";
	static const char digits[] = "0123456789";
	size_t len = strlen(pod);
	size_t node_len = node ? strlen(node) : 0;

	if (node_len && len > node_len + 1 && pod[len - node_len - 1] == '-' &&
	    strcmp(pod + len - node_len, node) == 0) {
		len -= node_len + 1;
	} else if (strip_segment(pod, &len, random_alphabet, 5, 5)) {
		/* a CronJob's schedule in minutes, formerly seconds, since the epoch */
		if (!strip_segment(pod, &len, hash_alphabet, 6, 10))
			strip_segment(pod, &len, digits, 8, 10);
	} else {
		strip_segment(pod, &len, digits, 1, 4);
	}
	names__clean(to, pod, len);
}
