// SPDX-License-Identifier: Apache-2.0
/*
 * OpenMetrics 1.0.0, after the ABNF of its specification: one space between words, no
 * blank lines, `# EOF` last. A family's lines stand together, its name is that of its
 * samples without the suffix that its type gives them.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>

#include "base/utf8.h"
#include "collect/endpoints/build.h"

/* "The combined length of the label names and values of an Exemplar's LabelSet". */
#define EXEMPLAR_MAX_CHARACTERS 128

/* Seconds that are still a number of milliseconds in an int64_t. */
#define TIMESTAMP_MAX_S 9.2e15

enum om_type {
	OM_UNKNOWN,
	OM_COUNTER,
	OM_GAUGE,
	OM_HISTOGRAM,
	OM_GAUGEHISTOGRAM,
	OM_STATESET,
	OM_INFO,
	OM_SUMMARY,
	OM_TYPES
};

static const char *const om_types[OM_TYPES] = {
	"unknown", "counter", "gauge", "histogram", "gaugehistogram", "stateset", "info", "summary",
};

/* What samples of a type are called, and what is asked of them. */
struct om_suffix {
	const char *suffix;
	uint8_t type;	    /* of the text format */
	bool is_own_family; /* there, its family is called like the sample */
	const char *label;  /* that must be there with a number; NULL: none */
	bool is_count;	    /* neither negative nor NaN */
	bool has_exemplar;  /* may have one */
};

#define SUFFIXES_MAX 4

static const struct om_suffix om_suffixes[OM_TYPES][SUFFIXES_MAX + 1] = {
	[OM_UNKNOWN] = { { "", EXPOSED_UNTYPED, true, NULL, false, false } },
	[OM_GAUGE] = { { "", EXPOSED_GAUGE, true, NULL, false, false } },
	[OM_STATESET] = { { "", EXPOSED_GAUGE, true, NULL, false, false } },
	[OM_INFO] = { { "_info", EXPOSED_GAUGE, true, NULL, false, false } },
	[OM_COUNTER] = { { "_total", EXPOSED_COUNTER, true, NULL, true, true },
			 { "_created", EXPOSED_GAUGE, true, NULL, false, false } },
	[OM_HISTOGRAM] = { { "_bucket", EXPOSED_HISTOGRAM, false, "le", true, true },
			   { "_count", EXPOSED_HISTOGRAM, false, NULL, true, false },
			   { "_sum", EXPOSED_HISTOGRAM, false, NULL, false, false },
			   { "_created", EXPOSED_GAUGE, true, NULL, false, false } },
	[OM_GAUGEHISTOGRAM] = { { "_bucket", EXPOSED_GAUGE, true, "le", true, true },
				{ "_gcount", EXPOSED_GAUGE, true, NULL, true, false },
				{ "_gsum", EXPOSED_GAUGE, true, NULL, false, false } },
	[OM_SUMMARY] = { { "_count", EXPOSED_SUMMARY, false, NULL, true, false },
			 { "_sum", EXPOSED_SUMMARY, false, NULL, false, false },
			 { "_created", EXPOSED_GAUGE, true, NULL, false, false },
			 { "", EXPOSED_SUMMARY, false, "quantile", false, false } },
};

/* The family whose lines are being read. */
struct current {
	struct slice name;
	enum om_type type;
	bool is_open, has_type, has_help, has_unit, has_samples;
	struct slice help;
};

struct reader {
	struct build build; /* families of the text format */
	struct build names; /* families of this one: to see that none comes back */
	struct current current;
	const char *at, *end; /* of the line being read */
};

static int fail(struct reader *r, const char *message)
{
	return build__fail(&r->build, message);
}

static bool take(struct reader *r, const char *text)
{
	size_t length = strlen(text);

	if ((size_t)(r->end - r->at) < length || memcmp(r->at, text, length) != 0)
		return false;
	r->at += length;
	return true;
}

static struct slice read_word(struct reader *r)
{
	const char *start = r->at;

	while (r->at < r->end && *r->at != ' ')
		r->at++;
	return (struct slice){ start, (size_t)(r->at - start) };
}

static int begin_family(struct reader *r, struct slice name)
{
	int64_t index;

	if (build__find(&r->names, name) >= 0)
		return fail(r, "a family's lines are not together");
	r->names.line = r->build.line;
	index = build__family(&r->names, name);
	if (index < 0)
		return (int)index;
	r->current = (struct current){ .name = name, .is_open = true };
	return 0;
}

static bool is_current(const struct reader *r, struct slice name)
{
	return r->current.is_open && r->current.name.length == name.length &&
	       memcmp(r->current.name.data, name.data, name.length) == 0;
}

