/* SPDX-License-Identifier: Apache-2.0 */
/* The list of users, passwd(5). Pure. */
#ifndef EDGETAP_BASE_PASSWD_H
#define EDGETAP_BASE_PASSWD_H

#include <sys/types.h>

/* The number of a user in the list, or of a text that is one. Returns 0 or -ENOENT. */
int passwd__find(const char *passwd, const char *user, uid_t *ret_uid);

#endif
