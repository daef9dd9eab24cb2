// SPDX-License-Identifier: Apache-2.0
/*
 * Any bytes as a path and the parameters behind it: what reaches the upstream
 * has the reader's app in every selector, names from the list only, and is read
 * by a strict reader of forms as it was written.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "gateway/api.h"
#include "gateway/promql.h"
#include "gateway/promql_tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const apps[] = { "A", "b.c|d" };
static const struct scope scope = { .app = apps, .app_count = 2 };
static const char wanted[] = "A|b\\.c\\|d";

static void need(int condition)
{
	if (!condition)
		abort();
}

static void need_filters(const struct node *node)
{
	for (; node; node = node->next) {
		const struct matcher *last = node->matchers;

		while (last && last->next)
			last = last->next;
		if (node->kind == NODE_SELECTOR)
			need(last && last->op == MATCH_REGEX && last->label.length == 3 &&
			     !memcmp(last->label.bytes, "app", 3) &&
			     last->value.length == strlen(wanted) &&
			     !memcmp(last->value.bytes, wanted, last->value.length));
		if (node->left)
			need_filters(node->left);
		if (node->right)
			need_filters(node->right);
	}
}

static void check_field(const struct form_field *field)
{
	static const char *const names[] = { "query", "time", "step",	 "timeout", "nocache",
					     "start", "end",  "match[]", "limit" };
	struct promql_error error;
	struct promql *query;
	size_t i = 0;

	while (i < sizeof(names) / sizeof(names[0]) && strcmp(names[i], field->name))
		i++;
	need(i < sizeof(names) / sizeof(names[0]));
	if (strcmp(field->name, "query") && strcmp(field->name, "match[]"))
		return;
	if (strlen(field->value) > PROMQL_MAX_BYTES)
		return;
	need(!promql__parse(&query, field->value, strlen(field->value), &error));
	need_filters(query->root);
	need(!promql__check_functions(query, &error));
	promql__free(query);
}

static void check_call(const struct api_call *call)
{
	struct form form = {};
	const char *reason;

	if (!form__parse(&form, call->parameters.data, call->parameters.length, &reason))
		for (size_t i = 0; i < form.count; i++)
			check_field(&form.fields[i]);
	else /* match[] may come to one field more than a form can have */
		need(form.count == FORM_MAX_FIELDS);
	form__free(&form);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* Path, NUL, parameters; without a path a query. */
	const uint8_t *nul = size ? memchr(data, '\0', size) : NULL;
	char *path = nul ? strdup((const char *)data) : strdup("/api/v1/query");
	size_t skip = nul ? (size_t)(nul - data) + 1 : 0;
	char *parameters = malloc(size - skip + 1);
	struct api_error error = { .status = 0 };
	struct form form = {};
	struct api_call call;
	const char *reason = NULL;
	int err;

	if (!path || !parameters)
		goto out;
	if (size > skip)
		memcpy(parameters, data + skip, size - skip);
	err = form__parse(&form, parameters, size - skip, &reason);
	if (err) {
		need(reason != NULL);
		goto out;
	}
	if (api__translate(&call, path, &form, &scope, &error)) {
		char *body = api_error__body(&error);

		need(error.status >= 400 && error.message[0] && body);
		free(body);
	} else {
		check_call(&call);
		api_call__free(&call);
	}
out:
	form__free(&form);
	free(path);
	free(parameters);
	return 0;
}
