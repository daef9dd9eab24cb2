// SPDX-License-Identifier: Apache-2.0
#include "agent/privileges.h"

#include <linux/capability.h>

#include "base/parts.h"
#include "broker/confine.h"
#include "config/config.h"

#define BIT(number) (1ULL << (number))

unsigned int privileges__uses(const struct config *config, bool by_event)
{
	unsigned int uses = USE(ALWAYS) | USE(ENTERING);

	if (config->tls_uprobes)
		uses |= USE(UPROBES) | (by_event ? USE(UPROBE_EVENTS) : 0);
	if (config->postgres && parts__has("postgres"))
		uses |= USE(POSTGRES);
	return uses;
}

static uint64_t required(void)
{
	uint64_t bits = 0;

	for (int i = 0; i < CAPABILITY_COUNT; i++)
		if (capabilities[i].required)
			bits |= BIT(capabilities[i].number);
	return bits;
}

/* What of these stays when the others have been given up. */
static uint64_t kept(uint64_t permitted, unsigned int uses)
{
	uint64_t stays = capability__agent(uses) & permitted;

	/* a container may have been given the old name only */
	if (required() & ~permitted)
		stays |= permitted & BIT(CAP_SYS_ADMIN);
	return stays;
}

int privileges__read(unsigned int uses, struct privilege ret_privileges[CAPABILITY_COUNT])
{
	uint64_t effective, permitted, later;
	int err = confine__capabilities(&effective, &permitted);

	if (err)
		return err;
	later = capability__implied(kept(effective & permitted, uses));
	for (int i = 0; i < CAPABILITY_COUNT; i++) {
		const struct capability *capability = &capabilities[i];
		uint64_t bit = BIT(capability->number);

		ret_privileges[i] = (struct privilege){
			.capability = capability,
			.is_needed = (capability->agent | capability->broker) & uses,
			.state = effective & bit ? PRIVILEGE_HELD
				 : later & bit	 ? PRIVILEGE_STOOD_FOR
						 : PRIVILEGE_MISSING,
		};
	}
	return 0;
}

const char *privileges__obstacle(void)
{
	struct privilege privileges[CAPABILITY_COUNT];

	if (privileges__read(USE(ALWAYS), privileges))
		return NULL;
	for (int i = 0; i < CAPABILITY_COUNT; i++)
		if (privileges[i].capability->required && privileges[i].state == PRIVILEGE_MISSING)
			return privileges[i].capability->name;
	return NULL;
}

int privileges__drop(unsigned int uses)
{
	uint64_t effective, permitted;
	int err = confine__capabilities(&effective, &permitted);

	return err ? err : confine__keep(kept(permitted, uses));
}
