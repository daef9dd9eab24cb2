// SPDX-License-Identifier: Apache-2.0
#include "access/web_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/printable.h"
#include "config/option.h"
#include "config/reader.h"
#include "config/value.h"

#define BCRYPT_MIN_COST 4
/* A check at 16 takes seconds; one at 31, which the format allows, a day. */
#define BCRYPT_MAX_COST 16

static const char *const version_names[] = { "TLS10", "TLS11", "TLS12", "TLS13" };

/* In the order of enum client_auth; RequireClientCert is the older name of its neighbour. */
static const char *const client_auth_names[] = {
	"NoClientCert",
	"RequestClientCert",
	"RequireAnyClientCert",
	"VerifyClientCertIfGiven",
	"RequireAndVerifyClientCert",
};

static const struct {
	const char *name, *gnutls;
} curves[] = {
	{ "X25519", "GROUP-X25519" },
	{ "CurveP256", "GROUP-SECP256R1" },
	{ "CurveP384", "GROUP-SECP384R1" },
	{ "CurveP521", "GROUP-SECP521R1" },
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static struct web_config *config_of(struct reader *r)
{
	return r->ctx;
}

static int out_of_memory(struct reader *r, const char *where)
{
	return config_error__set(r->error, -ENOMEM, where, "out of memory");
}

/* One of several names; ret_index tells which. */
static int read_name(struct reader *r, const yaml_event_t *event, const char *where,
		     const char *const *names, size_t count, size_t *ret_index)
{
	char known[160] = "";
	const char *text;
	size_t used = 0;
	int err = reader__text(r, event, where, "a name", true, &text);

	if (err)
		return err;
	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], text) == 0) {
			*ret_index = i;
			return 0;
		}
		if (used < sizeof(known))
			used += (size_t)snprintf(known + used, sizeof(known) - used, "%s%s",
						 i ? ", " : "", names[i]);
	}
	return config_error__set(r->error, -EINVAL, where, "expected one of %s, got \"%s\"", known,
				 PRINTABLE(text));
}

static int read_file_name(struct reader *r, const yaml_event_t *event, const char *where,
			  char **field)
{
	const char *slash = strrchr(r->name, '/'), *text;
	int err = reader__text(r, event, where, "a path", true, &text), length;

	if (err)
		return err;
	if (!text[0] || strlen(text) >= OPTION_VALUE_BYTES)
		return config_error__set(r->error, -EINVAL, where, "expected a path");
	if (text[0] == '/' || !slash)
		length = asprintf(field, "%s", text);
	else
		length = asprintf(field, "%.*s/%s", (int)(slash - r->name), r->name, text);
	if (length < 0) {
		*field = NULL;
		return out_of_memory(r, where);
	}
	return 0;
}

static int on_cipher(struct reader *r, yaml_event_t *event, const char *where)
{
	const char *text;
	int err = reader__text(r, event, where, "the name of a cipher suite", true, &text);

	if (err)
		return err;
	for (size_t i = 0; i < web_cipher_count; i++) {
		if (strcmp(web_ciphers[i].name, text) != 0)
			continue;
		config_of(r)->cipher_suites |= 1U << i;
		return 0;
	}
	return config_error__set(r->error, -EINVAL, where,
				 "expected a cipher suite of TLS 1.2 such as "
				 "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256, got \"%s\"",
				 PRINTABLE(text));
}

static bool has_part(unsigned int suites, bool is_exchange, const char *part)
{
	for (size_t i = 0; i < web_cipher_count; i++)
		if (suites >> i & 1 &&
		    strcmp(is_exchange ? web_ciphers[i].exchange : web_ciphers[i].cipher, part) ==
			    0)
			return true;
	return false;
}

/*
 * GnuTLS combines every key exchange with every cipher of a list. One that
 * would allow a suite that the file does not name is refused.
 */
static int check_ciphers(struct reader *r, const char *where)
{
	unsigned int suites = config_of(r)->cipher_suites;

	if (!suites)
		return config_error__set(r->error, -EINVAL, where,
					 "expected at least one cipher suite");
	for (size_t i = 0; i < web_cipher_count; i++)
		if (!(suites >> i & 1) && has_part(suites, true, web_ciphers[i].exchange) &&
		    has_part(suites, false, web_ciphers[i].cipher))
			return config_error__set(r->error, -EINVAL, where,
						 "expected %s, too: GnuTLS cannot leave it out "
						 "of this list",
						 web_ciphers[i].name);
	return 0;
}

