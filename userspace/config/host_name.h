/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What this machine is called, the same at every start and for an agent in a container, whose
 * own host name is its id.
 */
#ifndef EDGETAP_CONFIG_HOST_NAME_H
#define EDGETAP_CONFIG_HOST_NAME_H

#include <stdbool.h>
#include <stddef.h>

#define HOST_NAME_BYTES 256

/*
 * The kernel's name of the machine. For that this process enters the UTS namespace of the
 * machine's init, and stays there, so that it finds the same when it has given up its
 * privileges. Where it may not: what host_name__of_files finds below init's root, else the
 * name that it has where it is. "": it has none.
 */
void host_name__find(char ret_name[HOST_NAME_BYTES]);

/*
 * The name in ROOT/etc/hostname (hostname(5)), else the id in ROOT/etc/machine-id. False if
 * there is neither.
 */
bool host_name__of_files(char ret_name[HOST_NAME_BYTES], const char *root);

/* The first line that is neither empty nor a comment, if it is fit for a label. Pure. */
bool host_name__parse(char ret_name[HOST_NAME_BYTES], const char *text);

#endif
