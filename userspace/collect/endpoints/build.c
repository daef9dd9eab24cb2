// SPDX-License-Identifier: Apache-2.0
/*
 * Series are told apart by a keyed 64-bit hash of name and labels: of 50,000 in a
 * scrape two that differ have the same once in 10^10 scrapes, and nobody without
 * the key can make them. Such a scrape fails, which is harmless.
 */
#include "collect/endpoints/build.h"

#include <errno.h>
#include <stdlib.h>

#include "base/keyed_hash.h"

#define FIRST_SLOTS 256

void build__init(struct build *build, const struct parse_options *options,
		 struct parse_error *error)
{
	memset(build, 0, offsetof(struct build, label));
	build->label_count = 0;
	build->options = options;
	build->error = error;
	*error = (struct parse_error){ 0 };
	buffer__init(&build->lines);
}

void build__free(struct build *build)
{
	free(build->family);
	free(build->family_index);
	free(build->sample);
	free(build->series);
	free(build->given);
	buffer__free(&build->lines);
}

int build__fail(struct build *build, const char *message)
{
	build->error->line = build->line;
	build->error->message = message;
	return -EBADMSG;
}

static uint64_t hash(const struct build *build, const void *bytes, size_t length)
{
	uint64_t value = keyed_hash(build->options->key, bytes, length);

	return value ? value : 1;
}

/* Room for one more in an array that doubles. */
static bool reserve(void **array, uint32_t count, uint32_t *room, size_t size)
{
	uint32_t want = *room ? 2 * *room : 64;
	void *fresh;

	if (count < *room)
		return true;
	fresh = reallocarray(*array, want, size);
	if (!fresh)
		return false;
	*array = fresh;
	*room = want;
	return true;
}

static uint32_t family_slot(const struct build *build, struct slice name)
{
	uint32_t mask = build->family_slots - 1;
	uint32_t i = (uint32_t)hash(build, name.data, name.length) & mask;

	for (; build->family_index[i]; i = (i + 1) & mask) {
		struct slice other = build->family[build->family_index[i] - 1].name;

		if (other.length == name.length && memcmp(other.data, name.data, name.length) == 0)
			break;
	}
	return i;
}

int64_t build__find(const struct build *build, struct slice name)
{
	return build->family_slots ? (int64_t)build->family_index[family_slot(build, name)] - 1
				   : -1;
}

static bool grow_family_index(struct build *build)
{
	uint32_t slots = build->family_slots ? 2 * build->family_slots : FIRST_SLOTS;
	uint32_t *index = calloc(slots, sizeof(*index));

	if (!index)
		return false;
	free(build->family_index);
	build->family_index = index;
	build->family_slots = slots;
	for (uint32_t i = 0; i < build->family_count; i++)
		index[family_slot(build, build->family[i].name)] = i + 1;
	return true;
}

static bool starts_with(struct slice name, const char *prefix)
{
	size_t length = strlen(prefix);

	return name.length >= length && memcmp(name.data, prefix, length) == 0;
}

/* Of the agent's own families, and those of its view of Fly.io. */
static bool is_reserved(struct slice name)
{
	return starts_with(name, "edgetap_") || starts_with(name, "fly_") ||
	       slice__is(name, "edgetap") || slice__is(name, "fly");
}

int64_t build__family(struct build *build, struct slice name)
{
	int64_t found = build__find(build, name);

	if (found >= 0)
		return found;
	/* also of those without a sample */
	if (build->family_count == build->options->max_samples) {
		build->error->too_many = true;
		return build__fail(build, "too many families");
	}
	if (2 * (build->family_count + 1) > build->family_slots && !grow_family_index(build))
		return -ENOMEM;
	if (!reserve((void **)&build->family, build->family_count, &build->family_room,
		     sizeof(*build->family)))
		return -ENOMEM;
	build->family[build->family_count] = (struct build_family){
		.name = name,
		.is_reserved = is_reserved(name),
	};
	build->family_index[family_slot(build, name)] = build->family_count + 1;
	return build->family_count++;
}

