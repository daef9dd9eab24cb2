// SPDX-License-Identifier: Apache-2.0
#include "config/warnings.h"

#include <stdio.h>
#include <string.h>

#include "base/parts.h"
#include "config/config.h"
#include "config/databases.h"

#define SENTENCE_BYTES 1024

static void say_idle(const struct config *config, void (*say)(void *ctx, const char *sentence),
		     void *ctx)
{
	const char *other = config->role == CONFIG_AGENT ? "gateway" : "serve";
	char sentence[SENTENCE_BYTES];

	if (config->idle_count == 1)
		snprintf(sentence, sizeof(sentence),
			 "%s: an option of `edgetap %s`, which has no effect here", config->idle,
			 other);
	else
		snprintf(sentence, sizeof(sentence),
			 "%s and %zu more: options of `edgetap %s`, which have no effect here",
			 config->idle, config->idle_count - 1, other);
	say(ctx, sentence);
}

static void say_databases(const struct config *config, void (*say)(void *ctx, const char *sentence),
			  void *ctx)
{
	char sentence[SENTENCE_BYTES];

	for (size_t i = 0; i < config->note_count; i++)
		say(ctx, config->notes[i]);
	for (size_t i = 0; config->postgres && i < config->postgres_rule_count; i++) {
		const struct config_postgres *rule = &config->postgres_rules[i];
		const char *obstacle = config_databases__obstacle(rule);

		if (!obstacle)
			continue;
		snprintf(sentence, sizeof(sentence),
			 "postgres: password_file %.512s is not used: %s", rule->password_file,
			 obstacle);
		say(ctx, sentence);
	}
	if (config->postgres_rule_count && !parts__has("postgres"))
		say(ctx, "postgres: this build leaves it out, its rules have no effect");
}

void config_warnings__each(const struct config *config,
			   void (*say)(void *ctx, const char *sentence), void *ctx)
{
	char sentence[SENTENCE_BYTES];

	if (config->idle)
		say_idle(config, say, ctx);
	if (config->role == CONFIG_AGENT)
		say_databases(config, say, ctx);
	if (config->query_url && config->query_token_file &&
	    strncmp(config->query_url, "https:", 6) != 0) {
		snprintf(sentence, sizeof(sentence),
			 "query_token_file: the token goes in clear text to whoever listens at "
			 "%.512s: https proves who that is",
			 config->query_url);
		say(ctx, sentence);
	}
}
