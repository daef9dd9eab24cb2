/* SPDX-License-Identifier: Apache-2.0 */
#include "encoders/number.h"

#include <string.h>

/* Where shortest-form printers change to an exponent (that of %g with no precision given). */
#define EXPONENT_BELOW (-4)
#define EXPONENT_FROM 6

static const char pairs[] = "00010203040506070809"
			    "10111213141516171819"
			    "20212223242526272829"
			    "30313233343536373839"
			    "40414243444546474849"
			    "50515253545556575859"
			    "60616263646566676869"
			    "70717273747576777879"
			    "80818283848586878889"
			    "90919293949596979899";

static const uint64_t power_of_ten[NUMBER_MAX_SCALE + 1] = {
	1ULL,
	10ULL,
	100ULL,
	1000ULL,
	10000ULL,
	100000ULL,
	1000000ULL,
	10000000ULL,
	100000000ULL,
	1000000000ULL,
	10000000000ULL,
	100000000000ULL,
	1000000000000ULL,
	10000000000000ULL,
	100000000000000ULL,
	1000000000000000ULL,
	10000000000000000ULL,
	100000000000000000ULL,
	1000000000000000000ULL,
};

char *number__integer(char *out, uint64_t value)
{
	char digits[20], *p = digits + sizeof(digits);
	size_t length;

	while (value >= 100) {
		p -= 2;
		memcpy(p, &pairs[value % 100 * 2], 2);
		value /= 100;
	}
	if (value >= 10) {
		p -= 2;
		memcpy(p, &pairs[value * 2], 2);
	} else {
		*--p = (char)('0' + value);
	}
	length = (size_t)(digits + sizeof(digits) - p);
	memcpy(out, p, length);
	return out + length;
}

char *number__decimal(char *out, uint64_t value, unsigned int scale)
{
	uint64_t fraction = value % power_of_ten[scale];

	out = number__integer(out, value / power_of_ten[scale]);
	if (!fraction)
		return out;
	*out++ = '.';
	for (unsigned int i = scale; i > 0; i--) {
		out[i - 1] = (char)('0' + fraction % 10);
		fraction /= 10;
	}
	out += scale;
	while (out[-1] == '0')
		out--;
	return out;
}

char *number__bound(char *out, uint64_t value, unsigned int scale, bool point)
{
	char digits[20];
	int count = (int)(number__integer(digits, value) - digits);
	int exponent = count - 1 - (int)scale; /* of the first digit */

	if (value && (exponent < EXPONENT_BELOW || exponent >= EXPONENT_FROM)) {
		while (digits[count - 1] == '0')
			count--;
		*out++ = digits[0];
		if (count > 1) {
			*out++ = '.';
			memcpy(out, digits + 1, (size_t)count - 1);
			out += count - 1;
		}
		*out++ = 'e';
		*out++ = exponent < 0 ? '-' : '+';
		if (exponent < 0)
			exponent = -exponent;
		*out++ = (char)('0' + exponent / 10);
		*out++ = (char)('0' + exponent % 10);
		return out;
	}
	out = number__decimal(out, value, scale);
	if (point && value % power_of_ten[scale] == 0) {
		*out++ = '.';
		*out++ = '0';
	}
	return out;
}

double number__double(uint64_t value, unsigned int scale)
{
	return (double)((long double)value / (long double)power_of_ten[scale]);
}