static int read_type(struct reader *r, struct slice word)
{
	struct current *current = &r->current;

	if (current->has_type)
		return fail(r, "a second TYPE of a family");
	current->has_type = true;
	for (int i = 0; i < OM_TYPES; i++) {
		if (slice__is(word, om_types[i])) {
			current->type = (enum om_type)i;
			return 0;
		}
	}
	return fail(r, "a type that OpenMetrics does not know");
}

static int read_help(struct reader *r, struct slice text)
{
	if (r->current.has_help)
		return fail(r, "a second HELP of a family");
	if (memchr(text.data, '\0', text.length) || !utf8__valid_bytes(text.data, text.length))
		return fail(r, "a HELP is no UTF-8 text");
	for (size_t i = 0; i < text.length; i++) {
		if (text.data[i] == '"')
			return fail(r, "a quote in a HELP that is not escaped");
		if (text.data[i] == '\\' && ++i == text.length)
			return fail(r, "a HELP that ends within an escape");
	}
	/* the text format, in which it will be shown, has none in front */
	while (text.length && (text.data[0] == ' ' || text.data[0] == '\t')) {
		text.data++;
		text.length--;
	}
	r->current.has_help = true;
	r->current.help = text;
	return 0;
}

/* "If non-empty, it MUST be a suffix of the MetricFamily name separated by an underscore." */
static int read_unit(struct reader *r, struct slice word)
{
	struct slice name = r->current.name;

	if (r->current.has_unit)
		return fail(r, "a second UNIT of a family");
	r->current.has_unit = true;
	if (!word.length)
		return 0;
	if (name.length <= word.length + 1 || name.data[name.length - word.length - 1] != '_' ||
	    memcmp(name.data + name.length - word.length, word.data, word.length) != 0)
		return fail(r, "a UNIT that is no suffix of its family's name");
	return 0;
}

/* Behind `# `. */
static int read_descriptor(struct reader *r)
{
	struct slice word = read_word(r), name, rest;
	int err;

	if (!slice__is(word, "TYPE") && !slice__is(word, "HELP") && !slice__is(word, "UNIT"))
		return fail(r, "HELP, TYPE, UNIT or EOF is expected behind #");
	if (!take(r, " ") || !scan__metric_name(&r->at, r->end, &name) || !take(r, " "))
		return fail(r, "a family's name and a space are expected");
	rest = (struct slice){ r->at, (size_t)(r->end - r->at) };
	if (!is_current(r, name)) {
		err = begin_family(r, name);
		if (err)
			return err;
	} else if (r->current.has_samples) {
		return fail(r, "a HELP, TYPE or UNIT behind a sample of its family");
	}
	return slice__is(word, "TYPE")	 ? read_type(r, rest)
	       : slice__is(word, "HELP") ? read_help(r, rest)
					 : read_unit(r, rest);
}

static const struct om_suffix *find_suffix(const struct current *current, struct slice name)
{
	const struct om_suffix *suffix = om_suffixes[current->type];

	if (!current->is_open || name.length < current->name.length ||
	    memcmp(name.data, current->name.data, current->name.length) != 0)
		return NULL;
	for (int i = 0; i <= SUFFIXES_MAX && suffix[i].suffix; i++) {
		struct slice rest = { name.data + current->name.length,
				      name.length - current->name.length };

		if (slice__is(rest, suffix[i].suffix))
			return &suffix[i];
	}
	return NULL;
}

/* Seconds with a fraction; as Prometheus does, what is below a millisecond is cut off. */
static bool read_timestamp(struct slice word, char buffer[24], struct slice *ret_ms)
{
	double seconds;

	if (!scan__is_number(word, &seconds) || isnan(seconds) || seconds < 0 ||
	    seconds > TIMESTAMP_MAX_S)
		return false;
	ret_ms->data = buffer;
	ret_ms->length = (size_t)snprintf(buffer, 24, "%lld", (long long)(seconds * 1000));
	return true;
}

static size_t characters(struct slice text)
{
	size_t count = 0;

	for (size_t i = 0; i < text.length; i++)
		count += ((unsigned char)text.data[i] & 0xc0) != 0x80;
	return count;
}

/* Behind ` # `: looked at and dropped. Overwrites the sample's labels. */
static int read_exemplar(struct reader *r)
{
	struct slice word, ms;
	size_t length = 0;
	char buffer[24];
	double value;
	int err;

	if (!take(r, "{"))
		return fail(r, "an exemplar's labels are expected");
	err = build__read_labels(&r->build, &r->at, r->end, false);
	if (err)
		return err;
	for (size_t i = 0; i < r->build.label_count; i++)
		length += characters(r->build.label[i].name) + characters(r->build.label[i].value);
	if (length > EXEMPLAR_MAX_CHARACTERS)
		return fail(r, "an exemplar's labels are too long");
	if (!take(r, " "))
		return fail(r, "a space is expected behind an exemplar's labels");
	word = read_word(r);
	if (!scan__is_number(word, &value))
		return fail(r, "an exemplar's value is no number");
	if (take(r, " ") && !read_timestamp(read_word(r), buffer, &ms))
		return fail(r, "an exemplar's timestamp is no time");
	return 0;
}

