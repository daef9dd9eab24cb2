/* SPDX-License-Identifier: Apache-2.0 */
/* Four lower-case hexadecimal digits for a machine. */
#ifndef EDGETAP_VIEWS_FLY_HOST_ID_H
#define EDGETAP_VIEWS_FLY_HOST_ID_H

#include "exposition/view.h"

/*
 * A host that is such an id already stays; of another name it is the first
 * four digits of its SHA-256, as `printf %s NAME | sha256sum` prints them. ""
 * for "".
 */
void host_id__of(char ret_id[VIEW_HOST_BYTES], const char *host);

#endif
