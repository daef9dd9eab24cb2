// SPDX-License-Identifier: Apache-2.0
#include "http/header.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <strings.h>

#define NS_PER_S 1000000000ULL
#define TIMEOUT_MAX_S 3600

static const char *skip_space(const char *at)
{
	return at + strspn(at, " \t");
}

/*
 * A weight ("0", "0.5", "1.000") in thousandths, or -EINVAL. Advances *at.
 */
static int parse_weight(const char **at)
{
	const char *p = *at;
	int weight, unit = 100;

	if (*p != '0' && *p != '1')
		return -EINVAL;
	weight = (*p++ - '0') * 1000;
	if (*p == '.') {
		for (p++; *p >= '0' && *p <= '9'; p++) {
			if (!unit)
				return -EINVAL;
			weight += (*p - '0') * unit;
			unit /= 10;
		}
	}
	if (weight > 1000)
		return -EINVAL;
	*at = p;
	return weight;
}

/*
 * One list member from `at`, which may be empty. Returns its weight or -EINVAL
 * and the coding's place; *at ends on the comma or the terminator.
 */
static int parse_member(const char **at, const char **coding, size_t *coding_len)
{
	const char *p = skip_space(*at);
	int weight = 1000;

	*coding = p;
	*coding_len = strcspn(p, " \t,;");
	p = skip_space(p + *coding_len);
	if (*p == ';') {
		p = skip_space(p + 1);
		if ((*p == 'q' || *p == 'Q') && p[1] == '=') {
			p += 2;
			weight = parse_weight(&p);
			p = skip_space(p);
		} else {
			weight = -EINVAL;
		}
	}
	if (*p != ',' && *p != '\0') {
		weight = -EINVAL;
		p += strcspn(p, ",");
	}
	*at = p;
	return weight;
}

static bool coding_is(const char *coding, size_t len, const char *name)
{
	return len == strlen(name) && !strncasecmp(coding, name, len);
}

bool http_header__accepts_gzip(const char *accept_encoding)
{
	const char *at = accept_encoding, *coding;
	int gzip = -1, any = -1, weight;
	size_t len;

	if (!accept_encoding)
		return false;
	for (;;) {
		weight = parse_member(&at, &coding, &len);
		if (weight >= 0) {
			if (coding_is(coding, len, "gzip") || coding_is(coding, len, "x-gzip"))
				gzip = weight;
			else if (coding_is(coding, len, "*"))
				any = weight;
		}
		if (*at == '\0')
			break;
		at++;
	}
	return gzip >= 0 ? gzip > 0 : any > 0;
}

int http_header__scrape_timeout(uint64_t *ret_ns, const char *seconds)
{
	const char *p = seconds;
	uint64_t whole = 0, part = 0, unit = NS_PER_S / 10, ns;

	if (*p < '0' || *p > '9')
		return -EINVAL;
	for (; *p >= '0' && *p <= '9'; p++)
		if (whole <= TIMEOUT_MAX_S)
			whole = whole * 10 + (*p - '0');
	if (*p == '.') {
		if (p[1] < '0' || p[1] > '9')
			return -EINVAL;
		for (p++; *p >= '0' && *p <= '9'; p++) {
			part += (*p - '0') * unit;
			unit /= 10;
		}
	}
	if (*p)
		return -EINVAL;
	ns = whole >= TIMEOUT_MAX_S ? TIMEOUT_MAX_S * NS_PER_S : whole * NS_PER_S + part;
	if (!ns)
		return -EINVAL;
	*ret_ns = ns;
	return 0;
}