static int read_ciphers(struct reader *r, const yaml_event_t *event, const char *where)
{
	int err = reader__list(r, event, where, "tls_server_config.cipher_suites",
			       "a list of cipher suites", on_cipher);

	return err ? err : check_ciphers(r, where);
}

static int on_curve(struct reader *r, yaml_event_t *event, const char *where)
{
	struct web_config *config = config_of(r);
	const char *names[COUNT(curves)];
	char *longer;
	size_t index;
	int err;

	for (size_t i = 0; i < COUNT(curves); i++)
		names[i] = curves[i].name;
	err = read_name(r, event, where, names, COUNT(curves), &index);
	if (err)
		return err;
	if (config->curves && strstr(config->curves, curves[index].gnutls))
		return config_error__set(r->error, -EINVAL, where, "expected each curve once");
	if (asprintf(&longer, "%s:+%s", config->curves ? config->curves : "",
		     curves[index].gnutls) < 0)
		return out_of_memory(r, where);
	free(config->curves);
	config->curves = longer;
	return 0;
}

static int read_curves(struct reader *r, const yaml_event_t *event, const char *where)
{
	int err = reader__list(r, event, where, "tls_server_config.curve_preferences",
			       "a list of curves", on_curve);

	if (!err && !config_of(r)->curves)
		return config_error__set(r->error, -EINVAL, where, "expected at least one curve");
	return err;
}

static int read_client_auth(struct reader *r, const yaml_event_t *event, const char *where)
{
	const char *names[COUNT(client_auth_names) + 1];
	size_t index;
	int err;

	memcpy(names, client_auth_names, sizeof(client_auth_names));
	names[COUNT(client_auth_names)] = "RequireClientCert";
	err = read_name(r, event, where, names, COUNT(names), &index);
	if (!err)
		config_of(r)->client_auth = index < COUNT(client_auth_names)
						    ? (enum client_auth)index
						    : CLIENT_AUTH_REQUIRE_ANY;
	return err;
}

static int read_version(struct reader *r, const yaml_event_t *event, const char *where,
			enum tls_version *ret_version)
{
	size_t index;
	int err = read_name(r, event, where, version_names, COUNT(version_names), &index);

	if (!err)
		*ret_version = (enum tls_version)index;
	return err;
}

static const char *const tls_keys[] = {
	"cert_file",	     "key_file",    "client_auth_type", "client_ca_file",
	"min_version",	     "max_version", "cipher_suites",	"prefer_server_cipher_suites",
	"curve_preferences",
};
enum {
	KEY_CERT,
	KEY_KEY,
	KEY_CLIENT_AUTH,
	KEY_CLIENT_CA,
	KEY_MIN,
	KEY_MAX,
	KEY_CIPHERS,
	KEY_PREFER,
	KEY_CURVES
};

static int on_tls_key(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	struct web_config *config = config_of(r);
	bool prefer_server = true;
	int err;

	switch (key) {
	case KEY_CERT:
		return read_file_name(r, event, where, &config->cert_file);
	case KEY_KEY:
		return read_file_name(r, event, where, &config->key_file);
	case KEY_CLIENT_AUTH:
		return read_client_auth(r, event, where);
	case KEY_CLIENT_CA:
		return read_file_name(r, event, where, &config->client_ca_file);
	case KEY_MIN:
		return read_version(r, event, where, &config->min_version);
	case KEY_MAX:
		return read_version(r, event, where, &config->max_version);
	case KEY_CIPHERS:
		return read_ciphers(r, event, where);
	case KEY_CURVES:
		return read_curves(r, event, where);
	default:
		err = reader__bool(r, event, where, &prefer_server);
		config->prefer_client = !prefer_server;
		return err;
	}
}

static const struct section tls_section = { "tls_server_config.", tls_keys, COUNT(tls_keys),
					    on_tls_key };

/* TLS 1.3 has no others, and here no list of its own. */
static bool has_aead(unsigned int suites)
{
	for (size_t i = 0; i < web_cipher_count; i++)
		if (suites >> i & 1 && strcmp(web_ciphers[i].mac, "AEAD") == 0)
			return true;
	return false;
}

