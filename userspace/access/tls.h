/* SPDX-License-Identifier: Apache-2.0 */
/* What a TLS server has to show, and what it asks of its clients, in GnuTLS' form. */
#ifndef EDGETAP_ACCESS_TLS_H
#define EDGETAP_ACCESS_TLS_H

#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>

#include "access/secret.h"
#include "access/web_config.h"

#define TLS_CHAIN_MAX 16

struct tls_material {
	gnutls_x509_crt_t chain[TLS_CHAIN_MAX];
	unsigned int chain_length;
	gnutls_x509_privkey_t key;
	gnutls_x509_trust_list_t trust; /* NULL: no client_ca_file */
	enum client_auth client_auth;
	char *priorities;
};

/*
 * Reads the files that the configuration names. The certificate must be of the
 * key. Returns 0, or a negative errno with the sentence in error.
 */
int tls_material__read(struct tls_material *ret_material, const struct web_config *config,
		       struct secret_error *error);

/* Frees what it points to and zeroes it. */
void tls_material__free(struct tls_material *material);

/* A copy of chain and key that GnuTLS frees. Returns 0, or GnuTLS' negative error. */
int tls_material__copy(const struct tls_material *material, gnutls_pcert_st **ret_chain,
		       unsigned int *ret_length, gnutls_privkey_t *ret_key);

/* Asks the session's client for what the configuration says. */
void tls_material__ask(const struct tls_material *material, gnutls_session_t session);

/* Whether what the client has shown will do. Returns 0 or GnuTLS' negative error. */
int tls_material__verify(const struct tls_material *material, gnutls_session_t session);

#endif
