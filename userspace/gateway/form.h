/* SPDX-License-Identifier: Apache-2.0 */
/*
 * application/x-www-form-urlencoded (WHATWG URL, 5), as in the query of a target
 * or a form: read strictly, and written again by ourselves, so that what we
 * understood is what the next server gets. Pure.
 */
#ifndef EDGETAP_GATEWAY_FORM_H
#define EDGETAP_GATEWAY_FORM_H

#include <stddef.h>

#include "encoders/buffer.h"

#define FORM_MAX_FIELDS 256

struct form_field {
	char *name;
	char *value; /* both without NUL bytes */
};

struct form {
	struct form_field *fields;
	size_t count;
};

/*
 * Appends what text has to form, which is all zeros at first. Empty pieces
 * between & are skipped; `+` is a space. Returns 0; -EINVAL with one sentence in
 * ret_reason (static storage) for a bad percent-encoding, a NUL or a control
 * character in a name; -E2BIG, likewise, for too many fields; or -ENOMEM.
 */
int form__parse(struct form *form, const char *text, size_t length, const char **ret_reason);

/* Frees what it holds; form is empty again. */
void form__free(struct form *form);

/* The first value of a name, or NULL; ret_count, if not NULL: how many there are. */
const char *form__get(const struct form *form, const char *name, size_t *ret_count);

/* Appends name=value to out, with & in front unless out is empty. */
void form__put(struct buffer *out, const char *name, const char *value);

#endif