static int check_tls(struct reader *r, const char *where)
{
	const struct web_config *config = config_of(r);
	bool verifies = config->client_auth == CLIENT_AUTH_VERIFY_IF_GIVEN ||
			config->client_auth == CLIENT_AUTH_REQUIRE_VERIFIED;

	if (!config->cert_file || !config->key_file)
		return config_error__set(r->error, -EINVAL, where,
					 "expected cert_file and key_file");
	if (config->client_ca_file && config->client_auth == CLIENT_AUTH_NONE)
		return config_error__set(r->error, -EINVAL, where,
					 "expected client_auth_type beside client_ca_file");
	if (verifies && !config->client_ca_file)
		return config_error__set(r->error, -EINVAL, where,
					 "expected client_ca_file, to verify certificates against");
	if (config->cipher_suites && config->max_version == TLS_1_3 &&
	    !has_aead(config->cipher_suites))
		return config_error__set(
			r->error, -EINVAL, where,
			"expected a cipher suite with GCM or CHACHA20 for TLS 1.3, "
			"or max_version: TLS12");
	if (config->min_version > config->max_version)
		return config_error__set(r->error, -EINVAL, where,
					 "expected min_version not above max_version");
	return 0;
}

/* What the toolkit lets a file set, and to what; NULL: any value. */
static const struct {
	const char *name;
	const char *values[2];
} known_headers[WEB_CONFIG_MAX_HEADERS] = {
	{ "Strict-Transport-Security", { NULL } },
	{ "X-Content-Type-Options", { "nosniff" } },
	{ "X-Frame-Options", { "deny", "sameorigin" } },
	{ "X-XSS-Protection", { NULL } },
	{ "Content-Security-Policy", { NULL } },
};

static bool is_field_value(const char *text)
{
	if (strlen(text) >= WEB_CONFIG_VALUE_BYTES)
		return false;
	for (; *text; text++)
		if ((unsigned char)*text < ' ' || *text == 0x7f)
			return false;
	return true;
}

static int on_header(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	struct web_config *config = config_of(r);
	struct web_header *header = &config->header[config->header_count];
	const char *const *values = known_headers[key].values;
	const char *text;
	int err = reader__text(r, event, where, "a text", true, &text);

	if (err)
		return err;
	if (!is_field_value(text))
		return config_error__set(r->error, -EINVAL, where,
					 "expected at most %d bytes without control characters",
					 WEB_CONFIG_VALUE_BYTES - 1);
	if (values[0] && strcmp(text, values[0]) != 0 &&
	    (!values[1] || strcmp(text, values[1]) != 0))
		return config_error__set(r->error, -EINVAL, where, "expected %s%s%s", values[0],
					 values[1] ? " or " : "", values[1] ? values[1] : "");
	if (!text[0])
		return 0; /* not set, says the toolkit */
	header->value = strdup(text);
	if (!header->value)
		return out_of_memory(r, where);
	header->name = known_headers[key].name;
	config->header_count++;
	return 0;
}

static int read_headers(struct reader *r, const yaml_event_t *event, const char *where)
{
	const char *names[WEB_CONFIG_MAX_HEADERS];
	const struct section section = { "http_server_config.headers.", names,
					 WEB_CONFIG_MAX_HEADERS, on_header };

	for (size_t i = 0; i < WEB_CONFIG_MAX_HEADERS; i++)
		names[i] = known_headers[i].name;
	return reader__enter(r, &section, event, where);
}

static const char *const http_keys[] = { "http2", "headers" };

static int on_http_key(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	bool http2 = false;
	int err;

	if (key == 1)
		return read_headers(r, event, where);
	err = reader__bool(r, event, where, &http2);
	if (!err && http2)
		return config_error__set(r->error, -EINVAL, where,
					 "expected false: only HTTP/1.1 is served");
	return err;
}

static const struct section http_section = { "http_server_config.", http_keys, COUNT(http_keys),
					     on_http_key };

