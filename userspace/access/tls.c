// SPDX-License-Identifier: Apache-2.0
#include "access/tls.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <gnutls/gnutls.h>
#include <gnutls/x509.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#define PEM_MAX_BYTES (256 * 1024)
#define TLS_CHAIN_MAX 16

struct tls_material {
	gnutls_x509_crt_t chain[TLS_CHAIN_MAX];
	unsigned int chain_length;
	gnutls_x509_privkey_t key;
	gnutls_x509_trust_list_t trust; /* NULL: no client_ca_file */
	enum client_auth client_auth;
	char *priorities;
};

static struct tls_source source;

static int fail(struct secret_error *error, const char *path, int code)
{
	int err = code == GNUTLS_E_MEMORY_ERROR ? -ENOMEM : -EINVAL;

	return secret__fail(error, err, "%.200s: %s", path, gnutls_strerror(code));
}

/* The text of a PEM file, to be freed by sodium_free(pem->data). 0 or a negative errno. */
static int read_pem(const char *path, bool is_private, gnutls_datum_t *ret_pem,
		    struct secret_error *error)
{
	size_t length;
	char *text;
	int err = secret__read(path, PEM_MAX_BYTES, is_private, &text, &length, error);

	if (!err)
		*ret_pem = (gnutls_datum_t){ (unsigned char *)text, (unsigned int)length };
	return err;
}

static int read_chain(struct tls_material *material, const char *path, struct secret_error *error)
{
	unsigned int count = TLS_CHAIN_MAX;
	gnutls_datum_t pem;
	int code, err = read_pem(path, false, &pem, error);

	if (err)
		return err;
	code = gnutls_x509_crt_list_import(material->chain, &count, &pem, GNUTLS_X509_FMT_PEM,
					   GNUTLS_X509_CRT_LIST_IMPORT_FAIL_IF_EXCEED);
	sodium_free(pem.data);
	if (code == 0)
		return secret__fail(error, -EINVAL, "%.200s: expected a certificate", path);
	if (code < 0)
		return fail(error, path, code);
	material->chain_length = (unsigned int)code;
	return 0;
}

static int read_key(struct tls_material *material, const char *path, struct secret_error *error)
{
	gnutls_datum_t pem;
	int code, err = read_pem(path, true, &pem, error);

	if (err)
		return err;
	code = gnutls_x509_privkey_init(&material->key);
	if (!code)
		code = gnutls_x509_privkey_import2(material->key, &pem, GNUTLS_X509_FMT_PEM, NULL,
						   0);
	sodium_free(pem.data);
	return code ? fail(error, path, code) : 0;
}

/* The key identifiers are digests of the public key. */
static int check_pair(const struct tls_material *material, const struct web_config *config,
		      struct secret_error *error)
{
	unsigned char of_key[64], of_certificate[64];
	size_t key_size = sizeof(of_key), certificate_size = sizeof(of_certificate);
	int code = gnutls_x509_privkey_get_key_id(material->key, GNUTLS_KEYID_USE_SHA256, of_key,
						  &key_size);

	if (!code)
		code = gnutls_x509_crt_get_key_id(material->chain[0], GNUTLS_KEYID_USE_SHA256,
						  of_certificate, &certificate_size);
	if (code)
		return fail(error, config->key_file, code);
	if (key_size != certificate_size || memcmp(of_key, of_certificate, key_size) != 0)
		return secret__fail(error, -EINVAL, "%.140s is not the key of %.140s",
				    config->key_file, config->cert_file);
	return 0;
}

static int read_trust(struct tls_material *material, const char *path, struct secret_error *error)
{
	gnutls_datum_t pem;
	int code, err = read_pem(path, false, &pem, error);

	if (err)
		return err;
	code = gnutls_x509_trust_list_init(&material->trust, 0);
	if (!code)
		code = gnutls_x509_trust_list_add_trust_mem(material->trust, &pem, NULL,
							    GNUTLS_X509_FMT_PEM, 0, 0);
	sodium_free(pem.data);
	if (code < 0)
		return fail(error, path, code);
	if (code == 0)
		return secret__fail(error, -EINVAL, "%.200s: expected a certificate", path);
	return 0;
}