static void skip_blanks(const char **at, const char *end)
{
	while (*at < end && (**at == ' ' || **at == '\t'))
		(*at)++;
}

static int read_label(struct build *build, const char **at, const char *end, bool spaces)
{
	struct build_label label;
	const char *message;

	if (!scan__label_name(at, end, &label.name))
		return build__fail(build, "a label's name or } is expected");
	if (spaces)
		skip_blanks(at, end);
	if (*at == end || **at != '=')
		return build__fail(build, "= is expected behind a label's name");
	(*at)++;
	if (spaces)
		skip_blanks(at, end);
	message = scan__quoted(at, end, &label.value);
	if (message)
		return build__fail(build, message);
	if (slice__is(label.name, "__name__"))
		return build__fail(build, "a label must not be called __name__");
	if (build->label_count == PARSE_MAX_LABELS)
		return build__fail(build, "a sample has too many labels");
	build->label[build->label_count++] = label;
	return 0;
}

static int compare_labels(const void *a, const void *b)
{
	const struct build_label *x = a, *y = b;
	size_t length = x->name.length < y->name.length ? x->name.length : y->name.length;
	int order = memcmp(x->name.data, y->name.data, length);

	return order ? order
		     : (x->name.length > y->name.length) - (x->name.length < y->name.length);
}

/* In the order of their names: then none is compared with all others. */
static int sort_labels(struct build *build)
{
	struct build_label *label = build->label;

	qsort(label, build->label_count, sizeof(*label), compare_labels);
	for (size_t i = 1; i < build->label_count; i++)
		if (compare_labels(&label[i - 1], &label[i]) == 0)
			return build__fail(build, "a label is there twice");
	return 0;
}

int build__read_labels(struct build *build, const char **at, const char *end, bool spaces)
{
	build->label_count = 0;
	if (spaces)
		skip_blanks(at, end);
	if (*at < end && **at == '}') {
		(*at)++;
		return 0;
	}
	for (;;) {
		int err = read_label(build, at, end, spaces);

		if (err)
			return err;
		if (spaces)
			skip_blanks(at, end);
		if (*at < end && **at == ',') {
			(*at)++;
			if (!spaces)
				continue;
			skip_blanks(at, end);
			if (*at == end || **at != '}')
				continue;
		}
		if (*at == end || **at != '}')
			return build__fail(build, ", or } is expected behind a label");
		(*at)++;
		return sort_labels(build);
	}
}

const struct build_label *build__label(const struct build *build, const char *name)
{
	for (size_t i = 0; i < build->label_count; i++)
		if (slice__is(build->label[i].name, name))
			return &build->label[i];
	return NULL;
}

/*
 * OpenMetrics lets a backslash stand before any character, and then it is one; the text
 * format wants it doubled.
 */
static void append_value(struct buffer *out, struct slice value)
{
	size_t start = 0;

	for (size_t i = 0; i < value.length; i++) {
		if (value.data[i] != '\\')
			continue;
		if (i + 1 < value.length && value.data[i + 1] &&
		    strchr("\\\"n", value.data[i + 1])) {
			i++;
			continue;
		}
		buffer__append(out, value.data + start, i - start);
		buffer__append_char(out, '\\');
		start = i;
	}
	buffer__append(out, value.data + start, value.length - start);
}

static bool is_overwritten(const struct build *build, struct slice name)
{
	for (size_t i = 0; i < build->options->overwritten_count; i++)
		if (slice__is(name, build->options->overwritten[i]))
			return true;
	return false;
}

