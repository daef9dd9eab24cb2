// SPDX-License-Identifier: Apache-2.0
/* The text format 0.0.4, a line at a time. */
#include <math.h>

#include "base/utf8.h"
#include "collect/endpoints/build.h"

struct line {
	const char *at;
	const char *end; /* of the line, without its line feed */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* Returns whether there was any. */
static bool skip_blanks(struct line *line)
{
	const char *start = line->at;

	while (line->at < line->end && is_blank(*line->at))
		line->at++;
	return line->at > start;
}

static struct slice read_word(struct line *line)
{
	const char *start = line->at;

	while (line->at < line->end && !is_blank(*line->at))
		line->at++;
	return (struct slice){ start, (size_t)(line->at - start) };
}

static int read_help(struct build *build, struct line *line, struct build_family *family)
{
	struct slice help = { line->at, (size_t)(line->end - line->at) };

	if (family->has_help)
		return build__fail(build, "a second HELP of a family");
	if (memchr(help.data, '\0', help.length) || !utf8__valid_bytes(help.data, help.length))
		return build__fail(build, "a HELP is no UTF-8 text");
	family->help = help;
	family->has_help = true;
	return 0;
}

static int read_type(struct build *build, struct line *line, struct build_family *family)
{
	struct slice word = read_word(line);

	skip_blanks(line);
	if (line->at < line->end)
		return build__fail(build, "more than a type's name in a TYPE");
	if (family->has_type)
		return build__fail(build, "a second TYPE of a family");
	if (family->samples)
		return build__fail(build, "a TYPE behind a sample of its family");
	family->has_type = true;
	for (enum exposed_type type = EXPOSED_UNTYPED; type <= EXPOSED_SUMMARY; type++) {
		if (slice__is(word, exposed__type_name(type))) {
			family->type = (uint8_t)type;
			return 0;
		}
	}
	return build__fail(build, "a type that the text format does not know");
}

/* Behind `#`: HELP, TYPE, or a comment. */
static int read_comment(struct build *build, struct line *line)
{
	bool has_blank = skip_blanks(line);
	struct slice word = read_word(line), name;
	bool is_help = slice__is(word, "HELP");
	int64_t family;

	if (!has_blank || !skip_blanks(line) || !(is_help || slice__is(word, "TYPE")))
		return 0;
	if (!scan__metric_name(&line->at, line->end, &name) ||
	    (line->at < line->end && !is_blank(*line->at)))
		return build__fail(build, "a metric's name is expected behind HELP or TYPE");
	skip_blanks(line);
	family = build__family(build, name);
	if (family < 0)
		return (int)family;
	return is_help ? read_help(build, line, &build->family[family])
		       : read_type(build, line, &build->family[family]);
}

/* The histogram or summary that a name with a suffix belongs to, or -1. */
static int64_t find_whole(const struct build *build, struct slice name)
{
	static const struct {
		const char *suffix;
		bool of_summary;
	} suffixes[] = { { "_bucket", false }, { "_sum", true }, { "_count", true } };

	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		struct slice base = { name.data, name.length - strlen(suffixes[i].suffix) };
		int64_t family;

		if (!slice__ends(name, suffixes[i].suffix))
			continue;
		family = build__find(build, base);
		if (family < 0)
			return -1;
		if (build->family[family].type == EXPOSED_HISTOGRAM ||
		    (build->family[family].type == EXPOSED_SUMMARY && suffixes[i].of_summary))
			return family;
		return -1;
	}
	return -1;
}

static int64_t find_family(struct build *build, struct slice name)
{
	int64_t family = build__find(build, name);

	if (family < 0)
		family = find_whole(build, name);
	return family < 0 ? build__family(build, name) : family;
}

static bool has_number(const struct build *build, const char *name)
{
	const struct build_label *label = build__label(build, name);
	double value;

	return label && scan__is_number(label->value, &value) && !isnan(value);
}

static int check_sample(struct build *build, const struct build_family *family, struct slice name)
{
	bool is_whole = name.length == family->name.length;

	if (family->type == EXPOSED_HISTOGRAM && is_whole)
		return build__fail(build, "a sample of a histogram without a suffix");
	if (family->type == EXPOSED_HISTOGRAM && slice__ends(name, "_bucket") &&
	    !has_number(build, "le"))
		return build__fail(build, "a bucket without a number as le");
	if (family->type == EXPOSED_SUMMARY && is_whole && !has_number(build, "quantile"))
		return build__fail(build, "a sample of a summary without a number as quantile");
	return 0;
}

/* Milliseconds; Prometheus takes digits only. */
static bool is_timestamp(struct slice word)
{
	uint64_t value = 0;

	for (size_t i = 0; i < word.length; i++) {
		if (word.data[i] < '0' || word.data[i] > '9' || value > INT64_MAX / 10)
			return false;
		value = value * 10 + (uint64_t)(word.data[i] - '0');
		if (value > INT64_MAX)
			return false;
	}
	return word.length > 0;
}

static int read_sample(struct build *build, struct line *line)
{
	struct slice name, number, timestamp = { "", 0 };
	int64_t family;
	double value;
	int err;

	if (!scan__metric_name(&line->at, line->end, &name))
		return build__fail(build, "a metric's name is expected");
	build->label_count = 0;
	skip_blanks(line);
	if (line->at < line->end && *line->at == '{') {
		line->at++;
		err = build__read_labels(build, &line->at, line->end, true);
		if (err)
			return err;
		skip_blanks(line);
	} else if (line->at == name.data + name.length) {
		return build__fail(build, "a blank or { is expected behind a metric's name");
	}
	for (size_t i = 0; i < build->label_count; i++)
		if (!scan__escapes_known(build->label[i].value, "\\\"n"))
			return build__fail(build, "a backslash that escapes nothing");
	number = read_word(line);
	if (!scan__is_number(number, &value))
		return build__fail(build, "a value that is no number");
	if (skip_blanks(line) && line->at < line->end) {
		timestamp = read_word(line);
		if (!is_timestamp(timestamp))
			return build__fail(build, "a timestamp that is no number of milliseconds");
		skip_blanks(line);
		if (line->at < line->end)
			return build__fail(build, "more behind a timestamp");
	}
	family = find_family(build, name);
	if (family < 0)
		return (int)family;
	err = check_sample(build, &build->family[family], name);
	if (err)
		return err;
	return build__sample(build, (uint32_t)family, name, number, timestamp);
}

static int read_line(struct build *build, struct line *line)
{
	skip_blanks(line);
	if (line->at == line->end)
		return 0;
	if (*line->at != '#')
		return read_sample(build, line);
	/* to Prometheus it is the end of everything */
	if (memchr(line->at, '\0', (size_t)(line->end - line->at)))
		return build__fail(build, "a NUL in a comment");
	line->at++;
	return read_comment(build, line);
}

int parse__text(const char *bytes, size_t length, const struct parse_options *options,
		struct exposed **ret_exposed, struct parse_error *error)
{
	const char *at = length ? bytes : "", *end = at + length;
	struct build build;
	int err = 0;

	build__init(&build, options, error);
	while (!err && at < end) {
		const char *feed = memchr(at, '\n', (size_t)(end - at));
		struct line line = { at, feed };

		build.line++;
		if (!feed) {
			err = build__fail(&build, "the last line does not end: is it whole?");
			break;
		}
		err = read_line(&build, &line);
		at = feed + 1;
	}
	if (!err)
		err = build__finish(&build, ret_exposed);
	build__free(&build);
	return err;
}
