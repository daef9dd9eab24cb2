// SPDX-License-Identifier: Apache-2.0
#include "config/value.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

#define NS_PER_S 1000000000ULL
#define MAX_DURATION_NS (3650ULL * 86400 * NS_PER_S)
#define LABEL_MAX_BYTES 128

static const struct {
	const char *name;
	uint64_t ns;
} units[] = {
	{ "d", 86400 * NS_PER_S }, { "h", 3600 * NS_PER_S }, { "m", 60 * NS_PER_S },
	{ "s", NS_PER_S },	   { "ms", 1000000 },
};

#define UNIT_COUNT (sizeof(units) / sizeof(units[0]))

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Reads digits at *text and moves it behind them. */
static int read_digits(const char **text, uint64_t max, uint64_t *ret_value)
{
	const char *p = *text;
	uint64_t value = 0;

	if (!is_digit(*p))
		return -EINVAL;
	for (; is_digit(*p); p++) {
		value = value * 10 + (uint64_t)(*p - '0');
		if (value > max)
			return -ERANGE;
	}
	*text = p;
	*ret_value = value;
	return 0;
}

int value__duration(const char *text, uint64_t *ret_ns)
{
	uint64_t total = 0;
	size_t next_unit = 0;

	if (strcmp(text, "0") == 0) {
		*ret_ns = 0;
		return 0;
	}
	do {
		uint64_t number;
		size_t letters, i;
		int err = read_digits(&text, MAX_DURATION_NS / 1000000, &number);

		if (err)
			return err;
		letters = strspn(text, "dhms");
		for (i = next_unit; i < UNIT_COUNT; i++)
			if (strlen(units[i].name) == letters &&
			    memcmp(text, units[i].name, letters) == 0)
				break;
		if (i == UNIT_COUNT)
			return -EINVAL;
		if (number > (MAX_DURATION_NS - total) / units[i].ns)
			return -ERANGE;
		total += number * units[i].ns;
		next_unit = i + 1;
		text += letters;
	} while (*text);
	*ret_ns = total;
	return 0;
}

void value__format_duration(uint64_t ns, char *buffer, size_t size)
{
	size_t used = 0;

	snprintf(buffer, size, "0s");
	for (size_t i = 0; i < UNIT_COUNT && used < size; i++) {
		uint64_t number = ns / units[i].ns;

		if (number == 0)
			continue;
		used += (size_t)snprintf(buffer + used, size - used, "%llu%s",
					 (unsigned long long)number, units[i].name);
		ns -= number * units[i].ns;
	}
}

int value__seconds(const char *text, uint64_t *ret_ns)
{
	uint64_t seconds, fraction = 0, scale = NS_PER_S;
	int err = read_digits(&text, 9999999999ULL, &seconds);

	if (err)
		return err;
	if (*text == '.') {
		text++;
		if (!is_digit(*text))
			return -EINVAL;
		for (; is_digit(*text); text++) {
			scale /= 10;
			if (scale == 0 && *text != '0')
				return -ERANGE;
			fraction += (uint64_t)(*text - '0') * scale;
		}
	}
	if (*text)
		return -EINVAL;
	*ret_ns = seconds * NS_PER_S + fraction;
	return 0;
}

void value__format_seconds(uint64_t ns, char *buffer, size_t size)
{
	char digits[40];
	int length = snprintf(digits, sizeof(digits), "%llu.%09llu",
			      (unsigned long long)(ns / NS_PER_S),
			      (unsigned long long)(ns % NS_PER_S));

	while (digits[length - 1] == '0')
		length--;
	if (digits[length - 1] == '.')
		length--;
	digits[length] = '\0';
	snprintf(buffer, size, "%s", digits);
}

int value__u32(const char *text, uint32_t min, uint32_t max, uint32_t *ret_value)
{
	uint64_t value;
	int err = read_digits(&text, UINT32_MAX, &value);

	if (err)
		return err;
	if (*text)
		return -EINVAL;
	if (value < min || value > max)
		return -ERANGE;
	*ret_value = (uint32_t)value;
	return 0;
}

static const char *const byte_units[] = { "", "KiB", "MiB", "GiB" };

int value__bytes(const char *text, uint64_t min, uint64_t max, uint64_t *ret_bytes)
{
	uint64_t number;
	int err = read_digits(&text, UINT64_MAX / 16, &number);

	if (err)
		return err;
	for (unsigned int i = 0; i < sizeof(byte_units) / sizeof(byte_units[0]); i++) {
		size_t length = strlen(byte_units[i]), given = strlen(text);

		if (strncmp(text, byte_units[i], given) != 0 ||
		    (given != length && given + 1 != length) || (given == 0 && length != 0))
			continue;
		if (number > max >> 10 * i || number << 10 * i < min)
			return -ERANGE;
		*ret_bytes = number << 10 * i;
		return 0;
	}
	return -EINVAL;
}

void value__format_bytes(uint64_t bytes, char *buffer, size_t size)
{
	unsigned int i = 0;

	while (i < 3 && bytes && bytes % 1024 == 0) {
		bytes /= 1024;
		i++;
	}
	snprintf(buffer, size, "%llu%s", (unsigned long long)bytes, byte_units[i]);
}

int value__bool(const char *text, bool *ret_value)
{
	bool value = strcmp(text, "true") == 0;

	if (!value && strcmp(text, "false") != 0)
		return -EINVAL;
	*ret_value = value;
	return 0;
}

bool value__has_no_blank_ends(const char *text)
{
	size_t length = strlen(text);

	return length == 0 || (text[0] != ' ' && text[length - 1] != ' ');
}

int value__path(const char *text, const char *directory, char *ret_path, size_t size)
{
	int length;

	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return -EINVAL;
	if (!text[0] || !value__has_no_blank_ends(text))
		return -EINVAL;
	if (text[0] != '/' && !directory)
		return -ENOENT;
	while (strncmp(text, "./", 2) == 0)
		text += 2 + strspn(text + 2, "/");
	if (text[0] == '/' || strcmp(directory, "/") == 0)
		directory = "";
	length = snprintf(ret_path, size, "%s%s%s", directory, text[0] == '/' ? "" : "/", text);
	return length >= 0 && (size_t)length < size ? 0 : -ENAMETOOLONG;
}

bool value__is_label(const char *text)
{
	if (strlen(text) > LABEL_MAX_BYTES)
		return false;
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			return false;
	return utf8__valid(text);
}