/* "$2y$10$" and 53 digits of bcrypt's base64. $2x$ is what a broken program wrote. */
static bool is_bcrypt(const char *text, unsigned int *ret_cost)
{
	static const char digits[] =
		"./ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

	if (strlen(text) != WEB_CONFIG_HASH_BYTES - 1 || strncmp(text, "$2", 2) != 0 ||
	    !strchr("aby", text[2]) || text[3] != '$' || strspn(text + 4, "0123456789") != 2 ||
	    text[6] != '$' || strspn(text + 7, digits) != WEB_CONFIG_HASH_BYTES - 8)
		return false;
	*ret_cost = (unsigned int)((text[4] - '0') * 10 + (text[5] - '0'));
	return true;
}

static int check_user(struct reader *r, const char *name, const char *hash, const char *where)
{
	const struct web_config *config = config_of(r);
	unsigned int cost;

	/* RFC 7617: a name without colon; an empty one is what is sent when there is none. */
	if (!name[0] || strlen(name) > WEB_CONFIG_NAME_BYTES || strchr(name, ':'))
		return config_error__set(r->error, -EINVAL, where,
					 "expected a name of 1 to %d bytes without colon",
					 WEB_CONFIG_NAME_BYTES);
	for (size_t i = 0; i < config->user_count; i++)
		if (strcmp(config->users[i].name, name) == 0)
			return config_error__set(r->error, -EINVAL, where,
						 "expected once, given again");
	if (!is_bcrypt(hash, &cost))
		return config_error__set(r->error, -EINVAL, where,
					 "expected a bcrypt hash: $2a$, $2b$ or $2y$, cost, and "
					 "53 characters");
	if (cost < BCRYPT_MIN_COST || cost > BCRYPT_MAX_COST)
		return config_error__set(r->error, -EINVAL, where,
					 "expected bcrypt with a cost from %d to %d, got %u",
					 BCRYPT_MIN_COST, BCRYPT_MAX_COST, cost);
	return 0;
}

static int on_user(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	struct web_config *config = config_of(r);
	struct web_user *users;
	const char *hash;
	int err = reader__text(r, event, where, "a bcrypt hash", true, &hash);

	(void)key;
	if (err)
		return err;
	err = check_user(r, r->key, hash, where);
	if (err)
		return err;
	if (config->user_count == WEB_CONFIG_MAX_USERS)
		return config_error__set(r->error, -E2BIG, where, "expected at most %d users",
					 WEB_CONFIG_MAX_USERS);
	users = reallocarray(config->users, config->user_count + 1, sizeof(*users));
	if (!users)
		return out_of_memory(r, where);
	config->users = users;
	users[config->user_count].name = strdup(r->key);
	if (!users[config->user_count].name)
		return out_of_memory(r, where);
	memcpy(users[config->user_count++].hash, hash, WEB_CONFIG_HASH_BYTES);
	return 0;
}

static const struct section user_section = { "basic_auth_users.", NULL, 0, on_user };

static const char *const root_keys[] = { "tls_server_config", "http_server_config",
					 "basic_auth_users" };

static int on_root_key(struct reader *r, size_t key, yaml_event_t *event, const char *where)
{
	int err;

	if (key == 1)
		return reader__enter(r, &http_section, event, where);
	if (key == 2) {
		err = reader__enter(r, &user_section, event, where);
		if (!err && config_of(r)->user_count == 0)
			return config_error__set(r->error, -EINVAL, where,
						 "expected at least one user");
		return err;
	}
	config_of(r)->has_tls = true;
	err = reader__enter(r, &tls_section, event, where);
	return err ? err : check_tls(r, where);
}

static const struct section root_section = { "", root_keys, COUNT(root_keys), on_root_key };

int web_config__parse(struct web_config *ret_config, const char *bytes, size_t length,
		      const char *path, struct config_error *error)
{
	struct reader r = {
		.bytes = bytes,
		.length = length,
		.name = path,
		.such_as = "basic_auth_users: {NAME: HASH}",
		.help = "edgetap(1)",
		.ctx = ret_config,
		.error = error,
	};

	*ret_config = (struct web_config){ .min_version = TLS_1_2, .max_version = TLS_1_3 };
	return reader__read(&r, &root_section);
}

void web_config__free(struct web_config *config)
{
	free(config->cert_file);
	free(config->key_file);
	free(config->client_ca_file);
	free(config->curves);
	for (size_t i = 0; i < config->user_count; i++)
		free(config->users[i].name);
	free(config->users);
	for (size_t i = 0; i < config->header_count; i++)
		free(config->header[i].value);
	memset(config, 0, sizeof(*config));
}
