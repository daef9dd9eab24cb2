/* SPDX-License-Identifier: Apache-2.0 */
/*
 * In which region this machine is, as far as it can be told without asking
 * anybody over a network.
 */
#ifndef EDGETAP_CONFIG_REGION_H
#define EDGETAP_CONFIG_REGION_H

#include <stddef.h>

#define REGION_BYTES 129

/* What cloud-init keeps of its data source, for everybody to read. */
#define REGION_CLOUD_INIT "/run/cloud-init/instance-data.json"

/*
 * The first that is set and fit for a label: of the variables NODE_REGION (as a
 * pod's manifest gives it), FLY_REGION, AWS_REGION and AWS_DEFAULT_REGION; then
 * what cloud-init has found out, if data (of length bytes) is its JSON: its key
 * v1.region. A zone is no region and is not made one. Writes "" if nothing is
 * known. environment is a NULL-terminated vector of NAME=VALUE. Pure.
 */
void region__of_cloud_init(char ret_region[REGION_BYTES], char *const *environment,
			   const char *data, size_t length);

/* The same with the file of that name, if there is one; it is read if no variable is set. */
void region__find(char ret_region[REGION_BYTES], char *const *environment, const char *path);

#endif
