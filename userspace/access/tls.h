/* SPDX-License-Identifier: Apache-2.0 */
/* What a TLS server has to show, and what it asks of its clients. GnuTLS is known here only. */
#ifndef EDGETAP_ACCESS_TLS_H
#define EDGETAP_ACCESS_TLS_H

#include "access/secret.h"
#include "access/web_config.h"

struct tls_material;

/*
 * Reads the files that the configuration names. The certificate must be of the
 * key. Returns 0, or a negative errno with the sentence in error.
 */
int tls_material__new(struct tls_material **ret_material, const struct web_config *config,
		      struct secret_error *error);
void tls_material__free(struct tls_material *material);

/* GnuTLS' versions and ciphers for it. */
const char *tls_material__priorities(const struct tls_material *material);

/* Where a running server finds its material, which changes; for each handshake anew. */
struct tls_source {
	/* Gives what holds the material, which stays until that is given back. Any thread. */
	void *(*take)(void *ctx, const struct tls_material **ret_material);
	void (*give_back)(void *held);
	void *ctx;
};

/*
 * From now on the function below asks this source; NULL: no handshake succeeds. There is one
 * for the whole process: the library's call-backs have no argument of ours.
 */
void tls__set_source(const struct tls_source *source);

/* The server's call-back (http_tls.certificates): GnuTLS' gnutls_certificate_retrieve_function3. */
void (*tls__certificates(void))(void);

#endif
