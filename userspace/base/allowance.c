// SPDX-License-Identifier: Apache-2.0
#include "base/allowance.h"

#include <string.h>

#define MINUTE_NS (60 * 1000000000ULL)

static struct allowance_kind *find_kind(struct allowance *allowance, const char *format)
{
	struct allowance_kind *kind = allowance->kind;

	while (kind < allowance->kind + ALLOWANCE_KINDS - 1 && kind->format &&
	       kind->format != format)
		kind++;
	if (!kind->format)
		kind->format = format;
	return kind;
}

/* Its entry, or the one that it would have; the caller knows that there is room. */
static struct allowance_source *find_source(struct allowance_kind *kind, const char *name)
{
	struct allowance_source *source = kind->source;

	while (source < kind->source + kind->source_count &&
	       strncmp(source->name, name, sizeof(source->name) - 1) != 0)
		source++;
	return source;
}

bool allowance__take(struct allowance *allowance, const char *format, const char *source)
{
	struct allowance_kind *kind = find_kind(allowance, format);
	struct allowance_source *entry;

	if (kind->written == ALLOWANCE_PER_KIND)
		goto hold_back;
	if (source) {
		entry = find_source(kind, source);
		if (entry == kind->source + kind->source_count) {
			*entry = (struct allowance_source){};
			strncpy(entry->name, source, sizeof(entry->name) - 1);
			kind->source_count++;
		} else if (entry->written == ALLOWANCE_PER_SOURCE) {
			goto hold_back;
		}
		entry->written++;
	}
	kind->written++;
	return true;

hold_back:
	kind->held_back++;
	allowance->held_back_total++;
	return false;
}

void allowance__turn(struct allowance *allowance, uint64_t now_ns,
		     void (*say)(void *ctx, const char *format, uint32_t held_back), void *ctx)
{
	if (now_ns - allowance->minute_ns < MINUTE_NS)
		return;
	for (size_t i = 0; i < ALLOWANCE_KINDS && allowance->kind[i].format; i++) {
		struct allowance_kind *kind = &allowance->kind[i];

		if (kind->held_back)
			say(ctx, kind->format, kind->held_back);
		kind->format = NULL;
		kind->written = kind->held_back = 0;
		kind->source_count = 0;
	}
	allowance->minute_ns = now_ns;
}

void allowance__describe(char *to, size_t room, const char *format)
{
	size_t used = 0;

	while (*format && used < room - 3) {
		if (*format != '%') {
			to[used++] = *format++;
			continue;
		}
		if (format[1] == '%') {
			to[used++] = '%';
			format += 2;
			continue;
		}
		memcpy(to + used, "...", 3);
		used += 3;
		format += 1 + strcspn(format + 1, "diuxsc");
		format += *format != '\0';
	}
	to[used] = '\0';
}
