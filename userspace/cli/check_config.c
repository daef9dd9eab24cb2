// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>

#include "access/rules.h"
#include "base/log.h"
#include "base/printable.h"
#include "cli/commands.h"
#include "cli/json_text.h"
#include "config/config.h"
#include "config/option.h"
#include "config/role.h"
#include "config/warnings.h"

/* What would be used, in the spelling of the file, by each name that it has. */
static json_t *effective(const struct config *config)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);
	json_t *object = json_object();

	for (size_t i = 0; i < count; i++) {
		char text[OPTION_VALUE_BYTES];
		const char *name;

		if (!config_role__takes(config->role, options[i].name))
			continue;
		config_option__format(&options[i], config, text);
		for (size_t n = 0; (name = config_option__spelling(&options[i], n)); n++)
			json_object_set_new(object, name, json_text__new(text));
	}
	json_object_set_new(object, "tokens", json_integer((json_int_t)config->token_count));
	if (config->role == CONFIG_AGENT)
		json_object_set_new(object, "rules", json_integer((json_int_t)config->rule_count));
	return object;
}

static void add_warning(void *ctx, const char *sentence)
{
	json_array_append_new(ctx, json_text__new(sentence));
}

static void print_warning(void *ctx, const char *sentence)
{
	(void)ctx;
	log__info("%s", sentence);
}

static json_t *warnings_of(const struct config *config)
{
	json_t *array = json_array();

	config_warnings__each(config, add_warning, array);
	return array;
}

static int print_json(const struct config *config, const char *error)
{
	json_t *root = json_object();

	json_object_set_new(root, "ok", json_boolean(!error));
	json_object_set_new(root, "file",
			    config->path ? json_text__new(config->path) : json_null());
	if (error) {
		json_object_set_new(root, "error", json_text__new(error));
	} else {
		json_object_set_new(root, "warnings", warnings_of(config));
		json_object_set_new(root, "config", effective(config));
	}
	if (json_text__print(root, stdout) == 0)
		return 0;
	log__info("out of memory");
	return 1;
}

static void print_text(const struct config *config)
{
	const struct config_option *options;
	size_t count = config_option__all(&options);

	printf("# ");
	printable__print(stdout, config->path ? config->path : "no file");
	printf(": good. What would be used, with flags and environment:\n");
	for (size_t i = 0; i < count; i++) {
		char text[OPTION_VALUE_BYTES];

		if (!config_role__takes(config->role, options[i].name))
			continue;
		config_option__format(&options[i], config, text);
		printf("%s: ", options[i].name);
		printable__print(stdout, text);
		putchar('\n');
	}
	if (config->role == CONFIG_AGENT)
		printf("# rules: %zu\n", config->rule_count);
	printf("# tokens: %zu\n", config->token_count);
}

/* What is wrong with the command line is said where all of that is said. */
static int refuse(const struct args *args, const struct config *config, const char *sentence,
		  bool is_usage)
{
	if (args->json)
		print_json(config, sentence);
	if (!args->json || is_usage)
		log__info("%s", sentence);
	return is_usage ? EXIT_USAGE : 1;
}

int command__check_config(const struct args *args)
{
	struct config config = { 0 };
	struct config_error error;
	struct secret_error access_error;
	struct rules *rules = NULL;
	int status = 0;

	if (args__load(args, &config, &error)) {
		status = refuse(args, &config, error.text, error.is_usage);
	} else if (rules__new(&rules, &config, &access_error)) {
		status = refuse(args, &config, access_error.text, false);
	} else if (args->json) {
		status = print_json(&config, NULL);
	} else {
		print_text(&config);
		config_warnings__each(&config, print_warning, NULL);
	}
	rules__unref(rules);
	config__free(&config);
	return status;
}