/* Appends name and labels; returns how many labels were left out as overwritten. */
static size_t append_series(struct build *build, struct slice name, bool all)
{
	struct buffer *out = &build->lines;
	size_t left_out = 0, count = 0;

	buffer__append(out, name.data, name.length);
	for (size_t i = 0; i < build->label_count; i++) {
		const struct build_label *label = &build->label[i];

		/* a label without a value is no label */
		if (!label->value.length)
			continue;
		if (!all && is_overwritten(build, label->name)) {
			left_out++;
			continue;
		}
		buffer__append_char(out, count++ ? ',' : '{');
		buffer__append(out, label->name.data, label->name.length);
		buffer__append(out, "=\"", 2);
		append_value(out, label->value);
		buffer__append_char(out, '"');
	}
	if (count)
		buffer__append_char(out, '}');
	return left_out;
}

/* Adds a hash to a set. Returns 1 if it is new, 0 if it is there, or -ENOMEM. */
static int set_add(uint64_t **set, uint32_t *count, uint32_t *slots, uint64_t value)
{
	uint32_t i;

	if (2 * (*count + 1) > *slots) {
		uint32_t want = *slots ? 2 * *slots : FIRST_SLOTS;
		uint64_t *fresh = calloc(want, sizeof(*fresh));

		if (!fresh)
			return -ENOMEM;
		for (uint32_t k = 0; k < *slots; k++) {
			if (!(*set)[k])
				continue;
			for (i = (uint32_t)(*set)[k] & (want - 1); fresh[i];
			     i = (i + 1) & (want - 1))
				;
			fresh[i] = (*set)[k];
		}
		free(*set);
		*set = fresh;
		*slots = want;
	}
	for (i = (uint32_t)value & (*slots - 1); (*set)[i]; i = (i + 1) & (*slots - 1))
		if ((*set)[i] == value)
			return 0;
	(*set)[i] = value;
	(*count)++;
	return 1;
}

static int fail_duplicate(struct build *build)
{
	build->error->duplicate = true;
	return build__fail(build, "a series is there twice");
}

/*
 * Both sets: what is there twice as it was given is a mistake of the endpoint; what is
 * only the same without the labels taken away is left out. Returns 1 to keep the
 * series that begins at `line`, 0 to leave it out, or an error.
 */
static int check_series(struct build *build, struct slice name, size_t line, bool stripped)
{
	struct buffer *lines = &build->lines;
	size_t end = lines->length;
	uint64_t kept, given;
	int is_new;

	if (lines->error)
		return lines->error;
	kept = given = hash(build, lines->data + line, end - line);
	if (stripped) {
		append_series(build, name, true);
		if (lines->error)
			return lines->error;
		given = hash(build, lines->data + end, lines->length - end);
		lines->length = end;
	}
	is_new = set_add(&build->given, &build->given_count, &build->given_slots, given);
	if (is_new <= 0)
		return is_new < 0 ? is_new : fail_duplicate(build);
	is_new = set_add(&build->series, &build->series_count, &build->series_slots, kept);
	if (is_new == 0)
		build->coincident++;
	return is_new;
}

int build__sample(struct build *build, uint32_t family, struct slice name, struct slice number,
		  struct slice timestamp)
{
	struct build_family *f = &build->family[family];
	struct buffer *lines = &build->lines;
	size_t line = lines->length;
	bool stripped;
	int keep;

	if (build->total == build->options->max_samples) {
		build->error->too_many = true;
		return build__fail(build, "too many samples");
	}
	build->total++;
	f->samples++;
	stripped = append_series(build, name, false) > 0;
	keep = check_series(build, name, line, stripped);
	if (keep < 0)
		return keep;
	if (f->is_reserved) {
		build->reserved++;
		keep = 0;
	}
	if (!keep) {
		lines->length = line;
		return 0;
	}
	buffer__append_char(lines, ' ');
	buffer__append(lines, number.data, number.length);
	if (timestamp.length) {
		buffer__append_char(lines, ' ');
		buffer__append(lines, timestamp.data, timestamp.length);
	}
	buffer__append_char(lines, '\n');
	if (lines->error || !reserve((void **)&build->sample, build->sample_count,
				     &build->sample_room, sizeof(*build->sample)))
		return -ENOMEM;
	build->sample[build->sample_count++] = (struct build_sample){
		.family = family,
		.length = (uint32_t)(lines->length - line),
		.line = line,
	};
	f->lines_length += lines->length - line;
	f->lines++;
	return 0;
}