static int check_sample(struct reader *r, const struct om_suffix *suffix, double value)
{
	const struct build *build = &r->build;
	const struct build_label *label;
	double number;

	if (suffix->is_count && !(value >= 0))
		return fail(r, "a count is negative or no number");
	if (suffix->label) {
		label = build__label(build, suffix->label);
		if (!label || !scan__is_number(label->value, &number) || isnan(number))
			return fail(r, "a bucket or quantile without its number as a label");
	}
	if (r->current.type == OM_STATESET) {
		struct slice name = r->current.name;
		bool found = false;

		for (size_t i = 0; i < build->label_count; i++)
			found |= build->label[i].name.length == name.length &&
				 memcmp(build->label[i].name.data, name.data, name.length) == 0;
		if (!found || (value != 0 && value != 1))
			return fail(r, "a state without its label, or neither 0 nor 1");
	}
	if (r->current.type == OM_INFO && value != 1)
		return fail(r, "the value of an info is not 1");
	return 0;
}

/* The text format's family of a sample. An index or an error. */
static int64_t text_family(struct reader *r, const struct om_suffix *suffix, struct slice name)
{
	const struct current *current = &r->current;
	struct build *build = &r->build;
	int64_t index = build__family(build, suffix->is_own_family ? name : current->name);
	uint8_t type = current->has_type ? suffix->type : EXPOSED_UNDECLARED;
	struct build_family *family;

	if (index < 0)
		return index;
	family = &build->family[index];
	if (!family->samples) {
		family->type = type;
		family->has_help = current->has_help;
		family->help = current->help;
	} else if (family->type != type) {
		return fail(r, "two families would be one in the text format");
	}
	return index;
}

static int read_sample(struct reader *r)
{
	struct slice name, number, ms = { "", 0 };
	const struct om_suffix *suffix;
	int64_t family;
	char buffer[24];
	double value;
	int err;

	if (!scan__metric_name(&r->at, r->end, &name))
		return fail(r, "a metric's name is expected");
	suffix = find_suffix(&r->current, name);
	if (!suffix) {
		err = begin_family(r, name);
		if (err)
			return err;
		suffix = find_suffix(&r->current, name);
	}
	r->build.label_count = 0;
	if (take(r, "{")) {
		err = build__read_labels(&r->build, &r->at, r->end, false);
		if (err)
			return err;
	}
	if (!take(r, " "))
		return fail(r, "a space is expected before a value");
	number = read_word(r);
	if (!scan__is_number(number, &value))
		return fail(r, "a value that is no number");
	err = check_sample(r, suffix, value);
	if (err)
		return err;
	if (r->at < r->end && (size_t)(r->end - r->at) >= 2 && r->at[1] != '#') {
		r->at++;
		if (!read_timestamp(read_word(r), buffer, &ms))
			return fail(r, "a timestamp that is no time");
	}
	r->current.has_samples = true;
	family = text_family(r, suffix, name);
	if (family < 0)
		return (int)family;
	err = build__sample(&r->build, (uint32_t)family, name, number, ms);
	if (err)
		return err;
	if (take(r, " # ")) {
		if (!suffix->has_exemplar)
			return fail(r, "an exemplar where none may be");
		err = read_exemplar(r);
		if (err)
			return err;
	}
	return r->at == r->end ? 0 : fail(r, "more behind a sample");
}

static int read_line(struct reader *r)
{
	if (take(r, "# "))
		return read_descriptor(r);
	return read_sample(r);
}

static int read_lines(struct reader *r, const char *at, const char *end)
{
	while (at < end) {
		const char *start = at, *feed = memchr(at, '\n', (size_t)(end - at));
		int err;

		r->build.line++;
		r->at = start;
		r->end = feed ? feed : end;
		at = feed ? feed + 1 : end;
		if (take(r, "# EOF") && r->at == r->end)
			return at == end ? 0 : fail(r, "more behind the EOF");
		if (!feed)
			break;
		r->at = start;
		err = read_line(r);
		if (err)
			return err;
	}
	return fail(r, "# EOF is missing: is it whole?");
}

int parse__openmetrics(const char *bytes, size_t length, const struct parse_options *options,
		       struct exposed **ret_exposed, struct parse_error *error)
{
	struct reader r;
	int err;

	build__init(&r.build, options, error);
	build__init(&r.names, options, error);
	r.current = (struct current){ 0 };
	bytes = length ? bytes : "";
	err = read_lines(&r, bytes, bytes + length);
	if (!err)
		err = build__finish(&r.build, ret_exposed);
	build__free(&r.build);
	build__free(&r.names);
	return err;
}