static int check_priorities(const struct tls_material *material, struct secret_error *error)
{
	gnutls_priority_t cache;
	int code = gnutls_priority_init(&cache, material->priorities, NULL);

	if (code)
		return secret__fail(error, -EINVAL,
				    "GnuTLS cannot do these versions and ciphers (%s): %s",
				    material->priorities, gnutls_strerror(code));
	gnutls_priority_deinit(cache);
	return 0;
}

static int fill(struct tls_material *material, const struct web_config *config,
		struct secret_error *error)
{
	int err = read_chain(material, config->cert_file, error);

	if (!err)
		err = read_key(material, config->key_file, error);
	if (!err)
		err = check_pair(material, config, error);
	if (!err && config->client_ca_file)
		err = read_trust(material, config->client_ca_file, error);
	if (err)
		return err;
	material->client_auth = config->client_auth;
	material->priorities = web_config__priorities(config);
	return material->priorities ? check_priorities(material, error)
				    : secret__fail(error, -ENOMEM, "out of memory");
}

int tls_material__new(struct tls_material **ret_material, const struct web_config *config,
		      struct secret_error *error)
{
	struct tls_material *material = calloc(1, sizeof(*material));
	int err = material ? fill(material, config, error)
			   : secret__fail(error, -ENOMEM, "out of memory");

	if (err) {
		tls_material__free(material);
		return err;
	}
	*ret_material = material;
	return 0;
}

void tls_material__free(struct tls_material *material)
{
	if (!material)
		return;
	for (unsigned int i = 0; i < material->chain_length; i++)
		gnutls_x509_crt_deinit(material->chain[i]);
	gnutls_x509_privkey_deinit(material->key);
	if (material->trust)
		gnutls_x509_trust_list_deinit(material->trust, 1);
	free(material->priorities);
	free(material);
}

const char *tls_material__priorities(const struct tls_material *material)
{
	return material->priorities;
}

static int copy_chain(const struct tls_material *material, gnutls_pcert_st *chain)
{
	for (unsigned int i = 0; i < material->chain_length; i++) {
		int code = gnutls_pcert_import_x509(&chain[i], material->chain[i], 0);

		if (!code)
			continue;
		while (i > 0)
			gnutls_pcert_deinit(&chain[--i]);
		return code;
	}
	return 0;
}

/* A copy of chain and key that GnuTLS frees. Returns 0, or GnuTLS' negative error. */
static int copy(const struct tls_material *material, gnutls_pcert_st **ret_chain,
		unsigned int *ret_length, gnutls_privkey_t *ret_key)
{
	gnutls_pcert_st *chain = gnutls_calloc(material->chain_length, sizeof(*chain));
	gnutls_privkey_t key;
	int code;

	if (!chain)
		return GNUTLS_E_MEMORY_ERROR;
	code = gnutls_privkey_init(&key);
	if (code) {
		gnutls_free(chain);
		return code;
	}
	code = gnutls_privkey_import_x509(key, material->key, GNUTLS_PRIVKEY_IMPORT_COPY);
	if (!code)
		code = copy_chain(material, chain);
	if (code) {
		gnutls_privkey_deinit(key);
		gnutls_free(chain);
		return code;
	}
	*ret_chain = chain;
	*ret_length = material->chain_length;
	*ret_key = key;
	return 0;
}

/* Asks the session's client for what the configuration says. */
static void ask(const struct tls_material *material, gnutls_session_t session)
{
	switch (material->client_auth) {
	case CLIENT_AUTH_NONE:
		break;
	case CLIENT_AUTH_REQUEST:
	case CLIENT_AUTH_VERIFY_IF_GIVEN:
		gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUEST);
		break;
	case CLIENT_AUTH_REQUIRE_ANY:
	case CLIENT_AUTH_REQUIRE_VERIFIED:
		gnutls_certificate_server_set_request(session, GNUTLS_CERT_REQUIRE);
		break;
	}
}

