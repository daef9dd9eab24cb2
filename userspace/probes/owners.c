// SPDX-License-Identifier: Apache-2.0
#include "probes/owners.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct account {
	uint64_t owner;
	bool in_use;
	uint8_t said;
	uint64_t debt_ns; /* as of at_ns */
	uint64_t at_ns;
	uint32_t held[OWNERS_TABLES];
};

struct owners {
	uint32_t room[OWNERS_TABLES];
	uint32_t used[OWNERS_TABLES];
	struct account account[OWNERS_MAX];
};

int owners__new(struct owners **ret_owners, const uint32_t room[OWNERS_TABLES])
{
	struct owners *owners = calloc(1, sizeof(*owners));

	if (!owners)
		return -ENOMEM;
	memcpy(owners->room, room, sizeof(owners->room));
	*ret_owners = owners;
	return 0;
}

void owners__free(struct owners *owners)
{
	free(owners);
}

static uint64_t debt_of(const struct account *account, uint64_t now_ns)
{
	uint64_t back = now_ns > account->at_ns ? (now_ns - account->at_ns) / OWNERS_RATE : 0;

	return account->debt_ns > back ? account->debt_ns - back : 0;
}

static bool holds_nothing(const struct account *account)
{
	for (size_t i = 0; i < OWNERS_TABLES; i++)
		if (account->held[i])
			return false;
	return true;
}

/* NULL: it has none. */
static const struct account *find(const struct owners *owners, uint64_t owner)
{
	for (size_t i = OWNERS_COMMON + 1; i < OWNERS_MAX; i++)
		if (owners->account[i].in_use && owners->account[i].owner == owner)
			return &owners->account[i];
	return NULL;
}

uint16_t owners__account(struct owners *owners, uint64_t owner, uint64_t now_ns)
{
	const struct account *known = find(owners, owner);

	if (known)
		return (uint16_t)(known - owners->account);
	for (size_t i = OWNERS_COMMON + 1; i < OWNERS_MAX; i++) {
		struct account *account = &owners->account[i];

		if (account->in_use && (!holds_nothing(account) || debt_of(account, now_ns)))
			continue;
		*account = (struct account){ .owner = owner, .in_use = true };
		return (uint16_t)i;
	}
	return OWNERS_COMMON;
}

bool owners__take(struct owners *owners, uint16_t account, enum owners_table table, uint32_t count)
{
	uint32_t *held = &owners->account[account].held[table];

	if (*held + count > owners->room[table] - owners->used[table])
		return false;
	*held += count;
	owners->used[table] += count;
	return true;
}

void owners__give(struct owners *owners, uint16_t account, enum owners_table table, uint32_t count)
{
	owners->account[account].held[table] -= count;
	owners->used[table] -= count;
}

uint32_t owners__held(const struct owners *owners, uint16_t account, enum owners_table table)
{
	return owners->account[account].held[table];
}

uint32_t owners__holders(const struct owners *owners, enum owners_table table)
{
	uint32_t count = 0;

	for (size_t i = 0; i < OWNERS_MAX; i++)
		count += owners->account[i].held[table] > 0;
	return count;
}

void owners__charge(struct owners *owners, uint16_t account, uint64_t spent_ns, uint64_t now_ns)
{
	struct account *charged = &owners->account[account];

	charged->debt_ns = debt_of(charged, now_ns) + spent_ns;
	charged->at_ns = now_ns;
}

uint64_t owners__debt_ns(const struct owners *owners, uint64_t owner, uint64_t now_ns)
{
	const struct account *known = find(owners, owner);

	return known ? debt_of(known, now_ns) : 0;
}

bool owners__say(struct owners *owners, uint16_t account, unsigned int kind)
{
	struct account *told = &owners->account[account];
	bool is_first = !(told->said >> kind & 1);

	told->said |= (uint8_t)(1U << kind);
	return is_first;
}
