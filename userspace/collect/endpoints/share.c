// SPDX-License-Identifier: Apache-2.0
#include "collect/endpoints/share.h"

#include <stdlib.h>
#include <string.h>

struct share *share__get(struct shares *shares, const char *app)
{
	size_t length = strlen(app) + 1;
	struct share *share = shares->first;

	while (share && strcmp(share->app, app) != 0)
		share = share->next;
	if (!share) {
		share = calloc(1, sizeof(*share) + length);
		if (!share)
			return NULL;
		memcpy(share->app, app, length);
		share->next = shares->first;
		shares->first = share;
	}
	share->references++;
	return share;
}

static bool is_busy(const struct shares *shares, const struct share *share)
{
	return share->spent_ns > shares->time.own;
}

void share__put(struct shares *shares, struct share *share)
{
	struct share **at = &shares->first;

	if (--share->references)
		return;
	while (*at != share)
		at = &(*at)->next;
	*at = share->next;
	shares->busy -= is_busy(shares, share);
	free(share);
}

static uint64_t beyond(uint64_t own, uint64_t amount)
{
	return amount > own ? amount - own : 0;
}

bool share__resize(struct shares *shares, struct share *share, enum share_kind kind, uint64_t *held,
		   uint64_t want)
{
	const struct share_limit *limit = &shares->limit[kind];
	uint64_t before = beyond(limit->own, *held), after = beyond(limit->own, want);
	uint64_t all = shares->used[kind] - before + after;
	uint64_t app = share->used[kind] - before + after;

	if (after > before && all + app > limit->common)
		return false;
	shares->used[kind] = all;
	share->used[kind] = app;
	*held = want;
	return true;
}

/* Of a period, for an app. */
static uint64_t part(const struct shares *shares)
{
	uint64_t part = shares->time.common / (shares->busy + 1);

	return part > shares->time.own ? part : shares->time.own;
}

static void begin_period(struct shares *shares, uint64_t now_ns)
{
	uint64_t paid = part(shares);

	shares->busy = 0;
	for (struct share *share = shares->first; share; share = share->next) {
		share->spent_ns = beyond(paid, share->spent_ns);
		shares->busy += is_busy(shares, share);
	}
	shares->period_end_ns = now_ns + shares->period_ns;
}

bool share__has_time(struct shares *shares, const struct share *share, uint64_t now_ns)
{
	if (now_ns >= shares->period_end_ns)
		begin_period(shares, now_ns);
	return share->spent_ns <= part(shares);
}

void share__spend(struct shares *shares, struct share *share, uint64_t ns)
{
	shares->busy -= is_busy(shares, share);
	share->spent_ns += ns;
	shares->busy += is_busy(shares, share);
}