/* Against the file's authorities, as a client's certificate (RFC 5280, 4.2.1.12). */
static int verify_chain(const struct tls_material *material, const gnutls_datum_t *der,
			unsigned int count)
{
	gnutls_typed_vdata_st purpose = {
		.type = GNUTLS_DT_KEY_PURPOSE_OID,
		.data = (unsigned char *)GNUTLS_KP_TLS_WWW_CLIENT,
	};
	gnutls_x509_crt_t chain[TLS_CHAIN_MAX];
	unsigned int made = 0, status = 0;
	int code = 0;

	if (!material->trust || count > TLS_CHAIN_MAX)
		return GNUTLS_E_CERTIFICATE_ERROR;
	while (made < count && !code) {
		code = gnutls_x509_crt_init(&chain[made]);
		if (code)
			break;
		code = gnutls_x509_crt_import(chain[made], &der[made], GNUTLS_X509_FMT_DER);
		made++;
	}
	if (!code)
		code = gnutls_x509_trust_list_verify_crt2(material->trust, chain, count, &purpose,
							  1, 0, &status, NULL);
	for (unsigned int i = 0; i < made; i++)
		gnutls_x509_crt_deinit(chain[i]);
	if (code < 0)
		return code;
	return status ? GNUTLS_E_CERTIFICATE_VERIFICATION_ERROR : 0;
}

/* Whether what the client has shown will do. Returns 0 or GnuTLS' negative error. */
static int verify(const struct tls_material *material, gnutls_session_t session)
{
	unsigned int count = 0;
	const gnutls_datum_t *der = gnutls_certificate_get_peers(session, &count);
	bool given = der && count > 0;

	switch (material->client_auth) {
	case CLIENT_AUTH_NONE:
	case CLIENT_AUTH_REQUEST:
		return 0;
	case CLIENT_AUTH_REQUIRE_ANY:
		return given ? 0 : GNUTLS_E_NO_CERTIFICATE_FOUND;
	case CLIENT_AUTH_VERIFY_IF_GIVEN:
		return given ? verify_chain(material, der, count) : 0;
	case CLIENT_AUTH_REQUIRE_VERIFIED:
		return given ? verify_chain(material, der, count) : GNUTLS_E_NO_CERTIFICATE_FOUND;
	}
	return GNUTLS_E_CERTIFICATE_ERROR;
}

static int verify_client(gnutls_session_t session)
{
	const struct tls_material *material;
	void *held = source.take ? source.take(source.ctx, &material) : NULL;
	int code;

	if (!held)
		return GNUTLS_E_CERTIFICATE_ERROR;
	code = verify(material, session);
	source.give_back(held);
	return code;
}

/* In each handshake, when the ClientHello was read. */
static int show_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
			    gnutls_pcert_st **ret_chain, unsigned int *ret_length,
			    gnutls_ocsp_data_st **ret_ocsp, unsigned int *ret_ocsp_length,
			    gnutls_privkey_t *ret_key, unsigned int *ret_flags)
{
	const struct tls_material *material;
	void *held = source.take ? source.take(source.ctx, &material) : NULL;
	int code;

	(void)info;
	if (!held)
		return -1;
	ask(material, session);
	gnutls_session_set_verify_function(session, verify_client);
	code = copy(material, ret_chain, ret_length, ret_key);
	source.give_back(held);
	if (code)
		return -1;
	*ret_ocsp = NULL;
	*ret_ocsp_length = 0;
	*ret_flags = GNUTLS_CERT_RETR_DEINIT_ALL;
	return 0;
}

void tls__set_source(const struct tls_source *new_source)
{
	source = new_source ? *new_source : (struct tls_source){ 0 };
}

void (*tls__certificates(void))(void)
{
	gnutls_certificate_retrieve_function3 *function = show_certificate;

	return (void (*)(void))function;
}
