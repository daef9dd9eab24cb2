/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content negotiation. What scrapers send, for orientation: Prometheus 2
 * names openmetrics-text 1.0.0 and 0.0.1, text 0.0.4 and anything, in falling
 * quality, and puts protobuf before them when it wants native histograms;
 * Prometheus 3 adds `escaping` parameters, which change nothing here because
 * every name served is a legacy name.
 */
#include <stdbool.h>
#include <strings.h>

#include "encoders/encoder.h"

#define FULL_QUALITY 1000
#define MAX_PARAMETERS 16

struct slice {
	const char *data;
	size_t length;
};

struct parameter {
	struct slice name, value;
};

struct media_range {
	struct slice type, subtype;
	struct parameter parameter[MAX_PARAMETERS];
	unsigned int parameters;
	int quality; /* thousandths */
};

/* A format on offer and the parameter values that a range for it may name. */
struct offer {
	const struct encoder *encoder;
	const char *type, *subtype;
	struct {
		const char *name, *value;
	} required[2];
};

/* In the order in which they are preferred when the client does not care. */
static const struct offer offers[] = {
	{ &encoder_text, "text", "plain", { { "version", "0.0.4" } } },
	{ &encoder_openmetrics, "application", "openmetrics-text", { { "version", "1.0.0" } } },
	{ &encoder_protobuf,
	  "application",
	  "vnd.google.protobuf",
	  { { "proto", "io.prometheus.client.MetricFamily" }, { "encoding", "delimited" } } },
};

#define OFFERS (sizeof(offers) / sizeof(offers[0]))

static bool slice__is(struct slice slice, const char *text)
{
	return strlen(text) == slice.length && !strncasecmp(slice.data, text, slice.length);
}

static const char *skip_space(const char *p)
{
	while (*p == ' ' || *p == '\t')
		p++;
	return p;
}

/* RFC 9110 section 5.6.2; `/`, which separates, is no token character. */
static const char *read_token(const char *p, struct slice *ret_token)
{
	ret_token->data = p;
	while ((*p >= '0' && *p <= '9') || (*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
	       (*p && strchr("!#$%&'*+-.^_`|~", *p)))
		p++;
	ret_token->length = (size_t)(p - ret_token->data);
	return p;
}

/* A token or a quoted string, whose escapes no value of ours needs. */
static const char *read_value(const char *p, struct slice *ret_value)
{
	if (*p != '"')
		return read_token(p, ret_value);
	ret_value->data = ++p;
	while (*p && *p != '"')
		p += *p == '\\' && p[1] ? 2 : 1;
	ret_value->length = (size_t)(p - ret_value->data);
	return *p ? p + 1 : p;
}

/* "0", "0.5", "1.000"; anything else counts as 0, so that it never wins. */
static int read_quality(struct slice value)
{
	int quality = 0, unit = FULL_QUALITY / 10;

	if (!value.length || (value.data[0] != '0' && value.data[0] != '1'))
		return 0;
	if (value.length > 1 && value.data[1] != '.')
		return 0;
	quality = (value.data[0] - '0') * FULL_QUALITY;
	for (size_t i = 2; i < value.length; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return 0;
		quality += (value.data[i] - '0') * unit;
		unit /= 10;
	}
	return quality > FULL_QUALITY ? 0 : quality;
}

/* Reads one range and goes to the comma that ends it, or to the end. */
static const char *read_range(const char *p, struct media_range *ret_range, bool *ret_ok)
{
	bool ok;

	ret_range->parameters = 0;
	ret_range->quality = FULL_QUALITY;
	p = read_token(skip_space(p), &ret_range->type);
	ok = ret_range->type.length && *p == '/';
	if (ok) {
		p = read_token(p + 1, &ret_range->subtype);
		ok = ret_range->subtype.length > 0;
	}
	for (p = skip_space(p); ok && *p == ';'; p = skip_space(p)) {
		struct parameter parameter;

		p = read_token(skip_space(p + 1), &parameter.name);
		if (*p != '=')
			continue;
		p = read_value(p + 1, &parameter.value);
		if (slice__is(parameter.name, "q"))
			ret_range->quality = read_quality(parameter.value);
		else if (ret_range->parameters < MAX_PARAMETERS)
			ret_range->parameter[ret_range->parameters++] = parameter;
	}
	*ret_ok = ok && (!*p || *p == ',');
	while (*p && *p != ',')
		p++;
	return p;
}

/* How specifically a range names an offer; 0 if it does not. */
static int specificity(const struct media_range *range, const struct offer *offer)
{
	int named = 0;

	if (slice__is(range->type, "*"))
		return slice__is(range->subtype, "*") ? 1 : 0;
	if (!slice__is(range->type, offer->type))
		return 0;
	if (slice__is(range->subtype, "*"))
		return 2;
	if (!slice__is(range->subtype, offer->subtype))
		return 0;
	for (unsigned int i = 0; i < range->parameters; i++) {
		for (int r = 0; r < 2 && offer->required[r].name; r++) {
			if (!slice__is(range->parameter[i].name, offer->required[r].name))
				continue;
			if (!slice__is(range->parameter[i].value, offer->required[r].value))
				return 0;
			named++;
		}
	}
	return 3 + named;
}

const struct encoder *encoder__negotiate(const char *accept)
{
	int best[OFFERS] = {}, quality[OFFERS] = {}, position[OFFERS] = {};
	size_t chosen = 0;
	const char *p = accept;

	for (int at = 0; p && *p; at++) {
		struct media_range range;
		bool ok;

		p = read_range(p, &range, &ok);
		for (size_t i = 0; ok && i < OFFERS; i++) {
			int specific = specificity(&range, &offers[i]);

			if (specific > best[i]) {
				best[i] = specific;
				quality[i] = range.quality;
				position[i] = at;
			}
		}
		if (*p == ',')
			p++;
	}
	for (size_t i = 1; i < OFFERS; i++)
		if (quality[i] > quality[chosen] ||
		    (quality[i] && quality[i] == quality[chosen] && position[i] < position[chosen]))
			chosen = i;
	return offers[chosen].encoder;
}
