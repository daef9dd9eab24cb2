/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What apps share: memory, room on the page, and the time of the thread that asks them.
 * Each endpoint has a small part that nobody takes from it. What it needs beyond that is
 * its app's, and an app may hold no more than is still free: one alone gets half of all, n
 * get an (n + 1)th each, and who comes next finds room. Pure, and of one thread.
 */
#ifndef EDGETAP_COLLECT_ENDPOINTS_SHARE_H
#define EDGETAP_COLLECT_ENDPOINTS_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum share_kind {
	SHARE_MEMORY, /* bytes of answers, and of pages while they are made */
	SHARE_PAGE,   /* bytes on the page */
	SHARE_PACKED, /* the same, compressed */
	SHARE_KINDS
};

struct share_limit {
	uint64_t own;	 /* of each endpoint */
	uint64_t common; /* for all together */
};

/* An app's. */
struct share {
	struct share *next;
	uint32_t references;
	uint64_t used[SHARE_KINDS]; /* of the common part */
	uint64_t spent_ns;
	char app[];
};

/*
 * Time is given anew each period, the common part to those who spend more than their own,
 * and another part stays free. What an app spent beyond its part is taken off the next,
 * since what an answer costs is only known afterwards.
 */
struct shares {
	struct share_limit limit[SHARE_KINDS];
	struct share_limit time; /* ns of a period; own: of each app */
	uint64_t period_ns;
	uint64_t period_end_ns;
	uint64_t used[SHARE_KINDS];
	uint32_t busy; /* apps that spent more than their own time */
	struct share *first;
};

/* The app's, with one more reference, or NULL without memory. Gone with its last. */
struct share *share__get(struct shares *shares, const char *app);
void share__put(struct shares *shares, struct share *share);

/* An endpoint that holds *held wants so much instead. False, and no change: there is no more. */
bool share__resize(struct shares *shares, struct share *share, enum share_kind kind, uint64_t *held,
		   uint64_t want);

/* Whether the app may have something done for it now. */
bool share__has_time(struct shares *shares, const struct share *share, uint64_t now_ns);
void share__spend(struct shares *shares, struct share *share, uint64_t ns);

#endif