/* The text format knows \\ and \n in a HELP; OpenMetrics \" besides, and any other as two bytes. */
static size_t copy_help(char *to, struct slice help)
{
	size_t n = 0;

	for (size_t i = 0; i < help.length; i++) {
		char next = i + 1 < help.length ? help.data[i + 1] : '\0';

		if (help.data[i] == '\\' && (next == '\\' || next == 'n')) {
			to[n++] = '\\';
			to[n++] = next;
			i++;
		} else if (help.data[i] == '\\' && next != '"') {
			to[n++] = '\\';
			to[n++] = '\\';
		} else if (help.data[i] != '\\') {
			to[n++] = help.data[i];
		}
	}
	return n;
}

/* Samples, lines and names of the families that have any, grouped. */
static void fill(const struct build *build, struct exposed *exposed, size_t *next_line)
{
	size_t used = 0;

	for (uint32_t i = 0; i < build->family_count; i++) {
		const struct build_family *from = &build->family[i];
		struct exposed_family *to = &exposed->family[exposed->family_count];

		if (!from->lines_length)
			continue;
		*to = (struct exposed_family){
			.name = (uint32_t)used,
			.name_length = (uint32_t)from->name.length,
			.samples = from->lines,
			.type = from->type,
		};
		memcpy(exposed->text + used, from->name.data, from->name.length);
		used += from->name.length;
		to->help = (uint32_t)used;
		to->help_length = (uint32_t)copy_help(exposed->text + used, from->help);
		used += to->help_length;
		to->lines = (uint32_t)used;
		to->lines_length = (uint32_t)from->lines_length;
		next_line[i] = used;
		used += from->lines_length;
		exposed->family_count++;
	}
	for (uint32_t i = 0; i < build->sample_count; i++) {
		const struct build_sample *sample = &build->sample[i];

		memcpy(exposed->text + next_line[sample->family], build->lines.data + sample->line,
		       sample->length);
		next_line[sample->family] += sample->length;
	}
	exposed->samples = build->sample_count;
}

int build__finish(struct build *build, struct exposed **ret_exposed)
{
	struct exposed *exposed = calloc(1, sizeof(*exposed));
	size_t *next_line = calloc(build->family_count + 1, sizeof(*next_line));
	size_t text = 1, families = 0;

	for (uint32_t i = 0; i < build->family_count; i++) {
		if (!build->family[i].lines_length)
			continue;
		families++;
		text += build->family[i].name.length + 2 * build->family[i].help.length +
			build->family[i].lines_length;
	}
	if (exposed) {
		exposed->references = 1;
		exposed->family = calloc(families + 1, sizeof(*exposed->family));
		exposed->text = malloc(text);
	}
	if (!exposed || !next_line || !exposed->family || !exposed->text) {
		free(next_line);
		exposed__unref(exposed);
		return -ENOMEM;
	}
	exposed->reserved = build->reserved;
	exposed->coincident = build->coincident;
	exposed->bytes = sizeof(*exposed) + families * sizeof(*exposed->family) + text;
	fill(build, exposed, next_line);
	free(next_line);
	*ret_exposed = exposed;
	return 0;
}

void exposed__unref(struct exposed *exposed)
{
	if (!exposed || atomic_fetch_sub(&exposed->references, 1) > 1)
		return;
	free(exposed->family);
	free(exposed->text);
	free(exposed);
}

const char *exposed__type_name(enum exposed_type type)
{
	static const char *const names[] = {
		[EXPOSED_UNDECLARED] = "untyped",  [EXPOSED_UNTYPED] = "untyped",
		[EXPOSED_COUNTER] = "counter",	   [EXPOSED_GAUGE] = "gauge",
		[EXPOSED_HISTOGRAM] = "histogram", [EXPOSED_SUMMARY] = "summary",
	};

	return names[type];
}
