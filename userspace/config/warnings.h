/* SPDX-License-Identifier: Apache-2.0 */
/* What a configuration can be loaded with, and does not do what it seems to. */
#ifndef EDGETAP_CONFIG_WARNINGS_H
#define EDGETAP_CONFIG_WARNINGS_H

struct config;

/* Calls say with a sentence for each such thing: what it is, and what to do. Pure. */
void config_warnings__each(const struct config *config,
			   void (*say)(void *ctx, const char *sentence), void *ctx);

#endif
