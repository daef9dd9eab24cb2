// SPDX-License-Identifier: Apache-2.0
#include "access/grant.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/utf8.h"

#define TIME_LENGTH 20 /* of 2026-12-31T00:00:00Z */

void grant__init(struct grant *grant)
{
	*grant = (struct grant){ .all = true, .expires = INT64_MAX };
}

/* A text that a label can have, and without white space at its ends, which is easily lost. */
static bool is_name(const char *text, size_t length)
{
	char name[GRANT_NAME_BYTES + 1];

	if (length == 0 || length > GRANT_NAME_BYTES || text[0] == ' ' || text[length - 1] == ' ')
		return false;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	memcpy(name, text, length);
	name[length] = '\0';
	return utf8__valid(name);
}

static bool has_app(const struct grant *grant, const char *name, size_t length)
{
	for (size_t i = 0; i < grant->app_count; i++)
		if (strlen(grant->app[i]) == length && memcmp(grant->app[i], name, length) == 0)
			return true;
	return false;
}

/* The first caveat of apps lists them, each later one takes away those that it does not name. */
static void intersect(struct grant *grant, const struct grant *other)
{
	size_t kept = 0;

	if (grant->all) {
		grant->all = false;
		grant->app_count = other->app_count;
		memcpy(grant->app, other->app, sizeof(grant->app));
		return;
	}
	for (size_t i = 0; i < grant->app_count; i++)
		if (has_app(other, grant->app[i], strlen(grant->app[i])))
			memmove(grant->app[kept++], grant->app[i], sizeof(grant->app[i]));
	grant->app_count = kept;
}

static int add_app(struct grant *list, const char *name, size_t length)
{
	if (!is_name(name, length))
		return -EINVAL;
	if (has_app(list, name, length))
		return 0;
	if (list->app_count == GRANT_APPS_MAX)
		return -E2BIG;
	memcpy(list->app[list->app_count], name, length);
	list->app[list->app_count++][length] = '\0';
	return 0;
}

static int narrow_apps(struct grant *grant, const char *names, size_t length, bool is_list)
{
	struct grant list = { .app_count = 0 };
	const char *end = names + length;

	for (;;) {
		const char *comma = is_list ? memchr(names, ',', (size_t)(end - names)) : NULL;
		const char *stop = comma ? comma : end;
		int err = add_app(&list, names, (size_t)(stop - names));

		if (err)
			return err;
		if (!comma)
			break;
		names = comma + 1;
	}
	intersect(grant, &list);
	return 0;
}

static int narrow_org(struct grant *grant, const char *name, size_t length)
{
	if (!is_name(name, length))
		return -EINVAL;
	if (grant->has_org && (strlen(grant->org) != length || memcmp(grant->org, name, length)))
		grant->no_org = true;
	grant->has_org = true;
	memcpy(grant->org, name, length);
	grant->org[length] = '\0';
	return 0;
}

/* A time as in a caveat. Returns 0 or -EINVAL. */
static int parse_time(const char *text, size_t length, int64_t *ret_time)
{
	char copy[TIME_LENGTH + 1], again[TIME_LENGTH + 1];
	struct tm tm = { 0 };
	time_t seconds;

	if (length != TIME_LENGTH)
		return -EINVAL;
	memcpy(copy, text, length);
	copy[length] = '\0';
	for (size_t i = 0; i < length; i++) {
		char pattern = "dddd-dd-ddTdd:dd:ddZ"[i];

		if (pattern == 'd' ? copy[i] < '0' || copy[i] > '9' : copy[i] != pattern)
			return -EINVAL;
	}
	if (sscanf(copy, "%4d-%2d-%2dT%2d:%2d:%2dZ", &tm.tm_year, &tm.tm_mon, &tm.tm_mday,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec) != 6)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	seconds = timegm(&tm);
	/* A day that does not exist has become another one. */
	if (!gmtime_r(&seconds, &tm) ||
	    !strftime(again, sizeof(again), "%Y-%m-%dT%H:%M:%SZ", &tm) || strcmp(copy, again) != 0)
		return -EINVAL;
	*ret_time = seconds;
	return 0;
}

static int narrow_time(struct grant *grant, const char *text, size_t length)
{
	int64_t time;
	int err = parse_time(text, length, &time);

	if (!err && time < grant->expires)
		grant->expires = time;
	return err;
}

/* Moves the text behind this beginning. */
static bool begins(const char **text, size_t *length, const char *with)
{
	size_t size = strlen(with);

	if (*length < size || memcmp(*text, with, size) != 0)
		return false;
	*text += size;
	*length -= size;
	return true;
}

int grant__narrow(struct grant *grant, const void *caveat, size_t size)
{
	const char *text = caveat;

	if (begins(&text, &size, "app = "))
		return narrow_apps(grant, text, size, false);
	if (begins(&text, &size, "app in "))
		return narrow_apps(grant, text, size, true);
	if (begins(&text, &size, "org = "))
		return narrow_org(grant, text, size);
	if (begins(&text, &size, "time < "))
		return narrow_time(grant, text, size);
	if (size != strlen(CAVEAT_READ) || memcmp(text, CAVEAT_READ, size) != 0)
		return -EINVAL;
	grant->read_only = true;
	return 0;
}

bool grant__is_empty(const struct grant *grant)
{
	return grant->no_org || (!grant->all && grant->app_count == 0);
}

struct scope grant__scope(const struct grant *grant, const char *apps[GRANT_APPS_MAX])
{
	for (size_t i = 0; i < grant->app_count; i++)
		apps[i] = grant->app[i];
	return (struct scope){
		.all = grant->all && !grant->no_org,
		.app = apps,
		.app_count = grant->no_org ? 0 : grant->app_count,
		.org = grant->has_org ? grant->org : NULL,
	};
}

int caveat__apps(char *text, const char *const *apps, size_t count)
{
	int used = snprintf(text, GRANT_TEXT_BYTES, "%s", count == 1 ? "app = " : "app in ");

	for (size_t i = 0; i < count; i++) {
		if (!is_name(apps[i], strlen(apps[i])) || (count > 1 && strchr(apps[i], ',')))
			return -EINVAL;
		used += snprintf(text + used, (size_t)(GRANT_TEXT_BYTES - used), "%s%s",
				 i ? "," : "", apps[i]);
		if (used >= GRANT_TEXT_BYTES || i == GRANT_APPS_MAX)
			return -E2BIG;
	}
	return count ? 0 : -EINVAL;
}

int caveat__org(char *text, const char *org)
{
	if (!is_name(org, strlen(org)))
		return -EINVAL;
	snprintf(text, GRANT_TEXT_BYTES, "org = %s", org);
	return 0;
}

int caveat__expires(char *text, int64_t expires)
{
	time_t seconds = expires;
	struct tm tm;

	/* A year of five digits has no such text. */
	if (expires < 0 || expires > 253402300799 || !gmtime_r(&seconds, &tm))
		return -EINVAL;
	return strftime(text, GRANT_TEXT_BYTES, "time < %Y-%m-%dT%H:%M:%SZ", &tm) ? 0 : -E2BIG;
}
